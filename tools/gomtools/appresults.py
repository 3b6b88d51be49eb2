# SPDX-License-Identifier: GPL-2.0
"""The results of `make bench WORKLOAD=apps`: build/bench/apps.json, the tables,
and the section of the report.

A run replaces the rows that it measured.  Each row has the commit on which it
was measured; rows of another commit than that which is checked out are marked.
"""

import html
import json

from . import apps, cache, checkout, outoftree, report
from .overgomalloc import aligned

RESULTS = checkout.BUILD / "bench/apps.json"
MARK = "*"
MIB = 1 << 20
MEMORY = ["peak_slub", "peak_gomalloc", "end_slub", "end_gomalloc"]
LARGE = 10      # percent of gain or bound: in a plot of their own

HEADS = {
    apps.INSTRUCTIONS: ["app", "kernel", "Minstr SLUB", "gomalloc", "gain %", "objects",
                        "saved/object", "allocators'", "bound %", "SLUB %", "gomalloc %",
                        "peak MiB SLUB", "gomalloc", "end MiB SLUB", "gomalloc"],
    apps.CYCLES: ["app", "kernel", "Mcycles SLUB", "gomalloc", "gain %", "median SLUB", "gomalloc",
                  "gain %", "objects", "saved/object"],
}
OWN_HEADS = ["kfree_mult", "ms SLUB", "gomalloc", "less %", "footprint MB SLUB", "gomalloc"]
OWN_LEGEND = """\
What rcuscale prints: time of its loops, in which an instruction takes a nanosecond, and by how much
the available memory was less in them."""
LEGENDS = {
    apps.INSTRUCTIONS: """\
Minstr: instructions of the workload, in millions, user space and kernel.  saved/object: the
difference, divided by the objects that the module allocated, all of which were freed at the end, or
the run fails.  allocators': the part of it that is in SLUB's and gomalloc's functions; the rest is
elsewhere, such as in the page allocator, or differs between any two boots.  bound %: instructions
of SLUB's functions that the module's allocations cost: what an allocator of no cost would save.
Pages, waits for locks and cache pressure come on top, on either side, so a gain may differ by more
than that.  SLUB %: all of SLUB's over SLUB, those of the core included; gomalloc %: gomalloc's over
gomalloc.  peak: Slab in /proc/meminfo without what it was before the modules were loaded, plus what
gomalloc holds with its metadata; the most of samples every 10 million instructions.  end: the same
when the workload has ended; gomalloc keeps idle pages for some seconds.""",
    apps.CYCLES: """\
Mcycles: cycles of the workload on User Mode Linux, in millions, user space, kernel and waiting; the
minimum and the median of the rounds, each in a fresh guest with one CPU.  rcuscale: of the time that
it says it took.  saved/object: the difference of the minima, divided by the objects that the module
allocated.""",
}


def load():
    """The stored rows; those of older versions do not say what was measured."""
    rows = json.loads(RESULTS.read_text())["rows"] if RESULTS.exists() else []
    return [row for row in rows if "commit" in row]


def place(row):
    """The place of a row in a table: by unit, app and kernel."""
    return (list(HEADS).index(row["unit"]), list(apps.APPS).index(row["app"]),
            [*apps.OLD_AND_NEW, *apps.NATIVE].index(row["target"]))


def merged(old, new):
    """`old` rows with those of the same app and target replaced by `new`."""
    rows = {(row["app"], row["target"]): row for row in [*old, *new]}
    return sorted(rows.values(), key=place)


def store(rows):
    """Add the rows to the stored ones; return all."""
    with cache.locked(f"results{RESULTS}"):
        rows = merged(load(), rows)
        cache.write(RESULTS, json.dumps({"rows": rows}, indent=1) + "\n")
    return rows


def marked(row):
    return row["app"] + MARK * (row["commit"] != checkout.commit())


def saved(row):
    return "-" if row["saved"] is None else f"{row['saved']:,.0f}"


def saved_by_allocators(row):
    """The part of it in the allocators' functions; rows of older versions have
    none.
    """
    if not row["objects"] or "allocators" not in row:
        return "-"
    return f"{row['allocators'] / row['objects']:,.0f}"


def cells(row):
    """The cells of a row, as HEADS names them."""
    start = [marked(row), row["kernel"], f"{row['slub'] / 1e6:,.1f}",
             f"{row['gomalloc'] / 1e6:,.1f}", f"{row['gain']:.2f}"]
    if row["unit"] == apps.CYCLES:
        slub, ours = row["slub_median"], row["gomalloc_median"]
        return [*start, f"{slub / 1e6:,.1f}", f"{ours / 1e6:,.1f}",
                f"{100 * (slub - ours) / slub:.2f}", f"{row['objects']:,}", saved(row)]
    return [*start, f"{row['objects']:,}", saved(row), saved_by_allocators(row),
            f"{row['bound']:.2f}", f"{row['slub_share']:.2f}", f"{row['gomalloc_share']:.2f}",
            *(f"{row[name] / MIB:.1f}" for name in MEMORY)]


def by_unit(rows):
    """(unit, its rows) for each unit that has any."""
    for unit in HEADS:
        found = [row for row in rows if row["unit"] == unit]
        if found:
            yield unit, found


def others(rows):
    """A sentence about the rows of other commits; empty if there are none."""
    found = {}
    for row in rows:
        if marked(row) != row["app"]:
            found.setdefault(row["commit"], []).append(f"{row['app']} on {row['target']}")
    return "; ".join(f"{MARK} measured on commit {commit}, not on {checkout.commit()}: "
                     f"{', '.join(names)}" for commit, names in found.items())


def own_title(row):
    return f"{row['app']} on {row['kernel']}, by its own account"


def own(row):
    """The cells of a table, as OWN_HEADS names them: what the workload itself
    says that it took, which rcuscale does.
    """
    return [[f"{multiple}", f"{slub / 1e6:,.2f}", f"{ours / 1e6:,.2f}",
             f"{100 * (slub - ours) / slub:.1f}", f"{slub_held}", f"{ours_held}"]
            for multiple, slub, slub_held, ours, ours_held in row.get("own", [])]


def text(rows):
    """The lines of the tables."""
    for unit, found in by_unit(rows):
        yield from aligned(HEADS[unit], [cells(row) for row in found])
        yield LEGENDS[unit]
        if others(found):
            yield others(found)
        yield ""
    for row in rows:
        if own(row):
            yield own_title(row)
            yield from aligned(OWN_HEADS, own(row))
            yield OWN_LEGEND
            yield ""


def profile(row):
    """A table of the functions with the most instructions."""
    lines = [["side", "of", "function or module", "Minstr", "%"]]
    for side, functions in row["functions"].items():
        lines += [[outoftree.SIDES.get(side, side), kind, html.escape(name), f"{number / 1e6:,.1f}",
                   f"{100 * number / row[side]:.2f}"] for kind, name, number in functions]
    return (f"<details><summary>{row['app']} on {row['kernel']}: SLUB's functions and the "
            f"modules</summary>{report.table(lines)}</details>\n")


def own_section(row):
    return (f"<h4>{html.escape(own_title(row))}</h4>\n{report.table([OWN_HEADS, *own(row)])}"
            f'<p class="note">{html.escape(OWN_LEGEND)}</p>\n')


def bars(rows):
    """A plot of the gain beside the bound."""
    data = "".join(f'"{row["app"]}\\n{row["kernel"].rpartition(".")[0]}" {row["gain"]} '
                   f'{row["bound"]}\n' for row in rows)
    return report.gnuplot(f"$d << EOD\n{data}EOD\nset style data histogram\n"
                          "set style histogram clustered gap 1\n"
                          "set style fill solid 0.9 noborder\nset yrange [*<0:0<*]\n"
                          "set xzeroaxis lt -1 lc rgb '#999999'\n"
                          "set ylabel '% of the instructions'\nset xtics font ',9'\n"
                          f"plot $d using 2:xtic(1) lc rgb '{report.COLOURS['gomalloc']}' title "
                          f"'gain', '' using 3 lc rgb '{report.COLOURS['floor']}' title 'bound'\n",
                          width=80 + 60 * max(len(rows), 5))


def plots(rows):
    """The rows with large gains apart: the others would be too small to see."""
    large = [row for row in rows if max(row["gain"], row["bound"]) >= LARGE]
    return "".join(f"<figure class=wide><figcaption>Gain, and the most that an allocator could gain"
                   f"</figcaption>{bars(some)}</figure>\n"
                   for some in ([row for row in rows if row not in large], large) if some)


def section(rows):
    """A section of the report; empty without rows."""
    parts = []
    for unit, found in by_unit(rows):
        parts.append(f"<h3>{unit}, <code>{html.escape(found[0]['append'])}</code></h3>\n"
                     + (plots(found) if unit == apps.INSTRUCTIONS and report.can_plot() else "")
                     + report.table([HEADS[unit], *(cells(row) for row in found)])
                     + f'<p class="note">{html.escape(LEGENDS[unit])}</p>\n'
                     + (f"<p>{html.escape(others(found))}.</p>\n" if others(found) else "")
                     + "".join(own_section(row) for row in found if row.get("own"))
                     + "".join(profile(row) for row in found if "functions" in row))
    if not parts:
        return ""
    return ('<h2 id="apps">Modules over gomalloc</h2>\n<p>Modules of the kernel, unmodified, their '
            "whole workload over SLUB and over gomalloc, which has <code>memprofilerate=0</code>: "
            "<code>make bench WORKLOAD=apps</code>.</p>\n" + "".join(parts))
