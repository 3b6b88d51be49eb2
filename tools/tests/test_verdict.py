# SPDX-License-Identifier: GPL-2.0
"""Functions of tools/guest/verdict.sh, in a shell of this machine."""

import subprocess
import tempfile
import unittest
from pathlib import Path

from gomtools import checkout

SOUND = "alloc 64\nmisuse_free_foreign 0\nmisuse_double_free 0\n"


def shell(script):
    """Run a script with verdict.sh; return its exit status and output."""
    done = subprocess.run(["sh", "-c", f". {checkout.GUEST_SCRIPTS}/verdict.sh; {script}"],
                          capture_output=True, text=True)
    return done.returncode, done.stdout


def sound(memstats, control=True):
    """Run `sound` with these files."""
    with tempfile.TemporaryDirectory() as directory:
        files = Path(directory)
        (files / "memstats").write_text(memstats)
        if not control:     # a directory: writing to it fails, like a check that finds errors
            (files / "control").mkdir()
        return shell(f"gomalloc={files}; sound; echo end")


class Verdict(unittest.TestCase):
    def test_no_errors(self):
        self.assertEqual(sound(SOUND), (0, "end\n"))

    def test_a_counted_misuse(self):
        status, said = sound(SOUND.replace("double_free 0", "double_free 3"))
        self.assertEqual(status, 1)
        self.assertIn("misuse_double_free 3", said)

    def test_no_counter_of_misuse(self):
        status, said = sound("alloc 64\n")
        self.assertEqual(status, 1)
        self.assertIn("no counter of misuse", said)

    def test_a_failed_check(self):
        status, said = sound(SOUND, control=False)
        self.assertEqual(status, 1)
        self.assertIn("the consistency check found errors", said)

    def test_a_command_that_fails_ends_the_script(self):
        self.assertEqual(shell("echo begin; false; echo end"), (1, "begin\n"))
        self.assertEqual(shell("f() { false; echo end; }; f"), (1, ""))


if __name__ == "__main__":
    unittest.main()
