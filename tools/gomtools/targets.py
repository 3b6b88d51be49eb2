# SPDX-License-Identifier: GPL-2.0
"""The targets: every kind of machine the module is tested and measured on.

A target knows its kernel and the command line that boots it; how a run is watched and
judged is the same for all (guest.py).  TARGETS is the list; `find` turns a name from the
command line into a Target.
"""

import functools
import shutil

from . import bootprobe, sources, stock
from .ui import Failure
from .umlkernel import UmlKernel

UML_BASE = ["uml.config"]
UML_SMP = ["uml.config", "smp.config"]
UML_DEBUG = ["uml.config", "smp.config", "debug.config"]
UML_PLAIN = ["uml.config", "smp.config", "plain.config"]


class Uml:
    """User-mode Linux: a kernel as a plain process, on the machine's real CPUs."""

    def __init__(self, name, source, fragments, cpus=1, memory=768):
        self.name = name
        self.source = source
        self.fragments = fragments
        self.cpus = cpus
        self.memory = memory
        self.modules = name
        self.nodes = 1

    @functools.cached_property
    def kernel(self):
        return UmlKernel(self.name, self.source(), self.fragments)

    @property
    def machine(self):
        return "user-mode Linux at -O2, native"

    def describe(self):
        return f"{self.name}: UML {self.kernel.version}, {self.cpus} CPU{'s' * (self.cpus > 1)}"

    def command(self, initrd, output, scratch, append):
        smp = [f"ncpus={self.cpus}", "seccomp=on"] if self.cpus > 1 else []
        return [str(self.kernel.image), f"mem={self.memory}M", *smp, f"initrd={initrd}",
                "console=ttyS0", "con=null", "con0=null", "ssl=null", "ssl0=null,fd:2",
                f"ssl1=null,fd:{output}", f"uml_dir={scratch}", "ignore_loglevel",
                "panic=-1", *append.split()]


class Stock:
    """Debian's own kernel image under QEMU: emulated, or by KVM where that works."""

    def __init__(self, name, image, headers, cpus=1, memory=1024, counted=False):
        self.name = name
        self.find_image = image
        self.modules = headers
        self.cpus = cpus
        self.memory = memory
        self.counted = counted
        self.nodes = 1
        self.plugin = []        # options of the emulator's, when it is to count something
        self.numa = None        # nodes that are not alike: for each (MiB, CPUs)
        self.slots = False      # memory may be plugged in
        self.monitor = False    # the guest may ask its host for something (monitor.py)

    @functools.cached_property
    def kernel(self):
        return self.find_image()

    @property
    def accelerator(self):
        return "kvm" if not self.counted and not self.plugin and bootprobe.kvm_works(self.kernel.image) else "tcg"

    @property
    def machine(self):
        if self.counted:
            return "QEMU -icount shift=0 -cpu max (presents itself as an AMD part)"
        return f"QEMU with {self.accelerator}" + ", a plugin counting" * bool(self.plugin)

    def describe(self):
        how = "QEMU, counting instructions" if self.counted else f"QEMU ({self.accelerator})"
        return f"{self.name}: Linux {self.kernel.version} in {how}, {self.cpus} CPU{'s' * (self.cpus > 1)}" \
            + f", {self.nodes} nodes" * (self.nodes > 1)

    def equal_nodes(self):
        """The CPUs and the memory in equal parts."""
        cpus, memory = self.cpus // self.nodes, self.memory // self.nodes
        return [(memory, f"{node * cpus}-{(node + 1) * cpus - 1}") for node in range(self.nodes)]

    def node_options(self):
        """QEMU's nodes are the guest's."""
        if self.nodes == 1 and not self.numa:
            return []
        options = []
        for node, (memory, cpus) in enumerate(self.numa or self.equal_nodes()):
            if memory:
                options += ["-object", f"memory-backend-ram,id=m{node},size={memory}M"]
            options += ["-numa", f"node,nodeid={node},cpus={cpus}" + f",memdev=m{node}" * bool(memory)]
        return options

    def command(self, initrd, output, scratch, append):
        if not shutil.which("qemu-system-x86_64"):
            raise Failure("qemu-system-x86_64 is not installed: run tools/setup.sh, or install qemu-system-x86.")
        speed = ["-icount", "shift=0"] if self.counted else []
        accelerator = self.accelerator
        threads = ",thread=multi" if accelerator == "tcg" and not self.counted else ""
        return ["qemu-system-x86_64", *(self.plugin or ["-accel", accelerator + threads]), *speed,
                "-cpu", "host" if accelerator == "kvm" else "max",
                "-smp", str(self.cpus), "-m", f"{self.memory}" + ",slots=2,maxmem=2G" * self.slots, *self.node_options(),
                *(["-qmp", f"unix:{scratch}/monitor,server=on,wait=off"] if self.monitor else []),
                "-nodefaults", "-display", "none",
                "-no-reboot", "-kernel", str(self.kernel.image), "-initrd", str(initrd),
                "-serial", "file:/dev/fd/2",
                "-chardev", f"file,id=output,path=/dev/fd/{output}", "-serial", "chardev:output",
                "-append", f"console=ttyS0 ignore_loglevel panic=-1 {append}"]


TARGETS = {
    "uml": lambda: Uml("uml", sources.newest, UML_SMP, cpus=2),
    "uml-6.1": lambda: Uml("uml-6.1", lambda: sources.series("6.1"), UML_BASE),
    "uml-debug": lambda: Uml("uml-debug", sources.newest, UML_DEBUG, cpus=2, memory=512),
    # For the benchmark alone: what hardening and accounting cost.
    "uml-plain": lambda: Uml("uml-plain", sources.newest, UML_PLAIN, cpus=2),
    "stock-6.1": lambda: Stock("stock-6.1", stock.series_6_1, "headers-6.1"),
    "stock-newest": lambda: Stock("stock-newest", stock.newest, "headers-newest"),
    "stock-rt": lambda: Stock("stock-rt", stock.newest_rt, "headers-rt"),
}


def find(name, cpus=None, memory=None, counted=False, nodes=None):
    if name not in TARGETS:
        raise Failure(f"There is no target '{name}'; the targets are {', '.join(TARGETS)}.")
    target = TARGETS[name]()
    if counted and not isinstance(target, Stock):
        raise Failure(f"{name} cannot be counted: only the stock targets can.")
    if counted and cpus not in (None, 1):
        raise Failure("A counted target has one CPU.")
    if cpus is not None:
        target.cpus = check_cpus(target, cpus)
    if memory is not None:
        target.memory = memory
    if nodes is not None:
        target.nodes = check_nodes(target, nodes)
    if counted:
        target.counted = True
    return target


def check_cpus(target, cpus):
    most = 8 if isinstance(target, Stock) else 4 if "smp.config" in target.fragments else 1
    if not 1 <= cpus <= most:
        raise Failure(f"{target.name} runs on 1 to {most} CPUs, not {cpus}.")
    return cpus


def check_nodes(target, nodes):
    if not isinstance(target, Stock):
        raise Failure(f"{target.name} has one node: only the stock targets can have several.")
    if nodes < 1 or target.cpus % nodes or target.memory % nodes:
        raise Failure(f"{target.cpus} CPUs and {target.memory} MiB cannot be divided by {nodes} nodes.")
    return nodes
