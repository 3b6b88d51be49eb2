# SPDX-License-Identifier: GPL-2.0
"""Rows of memory: what an earlier row made gomalloc take must not be missing in a later one."""

import unittest

from gomtools import bench

ROW = "held-noscan-1to8"


def held(*workloads):
    """Bytes for each object of ROW, when these are measured."""
    rows = bench.measure("uml", ",".join(workloads), "")["rows"]
    return {row["workload"]: row["held_gomalloc"] for row in rows}[ROW]


class MemoryRows(unittest.TestCase):
    def test_a_row_is_the_same_whatever_was_measured_before(self):
        first, later = held(ROW), held("held-noscan", ROW)
        self.assertAlmostEqual(first, later, delta=0.03 * first)


if __name__ == "__main__":
    unittest.main()
