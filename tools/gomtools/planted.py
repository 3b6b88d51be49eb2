# SPDX-License-Identifier: GPL-2.0
"""What a module over gomalloc gets besides speed, shown on overlayfs with bugs
planted in copies of it.

A copy is made from Debian's kernel source by substitutions of text, built over
gomalloc, and run in a guest of its own by tools/guest/planted.sh.  So each answer
is due to the bug that it should name, and some bugs end with an Oops.  An answer
that does not name the function fails the run.  gomprof and gomadvise read on
this machine what the guest printed between two lines.
"""

import re
import subprocess
from dataclasses import dataclass
from pathlib import Path

from . import apps, checkout, guest, modules, outoftree, targets
from .tally import Outcome
from .ui import Failure

APP = "overlay"
TARGET = "stock-newest"
TIMEOUT = 120
KEPT = Path("build/planted")    # in the checkout
SCRIPT = checkout.GUEST_SCRIPTS / "planted.sh"
# What the cached directories consist of.
GREW = "ovl_cache_entry_new"
FILE = re.compile(r"FILE (\w+) BEGINS\n(.*?)FILE ENDS\n", re.S)


@dataclass(frozen=True)
class Plant:
    """A bug: a text of a source file, which must be there once, and what takes
    its place.
    """

    bug: str
    file: str
    sound: str
    planted: str


LEAK = Plant("ovl_copy_xattr() does not free its buffer", "fs/overlayfs/copy_up.c",
             "\tkvfree(value);\nout:\n\tkvfree(buf);\n\treturn error;\n",
             "\tkvfree(value);\nout:\n\treturn error;\n")
GROWTH = Plant("ovl_cache_get() has one reference too many, so directories stay cached",
               "fs/overlayfs/readdir.c",
               "\tcache->refcount = 1;\n", "\tcache->refcount = 2;\n")
OVERRUN = Plant("ovl_cache_entry_new() has no byte for the NUL", "fs/overlayfs/readdir.c",
                "\tp = kmalloc_flex(*p, name, len + 1);\n",
                "\tp = kmalloc(offsetof(struct ovl_cache_entry, name) + len, GFP_KERNEL);\n")
USE_AFTER_FREE = Plant("ovl_file_free(), compiled as a part of ovl_release(), frees too early",
                       "fs/overlayfs/file.c",
                       "\tfput(of->realfile);\n\tif (of->upperfile)\n\t\tfput(of->upperfile);\n"
                       "\tkfree(of);\n",
                       "\tfput(of->realfile);\n\tkfree(of);\n\tif (of->upperfile)\n"
                       "\t\tfput(of->upperfile);\n")
WRITE_AFTER_FREE = Plant("ovl_file_free(), compiled as a part of ovl_release(), clears a member "
                         "of what it freed", "fs/overlayfs/file.c",
                         "\t\tfput(of->upperfile);\n\tkfree(of);\n}\n",
                         "\t\tfput(of->upperfile);\n\tkfree(of);\n"
                         "\tWRITE_ONCE(of->upperfile, NULL);\n}\n")
NO_CHECK = Plant("ovl_dir_open() does not check for NULL", "fs/overlayfs/readdir.c",
                 "\tod = kzalloc_obj(struct ovl_dir_file);\n\tif (!od)\n\t\treturn -ENOMEM;\n",
                 "\tod = kzalloc_obj(struct ovl_dir_file);\n")

# {guest, and function of planted.sh: the bugs of its copy}
GUESTS = {
    "holds": (LEAK, GROWTH),
    "bounds": (OVERRUN, USE_AFTER_FREE),
    "debug": (OVERRUN, WRITE_AFTER_FREE),
    "enomem": (NO_CHECK,),
}


def plant(files, plants):
    """The files of a tree, {relative path: bytes}, with bugs."""
    files = dict(files)
    for each in plants:
        if each.file not in files:
            raise Failure(f"The bug \"{each.bug}\" cannot be planted: there is no {each.file}.")
        found = files[each.file].count(each.sound.encode())
        if found != 1:
            raise Failure(f"The bug \"{each.bug}\" cannot be planted: {each.file} has the text "
                          f"that it replaces {found} times, not once:\n{each.sound}")
        files[each.file] = files[each.file].replace(each.sound.encode(), each.planted.encode())
    return files


def build(name, target):
    """The copy of a guest, over gomalloc, and gomalloc."""
    app = apps.find(APP)
    files = plant(apps.tree(app, apps.source_of(target)), GUESTS[name])
    toolchain = modules.toolchain_of(target.modules)
    gomalloc = modules.build_gomalloc(toolchain)
    built = outoftree.build(toolchain, files, checkout.ROOT / KEPT / target.name / name,
                            outoftree.GOMALLOC, gomalloc, app.make)
    return [*built, gomalloc / "gomalloc.ko"]


def tool(name, *arguments):
    """The command line of one of the commands in tools/, and what it prints."""
    command = [f"tools/{name}", *map(str, arguments)]
    done = subprocess.run(command, cwd=checkout.ROOT, capture_output=True, text=True)
    if done.returncode:
        raise Failure(f"{name} failed: {done.stderr.strip()}")
    return f"$ {' '.join(command)}\n{done.stdout}"


def growth(directory):
    """gomprof's difference of two profiles, which must name what grew."""
    text = tool("gomprof", directory / "later.txt", "--base", directory / "earlier.txt",
                "--module", APP, "--lines", "3", "--svg", directory / "growth.svg")
    first = text.splitlines()[3:4]
    if not first or not first[0].endswith(f" {GREW} [{APP}]"):
        raise Failure(f"gomprof does not name {GREW} as what grew most:\n{text}")
    if GREW not in (checkout.ROOT / directory / "growth.svg").read_text():
        raise Failure(f"The flame graph does not name {GREW}.")
    return text


def advice(directory):
    """gomadvise's page, which must name a function of the module."""
    text = tool("gomadvise", directory / "lifetimes.txt", "--module", APP, "--top", "3",
                "--drop-in")
    if not re.search(rf"^{APP}: .*every object$", text, re.M) or f"{GREW}+" not in text:
        raise Failure(f"gomadvise has no advice for {APP}:\n{text}")
    return text


# What reads the guest's files, when the last file of it has come.
READERS = {"later": growth, "lifetimes": advice}


def replaced(output, directory):
    """The guest's output with what the tools say about its files in their
    places, and which files are missing.  The files are kept in `directory`.
    """
    found = set()

    def read(match):
        name, text = match.groups()
        found.add(name)
        (checkout.ROOT / directory / f"{name}.txt").write_text(text)
        return READERS[name](directory) if name in READERS else ""
    text = FILE.sub(read, output)
    return text, set(READERS) - found


def boot(name, target):
    """Run a guest; return its Result."""
    return guest.run(target, f"GUEST={name}\n" + SCRIPT.read_text(), build(name, target),
                     TIMEOUT, log_path=checkout.LOGS / f"planted-{name}-{target.name}.log")


def show(name, target_name=TARGET):
    """A guest's Outcome."""
    target = targets.find(target_name)
    result = boot(name, target)
    text, failed = FILE.sub("", result.output), not result.passed
    try:
        text, missing = replaced(result.output, KEPT)
        if name == "holds" and missing:
            raise Failure(f"The guest printed no {' and no '.join(sorted(missing))}.")
    except Failure as failure:
        text, failed = f"{text}\n{failure}\n", True
    bugs = "".join(f"planted: {each.bug}\n" for each in GUESTS[name])
    return Outcome(f"planted bugs, {name}, on {target.describe()}", passed=int(not failed),
                   failed=int(failed), text=bugs + (result.verdict() or text),
                   seconds=result.seconds)


def run(names=()):
    """Show all guests, or some; the exit status."""
    for name in names:
        if name not in GUESTS:
            raise Failure(f"There is no guest '{name}'; there are {', '.join(GUESTS)}.")
    outcomes = []
    for name in names or GUESTS:
        outcomes.append(show(name))
        outcomes[-1].show()
    return 1 if any(each.failed for each in outcomes) else 0
