# SPDX-License-Identifier: GPL-2.0
"""The smoke test: a few seconds of load on several CPUs of a stock kernel, then
unload.

With several nodes it tests which node memory comes from, and whether it returns
there.
"""

from . import checkout, guest, modules
from .tally import Outcome

TIMEOUT = 180
# memprofilerate by target.  Many samples on PREEMPT_RT find those that sleep in
# atomic context.
RATES = {"stock-rt": 4096}


def title(target):
    if target.nodes > 1:
        return f"NUMA on {target.describe()}"
    rate = RATES.get(target.name)
    return f"smoke on {target.describe()}" + f", memprofilerate={rate}" * bool(rate)


def script(target):
    if target.nodes > 1:
        return f"NODES={target.nodes}\n" + (checkout.GUEST_SCRIPTS / "numa.sh").read_text()
    return f"RATE={RATES.get(target.name, '')}\n" + (checkout.GUEST_SCRIPTS
                                                     / "smoke.sh").read_text()


def run(target, source=checkout.ROOT):
    built, _ = modules.build(target.modules, source)
    result = guest.run(target, script(target), built.values(), TIMEOUT,
                       log_path=checkout.LOGS / f"smoke-{target.name}-{target.nodes}.log")
    return Outcome(title(target), passed=int(result.passed), failed=int(not result.passed),
                   text=result.verdict() or result.output, seconds=result.seconds)
