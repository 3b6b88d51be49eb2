# SPDX-License-Identifier: GPL-2.0
"""`make bench WORKLOAD=apps`: what modules nobody here wrote gain over
gomalloc, in instructions or cycles of their whole workload.

On a stock kernel each app (apps.py) runs twice with one CPU, over SLUB and over
gomalloc.  QEMU's plugin counts all instructions while the workload runs, by
function.  Time passes with instructions alone, and random numbers are always
the same.  So a boot of the same files repeats its counts; with another build or
other timing they differ (README.md says by how much).

User-mode Linux runs at the speed of the machine.  There each app runs several
times, over SLUB and over gomalloc in turns, each time in a fresh guest with one
CPU.
"""

import re
import statistics
from concurrent.futures import ThreadPoolExecutor

from . import appresults, apps, bench, cache, checkout, instructions, modules, outoftree
from .ui import Failure, note

APPEND = {apps.INSTRUCTIONS: "init_on_alloc=0 mitigations=off nokaslr",
          apps.CYCLES: "init_on_alloc=0"}
TIMEOUT = 900
MEASURED = [name for name in apps.APPS if name != "meminit"]
TOP = 12        # functions in the results
ROUNDS = 7      # of which cycles are the minimum and the median
# What runs there, but is not measured, and why.
LEFT_OUT = {("wireguard", "uml-6.1"): "a quarter of the workload took 271 s"}

CLOCK = re.compile(r"^# clock (\d+) (\d+)$", re.MULTILINE)
SPENT = re.compile(r"^# spent (\d+) ns, kfree_mult=(\d+), footprint (-?\d+) MB$", re.MULTILINE)


def boot(name, target, label, side, measure):
    """Run one app on one side; return what its guest printed."""
    log = checkout.LOGS / f"bench-app-{name}-{label}-{side}.log"
    result = apps.boot(name, target, side, APPEND[measure], log, bench.WITHOUT_PROFILE,
                       measure=measure, timeout=TIMEOUT)
    if not result.passed:
        raise Failure(f"{name} over {outoftree.SIDES[side]} failed on {target.describe()}: "
                      f"{result.verdict()}")
    cache.write(log.with_suffix(".out"), result.output)
    return result.output


def measure(name, target_name, side):
    """Run one app on one side; return its counts."""
    target = apps.machine(name, target_name, counted=True)
    at = checkout.BUILD / f"bench/app-{name}-{target_name}-{side}.txt"
    at.parent.mkdir(parents=True, exist_ok=True)
    target.plugin = instructions.options(at)
    target.skip_idle = True
    output = boot(name, target, target_name, side, apps.INSTRUCTIONS)
    known = instructions.ranges(output)
    if not any(each.kind == "slub" for each in known):
        raise Failure(f"{name}: the guest did not find SLUB's functions in /proc/kallsyms.")
    functions = instructions.by_function(instructions.counted(at.read_text()), known)
    return {"total": sum(functions.values()), "peak": peak(output), "end": end(output),
            "objects": objects(output), "own": own(output), "functions": functions}


def held(output):
    """Samples of what the guest held: of slabs in kB, of gomalloc in bytes, and
    the objects that were allocated from it.
    """
    samples = [[int(word) for word in line.split()[2:]] for line in output.splitlines()
               if line.startswith("# held ")]
    if len(samples) < 3:
        raise Failure("The guest printed no samples of memory.")
    return samples


def objects(output):
    """The objects that were allocated in the workload."""
    _, loaded, *later = held(output)
    return later[-1][2] - loaded[2]


def peak(output):
    """The most that the guest held, in bytes, without what it held before the
    modules were loaded.
    """
    peaks = [int(line.split()[2]) for line in output.splitlines() if line.startswith("# peak ")]
    if not peaks:
        raise Failure("The guest printed no peak of memory.")
    return peaks[0] - held(output)[0][0] * 1024


def end(output):
    """The same at the end of the workload."""
    before, *_, last = held(output)
    return (last[0] - before[0]) * 1024 + last[1]


def own(output):
    """What the workload itself says that it took: [multiple of its object's size,
    ns, MB] for each loop; nothing if it says nothing.
    """
    return [[int(multiple), int(ns), int(megabytes)]
            for ns, multiple, megabytes in SPENT.findall(output)]


def cycles(output):
    """The cycles of a workload: between each two lines of the clock, or of the
    nanoseconds that the workload says it has spent.
    """
    clock = [(int(tsc), int(ns)) for tsc, ns in CLOCK.findall(output)]
    if len(clock) < 2 or len(clock) % 2:
        raise Failure(f"The guest printed {len(clock)} lines of the clock.")
    spent = sum(ns for _, ns, _ in own(output))
    if spent:
        (first, start), (last, end) = clock[0], clock[-1]
        return round(spent * (last - first) / (end - start))
    return sum(end[0] - start[0] for start, end in zip(clock[::2], clock[1::2]))


def share(functions, kind, only=None):
    return sum(number for (its, name), number in functions.items()
               if its == kind and only in (None, name))


def counted_row(slub, ours):
    """A row of the results from the counts of both sides."""
    all_slub = share(slub["functions"], "slub")
    replaced = all_slub - share(ours["functions"], "slub")
    gomalloc = share(ours["functions"], "module", "gomalloc")
    return {"slub": slub["total"], "gomalloc": ours["total"], "objects": ours["objects"],
            "bound": 100 * replaced / slub["total"], "slub_share": 100 * all_slub / slub["total"],
            "gomalloc_share": 100 * gomalloc / ours["total"],
            "allocators": replaced - gomalloc,
            "own": [[*first, *second[1:]] for first, second in zip(slub["own"], ours["own"])],
            "peak_slub": slub["peak"], "peak_gomalloc": ours["peak"],
            "end_slub": slub["end"], "end_gomalloc": ours["end"],
            "functions": {side: [[*key, number] for key, number in each["functions"].most_common()
                                 if key[0] != "rest"][:TOP]
                          for side, each in (("slub", slub), ("gomalloc", ours))}}


def timed_row(outputs):
    """A row of the results from {side: what its guests printed}."""
    slub, ours = ([cycles(output) for output in outputs[side]] for side in outoftree.SIDES)
    return {"slub": min(slub), "gomalloc": min(ours), "slub_median": statistics.median(slub),
            "gomalloc_median": statistics.median(ours), "rounds": len(slub),
            "objects": objects(outputs[outoftree.GOMALLOC][0])}


def timed(name, target_name):
    target = apps.machine(name, target_name)
    outputs = {side: [] for side in outoftree.SIDES}
    for turn in range(ROUNDS):
        # Each side is first in half of the rounds.
        for side in list(outputs)[::-1 if turn % 2 else 1]:
            outputs[side].append(boot(name, target, target_name, side, apps.CYCLES))
    return timed_row(outputs)


def compare(name, target_name):
    """Measure one app both ways; return its row."""
    unit = apps.CYCLES if target_name in apps.NATIVE else apps.INSTRUCTIONS
    if unit == apps.CYCLES:
        found = timed(name, target_name)
    else:
        found = counted_row(*(measure(name, target_name, side) for side in outoftree.SIDES))
    saved = found["slub"] - found["gomalloc"]
    return {"app": name, "target": target_name, "unit": unit, "append": APPEND[unit],
            "kernel": apps.machine(name, target_name).kernel.version,
            "commit": checkout.commit(), "gain": 100 * saved / found["slub"],
            "saved": saved / found["objects"] if found["objects"] else None, **found}


def chosen(requested):
    """The requested apps: "apps" is all, "apps-ext4" one."""
    names = [part.removeprefix("apps").lstrip("-") for part in requested.split(",")]
    wanted = MEASURED if "" in names else names
    for name in wanted:
        if name not in MEASURED:
            raise Failure(f"There is no app '{name}' to measure; there are {', '.join(MEASURED)}.")
    return wanted


def prepare(pairs):
    """Build everything first, one after the other; return {(app, target): why
    it cannot be built}.
    """
    broken = {}
    for name, target_name in pairs:
        target = apps.machine(name, target_name)
        target.kernel.image.exists()
        modules.build(target.modules)
        try:
            for side in outoftree.SIDES:
                apps.build(name, target, side)
        except Failure as failure:
            broken[name, target_name] = str(failure)
    return broken


def check(names):
    """Refuse targets on which apps cannot be measured."""
    for name in names:
        if name not in [*apps.OLD_AND_NEW, *apps.NATIVE]:
            raise Failure(f"Apps are measured on {', '.join([*apps.OLD_AND_NEW, *apps.NATIVE])}, "
                          f"not on {name}.")
    refused = set(names) & set(apps.OLD_AND_NEW) and instructions.refusal()
    if refused:
        raise Failure(f"instructions cannot be counted: this QEMU does not accept the plugin: "
                      f"{refused}")


def run(requested, names=None):
    """Measure the requested apps on the targets, print and store the table."""
    wanted, names = chosen(requested), names or apps.OLD_AND_NEW
    check(names)
    pairs = []
    for name, target in ((name, target) for name in wanted for target in names):
        if (name, target) in LEFT_OUT:
            note(f"{name} is not measured on {target}: {LEFT_OUT[name, target]}")
        else:
            pairs.append((name, target))
    broken = prepare(pairs)
    pairs = [pair for pair in pairs if pair not in broken]
    rows = []

    def finish(name, target, result):
        try:
            rows.append(result())
        except Failure as failure:
            broken[name, target] = str(failure)

    # Cycles are measured one at a time; counts do not depend on other work.
    for name, target in pairs:
        if target in apps.NATIVE:
            finish(name, target, lambda name=name, target=target: compare(name, target))
    with ThreadPoolExecutor(2) as pool:
        running = [(name, target, pool.submit(compare, name, target)) for name, target in pairs
                   if target not in apps.NATIVE]
        for name, target, each in running:
            finish(name, target, each.result)
    for reason in broken.values():
        note(reason)
    stored = appresults.store(rows)
    for line in appresults.text(stored):
        print(line)
    bench.write_report()
    print(f"written to {appresults.RESULTS.relative_to(checkout.ROOT)} and report.html")
    if broken:
        print("failed: " + "; ".join(f"{name} on {target}" for name, target in broken))
    return 1 if broken else 0
