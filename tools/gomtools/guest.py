# SPDX-License-Identifier: GPL-2.0
"""Running one guest from power-on to power-off, and judging how it went.

A target (targets.py) supplies the command line of the machine.  The guest has two serial
lines: the kernel log comes out of one and goes to a file in build/log/, the script's
output out of the other, with the script's exit status as its last line.  The run fails
when the script does, when the kernel log holds a complaint (complaints.py), when the
guest dies before the script ends, and when it hangs: then it is ended at the limit.
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
BOOTS = 3       # at most, see lost_an_instruction()


class Result:
    """How a run went."""

    def __init__(self, output, log, log_path, seconds, timed_out, failures=()):
        match = EXIT_LINE.search(output)
        self.output = output[:match.start()] if match else output
        self.status = int(match[1]) if match else None
        self.log = log
        self.log_path = log_path
        self.seconds = seconds
        self.timed_out = timed_out
        self.complaints = complaints.find(log)
        self.failures = list(failures)      # of what the guest asked its host for

    @property
    def passed(self):
        return not self.verdict()

    def verdict(self):
        """Why the run failed, as text for the user; empty when it passed."""
        reasons = []
        if self.timed_out:
            reasons.append(f"the guest did not finish within its limit and was ended after {self.seconds:.0f} s")
        elif self.status is None:
            reasons.append("the guest died before its script ended")
        elif self.status:
            reasons.append(f"the guest's script ended with status {self.status}")
        if self.complaints:
            reasons.append(f"the guest's kernel complained ({len(self.complaints)} lines), first:\n    "
                           + self.complaints[0])
        reasons += self.failures
        if not reasons:
            return ""
        said = process.tail(self.output, LAST_LINES)
        logged = process.tail(self.log, LAST_LINES)
        return (f"{'; '.join(reasons)}\n--- last output\n{said}\n--- last of the kernel log "
                f"({self.log_path})\n{logged}")


class Channel:
    """The script's serial line: a pipe, read by a thread as the guest writes."""

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
        """Let go of our writing end; the reader ends when the guest has, too."""
        os.close(self.writer)
        self.thread.join(timeout=2)


def end(machine):
    """End the machine's process group, gently and then for good."""
    for how in (signal.SIGTERM, signal.SIGKILL):
        try:
            os.killpg(machine.pid, how)
            machine.wait(timeout=3)
        except (ProcessLookupError, subprocess.TimeoutExpired):
            continue


def wait(machine, channel, timeout):
    """Wait for the script's end, then for the machine's; True when a limit was reached."""
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


def lost_an_instruction(log):
    """Did the emulator run the breakpoint that a kernel sets while it patches its own code, after it was taken away?

    Seen with several emulated CPUs on kernels that had not come to their first process."""
    return "Oops: int3" in log and "Run /init as init process" not in log


def run(target, script, modules=(), timeout=120, append="", log_path=None, on_line=None):
    """Boot `target` with `modules` in /modules, run `script` there, return the Result."""
    for _ in range(BOOTS):
        result = boot_once(target, script, modules, timeout, append, log_path, on_line)
        if not lost_an_instruction(result.log):
            break
        note("the emulator lost an instruction that the kernel had patched while it booted; booting again")
    return result


def boot_once(target, script, modules, timeout, append, log_path, on_line):
    log_path = Path(log_path)
    log_path.parent.mkdir(parents=True, exist_ok=True)
    assert target.kernel.image.exists()
    step(f"booting {target.describe()}")
    start = time.monotonic()
    with tempfile.TemporaryDirectory(prefix="gomalloc-") as scratch:
        initrd = Path(scratch) / "initrd"
        initrd.write_bytes(initramfs.build(script, modules))
        host = Host(f"{scratch}/monitor") if getattr(target, "monitor", False) else None
        channel = Channel(host.asked if host else on_line)
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
