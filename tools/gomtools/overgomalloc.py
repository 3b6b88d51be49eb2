# SPDX-License-Identifier: GPL-2.0
"""`tools/gom over-gomalloc DIRECTORY`: builds somebody's module over gomalloc,
without a change to its sources, and says which of its calls are gomalloc's now.

The module is built twice in copies of the directory (outoftree.py): as it is,
and over gomalloc.  The code of both must be the same but for the names of the
functions that it calls (samecode.py).
"""

import os
import re
from pathlib import Path

from . import callsites, checkout, elf, modules, outoftree, samecode, stockmodules
from .ui import Failure

DIRECTORY = checkout.BUILD / "over-gomalloc"
NOT_COPIED = {".git", "build", "__pycache__"}
LARGEST = 64 << 20
SHOWN_DIFFERENCES = 5

# What cannot work, by a name in the sources, and why.
REFUSED = {
    "URB_FREE_BUFFER": "usbcore would free the transfer buffer with the kernel's kfree(), but it "
                       "is gomalloc's: free it in the completion function, and drop the flag",
}
# The compiler's errors, and those that as_slab.h provokes.
ERROR = re.compile(r"^(?!make).*\b(fatal error|error|ERROR):.*$", re.MULTILINE)
REFUSAL = re.compile(r"^(\S+?:\d+):\d+: error: .*?[‘'](\w+)[’'].*?gomalloc: ([^\n\"]+?)\"?$",
                     re.MULTILINE)
COMMENT_OR_STRING = re.compile(r'//[^\n]*|/\*.*?\*/|"(?:\\.|[^"\\\n])*"', re.DOTALL)


def source_files(directory):
    """The files that are copied, {relative path: bytes}."""
    files, size = {}, 0
    for folder, folders, names in os.walk(directory):
        folders[:] = [name for name in folders if name not in NOT_COPIED]
        for name in names:
            path = Path(folder) / name
            if name.startswith(".") or name.endswith(checkout.BUILT_ENDINGS) or not path.is_file():
                continue
            size += path.stat().st_size
            if size > LARGEST:
                raise Failure(f"{directory} has more than {LARGEST >> 20} MiB of files: name the "
                              f"directory of one module.")
            files[str(path.relative_to(directory))] = path.read_bytes()
    return files


def check_source(directory):
    """Refuse a directory from which no module can be built."""
    if not directory.is_dir():
        raise Failure(f"{directory} is not a directory.")
    name = outoftree.kbuild_of(directory)
    if not name:
        raise Failure(f"{directory} has no Kbuild and no Makefile, so it is not the directory of a "
                      f"module.")
    if not re.search(r"\bobj-(m|y|\$)", (directory / name).read_text(errors="replace")):
        raise Failure(f"{directory / name} has no line `obj-m := ...`, so no module is built "
                      f"there.")
    if directory in (checkout.ROOT, *checkout.ROOT.parents):
        raise Failure(f"{directory} is gomalloc itself, or contains it.")


def without_comments(source):
    """The source with comments and strings blanked, in lines of the same
    numbers.
    """
    return COMMENT_OR_STRING.sub(lambda match: re.sub(r"[^\n]", " ", match[0]), source)


def refusals(files):
    """Sentences about what cannot work in these sources."""
    for name in sorted(files):
        if not name.endswith((".c", ".h")):
            continue
        lines = without_comments(files[name].decode(errors="replace")).splitlines()
        for number, line in enumerate(lines, 1):
            for word, reason in REFUSED.items():
                if re.search(rf"\b{word}\b", line):
                    yield f"{name}:{number}: {word}: {reason}."


def reason(log, side):
    """Why a build failed, from the compiler's messages; empty if it had none."""
    text = log.read_text(errors="replace") if log.exists() else ""
    refused = [f"{match[1]}: {match[2]}: {match[3]}." for match in REFUSAL.finditer(text)]
    if refused:
        return "This module cannot be built over gomalloc.\n" + "\n".join(dict.fromkeys(refused))
    error = ERROR.search(text)
    alone = "by itself" if side == outoftree.SLUB else "over gomalloc"
    return f"The module does not build {alone}: {error[0].strip()}\n(all output: {log})" \
        if error else ""


def toolchain(kernel, target):
    if kernel and target:
        raise Failure("--kernel and --target name two kernels: give one of them.")
    if target:
        return modules.toolchain_of(target)
    return modules.LocalToolchain(kernel or f"/lib/modules/{os.uname().release}/build")


def build_both(files, name, chain, gomalloc):
    """Build the module both ways; {side: {module name: path}}."""
    built = {}
    for side in outoftree.SIDES:
        directory = DIRECTORY / name / chain.name / side
        try:
            found = outoftree.build(chain, files, directory, side, gomalloc)
        except Failure as failure:
            raise Failure(reason(outoftree.log_of(directory), side) or str(failure)) from failure
        built[side] = {stockmodules.module_name(path.name): path for path in found}
    return built


def chosen(built, module):
    """The names of the modules that are shown."""
    names = sorted(built[outoftree.GOMALLOC])
    if not names:
        raise Failure("No module was built: its Kbuild names none for this kernel.")
    if module and module not in names:
        raise Failure(f"The directory has no module {module}; it has {', '.join(names)}.")
    return [module] if module else names


def aligned(head, rows):
    """The lines of a table: the first column to the left, others to the right.
    """
    widths = [max(len(row[column]) for row in [head, *rows]) for column in range(len(head))]
    for row in [head, *rows]:
        yield "  ".join([row[0].ljust(widths[0]),
                         *(cell.rjust(width) for cell, width in zip(row[1:], widths[1:]))])


def table(found):
    """The lines that say what was redirected, and what was not."""
    ours, others = callsites.redirected(found), callsites.left_alone(found)
    if not ours:
        yield "no call of an allocating function was found: nothing is gomalloc's"
    else:
        yield from aligned(["gomalloc's", "calls", "pointers"], callsites.rows(ours))
        yield (f"{sum(use.calls for use in ours.values())} calls and "
               f"{sum(use.pointers for use in ours.values())} function pointers of {len(ours)} "
               f"functions")
    for head, rows in [("stays SLUB's: the core frees or keeps it", others),
                       ("stays SLUB's: as_slab.h does not redirect it",
                        callsites.not_redirected(found))]:
        if rows:
            yield ""
            yield from aligned([head, "calls", "pointers"], callsites.rows(rows))


def compare(name, plain, ours):
    """Print the outcome of the comparison; return whether the code is the same.
    """
    found = samecode.differences(plain, ours)
    size = samecode.instructions(plain)
    if not found:
        print(f"{name}: the code is the same but for these names ({size:,} bytes)")
        return True
    print(f"{name}: the code differs in {len(found)} sections, not only by names of functions:")
    for each in found[:SHOWN_DIFFERENCES]:
        print(f"    {each}")
    return False


def shown(path):
    """A path as the user would write it, here or from elsewhere."""
    here = Path.cwd()
    return path.relative_to(here) if path.is_relative_to(here) else path


def report(built, names, gomalloc):
    """Print the tables, and how to load the modules; return the exit status."""
    same = True
    for name in names:
        plain, ours = (elf.read(built[side][name]) for side in outoftree.SIDES)
        print(f"{name}.ko over gomalloc")
        for line in table(callsites.uses(ours)):
            print(f"    {line}")
        same &= compare(name, plain, ours)
        print(f"{name}: load it by insmod {shown(gomalloc / 'gomalloc.ko')} && "
              f"insmod {shown(built[outoftree.GOMALLOC][name])}\n")
    return 0 if same else 1


def run(source, kernel="", target="", module=""):
    directory = Path(source).resolve()
    check_source(directory)
    files = source_files(directory)
    refused = list(refusals(files))
    if refused:
        raise Failure("This module cannot be built over gomalloc.\n" + "\n".join(refused))
    chain = toolchain(kernel, target)
    gomalloc = modules.build_gomalloc(chain)
    built = build_both(files, directory.name, chain, gomalloc)
    return report(built, chosen(built, module), gomalloc)
