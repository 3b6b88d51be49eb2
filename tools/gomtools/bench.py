# SPDX-License-Identifier: GPL-2.0
"""The comparison with SLUB: run gomalloc_bench.ko on each target, print and
store the results.

The module measures while it is loaded and shows rows in debugfs, after comment
lines: one like `# unit cycles cpus 2 …` and one that names the columns.  Each
row is printed and written to build/bench/results.json.
"""

import json
import subprocess
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path

from . import (appresults, benchsummary, benchtable, cache, cachelines, checkout, guest, modules,
               process, report, targets)
from .ui import Failure, note, step

SCRIPT = checkout.GUEST_SCRIPTS / "bench.sh"
DIRECTORY = checkout.BUILD / "bench"
TIMEOUT = 900
COUNTED = "init_on_alloc=0 mitigations=off"
# SLUB has no heap profile; heap-profile.rst describes its cost.
WITHOUT_PROFILE = "memprofilerate=0"


@dataclass(frozen=True)
class Configuration:
    """A target, and how the benchmark runs on it."""

    target: str
    append: str             # added to the kernel's command line
    counted: bool = False   # count instructions
    cpus: int | None = None
    memory: int | None = None
    only: tuple = ()        # run these workloads, which run nowhere else
    some: tuple = ()        # run these of the usual workloads, not all
    sizes: str = ""         # replaces the sizes of the workloads
    gomalloc: str = WITHOUT_PROFILE     # parameters of gomalloc.ko
    note: str = ""          # printed with the ratios
    lines: bool = False     # count cache lines that move between CPUs
    variant: str = ""       # variant of the modules


UML_NOTE = ("UML has no double-word compare-exchange: SLUB's slow paths take a bit lock there, "
            "with interrupts off, so ratios of batches and live sets are too good for gomalloc. "
            "Those of the stock kernels are not.")
PLAIN_NOTE = ("A kernel without freelist hardening, freelist randomisation (gomalloc has none "
              "there, either), hardened usercopy and memcg: the difference to uml is the cost of "
              "these. ")
SHIPPED_NOTE = ("As Debian and gomalloc ship: init_on_alloc=1, mitigations on, heap profile on. "
                "The emulator counts each byte or word that is cleared as an instruction, for both "
                "allocators, so from 1 KiB on clearing is most of the cost; samples of the profile "
                "are random.")

# Workloads that show how defaults, or hardening, change the ratios.
SHIPPED = ("pair", "pair-const", "pair-sized", "cache-pair", "cache-batch", "batch-fifo",
           "batch-random", "mixed", "zeroed")
# The drop-in's, whose numbers gomadvise has as well (advice.py).
DROP_IN = ("over-pair", "over-cache")
PLAIN = (*SHIPPED, "live-1000000", "cache-bulk-16", "cache-bulk-30", "cache-bulk-250", "noscan",
         "remote", "parallel")
FEW_SIZES = "64,256,1024,4096"

PLAN = {
    "stock-6.1": Configuration("stock-6.1", COUNTED, counted=True),
    "stock-newest": Configuration("stock-newest", COUNTED, counted=True),
    "stock-6.1-shipped": Configuration("stock-6.1", "", counted=True,
                                       some=(*SHIPPED, *DROP_IN), sizes=FEW_SIZES, gomalloc="",
                                       note=SHIPPED_NOTE),
    "stock-newest-shipped": Configuration("stock-newest", "", counted=True,
                                          some=(*SHIPPED, *DROP_IN), sizes=FEW_SIZES, gomalloc="",
                                          note=SHIPPED_NOTE),
    "uml": Configuration("uml", "init_on_alloc=0", memory=1024, note=UML_NOTE),
    "uml-plain": Configuration("uml-plain", "init_on_alloc=0", memory=1024, some=PLAIN,
                               note=PLAIN_NOTE + UML_NOTE),
    # Time says little under an emulator; these count waits of CPUs for each
    # other.
    "uml-offtimes": Configuration("uml", "init_on_alloc=0", only=("offtimes",),
                                  variant="-offtimes"),
    "stock-newest-offtimes": Configuration("stock-newest", COUNTED, counted=True,
                                           only=("offtimes",), variant="-offtimes"),
    "stock-newest-8cpu": Configuration("stock-newest", "init_on_alloc=0", cpus=8,
                                       only=("persistent", "cpus-locks")),
    "stock-newest-lines": Configuration("stock-newest", "init_on_alloc=0", cpus=8,
                                        only=("cpus-lines",), lines=True),
}

# Workloads that run in a configuration with `only`, and in the usual ones.
EVERYWHERE = {"persistent"}

# Texts for the json workload: a real one, and the size of a generated one.
JSON_FILES = [Path("/usr/share/iso-codes/json/iso_639-3.json")]
GENERATED_KIB = {False: 4096, True: 256}

# Workloads in sbrk mode, which are few, as it frees nothing.
SBRK_WORKLOADS = ["pair", "pair-const", "batch-fifo"]
SBRK_LARGEST = 1024
SBRK_EFFORT = {False: "rounds=5 iters=2000", True: "rounds=3"}


def parameters(**wanted):
    """The parameters of the benchmark module."""
    return " ".join(f"{name}={value}" for name, value in wanted.items() if value)


def matches(workload, requested):
    return (not workload or not requested
            or any(workload.startswith(name) for name in requested.split(",")))


def only_requested(config, requested):
    """The requested workloads of a configuration that has its own."""
    return [name for name in config.only if matches(name, requested)]


def some_requested(some, requested):
    """The requested ones of `some`.  As in the module, a complete name does not
    select longer names.
    """
    parts = requested.split(",") if requested else [""]
    return [work for work in some
            if any(work == part or part not in some and work.startswith(part) for part in parts)]


def workloads_of(name, requested):
    """The requested workloads of a configuration: without those that others
    have for themselves.
    """
    config = PLAN[name]
    if config.some:
        return ",".join(some_requested(config.some, requested))
    if config.only:
        return ",".join(only_requested(config, requested))
    own = [work for other in PLAN.values() for work in other.only if work not in EVERYWHERE]
    return ",".join(part for part in requested.split(",")
                    if not any(work.startswith(part) for work in own))


def sbrk_parameters(workload, size, counted):
    """The parameters of the run in sbrk mode; empty if none of its workloads is
    requested.
    """
    names = [name for name in SBRK_WORKLOADS if matches(name, workload)]
    sizes = size.split(",") if size else map(str, (8, 16, 32, 64, 128, 256, 512, 1024))
    sizes = [s for s in sizes if s.isdigit() and int(s) <= SBRK_LARGEST]
    if not names or not sizes:
        return ""
    return f"workload={','.join(names)} size={','.join(sizes)} {SBRK_EFFORT[counted]}"


def json_texts(workload, counted):
    """The files for the json workload, if it is requested."""
    if not matches("json", workload):
        return []
    generated = checkout.BUILD / f"bench/generated-{GENERATED_KIB[counted]}KiB.json"
    if not generated.exists():
        program = checkout.ROOT / "tools/gen_json.py"
        cache.write(generated,
                    "\n".join(process.lines([str(program), "--kib", str(GENERATED_KIB[counted])])))
    return [path for path in JSON_FILES if path.exists()] + [generated]


def number(text):
    return None if text == "-" else float(text)


def parse(text):
    """The module's results as (facts, rows, tables); a table's first line names
    its columns.
    """
    facts, columns, rows, tables = {}, [], [], {}
    for line in text.splitlines():
        words = line.split()
        if line.startswith("# table"):
            tables.setdefault(words[2], [words[3:]])    # several loads may add lines
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
        raise Failure("The benchmark module printed no results.")
    return facts, rows, tables


def parse_both(text):
    """The same, with the costs in sbrk mode added to the rows that have them.
    """
    normal, _, in_sbrk = text.partition("# sbrk\n")
    facts, rows, tables = parse(normal)
    costs = {(r["workload"], r["size"]): r["gomalloc"]
             for r in (parse(in_sbrk)[1] if in_sbrk else [])}
    for each in rows:
        each["sbrk"] = costs.get((each["workload"], each["size"]))
    return facts, rows, tables


def alone(text):
    """The parameters of the rows that need gomalloc freshly loaded, as the
    results list them.
    """
    return [line.removeprefix("# alone ").split() for line in text.splitlines()
            if line.startswith("# alone ")]


def row(cells):
    """A row of results.json from a row of the module."""
    values = {name: number(text) for name, text in cells.items() if name != "workload"}
    size = values["size"]
    return {"workload": cells["workload"], "size": int(size) if size is not None else None,
            "slub": values["slub_min"], "gomalloc": values["gomalloc_min"],
            "floor": values["floor_min"],
            "ratio": benchsummary.ratio(values["slub_min"], values["gomalloc_min"]),
            "slub_median": values["slub_med"], "gomalloc_median": values["gomalloc_med"],
            "floor_median": values["floor_med"],
            "ratio_median": benchsummary.ratio(values["slub_med"], values["gomalloc_med"]),
            "held_slub": values["held_slub"], "held_gomalloc": values["held_gomalloc"]}


def measure(name, workload, size, seconds=0):
    """Run the benchmark on one target; return its part of results.json."""
    config = PLAN[name]
    counted = config.counted
    target = targets.find(config.target, counted=counted, cpus=config.cpus, memory=config.memory)
    built, _ = modules.build(target.modules, variant=config.variant)
    counted_lines = checkout.BUILD / "plugin/cachelines.txt"
    if config.lines:
        target.plugin = cachelines.options(counted_lines)
    texts = json_texts(workload, counted)
    wanted = parameters(workload=workload, size=size or config.sizes, seconds=seconds,
                        json=",".join(f"/modules/{path.name}" for path in texts))
    in_sbrk = "" if config.only or config.some else sbrk_parameters(workload, size, counted)
    script = (f"GOMALLOC='{config.gomalloc}'\nPARAMETERS='{wanted}'\nSBRK_PARAMETERS='{in_sbrk}'\n"
              + SCRIPT.read_text())
    result = guest.run(target, script, [*built.values(), *texts], TIMEOUT + seconds, config.append,
                       checkout.LOGS / f"bench-{name}.log")
    if not result.passed:
        raise Failure(f"The benchmark failed on {target.describe()}: {result.verdict()}")
    facts, rows, tables = parse_both(result.output)
    if config.lines:
        cachelines.join(tables, counted_lines.read_text())
    return {"name": name, "kernel": target.kernel.version, "unit": facts["unit"],
            "cpus": int(facts["cpus"]), "cmdline": facts["cmdline"], "machine": target.machine,
            "note": config.note, "rows": rows, "tables": tables}


def with_results(measured, workload):
    """Those with results: a workload may be skipped where it cannot run."""
    found = [each for each in measured if each["rows"] or each["tables"]]
    for each in measured:
        if each not in found:
            note(f"{workload} could not be measured on {each['name']}: "
                 f"{checkout.LOGS / ('bench-' + each['name'] + '.log')} says why")
    if not found:
        raise Failure(f"{workload} was not measured on any target.")
    return found


def run(names, workload, size):
    """Measure on the named targets, print the tables, write results.json."""
    for name in names:
        if name not in PLAN:
            raise Failure(f"There is no benchmark on '{name}'; the targets are {', '.join(PLAN)}.")
    work = {name: workloads_of(name, workload) for name in names}
    names = [name for name in names if work[name] or not workload]
    if not names:
        raise Failure(f"{workload} does not run on this target; without TARGET= it runs where it "
                      f"can, if it exists.")
    refusal = cachelines.refusal() if any(PLAN[name].lines for name in names) else ""
    if refusal:
        reason = f"cache lines cannot be counted: this QEMU does not accept the plugin: {refusal}"
        names = [name for name in names if not PLAN[name].lines]
        if not names:
            raise Failure(reason)
        note(reason)
    for name in names:
        targets.find(PLAN[name].target).kernel.image.exists()
    native = [name for name in names if not PLAN[name].counted]
    counted = [name for name in names if PLAN[name].counted]
    # Cycles are measured one target at a time; counted instructions do not
    # vary.
    measured = [measure(name, work[name], size) for name in native]
    with ThreadPoolExecutor(2) as pool:
        measured += pool.map(lambda name: measure(name, work[name], size), counted)
    measured = with_results(measured, workload)
    measured.sort(key=lambda each: names.index(each["name"]))
    publish(measured, command("bench", workload, size, names))
    return 0


def command(verb, workload, size, names=()):
    """The command that repeats a measurement."""
    variables = {"TARGET": names[0] if len(names) == 1 else "", "WORKLOAD": workload, "SIZE": size}
    return " ".join(["make", verb,
                     *(f"{name}={value}" for name, value in variables.items() if value)])


def soak(name, seconds):
    """Run the soak workload on one target; print the cost of an operation over
    time.
    """
    if name not in PLAN:
        raise Failure(f"There is no benchmark on '{name}'; the targets are {', '.join(PLAN)}.")
    config = PLAN[name]
    if config.only or config.some:
        others = [other for other in PLAN if not PLAN[other].only and not PLAN[other].some]
        raise Failure(f"{name} is for {', '.join(config.only or config.some)} only: take "
                      f"{', '.join(others)}.")
    if not 1 <= seconds <= 86400:
        raise Failure(f"SECONDS must be a number from 1 to 86400, not {seconds}.")
    step(f"this takes {seconds} seconds, and a little more")
    publish([measure(name, "soak", "", seconds)], f"make soak TARGET={name} SECONDS={seconds}",
            "soak", "soak")
    return 0


def publish(measured, repeat, results="results", page="report"):
    written = [DIRECTORY / f"{results}.json", DIRECTORY / f"{page}.html"]
    cache.write(written[0], json.dumps({"command": repeat, "targets": measured}, indent=1) + "\n")
    for target in measured:
        benchtable.show(target)
    benchtable.show_summary(measured)
    write_report(results, page)
    print("written to " + " and ".join(str(path.relative_to(checkout.ROOT)) for path in written))


def write_report(results="results", page="report"):
    """Write the page from stored results, with those of the apps."""
    path = DIRECTORY / f"{results}.json"
    stored = json.loads(path.read_text()) if path.exists() else {"targets": []}
    apps = appresults.section(appresults.load()) if page == "report" else ""
    report.write(stored["targets"], stored.get("command", "make bench WORKLOAD=apps"),
                 DIRECTORY / f"{page}.html", apps)


class Loaded:
    """A context in which modules are loaded on this machine."""

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
    """Load both modules on this machine; return the results and the profile's
    sample interval.
    """
    with Loaded((allocator, [WITHOUT_PROFILE]), (benchmark, arguments)):
        return (Path("/sys/kernel/debug/gomalloc_bench/results").read_text(),
                Path("/sys/module/gomalloc/parameters/memprofilerate").read_text().strip())


def run_here(workload, size):
    """The same benchmark on the running kernel, without a guest."""
    allocator, benchmark = checkout.ROOT / "gomalloc.ko", checkout.ROOT / "gomalloc_bench.ko"
    if not allocator.exists() or not benchmark.exists():
        raise Failure("gomalloc.ko and gomalloc_bench.ko are not built: run make BENCH=1 first.")
    wanted = parameters(workload=workload, size=size,
                        json=",".join(str(path) for path in json_texts(workload, False)))
    was_loaded = Path("/sys/module/gomalloc").exists()
    text, rate = results_here(allocator, benchmark, wanted.split())
    rows_alone = alone(text)
    if rows_alone and was_loaded:
        note("gomalloc was loaded before and stays loaded, so rows of memory do not include its "
             "present metadata; run rmmod gomalloc first to have it reloaded for each row.")
    for arguments in rows_alone:
        text += results_here(allocator, benchmark, ["alone=1", *arguments])[0]
    facts, rows, tables = parse_both(text)
    cmdline = Path("/proc/cmdline").read_text().strip()
    publish([{"name": "here", "kernel": facts.get("kernel", ""), "unit": facts["unit"],
              "cpus": int(facts["cpus"]), "machine": "this machine", "note": "", "rows": rows,
              "tables": tables,
              "cmdline": f"{cmdline}; gomalloc.ko memprofilerate={rate}"}],
            command("bench-here", workload, size))
    return 0
