# SPDX-License-Identifier: GPL-2.0
"""`tools/gom planted`: planting bugs, and reading what the guest prints."""

import contextlib
import io
import re
import subprocess
import tempfile
import unittest
from pathlib import Path
from unittest import mock

from gomtools import checkout, guest, planted, tally
from gomtools.ui import Failure

SOUND = "{\n\tp = get();\n\tput(p);\n}\n"
BUG = planted.Plant("f() does not put", "f.c", "\tput(p);\n", "")

PROFILE = """--- symbol
binary=kernel
0x1 {name} [overlay]
0x2 other [bench]
---
heap profile: {n}: {bytes} [{n}: {bytes}] @ heap_v2/1
{n}: {bytes} [{n}: {bytes}] @ 0x1
9: 9000 [9: 9000] @ 0x2
"""
LIFETIMES = """lifetimes: memprofilerate=1 seconds=2.000
mallocs\tfrees\tsize\trequested\tmodule\tkind\tages\tstack
100\t50\t112\t10200\toverlay\tclass 112\t20:50\t{name}+0x5/0x10 [overlay];open+0x1/0x2
"""
GREW = "ovl_cache_entry_new"


def profile(objects, name=GREW):
    return PROFILE.format(n=objects, bytes=objects * 100, name=name)


def file(name, text):
    return f"FILE {name} BEGINS\n{text}FILE ENDS\n"


def output(earlier, later, lifetimes=LIFETIMES.format(name=GREW)):
    return ("first\n" + file("earlier", earlier) + "second\n" + file("later", later)
            + file("lifetimes", lifetimes) + "last\n")


class Planting(unittest.TestCase):
    def plant(self, text, bug=BUG):
        return planted.plant({"f.c": text.encode()}, [bug])["f.c"].decode()

    def test_text_is_replaced(self):
        self.assertEqual(self.plant(SOUND), "{\n\tp = get();\n}\n")

    def test_the_original_is_left_alone(self):
        files = {"f.c": SOUND.encode()}
        planted.plant(files, [BUG])
        self.assertEqual(files["f.c"], SOUND.encode())

    def test_text_that_is_missing_or_there_twice_is_refused(self):
        for text, times in (("{\n}\n", 0), (SOUND + SOUND, 2)):
            with self.assertRaisesRegex(Failure, rf"f\(\) does not put.*f\.c has the text that it "
                                                 rf"replaces {times} times, not once"):
                self.plant(text)

    def test_file_that_is_missing_is_refused(self):
        with self.assertRaisesRegex(Failure, "there is no f.c"):
            planted.plant({}, [BUG])

    def test_each_guest_has_a_function_in_the_script(self):
        found = re.findall(r"^(\w+)\(\) \{$", planted.SCRIPT.read_text(), re.M)
        for name, plants in planted.GUESTS.items():
            self.assertIn(name, found)
            self.assertTrue(plants)


def replaced(output):
    with tempfile.TemporaryDirectory() as directory:
        return planted.replaced(output, Path(directory))


class Reading(unittest.TestCase):
    def test_tools_read_the_files_in_their_places(self):
        text, missing = replaced(output(profile(10), profile(30)))
        self.assertFalse(missing)
        lines = text.splitlines()
        self.assertEqual(lines[:2], ["first", "second"])
        self.assertRegex(lines[2], r"^\$ tools/gomprof \S+/later.txt --base \S+/earlier.txt "
                                   r"--module overlay ")
        self.assertIn("inuse bytes of overlay, difference: 2,000 B in 1 stacks", text)
        self.assertIn("overlay: 100 objects allocated in 2.0 s", text)
        self.assertNotIn("heap_v2", text)
        self.assertEqual(lines[-1], "last")

    def test_another_function_that_grew_fails(self):
        with self.assertRaisesRegex(Failure, "gomprof does not name ovl_cache_entry_new"):
            replaced(output(profile(10, "ovl_fill"), profile(30, "ovl_fill")))

    def test_no_growth_fails(self):
        with self.assertRaisesRegex(Failure, "gomprof does not name ovl_cache_entry_new"):
            replaced(output(profile(10), profile(10)))

    def test_advice_without_the_function_fails(self):
        with self.assertRaisesRegex(Failure, "gomadvise has no advice"):
            replaced(output(profile(10), profile(30), LIFETIMES.format(name="ovl_fill")))

    def test_advice_without_the_module_fails(self):
        with self.assertRaisesRegex(Failure, "gomadvise failed: .*no sample of overlay"):
            replaced(output(profile(10), profile(30),
                            LIFETIMES.format(name=GREW).replace("\toverlay", "\tbench")))

    def test_missing_files_are_told(self):
        self.assertEqual(replaced("first\n"), ("first\n", {"later", "lifetimes"}))


REPORT = """[    2.000000] gomalloc: ====
[    2.000001] gomalloc: BUG malloc-96: Right Redzone overwritten
[    2.000002] gomalloc: Allocated in f+0x3e/0x170 [overlay] age=1 cpu=0 pid=107
[    2.000003]  f+0x3e/0x170 [overlay]
[    2.000004] gomalloc: Freed in g+0x3e/0x170 [overlay] age=1 cpu=0 pid=107
[    2.000005] gomalloc: called from h+0x7d/0xd0 [overlay]
[    2.000006] gomalloc: FIX malloc-96: Restoring Right Redzone
[    2.000007] gomalloc: BUG malloc-32: Right Redzone overwritten
"""


class Reports(unittest.TestCase):
    """`reports` of the guest's script, in a shell of this machine."""

    def reports(self, log, arguments='"Right Redzone overwritten" Allocated f'):
        with tempfile.TemporaryDirectory() as directory:
            (Path(directory) / "log").write_text(log)
            script = planted.SCRIPT.read_text().replace("/tmp/", f"{directory}/")
            script = script.replace("/dev/kmsg", f"{directory}/kmsg").replace(
                ". /verdict.sh", f". {checkout.GUEST_SCRIPTS}/verdict.sh")
            script = script.replace("$GUEST", f"""
dmesg() {{ echo boot; cat {directory}/kmsg; }}
show_log() {{ cat {directory}/log >> {directory}/kmsg; }}
reports {arguments} show_log""")
            done = subprocess.run(["sh", "-c", script], capture_output=True, text=True)
        return done.returncode, done.stdout

    def test_a_report_of_the_function(self):
        status, said = self.reports(REPORT)
        self.assertEqual(status, 0)
        self.assertEqual(said.splitlines()[:3],
                         ["$ show_log", "gomalloc: BUG malloc-96: Right Redzone overwritten",
                          "gomalloc: Allocated in f+0x3e/0x170 [overlay] age=1 cpu=0 pid=107"])
        self.assertNotIn("malloc-32", said)

    def test_no_report(self):
        for log in ("", "[    1.0] other\n"):
            status, said = self.reports(log)
            self.assertEqual(status, 1)
            self.assertIn("nothing was reported", said)

    def test_another_report_user_or_function(self):
        for arguments in ('"Poison overwritten" Allocated f', '"Right Redzone overwritten" Freed f',
                          '"Right Redzone overwritten" Allocated g'):
            status, said = self.reports(REPORT, arguments)
            self.assertEqual(status, 1)
            self.assertIn("There is no line with", said)


class Verdicts(unittest.TestCase):
    """What a guest printed, and whether it passed, decide the outcome."""

    def show(self, name, output, passed=True):
        log = "" if passed else "[    1.0] BUG: kernel NULL pointer dereference\n"
        result = guest.Result(output + "guest script exit: 0\n", log, Path("log"), 1, False)
        with tempfile.TemporaryDirectory() as directory, \
                mock.patch.object(planted, "KEPT", Path(directory)), \
                mock.patch.object(planted, "boot", lambda *_: result):
            return planted.show(name)

    def test_what_a_guest_must_print(self):
        outcome = self.show("holds", output(profile(10), profile(30)))
        self.assertEqual((outcome.passed, outcome.failed), (1, 0))
        self.assertIn("planted: ovl_copy_xattr() does not free its buffer\n", outcome.text)
        self.assertIn("overlay: 100 objects allocated in 2.0 s", outcome.text)

    def test_a_guest_that_printed_no_file_fails(self):
        for text in ("first\n", output(profile(10), profile(30)).split("FILE lifetimes")[0]):
            outcome = self.show("holds", text)
            self.assertEqual((outcome.passed, outcome.failed), (0, 1))
            self.assertRegex(outcome.text, "The guest printed no .*lifetimes")

    def test_only_one_guest_prints_files(self):
        self.assertEqual(self.show("bounds", "first\n").failed, 0)

    def test_an_answer_without_the_function_fails(self):
        outcome = self.show("holds", output(profile(10, "ovl_fill"), profile(30, "ovl_fill")))
        self.assertEqual((outcome.passed, outcome.failed), (0, 1))
        self.assertIn("gomprof does not name ovl_cache_entry_new", outcome.text)

    def test_a_guest_that_fails_fails(self):
        outcome = self.show("holds", output(profile(10), profile(30)), passed=False)
        self.assertEqual((outcome.passed, outcome.failed), (0, 1))
        self.assertIn("kernel NULL pointer dereference", outcome.text)

    def test_one_guest_that_fails_fails_the_run(self):
        for failing, status in (("", 0), ("bounds", 1)):
            shown = []

            def show(name):
                shown.append(name)
                return tally.Outcome(name, failed=int(name == failing))
            with mock.patch.object(planted, "show", show), \
                    contextlib.redirect_stdout(io.StringIO()):
                self.assertEqual(planted.run(), status)
            self.assertEqual(shown, list(planted.GUESTS))

    def test_unknown_guest_is_refused(self):
        with self.assertRaisesRegex(Failure, "no guest 'hold'; there are .*bounds, debug"):
            planted.run(["hold"])


if __name__ == "__main__":
    unittest.main()
