/* SPDX-License-Identifier: GPL-2.0 */
/* Declarations shared by the files of api/, which implement gomalloc.h. */
#ifndef GOM_MALLOC_H
#define GOM_MALLOC_H

#include <linux/mm.h>
#include <linux/sched/mm.h>

#include "base/class.h"
#include "base/compat.h"
#include "base/trace.h"
#include "gomalloc.h"
#include "heap/pagemap.h"

/*
 * gfp flags passed on to the page allocator; gomalloc honours the others
 * itself.
 */
#define GOM_PAGE_GFP	(__GFP_RECLAIM | __GFP_HIGH | __GFP_IO | __GFP_FS |	\
			 __GFP_NOWARN | __GFP_RETRY_MAYFAIL | __GFP_NOFAIL |	\
			 __GFP_NORETRY | __GFP_MEMALLOC | __GFP_NOMEMALLOC |	\
			 __GFP_HARDWALL | __GFP_THISNODE | __GFP_NOLOCKDEP |	\
			 GOM_GFP_ATOMIC)

/* gfp flags for zones; objects of size classes come from no particular zone. */
#define GOM_ZONE_GFP	(__GFP_DMA | __GFP_DMA32 | __GFP_HIGHMEM)

/* gfp flags for which an object from the fast path needs more work. */
#define GOM_PREPARE_GFP	(__GFP_ZERO | GOM_ZONE_GFP)

/*
 * Debug kernels check @gfp on the fast paths too; others only on the slow
 * paths.
 */
static __always_inline void gom_check_context(gfp_t gfp)
{
	if (IS_ENABLED(CONFIG_DEBUG_ATOMIC_SLEEP) || IS_ENABLED(CONFIG_LOCKDEP))
		might_alloc(gfp);
}

/*
 * The class of the objects in the page of @p, or 0; @slot is the page's.  The
 * result may be stale if no object of the span is live.
 */
static inline unsigned int gom_class_at(const void *p, unsigned int slot)
{
	struct gom_span *s;

	if (slot != GOM_SLOT_ASK)
		return slot < GOM_NR_SPAN_CLASSES ? slot : 0;
	s = gom_pagemap_span(p);
	return s && s->class < gom_class_end() ? s->class : 0;
}

/*
 * Number of objects in the span of @p, which has class @cl; @slot is the
 * page's.
 */
static inline unsigned int gom_nelems_at(const void *p, unsigned int slot,
					 const struct gom_class *cl)
{
	const struct gom_span *s = slot == GOM_SLOT_ASK ? gom_pagemap_span(p) : NULL;

	return s ? s->nelems : cl->nelems;
}

/* Does an object of @class begin at byte @off of the span of @p? */
static inline bool gom_object_begins(const void *p, unsigned int slot, unsigned int class, u32 off)
{
	const struct gom_class *cl = gom_class(class);

	return gom_class_begins(cl, off) && gom_class_index(cl, off) < gom_nelems_at(p, slot, cl);
}

/* Trace the allocation of @p: @size bytes requested, @space bytes allocated. */
static __always_inline void gom_note_malloc(unsigned long caller, const void *p, size_t size,
					    unsigned int class, size_t space, gfp_t gfp)
{
	if (trace_gom_malloc_enabled())
		trace_gom_malloc(caller, p, size, class, space, gfp, gom_pagemap_nid(p));
}

void *gom_alloc_slow(size_t size, unsigned int slot, gfp_t gfp, unsigned long caller);
void *gom_take_on_node(unsigned int class, gfp_t gfp, int node, bool *sample);
void gom_free_slow(const void *p, unsigned long caller);
void *gom_object_at(const void *p, size_t *size);

#endif /* GOM_MALLOC_H */
