# SPDX-License-Identifier: GPL-2.0
"""Finding failed tests in the output of a run."""

import subprocess
import unittest

from gomtools import kunitloop

SHOWN = """\
gomalloc loaded with sbrk=1:
[04:00:00] [PASSED] fine
[04:00:00] [FAILED] now_and_then
[04:00:00] ============ [FAILED] gomalloc_mcache ============
gomalloc loaded with no parameters:
[04:00:00] [SKIPPED] other (this kernel has none)
[04:00:00] [FAILED] now_and_then
"""


class KunitLoop(unittest.TestCase):
    def test_failed_tests_are_named_with_their_mode(self):
        self.assertEqual(list(kunitloop.failed_tests(SHOWN)),
                         ["now_and_then (gomalloc with sbrk=1)",
                          "now_and_then (gomalloc with no parameters)"])

    def test_no_spinner_is_left(self):
        with kunitloop.busy_cpus(True):
            spinning = subprocess.run(["pgrep", "-c", "-P", str(kunitloop.os.getpid()), "-f",
                                       kunitloop.SPIN], capture_output=True, text=True).stdout
        self.assertEqual(int(spinning), kunitloop.os.cpu_count())
        left = subprocess.run(["pgrep", "-P", str(kunitloop.os.getpid()), "-f", kunitloop.SPIN],
                              capture_output=True, text=True).stdout
        self.assertEqual(left, "")


if __name__ == "__main__":
    unittest.main()
