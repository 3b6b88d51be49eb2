/* SPDX-License-Identifier: GPL-2.0 */
/*
 * The fast paths: an object moves between its user and the magazine of this
 * CPU.  They are inlined into the calls of gomalloc.h and into those that
 * as_slab.h puts in place of the kernel's.
 *
 * Each leaves the cache separately in each branch, which saves a second test of
 * the outcome.  What cannot be done here is left to a slow path.  Those are
 * noinline tail calls, so that the fast paths save no registers.
 *
 * Context: any but NMI.  No lock is taken.
 */
#ifndef GOM_API_FAST_H
#define GOM_API_FAST_H

#include <linux/mm.h>
#include <linux/sched/mm.h>

#include "heap/pagemap.h"
#include "percpu/mcache.h"
#include "special/special.h"

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

/* Has an object from the fast path to be zeroed, or its @gfp to be checked? */
static __always_inline bool gom_gfp_needs_prepare(gfp_t gfp)
{
	return want_init_on_alloc(gfp) || unlikely(gfp & GOM_PREPARE_GFP);
}

/* === Size classes === */

/* Pop an object of the class whose slot is at @slot_off; NULL if that fails. */
static __always_inline void *gom_object_pop(unsigned long slot_off)
{
	struct gom_mcache *c;
	void *p;

	if (unlikely(!gom_mcache_enter(&c)))
		return NULL;
	p = gom_slot_pop(gom_mcache_slot(c, slot_off));
	if (unlikely(!p)) {
		gom_mcache_leave(c);
		return NULL;
	}
	gom_mcache_leave(c);
	return p;
}

/* How far gom_object_push() came. */
enum gom_pushed {
	GOM_PUSHED,
	GOM_NOT_PUSHED,		/* the caller is inside the cache, and leaves it */
	GOM_NOT_ENTERED,
};

/* Push @p, whose page-map entry is @entry, to the magazine of its class. */
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

/* === Named caches, by their slot (struct gom_cache) === */

/* Pop an object; NULL if that fails. */
static __always_inline void *gom_cache_pop(struct gom_slot __percpu *slot)
{
	struct gom_mcache *c;
	void *p;

	if (unlikely(!gom_mcache_enter(&c)))
		return NULL;
	p = gom_slot_pop(raw_cpu_ptr(slot));
	if (unlikely(!p)) {
		gom_mcache_leave(c);
		return NULL;
	}
	gom_mcache_leave(c);
	return p;
}

/* Push @p, unless it may have a special or is NULL; false if that fails. */
static __always_inline bool gom_cache_push(struct gom_slot __percpu *slot, const void *p)
{
	struct gom_mcache *c;

	if (unlikely(gom_special_maybe(p)) || unlikely(!gom_mcache_enter(&c)))
		return false;
	if (unlikely(!gom_slot_push(raw_cpu_ptr(slot), p))) {
		gom_mcache_leave(c);
		return false;
	}
	gom_mcache_leave(c);
	return true;
}

#endif /* GOM_API_FAST_H */
