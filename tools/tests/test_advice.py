# SPDX-License-Identifier: GPL-2.0
"""gomadvise: reading debugfs lifetimes, and when it advises what."""

import re
import unittest

from gomtools import advice, checkout
from gomtools.ui import Failure

HEAD = "lifetimes: memprofilerate={} seconds=10.000\n" + advice.COLUMNS + "\n"
# mallocs, frees, size, requested, module, kind, ages, stack
WASTE = "1000\t0\t1024\t520000\tm\tclass 1024\t\thelper;table_new+0x1/0x2 [m];init [m]\n"
BUSY = "50000\t50000\t64\t3200000\tm\tclass 64\t15:50000\tpacket_new+0x1/0x2 [m]\n"
FITS = "100\t50\t64\t6400\tother\tclass 64\t31:50\tother_new+0x1/0x2 [other]\n"
MIXED = "900\t900\t512\t400000\t-\tmixed\t20:900\tstack_reclaimed+0x0/0x9 [gomalloc]\n"
CACHE = "1000\t0\t1024\t1024000\tm\tcache c\t\tcached_new+0x1/0x2 [m]\n"


def page(*rows, rate=1, module="", calls="gomalloc"):
    return "\n".join(advice.page(advice.Data(HEAD.format(rate) + "".join(rows)), module, 5, calls))


def rows(path, name):
    """The rows of the tables in a document that begin with this cell, as lists of
    (SLUB's, gomalloc's) numbers.
    """
    text = (checkout.ROOT / path).read_text()
    lines = [line for line in text.splitlines() if line.lstrip("| ").startswith(name)]
    return [[(int(a), int(b)) for a, b in re.findall(r"(\d+) / (\d+)", line)] for line in lines]


class Advice(unittest.TestCase):
    def test_rounding_waste_is_worth_a_cache(self):
        text = page(WASTE)
        self.assertIn("table_new+0x1/0x2 [m]: 1,000 live objects of 520.0 bytes", text)
        self.assertIn("would save up to 492.2 KiB", text)

    def test_many_short_lived_objects_are_worth_a_cache(self):
        text = page(BUSY)
        self.assertIn("packet_new+0x1/0x2 [m]: 5,000 objects of 64.0 bytes a second", text)
        self.assertIn("20 of 79 instructions each with init_on_alloc=0 mitigations=off "
                      "(0.10 million a second)", text)
        self.assertIn("31 of 147 instructions each as Debian ships 7.3 "
                      "(0.15 million a second)", text)

    def test_calls_of_the_drop_in_cost_other_instructions(self):
        text = page(BUSY, calls="drop-in")
        self.assertIn("16 of 83 instructions each with init_on_alloc=0 mitigations=off "
                      "(0.08 million a second)", text)
        self.assertIn("5 of 134 instructions each as Debian ships 7.3 "
                      "(0.03 million a second)", text)

    def test_the_option_for_the_drop_in(self):
        parse = advice.parser().parse_args
        self.assertEqual(parse([]).calls, "gomalloc")
        self.assertEqual(parse(["--drop-in"]).calls, "drop-in")

    def test_instructions_are_those_of_the_documents(self):
        """Of 6.1 and 7.3 in README.md, of 7.3 and 6.1 in over-gomalloc.rst."""
        pair, shipped = rows("README.md", "pair: allocate, free; size not constant, 64 bytes")
        cache, shipped_cache = rows("README.md", "named cache, 64 bytes")[:2]
        self.assertEqual([numbers[1:] for numbers in advice.PAIRS["gomalloc"]],
                         [(pair[1][1], cache[1][1]), (shipped[1][1], shipped_cache[1][1])])
        document = "Documentation/over-gomalloc.rst"
        [pair], [cache] = (rows(document, name) for name in (
            "``kmalloc()``, ``kfree()``, 64 bytes", "``kmem_cache_alloc()`` and ``_free()``"))
        self.assertEqual([numbers[1:] for numbers in advice.PAIRS["drop-in"]],
                         [(pair[0][1], cache[0][1]), (pair[2][1], cache[2][1])])

    def test_no_advice_without_reason(self):
        text = page(FITS, CACHE)
        self.assertIn("No call site", text)
        self.assertIn("Every size fits", text)

    def test_what_was_reclaimed_is_in_the_sums_only(self):
        text = page(FITS, MIXED)
        self.assertIn("1,000 objects allocated", text)
        self.assertIn("94.7%  below 1 ms", text)
        self.assertIn("Every size fits", text)
        self.assertIn("No call site", text)

    def test_few_samples_give_no_advice(self):
        few = WASTE.replace("1000\t0", "20\t0", 1).replace("520000", "10400")
        text = page(few, rate=1 << 20)
        self.assertIn("No call site", text)
        self.assertIn("say little", text)

    def test_lifetimes_by_band(self):
        text = page(BUSY, FITS)
        self.assertIn("99.9%  below 1 ms", text)
        self.assertIn("0.1%  1 s to 1 min", text)
        self.assertIn("half of the freed objects lived < 33 us", text)

    def test_samples_are_scaled(self):
        data = advice.Data(HEAD.format(1024) + WASTE)
        self.assertAlmostEqual(data.sites()[0].mallocs, 1000 / (1 - 2.718281828 ** -1), 2)

    def test_one_module(self):
        text = page(WASTE, FITS, module="other")
        self.assertIn("other: 100 objects", text)
        self.assertNotIn("table_new", text)
        with self.assertRaisesRegex(Failure, "samples of: m, other"):
            page(WASTE, FITS, module="another")

    def test_other_files_are_refused(self):
        with self.assertRaisesRegex(Failure, "does not begin like"):
            advice.Data("root:x:0:0\n")
        with self.assertRaisesRegex(Failure, "Line 3"):
            advice.Data(HEAD.format(1) + "1\t2\n")


if __name__ == "__main__":
    unittest.main()
