# SPDX-License-Identifier: GPL-2.0
"""Heap profiles from debugfs `heap`: parsing, scaling samples, subtracting
another profile.
"""

import math
import re
from collections import Counter

from .ui import Failure

HEADER = re.compile(r"heap profile: (\d+): (\d+) \[(\d+): (\d+)\] @ heap_v2/(\d+)$")
SAMPLES = re.compile(r"(\d+): (\d+) \[(\d+): (\d+)\] @((?: 0x[0-9a-f]+)+)$")
SYMBOL = re.compile(r"(0x[0-9a-f]+) (.+)$")
MODULE = re.compile(r" \[(\w+)\]$")
# Groups of SAMPLES: objects and bytes.
VALUES = {"inuse": (1, 2), "alloc": (3, 4)}


def unsampled(objects, size, rate):
    """The scale of a line: an object of s bytes is sampled with probability 1 -
    exp(-s/rate).
    """
    if not objects or rate <= 1:
        return 1
    return 1 / -math.expm1(-size / objects / rate)


def module_of(function):
    """The module of a function, "" if it has none: "m" of "f+0x1/0x2 [m]"."""
    match = MODULE.search(function)
    return match[1] if match else ""


class Profile:
    """Estimates by stack: a tuple of names, from the caller of the allocator
    outwards.
    """

    def __init__(self, what, values):
        self.what = what            # "inuse bytes", ...
        self.values = values        # Counter: stack -> objects or bytes

    @property
    def total(self):
        return sum(self.values.values())

    def minus(self, base):
        values = Counter(self.values)
        values.subtract(base.values)
        return Profile(f"{self.what}, difference",
                       Counter({s: v for s, v in values.items() if round(v)}))

    def of_module(self, module):
        """The stacks that belong to a module: their innermost function in any
        module is in this one.
        """
        def owner(stack):
            return next(filter(None, map(module_of, stack)), "")
        return Profile(f"{self.what} of {module}",
                       Counter({s: v for s, v in self.values.items() if owner(s) == module}))

    def functions(self):
        """For each function: what it allocated itself, and with its callees."""
        own, all_of = Counter(), Counter()
        for stack, value in self.values.items():
            own[stack[0]] += value
            for name in set(stack):
                all_of[name] += value
        return own, all_of


def parse(text, which="inuse", unit="bytes", name="the profile"):
    """A profile's text as a Profile of `which` ("inuse" or "alloc") in `unit`
    ("bytes" or "objects").
    """
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
            raise Failure(f"Line {number} of {name} is no line of a heap profile: {line[:60]!r}")
    if rate is None:
        raise Failure(f"{name} has no line \"heap profile: ...\": "
                      "it should be a copy of debugfs gomalloc/heap.")
    return Profile(f"{which} {unit}", Counter({s: v for s, v in values.items() if v}))


def read(path, which, unit):
    try:
        text = path.read_text()
    except (OSError, UnicodeDecodeError) as error:
        raise Failure(f"{path} cannot be read: {error}") from error
    return parse(text, which, unit, str(path))
