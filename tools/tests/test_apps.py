# SPDX-License-Identifier: GPL-2.0
"""Modules nobody here wrote: their trees, what they need, and their counts."""

import re
import subprocess
import tempfile
import unittest
from collections import Counter
from pathlib import Path
from unittest import mock

from gomtools import (appbench, appresults, apps, checkout, guest, instructions, outoftree,
                      stockmodules)
from gomtools.ui import Failure

OUTPUT = """\
# held 1000 0 0
# held 1100 4096 10
# held 1200 8192 30
# held 1150 4096 50
# peak 1300000
# slub kfree ffffffff81000000 ffffffff81000100
# slub kfree ffffffff81000400 ffffffff81000410
# module gomalloc 0xffffffffc0000000 8192
# module ext4 0xffffffffc0001000 4096
"""


class Counts(unittest.TestCase):
    known = instructions.ranges(OUTPUT)

    def counts(self, *blocks):
        return instructions.by_function(blocks, self.known)

    def test_instructions_belong_to_the_function_at_their_address(self):
        found = self.counts((0xffffffff81000000, 5), (0xffffffff810000ff, 6),
                            (0xffffffff81000405, 7), (0xffffffffc0000010, 8))
        self.assertEqual(found, {("slub", "kfree"): 18, ("module", "gomalloc"): 8})

    def test_what_has_no_range_is_the_rest(self):
        found = self.counts((0, 3), (0xffffffff81000100, 4), (1 << 63, 5))
        self.assertEqual(found, {("rest", instructions.USER): 3, ("rest", instructions.OTHER): 9})

    def test_size_of_a_module_may_reach_into_the_next(self):
        self.assertEqual(self.counts((0xffffffffc0001800, 2)), {("module", "ext4"): 2})

    def test_lines_of_the_plugin(self):
        self.assertEqual(instructions.counted("0 12\nffffffff81000000 7\n"),
                         [(0, 12), (0xffffffff81000000, 7)])

    def test_functions_are_found_in_sources(self):
        text = ("static __always_inline void slab_free(int a)\n{\n\tcall(a);\n}\n"
                "void *\n__kmalloc(size_t size)\n{\n}\nint kmem_cache_x(struct y *s,\n\t  int b)\n")
        self.assertEqual(instructions.DEFINITION.findall(text),
                         ["slab_free", "__kmalloc", "kmem_cache_x"])


def clock(*pairs):
    return "".join(f"# clock {tsc} {ns}\n" for tsc, ns in pairs)


def spent(*loops):
    """What the guest prints of rcuscale: (kfree_mult, ns, MB) for each loop."""
    return "".join(f"# spent {ns} ns, kfree_mult={multiple}, footprint {held} MB\n"
                   for multiple, ns, held in loops)


def stored(app, target, commit="old", gain=1.0):
    """A row of the results."""
    row = {"app": app, "target": target, "kernel": "7.3.4", "commit": commit, "append": "a=1 & b",
           "slub": 2000000, "gomalloc": 1000000, "gain": gain, "objects": 10, "saved": 100}
    if target in apps.NATIVE:
        return {**row, "unit": apps.CYCLES, "slub_median": 4000000, "gomalloc_median": 1000000}
    return {**row, "unit": apps.INSTRUCTIONS, "bound": 2.0, "slub_share": 3.0,
            "gomalloc_share": 4.0, "allocators": 50, "peak_slub": 1 << 20, "peak_gomalloc": 2 << 20,
            "end_slub": 3 << 20, "end_gomalloc": 4 << 20,
            "functions": {"slub": [["slub", "kfree", 10000]]}}


class Rows(unittest.TestCase):
    def test_memory_and_objects(self):
        self.assertEqual(appbench.peak(OUTPUT), 1300000 - 1000 * 1024)
        self.assertEqual(appbench.end(OUTPUT), 150 * 1024 + 4096)
        self.assertEqual(appbench.objects(OUTPUT), 40)

    def test_output_without_samples(self):
        for function in (appbench.peak, appbench.end, appbench.objects, appbench.cycles):
            with self.assertRaises(Failure):
                function("")

    def test_gain_and_bound(self):
        slub = {"total": 1000, "peak": 1, "end": 3, "objects": 0, "own": [[8, 50, 3]],
                "functions": instructions.Counter({("slub", "kfree"): 100, ("rest", "x"): 900})}
        ours = {"total": 800, "peak": 2, "end": 4, "objects": 10, "own": [[8, 40, 5]],
                "functions": instructions.Counter({("slub", "kfree"): 20,
                                                   ("module", "gomalloc"): 30})}
        found = appbench.counted_row(slub, ours)
        self.assertEqual((found["bound"], found["slub_share"], found["objects"]), (8, 10, 10))
        self.assertEqual(found["gomalloc_share"], 3.75)
        self.assertEqual(found["allocators"], 50)
        self.assertEqual(found["own"], [[8, 50, 3, 40, 5]])
        self.assertEqual([found[name] for name in appresults.MEMORY], [1, 2, 3, 4])

    def test_cycles_are_those_between_two_lines_of_the_clock(self):
        self.assertEqual(appbench.cycles(clock((100, 10), (150, 20), (400, 50), (403, 60))), 53)

    def test_cycles_of_a_workload_that_says_its_time(self):
        output = clock((100, 10), (300, 110)) + spent((1, 7, 3), (2, 4, -1))
        self.assertEqual(appbench.cycles(output), 22)

    def test_what_a_workload_says_itself(self):
        self.assertEqual(appbench.own(spent((1, 7, 3), (64, 4, -1))), [[1, 7, 3], [64, 4, -1]])
        self.assertEqual(appbench.own(OUTPUT), [])

    def test_minimum_and_median_of_cycles(self):
        outputs = {outoftree.SLUB: [OUTPUT + clock((0, 0), (n, 1)) for n in (9, 7, 8)],
                   outoftree.GOMALLOC: [OUTPUT + clock((0, 0), (n, 1)) for n in (5, 6, 9)]}
        found = appbench.timed_row(outputs)
        self.assertEqual([found[name] for name in ("slub", "slub_median", "gomalloc",
                                                   "gomalloc_median", "rounds", "objects")],
                         [7, 8, 5, 6, 3, 40])

    def compared(self, target_name, **stubs):
        """The row of compare() with functions of appbench replaced."""
        for name, stub in stubs.items():
            patch = mock.patch.object(appbench, name, stub)
            patch.start()
            self.addCleanup(patch.stop)
        return appbench.compare("ext4", target_name)

    def test_gain_is_what_gomalloc_saves(self):
        def measure(name, target_name, side):
            total = 1000 if side == outoftree.SLUB else 900
            return {"total": total, "peak": 1, "end": 1, "objects": 20, "own": [],
                    "functions": Counter()}

        row = self.compared("stock-6.1", measure=measure)
        self.assertEqual((row["slub"], row["gomalloc"]), (1000, 900))
        self.assertEqual((row["gain"], row["saved"], row["unit"]), (10, 5, apps.INSTRUCTIONS))

    def test_sides_alternate(self):
        sides = []

        def boot(name, target, target_name, side, unit):
            sides.append(side)
            return OUTPUT + clock((0, 0), (1000 if side == outoftree.SLUB else 900, 1))

        row = self.compared("uml", boot=boot)
        self.assertEqual(sides[:4], [outoftree.SLUB, outoftree.GOMALLOC,
                                     outoftree.GOMALLOC, outoftree.SLUB])
        self.assertEqual((row["rounds"], row["gain"], row["unit"]),
                         (appbench.ROUNDS, 10, apps.CYCLES))

    def test_a_guest_without_ranges_of_slub(self):
        output = "\n".join(line for line in OUTPUT.splitlines() if "slub" not in line)
        with self.assertRaisesRegex(Failure, "kallsyms"):
            self.compared("stock-6.1", boot=lambda *_: output)

    def test_requested_apps(self):
        self.assertEqual(appbench.chosen("apps"), appbench.MEASURED)
        self.assertEqual(appbench.chosen("apps-ext4,apps-xfs"), ["ext4", "xfs"])
        with self.assertRaises(Failure):
            appbench.chosen("apps-nothing")


class Results(unittest.TestCase):
    rows = [stored("ext4", "stock-6.1"), stored("overlay", "uml"), stored("xfs", "stock-newest")]

    def setUp(self):
        self.saved = checkout.commit
        checkout.commit = lambda: "new"

    def tearDown(self):
        checkout.commit = self.saved

    def test_a_run_replaces_its_own_rows(self):
        found = appresults.merged(self.rows, [stored("xfs", "stock-newest", "new"),
                                              stored("ext4", "stock-newest", "new")])
        self.assertEqual([(row["app"], row["target"], row["commit"]) for row in found],
                         [("ext4", "stock-6.1", "old"), ("ext4", "stock-newest", "new"),
                          ("xfs", "stock-newest", "new"), ("overlay", "uml", "old")])

    def test_rows_of_other_commits_are_marked(self):
        text = "\n".join(appresults.text([*self.rows, stored("btrfs", "stock-6.1", "new")]))
        self.assertIn("ext4* ", text)
        self.assertIn("btrfs ", text)
        self.assertIn("* measured on commit old, not on new: ext4 on stock-6.1, xfs on "
                      "stock-newest\n", text)

    def test_cells_are_those_of_the_heads(self):
        cells = dict(zip(appresults.HEADS[apps.INSTRUCTIONS], appresults.cells(self.rows[0])))
        self.assertEqual([cells[name] for name in ("gain %", "bound %", "SLUB %", "gomalloc %",
                                                   "peak MiB SLUB", "end MiB SLUB")],
                         ["1.00", "2.00", "3.00", "4.00", "1.0", "3.0"])
        self.assertEqual(appresults.cells(self.rows[0])[-4:], ["1.0", "2.0", "3.0", "4.0"])

    def test_what_a_workload_says_itself_has_a_table(self):
        row = {**stored("rcuscale", "stock-newest", "new"), "own": [[8, 4000000, 3, 3000000, 5]]}
        text = "\n".join(appresults.text([row]))
        self.assertIn("rcuscale on 7.3.4, by its own account", text)
        self.assertRegex(text, r"8 +4\.00 +3\.00 +25\.0 +3 +5")
        self.assertIn("by its own account", appresults.section([row]))

    def test_part_of_the_allocators(self):
        row = self.rows[0]
        self.assertEqual(appresults.saved_by_allocators(row), "5")
        del (old := dict(row))["allocators"]
        self.assertEqual(appresults.saved_by_allocators(old), "-")

    def test_cells_match_the_heads(self):
        for row in self.rows:
            self.assertEqual(len(appresults.cells(row)), len(appresults.HEADS[row["unit"]]))

    def test_section_has_tables_and_plots(self):
        page = appresults.section([*self.rows, stored("rcuscale", "stock-newest", gain=30.0)])
        self.assertEqual((page.count("<table"), page.count("<svg")), (5, 2))
        self.assertNotIn("gnuplot failed", page)
        self.assertIn("a=1 &amp; b", page)
        self.assertEqual(appresults.section([]), "")


class Apps(unittest.TestCase):
    def test_each_app_has_a_script_that_defines_its_workload(self):
        for name in apps.APPS:
            script = apps.script(name, outoftree.SLUB, [], [], "", "")
            self.assertEqual(script.count("\nwork() {"), 1, name)

    def test_tree_has_the_files_and_a_kbuild(self):
        class Source:
            """A kernel's sources."""

            name = "a kernel"

        with tempfile.TemporaryDirectory() as scratch:
            Source.path = Path(scratch)
            for name in ("fs/a/a.c", "fs/a/Makefile", "fs/b.c", "fs/other.c"):
                (Source.path / name).parent.mkdir(parents=True, exist_ok=True)
                (Source.path / name).write_text(name)
            app = apps.App(copied=("fs/a", "lib/b.c|fs/b.c"), own=("a",), kbuild={"": "obj-m += x"})
            self.assertEqual(sorted(apps.tree(app, Source)),
                             ["Kbuild", "fs/a/Makefile", "fs/a/a.c", "fs/b.c"])
            with self.assertRaisesRegex(Failure, "has no lib/c.c"):
                apps.tree(apps.App(copied=("lib/c.c",), own=()), Source)


class Checks(unittest.TestCase):
    def test_each_checked_app_runs_and_is_compared_on_each_kernel(self):
        self.assertEqual(sorted(title for title, _ in apps.checks()),
                         [f"{check} over gomalloc on {target}"
                          for check in ("code of ext4", "code of meminit", "ext4", "meminit")
                          for target in ("stock-6.1", "stock-newest")])

    def test_checks_do_what_they_say(self):
        with mock.patch.object(apps, "run") as run, mock.patch.object(apps, "same_code") as same:
            for _, check in apps.checks():
                check()
        wanted = [mock.call(name, target) for target in apps.OLD_AND_NEW for name in apps.CHECKED]
        self.assertEqual((run.mock_calls, same.mock_calls), (wanted, wanted))


def result(log="", status=0):
    """A guest's Result."""
    return guest.Result(f"said\nguest script exit: {status}\n", log, Path("log"), 2, False)


class Runs(unittest.TestCase):
    """apps.run() and same_code() with guests and builds that are not made."""

    def run_with(self, name, *results):
        """The Outcome of an app whose guests have these results."""
        results = iter(results)
        self.appends = []

        def boot(name, target, side, append, log, parameters):
            self.appends.append(append)
            return next(results)
        with mock.patch.object(apps, "boot", boot):
            return apps.run(name, "stock-newest")

    def test_one_guest_for_each_command_line(self):
        outcome = self.run_with("meminit", result(), result())
        self.assertEqual((outcome.passed, outcome.failed, outcome.seconds), (2, 0, 4))
        self.assertEqual(self.appends, ["init_on_alloc=1", "init_on_free=1"])
        self.assertEqual(outcome.text, "init_on_alloc=1\nsaid\n\ninit_on_free=1\nsaid\n\n")

    def test_a_script_that_fails_fails(self):
        outcome = self.run_with("ext4", result(status=1))
        self.assertEqual((outcome.passed, outcome.failed), (0, 1))
        self.assertIn("said", outcome.text)

    def test_one_guest_of_two_that_complains_fails(self):
        outcome = self.run_with("meminit", result(), result("[    1.0] WARNING: CPU: 0 at x.c:1\n"))
        self.assertEqual((outcome.passed, outcome.failed), (1, 1))
        self.assertIn("WARNING: CPU: 0 at x.c:1", outcome.text)

    def compare(self, *found, uses=("gom_slab_kfree", "memcpy")):
        """The Outcome of the comparison of ext4, of which each module has these
        differences and uses these functions; and the files compared.
        """
        compared = []

        def differences(plain, ours):
            compared.append((plain, ours))
            return found
        with mock.patch.object(apps, "build", lambda name, _, side: {
                module: f"{side}/{module}" for module in apps.find(name).own}), \
                mock.patch.object(apps.elf, "read", lambda path: path), \
                mock.patch.object(apps.callsites, "uses", lambda _: dict.fromkeys(uses)), \
                mock.patch.object(apps.samecode, "differences", differences):
            return apps.same_code("ext4", "stock-newest"), compared

    def test_each_module_is_compared_with_its_own_over_slub(self):
        outcome, compared = self.compare()
        self.assertEqual((outcome.passed, outcome.failed), (1, 0))
        self.assertEqual(compared, [(f"slub/{module}", f"goml/{module}")
                                    for module in ("mbcache", "jbd2", "ext4")])

    def test_a_difference_fails_and_is_shown(self):
        outcome, _ = self.compare("put+0x4: kfree against gom_slab_ksize")
        self.assertEqual((outcome.passed, outcome.failed), (0, 1))
        self.assertEqual(outcome.text.splitlines()[1],
                         "jbd2: put+0x4: kfree against gom_slab_ksize")

    def test_a_function_that_is_not_redirected_fails_and_is_shown(self):
        outcome, _ = self.compare(uses=("gom_slab_kfree", "kmem_cache_alloc_noprof"))
        self.assertEqual((outcome.passed, outcome.failed), (0, 1))
        self.assertEqual(outcome.text.splitlines()[2],
                         "ext4: kmem_cache_alloc_noprof is not redirected")

    def test_a_module_of_which_nothing_is_redirected_fails(self):
        outcome, _ = self.compare(uses=("memcpy",))
        self.assertEqual((outcome.passed, outcome.failed), (0, 1))
        self.assertEqual(outcome.text.splitlines()[0], "mbcache: nothing is gomalloc's")


class NothingLeft(unittest.TestCase):
    """nothing_left of app.sh, with a file that stands for memstats."""

    def shell(self, memstats, sleep=":"):
        script = (checkout.GUEST_SCRIPTS / "app.sh").read_text()
        function = re.search(r"^nothing_left\(\) \{\n.*?^\}\n", script, re.M | re.S)[0]
        with tempfile.TemporaryDirectory() as directory:
            Path(directory, "memstats").write_text(memstats)
            done = subprocess.run(
                ["sh", "-c", f". {checkout.GUEST_SCRIPTS}/verdict.sh\ngomalloc={directory}\n"
                 f"sleep() {{ {sleep}; }}\n{function}\nnothing_left; echo end"],
                capture_output=True, text=True)
        return done.returncode, done.stdout.splitlines()

    def test_all_freed(self):
        self.assertEqual(self.shell("mallocs 9\nfrees 9\nheap_objects 0\n"),
                         (0, ["gomalloc: 9 objects allocated, 9 freed", "end"]))

    def test_freed_after_a_while(self):
        status, said = self.shell("mallocs 9\nfrees 8\nheap_objects 1\n",
                                  "sed -i 's/frees 8/frees 9/; s/objects 1/objects 0/' "
                                  "$gomalloc/memstats")
        self.assertEqual((status, said[0]), (0, "gomalloc: 9 objects allocated, 9 freed"))

    def test_objects_left(self):
        self.assertEqual(self.shell("mallocs 9\nfrees 7\nheap_objects 2\n"),
                         (1, ["gomalloc: 9 objects allocated, 7 freed", "2 objects were left"]))

    def test_nothing_allocated(self):
        status, said = self.shell("mallocs 0\nfrees 0\nheap_objects 0\n")
        self.assertEqual((status, said[1:]), (1, ["nothing was allocated from gomalloc"]))

    def test_no_statistics(self):
        self.assertEqual(self.shell("")[0], 1)


class StockModules(unittest.TestCase):
    def setUp(self):
        self.files = {"loop": [], "ext4": ["jbd2", "crc16"], "jbd2": [], "crc16": ["crc-base"],
                      "crc_base": []}
        self.saved = stockmodules.tree, stockmodules.files, stockmodules.content
        stockmodules.tree = stockmodules.files = lambda _: self.files
        stockmodules.content = lambda needs: b"\0depends=%s\0x" % ",".join(needs).encode()

    def tearDown(self):
        stockmodules.tree, stockmodules.files, stockmodules.content = self.saved

    def needed(self, wanted, loaded=()):
        class Kernel:
            """A stock kernel."""

            version = "1.0"

        return [name for name, _ in stockmodules.needed(Kernel, wanted, [], loaded)]

    def test_what_a_module_needs_comes_first(self):
        self.assertEqual(self.needed(["ext4", "loop"]),
                         ["jbd2.ko", "crc_base.ko", "crc16.ko", "ext4.ko", "loop.ko"])

    def test_what_is_loaded_is_left_out(self):
        self.assertEqual(self.needed(["ext4"], ["crc16", "jbd2"]), ["ext4.ko"])

    def test_missing_module(self):
        with self.assertRaisesRegex(Failure, "has no module none"):
            self.needed(["none"])


if __name__ == "__main__":
    unittest.main()
