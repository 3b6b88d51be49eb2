# SPDX-License-Identifier: GPL-2.0
"""Lines of a guest's kernel log that fail the run: warnings of the kernel and
reports of gomalloc.

gomalloc's reports are lines that start with `gomalloc: `.  Tests provoke them,
so they are ignored while KUnit runs, and where a guest's script expects them
(verdict.sh).  The kernel's reports of OOM kills are ignored where a script
expects these.
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
GOMALLOC_PATTERNS = [
    r", called from ",                  # the end of every report of misuse (report.c)
    r"BUG \S+: ",                      # of debugged objects (api/object_report.c)
    r"double free",
    r"still in use",
    r"when it was unloaded",            # objects that a module left (debug/leaks.c)
    r"never ran",
    r"was not destroyed",
    r"check: ",
]
GOMALLOC = re.compile(r"\bgomalloc: .*?(" + "|".join(GOMALLOC_PATTERNS) + ")")
PROVOKED = re.compile(r"\bgomalloc: (?:(KUnit starts|reports are expected from here)"
                      r"|KUnit ended|reports are expected no more)")
# A KUnit suite that provokes reports of the kernel
# (kunit/main.c).
KERNEL_PROVOKED = re.compile(r"\bgomalloc: the kernel's reports are expected "
                             r"(?:(from here)|no more)")
OOM_BORDER = re.compile(r"\bgomalloc: OOM kills are expected (?:(from here)|no more)")
# A report of an OOM kill begins with this line and has one stack trace.
# Afterwards a page fault of the killed task may fail, which is reported
# separately.
OOM_REPORT = re.compile(r" invoked oom-killer: ")
OOM_KILLED = re.compile(r"Killed process \d+ \((\S+)\)")
OOM_TRACE = re.compile(r"Call Trace:")
# Printed at every boot by the stock kernels.
HARMLESS = re.compile(r"Spectre V2 : WARNING|RETBleed: WARNING|WARNING: Spectre|MDS: WARNING")


# Lines before this one are ignored: UML with lockdep, for example, warns while
# it starts the second CPU.
FIRST_PROCESS = "Run /init as init process"


def without_oom_reports(lines):
    """The lines without the stack traces of expected OOM kills."""
    expected = reported = False
    failing = OOM_REPORT
    for line in lines:
        killed = OOM_KILLED.search(line)
        if killed:
            failing = re.compile(rf"{OOM_REPORT.pattern}| {re.escape(killed[1])}: page allocation "
                                 f"failure: ")
        border = OOM_BORDER.search(line)
        if border:
            expected = bool(border[1])
        reported = expected and (reported or bool(failing.search(line)))
        if reported and OOM_TRACE.search(line):
            reported = False
        else:
            yield line


def find(log):
    """The complaints of a log, in order: from the start of the first process
    on, if it started.
    """
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
        elif (COMPLAINT.search(line) and not HARMLESS.search(line)
              or not provoked and GOMALLOC.search(line)):
            found.append(line)
    return found
