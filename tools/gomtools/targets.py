# SPDX-License-Identifier: GPL-2.0
"""The targets: kernels and machines on which the modules are tested and
measured.

A target has a kernel and a command line that boots it.  guest.py runs all
targets in the same way.  TARGETS is the list; `find` returns a target by its
name.
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
APPS = "apps.config"


class Uml:
    """User-mode Linux: the kernel is a process on the real CPUs."""

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
        # With ptrace, the default, system calls are slower, and SMP is refused.
        smp = [f"ncpus={self.cpus}", "seccomp=on"] if "smp.config" in self.fragments else []
        return [str(self.kernel.image), f"mem={self.memory}M", *smp, f"initrd={initrd}",
                "console=ttyS0", "con=null", "con0=null", "ssl=null", "ssl0=null,fd:2",
                f"ssl1=null,fd:{output}", f"uml_dir={scratch}", "ignore_loglevel",
                "panic=-1", *append.split()]


class Stock:
    """Debian's kernel image under QEMU: with KVM if it works, else emulated."""

    def __init__(self, name, image, headers, cpus=1, memory=1024, counted=False):
        self.name = name
        self.find_image = image
        self.modules = headers
        self.cpus = cpus
        self.memory = memory
        self.counted = counted
        self.skip_idle = False  # counted: when the CPU is idle, the next timer is due at once
        self.nodes = 1
        self.plugin = []        # options that load a plugin of the emulator
        self.numa = None        # unequal nodes: (MiB, CPUs) of each
        self.slots = False      # slots for memory that is plugged in
        self.monitor = False    # the script may send requests to the host (monitor.py)

    @functools.cached_property
    def kernel(self):
        return self.find_image()

    @property
    def accelerator(self):
        may_use_kvm = not self.counted and not self.plugin
        return "kvm" if may_use_kvm and bootprobe.kvm_works(self.kernel.image) else "tcg"

    @property
    def machine(self):
        if self.counted:
            return "QEMU -icount shift=0 -cpu max (presents itself as an AMD part)"
        return f"QEMU with {self.accelerator}" + ", a plugin counting" * bool(self.plugin)

    def describe(self):
        how = "QEMU, counting instructions" if self.counted else f"QEMU ({self.accelerator})"
        return (f"{self.name}: Linux {self.kernel.version} in {how}, {self.cpus} "
                f"CPU{'s' * (self.cpus > 1)}" + f", {self.nodes} nodes" * (self.nodes > 1))

    def equal_nodes(self):
        """The CPUs and the memory in equal parts."""
        cpus, memory = self.cpus // self.nodes, self.memory // self.nodes
        return [(memory, f"{node * cpus}-{(node + 1) * cpus - 1}") for node in range(self.nodes)]

    def node_options(self):
        """Options of QEMU for the guest's nodes."""
        if self.nodes == 1 and not self.numa:
            return []
        options = []
        for node, (memory, cpus) in enumerate(self.numa or self.equal_nodes()):
            if memory:
                options += ["-object", f"memory-backend-ram,id=m{node},size={memory}M"]
            options += ["-numa", f"node,nodeid={node}" + f",cpus={cpus}" * bool(cpus)
                        + f",memdev=m{node}" * bool(memory)]
        return options

    def command(self, initrd, output, scratch, append):
        if not shutil.which("qemu-system-x86_64"):
            raise Failure("qemu-system-x86_64 is not installed: run tools/setup.sh, or install "
                          "qemu-system-x86.")
        speed = ["-icount", "shift=0" + ",sleep=off" * self.skip_idle] if self.counted else []
        accelerator = self.accelerator
        threads = ",thread=multi" if accelerator == "tcg" and not self.counted else ""
        return ["qemu-system-x86_64", *(self.plugin or ["-accel", accelerator + threads]), *speed,
                "-cpu", "host" if accelerator == "kvm" else "max", "-smp", str(self.cpus), "-m",
                f"{self.memory}" + ",slots=2,maxmem=2G" * self.slots, *self.node_options(),
                *(["-qmp", f"unix:{scratch}/monitor,server=on,wait=off"] if self.monitor else []),
                "-nodefaults", "-display", "none", "-no-reboot", "-kernel", str(self.kernel.image),
                "-initrd", str(initrd), "-serial", "file:/dev/fd/2", "-chardev",
                f"file,id=output,path=/dev/fd/{output}", "-serial", "chardev:output", "-append",
                f"console=ttyS0 ignore_loglevel panic=-1 {append}"]


TARGETS = {
    "uml": lambda: Uml("uml", sources.newest, UML_SMP, cpus=2),
    "uml-6.1": lambda: Uml("uml-6.1", lambda: sources.series("6.1"), UML_BASE),
    "uml-debug": lambda: Uml("uml-debug", sources.newest, UML_DEBUG, cpus=2, memory=512),
    # For the benchmark only: without hardening and accounting.
    "uml-plain": lambda: Uml("uml-plain", sources.newest, UML_PLAIN, cpus=2),
    # For modules of the kernel (apps.py).
    "uml-apps": lambda: Uml("uml-apps", sources.newest, [*UML_SMP, APPS]),
    "uml-6.1-apps": lambda: Uml("uml-6.1-apps", lambda: sources.series("6.1"), [*UML_BASE, APPS]),
    "stock-6.1": lambda: Stock("stock-6.1", stock.series_6_1, "headers-6.1"),
    "stock-newest": lambda: Stock("stock-newest", stock.newest, "headers-newest"),
    "stock-rt": lambda: Stock("stock-rt", stock.newest_rt, "headers-rt"),
}


def find(name, cpus=None, memory=None, counted=False, nodes=None):
    if name not in TARGETS:
        raise Failure(f"There is no target '{name}'; the targets are {', '.join(TARGETS)}.")
    target = TARGETS[name]()
    if counted and not isinstance(target, Stock):
        raise Failure(f"{name} cannot count instructions: only the stock targets can.")
    if counted and cpus not in (None, 1):
        raise Failure("Instructions can be counted on one CPU only.")
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
        raise Failure(f"{target.cpus} CPUs and {target.memory} MiB cannot be divided by {nodes} "
                      f"nodes.")
    return nodes
