# SPDX-License-Identifier: GPL-2.0
"""Paths in the checkout, and of what is built from it."""

from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent.parent
BUILD = ROOT / "build"
LOGS = BUILD / "log"
GUEST_SCRIPTS = ROOT / "tools" / "guest"
# What the modules are built from.
MODULE_SOURCES = ["Kbuild", "gomalloc", "kunit", "tools/bench", "tools/torture"]
BUILT_ENDINGS = (".o", ".ko", ".mod", ".mod.c", ".symvers", ".order", "_table.h")
