# SPDX-License-Identifier: GPL-2.0
"""Counting KUnit results in a kernel log."""

import unittest

from gomtools import kunit
from gomtools.tally import Outcome


def mode(name, *results):
    lines = [f"gomalloc: KUnit starts {name}", "    KTAP version 1", "    # Subtest: suite",
             f"    1..{len(results)}", *(f"    {result}" for result in results), "ok 1 suite",
             kunit.END]
    return "".join(f"[    1.000000] {line}\n" for line in lines)


def counted(*modes, filtered=False):
    outcome = Outcome("title")
    kunit.count(outcome, "".join(modes), filtered)
    return outcome


PASSING = [mode(name, "ok 1 case", "ok 2 other") for name in kunit.MODES]


class Count(unittest.TestCase):
    def test_all_modes_are_added_up(self):
        outcome = counted(*PASSING)
        self.assertEqual((outcome.passed, outcome.failed), (2 * len(kunit.MODES), 0), outcome.text)

    def test_no_start_line_fails(self):
        self.assertTrue(counted("").failed)
        self.assertTrue(counted("[    1.000000] ok 1 suite\n").failed)

    def test_a_missing_mode_fails(self):
        for missing in range(len(PASSING)):
            self.assertTrue(counted(*PASSING[:missing], *PASSING[missing + 1:]).failed)

    def test_a_mode_without_a_passed_test_fails(self):
        skipping = mode(kunit.MODES[-1], "ok 1 case # SKIP no reason")
        self.assertTrue(counted(*PASSING[:-1], skipping).failed)
        nothing = f"gomalloc: KUnit starts {kunit.MODES[-1]}\n{kunit.END}\n"
        self.assertTrue(counted(*PASSING[:-1], nothing).failed)

    def test_a_failed_test_fails(self):
        failing = mode(kunit.MODES[-1], "not ok 1 case", "ok 2 other")
        self.assertTrue(counted(*PASSING[:-1], failing).failed)

    def test_a_filter_may_leave_a_mode_without_tests_but_not_all(self):
        nothing = [f"gomalloc: KUnit starts {name}\n{kunit.END}\n" for name in kunit.MODES]
        self.assertEqual(counted(*nothing[:-1], PASSING[-1], filtered=True).failed, 0)
        self.assertTrue(counted(*nothing, filtered=True).failed)


if __name__ == "__main__":
    unittest.main()
