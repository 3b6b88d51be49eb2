# SPDX-License-Identifier: GPL-2.0
"""gomadvise: a page of advice on how a module uses gomalloc: how long its
objects live, how many it allocates, what rounding wastes, and where a cache of
its own would pay.
"""

import argparse
import re
import sys
from collections import Counter
from dataclasses import dataclass, field
from pathlib import Path

from .heapprofile import module_of, unsampled
from .heapview import amount_of
from .ui import Failure, paint

EPILOG = """SOURCE is debugfs gomalloc/lifetimes, or a copy of it.  With memprofilerate=1 the
numbers are exact; else they are estimates from samples.  `echo reset >
/sys/kernel/debug/gomalloc/control` begins anew."""

DEFAULT = Path("/sys/kernel/debug/gomalloc/lifetimes")
HEADER = re.compile(r"lifetimes: memprofilerate=(\d+) seconds=([\d.]+)$")
COLUMNS = "mallocs\tfrees\tsize\trequested\tmodule\tkind\tages\tstack"
BANDS = [(20, "below 1 ms"), (30, "1 ms to 1 s"), (36, "1 s to 1 min"), (99, "above 1 min")]
# Least that a cache of its own must save to be worth a line.
PAGE = 4096
OFTEN = 1000            # pairs per second
SHORT = 20              # log2 of ns: 1 ms
# Instructions for an allocation and its free on Debian's 7.3, 64 bytes: of size
# classes and of a named cache.  "gomalloc" is the calls of gomalloc.h, measured
# by `make bench WORKLOAD=pair,cache-pair SIZE=64`, "drop-in" those of a module
# built with as_slab.h, measured by `make bench WORKLOAD=over SIZE=64`; with
# TARGET=stock-newest, then stock-newest-shipped.
PAIRS = {
    "gomalloc": [("with init_on_alloc=0 mitigations=off", 79, 59),
                 ("as Debian ships 7.3", 147, 116)],
    "drop-in": [("with init_on_alloc=0 mitigations=off", 83, 67),
                ("as Debian ships 7.3", 134, 129)],
}
MIXED = "mixed"         # the sum of stacks that were reclaimed
FEW = 30                # samples; with fewer an estimate says little

amount = amount_of("bytes")


@dataclass
class Site:
    """What one call site allocated, of one kind and size."""

    name: str
    kind: str
    size: int
    samples: int = 0
    mallocs: float = 0
    frees: float = 0
    requested: float = 0
    ages: Counter = field(default_factory=Counter)      # log2 of ns -> objects

    @property
    def live(self):
        return self.mallocs - self.frees

    @property
    def mean(self):
        """Mean of the bytes requested."""
        return self.requested / self.mallocs

    @property
    def waste(self):
        """Bytes of an object that were not requested."""
        return self.size - self.mean

    def median(self):
        return quantile(self.ages, 0.5)


def quantile(ages, part):
    """The bound below which that part of the objects lived, as log2 of ns; None
    if none was freed.
    """
    left = part * sum(ages.values())
    for age in sorted(ages):
        left -= ages[age]
        if left <= 0:
            return age
    return None


def duration(age):
    """An upper bound of 2^age ns, for people."""
    if age is None:
        return "-"
    if age >= 37:
        return "> 1 min"
    value = 2 ** age
    for unit in ("ns", "us", "ms"):
        if value < 1000:
            return f"< {value:.0f} {unit}" if value >= 10 else f"< {value:.1f} {unit}"
        value /= 1000
    return f"< {value:.0f} s" if value >= 10 else f"< {value:.1f} s"


class Data:
    """The text of debugfs lifetimes."""

    def __init__(self, text, name="the file"):
        lines = text.splitlines()
        match = HEADER.match(lines[0]) if lines else None
        if not match or lines[1:2] != [COLUMNS]:
            raise Failure(f"{name} does not begin like debugfs gomalloc/lifetimes.")
        self.rate, self.seconds = int(match[1]), float(match[2])
        self.rows = []
        for number, line in enumerate(lines[2:], 3):
            fields = line.split("\t")
            if len(fields) != 8:
                raise Failure(f"Line {number} of {name} does not have 8 fields.")
            self.rows.append(fields)

    def modules(self):
        return sorted({row[4] for row in self.rows})

    def sites(self, module=""):
        """The call sites of a module, or all."""
        found = {}
        for mallocs, frees, size, requested, owner, kind, ages, stack in self.rows:
            if module and owner != module:
                continue
            frames = stack.split(";")
            name = next((f for f in frames if module_of(f) == owner), frames[0])
            site = found.setdefault((name, kind, size), Site(name, kind, int(size)))
            scale = unsampled(1, int(size), self.rate)
            site.samples += int(mallocs)
            site.mallocs += int(mallocs) * scale
            site.frees += int(frees) * scale
            site.requested += int(requested) * scale
            for age, n in (pair.split(":") for pair in ages.split(",") if pair):
                site.ages[int(age)] += int(n) * scale
        return list(found.values())


def row(*cells):
    *numbers, name = cells
    return "  " + " ".join(f"{cell:>12}" for cell in numbers) + "  " + name


def lifetimes(sites):
    ages = sum((site.ages for site in sites), Counter())
    freed, live = sum(ages.values()), sum(site.live for site in sites)
    if not freed:
        yield "  No object has been freed."
        return
    lower = 0
    for upper, name in BANDS:
        part = sum(n for age, n in ages.items() if lower < age <= upper)
        yield f"  {part / freed:>6.1%}  {name}"
        lower = upper
    yield (f"  half of the freed objects lived {duration(quantile(ages, .5))}, 99% "
           f"{duration(quantile(ages, .99))}; {live:,.0f} objects are live")


def by_name(sites):
    """Sites with all their kinds and sizes as one."""
    found = {}
    for site in sites:
        whole = found.setdefault(site.name, Site(site.name, "", 0))
        whole.kind = f"{whole.kind}, {site.kind}" if whole.kind else site.kind
        whole.mallocs += site.mallocs
        whole.frees += site.frees
        whole.ages += site.ages
    for whole in found.values():
        kinds = whole.kind.split(", ")
        if len(kinds) > 2:
            whole.kind = f"{len(kinds)} classes"
    return found.values()


def busiest(sites, seconds, top):
    yield row("a second", "objects", "live", "half lived", "call site")
    for site in sorted(by_name(sites), key=lambda s: -s.mallocs)[:top]:
        yield row(f"{site.mallocs / seconds:,.0f}" if seconds else "-", f"{site.mallocs:,.0f}",
                  f"{site.live:,.0f}", duration(site.median()), f"{site.name}, {site.kind}")


def wasteful(sites, top):
    sites = [s for s in sites if s.kind != MIXED]
    order = sorted((s for s in sites if s.waste >= 1), key=lambda s: -s.waste * s.mallocs)[:top]
    if not order:
        yield "  Every size fits its class."
        return
    yield row("asked for", "takes", "unused", "of live", "call site")
    for site in order:
        yield row(f"{site.mean:,.1f}", f"{site.size:,}", f"{site.waste / site.size:.0%}",
                  amount(max(site.live, 0) * site.waste), f"{site.name}, {site.kind}")


def instructions(rate, calls):
    """What a cache saves at so many pairs a second, in each state that was
    measured; `calls` is a key of PAIRS.
    """
    return ", ".join(f"{pair - cached} of {pair} instructions each {state} "
                     f"({rate * (pair - cached) / 1e6:,.2f} million a second)"
                     for state, pair, cached in PAIRS[calls])


def caches(sites, seconds, calls):
    """Where a cache of its own would pay: by memory, or by instructions."""
    said = False
    for site in sorted(sites, key=lambda s: -s.waste * s.live):
        if not site.kind.startswith("class") or site.samples < FEW:
            continue
        # A cache's objects are multiples of 8 bytes.
        saved = (site.size - -(-site.mean // 8) * 8) * site.live
        rate = site.mallocs / seconds if seconds else 0
        median = site.median()
        if saved >= PAGE and site.waste >= 8:
            said = True
            yield (f"  {site.name}: {site.live:,.0f} live objects of {site.mean:,.1f} bytes on "
                   f"average take {site.size} each; a cache would save up to {amount(saved)}, if "
                   "they have one size.")
        elif rate >= OFTEN and median is not None and median <= SHORT:
            said = True
            yield (f"  {site.name}: {rate:,.0f} objects of {site.mean:,.1f} bytes a second, half "
                   f"live {duration(median)}; a cache would save about {instructions(rate, calls)}.")
    if not said:
        yield (f"  No call site of {FEW} samples or more would save {amount(PAGE)}, or allocates "
               f"{OFTEN} short-lived objects a second.")


def page(data, module, top, calls="gomalloc"):
    sites = data.sites(module)
    if not sites:
        raise Failure(f"There is no sample of {module or 'any module'}; there are samples of: "
                      f"{', '.join(data.modules()) or 'none'}.")
    samples, total = sum(s.samples for s in sites), sum(s.mallocs for s in sites)
    exact = "every object" if data.rate == 1 else f"estimates from {samples:,} samples"
    yield (f"{module or 'all modules'}: {total:,.0f} objects allocated in {data.seconds:,.1f} s, "
           f"{amount(sum(s.mallocs * s.size for s in sites))}, of which "
           f"{amount(sum(s.requested for s in sites))} were asked for; {exact}")
    if data.rate != 1 and samples < FEW:
        yield f"With only {samples} samples these numbers say little: lower memprofilerate."
    for title, lines in (("How long objects live", lifetimes(sites)),
                         ("The busiest call sites", busiest(sites, data.seconds, top)),
                         ("What rounding wastes", wasteful(sites, top)),
                         ("Would a cache of its own pay?", caches(sites, data.seconds, calls))):
        yield ""
        yield paint(title, "bold")
        yield from lines


def parser():
    top = argparse.ArgumentParser(prog="tools/gomadvise", description=__doc__, epilog=EPILOG)
    top.add_argument("source", type=Path, nargs="?", default=DEFAULT, metavar="SOURCE",
                     help=f"default: {DEFAULT}")
    top.add_argument("--module", default="", help="only what this module allocated")
    top.add_argument("--drop-in", action="store_const", const="drop-in", default="gomalloc",
                     dest="calls", help="the module was built with as_slab.h: what its calls "
                     "cost decides what a cache would save")
    top.add_argument("--top", type=int, default=5, help="call sites in each table (default: 5)")
    return top


def main():
    options = parser().parse_args()
    try:
        data = Data(options.source.read_text(), str(options.source))
        for line in page(data, options.module.replace("-", "_"), options.top,
                         options.calls):
            print(line)
    except (Failure, OSError, UnicodeDecodeError) as failure:
        print(paint("error:", "red", sys.stderr), failure, file=sys.stderr)
        return 1
    return 0
