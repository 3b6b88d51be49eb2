# SPDX-License-Identifier: GPL-2.0
"""`make check`: all tests, and a last line with their totals.

Kernels are built first, one after the other, since each build uses all CPUs;
meanwhile other packages are downloaded and unpacked.  Then the checks run, two
at a time; each prints its result when it is complete.
"""

import time
from concurrent.futures import ThreadPoolExecutor

from . import (apps, bench, checkout, headers, inspection, kunit, modules, packages, selftest,
               smoke, style, targets, torture)
from .tally import failed, last_line, passed
from .ui import Failure

KUNIT_TARGETS = ["uml", "uml-6.1", "uml-debug"]
SMOKE_TARGETS = ["stock-6.1", "stock-newest"]
RT_TARGET = "stock-rt"
SMOKE_CPUS = 2
NUMA_CPUS = 4
NUMA_NODES = [2, 4]
AT_ONCE = 2


def builds(name):
    """A check: the modules build against this header set without warnings."""
    chosen = headers.find(name)
    _, warned = modules.build(name)
    title = (f"build with W=1 against {name} (Linux {chosen.version}, "
             f"Debian {chosen.release}'s compiler)")
    return failed(title, "\n".join(warned)) if warned else passed(title)


def variants():
    """Variants of the modules that only the benchmark uses: {variant: its first
    target}.
    """
    return {config.variant: config.target for config in reversed(bench.PLAN.values())
            if config.variant}


def builds_variant(name, variant):
    """A check: a variant of the modules builds for a target; warnings are
    ignored.
    """
    modules.build(targets.find(name).modules, variant=variant)
    return passed(f"build for {name}{variant}")


def checks():
    """All checks as (title, function), the longest first."""
    for name in reversed(KUNIT_TARGETS):
        yield f"KUnit on {name}", lambda name=name: kunit.run(targets.find(name))
    # A CPU that is possible and has never been online.
    yield ("KUnit on uml, maxcpus=1",
           lambda: kunit.run(targets.find("uml"), "gomalloc_mcache*", append="maxcpus=1"))
    for name in headers.SETS:
        yield f"build against {name}", lambda name=name: builds(name)
    for variant, name in variants().items():
        yield (f"build for {name}{variant}",
               lambda name=name, variant=variant: builds_variant(name, variant))
    for name in SMOKE_TARGETS:
        yield f"smoke on {name}", lambda name=name: smoke.run(smoke_target(name))
        yield f"inspection on {name}", lambda name=name: inspection.run(smoke_target(name))
        for nodes in NUMA_NODES:
            yield (f"{nodes} nodes on {name}",
                   lambda name=name, nodes=nodes: smoke.run(smoke_target(name, nodes)))
    yield f"smoke on {RT_TARGET}", lambda: smoke.run(smoke_target(RT_TARGET))
    yield from torture.checks()
    yield from apps.checks()
    yield from style.checks()
    yield "the tools' own tests", selftest.run


def smoke_target(name, nodes=1):
    return targets.find(name, cpus=NUMA_CPUS if nodes > 1 else SMOKE_CPUS, nodes=nodes)


def build_kernels():
    for name in KUNIT_TARGETS:
        targets.find(name).kernel.image.exists()


def fetch_others():
    """Download and unpack everything else, while kernels are built."""
    for name in KUNIT_TARGETS:
        targets.find(name).source().path.exists()
    for name in [*SMOKE_TARGETS, RT_TARGET]:
        targets.find(name).kernel.image.exists()
    for name in headers.SETS:
        headers.find(name).install()
    apps.fetch()


def prepare():
    """Make every kernel, image and compiler that the checks need."""
    packages.index()        # used by both threads
    with ThreadPoolExecutor(2) as pool:
        for each in [pool.submit(build_kernels), pool.submit(fetch_others)]:
            each.result()


def guarded(title, function):
    """Run a check and print its outcome.  If it cannot run, it has failed."""
    start = time.monotonic()
    try:
        outcome = function()
    except Failure as failure:
        outcome = failed(title, str(failure))
    outcome.seconds = time.monotonic() - start
    outcome.show()
    return outcome


def run():
    prepare()
    with ThreadPoolExecutor(AT_ONCE) as pool:
        running = [pool.submit(guarded, title, function) for title, function in checks()]
        outcomes = [each.result() for each in running]
    broken = [outcome.title for outcome in outcomes if outcome.failed]
    if broken:
        print("failed: " + "; ".join(broken))
    print(last_line(outcomes))
    return 1 if broken else 0
