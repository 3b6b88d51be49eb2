# SPDX-License-Identifier: GPL-2.0
"""The smoke test: a few seconds of load on several CPUs of a stock kernel, then unload.

With several nodes it is another: where memory comes from, and whether it goes home.
"""

from . import checkout, guest, modules
from .tally import Outcome

TIMEOUT = 180
# Kernels on which the load has a sample of the heap profile for so many bytes: what a sample
# must not do in its context shows on PREEMPT_RT.
RATES = {"stock-rt": 4096}


def title(target):
    if target.nodes > 1:
        return f"NUMA on {target.describe()}"
    rate = RATES.get(target.name)
    return f"smoke on {target.describe()}" + f", memprofilerate={rate}" * bool(rate)


def script(target):
    if target.nodes > 1:
        return f"NODES={target.nodes}\n" + (checkout.GUEST_SCRIPTS / "numa.sh").read_text()
    return f"RATE={RATES.get(target.name, '')}\n" + (checkout.GUEST_SCRIPTS / "smoke.sh").read_text()


def run(target, source=checkout.ROOT):
    built, _ = modules.build(target.modules, source)
    result = guest.run(target, script(target), built.values(), TIMEOUT,
                       log_path=checkout.LOGS / f"smoke-{target.name}-{target.nodes}.log")
    return Outcome(title(target), passed=int(result.passed), failed=int(not result.passed),
                   text=result.verdict() or result.output, seconds=result.seconds)
