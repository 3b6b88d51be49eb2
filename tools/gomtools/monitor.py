# SPDX-License-Identifier: GPL-2.0
"""Requests of guest scripts to the host, by QEMU's monitor (QMP).

A script prints a line that begins with `host: `, which `Host.handle` executes;
it does not wait.
"""

import json
import socket
import threading
import time

SECONDS_TO_ANSWER = 10


class Monitor:
    """A connection to the monitor of a running QEMU."""

    def __init__(self, path):
        self.socket = socket.socket(socket.AF_UNIX)
        self.socket.settimeout(SECONDS_TO_ANSWER)
        self.socket.connect(str(path))
        self.lines = self.socket.makefile("r")
        self.lines.readline()       # its greeting
        self.command("qmp_capabilities")

    def command(self, name, **arguments):
        """Run a command; events are ignored."""
        self.socket.sendall(json.dumps({"execute": name, "arguments": arguments}).encode() + b"\n")
        while True:
            answer = json.loads(self.lines.readline())
            if "error" in answer:
                raise RuntimeError(f"QEMU's monitor: {name}: {answer['error']['desc']}")
            if "return" in answer:
                return answer["return"]

    def close(self):
        self.lines.close()
        self.socket.close()


class Host:
    """Executes requests of a guest, by the monitor at `path`."""

    PREFIX = "host: "

    def __init__(self, path):
        self.path = path
        self.failures = []
        self.stop = threading.Event()
        self.sender = None

    def handle(self, line):
        """Execute the request in a line of the script's output, if it is one.
        """
        if not line.startswith(self.PREFIX):
            return
        what, *rest = line.removeprefix(self.PREFIX).split()
        try:
            getattr(self, "do_" + what)(*rest)
        except (OSError, RuntimeError, AttributeError, ValueError) as error:
            self.failures.append(f"{line}: {error}")

    def do_plug(self, megabytes, node="0"):
        """Plug memory into a node."""
        monitor = Monitor(self.path)
        monitor.command("object-add", **{"qom-type": "memory-backend-ram", "id": "plugged",
                                         "size": int(megabytes) << 20})
        monitor.command("device_add", driver="pc-dimm", id="dimm", memdev="plugged", node=int(node))
        monitor.close()

    def do_nmi(self, what):
        """Send NMIs, as fast as possible, from `begin` to `end`."""
        if what == "begin":
            self.sender = threading.Thread(target=self.send_nmis, daemon=True)
            self.sender.start()
        else:
            self.stop.set()

    def send_nmis(self):
        try:
            monitor = Monitor(self.path)
            while not self.stop.is_set():
                monitor.command("inject-nmi")
                time.sleep(0.0005)      # lets the guest make progress
            monitor.close()
        except (OSError, RuntimeError, ValueError) as error:
            self.failures.append(f"inject-nmi: {error}")

    def close(self):
        self.stop.set()
        if self.sender:
            self.sender.join(timeout=SECONDS_TO_ANSWER)
