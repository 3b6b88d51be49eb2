# SPDX-License-Identifier: GPL-2.0
"""What in a kernel log is a complaint, and what is not."""

import unittest

from gomtools import complaints

COMPLAINTS = """\
Kernel panic - not syncing: Fatal exception
BUG: unable to handle page fault for address: 0000000000001000
BUG: KASAN: slab-use-after-free in gom_free+0x12/0x40
BUG: sleeping function called from invalid context at mm/slab.h:1
BUG: scheduling while atomic: insmod/33/0x00000002
kernel BUG at mm/slub.c:1!
Oops: 0000 [#1] PREEMPT SMP
WARNING: CPU: 0 PID: 33 at gomalloc/mheap.c:1 mheap_free+0x1/0x2
WARNING: gomalloc/mheap.c:1 at mheap_free+0x1/0x2, CPU#0: insmod/33
WARNING: possible circular locking dependency detected
WARNING: possible recursive locking detected
WARNING: inconsistent lock state
WARNING: suspicious RCU usage
INFO: task insmod:33 blocked for more than 120 seconds.
rcu: INFO: rcu_sched self-detected stall on CPU
UBSAN: array-index-out-of-bounds in gomalloc/span.c:1:2
kmemleak: 2 new suspected memory leaks (see /sys/kernel/debug/kmemleak)
refcount_t: underflow; use-after-free.
ODEBUG: free active (active state 0) object: 00000000 object type: rcu_head
list_add corruption. prev->next should be next
watchdog: BUG: soft lockup - CPU#0 stuck for 26s!
""".splitlines()
HARMLESS = """\
gomalloc: free of a pointer that is not gomalloc's, by test_foreign+0x1/0x2
gomalloc: loading out-of-tree module taints kernel.
gomalloc: module verification failed: signature and/or required key missing - tainting kernel
DEBUG_LOCKS_WARN is fine as part of a config listing
""".splitlines()


class Complaints(unittest.TestCase):
    def test_every_complaint_is_found(self):
        for line in COMPLAINTS:
            self.assertEqual(complaints.find(f"[    1.000000] {line}\n"), [f"[    1.000000] {line}"])

    def test_the_rest_is_not(self):
        for line in HARMLESS:
            self.assertEqual(complaints.find(f"[    1.000000] {line}\n"), [])

    def test_what_was_said_before_the_first_process_is_the_kernels_own(self):
        log = f"[1] WARNING: a\n[2] {complaints.FIRST_PROCESS}\n[3] WARNING: b\n"
        self.assertEqual(complaints.find(log), ["[3] WARNING: b"])


if __name__ == "__main__":
    unittest.main()
