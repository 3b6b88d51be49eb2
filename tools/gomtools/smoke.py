# SPDX-License-Identifier: GPL-2.0
"""The smoke test: a few seconds of load on several CPUs of a stock kernel, then unload."""

from . import checkout, guest, modules
from .tally import Outcome

SCRIPT = checkout.GUEST_SCRIPTS / "smoke.sh"
TIMEOUT = 180


def run(ground, source=checkout.ROOT):
    built, _ = modules.build(ground.modules, source)
    result = guest.run(ground, SCRIPT.read_text(), built.values(), TIMEOUT,
                       log_path=checkout.LOGS / f"smoke-{ground.name}.log")
    return Outcome(f"smoke on {ground.describe()}", passed=int(result.passed),
                   failed=int(not result.passed), text=result.verdict() or result.output,
                   seconds=result.seconds)
