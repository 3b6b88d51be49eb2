// SPDX-License-Identifier: GPL-2.0
/*
 * The heap (Go: MHeap): runs of pages, taken from the buddy allocator up to a
 * megabyte at a time when it has one, best fit by length (among runs longer than
 * that, roughly), neighbours merged through the page map.
 *
 * Blocks of the buddy allocator are split into single pages as they arrive, so
 * that any part of a free run can go back on its own, whatever it came with.
 *
 * Context: any but NMI.  The lock is taken with interrupts off, as allocations
 * come from hardirqs too, and is held for some list operations; pages come,
 * go and are marked in the page map without it, and so do span records.
 */
#include <linux/bitmap.h>
#include <linux/jiffies.h>
#include <linux/mm.h>
#include <linux/slab.h>

#include "compat.h"
#include "fault.h"
#include "mheap.h"
#include "persistent.h"
#include "scavenger.h"
#include "stats.h"
#include "trace.h"

#define FIT_SCAN	8U	/* runs of a bin that are looked at with the lock held */

struct gom_mheap **gom_mheaps __read_mostly;
GOM_EXPORT_FOR_TEST(gom_mheaps);

static int init_node(int nid)
{
	struct gom_mheap *h;
	unsigned int i;

	h = gom_persistent_alloc_gfp(sizeof(*h), SMP_CACHE_BYTES, GOM_MHEAP_SYS, GFP_KERNEL);
	if (!h)
		return -ENOMEM;
	spin_lock_init(&h->lock);
	h->nid = nid;
	gom_span_supplies_init(h->records);
	for (i = 0; i < GOM_HEAP_BINS; i++)
		INIT_HLIST_HEAD(&h->bin[i]);
	gom_mheaps[nid] = h;
	return 0;
}

int gom_mheap_init(void)
{
	int nid, err = 0;

	gom_mheaps = gom_persistent_alloc_gfp(nr_node_ids * sizeof(*gom_mheaps), 0,
					      GOM_MHEAP_SYS, GFP_KERNEL);
	if (!gom_mheaps)
		return -ENOMEM;
	for_each_online_node(nid) {
		err = init_node(nid);
		if (err)
			break;
	}
	return err;
}

/* === Free runs, under the lock === */

/* Into its bin.  The page map is the caller's to write. */
static void link_run(struct gom_mheap *h, struct gom_span *r)
{
	unsigned int bin = gom_heap_bin(r->npages);

	lockdep_assert_held(&h->lock);
	r->state = GOM_SPAN_IDLE;
	hlist_add_head(&r->run, &h->bin[bin]);
	WRITE_ONCE(h->runs[bin], h->runs[bin] + 1);
	__set_bit(bin, h->nonempty);
	h->idle_pages += r->npages;
}

static void unlink_run(struct gom_mheap *h, struct gom_span *r)
{
	unsigned int bin = gom_heap_bin(r->npages);

	lockdep_assert_held(&h->lock);
	hlist_del(&r->run);
	WRITE_ONCE(h->runs[bin], h->runs[bin] - 1);
	if (hlist_empty(&h->bin[bin]))
		__clear_bit(bin, h->nonempty);
	h->idle_pages -= r->npages;
	h->idle_low = min(h->idle_low, h->idle_pages);
	r->state = GOM_SPAN_BUSY;
}

static void *last_page(const struct gom_span *r)
{
	return gom_span_end(r) - PAGE_SIZE;
}

/* The first byte in @r where @npages aligned to @align pages fit, or NULL. */
static void *fit(const struct gom_span *r, unsigned int npages, unsigned int align)
{
	void *p = PTR_ALIGN(r->base, (size_t)align << PAGE_SHIFT);

	return p + ((size_t)npages << PAGE_SHIFT) <= gom_span_end(r) ? p : NULL;
}

/* The shortest run of @bin that @npages fit in, of the first FIT_SCAN. */
static struct gom_span *fit_in_bin(struct gom_mheap *h, unsigned int bin, unsigned int npages,
				   unsigned int align)
{
	struct gom_span *r, *best = NULL;
	unsigned int scan = FIT_SCAN;

	hlist_for_each_entry(r, &h->bin[bin], run) {
		if (fit(r, npages, align) && (!best || r->npages < best->npages)) {
			best = r;
			if (bin < GOM_HEAP_EXACT)	/* none is shorter */
				break;
		}
		if (!--scan)
			break;
	}
	return best;
}

/*
 * The shortest free run that @npages fit in, as far as FIT_SCAN runs of a bin tell: the
 * lock is not to be held the longer the more runs there are.  In bins of runs that are
 * longer than @npages by @align each fits, so that what was not looked at only matters
 * where a longer run is cut instead.
 */
static struct gom_span *best_fit(struct gom_mheap *h, unsigned int npages, unsigned int align)
{
	unsigned int bin = gom_heap_bin(npages);
	struct gom_span *r;

	for_each_set_bit_from(bin, h->nonempty, GOM_HEAP_BINS) {
		r = fit_in_bin(h, bin, npages, align);
		if (r)
			return r;
	}
	return NULL;
}

/*
 * Cut [@s->base, @s->npages) out of the free run @r.  What is left on one side
 * keeps the record; if something is left on both, @spare becomes the second.  Of the
 * ends that the page map has records for, only those that move are written.
 */
static void cut_run(struct gom_mheap *h, struct gom_span *r, const struct gom_span *s,
		    struct gom_span *spare)
{
	size_t head = s->base - r->base;
	size_t tail = gom_span_end(r) - gom_span_end(s);

	unlink_run(h, r);
	if (head && tail) {
		spare->base = gom_span_end(s);
		spare->npages = tail >> PAGE_SHIFT;
		spare->nid = r->nid;
		spare->zeroed = r->zeroed;
		gom_pagemap_set_span(spare->base, spare);
		gom_pagemap_set_span(last_page(spare), spare);
		link_run(h, spare);
	} else if (tail) {
		r->base = gom_span_end(s);
		gom_pagemap_set_span(r->base, r);
	} else {
		gom_pagemap_set_span(last_page(s), NULL);
	}
	if (!head && !tail) {
		gom_span_give_record(h->records, r);
		return;
	}
	r->npages = (head ?: tail) >> PAGE_SHIFT;
	if (head)
		gom_pagemap_set_span(last_page(r), r);
	link_run(h, r);
}

/* The free run @n, which @s follows, becomes one with it; its record is that of both. */
static struct gom_span *merge_before(struct gom_mheap *h, struct gom_span *n, struct gom_span *s)
{
	unlink_run(h, n);
	gom_pagemap_set_span(s->base, NULL);
	if (n->npages > 1)
		gom_pagemap_set_span(last_page(n), NULL);
	n->npages += s->npages;
	n->zeroed &= s->zeroed;
	gom_span_give_record(h->records, s);
	return n;
}

/* The same for the free run that follows @s. */
static void merge_behind(struct gom_mheap *h, struct gom_span *s, struct gom_span *n)
{
	unlink_run(h, n);
	gom_pagemap_set_span(n->base, NULL);
	s->npages += n->npages;
	s->zeroed &= n->zeroed;
	gom_span_give_record(h->records, n);
}

/* Insert the run @s after merging it with its neighbours. */
static void give_run(struct gom_mheap *h, struct gom_span *s)
{
	struct gom_span *n;

	n = gom_pagemap_span_at(s->base - PAGE_SIZE, h->nid);
	if (n && n->state == GOM_SPAN_IDLE && gom_span_end(n) == s->base)
		s = merge_before(h, n, s);
	else
		gom_pagemap_set_span(s->base, s);
	n = gom_pagemap_span_at(gom_span_end(s), h->nid);
	if (n && n->state == GOM_SPAN_IDLE)
		merge_behind(h, s, n);
	gom_pagemap_set_span(last_page(s), s);
	link_run(h, s);
}

/* === Asking for a run === */

/**
 * struct request - what gom_mheap_alloc() was asked for, and what it is short of
 * @class: of the objects, 0 for a large one
 * @npages: pages
 * @align: alignment of the first, in pages
 * @supply: of records, to be fed before the request can be met; else -1 and it
 *	is pages that are missing
 */
struct request {
	unsigned int class;
	unsigned int npages;
	unsigned int align;
	int supply;
};

/* A record from @supply; if it has none, that is what @req is short of. */
static struct gom_span *take_record(struct gom_mheap *h, struct request *req, int supply)
{
	struct gom_span *s = gom_span_take_record(h->records, supply);

	req->supply = s ? -1 : supply;
	return s;
}

static struct gom_span *take_span(struct gom_mheap *h, struct request *req)
{
	struct gom_span *r, *s, *spare = NULL;

	lockdep_assert_held(&h->lock);
	req->supply = -1;
	r = best_fit(h, req->npages, req->align);
	if (!r)
		return NULL;
	s = take_record(h, req, gom_span_supply(req->class));
	if (!s)
		return NULL;
	s->base = fit(r, req->npages, req->align);
	s->npages = req->npages;
	if (s->base != r->base && gom_span_end(s) != gom_span_end(r)) {
		spare = take_record(h, req, 0);
		if (!spare) {
			gom_span_give_record(h->records, s);
			return NULL;
		}
	}
	s->nid = h->nid;
	s->class = req->class;
	s->zeroed = r->zeroed;
	cut_run(h, r, s, spare);
	gom_pagemap_set_span(s->base, s);
	if (!req->class) {
		h->large_mallocs++;
		h->large_pages += s->npages;
	}
	return s;
}

/* Feed a supply of records; false if there is no memory. */
static bool feed(struct gom_mheap *h, unsigned int nr, gfp_t gfp)
{
	struct gom_fixalloc *supply = &h->records[nr];
	void *block = gom_fixalloc_block(supply, gfp);
	unsigned long flags;

	if (!block)
		return false;
	spin_lock_irqsave(&h->lock, flags);
	gom_fixalloc_carve(supply, block);
	spin_unlock_irqrestore(&h->lock, flags);
	return true;
}

/* Meet @req from the pages @h has; NULL if it is short of pages or memory. */
static struct gom_span *take_from(struct gom_mheap *h, struct request *req, gfp_t gfp)
{
	struct gom_span *s;
	unsigned long flags;

	do {
		spin_lock_irqsave(&h->lock, flags);
		s = take_span(h, req);
		spin_unlock_irqrestore(&h->lock, flags);
	} while (!s && req->supply >= 0 && feed(h, req->supply, gfp));
	return s;
}

/* A record by itself, for a run that is not cut out of another. */
static struct gom_span *new_record(struct gom_mheap *h, gfp_t gfp)
{
	struct gom_span *s;
	unsigned long flags;

	do {
		spin_lock_irqsave(&h->lock, flags);
		s = gom_span_take_record(h->records, 0);
		spin_unlock_irqrestore(&h->lock, flags);
	} while (!s && feed(h, 0, gfp));
	return s;
}

/* === Pages from and to the system === */

static void free_pages_singly(void *start, unsigned int npages)
{
	for (; npages--; start += PAGE_SIZE)
		__free_page(virt_to_page(start));
}

/* What a heap of so many pages is to grow by at least. */
static unsigned int grow_order(unsigned long pages)
{
	return clamp_t(int, ilog2(pages / GOM_HEAP_GROW_PART | 1), max(GOM_HEAP_GROW_MIN, 0),
		       max(GOM_HEAP_GROW_MAX, 0));
}

/* The largest block of at least @min_order that can be had, split into pages. */
static struct page *get_block(unsigned int min_order, unsigned int *order, int nid, gfp_t gfp)
{
	gfp_t try = (gfp & ~(__GFP_RECLAIM | __GFP_NOFAIL)) | __GFP_NOWARN | __GFP_NORETRY;
	struct page *page;

	*order = max(min_order, grow_order(READ_ONCE(gom_mheaps[nid]->sys_pages)));
	for (;; --*order) {
		page = alloc_pages_node(nid, *order == min_order ? gfp : try, *order);
		if (page || *order == min_order)
			break;
	}
	if (page)
		split_page(page, *order);
	return page;
}

/*
 * Make @npages at @page, of whatever node, known to the page map and describe
 * them in a record of the heap they belong to; NULL if there is no memory.
 */
static struct gom_span *adopt_pages(struct page *page, unsigned int npages, gfp_t gfp)
{
	void *start = page_address(page);
	struct gom_span *s;
	int nid;

	if (gom_pagemap_cover(start, npages, gom_known_node(page_to_nid(page)), gfp))
		return NULL;
	nid = gom_pagemap_nid(start);
	s = new_record(gom_mheaps[nid], gfp);
	if (!s)
		return NULL;
	s->base = start;
	s->npages = npages;
	s->nid = nid;
	return s;
}

/* Pages are wanted that were given back just now: then that was too early. */
static void account_refault(struct gom_mheap *h, unsigned int npages)
{
	unsigned long again = min_t(unsigned long, npages, h->given_back);

	if (!again || time_after(jiffies, h->given_at + HZ))
		return;
	h->refaults += again;
	h->given_back -= again;
}

static void account_grown(struct gom_mheap *h, unsigned int npages)
{
	lockdep_assert_held(&h->lock);
	account_refault(h, npages);
	h->sys_pages += npages;
	h->grown_pages += npages;
	h->grows++;
}

/*
 * Add at least @npages in one run to a heap, if possible that of @nid.
 * Returns the node whose heap it was, or a negative error.
 */
static int grow(unsigned int npages, int nid, gfp_t gfp)
{
	unsigned int order;
	struct gom_mheap *h;
	struct gom_span *s;
	struct page *page;
	unsigned long flags;

	page = get_block(get_order((size_t)npages << PAGE_SHIFT), &order, nid, gfp);
	if (!page)
		return -ENOMEM;
	s = adopt_pages(page, 1U << order, gfp);
	if (!s) {
		free_pages_singly(page_address(page), 1U << order);
		return -ENOMEM;
	}
	trace_gom_heap_grow(0, s->base, s->npages, s->nid);
	s->zeroed = want_init_on_alloc(0);
	gom_pagemap_mark(s, GOM_SLOT_OF(GOM_SLOT_IDLE));
	h = gom_mheaps[s->nid];
	spin_lock_irqsave(&h->lock, flags);
	account_grown(h, 1U << order);
	give_run(h, s);
	spin_unlock_irqrestore(&h->lock, flags);
	return h->nid;
}

/* === The interface === */

/**
 * gom_mheap_alloc - a run of pages with a record
 * @class: size class the pages are for: the record has room for its objects; 0
 *	if they are for a large object
 * @npages: pages wanted
 * @align: what the first page is to be aligned to, in pages; a power of two,
 *	not above @npages rounded up to one
 * @nid: preferred node
 * @gfp: how to get memory
 *
 * The words of the page map, the record's bitmap and its state are the caller's
 * to write.
 *
 * Context: any but NMI, no lock held; may sleep if @gfp allows it.
 * Return: the span, BUSY; NULL if there is no memory.
 */
struct gom_span *gom_mheap_alloc(unsigned int class, unsigned int npages,
				 unsigned int align, int nid, gfp_t gfp)
{
	struct request req = { .class = class, .npages = npages, .align = align };
	struct gom_span *s;
	int other;

	if (gom_should_fail((size_t)npages << PAGE_SHIFT, gfp))
		return NULL;
	nid = gom_known_node(nid);
	other = nid;
	do {
		s = take_from(gom_mheaps[other], &req, gfp);
		if (s)
			return s;
		other = grow(npages, nid, gfp);
	} while (other >= 0);
	if (gfp & __GFP_THISNODE)
		return NULL;
	for_each_gom_node(other) {
		s = other == nid ? NULL : take_from(gom_mheaps[other], &req, gfp);
		if (s)
			return s;
	}
	return NULL;
}

/**
 * gom_mheap_alloc_direct - pages that never join the heap, for a large object
 * @npages: pages wanted
 * @nid: preferred node
 * @gfp: how to get memory, its zone included
 *
 * For memory with an address that other users of the heap do not need.
 *
 * Context: as gom_mheap_alloc().
 * Return: the span, BUSY; NULL if there is no memory.
 */
struct gom_span *gom_mheap_alloc_direct(unsigned int npages, int nid, gfp_t gfp)
{
	unsigned int order = get_order((size_t)npages << PAGE_SHIFT);
	struct page *page = alloc_pages_node(nid, gfp, order);
	struct gom_mheap *h;
	struct gom_span *s;
	unsigned long flags;

	if (!page)
		return NULL;
	split_page(page, order);
	s = adopt_pages(page, npages, gfp & ~__GFP_DMA);
	if (!s) {
		free_pages_singly(page_address(page), 1U << order);
		return NULL;
	}
	free_pages_singly(gom_span_end(s), (1U << order) - npages);
	s->direct = 1;
	h = gom_mheaps[s->nid];
	spin_lock_irqsave(&h->lock, flags);
	account_grown(h, npages);
	gom_pagemap_set_span(s->base, s);
	h->large_mallocs++;
	h->large_pages += npages;
	spin_unlock_irqrestore(&h->lock, flags);
	return s;
}

/* Pages leave for the page allocator; the caller took them out of all lists. */
static void return_pages(struct gom_mheap *h, void *start, unsigned int npages)
{
	unsigned long flags;

	trace_gom_heap_release(0, start, npages, h->nid);
	gom_pagemap_unmark(start, npages);
	free_pages_singly(start, npages);
	spin_lock_irqsave(&h->lock, flags);
	h->sys_pages -= npages;
	h->released_pages += npages;
	spin_unlock_irqrestore(&h->lock, flags);
}

/**
 * gom_mheap_free - take a span's pages back, and its record
 * @s: the span, BUSY, on no list, owned by the caller, not a direct one
 *
 * Context: any but NMI, no lock held.  Needs no memory.
 */
void gom_mheap_free(struct gom_span *s)
{
	struct gom_mheap *h = gom_mheaps[s->nid];
	unsigned long flags;

	trace_gom_span_free(s->class, s->base, s->npages, s->nid);
	s->zeroed = 0;
	gom_pagemap_mark(s, GOM_SLOT_OF(GOM_SLOT_IDLE));
	spin_lock_irqsave(&h->lock, flags);
	give_run(h, s);
	spin_unlock_irqrestore(&h->lock, flags);
	gom_scavenger_wake();
}

/* Take the LARGE span @s out of use; true if its pages stay in the heap. */
static bool retire_large(struct gom_mheap *h, struct gom_span *s)
{
	s->state = GOM_SPAN_BUSY;
	h->large_frees++;
	h->large_pages -= s->npages;
	if (s->direct) {
		gom_pagemap_set_span(s->base, NULL);
		return false;
	}
	s->zeroed = 0;
	gom_pagemap_mark(s, GOM_SLOT_OF(GOM_SLOT_IDLE));
	give_run(h, s);
	return true;
}

/**
 * gom_mheap_free_large - free the large object that begins at @p
 * @p: an address in a page that the page map calls large
 *
 * Of two who free the same object one finds it freed: the state of its span
 * changes under the lock.
 *
 * Context: any but NMI, no lock held.  Needs no memory.
 * Return: false if there is no such object.
 */
bool gom_mheap_free_large(const void *p)
{
	struct gom_mheap *h = gom_mheaps[gom_known_node(gom_pagemap_nid(p))];
	bool found, kept = false;
	unsigned int npages = 0;
	struct gom_span *s;
	unsigned long flags;

	spin_lock_irqsave(&h->lock, flags);
	s = gom_pagemap_span(p);
	found = s && s->state == GOM_SPAN_LARGE && s->base == p;
	if (found) {
		npages = s->npages;
		kept = retire_large(h, s);
	}
	spin_unlock_irqrestore(&h->lock, flags);
	if (found)
		trace_gom_span_free(0, p, npages, h->nid);
	if (kept)
		gom_scavenger_wake();
	if (!found || kept)
		return found;
	return_pages(h, s->base, npages);
	spin_lock_irqsave(&h->lock, flags);
	gom_span_give_record(h->records, s);
	spin_unlock_irqrestore(&h->lock, flags);
	return true;
}

/**
 * gom_mheap_trim - shorten a large object in place
 * @s: its span, owned by the caller
 * @npages: pages to keep, at least one and fewer than it has
 * @gfp: how to get memory for a record
 *
 * Context: any but NMI, no lock held.
 * Return: whether it could be done; if not, nothing happened.
 */
bool gom_mheap_trim(struct gom_span *s, unsigned int npages, gfp_t gfp)
{
	struct gom_mheap *h = gom_mheaps[s->nid];
	struct gom_span *tail;
	unsigned long flags;

	if (s->direct)
		return false;
	tail = new_record(h, gfp);
	if (!tail)
		return false;
	tail->base = s->base + ((size_t)npages << PAGE_SHIFT);
	tail->npages = s->npages - npages;
	tail->nid = s->nid;
	spin_lock_irqsave(&h->lock, flags);
	h->large_pages -= tail->npages;
	s->npages = npages;
	gom_pagemap_mark(tail, GOM_SLOT_OF(GOM_SLOT_IDLE));
	give_run(h, tail);
	spin_unlock_irqrestore(&h->lock, flags);
	return true;
}

/* Bytes of span records in use. */
unsigned long gom_mheap_record_bytes(void)
{
	unsigned long bytes = 0;
	unsigned int i;
	int nid;

	for_each_gom_node(nid)
		for (i = 0; i < GOM_SPAN_SUPPLIES; i++)
			bytes += READ_ONCE(gom_mheaps[nid]->records[i].inuse) *
				 gom_mheaps[nid]->records[i].size;
	return bytes;
}

/* The least number of pages in free runs since this was last asked, on all nodes. */
unsigned long gom_mheap_idle_low(void)
{
	struct gom_mheap *h;
	unsigned long flags, pages = 0;
	int nid;

	for_each_gom_node(nid) {
		h = gom_mheaps[nid];
		spin_lock_irqsave(&h->lock, flags);
		pages += min(h->idle_low, h->idle_pages);
		h->idle_low = h->idle_pages;
		spin_unlock_irqrestore(&h->lock, flags);
	}
	return pages;
}

/* Pages in free runs, on all nodes. */
unsigned long gom_mheap_idle_pages(void)
{
	unsigned long pages = 0;
	int nid;

	for_each_gom_node(nid)
		pages += READ_ONCE(gom_mheaps[nid]->idle_pages);
	return pages;
}

/*
 * Take up to @want pages out of the longest free run.  The run keeps its record
 * if something is left of it.
 */
static unsigned int detach_pages(struct gom_mheap *h, unsigned int want, void **start)
{
	struct gom_span *r;
	unsigned long flags, bin;
	unsigned int npages = 0;

	spin_lock_irqsave(&h->lock, flags);
	bin = find_last_bit(h->nonempty, GOM_HEAP_BINS);
	if (bin < GOM_HEAP_BINS) {
		r = hlist_entry(h->bin[bin].first, struct gom_span, run);
		npages = min(r->npages, want);
		unlink_run(h, r);
		gom_pagemap_set_span(last_page(r), NULL);
		r->npages -= npages;
		*start = gom_span_end(r);
		if (r->npages) {
			gom_pagemap_set_span(last_page(r), r);
			link_run(h, r);
		} else {
			gom_pagemap_set_span(r->base, NULL);
			gom_span_give_record(h->records, r);
		}
		if (time_after(jiffies, h->given_at + HZ))
			h->given_back = 0;
		h->given_back += npages;
		h->given_at = jiffies;
	}
	spin_unlock_irqrestore(&h->lock, flags);
	return npages;
}

/**
 * gom_mheap_release - give idle pages back to the page allocator
 * @nr_pages: how many at most
 *
 * Context: any but NMI, no lock held.
 * Return: pages given back.
 */
unsigned long gom_mheap_release(unsigned long nr_pages)
{
	unsigned long released = 0;
	unsigned int npages;
	void *start;
	int nid;

	for_each_gom_node(nid) {
		while (released < nr_pages) {
			npages = min(nr_pages - released, (unsigned long)GOM_REGION_PAGES);
			npages = detach_pages(gom_mheaps[nid], npages, &start);
			if (!npages)
				break;
			return_pages(gom_mheaps[nid], start, npages);
			released += npages;
		}
	}
	return released;
}
GOM_EXPORT_FOR_TEST(gom_mheap_release);

/* Give every page back, in use or not.  The module is going; no one else is in. */
void gom_mheap_exit(void)
{
	struct gom_region *r;
	struct gom_span *s;
	unsigned int i;
	int nid;

	gom_mheap_release(ULONG_MAX);
	for (r = gom_pagemap_regions(); r; r = r->next) {
		for (i = 0; i < GOM_REGION_PAGES; i++) {
			s = r->span[i];
			if (!s)
				continue;
			gom_span_forget(s);
			return_pages(gom_mheaps[s->nid], s->base, s->npages);
		}
	}
	for_each_gom_node(nid)
		WARN_ON_ONCE(gom_mheaps[nid]->sys_pages);
}
