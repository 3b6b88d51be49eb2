# SPDX-License-Identifier: GPL-2.0
"""Builds a tree of other people's modules twice, from the same files: as it is,
and over gomalloc.

Over gomalloc every file is compiled with `-include .../gomalloc/as_slab.h`,
which renames the kernel's functions.  For that the tree's Kbuild is moved aside
and included by one that adds the option, and gomalloc's symbols to those that
the tree names itself.  The header and the symbols of
gomalloc.ko are copied into the tree, so that a compiler in a chroot sees them,
too.

The two directories have names of the same length: paths are in the string
sections of a module, and the code must not differ by their offsets.
"""

from pathlib import Path

from . import cache, checkout, modules, process
from .ui import Failure, step

SLUB, GOMALLOC = "slub", "goml"
SIDES = {SLUB: "SLUB", GOMALLOC: "gomalloc"}
HEADERS = "over-gomalloc"       # in the tree: gomalloc's headers and symbols
THEIRS = "Kbuild.theirs"        # the tree's own Kbuild or Makefile
HEADER = "gomalloc/as_slab.h"

WRAPPER = f"""# Written by tools/gom: {THEIRS} is the module's own.
include $(src)/{THEIRS}
subdir-ccflags-y += -include $(src)/{HEADERS}/{HEADER}
KBUILD_EXTRA_SYMBOLS += $(src)/{HEADERS}/Module.symvers
"""


def kbuild_of(tree):
    """The name of the file from which Kbuild builds a directory, or None."""
    return next((name for name in ("Kbuild", "Makefile") if (tree / name).is_file()), None)


def update(files, directory):
    """Make `directory` consist of `files`, {relative path: bytes}, and what was
    built from them; unchanged files are not touched.
    """
    listed = directory / ".sources"
    before = set(listed.read_text().split("\n")) if listed.exists() else set()
    for name, content in files.items():
        path = directory / name
        if not path.is_file() or path.read_bytes() != content:
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_bytes(content)
    for name in before - set(files) - {""}:
        (directory / name).unlink(missing_ok=True)
    cache.write(listed, "\n".join(sorted(files)))


def over_gomalloc(files, built):
    """The files of a tree with the wrapper; `built` is the directory in which
    gomalloc.ko was built.
    """
    if not (checkout.ROOT / HEADER).exists():
        raise Failure(f"{HEADER} does not exist in this checkout, so nothing can be built over "
                      f"gomalloc.")
    files = dict(files)
    name = "Kbuild" if "Kbuild" in files else "Makefile"
    files[THEIRS] = files.pop(name)
    files["Kbuild"] = WRAPPER.encode()
    for header in (checkout.ROOT / "gomalloc").rglob("*.h"):
        files[f"{HEADERS}/{header.relative_to(checkout.ROOT)}"] = header.read_bytes()
    files[f"{HEADERS}/Module.symvers"] = (built / "Module.symvers").read_bytes()
    return files


def built_modules(directory):
    """The modules that were built in a tree, in the order of its Kbuild."""
    order = directory / "modules.order"
    found = [Path(line).with_suffix(".ko") for line in order.read_text().split()]
    # Some kernels list paths as the compiler saw them: /mnt/fs/ext4/ext4.o.
    return [next(path for path in (directory / name, directory.joinpath(*name.parts[2:]),
                                   name) if path.exists()) for name in found]


def log_of(directory):
    """The file with the output of the build in a directory."""
    return checkout.LOGS / f"tree-{'-'.join(directory.relative_to(checkout.BUILD).parts)}.log"


def build(toolchain, files, directory, side, gomalloc=None, arguments=()):
    """Build a tree's files in `directory`, with `arguments` of make; return the
    paths of its modules.
    """
    with cache.locked(f"tree{directory}"):
        if side == GOMALLOC:
            files = over_gomalloc(files, gomalloc)
        directory.mkdir(parents=True, exist_ok=True)
        update(files, directory)
        step(f"building {directory.relative_to(checkout.ROOT)}: Linux {toolchain.version}, "
             f"over {SIDES[side]}")
        process.run(toolchain.make(directory, f"-j{modules.jobs()}", *arguments, "modules"),
                    log_of(directory),
                    f"Building {directory.relative_to(checkout.ROOT)}")
        return built_modules(directory)
