# SPDX-License-Identifier: GPL-2.0
"""The benchmark in real guests: that rows are what they say."""

import unittest

from gomtools import bench


def rows(name, *workloads, size=""):
    """{workload: row} of these, measured on a target."""
    return {row["workload"]: row for row in bench.measure(name, ",".join(workloads), size)["rows"]}


class Memory(unittest.TestCase):
    def test_a_row_is_the_same_whatever_was_measured_before(self):
        """What an earlier row made gomalloc take must not be missing in a later one."""
        row = "held-noscan-1to8"
        first = rows("uml", row)[row]["held_gomalloc"]
        later = rows("uml", "held-noscan", row)[row]["held_gomalloc"]
        self.assertAlmostEqual(first, later, delta=0.03 * first)


class AsShipped(unittest.TestCase):
    def test_all_memory_is_cleared_as_debian_has_it(self):
        """So that asking for it changes nothing, where instructions are counted."""
        found = rows("stock-newest-shipped", "pair", "zeroed", size="1024")
        for side in ("slub", "gomalloc"):
            self.assertAlmostEqual(found["pair"][side], found["zeroed"][side], delta=5)


class AfterAGracePeriod(unittest.TestCase):
    def test_the_frees_are_in_the_turn_of_their_own_side(self):
        found = rows("stock-newest", "rcu", size="64")
        for side in ("slub", "gomalloc"):
            # What one side leaves over comes in some turns of the other and not in all.
            lowest, median = found["rcu"][side], found["rcu"][f"{side}_median"]
            self.assertAlmostEqual(median, lowest, delta=0.05 * lowest)
            self.assertGreater(found["rcu-free"][f"{side}_median"], 30)     # no free takes less


if __name__ == "__main__":
    unittest.main()
