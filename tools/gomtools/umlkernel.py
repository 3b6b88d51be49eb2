# SPDX-License-Identifier: GPL-2.0
"""User-mode Linux kernels: configured from tinyconfig plus fragments, built in
the cache.

The name of the cache entry contains the kernel's version and a hash of the
settings.  A changed fragment builds a new kernel; the old one is kept.
"""

import hashlib
import os
import subprocess
from pathlib import Path

from . import cache, kconfig, process
from .ui import Failure, Progress, step

LOG_WORDS = ("  CC ", "  AS ", "  LD ", "  AR ", "  HOSTCC ")


class UmlKernel:
    """A UML kernel: its image, and its build directory for modules."""

    def __init__(self, name, source, fragments):
        self.name = name
        self.source = source
        self.version = source.version
        self.settings = kconfig.settings(fragments, source.series)

    @property
    def path(self):
        digest = hashlib.sha256("\n".join(self.settings).encode()).hexdigest()[:12]
        return cache.entry(f"kernels/{self.name}-{self.source.package_version}-{digest}",
                           self.build, resume=True)

    @property
    def image(self):
        return self.path / "linux"

    def make(self, path, *targets):
        return ["make", "-C", str(self.source.path), "ARCH=um", f"O={path}",
                f"-j{os.cpu_count()}", *targets]

    def configure(self, path):
        log = path / "configure.log"
        process.run(self.make(path, "tinyconfig"), log, f"Configuring {self.name}")
        with open(path / ".config", "a") as config:
            config.write("\n".join(self.settings) + "\n")
        process.run(self.make(path, "olddefconfig"), log, f"Configuring {self.name}")
        lost = kconfig.missing(self.settings, (path / ".config").read_text())
        if lost:
            raise Failure(f"Linux {self.version} for UML ignored {', '.join(lost)}: correct "
                          f"the fragments in {kconfig.DIRECTORY}.")

    def build(self, path):
        source = self.source.path
        step(f"building {self.name}: Linux {self.version}, from {source.name}")
        self.configure(path)
        progress = Progress(f"building {self.name} {self.version}")
        log = path / "build.log"
        objects = 0
        with open(log, "w") as output, subprocess.Popen(
                self.make(path, "all"), stdin=subprocess.DEVNULL, stdout=subprocess.PIPE,
                stderr=subprocess.STDOUT, text=True, errors="replace") as build:
            for line in build.stdout:
                output.write(line)
                objects += line.startswith(LOG_WORDS)
                progress.show(f"{objects} objects")
        if build.returncode or not (path / "linux").exists():
            raise Failure(f"Building {self.name} failed; the end of {log}:\n"
                          f"{process.tail(log.read_text(errors='replace'))}")
        progress.done(f"{objects} objects")
