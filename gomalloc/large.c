// SPDX-License-Identifier: GPL-2.0
/*
 * Large objects: above 32 KiB, exactly the pages that are needed, from the heap
 * (Go: largeAlloc).  Memory for a given zone (GFP_DMA) is a large object too,
 * of whatever size, and its pages never join the heap.
 *
 * Context: any but NMI.  A span's state changes under its heap's lock, so of
 * two who free the same object one finds it freed.
 */
#include <linux/log2.h>
#include <linux/mm.h>

#include "compat.h"
#include "large.h"
#include "mheap.h"
#include "report.h"

static atomic64_t mallocs, frees;
static atomic_long_t pages_inuse;

/* The alignment that a caller of kmalloc(@size) relies on, in pages. */
static unsigned int natural_align(size_t size)
{
	return is_power_of_2(size) && size > PAGE_SIZE ? size >> PAGE_SHIFT : 1;
}

static bool get_pages(struct gom_span *s, size_t size, int nid, gfp_t gfp)
{
	unsigned int npages = PAGE_ALIGN(size) >> PAGE_SHIFT;

	if (gfp & __GFP_DMA)
		return gom_mheap_alloc_direct(s, npages, nid, gfp);
	return gom_mheap_alloc(s, npages, natural_align(size), nid, gfp);
}

/**
 * gom_large_alloc - allocate whole pages
 * @size: bytes wanted, not 0
 * @gfp: how to get memory, __GFP_ZERO and __GFP_DMA included
 * @nid: preferred node
 * @caller: who asks, for the report if @size is too large
 *
 * Return: the memory; NULL if there is none or @size is above 4 MiB (with 4 KiB
 * pages), which is reported unless @gfp has __GFP_NOWARN.
 */
void *gom_large_alloc(size_t size, gfp_t gfp, int nid, unsigned long caller)
{
	bool zero = want_init_on_alloc(gfp);
	struct gom_span *s;

	if (size > GOM_MAX_SIZE) {
		if (!(gfp & __GFP_NOWARN))
			gom_report(GOM_BAD_SIZE, caller, "allocation of %zu bytes, the most is %zu",
				   size, GOM_MAX_SIZE);
		return NULL;
	}
	gfp &= ~__GFP_ZERO;
	s = gom_span_new(0, gfp & ~__GFP_DMA);
	if (!s)
		return NULL;
	if (!get_pages(s, size, nid, gfp)) {
		gom_span_delete(s);
		return NULL;
	}
	if (zero && !s->zeroed)
		memset(s->base, 0, (size_t)s->npages << PAGE_SHIFT);
	atomic64_inc(&mallocs);
	atomic_long_add(s->npages, &pages_inuse);
	s->state = GOM_SPAN_LARGE;
	gom_pagemap_mark(s, GOM_SLOT_OF(GOM_SLOT_LARGE));
	return s->base;
}

/* The span of the large object that begins at @p is the caller's now, or NULL. */
static struct gom_span *claim(const void *p)
{
	struct gom_mheap *h = gom_mheaps[gom_known_node(gom_pagemap_nid(p))];
	struct gom_span *s;
	unsigned long flags;

	spin_lock_irqsave(&h->lock, flags);
	s = gom_pagemap_span(p);
	if (s && s->state == GOM_SPAN_LARGE && s->base == p)
		s->state = GOM_SPAN_BUSY;
	else
		s = NULL;
	spin_unlock_irqrestore(&h->lock, flags);
	return s;
}

/* Free the large object that begins at @p. */
void gom_large_free(const void *p, unsigned long caller)
{
	struct gom_span *s = claim(p);

	if (!s) {
		gom_report(GOM_BAD_FREE_TWICE, caller, "large object %p was freed twice", p);
		return;
	}
	atomic64_inc(&frees);
	atomic_long_sub(s->npages, &pages_inuse);
	gom_mheap_free(s);
}

/*
 * Give back the pages of the large object at @p beyond @new_size bytes.  The
 * caller owns the object.  False if there is nothing to give or no record for it.
 */
bool gom_large_shrink(const void *p, size_t new_size, gfp_t gfp)
{
	unsigned int keep = PAGE_ALIGN(new_size) >> PAGE_SHIFT;
	struct gom_span *s = gom_pagemap_span(p);
	unsigned int had = s->npages;

	if (keep >= had || !gom_mheap_trim(s, keep, gfp))
		return false;
	atomic_long_sub(had - keep, &pages_inuse);
	return true;
}

void gom_large_read(struct gom_large_figures *fig)
{
	fig->mallocs = atomic64_read(&mallocs);
	fig->frees = atomic64_read(&frees);
	fig->pages = atomic_long_read(&pages_inuse);
}
