# SPDX-License-Identifier: GPL-2.0
"""Calls that allocation paths must not make, found in the sources."""

import re
import unittest

from gomtools import checkout

# Files that draw seeds and secrets when the module is loaded.
ASK_AT_LOAD = {"random.c", "sbrk.c"}


class Sources(unittest.TestCase):
    def test_only_load_time_code_draws_kernel_random_numbers(self):
        asking = {path.name for path in (checkout.ROOT / "gomalloc").rglob("*.[ch]")
                  if re.search(r"\bget_random_\w+\(",
                               re.sub(r"/\*.*?\*/", "", path.read_text(), flags=re.DOTALL))}
        self.assertEqual(asking, ASK_AT_LOAD)


if __name__ == "__main__":
    unittest.main()
