# SPDX-License-Identifier: GPL-2.0
"""The public functions: those that gomalloc.h declares, and the files with
their kernel-doc.
"""

import re

from . import checkout
from .ui import Failure

SOURCES = checkout.ROOT / "gomalloc"
HEADER = SOURCES / "gomalloc.h"
PAGE = checkout.ROOT / "Documentation" / "interface.rst"

COMMENT = re.compile(r"/\*.*?\*/", re.DOTALL)
CALL = re.compile(r"\b(gom_\w+)\(")
KERNEL_DOC = re.compile(r"^/\*\*\n \* (gom_\w+)(?:\(\))? - ", re.MULTILINE)
DIRECTIVE = re.compile(r"^\.\. kernel-doc::.*\n((?: +.*\n)*)", re.MULTILINE)
IDENTIFIERS = re.compile(r":identifiers:((?: [^:]*)?)")


def declared(header=HEADER):
    """The public functions and macros of the header: those without leading
    underscores.
    """
    return set(CALL.findall(COMMENT.sub("", header.read_text())))


def documented(sources=SOURCES):
    """The files with the kernel-doc of functions: {name: file}."""
    found = {}
    for path in sorted(sources.rglob("*.[ch]")):
        for name in KERNEL_DOC.findall(path.read_text()):
            if name in found:
                raise Failure(f"{name} has kernel-doc twice, in {found[name].name} and in "
                              f"{path.name}.")
            found[name] = path
    return found


def named(page=PAGE):
    """The functions in the page's kernel-doc directives, in order."""
    for options in DIRECTIVE.findall(page.read_text()):
        for identifiers in IDENTIFIERS.findall(options):
            yield from identifiers.split()
