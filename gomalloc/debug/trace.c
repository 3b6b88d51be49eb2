// SPDX-License-Identifier: GPL-2.0
/* Tracepoints: this file instantiates those that base/trace.h declares. */
#include <linux/mm.h>

#include "percpu/mcache.h"

#define CREATE_TRACE_POINTS
#include "base/trace.h"

EXPORT_TRACEPOINT_SYMBOL_GPL(gom_malloc);
EXPORT_TRACEPOINT_SYMBOL_GPL(gom_free);
EXPORT_TRACEPOINT_SYMBOL_GPL(gom_refill);
EXPORT_TRACEPOINT_SYMBOL_GPL(gom_flush);
EXPORT_TRACEPOINT_SYMBOL_GPL(gom_span_alloc);
EXPORT_TRACEPOINT_SYMBOL_GPL(gom_span_free);
EXPORT_TRACEPOINT_SYMBOL_GPL(gom_heap_grow);
EXPORT_TRACEPOINT_SYMBOL_GPL(gom_heap_release);

/*
 * gom_malloc or gom_free is being enabled: force every call to take the slow
 * path, since the fast paths have no tracepoint.  gom_trace_unreg() undoes
 * that.
 */
int gom_trace_reg(void)
{
	gom_mcache_force_slow(1);
	return 0;
}

void gom_trace_unreg(void)
{
	gom_mcache_force_slow(-1);
}
