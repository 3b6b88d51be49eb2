# SPDX-License-Identifier: GPL-2.0
"""Runs the KUnit suites on a target; the kernel's kunit.py parses the results.
"""

import re
import subprocess
import sys

from . import checkout, guest, modules, process, sources, targets
from .tally import Outcome
from .ui import Failure

SCRIPT = checkout.GUEST_SCRIPTS / "kunit.sh"
# Parameters of gomalloc; the suites run once with each.
MODES = ["sbrk=1", "efence=1", "debug=FZPU", "debug=-"]
START = re.compile(r"gomalloc: KUnit starts ?(.*)")
END = "gomalloc: KUnit ended"
RESULT = re.compile(r"^\s*(not )?ok \d+ ", re.M)
SUMMARY = re.compile(r"Testing complete\. Ran \d+ tests:(.*)")
TIMEOUT = {"uml-debug": 900}
DEFAULT_TIMEOUT = 200
# Debian's default clears all memory, which would hide missing zeroing.
# A test of KASAN provokes several of its reports.
APPEND = {"uml": "init_on_alloc=0", "uml-debug": "kasan_multi_shot"}
ALL = "*"


def ktap(log):
    """The KTAP in a part of a kernel log, with a header.

    A 6.1 kernel prints no header for tests in a module."""
    lines = log.partition(END)[0].splitlines()[1:]
    text = [re.sub(r"^(<\d+>)?\[ *\d+\.\d+\] ?", "", line) for line in lines]
    if any(re.fullmatch(r"KTAP version 1", line) for line in text):
        return "\n".join(text)
    suites = sum(bool(re.match(r"(not )?ok \d+ ", line)) for line in text)
    return "\n".join(["KTAP version 1", f"1..{suites}", *text])


def parse(text):
    """Run the kernel's parser; return its output and its counts."""
    parser = sources.newest().path / "tools/testing/kunit/kunit.py"
    done = subprocess.run([sys.executable, str(parser), "parse"], input=text, text=True,
                          capture_output=True)
    summary = SUMMARY.search(done.stdout)
    if not summary:
        raise Failure(f"kunit.py could not read the results: "
                      f"{process.tail(done.stdout + done.stderr, 5)}")
    counts = {word: int(number) for word, number in re.findall(r"(\w+): (\d+)", summary[1])}
    return done.stdout, counts


def parts(log):
    """The parts of a kernel log by mode: {mode: text}."""
    runs = list(START.finditer(log))
    return {at[1].strip(): log[at.start():nxt and nxt.start()] for at,
            nxt in zip(runs, [*runs[1:], None])}


def count(outcome, log, filtered=False):
    """Add the results of each mode in a kernel log to `outcome`.

    A mode that did not run, or in which no test passed, has failed.  With a
    filter one passed test in any mode is enough.
    """
    found = parts(log)
    for mode in MODES:
        title = f"gomalloc loaded with {mode or 'no parameters'}"
        if mode not in found:
            outcome.failed += 1
            outcome.text += f"{title}: the suites did not run\n"
            continue
        text = ktap(found[mode])
        if filtered and not RESULT.search(text):
            continue
        text, counts = parse(text)
        outcome.text += f"{title}:\n{text}"
        outcome.passed += counts.get("passed", 0)
        outcome.skipped += counts.get("skipped", 0)
        outcome.failed += sum(counts.get(word, 0) for word in ("failed", "crashed", "errors"))
        if not counts.get("passed") and not filtered:
            outcome.failed += 1
            outcome.text += f"{title}: no test passed\n"
    if not outcome.passed:
        outcome.failed += 1
        outcome.text += "no test passed\n"


def run(target, filter_glob="", source=checkout.ROOT, append=""):
    """Run the suites (those that match `filter_glob`) on a target, with more
    parameters of its kernel; return the Outcome.
    """
    built, warned = modules.build(target.modules, source)
    if "gomalloc_kunit.ko" not in built:
        raise Failure(f"gomalloc_kunit.ko was not built for {target.name}, whose kernel has no "
                      "KUnit: use a UML target.")
    script = f"FILTER='{filter_glob or ALL}'\n" + SCRIPT.read_text()
    suffix = f"-{append}" if append else ""
    result = guest.run(target, script, built.values(), TIMEOUT.get(target.name, DEFAULT_TIMEOUT),
                       f"{APPEND.get(target.name, '')} {append}".strip(),
                       checkout.LOGS / f"kunit-{target.name}{suffix}.log")
    outcome = Outcome(f"KUnit on {target.describe()}" + (f", {append}" if append else ""),
                      seconds=result.seconds)
    count(outcome, result.log, bool(filter_glob))
    if not result.passed:
        outcome.failed += 1
        outcome.text += "\n" + result.verdict()
    elif warned:
        outcome.failed += 1
        outcome.text += "\n" + "\n".join(warned)
    return outcome
