# SPDX-License-Identifier: GPL-2.0
"""The tests of the tools (tools/tests/), as a part of `make check`."""

import io
import unittest

from . import checkout
from .tally import Outcome, failed

TITLE = "the tools' own tests"
TESTS = checkout.ROOT / "tools/tests"


def run(tests=TESTS):
    """Run the tests in a directory; finding none is a failure."""
    log = io.StringIO()
    suite = unittest.defaultTestLoader.discover(str(tests), top_level_dir=str(tests.parent))
    if not suite.countTestCases():
        return failed(TITLE, f"There is no test in {tests}.")
    result = unittest.TextTestRunner(log, verbosity=2).run(suite)
    broken = len(result.failures) + len(result.errors)
    skipped = len(result.skipped)
    return Outcome(TITLE, passed=result.testsRun - broken - skipped, failed=broken, skipped=skipped,
                   text=log.getvalue())
