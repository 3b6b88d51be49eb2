# SPDX-License-Identifier: GPL-2.0
"""The emulator's plugin that counts cache lines moving between CPUs: built here, used by bench.

The guest names what it did, a line each; the plugin writes the figures, a line each.
"""

import os
import re
import shutil
import subprocess

from . import cache, checkout, process
from .ui import Failure

SOURCE = checkout.ROOT / "tools/plugin/cachelines.c"
TABLE = "cpus-lines"
SECONDS = 60            # until a QEMU that was told to quit is given up
COLUMNS = ["lines_moved", "locked_instructions", "accesses"]


def interface_version():
    """What to ask QEMU for: before 9.1 the first version will do, from then on it is gone."""
    text = process.lines(["qemu-system-x86_64", "--version"])[0]
    match = re.search(r"version (\d+)\.(\d+)", text)
    if not match:
        raise Failure(f"This QEMU does not tell its version: {text}")
    return 1 if (int(match[1]), int(match[2])) < (9, 0) else 2


def build():
    """The plugin, compiled for the QEMU that is installed."""
    compiler = shutil.which("gcc") or shutil.which("cc")
    if not compiler:
        raise Failure("There is no C compiler for the emulator's plugin: run tools/setup.sh.")
    path = checkout.BUILD / "plugin/cachelines.so"
    path.parent.mkdir(parents=True, exist_ok=True)
    with cache.locked(f"plugin{path}"):
        process.run([compiler, "-O2", "-Wall", "-shared", "-fPIC", "-fvisibility=hidden",
                     f"-DPLUGIN_VERSION={interface_version()}", "-o", str(path), str(SOURCE)],
                    checkout.LOGS / "build-plugin.log", "Building the emulator's plugin")
    return path


def refusal():
    """Why the QEMU that is installed does not take the plugin; empty if it does."""
    try:
        done = subprocess.run(["qemu-system-x86_64", "-machine", "none", "-nodefaults", "-display", "none", "-S",
                               "-plugin", f"{build()},out={os.devnull}", "-monitor", "stdio"],
                              input="quit\n", capture_output=True, text=True, timeout=SECONDS)
    except subprocess.TimeoutExpired:
        return f"it did not end within {SECONDS} s"
    return process.tail(done.stderr, 1) or f"exit {done.returncode}" if done.returncode else ""


def options(output):
    """QEMU's options: one thread for all CPUs, so that they take turns, and the plugin."""
    return ["-accel", "tcg,thread=single", "-plugin", f"{build()},out={os.fspath(output)}"]


def join(tables, counted):
    """Put the plugin's figures, for each call, into the guest's table."""
    head, *lines = tables[TABLE]
    figures = [[int(word) for word in line.split()] for line in counted.splitlines()]
    figures = figures[1:]       # the first is what was before
    if len(figures) != len(lines):
        raise Failure(f"The emulator counted {len(figures)} times, the guest {len(lines)} times.")
    tables[TABLE] = [head[:3] + COLUMNS]
    for line, numbers in zip(lines, figures):
        tables[TABLE].append(line[:3] + [f"{number / int(line[3]):.3f}" for number in numbers])
