# SPDX-License-Identifier: GPL-2.0
"""Rare situations: fragmented memory, a full node, memory hotplug, NMIs, an
isolated CPU, CPU hotplug, unloading under load.  Each is a guest script,
tools/guest/torture-NAME.sh, and the machine that it needs.
"""

from dataclasses import dataclass, field

from . import checkout, guest, modules, targets
from .tally import Outcome
from .ui import Failure

TIMEOUT = 120
OLD_AND_NEW = ["stock-6.1", "stock-newest"]


@dataclass
class Torture:
    """The machine for a situation."""

    targets: list = field(default_factory=lambda: OLD_AND_NEW)
    cpus: int = 2
    memory: int = 512
    append: str = ""
    numa: list = None       # (MiB, CPUs) of each node; 0 MiB: without memory, and offline
                            # if it has no CPUs either; with slots the last one is possible
    slots: bool = False     # slots for memory that is plugged in
    script: str = ""        # name of another script to run


TORTURES = {
    "profile": Torture(targets=["stock-rt"], cpus=4, memory=1024),
    "unload": Torture(memory=384),
    "fragments": Torture(),
    "plug": Torture(slots=True),
    "full-node": Torture(cpus=4, numa=[(256, "0-1"), (768, "2-3")]),
    "no-memory-node": Torture(cpus=4, numa=[(512, "0-1"), (0, "2-3"), (0, "")], slots=True),
    "reclaim": Torture(cpus=4, numa=[(512, "0-1"), (512, "2-3")]),
    "oom": Torture(memory=384),
    "irq-stacks": Torture(),
    "hotplug": Torture(cpus=4),
    "nmi": Torture(append="apic_extnmi=all", memory=1024),
    "sched": Torture(targets=["stock-rt", "stock-newest"], cpus=4, memory=1024),
    "isolated": Torture(targets=[*OLD_AND_NEW, "stock-rt"], append="isolcpus=1 nohz_full=1"),
    # The CPU's tick runs RCU callbacks.  On 6.1 they may be left to a thread
    # that never runs, so that even the kernel's rcu_barrier() does not end.
    "isolated-ticking": Torture(targets=["stock-newest"], append="isolcpus=1", script="isolated"),
}


def machine(name, target_name):
    """The target, configured for a situation."""
    wanted = TORTURES[name]
    memory = sum(megabytes for megabytes, _ in wanted.numa) if wanted.numa else wanted.memory
    target = targets.find(target_name, wanted.cpus, memory)
    if not isinstance(target, targets.Stock):
        raise Failure(f"{target_name} cannot be tortured: only the stock targets can.")
    target.numa = wanted.numa
    target.slots = wanted.slots
    target.monitor = True
    return target


def run(name, target_name, source=checkout.ROOT):
    if name not in TORTURES:
        raise Failure(f"There is no torture '{name}'; there are {', '.join(TORTURES)}.")
    target = machine(name, target_name)
    built, _ = modules.build(target.modules, source)
    script = (checkout.GUEST_SCRIPTS / f"torture-{TORTURES[name].script or name}.sh").read_text()
    result = guest.run(target, script, built.values(), TIMEOUT, TORTURES[name].append,
                       checkout.LOGS / f"torture-{name}-{target.name}.log")
    return Outcome(f"torture {name} on {target.describe()}", passed=int(result.passed),
                   failed=int(not result.passed), text=result.verdict() or result.output,
                   seconds=result.seconds)


def checks():
    for name, wanted in TORTURES.items():
        for target in wanted.targets:
            yield f"torture {name} on {target}", lambda name=name, target=target: run(name, target)
