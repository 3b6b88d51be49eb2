# SPDX-License-Identifier: GPL-2.0
"""Modules nobody here wrote: built from Debian's kernel sources, unmodified,
over SLUB and over gomalloc, and run in guests.

An App names the sources that are copied, the modules that they make, what these
need, and the machine.  Its workload is tools/guest/app-NAME.sh; that of file
systems is in app-disk.sh.
"""

import re
from dataclasses import dataclass, field

from . import (callsites, checkout, elf, guest, instructions, modules, outoftree, samecode, sources,
               stockmodules, targets, userspace)
from .tally import Outcome, failed, passed
from .ui import Failure

TIMEOUT = 300
OLD_AND_NEW = ["stock-6.1", "stock-newest"]
# User-mode Linux has kernels of its own for apps, with what these need.
NATIVE = {"uml-6.1": "uml-6.1-apps", "uml": "uml-apps"}
# How a workload is measured (app.sh).
INSTRUCTIONS, CYCLES = "instructions", "cycles"


@dataclass(frozen=True)
class App:
    """Modules and their workload."""

    copied: tuple           # files and folders of the kernel's sources
    own: tuple              # the modules under test, in the order of loading
    kbuild: dict = field(default_factory=dict)  # {folder: lines for its Kbuild}
    stock: tuple = ()       # modules of Debian's package, with what these need
    after: tuple = ()       # the same, loaded after the modules under test
    make: tuple = ()        # arguments of make
    programs: tuple = ()    # see userspace.py
    common: str = ""        # a script that comes after app-NAME.sh
    parameters: str = ""    # of the last module
    stays: bool = False     # the last module has no exit function
    appends: tuple = ("",)  # kernel command lines: one guest for each
    number: int = 5000      # size of the workload in `make check`
    measured: int = 20000   # and in `make bench`
    memory: int = 1024


# Include the folder's own Makefile, but build one module of it.
ONE_OF = "include $(src)/Makefile\nobj-y :=\nobj-m := {}.o"
# The Makefile adds this file with CONFIG_DEBUG_INFO_BTF_MODULES, without which
# everything here is built (headers.py); the other files call it in any case.
CONNTRACK = ONE_OF.format("nf_conntrack") + """
nf_conntrack-$(CONFIG_BPF_SYSCALL) += nf_conntrack_bpf.o"""
# 6.1 has $(srctree)/$(src) there, which is no directory outside the tree.
XFS = "include $(src)/Makefile\nccflags-y += -I $(src) -I $(src)/libxfs"

DISK = "app-disk.sh"

APPS = {
    "meminit": App(copied=("lib/test_meminit.c",), own=("test_meminit",), stays=True,
                   kbuild={"": "obj-m += lib/test_meminit.o"},
                   appends=("init_on_alloc=1", "init_on_free=1")),
    "ext4": App(copied=("fs/ext4", "fs/jbd2", "fs/mbcache.c"), own=("mbcache", "jbd2", "ext4"),
                kbuild={"": "obj-m += fs/mbcache.o fs/jbd2/ fs/ext4/"},
                stock=("loop", "crc32c_generic?"), common=DISK,
                programs=("files", "mke2fs:e2fsprogs", "e2fsck:e2fsprogs")),
    "overlay": App(copied=("fs/overlayfs",), own=("overlay",),
                   kbuild={"": "obj-m += fs/overlayfs/"}, programs=("files",)),
    "conntrack": App(copied=("net/netfilter",), own=("nf_conntrack",),
                     kbuild={"": "obj-m += net/netfilter/", "net/netfilter": CONNTRACK},
                     stock=("crc32c_generic?",), after=("nft_ct",),
                     programs=("flows", "nft:nftables"), number=20000, measured=40000),
    "rcuscale": App(copied=("kernel/rcu", "kernel/torture.c"), own=("torture", "rcuscale"),
                    kbuild={"": "obj-m += kernel/torture.o kernel/rcu/rcuscale.o"},
                    # The second name is the newer one; otherwise it switches the guest off.
                    parameters="kfree_rcu_test=1 kfree_alloc_num=1 kfree_loops=1 shutdown=0 "
                               "shutdown_secs=0", number=8000),
    "wireguard": App(copied=("drivers/net/wireguard",), own=("wireguard",),
                     kbuild={"": "obj-m += drivers/net/wireguard/"},
                     make=("CONFIG_WIREGUARD_DEBUG=y",), stock=("veth",),
                     programs=("echo", "wg:wireguard-tools", "ip:iproute2"), number=4096,
                     measured=16384),
    "xfs": App(copied=("fs/xfs",), own=("xfs",), kbuild={"": "obj-m += fs/xfs/", "fs/xfs": XFS},
               stock=("loop", "crc32c_generic?"), common=DISK,
               programs=("files", "mkfs.xfs:xfsprogs", "xfs_repair:xfsprogs")),
    "btrfs": App(copied=("fs/btrfs",), own=("btrfs",), kbuild={"": "obj-m += fs/btrfs/"},
                 stock=("loop", "crc32c_generic?"), common=DISK,
                 programs=("files", "mkfs.btrfs:btrfs-progs", "btrfs:btrfs-progs")),
    "nullb": App(copied=("drivers/block/null_blk",), own=("null_blk",),
                 kbuild={"": "obj-m += drivers/block/null_blk/"},
                 parameters="memory_backed=1 gb=1 nr_devices=1 discard=1", number=20000,
                 measured=60000),
}
# These run in `make check`.
CHECKED = ["meminit", "ext4"]


def find(name):
    if name not in APPS:
        raise Failure(f"There is no app '{name}'; there are {', '.join(APPS)}.")
    return APPS[name]


def source_of(target):
    """The source tree of a target's kernel."""
    series = re.match(r"\d+\.\d+", target.kernel.version)[0]
    return sources.series(series)


def tree(app, source):
    """The files of an app's tree, {relative path: bytes}."""
    files = {}
    for name in app.copied:
        # Some files move between versions: "a|b" is the first that exists.
        path = next((source.path / each for each in name.split("|")
                     if (source.path / each).exists()), None)
        if not path:
            raise Failure(f"{source.name} has no {name}.")
        for file in path.rglob("*") if path.is_dir() else [path]:
            if file.is_file():
                files[str(file.relative_to(source.path))] = file.read_bytes()
    for folder, lines in app.kbuild.items():
        # Kbuild has precedence over the folder's own Makefile.
        files[f"{folder}/Kbuild".lstrip("/")] = (lines + "\n").encode()
    return files


def build(name, target, side):
    """Build an app's modules; return {module: path} in the order of loading."""
    app = find(name)
    toolchain = modules.toolchain_of(target.modules)
    gomalloc = None
    if side == outoftree.GOMALLOC:
        gomalloc = modules.build_gomalloc(toolchain)
    directory = checkout.BUILD / "apps" / target.name / name / side
    built = outoftree.build(toolchain, tree(app, source_of(target)), directory, side,
                             gomalloc, app.make)
    found = {stockmodules.module_name(path.name): path for path in built}
    missing = set(app.own) - set(found)
    if missing:
        raise Failure(f"{name} for {target.name} has no module {', '.join(missing)}.")
    return {module: found[module] for module in app.own}


def stock_modules(app, target, own):
    """What is loaded of the kernel's own modules, as (file name, bytes): before
    the modules under test, and after them.

    Modules with a question mark may be missing, or be in the kernel.
    """
    available = stockmodules.files(stockmodules.tree(target.kernel))
    wanted = [name.rstrip("?") for name in app.stock
              if not name.endswith("?") or name[:-1] in available]
    before = stockmodules.needed(target.kernel, wanted, own)
    known = [stockmodules.module_name(name) for name, _ in before]
    return before, stockmodules.needed(target.kernel, app.after, own, known)


def names(files):
    return " ".join(stockmodules.module_name(name) for name, _ in files)


def script(name, side, before, after, parameters, measure):
    app = find(name)
    variables = {"SIDE": side, "STOCK": names(before), "AFTER": names(after),
                 "OWN": " ".join(app.own), "PARAMETERS": app.parameters,
                 "STAYS": "1" if app.stays else "",
                 "NUMBER": app.measured if measure else app.number,
                 "MEASURE": measure, "GOMALLOC": parameters}
    return ("".join(f"{key}='{value}'\n" for key, value in variables.items())
            + "".join((checkout.GUEST_SCRIPTS / file).read_text()
                      for file in (f"app-{name}.sh", app.common, "app.sh") if file))


def boot(name, target, side, append, log, parameters="", measure="", timeout=TIMEOUT):
    """Run an app in a guest; return the guest's Result.  `parameters` are those
    of gomalloc.ko; `measure` is INSTRUCTIONS, CYCLES or nothing.
    """
    app = find(name)
    own = build(name, target, side)
    before, after = stock_modules(app, target, own.values())
    files = {f"modules/{file}": data for file, data in before + after}
    files.update(userspace.programs(app.programs))
    if measure:
        files.update(userspace.programs(["mark", "peak"]))
    if measure == INSTRUCTIONS:
        slub = instructions.slub_functions(source_of(target).path)
        files["opt/slub"] = "\n".join(sorted(slub)).encode()
    carried = [*own.values()]
    if side == outoftree.GOMALLOC:
        carried.append(modules.build(target.modules)[0]["gomalloc.ko"])
    text = script(name, side, before, after, parameters, measure)
    return guest.run(target, text, carried, timeout, append, log, files=files)


def machine(name, target_name, counted=False):
    memory = find(name).memory
    if target_name in NATIVE:
        return targets.find(NATIVE[target_name], cpus=1, memory=memory)
    if target_name not in targets.TARGETS or target_name.startswith("uml"):
        raise Failure(f"{target_name} cannot run apps: {', '.join([*OLD_AND_NEW, *NATIVE])} can.")
    return targets.find(target_name, cpus=1 if counted else 2, memory=memory, counted=counted)


def run(name, target_name, side=outoftree.GOMALLOC, parameters=""):
    """A check: an app passes on a target, over SLUB or gomalloc."""
    target = machine(name, target_name)
    outcome = Outcome(f"{name} over {outoftree.SIDES[side]}{' ' * bool(parameters)}{parameters} on "
                      f"{target.describe()}")
    for append in find(name).appends:
        log = checkout.LOGS / f"app-{name}-{side}-{target.name}{'-' * bool(append)}{append}.log"
        result = boot(name, target, side, append, log, parameters)
        outcome.passed += result.passed
        outcome.failed += not result.passed
        outcome.seconds += result.seconds
        outcome.text += append + "\n" * bool(append) + (result.verdict() or result.output) + "\n"
    return outcome


def still_slubs(module):
    """What shows that a module's allocations are SLUB's, not gomalloc's."""
    found = callsites.uses(module)
    if not callsites.redirected(found):
        yield "nothing is gomalloc's"
    for name in callsites.not_redirected(found):
        yield f"{name} is not redirected"


def same_code(name, target_name):
    """A check: over gomalloc, the app's code is that over SLUB but for names,
    and no allocation is SLUB's.
    """
    target = machine(name, target_name)
    plain, ours = ({module: elf.read(path) for module, path in build(name, target, side).items()}
                   for side in outoftree.SIDES)
    found = [f"{module}: {each}" for module in find(name).own
             for each in [*samecode.differences(plain[module], ours[module]),
                          *still_slubs(ours[module])]]
    title = f"{name} has the same code over SLUB and gomalloc on {target_name}"
    return failed(title, "\n".join(found)) if found else passed(title)


def fetch():
    """Download and unpack what the checks need."""
    for name in OLD_AND_NEW:
        target = targets.find(name)
        source_of(target).path.exists()
        stockmodules.tree(target.kernel)


def checks():
    for target in OLD_AND_NEW:
        for name in CHECKED:
            yield (f"{name} over gomalloc on {target}",
                   lambda name=name, target=target: run(name, target))
            yield (f"code of {name} over gomalloc on {target}",
                   lambda name=name, target=target: same_code(name, target))
