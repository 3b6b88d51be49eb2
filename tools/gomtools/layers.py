# SPDX-License-Identifier: GPL-2.0
"""The layers of gomalloc/ (Documentation/layers.rst): a folder uses only those
below it.

A file uses the headers that it includes, and the files that define the symbols
which its object file needs.  The latter also finds uses without a header.
"""

import re
import subprocess

# From the bottom up.  debug/ may use everything; only module.c uses debug/.
LAYERS = ["base", "heap", "central", "special", "percpu", "api", "slab"]
DEBUG = "debug"
EVERYTHING = "module"
INCLUDE = re.compile(r'^#\s*include\s+"([^"]+)"', re.MULTILINE)
# All layers fire tracepoints, whose code is in debug/trace.c.  This is no use
# of debug/.
TRACEPOINT = re.compile(r"__(tracepoint|traceiter|SCT__tp_func|SCK__tp_func|probestub)_")


def layer_of(path):
    """The layer of a file, by its path in gomalloc/: None for gomalloc.h and
    generated files.
    """
    if len(path.parts) > 1:
        return path.parts[0]
    return EVERYTHING if path.stem == "module" else None


def allowed(user, used):
    """Whether code of the layer `user` may use what is in the layer `used`."""
    if used is None or user in (used, EVERYTHING, DEBUG):
        return used != EVERYTHING or user == EVERYTHING
    return used in LAYERS and user in LAYERS and LAYERS.index(used) < LAYERS.index(user)


def complaint(user, path, used, what):
    if user not in [*LAYERS, DEBUG, EVERYTHING, None]:
        return f"{path} is in none of the layers {', '.join(LAYERS)}, {DEBUG}"
    return f"{path} uses {what} of {used}, which is not below {user}"


def by_includes(root):
    """Forbidden includes, a line each."""
    for path in sorted(root.rglob("*.[ch]")):
        user = layer_of(path.relative_to(root))
        for name in INCLUDE.findall(path.read_text()):
            target = root / name if (root / name).exists() else path.parent / name
            if user is None or not target.resolve().is_relative_to(root.resolve()):
                continue
            used = layer_of(target.resolve().relative_to(root.resolve()))
            if not allowed(user, used):
                yield complaint(user, path.relative_to(root), used, f'"{name}"')


def symbols(objects):
    """{object: (symbols it defines for others, symbols it needs)}"""
    found = {}
    for path in objects:
        defined, needed = set(), set()
        for line in subprocess.run(["nm", str(path)], capture_output=True, text=True,
                                   check=True).stdout.splitlines():
            kind, name = line.split()[-2:]
            if kind == "U":
                needed.add(name)
            elif kind.isupper():
                defined.add(name)
        found[path] = defined, needed
    return found


def by_symbols(sources, root):
    """Forbidden symbols in the object files of a build in `root`, a line each.

    Objects of sources that were removed are ignored."""
    found = symbols([root / path.relative_to(sources).with_suffix(".o")
                     for path in sorted(sources.rglob("*.c"))
                     if (root / path.relative_to(sources).with_suffix(".o")).exists()])
    home = {name: path for path, (defined, _) in found.items() for name in defined}
    for path, (_, needed) in found.items():
        user = layer_of(path.relative_to(root))
        for name in sorted(needed & home.keys()):
            used = layer_of(home[name].relative_to(root))
            if not TRACEPOINT.match(name) and not allowed(user, used):
                yield complaint(user, path.relative_to(root), used, name)


def violations(sources, objects):
    """All violations of the layers in a source folder and its build."""
    return [*by_includes(sources), *by_symbols(sources, objects)]
