# SPDX-License-Identifier: GPL-2.0
"""Heap profiles: parsing, scaling, differences, flame graph, and comparison
with google-pprof.
"""

import re
import subprocess
import sys
import tempfile
import unittest
import xml.etree.ElementTree as xml
from pathlib import Path

from gomtools import checkout, flamegraph, heapprofile
from gomtools.ui import Failure

TEXT = """--- symbol
binary=kernel
0x7fffffffc0819b07 leaf [m]
0x7fffffff96c98b27 root
0x7fffffff96c98b28 other<T>
---
heap profile: 3: 3136 [14: 36240] @ heap_v2/1024
2: 64 [10: 320] @ 0x7fffffffc0819b07 0x7fffffff96c98b27
1: 3072 [3: 9216] @ 0x7fffffff96c98b28 0x7fffffff96c98b27
0: 0 [1: 26704] @ 0x7fffffff00000001
"""


MODULES = """--- symbol
0x1 helper
0x2 mine_alloc [mine]
0x3 other_alloc [other]
---
heap profile: 3: 300 [3: 300] @ heap_v2/1
1: 100 [1: 100] @ 0x1 0x2 0x3
1: 70 [1: 70] @ 0x3 0x2
1: 30 [1: 30] @ 0x1
"""


class Modules(unittest.TestCase):
    def test_a_stack_belongs_to_the_innermost_module(self):
        profile = heapprofile.parse(MODULES)
        self.assertEqual(profile.of_module("mine").total, 100)
        self.assertEqual(profile.of_module("other").total, 70)
        self.assertEqual(profile.of_module("min").total, 0)

    def test_what_a_module_grew_by(self):
        older = MODULES.replace("1: 100 [1: 100]", "1: 60 [1: 60]")
        grown = heapprofile.parse(MODULES).of_module("mine").minus(
            heapprofile.parse(older).of_module("mine"))
        self.assertEqual(grown.total, 40)
        self.assertIn("of mine", flamegraph.draw(grown, str, True))


class Reading(unittest.TestCase):
    def test_smaller_samples_are_scaled_more(self):
        live = heapprofile.parse(TEXT, "inuse", "objects").values
        self.assertAlmostEqual(live[("leaf [m]", "root")], 2 / (1 - 2.718281828 ** (-32 / 1024)), 4)
        self.assertAlmostEqual(live[("other<T>", "root")], 1 / (1 - 2.718281828 ** -3), 6)

    def test_rate_1_is_not_scaled(self):
        self.assertEqual(heapprofile.parse(TEXT.replace("v2/1024", "v2/1"), "alloc").total, 36240)

    def test_address_without_symbol_is_kept(self):
        self.assertIn(("0x7fffffff00000001",), heapprofile.parse(TEXT, "alloc").values)

    def test_freed_samples_are_not_in_use(self):
        self.assertEqual(len(heapprofile.parse(TEXT).values), 2)

    def test_other_files_are_refused_with_a_line(self):
        with self.assertRaisesRegex(Failure, "Line 1 of x is no line"):
            heapprofile.parse("root:x:0:0\n", name="x")
        with self.assertRaisesRegex(Failure, "no line"):
            heapprofile.parse("", name="x")


class Difference(unittest.TestCase):
    def test_unchanged_stacks_are_omitted(self):
        more = TEXT.replace("1: 3072 [3: 9216]", "2: 6144 [4: 12288]")
        change = heapprofile.parse(more).minus(heapprofile.parse(TEXT))
        self.assertEqual([stack[0] for stack in change.values], ["other<T>"])
        self.assertGreater(change.total, 3072)
        self.assertLess(heapprofile.parse(TEXT).minus(heapprofile.parse(more)).total, -3072)


class FlameGraph(unittest.TestCase):
    def test_it_is_one_svg_with_a_box_for_each_frame(self):
        profile = heapprofile.parse(TEXT)
        text = flamegraph.draw(profile, str)
        titles = [title.text.split(":")[0]
                  for title in xml.fromstring(text).iter("{http://www.w3.org/2000/svg}title")]
        self.assertEqual(sorted(titles), ["all", "leaf [m]", "other<T>", "root"])


class NothingLive(unittest.TestCase):
    def test_the_svg_is_written_and_says_that_it_is_empty(self):
        with tempfile.TemporaryDirectory() as folder:
            profile, svg = Path(folder, "heap.txt"), Path(folder, "heap.svg")
            profile.write_text("--- symbol\nbinary=kernel\n---\nheap profile: 0: 0 [0: 0] @ "
                               "heap_v2/524288\n")
            done = subprocess.run([sys.executable, str(checkout.ROOT / "tools/gomprof"),
                                   str(profile), "--svg", str(svg)], capture_output=True, text=True)
            self.assertEqual(done.returncode, 0, done.stderr)
            self.assertIn("0 B in 0 stacks", done.stdout)
            self.assertIn(f"written to {svg}", done.stdout)
            text = "".join(xml.fromstring(svg.read_text()).itertext())
            self.assertIn("empty", text)


class PprofOfGperftools(unittest.TestCase):
    def test_totals_are_equal(self):
        with tempfile.NamedTemporaryFile("w", suffix=".heap") as file:
            file.write(TEXT)
            file.flush()
            for option, which in (("--inuse_space", "inuse"), ("--alloc_space", "alloc")):
                done = subprocess.run(["google-pprof", "--text", "--show_bytes", option, file.name],
                                      capture_output=True, text=True)
                total = re.search(r"Total: (\d+) B", done.stdout)
                self.assertIsNotNone(total, done.stdout + done.stderr)
                mine = heapprofile.read(Path(file.name), which, "bytes").total
                self.assertAlmostEqual(int(total[1]), mine, delta=2)
                self.assertIn("leaf [m]", done.stdout)


if __name__ == "__main__":
    unittest.main()
