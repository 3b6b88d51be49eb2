// SPDX-License-Identifier: GPL-2.0
/*
 * After a report of KASAN about memory of gomalloc's: which object it is, who
 * allocated it, who freed it.  KASAN knows that of SLUB's objects only.
 *
 * It comes by the tracepoint error_report_end, in the context of the invalid
 * access, with KASAN's locks released or held: nothing here sleeps or locks.
 */
#include <linux/tracepoint.h>
#include <trace/events/error_report.h>

#include "api/object_report.h"
#include "base/compat.h"
#include "debug/kasan.h"

#ifdef CONFIG_KASAN_GENERIC
static bool registered;

static void report_ended(void *unused, enum error_detector detector, unsigned long address)
{
	if (detector == ERROR_DETECTOR_KASAN)
		gom_debug_describe((void *)address);
}

void gom_kasan_init(void)
{
	registered = !register_trace_error_report_end(report_ended, NULL);
}

void gom_kasan_exit(void)
{
	if (registered)
		unregister_trace_error_report_end(report_ended, NULL);
	tracepoint_synchronize_unregister();
}
#else
void gom_kasan_init(void)
{
}

void gom_kasan_exit(void)
{
}
#endif
