# SPDX-License-Identifier: GPL-2.0
"""gomadvise: reading debugfs lifetimes, and when it advises what."""

import unittest

from gomtools import advice
from gomtools.ui import Failure

HEAD = "lifetimes: memprofilerate={} seconds=10.000\n" + advice.COLUMNS + "\n"
# mallocs, frees, size, requested, module, kind, ages, stack
WASTE = "1000\t0\t1024\t520000\tm\tclass 1024\t\thelper;table_new+0x1/0x2 [m];init [m]\n"
BUSY = "50000\t50000\t64\t3200000\tm\tclass 64\t15:50000\tpacket_new+0x1/0x2 [m]\n"
FITS = "100\t50\t64\t6400\tother\tclass 64\t31:50\tother_new+0x1/0x2 [other]\n"
MIXED = "900\t900\t512\t400000\t-\tmixed\t20:900\tstack_reclaimed+0x0/0x9 [gomalloc]\n"
CACHE = "1000\t0\t1024\t1024000\tm\tcache c\t\tcached_new+0x1/0x2 [m]\n"


def page(*rows, rate=1, module=""):
    return "\n".join(advice.page(advice.Data(HEAD.format(rate) + "".join(rows)), module, 5))


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
