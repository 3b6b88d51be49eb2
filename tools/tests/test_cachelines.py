# SPDX-License-Identifier: GPL-2.0
"""The emulator's plugin: its figures come to the guest's lines, and it counts what it should."""

import unittest

from gomtools import cachelines
from gomtools.ui import Failure

HEAD = ["pattern", "cpus", "allocator", "calls"]


class Join(unittest.TestCase):
    def test_figures_are_for_each_call_and_the_first_is_left_out(self):
        tables = {"cpus-lines": [HEAD, ["pair", "1", "SLUB", "100"], ["pair", "1", "gomalloc", "50"]]}
        cachelines.join(tables, "7 7 7\n10 20 400\n5 0 100\n")
        self.assertEqual(tables["cpus-lines"][1], ["pair", "1", "SLUB", "0.100", "0.200", "4.000"])
        self.assertEqual(tables["cpus-lines"][2], ["pair", "1", "gomalloc", "0.100", "0.000", "2.000"])

    def test_a_line_too_few_is_an_error(self):
        tables = {"cpus-lines": [HEAD, ["pair", "1", "SLUB", "100"]]}
        with self.assertRaises(Failure):
            cachelines.join(tables, "7 7 7\n")


if __name__ == "__main__":
    unittest.main()
