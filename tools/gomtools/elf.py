# SPDX-License-Identifier: GPL-2.0
"""Reads what callsites.py and samecode.py need of a module's file: sections,
symbols and relocations of a relocatable ELF file.
"""

import struct
from dataclasses import dataclass

from .ui import Failure

SYMTAB, RELA, NOBITS = 2, 4, 8
ALLOC, EXECINSTR = 2, 4
SECTION_SYMBOL, FUNCTION = 3, 2
X86_64, AARCH64 = 62, 183


@dataclass(frozen=True)
class Symbol:
    """A symbol: `section` is an index, 0 if it is undefined."""

    name: str
    kind: int
    section: int
    value: int
    size: int


@dataclass(frozen=True)
class Relocation:
    """A place in a section, and what it refers to."""

    offset: int
    kind: int
    symbol: Symbol
    addend: int


@dataclass
class Section:
    """A section, with its relocations in order."""

    index: int
    name: str
    kind: int
    flags: int
    data: bytes
    link: int
    info: int
    entry_size: int
    relocations: list

    @property
    def loaded(self):
        return bool(self.flags & ALLOC)

    @property
    def executable(self):
        return self.loaded and bool(self.flags & EXECINSTR)


class Module:
    """A module's file."""

    def __init__(self, data, name="a module"):
        if data[:5] != b"\x7fELF\x02":
            raise Failure(f"{name} is not a 64-bit ELF file.")
        self.name = name
        self.order = "<" if data[5] == 1 else ">"
        self.machine, = self.unpack("H", data, 18)
        self.sections = self.read_sections(data)
        symbols = next((s for s in self.sections if s.kind == SYMTAB), None)
        self.symbols = self.read_symbols(symbols) if symbols else []
        for section in self.sections:
            if section.kind == RELA:
                self.sections[section.info].relocations = sorted(
                    self.read_relocations(section), key=lambda each: each.offset)

    def unpack(self, layout, data, at):
        return struct.unpack_from(self.order + layout, data, at)

    def read_sections(self, data):
        at, = self.unpack("Q", data, 40)
        size, number, names = self.unpack("HHH", data, 58)
        rows = [self.unpack("IIQQQQIIQQ", data, at + index * size) for index in range(number)]
        texts = data[rows[names][4]:rows[names][4] + rows[names][5]] if rows else b""
        return [Section(index, text(texts, row[0]), row[1], row[2],
                        b"" if row[1] == NOBITS else data[row[4]:row[4] + row[5]],
                        row[6], row[7], row[9], [])
                for index, row in enumerate(rows)]

    def read_symbols(self, section):
        texts = self.sections[section.link].data
        found = []
        for at in range(0, len(section.data), section.entry_size):
            name, kind, _, where, value, size = self.unpack("IBBHQQ", section.data, at)
            found.append(Symbol(text(texts, name), kind & 15, where, value, size))
        return found

    def read_relocations(self, section):
        for at in range(0, len(section.data), section.entry_size):
            offset, kind, number, addend = self.unpack("QIIq", section.data, at)
            yield Relocation(offset, kind, self.symbols[number], addend)

    def functions(self, section):
        """The functions of a section, in order."""
        return sorted((symbol for symbol in self.symbols
                       if symbol.kind == FUNCTION and symbol.section == section.index),
                      key=lambda symbol: symbol.value)


def text(data, at):
    return data[at:data.index(b"\0", at)].decode()


def read(path):
    return Module(path.read_bytes(), path.name)
