# SPDX-License-Identifier: GPL-2.0
"""Kernel source trees, from Debian's linux-source packages.

Test kernels are built from them, in directories of their own, and
checkpatch.pl, kernel-doc and kunit.py are used from them.
"""

import re
import subprocess

from . import cache, packages
from .ui import Failure, step

PACKAGE = r"linux-source-(\d+\.\d+)"


class Source:
    """A kernel source tree."""

    def __init__(self, name, version):
        self.name = name
        self.version = re.match(r"[\d.]+", version)[0]
        self.package_version = version

    @property
    def series(self):
        """The version as a pair of numbers."""
        return tuple(packages.version_key(self.version)[:2])

    @property
    def path(self):
        return cache.entry(f"sources/{self.name}_{self.package_version}", self.unpack)

    def unpack(self, path):
        package = packages.download(self.name, self.package_version)
        step(f"unpacking {self.name} {self.package_version}")
        script = ("set -o pipefail; dpkg-deb --fsys-tarfile \"$1\" | tar -xO --wildcards "
                  "'./usr/src/*.tar.xz' | xz -dc -T0 | tar -x --strip-components=1 -C \"$2\"")
        done = subprocess.run(["bash", "-c", script, "unpack", package, path],
                              stdin=subprocess.DEVNULL, capture_output=True, text=True)
        if done.returncode:
            raise Failure(f"Unpacking {package.name} failed: {done.stderr.strip()}")


def newest():
    return find(PACKAGE, "any linux-source")


def series(number):
    return find(rf"linux-source-({re.escape(number)})", f"linux-source-{number}")


def find(pattern, wanted):
    found = packages.matching(pattern)
    if not found:
        raise Failure(f"Debian's package lists hold no {wanted} package: check the package "
                      "source in /etc/apt, then run the command again.")
    match, version, _ = found[0]
    return Source(match[0], version)
