# SPDX-License-Identifier: GPL-2.0
"""Counts the instructions of a guest's workload by the functions that execute
them, with QEMU's plugin tools/plugin/profile.c.

The guest's script says where functions are (tools/guest/app.sh): of the
kernel, from /proc/kallsyms, those that are SLUB's, and of modules the range of
each.
"""

import bisect
import os
import re
from collections import Counter
from dataclasses import dataclass

from . import cachelines, checkout

SOURCE = checkout.ROOT / "tools/plugin/profile.c"
# Time passes with instructions alone, and random numbers are the same in each
# run, so that a run can be repeated.
REPEATABLE = ["-seed", "1", "-rtc", "base=2026-01-01T00:00:00,clock=vm"]

# Where SLUB's functions are defined.  Until 6.13 those that free after a grace
# period are in RCU's file, among others.
SLUB_FILES = ["mm/slub.c", "mm/slab_common.c", "mm/slab.h"]
RCU_FILE = "kernel/rcu/tree.c"
RCU_NAMES = re.compile(r"kv?free|krc|krwp|bnode|fill_page_cache")
DEFINITION = re.compile(r"^(?:[A-Za-z_][\w]*[\s*]+)*(\w+)\(", re.MULTILINE)
# Accounting of slab objects to memory cgroups, and what older kernels have in
# mm/util.c.
ELSEWHERE = {"__memcg_slab_post_alloc_hook", "__memcg_slab_free_hook", "kvfree", "kvmalloc_node"}
# Names of inline functions that others have, too.
AMBIGUOUS = {"stat", "trace", "bootstrap", "get_node", "module_init", "static_assert"}
USER = "user space"
OTHER = "the rest of the kernel"


def slub_functions(tree):
    """The names of SLUB's functions in a kernel's sources."""
    found = set(ELSEWHERE)
    for name in SLUB_FILES:
        found |= set(DEFINITION.findall((tree / name).read_text(errors="replace")))
    found |= {name for name in DEFINITION.findall((tree / RCU_FILE).read_text(errors="replace"))
              if RCU_NAMES.search(name)}
    return found - AMBIGUOUS


@dataclass(frozen=True)
class Range:
    """Addresses of a function or module: `kind` is "slub" or "module"."""

    first: int
    end: int
    kind: str
    name: str


def ranges(output):
    """The ranges that the guest's script printed, in order.

    The size of a module includes data that are elsewhere, so a module may seem
    to reach into the next one; by_function() takes the one that begins last.
    """
    found = []
    for line in output.splitlines():
        match = re.fullmatch(r"# (slub|module) (\w+) (?:0x)?([0-9a-f]+) (?:0x)?([0-9a-f]+)", line)
        if match and match[1] == "slub":
            found.append(Range(int(match[3], 16), int(match[4], 16), "slub", match[2]))
        elif match:
            first = int(match[3], 16)
            found.append(Range(first, first + int(match[4]), "module", match[2]))
    return sorted(found, key=lambda each: each.first)


def counted(text):
    """The plugin's output as [(address, instructions)]."""
    return [(int(address, 16), int(number))
            for address, number in (line.split() for line in text.splitlines())]


def by_function(blocks, known):
    """{(kind, name): instructions}; what no range has is of the kind "rest"."""
    starts = [each.first for each in known]
    found = Counter()
    for address, number in blocks:
        at = bisect.bisect_right(starts, address) - 1
        if address == 0:
            found["rest", USER] += number
        elif at >= 0 and address < known[at].end:
            found[known[at].kind, known[at].name] += number
        else:
            found["rest", OTHER] += number
    return found


def options(output):
    """QEMU's options."""
    return ["-accel", "tcg,thread=single", "-plugin",
            f"{cachelines.build(SOURCE)},out={os.fspath(output)}", *REPEATABLE]


def refusal():
    return cachelines.refusal(SOURCE)
