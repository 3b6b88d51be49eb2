# SPDX-License-Identifier: GPL-2.0
"""Reading the benchmark module's results."""

import unittest
from pathlib import Path
from unittest import mock

from gomtools import bench, check, checkout, kconfig, targets
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
        facts = bench.parse(RESULTS)[0]
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

    def test_no_results_are_a_failure(self):
        with self.assertRaises(Failure):
            bench.parse("sh: insmod: not found\n")

    def test_where_nothing_could_be_measured_is_said_and_the_rest_shown(self):
        some, none = {"name": "some", "rows": [1], "tables": {}}, {"name": "none", "rows": [], "tables": {}}
        with mock.patch.object(bench, "note") as note:
            self.assertEqual(bench.with_results([none, some], "rcu"), [some])
        self.assertIn("rcu could be measured on none", note.call_args[0][0])
        with self.assertRaises(Failure), mock.patch.object(bench, "note"):
            bench.with_results([none], "rcu")

    def test_a_table_has_its_own_columns(self):
        tables = bench.parse(RESULTS + "# table json text parse\n= json a.json 12\n= json b.json 9\n")[2]
        self.assertEqual(tables, {"json": [["text", "parse"], ["a.json", "12"], ["b.json", "9"]]})

    def test_rows_from_loads_of_their_own_join_the_others(self):
        head = "# table churn bytes round\n= churn 1-256 1\n"
        facts, rows, tables = bench.parse(RESULTS + head + RESULTS + head.replace("256", "4096"))
        self.assertEqual([row["workload"] for row in rows], ["pair", "held"] * 2)
        self.assertEqual(tables, {"churn": [["bytes", "round"], ["1-256", "1"], ["1-4096", "1"]]})

    def test_results_list_the_rows_that_need_a_load_of_their_own(self):
        text = RESULTS + "# alone workload=held size=8\n# alone workload=churn-256\n"
        self.assertEqual(bench.alone(text), [["workload=held", "size=8"], ["workload=churn-256"]])
        self.assertEqual(len(bench.parse(text)[1]), 2)

    def test_costs_in_sbrk_mode_join_their_rows(self):
        rows = bench.parse_both(RESULTS + "# sbrk\n" + RESULTS)[1]
        self.assertEqual(rows[0]["sbrk"], rows[0]["gomalloc"])
        self.assertIsNone(bench.parse_both(RESULTS)[1][0]["sbrk"])

    def test_sbrk_mode_runs_what_is_asked_for_and_small(self):
        self.assertEqual(bench.sbrk_parameters("held", "", False), "")
        self.assertEqual(bench.sbrk_parameters("pair-const", "64,4096", True), "workload=pair-const size=64 rounds=3")


class Here(unittest.TestCase):
    """On this machine, whose kernel may load no modules: what would be loaded, and what comes of it."""

    def run_here(self, in_use=False):
        loads, published = [], []

        def load(_allocator, _benchmark, arguments):
            loads.append(arguments)
            return RESULTS.replace("pair", f"load{len(loads)}") + "# alone workload=held size=8\n", "0"

        class Place(type(Path())):
            def exists(self):
                return in_use if str(self) == "/sys/module/gomalloc" else True

        with mock.patch.multiple(bench, results_here=load, Path=Place, note=published.append,
                                 publish=lambda targets, _: published.append(targets[0])), \
             mock.patch.object(checkout, "ROOT", Place("/")):
            bench.run_here("held", "8")
        return loads, published

    def test_each_row_of_memory_has_a_load_of_its_own(self):
        loads, (target,) = self.run_here()
        self.assertEqual(loads, [["workload=held", "size=8"], ["alone=1", "workload=held", "size=8"]])
        self.assertEqual([row["workload"] for row in target["rows"]], ["load1", "held", "load2", "held"])

    def test_a_gomalloc_in_use_is_left_alone_and_that_is_said(self):
        said = self.run_here(in_use=True)[1][0]
        self.assertIn("rmmod gomalloc first", said)


class Courses(unittest.TestCase):
    def test_what_one_course_has_to_itself_is_not_asked_of_others(self):
        self.assertEqual(bench.asked_of("uml", "offtimes"), "")
        self.assertEqual(bench.asked_of("uml", "offtimes,pair"), "pair")
        self.assertEqual(bench.asked_of("uml-offtimes", "offtimes,pair"), "offtimes")
        self.assertEqual(bench.asked_of("uml-offtimes", "pair"), "")

    def test_a_beginning_is_enough(self):
        self.assertEqual(bench.asked_of("stock-newest-8cpu", "cpus"), "cpus-locks")
        self.assertEqual(bench.asked_of("stock-newest-lines", "cpus"), "cpus-lines")
        self.assertEqual(bench.asked_of("stock-6.1", "cpus"), "")

    def test_some_are_measured_in_both(self):
        self.assertEqual(bench.asked_of("uml", "persistent"), "persistent")
        self.assertEqual(bench.asked_of("stock-newest-8cpu", "persistent"), "persistent")

    def test_a_part_of_the_usual_ones_is_measured_beside_them(self):
        self.assertEqual(bench.asked_of("stock-6.1-shipped", "mixed,held,offtimes"), "mixed")
        self.assertEqual(bench.asked_of("stock-6.1", "mixed"), "mixed")
        self.assertEqual(bench.asked_of("uml-plain", "cache-bulk"), "cache-bulk-16,cache-bulk-30,cache-bulk-250")
        self.assertEqual(bench.asked_of("uml-plain", "held"), "")
        self.assertEqual(bench.asked_of("uml-plain", "").split(","), list(bench.PLAIN))

    def test_a_whole_name_does_not_stand_for_longer_ones(self):
        self.assertEqual(bench.asked_of("stock-6.1-shipped", "pair"), "pair")
        self.assertEqual(bench.asked_of("stock-6.1-shipped", "pair-"), "pair-const,pair-sized")

    def test_as_shipped_changes_no_default(self):
        for name in ("stock-6.1-shipped", "stock-newest-shipped"):
            course = bench.PLAN[name]
            self.assertEqual((course.append, course.gomalloc), ("", ""))
            self.assertIn("init_on_alloc=1", course.note)

    def test_only_those_to_compare_are_without_the_profile(self):
        self.assertEqual({name for name, course in bench.PLAN.items() if course.gomalloc != bench.WITHOUT_PROFILE},
                         {"stock-6.1-shipped", "stock-newest-shipped"})

    def test_what_is_true_of_all_user_mode_linux_is_said_of_each(self):
        for name, course in bench.PLAN.items():
            if course.target.startswith("uml") and not course.only:
                self.assertIn("double-word compare-exchange", course.note, name)

    def test_the_plain_kernel_is_no_part_of_make_check(self):
        self.assertIn("uml-plain", bench.PLAN)
        self.assertNotIn("uml-plain", check.KUNIT_TARGETS + check.SMOKE_TARGETS)

    def test_the_plain_kernel_differs_in_what_it_is_for(self):
        usual, plain = (set(kconfig.settings(fragments, (7, 3))) for fragments in (targets.UML_SMP, targets.UML_PLAIN))
        for option in ("SLAB_FREELIST_RANDOM", "SLAB_FREELIST_HARDENED", "SLAB_BUCKETS", "MEMCG", "HARDENED_USERCOPY"):
            self.assertIn(f"CONFIG_{option}=y", usual)
            self.assertIn(f"# CONFIG_{option} is not set", plain)

    def test_all_of_a_course_if_nothing_is_asked(self):
        self.assertEqual(bench.asked_of("uml", ""), "")
        self.assertEqual(bench.asked_of("stock-newest-8cpu", ""), "persistent,cpus-locks")


if __name__ == "__main__":
    unittest.main()
