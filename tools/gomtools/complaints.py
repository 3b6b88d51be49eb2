# SPDX-License-Identifier: GPL-2.0
"""What in a guest's kernel log fails the run, whatever the guest's script returned: what
the kernel complains of, and gomalloc's own verdict.

The module's reports are plain lines that start with `gomalloc: `.  Tests provoke them: what
it says while KUnit runs, or where a guest's script expects it (verdict.sh), is left to them.
Where a script expects a task to be killed for want of memory, the kernel's report of that is
no complaint.
"""

import re

PATTERNS = [
    r"Kernel panic",
    r"\bBUG: ",
    r"kernel BUG at",
    r"\bOops\b",
    r"general protection fault",
    r"\bWARNING: ",
    r"\bINFO: (possible|task .* blocked|rcu|inconsistent|trying to register|suspicious)",
    r"possible (recursive locking|circular locking|irq lock inversion)",
    r"inconsistent lock state",
    r"\[ BUG: ",
    r"suspicious RCU usage",
    r"held lock freed",
    r"UBSAN: ",
    r"KASAN: ",
    r"KFENCE: ",
    r"ODEBUG: ",
    r"new suspected memory leaks",
    r"unreferenced object",
    r"sleeping function called from invalid context",
    r"scheduling while atomic",
    r"using (smp_processor_id|__this_cpu_\w+)\(\) in preemptible",
    r"detected stalls? on CPU",
    r"self-detected stall",
    r"soft lockup",
    r"hard LOCKUP",
    r"refcount_t: ",
    r"(list_add|list_del) corruption",
    r"segfault at",
    r"Call Trace:",
]
COMPLAINT = re.compile("|".join(PATTERNS))
OWN_PATTERNS = [
    r", called from ",                  # every report of misuse (report.c) ends so
    r"double free",
    r"still in use",
    r"never ran",
    r"was not destroyed",
    r"check: ",
]
OWN = re.compile(r"\bgomalloc: .*?(" + "|".join(OWN_PATTERNS) + ")")
PROVOKED = re.compile(r"\bgomalloc: (?:(KUnit starts|reports are expected from here)"
                      r"|KUnit ended|reports are expected no more)")
# A KUnit suite that provokes the kernel itself, lockdep for one (kunit/percpu/mcache_debug_test.c).
KERNEL_PROVOKED = re.compile(r"\bgomalloc: the kernel's reports are expected (?:(from here)|no more)")
OOM_BORDER = re.compile(r"\bgomalloc: OOM kills are expected (?:(from here)|no more)")
# Such a report begins with the one line and has a trace, once.  Who was killed may then get no
# page for a fault that was under way, which has a report of its own.
OOM_REPORT = re.compile(r" invoked oom-killer: ")
OOM_KILLED = re.compile(r"Killed process \d+ \((\S+)\)")
OOM_TRACE = re.compile(r"Call Trace:")
# Said on every boot by kernels we do not change, and no fault of a module.
HARMLESS = re.compile(r"Spectre V2 : WARNING|RETBleed: WARNING|WARNING: Spectre|MDS: WARNING")


# What comes before is the kernel's own boot, before there is a module: newest UML with
# lockdep, for one, complains of its own way to start the second CPU.
FIRST_PROCESS = "Run /init as init process"


def without_oom_reports(lines):
    """The lines, but for the stack trace in each report of an OOM kill that was expected."""
    expected = reported = False
    failing = OOM_REPORT
    for line in lines:
        killed = OOM_KILLED.search(line)
        if killed:
            failing = re.compile(rf"{OOM_REPORT.pattern}| {re.escape(killed[1])}: page allocation failure: ")
        border = OOM_BORDER.search(line)
        if border:
            expected = bool(border[1])
        reported = expected and (reported or bool(failing.search(line)))
        if reported and OOM_TRACE.search(line):
            reported = False
        else:
            yield line


def find(log):
    """The log lines that are complaints, in order: from the first process on, or all
    of them in a log of a kernel that never got so far."""
    provoked = kernel_provoked = False
    found = []
    for line in without_oom_reports(log.rpartition(FIRST_PROCESS)[2].splitlines()):
        border, kernel_border = PROVOKED.search(line), KERNEL_PROVOKED.search(line)
        if border:
            provoked = bool(border[1])
        elif kernel_border:
            kernel_provoked = bool(kernel_border[1])
        elif kernel_provoked:
            continue
        elif COMPLAINT.search(line) and not HARMLESS.search(line) or not provoked and OWN.search(line):
            found.append(line)
    return found
