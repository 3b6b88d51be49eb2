# SPDX-License-Identifier: GPL-2.0
"""The comparison with SLUB: run gomalloc_bench.ko on each ground, gather, print, keep.

The module measures at load and shows rows in debugfs, with comment lines before them:
`# unit cycles cpus 2 …` and one that names the columns.  What is printed here is what
goes to build/bench/results.json, one row each.
"""

import json
import subprocess
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

from . import benchtable, cache, checkout, grounds, guest, modules
from .ui import Failure

SCRIPT = checkout.GUEST_SCRIPTS / "bench.sh"
RESULTS = checkout.BUILD / "bench/results.json"
TIMEOUT = 900
COUNTED = "init_on_alloc=0 mitigations=off"
# Ground, whether instructions are counted, what is added to the kernel's command line.
PLAN = {"uml": (False, "init_on_alloc=0"),
        "stock-6.1": (True, COUNTED),
        "stock-newest": (True, COUNTED)}


def parameters(workload, size):
    """The benchmark module's parameters for a part of the whole."""
    return " ".join(f"{name}={value}" for name, value in (("workload", workload), ("size", size)) if value)


def number(text):
    return None if text == "-" else float(text)


def parse(text):
    """The module's results as (facts, rows)."""
    facts, columns, rows = {}, [], []
    for line in text.splitlines():
        words = line.split()
        if line.startswith("# cmdline"):
            facts["cmdline"] = line.removeprefix("# cmdline ").strip()
        elif line.startswith("# unit"):
            facts.update(zip(words[1::2], words[2::2]))
        elif line.startswith("# workload"):
            columns = words[1:]
        elif columns and len(words) == len(columns):
            rows.append(row(dict(zip(columns, words))))
    if not rows:
        raise Failure("The benchmark module gave no results.")
    return facts, rows


def ratio(slub, gomalloc):
    return round(slub / gomalloc, 2) if slub is not None and gomalloc else None


def row(cells):
    """One row of results.json out of one row of the module's."""
    values = {name: number(text) for name, text in cells.items() if name != "workload"}
    size = values["size"]
    return {"workload": cells["workload"], "size": int(size) if size is not None else None,
            "slub": values["slub_min"], "gomalloc": values["gomalloc_min"], "floor": values["floor_min"],
            "ratio": ratio(values["slub_min"], values["gomalloc_min"]),
            "slub_median": values["slub_med"], "gomalloc_median": values["gomalloc_med"],
            "floor_median": values["floor_med"],
            "ratio_median": ratio(values["slub_med"], values["gomalloc_med"]),
            "held_slub": values["held_slub"], "held_gomalloc": values["held_gomalloc"]}


def measure(name, workload, size):
    """Run the benchmark on one ground; return its part of results.json."""
    counted, append = PLAN[name]
    ground = grounds.find(name, counted=counted)
    built, _ = modules.build(ground.modules)
    script = SCRIPT.read_text().replace("$PARAMETERS", parameters(workload, size))
    result = guest.run(ground, script, built.values(), TIMEOUT, append,
                       checkout.LOGS / f"bench-{name}.log")
    if not result.passed:
        raise Failure(f"The benchmark failed on {ground.describe()}: {result.verdict()}")
    facts, rows = parse(result.output)
    return {"name": name, "kernel": ground.kernel.version, "unit": facts["unit"],
            "cpus": int(facts["cpus"]), "cmdline": facts["cmdline"], "machine": ground.machine, "rows": rows}


def run(names, workload, size):
    """Measure on the named grounds, print the tables, write results.json."""
    for name in names:
        if name not in PLAN:
            raise Failure(f"There is no benchmark on '{name}'; the grounds are {', '.join(PLAN)}.")
        grounds.find(name).kernel.image.exists()
    native = [name for name in names if not PLAN[name][0]]
    counted = [name for name in names if PLAN[name][0]]
    # Native cycles want the machine to themselves; counts do not care.
    measured = [measure(name, workload, size) for name in native]
    with ThreadPoolExecutor(2) as pool:
        measured += pool.map(lambda name: measure(name, workload, size), counted)
    publish(measured)
    return 0


def publish(measured):
    cache.write(RESULTS, json.dumps({"grounds": measured}, indent=1) + "\n")
    for ground in measured:
        benchtable.show(ground)
    print(f"written to {RESULTS.relative_to(checkout.ROOT)}")


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


def run_here(workload, size):
    """The same benchmark on the running kernel, without any guest."""
    allocator, bench = checkout.ROOT / "gomalloc.ko", checkout.ROOT / "gomalloc_bench.ko"
    if not allocator.exists() or not bench.exists():
        raise Failure("gomalloc.ko and gomalloc_bench.ko are not built: run make first.")
    with Loaded((allocator, []), (bench, parameters(workload, size).split())):
        facts, rows = parse(Path("/sys/kernel/debug/gomalloc_bench/results").read_text())
    publish([{"name": "here", "kernel": facts.get("kernel", ""), "unit": facts["unit"],
              "cpus": int(facts["cpus"]), "cmdline": Path("/proc/cmdline").read_text().strip(),
              "machine": "this machine", "rows": rows}])
    return 0
