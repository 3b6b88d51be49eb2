# SPDX-License-Identifier: GPL-2.0
"""Where things are in the checkout, and where what is made from it goes."""

from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent.parent
BUILD = ROOT / "build"
LOGS = BUILD / "log"
GUEST_SCRIPTS = ROOT / "tools" / "guest"
# What a module build needs of the checkout.
MODULE_SOURCES = ["Kbuild", "gomalloc", "kunit", "tools/bench", "tools/torture"]
BUILT_ENDINGS = (".o", ".ko", ".mod", ".mod.c", ".symvers", ".order", "_table.h")
