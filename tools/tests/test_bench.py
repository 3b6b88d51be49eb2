# SPDX-License-Identifier: GPL-2.0
"""Reading the benchmark module's results."""

import unittest

from gomtools import bench
from gomtools.ui import Failure

RESULTS = """\
# cmdline console=ttyS0 init_on_alloc=0
# unit cycles cpus 2 kernel 7.3.4
# workload size slub_min slub_med gomalloc_min gomalloc_med floor_min floor_med held_slub held_gomalloc
pair 64 81.0 90.0 20.0 20.0 10.0 11.5 - -
held - - - - - - - 64.0 70.5
"""


class Results(unittest.TestCase):
    def test_facts(self):
        facts, _ = bench.parse(RESULTS)
        self.assertEqual(facts, {"cmdline": "console=ttyS0 init_on_alloc=0", "unit": "cycles", "cpus": "2",
                                 "kernel": "7.3.4"})

    def test_row_has_ratio_of_slub_to_gomalloc(self):
        row = bench.parse(RESULTS)[1][0]
        self.assertEqual((row["workload"], row["size"], row["slub"], row["gomalloc"], row["floor"]),
                         ("pair", 64, 81.0, 20.0, 10.0))
        self.assertEqual((row["ratio"], row["ratio_median"]), (4.05, 4.5))

    def test_what_does_not_apply_is_none(self):
        row = bench.parse(RESULTS)[1][1]
        self.assertIsNone(row["size"])
        self.assertIsNone(row["ratio"])
        self.assertEqual(row["held_gomalloc"], 70.5)

    def test_columns_go_by_name(self):
        swapped = RESULTS.replace("slub_min slub_med", "slub_med slub_min")
        self.assertEqual(bench.parse(swapped)[1][0]["slub"], 90.0)

    def test_no_rows_is_a_failure(self):
        with self.assertRaises(Failure):
            bench.parse("# unit cycles cpus 2\n")


if __name__ == "__main__":
    unittest.main()
