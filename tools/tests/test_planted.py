# SPDX-License-Identifier: GPL-2.0
"""`tools/gom planted`: planting bugs, and reading what the guest prints."""

import re
import tempfile
import unittest
from pathlib import Path

from gomtools import planted
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

    def test_unknown_guest_is_refused(self):
        with self.assertRaisesRegex(Failure, "no guest 'hold'; there are holds, bounds, enomem"):
            planted.run(["hold"])


if __name__ == "__main__":
    unittest.main()
