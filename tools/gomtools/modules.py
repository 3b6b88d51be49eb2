# SPDX-License-Identifier: GPL-2.0
"""Builds the modules for a target or against a header set.

Each target has a copy of the sources in build/mod/TARGET/, so kernels do not
share object files.  Only changed files are copied, so a second build takes
seconds.
"""

import os
import re
import shutil
from pathlib import Path

from . import cache, checkout, headers, process, targets
from .ui import Failure, step

WARNING = re.compile(r"\b(warning|WARNING|error):")
# Warnings of every out-of-tree build.
HARMLESS = re.compile(r"the compiler differs from the one used|pahole version differs|"
                      r"Symbol info of vmlinux is missing|Skipping BTF generation")


class UmlToolchain:
    """Builds modules for a UML target: natively, against the kernel's build
    directory.
    """

    def __init__(self, target):
        self.name = target.name
        self.kernel = target.kernel
        self.version = self.kernel.version

    def make(self, directory, *arguments):
        return ["env", f"PWD={directory}", "make", "-C", str(self.kernel.path), "ARCH=um",
                f"M={directory}", *arguments]


class LocalToolchain:
    """Builds modules against a directory of headers of this machine, as `make`
    does.
    """

    def __init__(self, directory):
        self.directory = Path(directory)
        release = self.directory / "include/config/kernel.release"
        if not (self.directory / "Makefile").exists() or not release.exists():
            raise Failure(f"There are no kernel headers in {directory}: install "
                          f"linux-headers-{os.uname().release}, or name others with --kernel, or "
                          f"one of the project's kernels with --target.")
        self.version = release.read_text().strip()
        self.name = f"local-{self.version}"

    def make(self, directory, *arguments):
        # Many makefiles name their directory by $(PWD).
        return ["env", f"PWD={directory}", "make", "-C", str(self.directory), f"M={directory}",
                *arguments]


def jobs():
    return os.cpu_count()


def toolchain_of(name):
    """The toolchain for the target or header set `name`."""
    if name in headers.SETS:
        return headers.find(name)
    target = targets.find(name)
    return UmlToolchain(target) if target.modules == name else toolchain_of(target.modules)


def is_source(file):
    """Whether a file is a source, and not a result of a build (as in
    .gitignore).
    """
    made = file.name.startswith(".") or file.name.endswith(checkout.BUILT_ENDINGS)
    return file.is_file() and not made and (file.suffix or file.name == "Kbuild")


def source_files(source):
    """The modules' source files below the directory `source`, as relative
    paths.
    """
    for part in checkout.MODULE_SOURCES:
        path = source / part
        for file in path.rglob("*") if path.is_dir() else [path]:
            if is_source(file):
                yield file.relative_to(source)


def copy(source, directory):
    """Update the sources in `directory`; unchanged files are not touched."""
    wanted = set(source_files(source))
    for file in wanted:
        old, new = directory / file, source / file
        if not old.exists() or old.read_bytes() != new.read_bytes():
            old.parent.mkdir(parents=True, exist_ok=True)
            shutil.copyfile(new, old)
    for file in set(source_files(directory)) - wanted:
        (directory / file).unlink()


def warnings(log):
    return [line for line in log.splitlines() if WARNING.search(line) and not HARMLESS.search(line)]


def build_log(name, source, arguments, variant="", toolchain=None):
    """Build for `name` and return (the directory, what make printed)."""
    if not (source / "Kbuild").exists():
        raise Failure(f"There is nothing to build: {source / 'Kbuild'} does not exist.")
    toolchain = toolchain or toolchain_of(name)
    directory = checkout.BUILD / "mod" / (name + variant)
    directory.mkdir(parents=True, exist_ok=True)
    with cache.locked(f"mod{directory}"):
        copy(source, directory)
        log = checkout.LOGS / f"build-{name}{variant}.log"
        step(f"building the modules for {name}{variant}: Linux {toolchain.version}")
        # Somebody's kernel is not asked for more than gomalloc.ko.
        all_of_it = [] if isinstance(toolchain, LocalToolchain) else ["W=1", "BENCH=1"]
        process.run(toolchain.make(directory, *all_of_it, f"-j{jobs()}", *arguments, "modules"),
                    log, f"Building the modules for {name}")
        return directory, log.read_text(errors="replace")


def build(name, source=checkout.ROOT, variant=""):
    """Build the modules for `name`; return ({file name: path}, warnings).

    The variant "-offtimes" is built with GOM_OFFTIMES=1, in a directory of its
    own.
    """
    directory, log = build_log(name, source, [f"{variable(variant)}=1"] if variant else [], variant)
    names = [f"{Path(line).stem}.ko" for line in (directory / "modules.order").read_text().split()]
    return {name: directory / name for name in names}, warnings(log)


def build_gomalloc(toolchain):
    """The directory in which gomalloc.ko was built by a toolchain, with its
    Module.symvers.
    """
    if isinstance(toolchain, LocalToolchain):
        return build_log(toolchain.name, checkout.ROOT, [], toolchain=toolchain)[0]
    return build(toolchain.name)[0]["gomalloc.ko"].parent


def variable(variant):
    """The make variable of a variant: GOM_OFFTIMES of "-offtimes"."""
    return "GOM" + variant.replace("-", "_").upper()


def analyse(name, source=checkout.ROOT):
    """The output of sparse for all source files in a build for `name`."""
    return build_log(name, source, ["C=2", "CHECK=sparse"])[1]
