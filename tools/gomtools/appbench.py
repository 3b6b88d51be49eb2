# SPDX-License-Identifier: GPL-2.0
"""`make bench WORKLOAD=apps`: what modules nobody here wrote gain over
gomalloc, in instructions of their whole workload.

Each app (apps.py) runs twice on a stock kernel with one CPU, over SLUB and over
gomalloc.  QEMU's plugin counts all instructions while the workload runs, by
function.  A run can be repeated to the instruction: time passes with
instructions alone, and random numbers are always the same.
"""

from concurrent.futures import ThreadPoolExecutor

from . import appresults, apps, bench, cache, checkout, instructions, modules, outoftree, targets
from .ui import Failure, note

APPEND = "init_on_alloc=0 mitigations=off nokaslr"
TIMEOUT = 900
MEASURED = [name for name in apps.APPS if name != "meminit"]
TOP = 12        # functions in the results


def measure(name, target_name, side):
    """Run one app on one side; return its counts."""
    target = apps.machine(name, target_name, counted=True)
    at = checkout.BUILD / f"bench/app-{name}-{target_name}-{side}.txt"
    at.parent.mkdir(parents=True, exist_ok=True)
    target.plugin = instructions.options(at)
    target.skip_idle = True
    log = checkout.LOGS / f"bench-app-{name}-{target_name}-{side}.log"
    result = apps.boot(name, target, side, APPEND, log, bench.WITHOUT_PROFILE, measure=True,
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


def row(name, target_name, slub, ours):
    """A row of the results from the counts of both sides."""
    all_slub = share(slub["functions"], "slub")
    replaced = all_slub - share(ours["functions"], "slub")
    saved, objects = slub["total"] - ours["total"], ours["objects"]
    return {"app": name, "target": target_name, "append": APPEND,
            "kernel": targets.find(target_name).kernel.version, "commit": checkout.commit(),
            "slub": slub["total"], "gomalloc": ours["total"], "gain": 100 * saved / slub["total"],
            "objects": objects, "saved": saved / objects if objects else None,
            "bound": 100 * replaced / slub["total"], "slub_share": 100 * all_slub / slub["total"],
            "slub_replaced": replaced, "slub_instructions": all_slub,
            "gomalloc_instructions": share(ours["functions"], "module", "gomalloc"),
            "peak_slub": slub["peak"], "peak_gomalloc": ours["peak"],
            "functions": {side: [[*key, number] for key, number in each["functions"].most_common()
                                 if key[0] != "rest"][:TOP]
                          for side, each in (("slub", slub), ("gomalloc", ours))}}


def compare(name, target_name):
    """Measure one app both ways; return its row."""
    return row(name, target_name, *(measure(name, target_name, side) for side in outoftree.SIDES))


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
    stored = appresults.store(rows)
    for line in appresults.text(stored):
        print(line)
    bench.write_report()
    print(f"written to {appresults.RESULTS.relative_to(checkout.ROOT)} and report.html")
    if broken:
        print("failed: " + "; ".join(broken))
    return 1 if broken else 0
