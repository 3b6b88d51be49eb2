# SPDX-License-Identifier: GPL-2.0
"""Whether QEMU can use KVM here: found out by booting, since a /dev/kvm that opens may
still hang its first guest.  Asked once per boot of this machine."""

import json
import os
import subprocess
from pathlib import Path

from . import cache

SECONDS = 10


def boots(image):
    command = ["qemu-system-x86_64", "-accel", "kvm", "-cpu", "host", "-m", "256", "-nodefaults",
               "-display", "none", "-no-reboot", "-serial", "stdio", "-kernel", str(image),
               "-append", "console=ttyS0 panic=-1"]
    try:
        done = subprocess.run(command, stdin=subprocess.DEVNULL, capture_output=True, timeout=SECONDS)
    except (OSError, subprocess.TimeoutExpired):
        return False
    return b"Unable to mount root fs" in done.stdout


def works(image):
    if not os.access("/dev/kvm", os.R_OK | os.W_OK):
        return False
    answer = cache.root() / "kvm.json"
    this_boot = Path("/proc/sys/kernel/random/boot_id").read_text().strip()
    if answer.exists():
        known = json.loads(answer.read_text())
        if known["boot"] == this_boot:
            return known["works"]
    works_here = boots(image)
    cache.write(answer, json.dumps({"boot": this_boot, "works": works_here}))
    return works_here
