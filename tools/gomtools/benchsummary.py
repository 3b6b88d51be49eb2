# SPDX-License-Identifier: GPL-2.0
"""The benchmark's results at a glance: for each target and group of rows the lowest and the
median ratio of SLUB to gomalloc, and in how many rows gomalloc is the dearer one.
"""

import statistics
from dataclasses import dataclass

# SLUB has no size classes above two pages: it hands larger requests to the page allocator.
LARGE_FROM = 8193

# A group, what is in it, and how its workloads' names begin: the first that fits counts.
GROUPS = [("memory", "bytes held for what is live, fragmented or not", ["held", "churn", "json-held"]),
          ("cross-CPU", "freed on another CPU, all CPUs at once; locks taken, cache lines moved",
           ["remote", "parallel", "cpus-"]),
          ("large", "above 8 KiB, in pairs and batches", ["large", "runs-"]),
          ("batch", "many live at a time: batches, bulk calls, live sets, mixed sizes, JSON",
           ["batch", "cache-batch", "bulk", "cache-bulk", "cache-prefill", "live-", "spans-", "mixed", "json"]),
          ("pair", "one allocated and freed at once", ["pair", "cache-pair", "cache-ctor", "noscan"]),
          ("other", "zeroed memory, frees after a grace period", [""])]

# Counts for each call that are smaller on both sides are somebody else's.
LEAST_COUNT = 0.01

# How they stand side by side.
ORDER = ["pair", "batch", "cross-CPU", "large", "memory", "other"]


@dataclass(frozen=True)
class Figures:
    """One group on one target."""

    lowest: float
    median: float
    below: int      # rows with a ratio below 1
    rows: int


def ratio(slub, gomalloc):
    return round(slub / gomalloc, 2) if slub is not None and gomalloc else None


def group_of(workload, size=None):
    """Which group a row belongs to."""
    for name, _, beginnings in GROUPS:
        if name == "large" and size and size >= LARGE_FROM:
            return name
        if any(workload.startswith(beginning) for beginning in beginnings):
            return name
    raise AssertionError("the last group takes every row")


def of_rows(rows):
    """(group, ratio) of each row that has one."""
    for row in rows:
        group = group_of(row["workload"], row["size"])
        yield group, ratio(row["held_slub"], row["held_gomalloc"]) if group == "memory" else row["ratio"]


def cells(lines):
    head, *body = lines
    return [dict(zip(head, line)) for line in body]


def of_churn(lines):
    """The last round of each range of sizes: held at the peak, after the frees, and after idle memory was released."""
    last = {line["bytes"]: line for line in cells(lines)}
    for line in last.values():
        for column in line:
            if column.startswith("slub_"):
                yield "memory", ratio(float(line[column]), float(line[column.replace("slub", "gomalloc")]))


def of_allocators(name, lines, keys, columns):
    """A table with a line for each allocator: SLUB's over ours, for each of `columns`."""
    sides = {}
    for line in cells(lines):
        sides.setdefault(tuple(line[key] for key in keys), {})[line["allocator"]] = line
    for side in sides.values():
        slub, ours = side.get("SLUB", side.get("kmalloc")), side.get("gomalloc")
        for column in columns if slub and ours else []:
            values = float(slub[column]), float(ours[column])
            if max(values) >= LEAST_COUNT:
                yield group_of(name), ratio(*values)


# Tables that compare the two, and how they are read; the others have no ratio.
BY_ALLOCATOR = {"cpus-locks": (["pattern", "cpus"], ["locks"]), "cpus-lines": (["pattern", "cpus"], ["lines_moved"]),
                "json": (["text"], ["parse", "free"]), "json-held": (["text"], ["held_KiB"])}


def of_tables(tables):
    for name, lines in tables.items():
        if name == "churn":
            yield from of_churn(lines)
        elif name in BY_ALLOCATOR:
            yield from of_allocators(name, lines, *BY_ALLOCATOR[name])


def of_target(target):
    """{group: Figures} of one target of results.json, without the groups that it has no ratio in."""
    found = {}
    for group, value in [*of_rows(target["rows"]), *of_tables(target["tables"])]:
        if value is not None:
            found.setdefault(group, []).append(value)
    return {group: Figures(min(values), statistics.median(values), sum(value < 1 for value in values), len(values))
            for group, values in found.items()}


def notes(targets):
    """What a reader has to know about the ratios, as (names of targets, note)."""
    found = {}
    for target in targets:
        if target["note"]:
            found.setdefault(target["note"], []).append(target["name"])
    return [(", ".join(names), note) for note, names in found.items()]
