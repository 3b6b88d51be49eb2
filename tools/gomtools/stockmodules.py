# SPDX-License-Identifier: GPL-2.0
"""The kernels' own modules, which those under test depend on.

Debian's recent kernels have them in linux-modules-RELEASE, compressed.  Those of
UML kernels are where these were built.
"""

import functools
import lzma
import re

from . import cache, packages
from .ui import Failure
from .umlkernel import UmlKernel


def tree(kernel):
    """The directory with the modules of a kernel."""
    if isinstance(kernel, UmlKernel):
        return kernel.path
    name = f"linux-modules-{kernel.release}-{kernel.flavour}"
    if name not in packages.index():
        name = kernel.package

    def unpack(path):
        packages.extract(packages.download(name, kernel.package_version), path)
    return cache.entry(f"images/{name}_{kernel.package_version}", unpack)


@functools.lru_cache(maxsize=None)
def files(directory):
    """{name of a module: its file}; names have no dashes."""
    return {module_name(path.name): path for path in directory.glob("**/*.ko*")}


def module_name(file_name):
    return file_name.partition(".")[0].replace("-", "_")


def content(path):
    data = path.read_bytes()
    return lzma.decompress(data) if path.suffix == ".xz" else data


def information(data, tag):
    """The values of a tag in a module's .modinfo section, such as "depends"."""
    return [value.decode() for value in re.findall(rb"\0%s=([^\0]*)" % tag.encode(), b"\0" + data)]


def depends(data):
    return [module_name(name) for values in information(data, "depends")
            for name in values.split(",") if name]


def needed(kernel, wanted, own, loaded=()):
    """What `wanted` modules of the kernel, and the files `own`, need from the
    kernel's package, without what is `loaded`: [(file name, bytes)] in the
    order of loading.
    """
    available = files(tree(kernel))
    # gomalloc.ko is loaded separately.
    known = {module_name(path.name) for path in own} | {"gomalloc", *loaded}
    found = []

    def add(name):
        if name in known:
            return
        known.add(name)
        if name not in available:
            raise Failure(f"Linux {kernel.version} has no module {name}.")
        data = content(available[name])
        for other in depends(data):
            add(other)
        found.append((f"{name}.ko", data))
    for name in [*wanted, *(other for path in own for other in depends(path.read_bytes()))]:
        add(name)
    return found
