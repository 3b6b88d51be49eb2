# SPDX-License-Identifier: GPL-2.0
"""Finds broken underlines of headings and too long lines in reStructuredText,
without Sphinx.
"""

import re

LINE = re.compile(r"([=~^\"-])\1{2,}")
BORDER = re.compile(r"\s*=+( +=+)+$")      # of a table
COLUMNS = 80
GLUED = re.compile(r"(===|---)\S*\w")


def is_heading(lines, at):
    """Whether lines[at] is a heading: above it is an empty line, or its
    overline.
    """
    above = lines[at - 1] if at else ""
    text = bool(re.match(r"\S", lines[at])) and not LINE.match(lines[at])
    return text and (not above or bool(LINE.fullmatch(above)))


def wrong(text):
    """The broken underlines of a document, as (line number, sentence)."""
    lines = text.splitlines()
    for at, line in enumerate(lines):
        if GLUED.match(line):
            yield at + 1, "text follows an underline on its line"
        elif at and LINE.fullmatch(line) and is_heading(lines,
                                                        at - 1) and len(line) < len(lines[at - 1]):
            yield at + 1, "an underline is shorter than its heading"


def too_long(text):
    """The long lines of a document's prose, as (line number, sentence).  Tables,
    literal blocks, directives and single words may be longer.
    """
    lines = text.splitlines()
    table, literal = False, None        # the indentation that a literal block exceeds
    for at, line in enumerate(lines):
        indent = len(line) - len(line.lstrip())
        if BORDER.match(line):          # the last one is before an empty line
            table = any(lines[at + 1:at + 2])
        elif not line or table or literal is not None and indent > literal:
            continue
        else:
            literal = indent if line.endswith("::") or line.lstrip().startswith(".. ") else None
            if len(line) > COLUMNS and " " in line.strip():
                yield at + 1, f"a line of {len(line)} columns; {COLUMNS} are the limit"
