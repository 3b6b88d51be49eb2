# SPDX-License-Identifier: GPL-2.0
"""Output for the user: steps, progress, and errors.

Steps go to standard error, results to standard output.  Colours and rewritten
lines are used on a terminal only.
"""

import os
import sys
import time


class Failure(Exception):
    """An error for the user: a sentence that names the problem and the remedy.
    """


def on_terminal(stream):
    return stream.isatty() and os.environ.get("TERM") != "dumb"


def paint(text, colour, stream=sys.stdout):
    codes = {"red": 31, "green": 32, "yellow": 33, "blue": 34, "bold": 1}
    if not on_terminal(stream):
        return text
    return f"\033[{codes[colour]}m{text}\033[0m"


def step(text):
    """Print what is done now."""
    print(paint("==>", "blue", sys.stderr), text, file=sys.stderr, flush=True)


def note(text):
    """Print a note and continue."""
    print(paint("note:", "yellow", sys.stderr), text, file=sys.stderr, flush=True)


class Progress:
    """A progress line: rewritten on a terminal, printed at intervals in a log.
    """

    LOG_INTERVAL = 30

    def __init__(self, title):
        self.title = title
        self.start = time.monotonic()
        self.shown = 0.0

    def seconds(self):
        return int(time.monotonic() - self.start)

    def show(self, text):
        line = f"    {self.title}: {text}, {self.seconds()} s"
        now = time.monotonic()
        if on_terminal(sys.stderr):
            if now - self.shown >= 0.2:
                print(f"\r{line}\033[K", end="", file=sys.stderr, flush=True)
                self.shown = now
        elif now - max(self.shown, self.start) >= self.LOG_INTERVAL:
            print(line, file=sys.stderr, flush=True)
            self.shown = now

    def done(self, text):
        start = "\r" if on_terminal(sys.stderr) else ""
        end = "\033[K" if on_terminal(sys.stderr) else ""
        print(f"{start}    {self.title}: {text}, {self.seconds()} s{end}",
              file=sys.stderr, flush=True)
