# SPDX-License-Identifier: GPL-2.0
"""Builds QEMU's plugin that counts cache lines moving between CPUs, and reads
its counts.

For each measurement the guest prints a line that names it, and the plugin a
line of counts.
"""

import os
import re
import shutil
import subprocess

from . import cache, checkout, process
from .ui import Failure

SOURCE = checkout.ROOT / "tools/plugin/cachelines.c"
TABLE = "cpus-lines"
SECONDS = 60            # for a QEMU that was told to quit
COLUMNS = ["lines_moved", "locked_instructions", "accesses"]


def interface_version():
    """The version of the plugin interface: 1 until QEMU 8, 2 since QEMU 9."""
    text = process.lines(["qemu-system-x86_64", "--version"])[0]
    match = re.search(r"version (\d+)\.(\d+)", text)
    if not match:
        raise Failure(f"QEMU does not print its version: {text}")
    return 1 if (int(match[1]), int(match[2])) < (9, 0) else 2


def build(source=SOURCE):
    """A plugin, compiled for the QEMU that is installed."""
    compiler = shutil.which("gcc") or shutil.which("cc")
    if not compiler:
        raise Failure("There is no C compiler for the emulator's plugin: run tools/setup.sh.")
    path = checkout.BUILD / f"plugin/{source.stem}.so"
    path.parent.mkdir(parents=True, exist_ok=True)
    with cache.locked(f"plugin{path}"):
        process.run([compiler, "-O2", "-Wall", "-shared", "-fPIC", "-fvisibility=hidden",
                     f"-DPLUGIN_VERSION={interface_version()}", "-o", str(path), str(source)],
                    checkout.LOGS / f"build-plugin-{source.stem}.log",
                    "Building the emulator's plugin")
    return path


def refusal(source=SOURCE):
    """Why the installed QEMU does not accept a plugin; empty if it does."""
    try:
        done = subprocess.run(["qemu-system-x86_64", "-machine", "none", "-nodefaults", "-display",
                               "none", "-S", "-plugin", f"{build(source)},out={os.devnull}",
                               "-monitor", "stdio"], input="quit\n", capture_output=True, text=True,
                              timeout=SECONDS)
    except subprocess.TimeoutExpired:
        return f"it did not end within {SECONDS} s"
    return process.tail(done.stderr, 1) or f"exit {done.returncode}" if done.returncode else ""


def options(output):
    """QEMU's options: one thread for all CPUs, so that they take turns, and the
    plugin.
    """
    return ["-accel", "tcg,thread=single", "-plugin", f"{build()},out={os.fspath(output)}"]


def join(tables, counted):
    """Add the plugin's counts, divided by the calls, to the guest's table."""
    head, *lines = tables[TABLE]
    counts = [[int(word) for word in line.split()] for line in counted.splitlines()]
    counts = counts[1:]         # the first line counts what was before
    if len(counts) != len(lines):
        raise Failure(f"The plugin printed {len(counts)} lines of counts, the guest {len(lines)} "
                      f"lines.")
    tables[TABLE] = [head[:3] + COLUMNS]
    for line, numbers in zip(lines, counts):
        tables[TABLE].append(line[:3] + [f"{number / int(line[3]):.3f}" for number in numbers])
