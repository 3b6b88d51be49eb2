# SPDX-License-Identifier: GPL-2.0
"""Debian's kernels: the images, and the matching headers.

The image of a recent kernel is in linux-binary-RELEASE, of the newest, before
it is signed, in linux-binary-unsigned-RELEASE, and of an older kernel in
linux-image-RELEASE.  The packages of PREEMPT_RT kernels end in -rt-amd64.
"""

import functools

from . import bootprobe, cache, packages
from .ui import Failure

IMAGE = (r"linux-(?:image|binary|binary-unsigned)-"
         r"(?P<release>(?P<series>\d+\.\d+)\.[\w.+]+(?:-\d+)?)-")
PLAIN, RT = "amd64", "rt-amd64"


class StockKernel:
    """One of Debian's kernels: `release` is its uname -r without the flavour.
    """

    def __init__(self, package, release, version, suite, flavour=PLAIN):
        self.package = package
        self.release = release
        self.flavour = flavour
        self.package_version = version
        self.version = version.partition("-")[0]
        self.suite = suite

    @property
    def image(self):
        def unpack(path):
            packages.extract(packages.download(self.package, self.package_version), path)
        tree = cache.entry(f"images/{self.package}_{self.package_version}", unpack)
        return next(tree.glob("**/vmlinuz*"))


def candidates(series, flavour=PLAIN):
    """The kernels of a series (None: of any), newest first."""
    found = {}
    for match, version, suite in packages.matching(IMAGE + flavour):
        release = match["release"]
        if series in (None,
                      match["series"]) and f"linux-headers-{release}-{flavour}" in packages.index():
            found.setdefault((tuple(packages.version_key(version)), release),
                             []).append((match[0], version, suite))
    for (_, release), choices in found.items():
        # Prefer "binary", then "binary-unsigned"; "image" is empty if these
        # exist.
        name, version, suite = min(choices,
                                   key=lambda choice: ("linux-image" in choice[0], len(choice[0])))
        yield StockKernel(name, release, version, suite, flavour)


def first(kernels, wanted):
    kernel = next(iter(kernels), None)
    if not kernel:
        raise Failure(f"Debian's package lists hold no kernel image of {wanted}: check the package "
                      "source in /etc/apt, then run the command again.")
    return kernel


def of_series(series):
    return first(candidates(series), series)


def series_6_1():
    return of_series("6.1")


@functools.lru_cache(maxsize=None)
def newest(flavour=PLAIN):
    """The newest kernel of any series that starts under QEMU."""
    return first((kernel for kernel in candidates(None, flavour) if bootprobe.image_boots(
        kernel.package, kernel.package_version, kernel.image)), "any version")


def newest_rt():
    return newest(RT)
