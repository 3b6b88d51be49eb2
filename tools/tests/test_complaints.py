# SPDX-License-Identifier: GPL-2.0
"""Lines of a kernel log that are complaints, and lines that are not."""

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
WARNING: CPU: 0 PID: 33 at gomalloc/heap/mheap.c:1 mheap_free+0x1/0x2
WARNING: gomalloc/heap/mheap.c:1 at mheap_free+0x1/0x2, CPU#0: insmod/33
WARNING: possible circular locking dependency detected
WARNING: possible recursive locking detected
WARNING: inconsistent lock state
WARNING: suspicious RCU usage
INFO: task insmod:33 blocked for more than 120 seconds.
rcu: INFO: rcu_sched self-detected stall on CPU
UBSAN: array-index-out-of-bounds in gomalloc/heap/span.c:1:2
kmemleak: 2 new suspected memory leaks (see /sys/kernel/debug/kmemleak)
refcount_t: underflow; use-after-free.
ODEBUG: free active (active state 0) object: 00000000 object type: rcu_head
list_add corruption. prev->next should be next
watchdog: BUG: soft lockup - CPU#0 stuck for 26s!
""".splitlines()
OWN = """\
gomalloc: double free of object 00000000c0ffee00, called from step+0x1/0x2 [gomalloc_bench]
gomalloc: free of 00000000c0ffee00, which is not gomalloc's, called from step+0x1/0x2 [gomalloc_bench]
gomalloc: double free of object 00000000c0ffee00
gomalloc: 4 objects are still in use, 200192 bytes; their pages stay allocated:
gomalloc: 1 finalizers never ran: their objects were not freed
gomalloc: cache smoke was not destroyed
gomalloc: BUG ovl_inode: Right Redzone overwritten
gomalloc: overlay left 3 objects, 2700 bytes, usable 3072, in 1 stacks when it was unloaded:
gomalloc: check: span 00000000c0ffee00 has state 1, class 2
""".splitlines()
HARMLESS = """\
gomalloc: loaded: 66 size classes up to 32768 bytes, page runs up to 4194304
gomalloc: mcache_kb=70000 is out of range: 0 to 65536
gomalloc: unloaded
gomalloc: TRACE malloc-64 alloc 0x00000000c0ffee00 by step+0x1/0x2 [gomalloc_bench]
gomalloc_bench: smoke: 1 allocations, called from nowhere
gomalloc: loading out-of-tree module taints kernel.
gomalloc: module verification failed: signature and/or required key missing - tainting kernel
DEBUG_LOCKS_WARN is fine as part of a config listing
""".splitlines()


class Complaints(unittest.TestCase):
    def test_every_complaint_is_found(self):
        for line in COMPLAINTS + OWN:
            self.assertEqual(complaints.find(f"[    1.000000] {line}\n"),
                             [f"[    1.000000] {line}"])

    def test_other_lines_are_no_complaints(self):
        for line in HARMLESS:
            self.assertEqual(complaints.find(f"[    1.000000] {line}\n"), [])

    def test_provoked_reports_are_no_complaints(self):
        for begin, end in (("KUnit starts sbrk=1", "KUnit ended"),
                           ("reports are expected from here", "reports are expected no more")):
            log = "\n".join([f"[1] gomalloc: {begin}", *OWN, COMPLAINTS[0], f"[2] gomalloc: {end}",
                             OWN[0]])
            self.assertEqual(complaints.find(log), [COMPLAINTS[0], OWN[0]])

    def test_provoked_kernel_reports_are_no_complaints(self):
        log = "\n".join(["[1] gomalloc: the kernel's reports are expected from here", COMPLAINTS[0],
                         OWN[0], "[2] gomalloc: the kernel's reports are expected no more",
                         COMPLAINTS[0]])
        self.assertEqual(complaints.find(log), [COMPLAINTS[0]])

    def test_expected_oom_kills_are_no_complaints(self):
        report = ["[1] tail invoked oom-killer: gfp_mask=0x140cca", "[1] Call Trace:",
                  "[1]  dump_stack", "[1] Out of memory: Killed process 1 (tail)"]
        begin = "[0] gomalloc: OOM kills are expected from here"
        end = "[2] gomalloc: OOM kills are expected no more"
        trace = report[1]

        def found(*lines):
            return complaints.find("\n".join(lines))
        self.assertEqual(found(begin, *report, *report, end), [])
        self.assertEqual(found(*report), [trace])
        self.assertEqual(found(begin, end, *report), [trace])
        self.assertEqual(found(begin, *report, trace, end), [trace])
        self.assertEqual(found(begin, *report, "[1] tail: page allocation failure: order:0", trace,
                               end), [])
        self.assertEqual(found(begin, *report, "[1] head: page allocation failure: order:0", trace,
                               end), [trace])
        self.assertEqual(found(begin, *report, OWN[0], COMPLAINTS[0], end), [OWN[0], COMPLAINTS[0]])

    def test_lines_before_the_first_process_are_ignored(self):
        log = f"[1] WARNING: a\n[2] {complaints.FIRST_PROCESS}\n[3] WARNING: b\n"
        self.assertEqual(complaints.find(log), ["[3] WARNING: b"])


if __name__ == "__main__":
    unittest.main()
