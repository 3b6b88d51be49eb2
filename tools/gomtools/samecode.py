# SPDX-License-Identifier: GPL-2.0
"""Compares a module's code over SLUB with that over gomalloc: the same bytes,
and references to the same symbols, but that kfree has become gom_slab_kfree.

Two builds of a file differ in paths and in what names the other modules, which
is not compared: strings, .modinfo, versions of symbols, notes.
"""

import re
from dataclasses import dataclass

from .callsites import PREFIX

NOT_COMPARED = re.compile(r"\.modinfo|__version|\.note|\.rodata\.str|\.rodata\.cst|__param$|"
                          r"\.gnu\.linkonce|\.export_symbol|__dyndbg|\.BTF|\.data\.rel\.local$")
BEFORE = 24     # bytes of code that are shown with a difference


@dataclass(frozen=True)
class Difference:
    """The first difference of a section."""

    section: str
    function: str
    offset: int
    what: str

    def __str__(self):
        return f"{self.function or self.section}+{self.offset:#x}: {self.what}"


def compared(module):
    return {section.name: section for section in module.sections
            if section.loaded and not NOT_COMPARED.match(section.name)}


def function_at(module, section, offset):
    """(name, offset in it) of the function at a place; ("", offset) if there is
    none.
    """
    for symbol in reversed(module.functions(section)):
        if symbol.value <= offset:
            return symbol.name, offset - symbol.value
    return "", offset


def target(module, relocation):
    """What a relocation refers to; strings have other offsets in the two
    builds.
    """
    symbol = relocation.symbol
    if symbol.name:
        # .isra.0 and the like are numbered by file.
        return symbol.name, relocation.addend
    if not 0 < symbol.section < len(module.sections):
        return "", relocation.addend
    name = module.sections[symbol.section].name
    return name, None if name.startswith(".rodata.str") else relocation.addend


def renamed(plain, ours):
    """Whether `ours` is the name of gomalloc's function for `plain`."""
    return ours in (plain, PREFIX + plain)


def first_difference(plain, ours, section, other):
    """The offset of the first difference of two sections, and what it is."""
    if section.executable and section.data != other.data:
        for offset, (a, b) in enumerate(zip(section.data, other.data)):
            if a != b:
                return offset, (f"other code, {section.data[offset:offset + 8].hex(' ')} against "
                                f"{other.data[offset:offset + 8].hex(' ')}")
        return min(len(section.data), len(other.data)), "one ends here"
    if len(section.relocations) != len(other.relocations):
        return 0, (f"{len(section.relocations)} references against {len(other.relocations)}")
    for a, b in zip(section.relocations, other.relocations):
        (name, addend), (other_name, other_addend) = target(plain, a), target(ours, b)
        if (a.offset, a.kind, addend) != (b.offset, b.kind, other_addend) \
                or not renamed(name, other_name):
            return a.offset, f"{name}{shown(addend)} against {other_name}{shown(other_addend)}"
    return None


def shown(addend):
    return f"{addend:+d}" if addend else ""


def differences(plain, ours):
    """The differences of two builds of a module: the first of each section."""
    old, new = compared(plain), compared(ours)
    found = [Difference(name, "", 0, "the section is in one of the builds only")
             for name in sorted(set(old) ^ set(new))]
    for name in old:
        if name not in new:
            continue
        first = first_difference(plain, ours, old[name], new[name])
        if first:
            found.append(Difference(name, *function_at(plain, old[name], first[0]), first[1]))
    return found


def instructions(module):
    """The number of bytes of code that were compared."""
    return sum(len(section.data) for section in compared(module).values() if section.executable)
