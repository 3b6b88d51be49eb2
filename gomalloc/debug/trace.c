// SPDX-License-Identifier: GPL-2.0
/* Tracepoints: their code is made here, from trace.h. */
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

/* Somebody begins to listen to single objects: each call has to come by. */
int gom_trace_reg(void)
{
	gom_mcache_force_slow(1);
	return 0;
}

void gom_trace_unreg(void)
{
	gom_mcache_force_slow(-1);
}
