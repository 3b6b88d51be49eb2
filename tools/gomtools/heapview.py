# SPDX-License-Identifier: GPL-2.0
"""gomprof: shows which functions hold memory, as a table or a flame graph, and
the difference of two profiles.
"""

import argparse
import sys
from pathlib import Path

from . import flamegraph, heapprofile
from .ui import Failure, paint

EPILOG = """A profile is a copy of debugfs gomalloc/heap.  Samples are scaled to an estimate of all
allocations, which is exact with memprofilerate=1."""


def amount_of(unit):
    """A function that formats a number of bytes, in KiB and so on, or of
    objects.
    """
    def amount(value):
        if unit == "objects":
            return f"{value:,.0f} objects"
        for name in ("B", "KiB", "MiB"):
            if abs(value) < 10000:
                return f"{value:,.0f} {name}" if name == "B" else f"{value:,.1f} {name}"
            value /= 1024
        return f"{value:,.1f} GiB"
    return amount


def table(profile, lines, by_all, amount):
    own, all_of = profile.functions()
    total = profile.total or 1
    order = all_of if by_all else own
    names = sorted(all_of, key=lambda name: (-abs(order[name]), name))
    yield paint(f"{'own':>14} {'share':>7} {'with callees':>14} {'share':>7}  function", "bold")
    for name in names[:lines]:
        yield (f"{amount(own[name]):>14} {own[name] / total:>7.1%} {amount(all_of[name]):>14} "
               f"{all_of[name] / total:>7.1%}  {name}")
    if len(names) > lines:
        yield f"... and {len(names) - lines} more functions (--lines)"


def parser():
    top = argparse.ArgumentParser(prog="tools/gomprof", description=__doc__, epilog=EPILOG)
    top.add_argument("profile", type=Path)
    top.add_argument("--base", type=Path, metavar="OLDER",
                     help="show what changed since this profile")
    top.add_argument("--module", default="",
                     help="show only what this module allocated: stacks whose innermost function "
                     "in a module is in this one")
    top.add_argument("--alloc", action="store_true",
                     help="show all allocations, not only live objects")
    top.add_argument("--objects", action="store_true", help="count objects, not bytes")
    top.add_argument("--all", action="store_true",
                     help="sort by what a function and its callees allocated")
    top.add_argument("--lines", type=int, default=20,
                     help="number of lines of the table (default: 20)")
    top.add_argument("--svg", type=Path, metavar="FILE", help="draw a flame graph into this file")
    return top


def show(options):
    which, unit = "alloc" if options.alloc else "inuse", "objects" if options.objects else "bytes"
    amount = amount_of(unit)
    profile = heapprofile.read(options.profile, which, unit)
    module = options.module.replace("-", "_")
    if module:
        profile = profile.of_module(module)
    if options.base:
        base = heapprofile.read(options.base, which, unit)
        profile = profile.minus(base.of_module(module) if module else base)
    print(f"{profile.what}: {amount(profile.total)} in {len(profile.values)} stacks")
    if profile.values:
        for line in table(profile, options.lines, options.all, amount):
            print(line)
    if options.svg:
        options.svg.write_text(flamegraph.draw(profile, amount, bool(options.base)))
        print(f"written to {options.svg}")


def main():
    try:
        show(parser().parse_args())
    except Failure as failure:
        print(paint("error:", "red", sys.stderr), failure, file=sys.stderr)
        return 1
    except OSError as error:
        print(paint("error:", "red", sys.stderr), error, file=sys.stderr)
        return 1
    return 0
