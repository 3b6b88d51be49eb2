# SPDX-License-Identifier: GPL-2.0
"""Runs one guest from power-on to power-off, and checks the run.

A target (targets.py) supplies the command line of the machine.  The guest has
two serial lines: one for the kernel log, which goes to a file in build/log/,
one for the script's output, whose last line is the script's exit status.  The
run fails if the script fails, if the kernel log has complaints (complaints.py),
if the guest dies before the script ends, and if it exceeds its time limit.
"""

import os
import re
import signal
import subprocess
import tempfile
import threading
import time
from pathlib import Path

from . import complaints, initramfs, process
from .monitor import Host
from .ui import note, step

EXIT_LINE = re.compile(r"^guest script exit: (\d+)$", re.MULTILINE)
SECONDS_TO_POWER_OFF = 15
LAST_LINES = 15
BOOTS = 3       # at most, see emulator_failed()


class Result:
    """The result of a run."""

    def __init__(self, output, log, log_path, seconds, timed_out, failures=()):
        match = EXIT_LINE.search(output)
        self.output = output[:match.start()] if match else output
        self.status = int(match[1]) if match else None
        self.log = log
        self.log_path = log_path
        self.seconds = seconds
        self.timed_out = timed_out
        self.complaints = complaints.find(log)
        self.failures = list(failures)      # of the guest's requests to its host

    @property
    def passed(self):
        return not self.verdict()

    def verdict(self):
        """Why the run failed, for the user; empty if it passed."""
        reasons = []
        if self.timed_out:
            reasons.append(f"the guest exceeded its time limit and was killed after "
                           f"{self.seconds:.0f} s")
        elif self.status is None:
            reasons.append("the guest died before its script ended")
        elif self.status:
            reasons.append(f"the guest's script ended with status {self.status}")
        if self.complaints:
            reasons.append(f"the guest's kernel log has {len(self.complaints)} complaints, the "
                           f"first:\n    " + self.complaints[0])
        reasons += self.failures
        if not reasons:
            return ""
        said = process.tail(self.output, LAST_LINES)
        logged = process.tail(self.log, LAST_LINES)
        return (f"{'; '.join(reasons)}\n--- last output\n{said}\n--- last of the kernel log "
                f"({self.log_path})\n{logged}")


class Channel:
    """The script's serial line: a pipe, read by a thread as the guest writes.
    """

    def __init__(self, on_line):
        self.reader, self.writer = os.pipe()
        self.on_line = on_line
        self.text = ""
        self.ended = threading.Event()
        self.thread = threading.Thread(target=self.read, daemon=True)
        self.thread.start()

    def read(self):
        rest = ""
        with open(self.reader, errors="replace", newline="") as stream:
            while chunk := os.read(stream.fileno(), 65536):
                rest += chunk.decode(errors="replace").replace("\r", "")
                *whole, rest = rest.split("\n")
                for line in whole:
                    self.text += line + "\n"
                    if EXIT_LINE.match(line):
                        self.ended.set()
                    elif self.on_line:
                        self.on_line(line)
        self.text += rest

    def close(self):
        """Close the writing end; the reader ends when the guest has closed it,
        too.
        """
        os.close(self.writer)
        self.thread.join(timeout=2)


def end(machine):
    """Kill the machine's process group: by SIGTERM, then by SIGKILL."""
    for how in (signal.SIGTERM, signal.SIGKILL):
        try:
            os.killpg(machine.pid, how)
            machine.wait(timeout=3)
        except (ProcessLookupError, subprocess.TimeoutExpired):
            continue


def wait(machine, channel, timeout):
    """Wait for the end of the script, then of the machine; True if the time
    limit was exceeded.
    """
    deadline = time.monotonic() + timeout
    while machine.poll() is None and not channel.ended.is_set():
        if time.monotonic() > deadline:
            return True
        channel.ended.wait(0.05)
    try:
        machine.wait(timeout=SECONDS_TO_POWER_OFF)
    except subprocess.TimeoutExpired:
        pass
    return False


def emulator_failed(log):
    """Whether the emulator executed a breakpoint that the kernel had already
    removed.

    Kernels set breakpoints while they patch their own code.  With several
    emulated CPUs this happens before the first process starts.
    """
    return "Oops: int3" in log and "Run /init as init process" not in log


def run(target, script, modules=(), timeout=120, append="", log_path=None, on_line=None,
        files=None):
    """Boot `target` with `modules` in /modules and `files` (see initramfs.py),
    run `script` there, return the Result.
    """
    for _ in range(BOOTS):
        result = boot_once(target, script, modules, timeout, append, log_path, on_line, files)
        if not emulator_failed(result.log):
            break
        note("the emulator executed a breakpoint that the kernel had removed; booting again")
    return result


def boot_once(target, script, modules, timeout, append, log_path, on_line, files):
    log_path = Path(log_path)
    log_path.parent.mkdir(parents=True, exist_ok=True)
    assert target.kernel.image.exists()
    step(f"booting {target.describe()}")
    start = time.monotonic()
    with tempfile.TemporaryDirectory(prefix="gomalloc-") as scratch:
        initrd = Path(scratch) / "initrd"
        initrd.write_bytes(initramfs.build(script, modules, files))
        host = Host(f"{scratch}/monitor") if getattr(target, "monitor", False) else None
        channel = Channel(host.handle if host else on_line)
        command = target.command(initrd, channel.writer, scratch, append)
        with open(log_path, "wb") as log:
            machine = subprocess.Popen(command, stdin=subprocess.DEVNULL, stdout=log, stderr=log,
                                       pass_fds=[channel.writer], start_new_session=True)
            try:
                timed_out = wait(machine, channel, timeout)
            finally:
                if host:
                    host.close()
                end(machine)
                channel.close()
    log = log_path.read_text(errors="replace").replace("\r", "")
    return Result(channel.text, log, log_path, time.monotonic() - start, timed_out,
                  host.failures if host else ())
