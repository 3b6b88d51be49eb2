# SPDX-License-Identifier: GPL-2.0
"""The guest's root file system: a cpio archive (format "newc") that the kernel
unpacks into memory.

It contains busybox, /init, /verdict.sh, tools/gomfail, the script, the modules,
and the programs that a script needs.
"""

import shutil
import stat
from pathlib import Path

from .ui import Failure

GUEST = Path(__file__).resolve().parent.parent / "guest"
CONSOLE = (5, 1)


class Archive:
    """Builds a cpio archive."""

    def __init__(self):
        self.data = bytearray()
        self.count = 0

    def add(self, name, mode, content=b"", device=(0, 0)):
        self.count += 1
        fields = [self.count, mode, 0, 0, 1, 0, len(content), 0, 0, *device, len(name) + 1, 0]
        self.data += b"070701" + b"".join(b"%08X" % field for field in fields)
        self.data += name.encode() + b"\0"
        self.pad()
        self.data += content
        self.pad()

    def pad(self):
        self.data += bytes(-len(self.data) % 4)

    def directory(self, name):
        self.add(name, stat.S_IFDIR | 0o755)

    def file(self, name, content, mode=0o644):
        self.add(name, stat.S_IFREG | mode, content)

    def finished(self):
        self.add("TRAILER!!!", 0)
        return bytes(self.data)


def parents(names):
    """The directories of paths, each after the one that it is in."""
    return sorted({str(parent) for name in names for parent in Path(name).parents} - {"."})


def build(script, modules, files=None):
    """The archive's bytes: `script` is the text of a shell script, `modules`
    are paths, `files` is {path in the guest: path or bytes} of executable
    files.
    """
    files = files or {}
    busybox = shutil.which("busybox")
    if not busybox:
        raise Failure("busybox is not installed: run tools/setup.sh, or install busybox-static.")
    archive = Archive()
    basic = ["bin", "sbin", "usr", "usr/bin", "usr/sbin", "dev", "proc", "sys", "tmp", "modules"]
    for name in basic + [name for name in parents(files) if name not in basic]:
        archive.directory(name)
    archive.add("dev/console", stat.S_IFCHR | 0o600, device=CONSOLE)
    archive.file("bin/busybox", Path(busybox).read_bytes(), 0o755)
    archive.file("init", (GUEST / "init").read_bytes(), 0o755)
    archive.file("verdict.sh", (GUEST / "verdict.sh").read_bytes())
    archive.file("script", script.encode(), 0o755)
    archive.file("bin/gomfail", (GUEST.parent / "gomfail").read_bytes(), 0o755)
    for module in modules:
        archive.file(f"modules/{Path(module).name}", Path(module).read_bytes())
    for name, content in files.items():
        archive.file(name, content if isinstance(content, bytes) else Path(content).read_bytes(),
                     0o755)
    return archive.finished()
