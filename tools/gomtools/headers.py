# SPDX-License-Identifier: GPL-2.0
"""Header sets, against which modules for Debian's kernels are built.

The header packages are unpacked into the chroot of their release, since they
need its compiler, and their makefiles contain absolute paths.
"""

from . import cache, chroot, packages, stock
from .ui import Failure


class Headers:
    """The headers of a stock kernel."""

    def __init__(self, name, kernel):
        self.name = name
        self.kernel = kernel
        self.version = kernel.version
        self.release = packages.release_of(kernel.suite)

    def install(self):
        """Unpack the packages into the chroot, once."""
        root = chroot.of_release(self.release)

        def unpack(_):
            for name, version in self.wanted():
                packages.extract(packages.download(name, version), root)
        flavour = self.kernel.flavour.removesuffix(stock.PLAIN)
        cache.entry(f"headers/{flavour}{self.kernel.release}_{self.kernel.package_version}", unpack)

    def wanted(self):
        release, version = self.kernel.release, self.kernel.package_version
        kbuild = f"linux-kbuild-{release}"
        if kbuild not in packages.index():
            kbuild = "linux-kbuild-" + release.partition("-")[0].removesuffix(".0")
        for name in (f"linux-headers-{release}-{self.kernel.flavour}",
                     f"linux-headers-{release}-common", kbuild):
            if name not in packages.index():
                raise Failure(f"Debian's package lists have no {name}, which the headers of Linux "
                              f"{self.version} need.")
            yield name, version

    def make(self, directory, *arguments):
        """The command that builds the module in `directory` against these
        headers.
        """
        self.install()
        # No BTF, which would need pahole.  Makefiles of others name their
        # directory by $(PWD).
        source = f"/usr/src/linux-headers-{self.kernel.release}-{self.kernel.flavour}"
        return chroot.command(self.release, directory,
                              ["env", "PWD=/mnt", "make", "-C", source, "M=/mnt",
                               "CONFIG_DEBUG_INFO_BTF_MODULES=", *arguments])


SETS = {
    "headers-6.1": lambda: stock.of_series("6.1"),
    "headers-6.12": lambda: stock.of_series("6.12"),
    "headers-newest": stock.newest,
    "headers-rt": stock.newest_rt,
}


def find(name):
    return Headers(name, SETS[name]())
