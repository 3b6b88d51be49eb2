# SPDX-License-Identifier: GPL-2.0
"""The benchmark in real guests."""

import unittest

from gomtools import bench


def rows(name, *workloads, size=""):
    """Measure workloads on a target; return {workload: row}."""
    return {row["workload"]: row for row in bench.measure(name, ",".join(workloads), size)["rows"]}


class Memory(unittest.TestCase):
    def test_a_row_does_not_depend_on_earlier_rows(self):
        """Metadata that an earlier row needed must be in the result of a later
        row.
        """
        row = "held-noscan-1to8"
        first = rows("uml", row)[row]["held_gomalloc"]
        later = rows("uml", "held-noscan", row)[row]["held_gomalloc"]
        self.assertAlmostEqual(first, later, delta=0.03 * first)


class AsShipped(unittest.TestCase):
    def test_all_memory_is_cleared_by_default(self):
        """Then __GFP_ZERO does not change the number of instructions."""
        found = rows("stock-newest-shipped", "pair", "zeroed", size="1024")
        for side in ("slub", "gomalloc"):
            self.assertAlmostEqual(found["pair"][side], found["zeroed"][side], delta=5)


class AfterAGracePeriod(unittest.TestCase):
    def test_frees_are_accounted_to_their_allocator(self):
        found = rows("stock-newest", "rcu", size="64")
        for side in ("slub", "gomalloc"):
            # Frees deferred by one allocator would be in some samples of the
            # other.
            lowest, median = found["rcu"][side], found["rcu"][f"{side}_median"]
            self.assertAlmostEqual(median, lowest, delta=0.05 * lowest)
            # Fewer instructions are no free.
            self.assertGreater(found["rcu-free"][f"{side}_median"], 30)


if __name__ == "__main__":
    unittest.main()
