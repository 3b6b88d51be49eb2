# SPDX-License-Identifier: GPL-2.0
"""The tools' own tests (tools/tests/), run as a part of `make check`."""

import io
import unittest

from . import checkout
from .tally import Outcome


def run():
    log = io.StringIO()
    suite = unittest.defaultTestLoader.discover(str(checkout.ROOT / "tools/tests"), top_level_dir=str(
        checkout.ROOT / "tools"))
    result = unittest.TextTestRunner(log, verbosity=2).run(suite)
    failed = len(result.failures) + len(result.errors)
    skipped = len(result.skipped)
    return Outcome("the tools' own tests", passed=result.testsRun - failed - skipped, failed=failed,
                   skipped=skipped, text=log.getvalue())
