# SPDX-License-Identifier: GPL-2.0
"""The sampling rate of the smoke test, by target."""

import unittest

from gomtools import smoke, targets


class Rate(unittest.TestCase):
    def test_preempt_rt_has_many_samples(self):
        self.assertIn("RATE=4096\n", smoke.script(targets.find("stock-rt")))

    def test_other_targets_have_the_default(self):
        self.assertIn("RATE=\n", smoke.script(targets.find("stock-6.1")))


if __name__ == "__main__":
    unittest.main()
