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


LONG = "word " * 16 + "word"
PROSE = f"""\
{"=" * 40} {"=" * 40}
a{" " * 40}table
{"=" * 40} {"=" * 40}
{LONG}
{"=" * 40} {"=" * 40}

Text::

    {LONG}

    {LONG}

.. image:: picture.svg
   :alt: {LONG}

{"link" * 21}
{LONG[:-4]}
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


    def test_prose_that_is_too_long(self):
        found = headings.too_long(f"{PROSE}{LONG}\n\nText::\n\n    code\n{LONG}\n")
        self.assertEqual([line for line, _ in found], [PROSE.count("\n") + 1,
                                                       PROSE.count("\n") + 6])

    def test_tables_code_and_words_may_be_long(self):
        self.assertEqual([line for line, _ in headings.too_long(PROSE)], [])


class Sparse(unittest.TestCase):
    def test_missing_sparse_is_a_failure(self):
        with mock.patch("shutil.which", return_value=None):
            self.assertEqual(style.sparse().failed, 1)


if __name__ == "__main__":
    unittest.main()
