# SPDX-License-Identifier: GPL-2.0
"""The report: points of plots, and the page."""

import tempfile
import unittest
from pathlib import Path

from gomtools import report


def row(workload, size, slub, gomalloc, held=None):
    return {"workload": workload, "size": size, "slub": slub, "gomalloc": gomalloc, "floor": None,
            "sbrk": None, "ratio": slub and round(slub / gomalloc, 2), "slub_median": slub,
            "gomalloc_median": gomalloc, "ratio_median": None, "held_slub": held,
            "held_gomalloc": held}


def target(*rows, tables=None, note=""):
    return {"name": "uml", "note": note, "kernel": "7.3.4", "machine": "<here>", "cpus": 2,
            "unit": "cycles", "cmdline": "a=1 & b", "rows": list(rows), "tables": tables or {}}


class Points(unittest.TestCase):
    def test_sizes_are_sorted_and_of_the_named_workloads(self):
        some = target(row("pair", 64, 20, 10), row("pair", 8, 18, 9), row("pair-const", 8, 1, 1),
                      row("large", 99, 5, 4))
        self.assertEqual(report.points(some, ["pair", "large"], "gomalloc"),
                         [(8, 9), (64, 10), (99, 4)])

    def test_bulk_is_plotted_over_the_number_in_its_name(self):
        some = target(row("cache-bulk-16", 64, 9, 3), row("cache-bulk-2", 64, 8, 4))
        self.assertEqual(report.points(some, ["cache-bulk-"], "slub"), [(2, 8), (16, 9)])

    def test_memory_is_plotted_per_byte(self):
        some = target(row("held", 48, None, None, held=72.0))
        self.assertEqual(report.points(some, ["held"], "held_slub"), [(48, 1.5)])


class Page(unittest.TestCase):
    def page(self, *targets):
        with tempfile.TemporaryDirectory() as place:
            path = Path(place) / "report.html"
            report.write(targets, "make bench SIZE=8", path)
            return path.read_text()

    def test_slower_rows_are_marked(self):
        page = self.page(target(row("pair", 8, 10, 20), row("pair", 16, 30, 10)))
        self.assertIn('<span class="slower">0.50</span>', page)
        self.assertIn('<span class="faster">3.00</span>', page)

    def test_summary_is_first_and_marks_ratios_below_1(self):
        page = self.page(target(row("pair", 8, 30, 10), row("batch-fifo", 8, 10, 20),
                                row("batch-fifo", 16, 60, 10), row("batch-fifo", 64, 60, 10)))
        opening = page[:page.index('<h2 id="uml">')]
        self.assertIn("<b>3.00</b>", opening)
        self.assertIn("none of 1 below 1", opening)
        self.assertIn("<b>6.00</b>", opening)
        self.assertIn('<small class="slower">1 of 3 below 1</small>', opening)
        self.assertLess(page.index("Summary"), page.index("<svg"))

    def test_notes_are_in_the_summary_and_beside_the_rows(self):
        page = self.page(target(row("pair", 8, 2, 1), note="no <cmpxchg>"))
        summary, _, rest = page.partition('<h2 id="uml">')
        self.assertIn("no &lt;cmpxchg&gt;", summary)
        self.assertIn("no &lt;cmpxchg&gt;", rest)

    def test_without_ratios_there_is_no_summary(self):
        self.assertNotIn("Summary",
                         self.page(target(tables={"offtimes": [["where", "longest"],
                                                               ["lock", "9"]]})))

    def test_text_is_escaped(self):
        page = self.page(target(row("pair", 8, 2, 1)))
        self.assertIn("&lt;here&gt;", page)
        self.assertIn("a=1 &amp; b", page)

    def test_plots_are_drawn(self):
        lines = [["text", "allocator", "parse", "free"], ["a.json", "kmalloc", "3", "2"],
                 ["a.json", "gomalloc", "2", "1"]]
        page = self.page(target(row("pair", 8, 2, 1), row("pair", 64, 3, 1),
                                tables={"json": lines}))
        self.assertEqual(page.count("<svg"), 2)
        self.assertNotIn("gnuplot failed", page)

    def test_tables_are_plotted(self):
        tables = {"churn": [["bytes", "round", "slub_grown", "gomalloc_grown", "slub_shrunk",
                             "gomalloc_shrunk"], ["1-256", "1", "1.2", "1.1", "9.1", "8.1"],
                            ["1-4096", "1", "1.3", "1.1", "8.1", "7.1"]],
                  "soak": [["second", "slub_med", "gomalloc_med", "slub_held", "gomalloc_held"],
                           ["60", "300.1", "100.1", "1.4", "1.3"],
                           ["120", "301.1", "101.1", "1.4", "1.3"]],
                  "cpus-lines": [["pattern", "cpus", "allocator", "lines_moved"],
                                 ["pair", "1", "SLUB", "0.000"], ["pair", "1", "gomalloc", "0.000"],
                                 ["pair", "2", "SLUB", "0.1"]]}
        page = self.page(target(row("pair", 8, 2, 1), tables=tables))
        self.assertEqual(page.count("<svg"), 5)
        self.assertNotIn("gnuplot failed", page)

    def test_churn_shows_memory_after_frees_and_after_release(self):
        lines = [["bytes", "round", "slub_grown", "gomalloc_grown", "slub_shrunk",
                  "gomalloc_shrunk", "slub_released", "gomalloc_released"],
                 ["1-256", "1", "1.2", "1.1", "9.1", "9.9", "9.0", "8.0"]]
        page = self.page(target(row("pair", 8, 2, 1), tables={"churn": lines}))
        self.assertIn("nine of ten freed", page)
        self.assertIn("released", page)
        self.assertNotIn("gnuplot failed", page)

    def test_words_are_left_aligned_and_numbers_right_aligned(self):
        text = report.table([["text", "n", "ratio"], ["a.json", "1.5", report.ratio(0.5)]])
        self.assertIn("<td class=words>a.json</td><td>1.5</td><td><span", text)
        self.assertIn("<th class=words>text</th><th>n</th>", text)

    def test_live_sets_are_plotted_over_powers_of_ten(self):
        some = target(*(row(f"live-{10 ** n}", None, 9, 3) for n in (2, 3, 4)))
        self.assertEqual(report.points(some, ["live-"], "slub"), [(100, 9), (1000, 9), (10000, 9)])


if __name__ == "__main__":
    unittest.main()
