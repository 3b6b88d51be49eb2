# SPDX-License-Identifier: GPL-2.0
"""The summary of the benchmark: groups and arithmetic."""

import contextlib
import io
import unittest

from gomtools import benchsummary, benchtable


def row(workload, ratio, size=64, held=(None, None)):
    return {"workload": workload, "size": size, "ratio": ratio, "held_slub": held[0],
            "held_gomalloc": held[1]}


def target(*rows, tables=None, name="uml", note=""):
    return {"name": name, "note": note, "rows": list(rows), "tables": tables or {}}


class Groups(unittest.TestCase):
    def test_rows_are_grouped_by_name(self):
        for workload, group in [("pair", "pair"), ("pair-sized", "pair"), ("cache-ctor", "pair"),
                                ("noscan", "pair"), ("batch-random-free", "batch"),
                                ("cache-batch-alloc", "batch"), ("mixed", "batch"),
                                ("cache-bulk-16", "batch"), ("bulk-4", "batch"),
                                ("live-100", "batch"), ("remote-free", "cross-CPU"),
                                ("parallel", "cross-CPU"), ("runs-10", "large"),
                                ("held-noscan", "memory"), ("zeroed-fresh", "other"),
                                ("rcu-call", "other")]:
            self.assertEqual(benchsummary.group_of(workload, 64), group, workload)

    def test_requests_to_the_page_allocator_are_large(self):
        self.assertEqual(benchsummary.group_of("pair", 8192), "pair")
        self.assertEqual(benchsummary.group_of("pair", 16384), "large")
        self.assertEqual(benchsummary.group_of("batch-fifo", 32768), "large")
        self.assertEqual(benchsummary.group_of("held", 40000), "memory")

    def test_every_group_has_a_column(self):
        self.assertEqual(sorted(benchsummary.ORDER),
                         sorted(name for name, _, _ in benchsummary.GROUPS))


class Arithmetic(unittest.TestCase):
    def test_lowest_median_and_rows_below_1(self):
        ratios = benchsummary.of_target(target(row("pair", 0.99), row("pair", 4.0),
                                               row("pair-const", 1.0), row("pair", 2.0)))
        self.assertEqual(ratios, {"pair": benchsummary.Ratios(0.99, 1.5, 1, 4)})

    def test_rows_without_a_ratio_are_omitted(self):
        self.assertEqual(benchsummary.of_target(target(row("pair", None), row("held", None))), {})

    def test_memory_is_compared_by_bytes_held(self):
        ratios = benchsummary.of_target(target(row("held", None, 8, (8.0, 10.0)),
                                               row("held", None, 48, (64.0, 48.0))))
        self.assertEqual(ratios, {"memory": benchsummary.Ratios(0.8, 1.065, 1, 2)})

    def test_churn_counts_all_columns_of_the_last_round(self):
        lines = [["bytes", "round", "slub_grown", "gomalloc_grown", "slub_shrunk",
                  "gomalloc_shrunk"], ["1-256", "1", "1.0", "9.0", "1.0", "9.0"],
                 ["1-256", "2", "1.2", "1.0", "9.0", "10.0"],
                 ["1-4096", "1", "1.5", "1.0", "8.0", "4.0"]]
        ratios = benchsummary.of_target(target(tables={"churn": lines}))
        self.assertEqual(ratios, {"memory": benchsummary.Ratios(0.9, 1.35, 1, 4)})

    def test_tables_with_a_line_for_each_allocator(self):
        tables = {"cpus-lines": [["pattern", "cpus", "allocator", "lines_moved"],
                                 ["pair", "1", "SLUB", "0.000"], ["pair", "1", "gomalloc", "0.000"],
                                 ["pair", "2", "SLUB", "0.001"], ["pair", "2", "gomalloc", "0.002"],
                                 ["batch", "2", "SLUB", "0.5"], ["batch", "2", "gomalloc", "0.1"]],
                  "json": [["text", "allocator", "parse", "free"], ["a", "kmalloc", "30", "10"],
                           ["a", "gomalloc-apart", "1", "1"], ["a", "gomalloc", "10", "20"]],
                  "json-held": [["text", "allocator", "held_KiB"], ["a", "kmalloc", "30"],
                                ["a", "gomalloc", "20"]]}
        ratios = benchsummary.of_target(target(tables=tables))
        self.assertEqual(ratios, {"cross-CPU": benchsummary.Ratios(5.0, 5.0, 0, 1),
                                   "batch": benchsummary.Ratios(0.5, 1.75, 1, 2),
                                   "memory": benchsummary.Ratios(1.5, 1.5, 0, 1)})

    def test_tables_without_ratios_are_omitted(self):
        self.assertEqual(benchsummary.of_target(target(tables={"offtimes": [["where", "ns"],
                                                                            ["lock", "9"]]})), {})


class Shown(unittest.TestCase):
    def shown(self, *targets):
        with contextlib.redirect_stdout(io.StringIO()) as text:
            benchtable.show_summary(targets)
        return text.getvalue()

    def test_a_line_for_each_target(self):
        text = self.shown(target(row("pair", 0.5), row("pair", 3.0), name="one"),
                          target(row("pair", 2.0), name="two"))
        self.assertRegex(text, r"one +0\.50 +1\.75 +1/2")
        self.assertRegex(text, r"two +2\.00 +2\.00 +0/1")

    def test_a_note_is_printed_once_for_all_its_targets(self):
        text = self.shown(target(row("pair", 2.0), name="one", note="slow"),
                          target(row("pair", 2.0), name="two", note="slow"),
                          target(row("pair", 2.0), name="three"))
        self.assertIn("one, two: slow", text)
        self.assertEqual(text.count("slow"), 1)

    def test_without_ratios_nothing_is_printed(self):
        self.assertEqual(self.shown(target()), "")


if __name__ == "__main__":
    unittest.main()
