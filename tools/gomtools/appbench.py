# SPDX-License-Identifier: GPL-2.0
"""`make bench WORKLOAD=apps`: what modules nobody here wrote gain over
gomalloc, in instructions of their whole workload.

Each app (apps.py) runs twice on a stock kernel with one CPU, over SLUB and over
gomalloc.  QEMU's plugin counts all instructions while the workload runs, by
function.  A run can be repeated to the instruction: time passes with
instructions alone, and random numbers are always the same.
"""

import html
import json
from concurrent.futures import ThreadPoolExecutor

from . import apps, cache, checkout, instructions, modules, outoftree, report, targets
from .bench import WITHOUT_PROFILE
from .overgomalloc import aligned
from .ui import Failure, note

RESULTS = checkout.BUILD / "bench/apps.json"
APPEND = "init_on_alloc=0 mitigations=off nokaslr"
TIMEOUT = 900
MEASURED = [name for name in apps.APPS if name != "meminit"]
TOP = 12        # functions in the results

HEAD = ["app", "kernel", "Minstr SLUB", "gomalloc", "gain %", "objects", "saved/object", "bound %",
        "SLUB %", "peak MiB SLUB", "gomalloc"]
LEGEND = """\
Minstr: instructions of the workload, in millions, user space and kernel.  saved/object: the
difference, divided by the objects that the module allocated.  bound %: instructions of SLUB's
functions that the module's allocations cost, the most that any allocator could save; SLUB %: all
of SLUB's, those of the core included.  Not counted as an allocator's: pages, waits for locks.
peak: Slab in /proc/meminfo without what it was before the modules were loaded, plus what gomalloc
holds with its metadata; the most of samples every 10 million instructions."""


def measure(name, target_name, side):
    """Run one app on one side; return its counts."""
    target = apps.machine(name, target_name, counted=True)
    at = checkout.BUILD / f"bench/app-{name}-{target_name}-{side}.txt"
    at.parent.mkdir(parents=True, exist_ok=True)
    target.plugin = instructions.options(at)
    target.skip_idle = True
    log = checkout.LOGS / f"bench-app-{name}-{target_name}-{side}.log"
    result = apps.boot(name, target, side, APPEND, log, WITHOUT_PROFILE, measure=True,
                       timeout=TIMEOUT)
    if not result.passed:
        raise Failure(f"{name} over {outoftree.SIDES[side]} failed on {target.describe()}: "
                      f"{result.verdict()}")
    cache.write(log.with_suffix(".out"), result.output)
    functions = instructions.by_function(instructions.counted(at.read_text()),
                                         instructions.ranges(result.output))
    return {"total": sum(functions.values()), **held(result.output), "functions": functions}


def held(output):
    """What the guest held: its peak in bytes, and the objects allocated in the
    workload.
    """
    samples = [[int(word) for word in line.split()[2:]] for line in output.splitlines()
               if line.startswith("# held ")]
    peaks = [int(line.split()[2]) for line in output.splitlines() if line.startswith("# peak ")]
    if len(samples) < 3 or not peaks:
        raise Failure("The guest printed no samples of memory.")
    before, loaded, *later = samples
    return {"peak": peaks[0] - before[0] * 1024, "objects": later[-1][2] - loaded[2]}


def share(functions, kind, only=None):
    return sum(number for (its, name), number in functions.items()
               if its == kind and only in (None, name))


def row(name, kernel, slub, ours):
    """A row of the results from the counts of both sides."""
    all_slub = share(slub["functions"], "slub")
    replaced = all_slub - share(ours["functions"], "slub")
    objects = ours["objects"]
    return {"app": name, "kernel": kernel, "slub": slub["total"], "gomalloc": ours["total"],
            "gain": 100 * (slub["total"] - ours["total"]) / slub["total"], "objects": objects,
            "saved": (slub["total"] - ours["total"]) / objects if objects else None,
            "bound": 100 * replaced / slub["total"], "slub_share": 100 * all_slub / slub["total"],
            "slub_replaced": replaced, "slub_instructions": all_slub,
            "gomalloc_instructions": share(ours["functions"], "module", "gomalloc"),
            "peak_slub": slub["peak"], "peak_gomalloc": ours["peak"],
            "functions": {side: [[*key, number] for key, number in each["functions"].most_common()
                                 if key[0] != "rest"][:TOP]
                          for side, each in (("slub", slub), ("gomalloc", ours))}}


def cells(each):
    mib = 1 << 20
    return [each["app"], each["kernel"], f"{each['slub'] / 1e6:,.1f}",
            f"{each['gomalloc'] / 1e6:,.1f}", f"{each['gain']:.2f}", f"{each['objects']:,}",
            "-" if each["saved"] is None else f"{each['saved']:.0f}", f"{each['bound']:.2f}",
            f"{each['slub_share']:.2f}", f"{each['peak_slub'] / mib:.1f}",
            f"{each['peak_gomalloc'] / mib:.1f}"]


def compare(name, target_name):
    """Measure one app both ways; return its row."""
    slub, ours = (measure(name, target_name, side) for side in outoftree.SIDES)
    return row(name, targets.find(target_name).kernel.version, slub, ours)


def chosen(requested):
    """The requested apps: "apps" is all, "apps-ext4" one."""
    names = [part.removeprefix("apps").lstrip("-") for part in requested.split(",")]
    wanted = MEASURED if "" in names else names
    for name in wanted:
        if name not in MEASURED:
            raise Failure(f"There is no app '{name}' to measure; there are {', '.join(MEASURED)}.")
    return wanted


def prepare(wanted, names):
    """Build everything first, one after the other."""
    for target_name in names:
        target = targets.find(target_name)
        target.kernel.image.exists()
        modules.build(target.modules)
        for name in wanted:
            for side in outoftree.SIDES:
                apps.build(name, target, side)


def run(requested, names=None):
    """Measure the requested apps on the targets, print and store the table."""
    wanted, names = chosen(requested), names or apps.OLD_AND_NEW
    for name in names:
        if name not in apps.OLD_AND_NEW:
            raise Failure(f"Apps are measured on {', '.join(apps.OLD_AND_NEW)}, not on {name}.")
    refused = instructions.refusal()
    if refused:
        raise Failure(f"instructions cannot be counted: this QEMU does not accept the plugin: "
                      f"{refused}")
    prepare(wanted, names)
    rows, broken = [], []
    with ThreadPoolExecutor(2) as pool:
        running = [(name, target, pool.submit(compare, name, target)) for name in wanted
                   for target in names]
        for name, target, each in running:
            try:
                rows.append(each.result())
            except Failure as failure:
                broken.append(f"{name} on {target}")
                note(str(failure))
    show(rows)
    if broken:
        print("failed: " + "; ".join(broken))
    return 1 if broken else 0


def profile(each):
    """A table of the functions with the most instructions, for the page."""
    lines = [["side", "of", "function or module", "Minstr", "%"]]
    for side, functions in each["functions"].items():
        lines += [[outoftree.SIDES.get(side, side), kind, html.escape(name), f"{number / 1e6:,.1f}",
                   f"{100 * number / each[side]:.2f}"] for kind, name, number in functions]
    return (f"<details><summary>{each['app']} on {each['kernel']}: SLUB's functions and the "
            f"modules</summary>{report.table(lines)}</details>\n")


def page(rows):
    """The results as a page, like the benchmark's."""
    return f"""<!doctype html>
<html lang="en"><head><meta charset="utf-8"><title>Modules over gomalloc</title>
<style>{report.STYLE}</style></head><body>
<h1>Modules over gomalloc</h1>
<p>Modules of the kernel, unmodified, on Debian's kernels with <code>{APPEND}</code>, gomalloc with
<code>memprofilerate=0</code>; QEMU counts instructions.</p>
{report.table([HEAD, *(cells(each) for each in rows)])}
<p class="note">{html.escape(LEGEND)}</p>
{"".join(profile(each) for each in rows)}</body></html>
"""


def show(rows):
    for line in aligned(HEAD, [cells(each) for each in rows]):
        print(line)
    print(LEGEND)
    cache.write(RESULTS, json.dumps({"append": APPEND, "rows": rows}, indent=1) + "\n")
    cache.write(RESULTS.with_suffix(".html"), page(rows))
    print(f"written to {RESULTS.relative_to(checkout.ROOT)} and its .html")
