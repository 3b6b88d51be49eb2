# SPDX-License-Identifier: GPL-2.0
"""Outcomes of checks, and their sum in the last line of `make check`."""

from dataclasses import dataclass, field

from .ui import paint


@dataclass
class Outcome:
    """The result of a check: counts, and text for the user."""

    title: str
    passed: int = 0
    failed: int = 0
    skipped: int = 0
    text: str = ""
    seconds: float = field(default=0, compare=False)

    def show(self):
        word, colour = (("FAILED", "red") if self.failed else ("passed", "green") if self.passed
                        else ("skipped", "yellow"))
        counts = f"{self.passed} passed, {self.failed} failed, {self.skipped} skipped"
        print(f"{paint(word, colour)} {self.title} ({counts}; {self.seconds:.0f} s)")
        if self.text:
            print("\n".join("    " + line for line in self.text.rstrip().splitlines()))
        print(flush=True)


def passed(title, text=""):
    return Outcome(title, passed=1, text=text)


def failed(title, text):
    return Outcome(title, failed=1, text=text)


def last_line(outcomes):
    """The totals, in the format that CI parses."""
    return (f"{sum(o.passed for o in outcomes)} passed, {sum(o.failed for o in outcomes)} failed, "
            f"{sum(o.skipped for o in outcomes)} skipped")
