# SPDX-License-Identifier: GPL-2.0
"""tools/gomfail: the outcome of a call site, by what the kernel said and counted.

The script runs in a folder that stands for debugfs, with a module of four call
sites in the form of a shell script.
"""

import os
import re
import subprocess
import tempfile
import unittest
from pathlib import Path

from gomtools import checkout
from tests import test_complaints

# From the console of the guest of `tools/gom planted`: a NULL that was not checked.
OOPS = """BUG: kernel NULL pointer dereference, address: 0000000000000020
#PF: supervisor write access in kernel mode
Oops: Oops: 0002 [#1] SMP NOPTI
RIP: 0010:ovl_dir_open+0x5c/0xb0 [overlay]"""
MISUSE = "gomalloc: double free of object 00000000c0ffee00, called from m_exit+0x1/0x2 [m]"
HARMLESS = "overlayfs: upper fs does not support tmpfile."
# What the module does when site 1, 2, ... fails: 0 if it survives.
MODULE = """cd {root}
site=$(cat written 2> /dev/null)
[ "$site" -gt 0 ] 2> /dev/null || exit 0
[ $site = 4 ] && exit 0                # does not come to its last site
sed -i "s/^\\( *$site  *[0-9]*\\)  *0 /\\1 1 /" fail_sites
{bug}
[ $site != 1 ]                         # the first one is an error
"""
SITE = re.compile(r" *\d+ +\d+  (.{12}) (\w+)\+0x")
SITES = """site      calls   failed enabled function
   1        2        0       0 m_open+0x10/0x40 [m]
   2        2        0       0 m_read+0x20/0x40 [m]
   3        2        0       0 m_hint+0x30/0x40 [m]
   4        2        0       0 m_last+0x40/0x40 [m]
"""


class Outcomes(unittest.TestCase):
    def setUp(self):
        self.folder = tempfile.TemporaryDirectory()
        self.root = Path(self.folder.name)
        for name, text in (("fail_sites", SITES), ("leaks_module", "\n"), ("leaks_seconds", "7\n"),
                           ("rate", "524288\n"), ("memstats", "misuse_double_free 0\n"), ("log", ""),
                           ("leaks", "3 objects, 300 bytes, usable 300, in 1 stacks\n")):
            (self.root / name).write_text(text)
        self.program("dmesg", f"cat {self.root}/log")
        self.program("sleep", ":")
        script = (checkout.ROOT / "tools" / "gomfail").read_text()
        for old, new in (("/sys/kernel/debug/gomalloc", self.root),
                         ("/sys/module/gomalloc/parameters/memprofilerate", self.root / "rate"),
                         ("> /dev/kmsg", f">> {self.root}/log"),
                         # A file of debugfs is written and read as two different texts.
                         ("> $gomalloc/fail_sites", "> $gomalloc/written")):
            self.assertIn(old, script)
            script = script.replace(old, str(new))
        (self.root / "gomfail").write_text(script)

    def program(self, name, text):
        (self.root / name).write_text(f"#!/bin/sh\n{text}\n")
        (self.root / name).chmod(0o755)

    def replace(self, old, new):
        script = (self.root / "gomfail").read_text()
        self.assertIn(old, script)
        (self.root / "gomfail").write_text(script.replace(old, new))

    def tearDown(self):
        self.folder.cleanup()

    def run_with(self, bug=":"):
        """The outcomes by function, all lines, and the exit status."""
        (self.root / "m.sh").write_text(MODULE.format(root=self.root, bug=bug))
        path = f"{self.root}:{os.environ['PATH']}"
        done = subprocess.run(["sh", str(self.root / "gomfail"), "m", "sh", str(self.root / "m.sh")],
                              env={**os.environ, "PATH": path}, capture_output=True, text=True)
        lines = done.stdout.splitlines()
        found = filter(None, map(SITE.match, lines))
        return {match[2]: match[1].strip() for match in found}, lines, done.returncode

    def log(self, text, site):
        (self.root / "console").write_text(text + "\n")
        return f"[ $site != {site} ] || cat console >> log"

    def test_without_a_bug(self):
        outcomes, lines, status = self.run_with()
        self.assertEqual(outcomes, {"m_open": "failed", "m_read": "survived",
                                    "m_hint": "survived", "m_last": "not reached"})
        self.assertEqual((len(lines), status), (5, 0))

    def test_an_oops_complains(self):
        outcomes, lines, status = self.run_with(self.log(OOPS, 2))
        self.assertEqual(outcomes["m_read"], "COMPLAINED")
        self.assertEqual(status, 1)
        self.assertIn("BUG: kernel NULL pointer dereference, address: 0000000000000020", lines)
        # The lines before the mark are those of earlier sites.
        self.assertEqual(outcomes["m_hint"], "survived")
        self.assertEqual(outcomes["m_last"], "not reached")
        self.assertEqual(sum("Oops" in line for line in lines), 1)

    def test_an_oops_complains_though_the_log_lost_the_mark(self):
        (self.root / "console").write_text(OOPS + "\n")
        outcomes, _, status = self.run_with("[ $site != 2 ] || cp console log")
        self.assertEqual((outcomes["m_read"], status), ("COMPLAINED", 1))
        self.assertEqual(outcomes["m_hint"], "survived")

    def test_a_misuse_complains(self):
        outcomes, lines, status = self.run_with(self.log(MISUSE, 3))
        self.assertEqual(outcomes["m_hint"], "COMPLAINED")
        self.assertEqual((lines[-2], status), (MISUSE, 1))

    def test_a_misuse_that_is_only_counted_complains(self):
        outcomes, _, status = self.run_with("[ $site != 2 ] || echo misuse_double_free 1 > memstats")
        self.assertEqual(outcomes["m_read"], "COMPLAINED")
        self.assertEqual(outcomes["m_hint"], "survived")
        self.assertEqual(status, 1)

    def test_other_lines_are_no_complaint(self):
        outcomes, _, status = self.run_with(self.log(HARMLESS, 2))
        self.assertEqual((outcomes["m_read"], status), ("survived", 0))

    def test_what_is_left(self):
        outcomes, _, status = self.run_with(
            "[ $site != 3 ] || echo '5 objects, 500 bytes, usable 500, in 2 stacks' > leaks")
        self.assertEqual((outcomes["m_hint"], status), ("LEFT 2", 1))

    def test_what_is_freed_within_a_second_is_not_left(self):
        self.program("sleep", f"[ $1 = 1 ] && echo '3 objects, 300 bytes' > {self.root}/leaks")
        outcomes, _, status = self.run_with("[ $site != 3 ] || echo '5 objects, 500 bytes' > leaks")
        self.assertEqual((outcomes["m_hint"], status), ("survived", 0))

    def incomplete(self, samples):
        text = f"3 objects, 300 bytes, usable 300, in 1 stacks; INCOMPLETE: {samples} samples " \
               "could not be taken"
        return f"[ $site != 3 ] || echo '{text}' > leaks"

    def test_samples_that_were_not_taken(self):
        _, lines, status = self.run_with(self.incomplete(5))
        self.assertEqual((lines[-1], status), (
            "INCOMPLETE: 5 samples could not be taken; more objects may be left", 3))

    def test_samples_that_were_not_taken_before(self):
        (self.root / "leaks").write_text("3 objects, 300 bytes, usable 300, in 1 stacks; "
                                         "INCOMPLETE: 5 samples could not be taken\n")
        _, lines, status = self.run_with(self.incomplete(5))
        self.assertEqual((len(lines), status), (5, 0))

    def test_a_complaint_counts_more_than_an_incomplete_table(self):
        bug = self.log(OOPS, 2) + "\n" + self.incomplete(1)
        outcomes, lines, status = self.run_with(bug)
        self.assertEqual((outcomes["m_read"], status), ("COMPLAINED", 1))
        self.assertIn("INCOMPLETE: 1 ", lines[-1])

    def test_as_many_sites_as_gomalloc_tells_apart(self):
        self.replace("most_sites=1024", "most_sites=4")
        _, lines, status = self.run_with()
        self.assertEqual((lines[-1], status), (
            "INCOMPLETE: there may be more than these 4 sites", 3))

    def test_the_number_of_sites_is_gomallocs(self):
        source = (checkout.ROOT / "gomalloc/base/fail_site.c").read_text()
        bits = re.search(r"^#define SITE_BITS\t(\d+)$", source, re.M)
        self.assertIn(f"most_sites={1 << int(bits[1])}\t", (self.root / "gomfail").read_text())

    def test_every_object_counts_meanwhile(self):
        self.run_with("cat rate leaks_seconds leaks_module > meanwhile")
        self.assertEqual((self.root / "meanwhile").read_text(), "1\n0\nm\n")

    def test_everything_is_put_back(self):
        self.run_with()
        for name, text in (("fail_module", "\n"), ("leaks_module", "\n"), ("rate", "524288\n"),
                           ("leaks_seconds", "7\n")):
            self.assertEqual((self.root / name).read_text(), text)

    def complaints(self, lines):
        """Those of the lines that are complaints for the script."""
        script = (self.root / "gomfail").read_text()
        pattern = re.search(r"^complaint='(.*)'$", script, re.M)[1]
        return subprocess.run(["grep", "-E", pattern], input="\n".join(lines), text=True,
                              capture_output=True).stdout.splitlines()

    def test_complaints_are_those_of_the_guests(self):
        # Of objects left, gomfail says how many, and gomalloc stays loaded.
        left = re.compile(r"still in use|never ran|was not destroyed|when it was unloaded")
        lines = test_complaints.COMPLAINTS + test_complaints.OWN
        wanted = [line for line in lines if not left.search(line)]
        self.assertEqual(len(lines) - len(wanted), 4)
        self.assertEqual(self.complaints(lines), wanted)
        self.assertEqual(self.complaints(test_complaints.HARMLESS), [])


if __name__ == "__main__":
    unittest.main()
