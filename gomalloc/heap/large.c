// SPDX-License-Identifier: GPL-2.0
/*
 * Large objects: above GOM_RUN_MAX_SIZE, 128 KiB with 4 KiB pages (Go:
 * largeAlloc).  Each is a page run of exactly its length, allocated from the
 * heap.  Memory for a given zone (GFP_DMA) is a large object too, of whatever
 * size; its pages never join the heap.
 *
 * A large object belongs to its owner.  Counters and span records are protected
 * by the heap's lock (mheap.c).
 */
#include <linux/align.h>
#include <linux/kmemleak.h>
#include <linux/minmax.h>
#include <linux/mm.h>

#include "base/compat.h"
#include "base/report.h"
#include "base/trace.h"
#include "heap/large.h"
#include "heap/mheap.h"

/* The alignment that kmalloc(@size) guarantees, in pages. */
static unsigned int large_align_pages(size_t size)
{
	return max_t(size_t, size & -size, PAGE_SIZE) >> PAGE_SHIFT;
}

/*
 * Does @p have the alignment that gom_large_alloc() of @size bytes guarantees?
 */
bool gom_large_aligned(const void *p, size_t size)
{
	return IS_ALIGNED((unsigned long)p, (unsigned long)large_align_pages(size) << PAGE_SHIFT);
}

static struct gom_span *large_span_alloc(size_t size, int nid, gfp_t gfp)
{
	const unsigned int npages = PAGE_ALIGN(size) >> PAGE_SHIFT;
	const struct gom_run_request want = {
		.npages = npages,
		.least = npages,
		.align = large_align_pages(size),
	};

	if (gfp & __GFP_DMA)
		return gom_mheap_alloc_direct(npages, nid, gfp);
	return gom_mheap_alloc(&want, nid, gfp);
}

/*
 * Is @size within GOM_MAX_SIZE?  If not, reports it, unless @gfp has
 * __GFP_NOWARN.
 */
bool gom_size_possible(size_t size, gfp_t gfp, unsigned long caller)
{
	if (size <= GOM_MAX_SIZE)
		return true;
	if (!(gfp & __GFP_NOWARN))
		gom_report(GOM_BAD_SIZE, caller, "allocation of %zu bytes, the most is %zu",
			   size, GOM_MAX_SIZE);
	return false;
}

/**
 * gom_large_alloc - allocate a large object
 * @size: bytes, not 0
 * @gfp: how to get memory, __GFP_ZERO and __GFP_DMA included
 * @nid: preferred node
 * @caller: call site, for the report if @size is too large
 *
 * Context: any but NMI, no lock held; may sleep if @gfp allows it.
 * Return: the memory; NULL if there is none or @size is above 4 MiB (with 4 KiB
 * pages), which is reported unless @gfp has __GFP_NOWARN.
 */
void *gom_large_alloc(size_t size, gfp_t gfp, int nid, unsigned long caller)
{
	bool zero = want_init_on_alloc(gfp);
	struct gom_span *s;

	if (!gom_size_possible(size, gfp, caller))
		return NULL;
	s = large_span_alloc(size, nid, gfp & ~__GFP_ZERO);
	if (!s)
		return NULL;
	if (zero && !s->zeroed)
		memset(s->base, 0, (size_t)s->npages << PAGE_SHIFT);
	gom_pagemap_mark(s, GOM_SLOT_OFF(GOM_SLOT_LARGE));
	s->state = GOM_SPAN_LARGE;
	trace_gom_span_alloc(0, s->base, s->npages, s->nid);
	return s->base;
}

/* Free the large object that begins at @at.  Any context but NMI. */
void gom_large_free(const struct gom_place *at, unsigned long caller)
{
	if (!gom_mheap_free_large(at))
		gom_report(GOM_BAD_DOUBLE_FREE, caller, "double free of large object %p", at->p);
}

/*
 * Free the pages of the large object in @s beyond @new_size bytes.  The caller
 * owns the object.  Returns false, with nothing done, if there is no page to
 * free or no memory for a record.
 */
bool gom_large_shrink(struct gom_span *s, size_t new_size, gfp_t gfp)
{
	unsigned int keep = PAGE_ALIGN(new_size) >> PAGE_SHIFT;
	bool done;

	if (keep >= s->npages)
		return false;
	/* kmemleak_free_part() cannot be called in an interrupt. */
	kmemleak_free(s->base);
	done = gom_mheap_trim(s, keep, gfp);
	kmemleak_alloc(s->base, (size_t)s->npages << PAGE_SHIFT, 1, gfp);
	return done;
}

void gom_large_read(struct gom_large_stats *stats)
{
	const struct gom_mheap *h;
	int nid;

	*stats = (struct gom_large_stats) { };
	for_each_gom_node(nid) {
		h = gom_mheaps[nid];
		stats->mallocs += READ_ONCE(h->large_mallocs);
		stats->frees += READ_ONCE(h->large_frees);
		stats->pages += READ_ONCE(h->large_pages);
	}
}
GOM_EXPORT_FOR_TEST(gom_large_read);
