/* SPDX-License-Identifier: GPL-2.0 */
/* Declarations shared by the files of api/, which implement gomalloc.h. */
#ifndef GOM_API_INTERNAL_H
#define GOM_API_INTERNAL_H

#include <linux/mm.h>
#include <linux/sched/mm.h>

#include "api/backend.h"
#include "base/class.h"
#include "base/compat.h"
#include "base/trace.h"
#include "gomalloc.h"
#include "heap/pagemap.h"
#include "percpu/mcache.h"

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

/* Trace the allocation of @p: @size bytes requested, @space bytes allocated. */
static __always_inline void gom_note_malloc(unsigned long caller, const void *p, size_t size,
					    unsigned int class, size_t space, gfp_t gfp)
{
	if (trace_gom_malloc_enabled())
		trace_gom_malloc(caller, p, size, class, space, gfp, gom_pagemap_nid(p));
}

void *gom_backend_alloc(size_t size, size_t align, unsigned int class, gfp_t gfp,
			unsigned long caller);
gfp_t gom_report_zone(gfp_t gfp, unsigned long caller);
void *gom_alloc_slow_asked(size_t size, unsigned int slot_off, gfp_t gfp, unsigned long caller);
void *gom_alloc_slow(size_t size, unsigned int slot_off, gfp_t gfp, unsigned long caller);
void *gom_alloc_on_node(unsigned int class, gfp_t gfp, int node, bool *sample);
void *gom_malloc_node_for(size_t size, gfp_t gfp, int node, unsigned long caller);
void gom_free_slow(const void *p, unsigned long caller);
void gom_free_slow_entry(const void *p, u32 entry, unsigned long caller);
void gom_free_leave(const void *p, u32 entry, struct gom_mcache *c, unsigned long caller);
size_t gom_push_bulk(size_t nr, void **p);
void gom_free_place(const struct gom_place *at, unsigned long caller);
void gom_resolve(const void *p, struct gom_place *at);
void *gom_object_of(const struct gom_place *at, size_t *size);
void *gom_object_at(const void *p, size_t *size);

/* How far gom_object_push() came. */
enum gom_pushed {
	GOM_PUSHED,
	GOM_NOT_PUSHED,		/* the caller is inside the cache, and leaves it */
	GOM_NOT_ENTERED,
};

/*
 * The fast path of a free: push @p, whose page-map entry is @entry, to the
 * magazine of its class.
 */
static __always_inline enum gom_pushed gom_object_push(const void *p, u32 entry,
							struct gom_mcache **cache)
{
	struct gom_mcache *c;
	struct gom_slot *s;

	if (unlikely(!gom_mcache_enter(&c)))
		return GOM_NOT_ENTERED;
	*cache = c;
	/*
	 * Pages of others, and of large and tiny objects, have a slot with
	 * recip_limit 0.
	 */
	s = gom_mcache_slot(c, entry & GOM_ENTRY_SLOT_MASK);
	if (unlikely(gom_entry_offset(entry, p) * s->recip >= s->recip_limit ||
		     !gom_slot_push(s, p))) {
		*cache = gom_mcache_again(c);
		return GOM_NOT_PUSHED;
	}
	gom_mcache_leave(c);
	return GOM_PUSHED;
}

/* Report zones that gomalloc has no memory of, and clear them from @gfp. */
static inline gfp_t gom_check_zone(gfp_t gfp, unsigned long caller)
{
	return likely(!(gfp & GOM_ZONE_GFP & ~__GFP_DMA)) ? gfp : gom_report_zone(gfp, caller);
}

#endif /* GOM_API_INTERNAL_H */
