# SPDX-License-Identifier: GPL-2.0
"""The comparison with SLUB: run gomalloc_bench.ko on each target, gather, print, keep.

The module measures at load and shows rows in debugfs, with comment lines before them:
`# unit cycles cpus 2 …` and one that names the columns.  What is printed here is what
goes to build/bench/results.json, one row each.
"""

import json
import subprocess
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path

from . import benchsummary, benchtable, cache, cachelines, checkout, guest, modules, process, report, targets
from .ui import Failure, note, step

SCRIPT = checkout.GUEST_SCRIPTS / "bench.sh"
PLACE = checkout.BUILD / "bench"
TIMEOUT = 900
COUNTED = "init_on_alloc=0 mitigations=off"
WITHOUT_PROFILE = "memprofilerate=0"    # SLUB has no heap profile; heap-profile.rst says what ours costs


@dataclass(frozen=True)
class Course:
    """What is run where: the target, what is added to its kernel's command line, and how."""

    target: str
    append: str
    counted: bool = False
    cpus: int | None = None
    memory: int | None = None
    only: tuple = ()        # the workloads that are run there and nowhere else
    some: tuple = ()        # those of the usual ones that are run there, if not all
    sizes: str = ""         # of these, if not each workload's own
    gomalloc: str = WITHOUT_PROFILE     # how gomalloc.ko is loaded
    note: str = ""          # what a reader has to know about its ratios
    lines: bool = False     # the emulator counts cache lines that move between CPUs
    variant: str = ""       # of the modules


UML_NOTE = ("UML has no double-word compare-exchange: SLUB's slow paths take a bit lock there, with interrupts off, "
            "so ratios of batches and live sets flatter gomalloc. Instructions on the stock kernels do not.")
PLAIN_NOTE = ("A kernel without freelist hardening, freelist randomisation (gomalloc has none there, either), hardened "
              "usercopy and memcg: the difference to uml is what these cost. ")
SHIPPED_NOTE = ("As Debian and gomalloc ship: init_on_alloc=1, mitigations on, heap profile on. The emulator counts "
                "each byte or word that is cleared as an instruction, on both sides, so that from 1 KiB on clearing is "
                "most of it; samples of the profile fall at random.")

# What shows best how defaults, or hardening, change the ratios.
SHIPPED = ("pair", "pair-const", "pair-sized", "cache-pair", "cache-batch", "batch-fifo", "batch-random", "mixed",
           "zeroed")
PLAIN = (*SHIPPED, "live-1000000", "cache-bulk-16", "cache-bulk-30", "cache-bulk-250", "noscan", "remote", "parallel")
FEW_SIZES = "64,256,1024,4096"

PLAN = {"stock-6.1": Course("stock-6.1", COUNTED, counted=True),
        "stock-newest": Course("stock-newest", COUNTED, counted=True),
        "stock-6.1-shipped": Course("stock-6.1", "", counted=True, some=SHIPPED, sizes=FEW_SIZES, gomalloc="",
                                    note=SHIPPED_NOTE),
        "stock-newest-shipped": Course("stock-newest", "", counted=True, some=SHIPPED, sizes=FEW_SIZES, gomalloc="",
                                       note=SHIPPED_NOTE),
        "uml": Course("uml", "init_on_alloc=0", memory=1024, note=UML_NOTE),
        "uml-plain": Course("uml-plain", "init_on_alloc=0", memory=1024, some=PLAIN, note=PLAIN_NOTE + UML_NOTE),
        # An emulator's time says little; how often CPUs wait for each other is told by counters.
        "uml-offtimes": Course("uml", "init_on_alloc=0", only=("offtimes",), variant="-offtimes"),
        "stock-newest-offtimes": Course("stock-newest", COUNTED, counted=True, only=("offtimes",),
                                        variant="-offtimes"),
        "stock-newest-8cpu": Course("stock-newest", "init_on_alloc=0", cpus=8, only=("persistent", "cpus-locks")),
        "stock-newest-lines": Course("stock-newest", "init_on_alloc=0", cpus=8, only=("cpus-lines",), lines=True)}

# Workloads that a course of their own has beside the usual ones.
EVERYWHERE = {"persistent"}

# Real text for the json workload, and how much of a made-up one beside it.
JSON_FILES = [Path("/usr/share/iso-codes/json/iso_639-3.json")]
GENERATED_KIB = {False: 4096, True: 256}

# What sbrk mode is measured with: each operation takes memory that does not come back.
SBRK_WORKLOADS = ["pair", "pair-const", "batch-fifo"]
SBRK_LARGEST = 1024
SBRK_EFFORT = {False: "rounds=5 iters=2000", True: "rounds=3"}


def parameters(**wanted):
    """The benchmark module's parameters for a part of the whole."""
    return " ".join(f"{name}={value}" for name, value in wanted.items() if value)


def matches(workload, asked):
    return not workload or not asked or any(workload.startswith(name) for name in asked.split(","))


def parts_of(course, asked):
    """The workloads of a course that has its own which are asked for."""
    return [name for name in course.only if matches(name, asked)]


def some_of(some, asked):
    """Those of `some` that are asked for, as the module reads it: a whole name does not stand for longer ones."""
    parts = asked.split(",") if asked else [""]
    return [work for work in some
            if any(work == part or part not in some and work.startswith(part) for part in parts)]


def asked_of(name, asked):
    """What is asked of a course: its own workloads, or what others do not have to themselves; empty if nothing."""
    course = PLAN[name]
    if course.some:
        return ",".join(some_of(course.some, asked))
    if course.only:
        return ",".join(parts_of(course, asked))
    own = [work for other in PLAN.values() for work in other.only if work not in EVERYWHERE]
    return ",".join(part for part in asked.split(",") if not any(work.startswith(part) for work in own))


def sbrk_parameters(workload, size, counted):
    """The same for the run in sbrk mode; empty when nothing of it is asked for."""
    names = [name for name in SBRK_WORKLOADS if matches(name, workload)]
    sizes = [s for s in (size.split(",") if size else map(str, (8, 16, 32, 64, 128, 256, 512, 1024)))
             if s.isdigit() and int(s) <= SBRK_LARGEST]
    if not names or not sizes:
        return ""
    return f"workload={','.join(names)} size={','.join(sizes)} {SBRK_EFFORT[counted]}"


def json_texts(workload, counted):
    """The files for the json workload, if it is asked for."""
    if not matches("json", workload):
        return []
    generated = checkout.BUILD / f"bench/generated-{GENERATED_KIB[counted]}KiB.json"
    if not generated.exists():
        program = checkout.ROOT / "tools/gen_json.py"
        cache.write(generated, "\n".join(process.lines([str(program), "--kib", str(GENERATED_KIB[counted])])))
    return [path for path in JSON_FILES if path.exists()] + [generated]


def number(text):
    return None if text == "-" else float(text)


def parse(text):
    """The module's results as (facts, rows, tables); a table's first line names its columns."""
    facts, columns, rows, tables = {}, [], [], {}
    for line in text.splitlines():
        words = line.split()
        if line.startswith("# table"):
            tables.setdefault(words[2], [words[3:]])    # several loads may add to one
        elif line.startswith("= "):
            tables[words[1]].append(words[2:])
        elif line.startswith("# cmdline"):
            facts["cmdline"] = line.removeprefix("# cmdline ").strip()
        elif line.startswith("# unit"):
            facts.update(zip(words[1::2], words[2::2]))
        elif line.startswith("# workload"):
            columns = words[1:]
        elif columns and len(words) == len(columns):
            rows.append(row(dict(zip(columns, words))))
    if "unit" not in facts:
        raise Failure("The benchmark module gave no results.")
    return facts, rows, tables


def parse_both(text):
    """The same, with the costs in sbrk mode put into the rows that have them."""
    normal, _, in_sbrk = text.partition("# sbrk\n")
    facts, rows, tables = parse(normal)
    costs = {(r["workload"], r["size"]): r["gomalloc"] for r in (parse(in_sbrk)[1] if in_sbrk else [])}
    for each in rows:
        each["sbrk"] = costs.get((each["workload"], each["size"]))
    return facts, rows, tables


def alone(text):
    """The parameters of the rows that are measured from a load of their own, as the results list them."""
    return [line.removeprefix("# alone ").split() for line in text.splitlines() if line.startswith("# alone ")]


def row(cells):
    """One row of results.json out of one row of the module's."""
    values = {name: number(text) for name, text in cells.items() if name != "workload"}
    size = values["size"]
    return {"workload": cells["workload"], "size": int(size) if size is not None else None,
            "slub": values["slub_min"], "gomalloc": values["gomalloc_min"], "floor": values["floor_min"],
            "ratio": benchsummary.ratio(values["slub_min"], values["gomalloc_min"]),
            "slub_median": values["slub_med"], "gomalloc_median": values["gomalloc_med"],
            "floor_median": values["floor_med"],
            "ratio_median": benchsummary.ratio(values["slub_med"], values["gomalloc_med"]),
            "held_slub": values["held_slub"], "held_gomalloc": values["held_gomalloc"]}


def measure(name, workload, size, seconds=0):
    """Run the benchmark on one target; return its part of results.json."""
    course = PLAN[name]
    counted = course.counted
    target = targets.find(course.target, counted=counted, cpus=course.cpus, memory=course.memory)
    built, _ = modules.build(target.modules, variant=course.variant)
    counted_lines = checkout.BUILD / "plugin/cachelines.txt"
    if course.lines:
        target.plugin = cachelines.options(counted_lines)
    texts = json_texts(workload, counted)
    wanted = parameters(workload=workload, size=size or course.sizes, seconds=seconds,
                        json=",".join(f"/modules/{path.name}" for path in texts))
    in_sbrk = "" if course.only or course.some else sbrk_parameters(workload, size, counted)
    script = (f"GOMALLOC='{course.gomalloc}'\nPARAMETERS='{wanted}'\nSBRK_PARAMETERS='{in_sbrk}'\n"
              + SCRIPT.read_text())
    result = guest.run(target, script, [*built.values(), *texts], TIMEOUT + seconds, course.append,
                       checkout.LOGS / f"bench-{name}.log")
    if not result.passed:
        raise Failure(f"The benchmark failed on {target.describe()}: {result.verdict()}")
    facts, rows, tables = parse_both(result.output)
    if course.lines:
        cachelines.join(tables, counted_lines.read_text())
    return {"name": name, "kernel": target.kernel.version, "unit": facts["unit"],
            "cpus": int(facts["cpus"]), "cmdline": facts["cmdline"], "machine": target.machine,
            "note": course.note, "rows": rows, "tables": tables}


def with_results(measured, workload):
    """Those in which something was measured: a workload may be left out where it cannot be."""
    found = [each for each in measured if each["rows"] or each["tables"]]
    for each in measured:
        if each not in found:
            note(f"nothing of {workload} could be measured on {each['name']}: "
                 f"{checkout.LOGS / ('bench-' + each['name'] + '.log')} says why")
    if not found:
        raise Failure(f"Nothing of {workload} was measured.")
    return found


def run(names, workload, size):
    """Measure on the named targets, print the tables, write results.json."""
    for name in names:
        if name not in PLAN:
            raise Failure(f"There is no benchmark on '{name}'; the targets are {', '.join(PLAN)}.")
    work = {name: asked_of(name, workload) for name in names}
    names = [name for name in names if work[name] or not workload]
    if not names:
        raise Failure(f"Nothing of {workload} is measured there; without TARGET= it is, if there is such a workload.")
    refusal = cachelines.refusal() if any(PLAN[name].lines for name in names) else ""
    if refusal:
        reason = f"cache lines cannot be counted, as this QEMU does not take the plugin for it: {refusal}"
        names = [name for name in names if not PLAN[name].lines]
        if not names:
            raise Failure(reason)
        note(reason)
    for name in names:
        targets.find(PLAN[name].target).kernel.image.exists()
    native = [name for name in names if not PLAN[name].counted]
    counted = [name for name in names if PLAN[name].counted]
    # Native cycles want the machine to themselves; counts do not care.
    measured = [measure(name, work[name], size) for name in native]
    with ThreadPoolExecutor(2) as pool:
        measured += pool.map(lambda name: measure(name, work[name], size), counted)
    measured = with_results(measured, workload)
    measured.sort(key=lambda each: names.index(each["name"]))
    publish(measured, command("bench", workload, size, names))
    return 0


def command(verb, workload, size, names=()):
    """What a user types to have the same measured again."""
    variables = {"TARGET": names[0] if len(names) == 1 else "", "WORKLOAD": workload, "SIZE": size}
    return " ".join(["make", verb, *(f"{name}={value}" for name, value in variables.items() if value)])


def soak(name, seconds):
    """Churn for so long on one target; print what an operation cost as time went on."""
    if name not in PLAN:
        raise Failure(f"There is no benchmark on '{name}'; the targets are {', '.join(PLAN)}.")
    if PLAN[name].only or PLAN[name].some:
        raise Failure(f"{name} is for {', '.join(PLAN[name].only or PLAN[name].some)} only: take "
                      f"{', '.join(other for other in PLAN if not PLAN[other].only and not PLAN[other].some)}.")
    if not 1 <= seconds <= 86400:
        raise Failure(f"{seconds} seconds: it must be a number from 1 to 86400.")
    step(f"this takes {seconds} seconds, and a little more")
    publish([measure(name, "soak", "", seconds)], f"make soak TARGET={name} SECONDS={seconds}", "soak", "soak")
    return 0


def publish(measured, repeat, results="results", page="report"):
    written = [PLACE / f"{results}.json", PLACE / f"{page}.html"]
    cache.write(written[0], json.dumps({"targets": measured}, indent=1) + "\n")
    for target in measured:
        benchtable.show(target)
    benchtable.show_summary(measured)
    report.write(measured, repeat, written[1])
    print("written to " + " and ".join(str(path.relative_to(checkout.ROOT)) for path in written))


class Loaded:
    """Modules loaded on this very machine for as long as the block lasts."""

    def __init__(self, *names_and_parameters):
        self.wanted = names_and_parameters
        self.loaded = []

    def __enter__(self):
        for path, arguments in self.wanted:
            if Path(f"/sys/module/{path.stem}").exists():
                continue
            done = subprocess.run(["insmod", str(path), *arguments], capture_output=True, text=True)
            if done.returncode:
                self.__exit__()
                raise Failure(f"insmod {path.name} failed: {done.stderr.strip()} (dmesg says why).")
            self.loaded.append(path.stem)

    def __exit__(self, *_):
        for name in reversed(self.loaded):
            subprocess.run(["rmmod", name], check=False)


def results_here(allocator, benchmark, arguments):
    """One load of both modules on this machine: the results, and gomalloc's sample rate."""
    with Loaded((allocator, [WITHOUT_PROFILE]), (benchmark, arguments)):
        return (Path("/sys/kernel/debug/gomalloc_bench/results").read_text(),
                Path("/sys/module/gomalloc/parameters/memprofilerate").read_text().strip())


def run_here(workload, size):
    """The same benchmark on the running kernel, without any guest."""
    allocator, benchmark = checkout.ROOT / "gomalloc.ko", checkout.ROOT / "gomalloc_bench.ko"
    if not allocator.exists() or not benchmark.exists():
        raise Failure("gomalloc.ko and gomalloc_bench.ko are not built: run make BENCH=1 first.")
    wanted = parameters(workload=workload, size=size,
                        json=",".join(str(path) for path in json_texts(workload, False)))
    in_use = Path("/sys/module/gomalloc").exists()
    text, rate = results_here(allocator, benchmark, wanted.split())
    rows_alone = alone(text)
    if rows_alone and in_use:
        note("gomalloc was loaded before and stays: rows of memory do not include metadata that it has already; "
             "rmmod gomalloc first to have it loaded anew for each.")
    for arguments in rows_alone:
        text += results_here(allocator, benchmark, ["alone=1", *arguments])[0]
    facts, rows, tables = parse_both(text)
    publish([{"name": "here", "kernel": facts.get("kernel", ""), "unit": facts["unit"],
              "cpus": int(facts["cpus"]), "machine": "this machine", "note": "", "rows": rows, "tables": tables,
              "cmdline": f"{Path('/proc/cmdline').read_text().strip()}; gomalloc.ko memprofilerate={rate}"}],
            command("bench-here", workload, size))
    return 0
