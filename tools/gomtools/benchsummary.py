# SPDX-License-Identifier: GPL-2.0
"""The benchmark's results at a glance: for each target and group of rows the
lowest and the median ratio of SLUB to gomalloc, and the number of rows in which
gomalloc is more expensive.
"""

import statistics
from dataclasses import dataclass

# SLUB has no size classes above two pages: it hands larger requests to the page
# allocator.
LARGE_FROM = 8193

# Groups: name, description, prefixes of workloads.  The first match counts.
GROUPS = [("memory", "bytes held for what is live, fragmented or not",
           ["held", "churn", "json-held"]),
          ("cross-CPU", "freed on another CPU, all CPUs at once; locks taken, cache lines moved",
           ["remote", "parallel", "cpus-"]),
          ("large", "above 8 KiB, in pairs and batches", ["large", "runs-"]),
          ("batch", "many live at a time: batches, bulk calls, live sets, mixed sizes, JSON",
           ["batch", "cache-batch", "bulk", "cache-bulk", "cache-prefill", "live-", "spans-",
            "mixed", "json"]),
          ("pair", "one allocated and freed at once",
           ["pair", "cache-pair", "cache-ctor", "noscan"]),
          ("other", "zeroed memory, frees after a grace period", [""])]

# Smaller counts for each call, of both allocators, are noise of other tasks.
LEAST_COUNT = 0.01

# Order of the columns.
ORDER = ["pair", "batch", "cross-CPU", "large", "memory", "other"]


@dataclass(frozen=True)
class Ratios:
    """The ratios of one group on one target."""

    lowest: float
    median: float
    below: int      # rows with a ratio below 1
    rows: int


def ratio(slub, gomalloc):
    return round(slub / gomalloc, 2) if slub is not None and gomalloc else None


def group_of(workload, size=None):
    """The group of a row."""
    for name, _, prefixes in GROUPS:
        if name == "large" and size and size >= LARGE_FROM:
            return name
        if any(workload.startswith(prefix) for prefix in prefixes):
            return name
    raise AssertionError("the last group takes every row")


def of_rows(rows):
    """(group, ratio) of each row; the ratio may be None."""
    for row in rows:
        group = group_of(row["workload"], row["size"])
        if group == "memory":
            yield group, ratio(row["held_slub"], row["held_gomalloc"])
        else:
            yield group, row["ratio"]


def cells(lines):
    head, *body = lines
    return [dict(zip(head, line)) for line in body]


def of_churn(lines):
    """The last round of each range of sizes: held at the peak, after the frees,
    and after idle memory was released.
    """
    last = {line["bytes"]: line for line in cells(lines)}
    for line in last.values():
        for column in line:
            if column.startswith("slub_"):
                yield "memory", ratio(float(line[column]),
                                      float(line[column.replace("slub", "gomalloc")]))


def of_allocators(name, lines, keys, columns):
    """Ratios of a table with a line for each allocator, for each of `columns`.
    """
    sides = {}
    for line in cells(lines):
        sides.setdefault(tuple(line[key] for key in keys), {})[line["allocator"]] = line
    for side in sides.values():
        slub, gomalloc = side.get("SLUB", side.get("kmalloc")), side.get("gomalloc")
        for column in columns if slub and gomalloc else []:
            values = float(slub[column]), float(gomalloc[column])
            if max(values) >= LEAST_COUNT:
                yield group_of(name), ratio(*values)


# Tables that compare the two: key columns and value columns.
BY_ALLOCATOR = {"cpus-locks": (["pattern", "cpus"], ["locks"]),
                "cpus-lines": (["pattern", "cpus"], ["lines_moved"]),
                "json": (["text"], ["parse", "free"]), "json-held": (["text"], ["held_KiB"])}


def of_tables(tables):
    for name, lines in tables.items():
        if name == "churn":
            yield from of_churn(lines)
        elif name in BY_ALLOCATOR:
            yield from of_allocators(name, lines, *BY_ALLOCATOR[name])


def of_target(target):
    """{group: Ratios} of one target of results.json, without groups that have
    no ratio.
    """
    found = {}
    for group, value in [*of_rows(target["rows"]), *of_tables(target["tables"])]:
        if value is not None:
            found.setdefault(group, []).append(value)
    return {group: Ratios(min(values), statistics.median(values),
                          sum(value < 1 for value in values), len(values))
            for group, values in found.items()}


def notes(targets):
    """Notes about the ratios, as (names of targets, note)."""
    found = {}
    for target in targets:
        if target["note"]:
            found.setdefault(target["note"], []).append(target["name"])
    return [(", ".join(names), note) for note, names in found.items()]
