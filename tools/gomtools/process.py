# SPDX-License-Identifier: GPL-2.0
"""Runs other programs, with their output in a log that is shown if they fail.
"""

import subprocess
from pathlib import Path

from .ui import Failure

TAIL_LINES = 25


def tail(text, lines=TAIL_LINES):
    return "\n".join(text.splitlines()[-lines:])


def run(command, log, what, **options):
    """Run `command` with its output in the file `log`; a Failure contains the
    end of the log.
    """
    log = Path(log)
    log.parent.mkdir(parents=True, exist_ok=True)
    with open(log, "w") as output:
        done = subprocess.run(command, stdout=output, stderr=subprocess.STDOUT,
                              stdin=subprocess.DEVNULL, **options)
    if done.returncode:
        raise Failure(f"{what} failed (exit {done.returncode}); the end of {log}:\n"
                      f"{tail(log.read_text(errors='replace'))}")


def lines(command, **options):
    """The output lines of a command; Failure if it fails."""
    done = subprocess.run(command, capture_output=True, text=True,
                          stdin=subprocess.DEVNULL, **options)
    if done.returncode:
        raise Failure(f"{' '.join(command[:2])} failed: {tail(done.stderr, 3)}")
    return done.stdout.splitlines()
