# SPDX-License-Identifier: GPL-2.0
"""The emulator's plugin: reading its counts, and whether QEMU accepts it."""

import tempfile
import unittest
from unittest import mock

from gomtools import cachelines
from gomtools.ui import Failure

HEAD = ["pattern", "cpus", "allocator", "calls"]


class Join(unittest.TestCase):
    def test_counts_are_divided_by_calls_without_the_first(self):
        tables = {"cpus-lines": [HEAD, ["pair", "1", "SLUB", "100"],
                                 ["pair", "1", "gomalloc", "50"]]}
        cachelines.join(tables, "7 7 7\n10 20 400\n5 0 100\n")
        self.assertEqual(tables["cpus-lines"][1], ["pair", "1", "SLUB", "0.100", "0.200", "4.000"])
        self.assertEqual(tables["cpus-lines"][2],
                         ["pair", "1", "gomalloc", "0.100", "0.000", "2.000"])

    def test_a_missing_line_is_an_error(self):
        tables = {"cpus-lines": [HEAD, ["pair", "1", "SLUB", "100"]]}
        with self.assertRaises(Failure):
            cachelines.join(tables, "7 7 7\n")


class Refusal(unittest.TestCase):
    def test_an_invalid_plugin_is_refused_with_a_reason(self):
        with tempfile.NamedTemporaryFile(suffix=".so") as file, \
             mock.patch.object(cachelines, "build", lambda _: file.name):
            self.assertIn(file.name, cachelines.refusal())

    def test_the_plugin_is_accepted(self):
        self.assertEqual(cachelines.refusal(), "")


if __name__ == "__main__":
    unittest.main()
