# SPDX-License-Identifier: GPL-2.0
"""Programs for the guests: this machine's, with their shared libraries, and our
own, in tools/apps/, linked statically.
"""

import re
import shutil
from pathlib import Path

from . import cache, checkout, process
from .ui import Failure

SOURCES = checkout.ROOT / "tools/apps"
ADMINISTRATION = ["/usr/local/sbin", "/usr/sbin", "/sbin"]


def libraries(program):
    """The shared libraries and the dynamic linker of a program."""
    lines = process.lines(["ldd", str(program)])
    return [match[0] for line in lines if (match := re.search(r"/\S+(?= \()", line))]


def installed(name, package):
    """{path in the guest: file} of a program of this machine.

    Programs are in /opt, and called by this path: the guest's shell prefers
    busybox's own ones.
    """
    path = shutil.which(name) or next((f"{folder}/{name}" for folder in ADMINISTRATION
                                       if Path(f"{folder}/{name}").exists()), None)
    if not path:
        raise Failure(f"{name} is not installed: run tools/setup.sh, or install {package}.")
    found = {library.lstrip("/"): Path(library) for library in libraries(path)}
    found[f"opt/{name}"] = Path(path)
    return found


def own(name):
    """{path in the guest: file} of a program in tools/apps/."""
    source, path = SOURCES / f"{name}.c", checkout.BUILD / f"apps/programs/{name}"
    newest = max(file.stat().st_mtime for file in [source, *SOURCES.glob("*.h")])
    with cache.locked(f"program{path}"):
        if not path.exists() or path.stat().st_mtime < newest:
            path.parent.mkdir(parents=True, exist_ok=True)
            process.run(["gcc", "-O2", "-Wall", "-static", "-o", str(path), str(source)],
                        checkout.LOGS / f"program-{name}.log", f"Compiling {source.name}")
    return {f"opt/{name}": path}


def programs(wanted):
    """The files of several programs: "files" is our own, "mke2fs:e2fsprogs" is
    in the package e2fsprogs.
    """
    found = {}
    for each in wanted:
        name, _, package = each.partition(":")
        found.update(installed(name, package) if package else own(name))
    return found
