# SPDX-License-Identifier: GPL-2.0
"""What guest scripts ask of gomalloc's own files (tools/guest/verdict.sh), in a shell of this machine."""

import subprocess
import tempfile
import unittest
from pathlib import Path

from gomtools import checkout

SOUND = "alloc 64\nmisuse_free_foreign 0\nmisuse_double_free 0\n"


def sound(memstats, control=True):
    """Run `sound` on these files; its exit status and what it said."""
    with tempfile.TemporaryDirectory() as directory:
        files = Path(directory)
        (files / "memstats").write_text(memstats)
        if not control:     # a directory: a write to it fails, as one that finds something wrong does
            (files / "control").mkdir()
        done = subprocess.run(["sh", "-c", f". {checkout.GUEST_SCRIPTS}/verdict.sh; gomalloc={files}; sound; echo end"],
                              capture_output=True, text=True)
        return done.returncode, done.stdout


class Verdict(unittest.TestCase):
    def test_nothing_wrong(self):
        self.assertEqual(sound(SOUND), (0, "end\n"))

    def test_a_misuse_that_was_counted(self):
        status, said = sound(SOUND.replace("twice 0", "twice 3"))
        self.assertEqual(status, 1)
        self.assertIn("misuse_double_free 3", said)

    def test_a_failed_check(self):
        status, said = sound(SOUND, control=False)
        self.assertEqual(status, 1)
        self.assertIn("the check found something", said)


if __name__ == "__main__":
    unittest.main()
