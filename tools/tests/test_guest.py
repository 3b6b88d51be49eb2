# SPDX-License-Identifier: GPL-2.0
"""Running real guests: output, exit status, and failures."""

import unittest

from gomtools import checkout, guest, targets
from gomtools.ui import Failure


def boot(script, timeout=60):
    return guest.run(targets.find("uml"), script, timeout=timeout,
                     log_path=checkout.LOGS / "selftest.log")


class Guest(unittest.TestCase):
    def test_output_and_exit_status_are_returned(self):
        result = boot("echo one; echo two >&2; exit 7")
        self.assertEqual(result.output, "one\ntwo\n")
        self.assertEqual(result.status, 7)
        self.assertIn("status 7", result.verdict())

    def test_success_passes(self):
        result = boot("true")
        self.assertTrue(result.passed, result.verdict())

    def test_script_finds_its_file_systems(self):
        result = boot("test -d /sys/kernel/debug/kunit && test -e /proc/slabinfo && test -c "
                      "/dev/null && touch /tmp/x")
        self.assertTrue(result.passed, result.verdict())

    def test_long_output_is_complete(self):
        result = boot("seq 1 20000")
        self.assertEqual(result.output.split(), [str(n) for n in range(1, 20001)])

    def test_guest_has_both_cpus(self):
        self.assertEqual(boot("nproc").output, "2\n")

    def test_warning_fails_the_run_whatever_the_script_returned(self):
        result = boot('echo "WARNING: CPU: 0 PID: 1 at here" > /dev/kmsg; exit 0')
        self.assertEqual(result.status, 0)
        self.assertFalse(result.passed)
        self.assertIn("WARNING: CPU: 0", result.verdict())

    def test_unexpected_report_of_gomalloc_fails_the_run(self):
        left = 'echo "gomalloc: 2 objects are still in use, 128 bytes" > /dev/kmsg'
        self.assertIn("still in use", boot(left).verdict())
        result = boot(f". /verdict.sh; expect_reports; {left}; expect_no_reports")
        self.assertTrue(result.passed, result.verdict())

    def test_panic_fails_the_run(self):
        result = boot("echo c > /proc/sysrq-trigger; sleep 20")
        self.assertFalse(result.passed)
        self.assertTrue(result.complaints)

    def test_hang_is_killed_at_the_limit(self):
        result = boot("echo before; sleep 1000", timeout=4)
        self.assertTrue(result.timed_out)
        self.assertLess(result.seconds, 15)
        self.assertIn("before", result.verdict())


class EmulatorFailure(unittest.TestCase):
    def test_later_crashes_are_no_emulator_failure(self):
        early = "sched_clock: Marking stable\nOops: int3: 0000 [#1] SMP"
        self.assertTrue(guest.emulator_failed(early))
        self.assertFalse(guest.emulator_failed("Run /init as init process\n" + early))
        self.assertFalse(guest.emulator_failed("Oops: general protection fault"))


class Names(unittest.TestCase):
    def assert_one_sentence(self, *arguments, **options):
        with self.assertRaises(Failure) as caught:
            targets.find(*arguments, **options)
        self.assertEqual(len(str(caught.exception).splitlines()), 1)
        return str(caught.exception)

    def test_unknown_target_names_the_known_ones(self):
        self.assertIn("stock-newest", self.assert_one_sentence("windows"))

    def test_uml_cannot_count_instructions(self):
        self.assert_one_sentence("uml", counted=True)

    def test_invalid_number_of_cpus(self):
        self.assert_one_sentence("uml-6.1", cpus=2)
        self.assert_one_sentence("stock-6.1", cpus=0)

    def test_nodes_need_a_stock_target_and_equal_parts(self):
        self.assert_one_sentence("uml", nodes=2)
        self.assert_one_sentence("stock-6.1", cpus=4, nodes=3)
        self.assert_one_sentence("stock-6.1", cpus=4, nodes=0)
        self.assertEqual(targets.find("stock-6.1", cpus=4, nodes=2).nodes, 2)


if __name__ == "__main__":
    unittest.main()
