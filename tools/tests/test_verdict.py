# SPDX-License-Identifier: GPL-2.0
"""What guest scripts ask of gomalloc's own files (tools/guest/verdict.sh), in a shell of this machine."""

import subprocess
import tempfile
import unittest
from pathlib import Path

from gomtools import checkout

SOUND = "alloc 64\nmisuse_free_foreign 0\nmisuse_double_free 0\n"


def shell(script):
    """Run a script that has read verdict.sh; its exit status and what it said."""
    done = subprocess.run(["sh", "-c", f". {checkout.GUEST_SCRIPTS}/verdict.sh; {script}"],
                          capture_output=True, text=True)
    return done.returncode, done.stdout


def sound(memstats, control=True):
    """Run `sound` on these files."""
    with tempfile.TemporaryDirectory() as directory:
        files = Path(directory)
        (files / "memstats").write_text(memstats)
        if not control:     # a directory: a write to it fails, as one that finds something wrong does
            (files / "control").mkdir()
        return shell(f"gomalloc={files}; sound; echo end")


class Verdict(unittest.TestCase):
    def test_nothing_wrong(self):
        self.assertEqual(sound(SOUND), (0, "end\n"))

    def test_a_misuse_that_was_counted(self):
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
        self.assertIn("the check found something", said)

    def test_a_command_that_fails_ends_the_script(self):
        self.assertEqual(shell("echo begin; false; echo end"), (1, "begin\n"))
        self.assertEqual(shell("f() { false; echo end; }; f"), (1, ""))


if __name__ == "__main__":
    unittest.main()
