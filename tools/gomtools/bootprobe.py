# SPDX-License-Identifier: GPL-2.0
"""Test boots: does a kernel image start under QEMU, and does KVM work on this
machine?

A /dev/kvm that can be opened may still hang its first guest.  The guest is a
kernel without a root file system: it has booted when it reports that.  Results
are stored in the cache.
"""

import functools
import json
import os
import subprocess
from pathlib import Path

from . import cache
from .ui import Failure, step

SECONDS = {"kvm": 10, "tcg": 90}


def boots(image, accelerator):
    command = ["qemu-system-x86_64", "-accel", accelerator, "-m", "512", "-nodefaults",
               "-cpu", "host" if accelerator == "kvm" else "max", "-display", "none", "-no-reboot",
               "-serial", "stdio", "-kernel", str(image), "-append", "console=ttyS0 panic=-1"]
    try:
        done = subprocess.run(command, stdin=subprocess.DEVNULL, capture_output=True,
                              timeout=SECONDS[accelerator])
    except FileNotFoundError as error:
        raise Failure("qemu-system-x86_64 is not installed: run tools/setup.sh, or install "
                      "qemu-system-x86.") from error
    except subprocess.TimeoutExpired:
        return False
    return b"Unable to mount root fs" in done.stdout


def cached_answer(question, ask):
    """The answer to `question` from the cache, or from `ask()` the first time.
    """
    answers = cache.root() / "boots.json"
    with cache.locked("boots"):
        known = json.loads(answers.read_text()) if answers.exists() else {}
        if question not in known:
            known[question] = ask()
            cache.write(answers, json.dumps(known, indent=1))
    return known[question]


def image_boots(package, version, image):
    def ask():
        step(f"testing whether {package} {version} boots")
        return boots(image, "tcg")
    return cached_answer(f"{package} {version}", ask)


@functools.lru_cache(maxsize=None)
def kvm_works(image):
    if not os.access("/dev/kvm", os.R_OK | os.W_OK):
        return False
    this_boot = Path("/proc/sys/kernel/random/boot_id").read_text().strip()
    return cached_answer(f"kvm on boot {this_boot}", lambda: boots(image, "kvm"))
