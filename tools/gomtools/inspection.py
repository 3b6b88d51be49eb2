# SPDX-License-Identifier: GPL-2.0
"""What a developer looks with, on a stock kernel; its heap profile is read by the pprof of gperftools and by gomprof."""

import re
import subprocess
import tempfile
from pathlib import Path

from . import checkout, guest, heapprofile, modules
from .tally import Outcome
from .ui import Failure

SCRIPT = checkout.GUEST_SCRIPTS / "inspect.sh"
PROFILE = re.compile(r"PROFILE BEGINS\n(.*?)PROFILE ENDS\n", re.S)
TIMEOUT = 240


def pprof(text):
    """What google-pprof makes of a profile: its total in bytes, and the words of its table."""
    with tempfile.NamedTemporaryFile("w", suffix=".heap") as file:
        file.write(text)
        file.flush()
        done = subprocess.run(["google-pprof", "--text", "--show_bytes", "--alloc_space", file.name],
                              capture_output=True, text=True)
    total = re.search(r"Total: (\d+) B", done.stdout)
    if not total:
        raise Failure(f"google-pprof cannot read the profile: {done.stderr.strip()[-300:]}")
    return int(total[1]), done.stdout


def compare(text):
    """A sentence on what both make of the profile; Failure if they disagree or miss who allocated."""
    mine = heapprofile.parse(text, "alloc", "bytes").total
    theirs, table = pprof(text)
    if not mine or abs(mine - theirs) > mine / 1000:
        raise Failure(f"gomprof finds {mine:.0f} bytes allocated, google-pprof {theirs}.")
    if "mixed_gomalloc" not in table:
        raise Failure(f"google-pprof does not name who allocated:\n{table}")
    return f"profile: google-pprof and gomprof agree on {mine / 2**20:.1f} MiB, and on who asked for them"


def run(target, source=checkout.ROOT):
    built, _ = modules.build(target.modules, source)
    result = guest.run(target, SCRIPT.read_text(), built.values(), TIMEOUT,
                       log_path=checkout.LOGS / f"inspect-{target.name}.log")
    found = PROFILE.search(result.output)
    text = PROFILE.sub("", result.output)
    failed = not result.passed
    try:
        text += compare(found[1] if found else "") + "\n"
    except Failure as failure:
        failed = True
        text += f"{failure}\n"
    return Outcome(f"inspection on {target.describe()}", passed=int(not failed), failed=int(failed),
                   text=result.verdict() or text, seconds=result.seconds)
