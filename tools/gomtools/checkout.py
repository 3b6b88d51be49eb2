# SPDX-License-Identifier: GPL-2.0
"""Paths in the checkout, and of what is built from it; its commit."""

import functools
import subprocess
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent.parent
BUILD = ROOT / "build"
LOGS = BUILD / "log"
GUEST_SCRIPTS = ROOT / "tools" / "guest"
# What the modules are built from.
MODULE_SOURCES = ["Kbuild", "gomalloc", "kunit", "tools/bench", "tools/torture"]
BUILT_ENDINGS = (".o", ".ko", ".mod", ".mod.c", ".symvers", ".order", "_table.h")


@functools.lru_cache(maxsize=None)
def commit():
    """The commit that is checked out, with "-dirty" if files were changed."""
    done = subprocess.run(["git", "-C", str(ROOT), "describe", "--always", "--dirty", "--exclude",
                           "*"], capture_output=True, text=True)
    return done.stdout.strip() or "unknown"
