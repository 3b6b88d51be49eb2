# SPDX-License-Identifier: GPL-2.0
"""Checks of style: checkpatch.pl and kernel-doc of the newest kernel source,
sparse on the build for the target `uml`, headings of documents, and the layers
of gomalloc/.
"""

import re
import shutil
import subprocess
import sys

from . import checkout, headings, layers, modules, sources
from .tally import failed, passed

TARGET = "uml"
C_SOURCES = ["gomalloc/**/*.[ch]", "kunit/**/*.[ch]", "tools/bench/**/*.[ch]",
             "tools/torture/**/*.[ch]", "tools/apps/*.[ch]", "tools/plugin/*.[ch]"]
# Only out-of-tree modules, in their compat.h, compare kernel versions.
IGNORED = "LINUX_VERSION_CODE,CONSTANT_COMPARISON"
DOCUMENTED = ["gomalloc/**/*.[ch]"]
GENERATED = re.compile(r"_table\.h$|\.mod\.c$")


def files(patterns):
    found = {path for pattern in patterns for path in checkout.ROOT.glob(pattern)}
    return [str(path.relative_to(checkout.ROOT)) for path in sorted(found)
            if not GENERATED.search(path.name)]


def verdict(title, complaint):
    return failed(title, complaint) if complaint.strip() else passed(title)


def checkpatch():
    title = "checkpatch"
    script = sources.newest().path / "scripts/checkpatch.pl"
    done = subprocess.run(["perl", str(script), "--no-tree", "--terse", "--show-types",
                           "--no-summary", "--ignore", IGNORED, "--file", *files(C_SOURCES)],
                          cwd=checkout.ROOT, capture_output=True, text=True)
    lines = [line for line in (done.stdout + done.stderr).splitlines() if ": CHECK:" not in line]
    return verdict(f"{title} ({len(files(C_SOURCES))} files)", "\n".join(lines))


def kernel_doc():
    script = sources.newest().path / "tools/docs/kernel-doc"
    if not script.exists():
        script = sources.newest().path / "scripts/kernel-doc"
    interpreter = sys.executable if b"python" in script.read_bytes().split(b"\n")[0] else "perl"
    done = subprocess.run([interpreter, str(script), "-none", "-Wall", *files(DOCUMENTED)],
                          cwd=checkout.ROOT, capture_output=True, text=True)
    return verdict(f"kernel-doc ({len(files(DOCUMENTED))} files)", done.stdout + done.stderr)


def sparse():
    if not shutil.which("sparse"):
        return failed("sparse", "sparse is not installed: run tools/setup.sh.")
    log = modules.analyse(TARGET)
    ours = re.compile(r"(^|/)(gomalloc|kunit|bench|torture)/[\w./]+:\d+:\d+: (warning|error)")
    return verdict("sparse", "\n".join(line for line in log.splitlines() if ours.search(line)))


def documents():
    found = files(["Documentation/*.rst"])
    wrong = [f"{name}:{line}: {what}" for name in found
             for check in (headings.wrong, headings.too_long)
             for line, what in check((checkout.ROOT / name).read_text())]
    return verdict(f"headings ({len(found)} documents)", "\n".join(wrong))


def layering():
    modules.build(TARGET)
    objects = checkout.BUILD / "mod" / TARGET / "gomalloc"
    return verdict("layers of gomalloc/",
                   "\n".join(layers.violations(checkout.ROOT / "gomalloc", objects)))


def checks():
    yield "layers", layering
    yield "checkpatch", checkpatch
    yield "kernel-doc", kernel_doc
    yield "sparse", sparse
    yield "headings", documents


def run():
    outcomes = [function() for _, function in checks()]
    for outcome in outcomes:
        outcome.show()
    return 1 if any(outcome.failed for outcome in outcomes) else 0
