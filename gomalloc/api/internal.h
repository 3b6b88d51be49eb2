/* SPDX-License-Identifier: GPL-2.0 */
/* Declarations shared by the files of api/, which implement gomalloc.h. */
#ifndef GOM_API_INTERNAL_H
#define GOM_API_INTERNAL_H

#include <linux/mm.h>

#include "api/backend.h"
#include "api/fast.h"
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
void *gom_malloc_finish(size_t size, gfp_t gfp, unsigned int slot_off, void *p,
			unsigned long caller);
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

/* Report zones that gomalloc has no memory of, and clear them from @gfp. */
static inline gfp_t gom_check_zone(gfp_t gfp, unsigned long caller)
{
	return likely(!(gfp & GOM_ZONE_GFP & ~__GFP_DMA)) ? gfp : gom_report_zone(gfp, caller);
}

#endif /* GOM_API_INTERNAL_H */
