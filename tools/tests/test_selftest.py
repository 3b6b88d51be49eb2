# SPDX-License-Identifier: GPL-2.0
"""Running these tests."""

import tempfile
import unittest
from pathlib import Path

from gomtools import selftest


class Run(unittest.TestCase):
    def test_no_test_is_a_failure(self):
        with tempfile.TemporaryDirectory() as scratch:
            directory = Path(scratch) / "no_tests"
            directory.mkdir()
            (directory / "__init__.py").touch()
            outcome = selftest.run(directory)
        self.assertEqual((outcome.passed, outcome.failed), (0, 1))


if __name__ == "__main__":
    unittest.main()
