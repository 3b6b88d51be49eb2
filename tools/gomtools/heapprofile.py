# SPDX-License-Identifier: GPL-2.0
"""Heap profiles as debugfs `heap` has them: reading one, scaling its samples up, subtracting another."""

import math
import re
from collections import Counter

from .ui import Failure

HEADER = re.compile(r"heap profile: (\d+): (\d+) \[(\d+): (\d+)\] @ heap_v2/(\d+)$")
SAMPLES = re.compile(r"(\d+): (\d+) \[(\d+): (\d+)\] @((?: 0x[0-9a-f]+)+)$")
SYMBOL = re.compile(r"(0x[0-9a-f]+) (.+)$")
# Where the values are found in a line of samples: objects, then bytes.
VALUES = {"inuse": (1, 2), "alloc": (3, 4)}


def unsampled(objects, size, rate):
    """How much one line's samples stand for: each object of s bytes was one with probability 1 - exp(-s/rate)."""
    if not objects or rate <= 1:
        return 1
    return 1 / -math.expm1(-size / objects / rate)


class Profile:
    """Estimates by stack, a tuple of names from the caller of the allocator outwards."""

    def __init__(self, what, values):
        self.what = what            # "inuse bytes", ...
        self.values = values        # Counter: stack -> objects or bytes

    @property
    def total(self):
        return sum(self.values.values())

    def minus(self, base):
        values = Counter(self.values)
        values.subtract(base.values)
        return Profile(f"{self.what}, difference", Counter({s: v for s, v in values.items() if round(v)}))

    def functions(self):
        """For each function what it asked for itself, and what it and those it called did."""
        own, all_of = Counter(), Counter()
        for stack, value in self.values.items():
            own[stack[0]] += value
            for name in set(stack):
                all_of[name] += value
        return own, all_of


def parse(text, which="inuse", unit="bytes", name="the profile"):
    """A profile's text as a Profile of `which` ("inuse" or "alloc") in `unit` ("bytes" or "objects")."""
    symbols, rate, values = {}, None, Counter()
    objects_at, bytes_at = VALUES[which]
    for number, line in enumerate(text.splitlines(), 1):
        line = line.rstrip()
        if match := SAMPLES.match(line):
            if rate is None:
                break
            objects, size = int(match[objects_at]), int(match[bytes_at])
            stack = tuple(symbols.get(address, address) for address in match[5].split())
            values[stack] += (size if unit == "bytes" else objects) * unsampled(objects, size, rate)
        elif match := HEADER.match(line):
            rate = int(match[5])
        elif match := SYMBOL.match(line):
            symbols[match[1]] = match[2]
        elif line and not line.startswith(("---", "binary=")):
            raise Failure(f"Line {number} of {name} is not of a heap profile: {line[:60]!r}")
    if rate is None:
        raise Failure(f"There is no line \"heap profile: ...\" in {name}: "
                      "it should be what debugfs gomalloc/heap says.")
    return Profile(f"{which} {unit}", Counter({s: v for s, v in values.items() if v}))


def read(path, which, unit):
    try:
        text = path.read_text()
    except (OSError, UnicodeDecodeError) as error:
        raise Failure(f"{path} cannot be read: {error}") from error
    return parse(text, which, unit, str(path))
