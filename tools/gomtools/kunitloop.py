# SPDX-License-Identifier: GPL-2.0
"""Runs the KUnit suites repeatedly, optionally with busy CPUs, to find tests
that fail sometimes.
"""

import collections
import contextlib
import os
import re
import subprocess

from . import kunit, targets
from .ui import Failure, step

FAILED_TEST = re.compile(r"\[FAILED\] (\w+)")
LOADED = re.compile(r"^gomalloc loaded with (.*):$", re.M)
SPIN = "while :; do :; done"


@contextlib.contextmanager
def busy_cpus(wanted):
    """A context in which all CPUs of this machine are busy, if `wanted`."""
    spinners = [subprocess.Popen(["sh", "-c", SPIN], stdin=subprocess.DEVNULL)
                for _ in range(os.cpu_count() if wanted else 0)]
    try:
        yield
    finally:
        for spinner in spinners:
            spinner.kill()
            spinner.wait()


def failed_tests(text):
    """The failed tests of a run, each with gomalloc's parameters."""
    _, *runs = LOADED.split(text)
    for mode, shown in zip(runs[::2], runs[1::2]):
        for name in FAILED_TEST.findall(shown):
            if not name.startswith("gomalloc_"):        # skip suites, which fail with a test
                yield f"{name} (gomalloc with {mode})"


def run(target_name, times, busy, filter_glob=""):
    if times < 1:
        raise Failure(f"TIMES must be at least 1, not {times}.")
    passed = failed = 0
    by_test = collections.Counter()
    with busy_cpus(busy):
        for number in range(1, times + 1):
            step(f"run {number} of {times}")
            outcome = kunit.run(targets.find(target_name), filter_glob)
            passed += outcome.passed
            failed += outcome.failed
            names = list(failed_tests(outcome.text))
            by_test.update(names)
            print(f"run {number}: {outcome.passed} passed, {outcome.failed} failed, "
                  f"{outcome.skipped} skipped; {outcome.seconds:.0f} s", flush=True)
            if outcome.failed and not names:
                print(outcome.text, flush=True)
    for name, count in by_test.most_common():
        print(f"failed in {count} of {times} runs: {name}")
    print(f"{passed} passed, {failed} failed")
    return 1 if failed else 0
