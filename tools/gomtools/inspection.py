# SPDX-License-Identifier: GPL-2.0
"""Tools for developers on a stock kernel.  The heap profile is read by
google-pprof and by gomprof.
"""

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
    """What google-pprof reads in a profile: the total in bytes, and its table.
    """
    with tempfile.NamedTemporaryFile("w", suffix=".heap") as file:
        file.write(text)
        file.flush()
        done = subprocess.run(["google-pprof", "--text", "--show_bytes", "--alloc_space",
                               file.name], capture_output=True, text=True)
    total = re.search(r"Total: (\d+) B", done.stdout)
    if not total:
        raise Failure(f"google-pprof cannot read the profile: {done.stderr.strip()[-300:]}")
    return int(total[1]), done.stdout


def compare(text):
    """Compare what both read; Failure if they differ, or if the table lacks the
    caller.
    """
    mine = heapprofile.parse(text, "alloc", "bytes").total
    theirs, table = pprof(text)
    if not mine or abs(mine - theirs) > mine / 1000:
        raise Failure(f"gomprof finds {mine:.0f} bytes allocated, google-pprof {theirs}.")
    if "mixed_gomalloc" not in table:
        raise Failure(f"google-pprof does not name the caller of the allocator:\n{table}")
    return f"profile: google-pprof and gomprof agree on {mine / 2**20:.1f} MiB and the caller"


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
