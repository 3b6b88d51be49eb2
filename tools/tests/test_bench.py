# SPDX-License-Identifier: GPL-2.0
"""Parsing the results of the benchmark module, and selecting workloads."""

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
        self.assertEqual(facts,
                         {"cmdline": "console=ttyS0 init_on_alloc=0", "unit": "cycles", "cpus": "2",
                          "kernel": "7.3.4"})

    def test_row_has_ratio_of_slub_to_gomalloc(self):
        row = bench.parse(RESULTS)[1][0]
        self.assertEqual((row["workload"], row["size"], row["slub"], row["gomalloc"], row["floor"]),
                         ("pair", 64, 81.0, 20.0, 10.0))
        self.assertEqual((row["ratio"], row["ratio_median"]), (4.05, 4.5))

    def test_missing_values_are_none(self):
        row = bench.parse(RESULTS)[1][1]
        self.assertIsNone(row["size"])
        self.assertIsNone(row["ratio"])
        self.assertEqual(row["held_gomalloc"], 70.5)

    def test_columns_are_found_by_name(self):
        swapped = RESULTS.replace("slub_min slub_med", "slub_med slub_min")
        self.assertEqual(bench.parse(swapped)[1][0]["slub"], 90.0)

    def test_missing_results_are_a_failure(self):
        with self.assertRaises(Failure):
            bench.parse("sh: insmod: not found\n")

    def test_targets_without_results_are_noted_and_others_shown(self):
        some, none = {"name": "some", "rows": [1], "tables": {}}, {"name": "none", "rows": [],
                                                                   "tables": {}}
        with mock.patch.object(bench, "note") as note:
            self.assertEqual(bench.with_results([none, some], "rcu"), [some])
        self.assertIn("rcu could not be measured on none", note.call_args[0][0])
        with self.assertRaises(Failure), mock.patch.object(bench, "note"):
            bench.with_results([none], "rcu")

    def test_a_table_has_its_own_columns(self):
        tables = bench.parse(RESULTS
                             + "# table json text parse\n= json a.json 12\n= json b.json 9\n")[2]
        self.assertEqual(tables, {"json": [["text", "parse"], ["a.json", "12"], ["b.json", "9"]]})

    def test_rows_of_several_loads_are_joined(self):
        head = "# table churn bytes round\n= churn 1-256 1\n"
        facts, rows, tables = bench.parse(RESULTS + head + RESULTS + head.replace("256", "4096"))
        self.assertEqual([row["workload"] for row in rows], ["pair", "held"] * 2)
        self.assertEqual(tables, {"churn": [["bytes", "round"], ["1-256", "1"], ["1-4096", "1"]]})

    def test_results_list_rows_that_need_a_reload(self):
        text = RESULTS + "# alone workload=held size=8\n# alone workload=churn-256\n"
        self.assertEqual(bench.alone(text), [["workload=held", "size=8"], ["workload=churn-256"]])
        self.assertEqual(len(bench.parse(text)[1]), 2)

    def test_sbrk_costs_are_added_to_their_rows(self):
        rows = bench.parse_both(RESULTS + "# sbrk\n" + RESULTS)[1]
        self.assertEqual(rows[0]["sbrk"], rows[0]["gomalloc"])
        self.assertIsNone(bench.parse_both(RESULTS)[1][0]["sbrk"])

    def test_sbrk_mode_runs_small_requested_sizes(self):
        self.assertEqual(bench.sbrk_parameters("held", "", False), "")
        self.assertEqual(bench.sbrk_parameters("pair-const", "64,4096", True),
                         "workload=pair-const size=64 rounds=3")


class Here(unittest.TestCase):
    """bench-here, with modules that are not really loaded."""

    def run_here(self, in_use=False):
        loads, published = [], []

        def load(_allocator, _benchmark, arguments):
            loads.append(arguments)
            return RESULTS.replace("pair",
                                   f"load{len(loads)}") + "# alone workload=held size=8\n", "0"

        class Place(type(Path())):
            def exists(self):
                return in_use if str(self) == "/sys/module/gomalloc" else True

        with mock.patch.multiple(bench, results_here=load, Path=Place, note=published.append,
                                 publish=lambda targets, _: published.append(targets[0])), \
             mock.patch.object(checkout, "ROOT", Place("/")):
            bench.run_here("held", "8")
        return loads, published

    def test_gomalloc_is_reloaded_for_each_row_of_memory(self):
        loads, (target,) = self.run_here()
        self.assertEqual(loads,
                         [["workload=held", "size=8"], ["alone=1", "workload=held", "size=8"]])
        self.assertEqual([row["workload"] for row in target["rows"]],
                         ["load1", "held", "load2", "held"])

    def test_loaded_gomalloc_stays_loaded_with_a_note(self):
        said = self.run_here(in_use=True)[1][0]
        self.assertIn("rmmod gomalloc first", said)


class Configurations(unittest.TestCase):
    def test_workloads_of_one_configuration_only(self):
        self.assertEqual(bench.workloads_of("uml", "offtimes"), "")
        self.assertEqual(bench.workloads_of("uml", "offtimes,pair"), "pair")
        self.assertEqual(bench.workloads_of("uml-offtimes", "offtimes,pair"), "offtimes")
        self.assertEqual(bench.workloads_of("uml-offtimes", "pair"), "")

    def test_a_prefix_selects_workloads(self):
        self.assertEqual(bench.workloads_of("stock-newest-8cpu", "cpus"), "cpus-locks")
        self.assertEqual(bench.workloads_of("stock-newest-lines", "cpus"), "cpus-lines")
        self.assertEqual(bench.workloads_of("stock-6.1", "cpus"), "")

    def test_some_workloads_run_in_both(self):
        self.assertEqual(bench.workloads_of("uml", "persistent"), "persistent")
        self.assertEqual(bench.workloads_of("stock-newest-8cpu", "persistent"), "persistent")

    def test_a_configuration_with_some_of_the_usual_workloads(self):
        self.assertEqual(bench.workloads_of("stock-6.1-shipped", "mixed,held,offtimes"), "mixed")
        self.assertEqual(bench.workloads_of("stock-6.1", "mixed"), "mixed")
        self.assertEqual(bench.workloads_of("uml-plain", "cache-bulk"),
                         "cache-bulk-16,cache-bulk-30,cache-bulk-250")
        self.assertEqual(bench.workloads_of("uml-plain", "held"), "")
        self.assertEqual(bench.workloads_of("uml-plain", "").split(","), list(bench.PLAIN))

    def test_a_complete_name_does_not_select_longer_names(self):
        self.assertEqual(bench.workloads_of("stock-6.1-shipped", "pair"), "pair")
        self.assertEqual(bench.workloads_of("stock-6.1-shipped", "pair-"), "pair-const,pair-sized")

    def test_shipped_configurations_change_no_default(self):
        for name in ("stock-6.1-shipped", "stock-newest-shipped"):
            config = bench.PLAN[name]
            self.assertEqual((config.append, config.gomalloc), ("", ""))
            self.assertIn("init_on_alloc=1", config.note)

    def test_only_shipped_configurations_have_the_profile(self):
        self.assertEqual({name for name, config in bench.PLAN.items()
                          if config.gomalloc != bench.WITHOUT_PROFILE},
                         {"stock-6.1-shipped", "stock-newest-shipped"})

    def test_all_uml_configurations_have_the_uml_note(self):
        for name, config in bench.PLAN.items():
            if config.target.startswith("uml") and not config.only:
                self.assertIn("double-word compare-exchange", config.note, name)

    def test_plain_kernel_is_not_in_make_check(self):
        self.assertIn("uml-plain", bench.PLAN)
        self.assertNotIn("uml-plain", check.KUNIT_TARGETS + check.SMOKE_TARGETS)

    def test_plain_kernel_lacks_hardening(self):
        usual, plain = (set(kconfig.settings(fragments, (7, 3)))
                        for fragments in (targets.UML_SMP, targets.UML_PLAIN))
        for option in ("SLAB_FREELIST_RANDOM", "SLAB_FREELIST_HARDENED", "SLAB_BUCKETS", "MEMCG",
                       "HARDENED_USERCOPY"):
            self.assertIn(f"CONFIG_{option}=y", usual)
            self.assertIn(f"# CONFIG_{option} is not set", plain)

    def test_all_workloads_run_without_a_request(self):
        self.assertEqual(bench.workloads_of("uml", ""), "")
        self.assertEqual(bench.workloads_of("stock-newest-8cpu", ""), "persistent,cpus-locks")


if __name__ == "__main__":
    unittest.main()
