# SPDX-License-Identifier: GPL-2.0
"""Requests of a guest script to its host."""

import json
import socket
import tempfile
import threading
import unittest
from pathlib import Path

from gomtools.monitor import Host


class Qemu:
    """A minimal QEMU monitor for one connection; records the commands."""

    def __init__(self, path, answer):
        self.answer = answer
        self.commands = []
        self.arguments = {}         # of the last command
        self.socket = socket.socket(socket.AF_UNIX)
        self.socket.bind(str(path))
        self.socket.listen()
        threading.Thread(target=self.serve, daemon=True).start()

    def serve(self):
        connection = self.socket.accept()[0]
        with connection, connection.makefile("rw") as stream:
            stream.write('{"QMP": {}}\n')
            stream.flush()
            for line in stream:
                command = json.loads(line)
                self.commands.append(command["execute"])
                self.arguments = command.get("arguments", {})
                known = self.commands[-1] == "qmp_capabilities"
                stream.write('{"event": "SOMETHING"}\n'
                             + json.dumps({"return": {}} if known else self.answer) + "\n")
                stream.flush()


class Requests(unittest.TestCase):
    def ask(self, line, answer):
        with tempfile.TemporaryDirectory() as scratch:
            path = Path(scratch) / "monitor"
            qemu = Qemu(path, answer)
            host = Host(path)
            host.handle(line)
            host.close()
            self.arguments = qemu.arguments
            return host.failures, qemu.commands

    def test_memory_is_plugged_in(self):
        failures, commands = self.ask("host: plug 512", {"return": {}})
        self.assertEqual(failures, [])
        self.assertEqual(commands, ["qmp_capabilities", "object-add", "device_add"])
        self.assertEqual(self.arguments["node"], 0)

    def test_memory_is_plugged_into_a_node(self):
        self.ask("host: plug 512 1", {"return": {}})
        self.assertEqual(self.arguments["node"], 1)

    def test_an_impossible_request_fails_the_run(self):
        self.assertIn("no slots", self.ask("host: plug 512", {"error": {"desc": "no slots"}})[0][0])
        self.assertTrue(self.ask("host: dance", {"return": {}})[0])

    def test_other_lines_are_ignored(self):
        self.assertEqual(self.ask("all is well", {"return": {}}), ([], []))


if __name__ == "__main__":
    unittest.main()
