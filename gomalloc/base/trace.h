/* SPDX-License-Identifier: GPL-2.0 */
/*
 * Tracepoints (Go: GODEBUG=allocfreetrace=1), for perf, trace-cmd and bpftrace.
 *
 * gom_malloc and gom_free are not on the fast paths: while one of them is
 * enabled, GOM_MALLOCING_SLOW sends every call to the slow paths, which have
 * them.  The others are where magazines, spans and pages move, and cost a
 * branch not taken there.
 */
#undef TRACE_SYSTEM
#define TRACE_SYSTEM gomalloc

#if !defined(GOM_TRACE_H) || defined(TRACE_HEADER_MULTI_READ)
#define GOM_TRACE_H

#include <linux/tracepoint.h>
#include <trace/events/mmflags.h>

int gom_trace_reg(void);
void gom_trace_unreg(void);

/*
 * In gom_malloc and gom_free class 0 stands for a large object, or for any
 * object in efence mode.
 */
TRACE_EVENT_FN(gom_malloc,
	TP_PROTO(unsigned long caller, const void *ptr, size_t size, unsigned int class,
		 size_t space, gfp_t gfp, int node),
	TP_ARGS(caller, ptr, size, class, space, gfp, node),
	TP_STRUCT__entry(
		__field(unsigned long, caller)
		__field(const void *, ptr)
		__field(size_t, size)
		__field(size_t, space)
		__field(unsigned int, class)
		__field(unsigned long, gfp)
		__field(int, node)
	),
	TP_fast_assign(
		__entry->caller = caller;
		__entry->ptr = ptr;
		__entry->size = size;
		__entry->space = space;
		__entry->class = class;
		__entry->gfp = (__force unsigned long)gfp;
		__entry->node = node;
	),
	TP_printk("caller=%pS ptr=%p size=%zu space=%zu class=%u gfp=%s node=%d",
		  (void *)__entry->caller, __entry->ptr, __entry->size, __entry->space,
		  __entry->class, show_gfp_flags(__entry->gfp), __entry->node),
	gom_trace_reg, gom_trace_unreg
);

TRACE_EVENT_FN(gom_free,
	TP_PROTO(unsigned long caller, const void *ptr, unsigned int class),
	TP_ARGS(caller, ptr, class),
	TP_STRUCT__entry(
		__field(unsigned long, caller)
		__field(const void *, ptr)
		__field(unsigned int, class)
	),
	TP_fast_assign(
		__entry->caller = caller;
		__entry->ptr = ptr;
		__entry->class = class;
	),
	TP_printk("caller=%pS ptr=%p class=%u", (void *)__entry->caller, __entry->ptr,
		  __entry->class),
	gom_trace_reg, gom_trace_unreg
);

/* A magazine of objects that moves from mcentral to a CPU's cache, or back. */
DECLARE_EVENT_CLASS(gom_magazine,
	TP_PROTO(unsigned int class, unsigned int objects, int node),
	TP_ARGS(class, objects, node),
	TP_STRUCT__entry(
		__field(unsigned int, class)
		__field(unsigned int, objects)
		__field(int, node)
	),
	TP_fast_assign(
		__entry->class = class;
		__entry->objects = objects;
		__entry->node = node;
	),
	TP_printk("class=%u objects=%u node=%d", __entry->class, __entry->objects, __entry->node)
);

DEFINE_EVENT(gom_magazine, gom_refill,
	TP_PROTO(unsigned int class, unsigned int objects, int node),
	TP_ARGS(class, objects, node));

DEFINE_EVENT(gom_magazine, gom_flush,
	TP_PROTO(unsigned int class, unsigned int objects, int node),
	TP_ARGS(class, objects, node));

/*
 * A run of pages: a span of a class; class 0: a large object, or pages that the
 * heap takes from, or releases to, the page allocator.
 */
DECLARE_EVENT_CLASS(gom_pages,
	TP_PROTO(unsigned int class, const void *base, unsigned int npages, int node),
	TP_ARGS(class, base, npages, node),
	TP_STRUCT__entry(
		__field(unsigned int, class)
		__field(const void *, base)
		__field(unsigned int, npages)
		__field(int, node)
	),
	TP_fast_assign(
		__entry->class = class;
		__entry->base = base;
		__entry->npages = npages;
		__entry->node = node;
	),
	TP_printk("class=%u base=%p npages=%u node=%d", __entry->class, __entry->base,
		  __entry->npages, __entry->node)
);

DEFINE_EVENT(gom_pages, gom_span_alloc,
	TP_PROTO(unsigned int class, const void *base, unsigned int npages, int node),
	TP_ARGS(class, base, npages, node));

DEFINE_EVENT(gom_pages, gom_span_free,
	TP_PROTO(unsigned int class, const void *base, unsigned int npages, int node),
	TP_ARGS(class, base, npages, node));

DEFINE_EVENT(gom_pages, gom_heap_grow,
	TP_PROTO(unsigned int class, const void *base, unsigned int npages, int node),
	TP_ARGS(class, base, npages, node));

DEFINE_EVENT(gom_pages, gom_heap_release,
	TP_PROTO(unsigned int class, const void *base, unsigned int npages, int node),
	TP_ARGS(class, base, npages, node));

#endif /* GOM_TRACE_H */

#undef TRACE_INCLUDE_PATH
#undef TRACE_INCLUDE_FILE
#define TRACE_INCLUDE_PATH .
#define TRACE_INCLUDE_FILE trace
#include <trace/define_trace.h>
