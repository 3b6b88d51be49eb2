# SPDX-License-Identifier: GPL-2.0
"""Finds broken underlines of headings in reStructuredText, without Sphinx."""

import re

LINE = re.compile(r"([=~^\"-])\1{2,}")
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
