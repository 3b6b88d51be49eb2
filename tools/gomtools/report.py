# SPDX-License-Identifier: GPL-2.0
"""build/bench/report.html: a page with the results of the benchmark.

It contains plots, drawn by gnuplot as SVG, all rows, the machines with their
command lines, and the command that repeats the run.
"""

import html
import math
import os
import platform
import re
import shutil
import subprocess
from pathlib import Path

from . import benchsummary, cache

COLOURS = {"SLUB": "#c0392b", "gomalloc": "#1f77b4", "floor": "#7f8c8d", "sbrk mode": "#b8860b"}

# Plots: title, label of x, workloads, and curves as (name, column).
COSTS = [("SLUB", "slub"), ("gomalloc", "gomalloc"), ("floor", "floor"), ("sbrk mode", "sbrk")]
PLOTS = [("Allocate and free, size not constant", "bytes", ["pair", "large"], COSTS),
         ("10,000 live, freed in the order of allocation", "bytes", ["batch-fifo"], COSTS),
         ("10,000 live, freed at random", "bytes", ["batch-random"], COSTS),
         ("Named cache, many in a call, each", "objects in a call", ["cache-bulk-"], COSTS[:2]),
         ("Some of the live objects replaced", "objects of 16 bytes live", ["live-"], COSTS[:2]),
         ("1,000 objects of 1 KiB allocated and freed", "partial spans", ["spans-"], COSTS[:2]),
         ("50 page runs of 33 to 64 KiB allocated and freed", "idle runs in the heap", ["runs-"],
          COSTS[:2]), ("No-scan objects", "bytes", ["noscan"], COSTS[:3]),
         ("Bytes held for each byte requested", "bytes", ["held"],
          [("SLUB", "held_slub"), ("gomalloc", "held_gomalloc")]),]

# Tables by number of CPUs: name, column that is plotted, title.
CPU_TABLES = [("cpus-lines", "lines_moved", "Cache lines moved"),
              ("cpus-locks", "locks", "Spin locks taken")]
PATTERNS = {"pair": "pairs", "batch": "1,200 objects allocated and freed",
            "neighbour": "1,200 objects allocated, freed by the next CPU"}

# Cells that are right-aligned: numbers, with or without markup, and "-".
NUMBER = re.compile(r"(<span[^>]*>)?[\d-]")

STYLE = """
body { font: 15px/1.5 system-ui, sans-serif; max-width: 66em; margin: 2em auto; padding: 0 1em;
       color: #222; }
h1, h2 { line-height: 1.2; } h2 { margin-top: 2em; border-bottom: 1px solid #ccc; }
figure { margin: 1em 0; display: inline-block; width: 480px; max-width: 100%; vertical-align: top; }
figcaption { font-weight: 600; }
svg { max-width: 100%; height: auto; }
table { border-collapse: collapse; font-variant-numeric: tabular-nums; margin: 1em 0; }
td, th { padding: .1em .7em; text-align: right; } .words { text-align: left; }
.wide { overflow-x: auto; } figure.wide { width: auto; }
th { border-bottom: 1px solid #999; } tr:nth-child(even) td { background: #f5f5f5; }
table.summary td, table.summary th { text-align: left; padding: .3em 1em .3em 0;
                                     vertical-align: top; }
table.summary td { border-bottom: 1px solid #ddd; }
table.summary tr:nth-child(even) td { background: none; }
table.summary b { font-size: 1.3em; }
table.summary small { display: block; color: #555; white-space: nowrap; }
.note { border-left: 4px solid #b8860b; padding-left: .8em; color: #444; }
.slower, table.summary small.slower { color: #c0392b; font-weight: 600; }
code, pre { background: #f0f0f0; padding: .1em .3em; }
pre { padding: .6em 1em; overflow-x: auto; } details { margin: 1em 0; }
"""


def abscissa(row):
    """The x value of a row: the number at the end of its name, or its size."""
    number = row["workload"].rpartition("-")[2]
    return int(number) if number.isdigit() else row["size"]


def belongs(row, workloads):
    name = row["workload"]
    return any(name == wanted or wanted.endswith("-") and name.startswith(wanted)
               for wanted in workloads)


def points(target, workloads, column):
    """A curve as sorted (x, y); memory held is divided by the size."""
    found = {}
    for row in target["rows"]:
        x, y = abscissa(row) if belongs(row, workloads) else None, row.get(column)
        if x and y:
            found[x] = y / x if column.startswith("held") else y
    return sorted(found.items())


TERMINAL = "set terminal svg noenhanced size {},330 font 'sans-serif,12' background 'white'\n"
AXES = ("set grid ytics lc rgb '#dddddd'\nset border 3\nset xtics nomirror\nset ytics nomirror\n"
        "set key above left horizontal\n")


def can_plot():
    return bool(shutil.which("gnuplot"))


def gnuplot(script, width=480):
    """Run gnuplot; return the SVG."""
    done = subprocess.run(["gnuplot"], input=TERMINAL.format(width) + AXES + script,
                          capture_output=True, text=True)
    if done.returncode:
        return f"<p>gnuplot failed: {html.escape(done.stderr.strip())}</p>"
    return done.stdout[done.stdout.index("<svg"):]


def value_axis(values):
    """A y axis from 0, or a logarithmic one for a wide range of values."""
    return "set logscale y\n" if max(values) > 8 * min(values) > 0 else "set yrange [0:*]\n"


def curves_over(along, unit, curves):
    """A plot of curves over sizes or numbers."""
    data, parts = "", []
    for number, (name, line) in enumerate(curves):
        data += f"$d{number} << EOD\n" + "".join(f"{x} {y}\n" for x, y in line) + "EOD\n"
        parts.append(f"$d{number} using 1:2 with linespoints lw 2 pt 7 ps 0.5 lc rgb "
                     f"'{COLOURS[name]}' title '{name}'")
    values = [y for _, line in curves for _, y in line]
    wide = max(x for _, line in curves for x, _ in line) > 16
    decimal = all(math.log10(x) % 1 == 0 for _, line in curves for x, _ in line)
    axis = ("set logscale x 10\nset format x '%.0s%c'\n" if decimal
            else "set logscale x 2\nset format x '%.0b%B'\n")
    return gnuplot(data + (axis if wide else "")
                   + value_axis(values)
                   + f"set ylabel '{unit}'\nset xlabel '{along}'\nplot " + ", ".join(parts) + "\n")


def curves_of_table(lines, x, column, along, unit):
    """A curve for each allocator, from the columns of a table that have its
    name.
    """
    head, *body = lines
    cells = [dict(zip(head, line)) for line in body]
    data, parts = "", []
    values = [float(c[column.format(name)]) for c in cells for name in ("slub", "gomalloc")]
    for name in ("SLUB", "gomalloc"):
        y = column.format(name.lower())
        data += f"${name} << EOD\n" + "".join(f"{c[x]} {c[y]}\n" for c in cells) + "EOD\n"
        parts.append(f"${name} using 1:2 with linespoints lw 2 pt 7 ps 0.4 lc rgb "
                     f"'{COLOURS[name]}' title '{name}'")
    return gnuplot(data + value_axis(values) + f"set xlabel '{along}'\nset ylabel '{unit}'\nplot "
                   + ", ".join(parts) + "\n")


def curves_over_cpus(lines, pattern, y, unit):
    """A curve for each allocator over the number of CPUs."""
    head, *body = lines
    cells = [dict(zip(head, line)) for line in body if line[0] == pattern]
    curves = [(name, [(int(c["cpus"]), float(c[y])) for c in cells if c["allocator"] == name])
              for name in ("SLUB", "gomalloc")]
    top = max([value for _, line in curves for _, value in line] + [0.001])
    data = "".join(f"${name} << EOD\n" + "".join(f"{x} {value}\n" for x, value in line) + "EOD\n"
                   for name, line in curves)
    return gnuplot(data
                   + f"set yrange [0:{top * 1.1}]\nset xlabel 'CPUs'\nset ylabel '{unit}'\nplot "
                   + ", ".join(f"${name} using 1:2 with linespoints lw 2 pt 7 ps 0.5 "
                               f"lc rgb '{COLOURS[name]}' title '{name}'"
                               for name, _ in curves) + "\n")


CHURN = [("grown", "grown to 256 MiB"), ("shrunk", "nine of ten freed"),
         ("released", "idle memory released")]


def bars_of_churn(lines):
    """Bytes held for each live byte, in the last round."""
    last = dict(zip(lines[0], lines[-1]))
    data = "".join(f'"{what}" {last[f"slub_{when}"]} {last[f"gomalloc_{when}"]}\n'
                   for when, what in CHURN if f"slub_{when}" in last)
    return gnuplot(f"$d << EOD\n{data}EOD\nset style data histogram\n"
                   "set style histogram clustered gap 1\nset style fill solid 0.9 noborder\n"
                   "set yrange [0:*]\nset ylabel 'held / live'\nset xtics font ',10'\n"
                   f"plot $d using 2:xtic(1) lc rgb '{COLOURS['SLUB']}' title 'SLUB', "
                   f"'' using 3 lc rgb '{COLOURS['gomalloc']}' title 'gomalloc'\n")


def bars_of_json(lines, unit):
    """Cost of parsing and freeing, for each allocator, from the json table."""
    head, *body = lines
    cells = [dict(zip(head, line)) for line in body]
    data = "".join(f"\"{c['allocator'].removeprefix('gomalloc-')}\\n{c['text'].partition('-')[0]}\" "
                   f"{c['parse']} {c['free']}\n" for c in cells)
    return gnuplot(f"$d << EOD\n{data}EOD\nset style data histogram\n"
                   "set style histogram rowstacked\nset style fill solid 0.9 noborder\n"
                   "set boxwidth 0.6\nset yrange [0:*]\n"
                   f"set ylabel '{unit}'\nset xtics font ',9'\n"
                   "plot $d using 2:xtic(1) lc rgb '#1f77b4' title 'parse', "
                   "'' using 3 lc rgb '#9bc4e2' title 'free'\n")


def plots(target):
    """All plots for which the target has rows."""
    if not can_plot():
        return ("<p>gnuplot is not installed, so there are no plots: run tools/setup.sh and make "
                "bench again.</p>")
    text = ""
    for title, along, workloads, wanted in PLOTS:
        unit = "bytes" if workloads == ["held"] else target["unit"]
        curves = [(name, points(target, workloads, column)) for name, column in wanted]
        curves = [(name, line) for name, line in curves if len(line) > 1]
        if curves:
            text += (f"<figure><figcaption>{title}</figcaption>"
                     f"{curves_over(along, unit, curves)}</figure>\n")
    for bytes_each in sorted({line[0] for line in target["tables"].get("churn", [])[1:]}):
        lines = [line for line in target["tables"]["churn"] if line[0] in ("bytes", bytes_each)]
        text += (f"<figure><figcaption>Memory held over memory live, "
                 f"sizes of {bytes_each} bytes, last round</figcaption>"
                 f"{bars_of_churn(lines)}</figure>\n")
    if "soak" in target["tables"]:
        lines = target["tables"]["soak"]
        text += (f"<figure>"
                 f"<figcaption>An operation after so many seconds of churn, median</figcaption>"
                 f"{curves_of_table(lines, 'second', '{}_med', 'seconds', target['unit'])}</figure>\n"
                 f"<figure><figcaption>Memory held over memory live</figcaption>"
                 f"{curves_of_table(lines, 'second', '{}_held', 'seconds', 'held / live')}</figure>\n")
    for table, y, what in CPU_TABLES:
        for pattern in sorted({line[0] for line in target["tables"].get(table, [])[1:]}):
            text += (f"<figure><figcaption>{what} for each call, "
                     f"{PATTERNS.get(pattern, pattern)}</figcaption>"
                     f"{curves_over_cpus(target['tables'][table], pattern, y, what.lower())}</figure>\n")
    if "json" in target["tables"]:
        text += (f"<figure><figcaption>JSON text into a tree and back, for each object</figcaption>"
                 f"{bars_of_json(target['tables']['json'], target['unit'])}</figure>\n")
    return text


def table(lines, kind="rows"):
    """A table from lines of cells, the first one the head; words are
    left-aligned, numbers right-aligned.
    """
    words = [not NUMBER.match(cell) for cell in lines[-1]]

    def row(cells, tag):
        return "<tr>" + "".join(f"<{tag}{' class=words' * is_word}>{cell}</{tag}>"
                                for cell, is_word in zip(cells, words)) + "</tr>"

    head, *body = lines
    return (f'<div class="wide"><table class="{kind}">' + row(head, "th")
            + "".join(row(cells, "td") for cells in body) + "</table></div>\n")


def cell(value):
    return "-" if value is None else html.escape(f"{value:g}" if isinstance(value, float)
                                                 else str(value))


def ratio(value):
    if value is None:
        return "-"
    return f'<span class="{"slower" if value < 1 else "faster"}">{value:.2f}</span>'


def rows(target):
    lines = [["workload", "size", "SLUB", "gomalloc", "floor", "sbrk", "ratio", "SLUB, median",
              "gomalloc, median", "ratio", "held, SLUB", "held, gomalloc"]]
    for r in target["rows"]:
        lines.append([cell(r["workload"]), cell(r["size"]), cell(r["slub"]), cell(r["gomalloc"]),
                      cell(r["floor"]), cell(r.get("sbrk")), ratio(r["ratio"]),
                      cell(r["slub_median"]), cell(r["gomalloc_median"]), ratio(r["ratio_median"]),
                      cell(r["held_slub"]), cell(r["held_gomalloc"])])
    return f"<details><summary>all {len(lines) - 1} rows</summary>{table(lines)}</details>\n"


def summary_cell(ratios):
    if not ratios:
        return "-"
    below = (f'<small class="slower">{ratios.below} of {ratios.rows} below 1</small>'
             if ratios.below else f"<small>none of {ratios.rows} below 1</small>")
    return f"<b>{ratios.median:.2f}</b><small>lowest {ratio(ratios.lowest)}</small>{below}"


def summary(targets):
    """A summary of the ratios, a line for each target."""
    lines = []
    for target in targets:
        groups = benchsummary.of_target(target)
        if groups:
            name = html.escape(target["name"])
            lines.append([f'<a href="#{name}">{name}</a><small>Linux '
                          f'{html.escape(target["kernel"])}</small>'
                          f'<small>{html.escape(target["unit"])}</small>']
                         + [summary_cell(groups.get(group)) for group in benchsummary.ORDER])
    if not lines:
        return ""
    what = {group: text for group, text, _ in benchsummary.GROUPS}
    return ("<h2>Summary</h2>\n<p>SLUB / gomalloc: the median of the rows, the lowest, and the "
            "number of rows in which gomalloc is more expensive.</p>\n"
            + table([["target", *benchsummary.ORDER], *lines], "summary") + "<p>"
            + "; ".join(f"<b>{group}</b>: {what[group]}" for group in benchsummary.ORDER)
            + ".</p>\n"
            + "".join(f'<p class="note"><b>{html.escape(names)}</b>: {html.escape(note)}</p>\n'
                      for names, note in benchsummary.notes(targets)))


def section(target):
    tables = "".join(f"<h3>{html.escape(name)}</h3>"
                     + table([[cell(c) for c in line] for line in lines]) for name,
                     lines in target["tables"].items())
    name = html.escape(target["name"])
    note = f'<p class="note">{html.escape(target["note"])}</p>\n' if target["note"] else ""
    return (f"<h2 id=\"{name}\">{name}</h2>\n<p>Linux {html.escape(target['kernel'])}, "
            f"{html.escape(target['machine'])}, {target['cpus']} CPU(s); "
            f"{target['unit']} per operation, the minimum of the rounds.<br>"
            f"Command line: <code>{html.escape(target['cmdline'])}</code></p>\n"
            + note + plots(target) + tables + (rows(target) if target["rows"] else ""))


def processor():
    lines = Path("/proc/cpuinfo").read_text().splitlines()
    names = [line.partition(":")[2].strip() for line in lines if line.startswith("model name")]
    return names[0] if names else platform.machine()


def write(targets, command, path, more=""):
    """Write the page to `path`; `command` repeats the run; `more` is another
    section.
    """
    body = summary(targets) + "".join(section(target) for target in targets) + more
    cache.write(path, f"""<!doctype html>
<html lang="en"><head><meta charset="utf-8"><title>gomalloc against SLUB</title>
<style>{STYLE}</style></head><body>
<h1>gomalloc against SLUB</h1>
<p>Measured on {os.cpu_count()} CPUs of {html.escape(processor())}. A ratio is SLUB's result over
gomalloc's: above 1 gomalloc is cheaper. Documentation/performance.rst describes the measurements.</p>
<p>To repeat it:</p><pre>{html.escape(command)}</pre>
{body}</body></html>
""")
