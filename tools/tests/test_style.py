# SPDX-License-Identifier: GPL-2.0
"""Checks of `make style` that are implemented here."""

import unittest
from unittest import mock

from gomtools import headings, style

SOUND = """\
=====
Title
=====

Text.

Heading
=======

Smaller
-------

======== =====
a        table
======== =====
of       two
======== =====

----

::

    --- a/file
    === not a heading
"""


class Headings(unittest.TestCase):
    def test_no_errors(self):
        self.assertEqual(list(headings.wrong(SOUND)), [])

    def test_text_that_follows_an_underline(self):
        self.assertEqual([line for line,
                          _ in headings.wrong("Fragments\n=========that allocate\n")], [2])
        self.assertEqual([line for line,
                          _ in headings.wrong("Fragments\n---------that allocate\n")], [2])

    def test_an_underline_that_is_too_short(self):
        self.assertEqual([line for line, _ in headings.wrong("Text.\n\nFragments\n=====\n")], [4])
        self.assertEqual([line for line, _ in headings.wrong("=====\nFragments\n=====\n")], [3])


class Sparse(unittest.TestCase):
    def test_missing_sparse_is_a_failure(self):
        with mock.patch("shutil.which", return_value=None):
            self.assertEqual(style.sparse().failed, 1)


if __name__ == "__main__":
    unittest.main()
