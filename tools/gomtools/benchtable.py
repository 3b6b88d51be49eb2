# SPDX-License-Identifier: GPL-2.0
"""Prints the results of the benchmark as tables, one for each target."""

import textwrap

from . import benchsummary
from .ui import paint

COLUMNS = [("workload", 18, "workload"), ("size", 7, "size"), ("slub", 9, "SLUB"),
           ("gomalloc", 9, "gomalloc"), ("floor", 8, "floor"), ("sbrk", 8, "sbrk"),
           ("ratio", 7, "ratio"), ("slub_median", 9, "SLUB"), ("gomalloc_median", 9, "gomalloc"),
           ("ratio_median", 7, "ratio"), ("held_slub", 9, "SLUB"), ("held_gomalloc", 9, "gomalloc")]
GROUPS = (f"{'':26}{'--------------- minimum ----------------':>45}{'------- median -------':>28}"
          f"{'-- bytes held --':>20}")


WIDTH = 132     # of paragraphs


def cell(value, width):
    if value is None:
        return f"{'-':>{width}}"
    if isinstance(value, str):
        return f"{value:<{width}}"
    return f"{value:>{width}}" if isinstance(value, int) else f"{value:>{width}.1f}"


def ratio_cell(value, width):
    if value is None:
        return cell(value, width)
    return paint(f"{value:>{width}.2f}", "green" if value >= 1 else "red")


def line(row):
    return " ".join((ratio_cell if name.startswith("ratio") else cell)(row[name], width)
                    for name, width, _ in COLUMNS)


TITLES = {"json": "json: text parsed into a tree, and the tree freed; {unit} per object",
          "json-held": "json-held: KiB held by such a tree",
          "churn": "churn: memory held over memory live, grown to 256 MiB, shrunk to a tenth, idle "
          "memory released",
          "offtimes": "offtimes: nanoseconds, or counted instructions, with interrupts or "
          "preemption disabled:\n"
          "of half of the sections, of all but one in a thousand, and of the longest",
          "soak": "soak: {unit} for a free and an allocation as time goes on; memory held over "
          "memory live",
          "cpus-locks": "cpus-locks: spin locks taken, and waited for, for each call",
          "cpus-lines": "cpus-lines: cache lines moved from CPU to CPU, locked instructions and "
          "accesses, for each call",
          "persistent": "persistent: {unit} per block of 64 bytes, one chunk under a lock or one "
          "for each CPU"}


def show_table(name, lines, unit):
    """Print a table with columns of its own; words are left-aligned, numbers
    right-aligned.
    """
    print(f"\n{TITLES.get(name, name).format(unit=unit)}")
    widths = [max(map(len, column)) for column in zip(*lines)]
    words = [not column[-1][0].isdigit() for column in zip(*lines)]
    for cells in lines:
        print("  ".join(f"{text:{'<' if is_word else '>'}{width}}"
                        for text, width, is_word in zip(cells, widths, words)).rstrip())


def paragraph(text, indent="  "):
    return textwrap.fill(text, WIDTH, subsequent_indent=indent)


def show(target):
    """Print the table of one target of results.json."""
    what = {"cycles": "cycles per operation", "instructions": "instructions per operation"}
    cpus = f"{target['cpus']} CPU{'s' * (target['cpus'] > 1)}"
    print(paint(f"{target['name']}: Linux {target['kernel']}, {target['machine']}, {cpus}, "
                f"{what.get(target['unit'], target['unit'])}", "bold"))
    print(f"kernel command line: {target['cmdline']}")
    if target["note"]:
        print(paragraph(f"note: {target['note']}"))
    if target["rows"]:
        print(GROUPS)
        print(" ".join(f"{title:{'<' if name == 'workload' else '>'}{width}}" for name, width,
                       title in COLUMNS))
    for row in target["rows"]:
        print(line(row))
    for name, lines in target["tables"].items():
        show_table(name, lines, target["unit"])
    print(flush=True)


def summary_cell(ratios):
    if not ratios:
        return "-"
    return f"{ratios.lowest:5.2f} {ratios.median:6.2f} {ratios.below:>3}/{ratios.rows:<3}"


def show_summary(targets):
    """Print a summary of each target's ratios; nothing if nothing was compared.
    """
    summaries = {target["name"]: benchsummary.of_target(target) for target in targets}
    summaries = {name: groups for name, groups in summaries.items() if groups}
    if not summaries:
        return
    width = max(map(len, summaries)) + 2
    print(paint("summary: SLUB / gomalloc, above 1 gomalloc is cheaper; lowest, median, rows below "
                "1 of all", "bold"))
    print(f"{'':{width}}" + "".join(f"{group:<22}" for group in benchsummary.ORDER).rstrip())
    for name, groups in summaries.items():
        print(f"{name:{width}}" + "".join(f"{summary_cell(groups.get(group)):<22}"
                                          for group in benchsummary.ORDER).rstrip())
    meaning = {group: what for group, what, _ in benchsummary.GROUPS}
    for group in benchsummary.ORDER:
        if any(group in groups for groups in summaries.values()):
            print(f"  {group}: {meaning[group]}")
    for names, note in benchsummary.notes(targets):
        print(paragraph(f"  {names}: {note}", "    "))
    print(flush=True)
