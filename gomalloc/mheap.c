// SPDX-License-Identifier: GPL-2.0
/*
 * The heap (Go: MHeap): runs of pages, taken from the buddy allocator a
 * megabyte at a time when it has one, best fit by length, neighbours merged
 * through the page map.
 *
 * Blocks of the buddy allocator are split into single pages as they arrive, so
 * that any part of a free run can go back on its own, whatever it came with.
 *
 * Context: any but NMI.  The lock is taken with interrupts off, as allocations
 * come from hardirqs too, and is held for some list operations; pages come,
 * go and are marked in the page map without it, and so do span records.
 */
#include <linux/bitmap.h>
#include <linux/mm.h>
#include <linux/slab.h>

#include "compat.h"
#include "fault.h"
#include "mheap.h"
#include "persistent.h"
#include "stats.h"

struct gom_mheap **gom_mheaps __read_mostly;

static int init_node(int nid)
{
	struct gom_mheap *h;
	unsigned int i;

	h = gom_persistent_alloc_gfp(sizeof(*h), SMP_CACHE_BYTES, GOM_OTHER_SYS, GFP_KERNEL);
	if (!h)
		return -ENOMEM;
	spin_lock_init(&h->lock);
	h->nid = nid;
	for (i = 0; i < GOM_HEAP_BINS; i++)
		INIT_LIST_HEAD(&h->bin[i]);
	gom_mheaps[nid] = h;
	return 0;
}

int gom_mheap_init(void)
{
	int nid, err = 0;

	gom_mheaps = gom_persistent_alloc_gfp(nr_node_ids * sizeof(*gom_mheaps), 0,
					      GOM_OTHER_SYS, GFP_KERNEL);
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

static unsigned int bin_of(unsigned int npages)
{
	return min(npages, GOM_HEAP_BINS - 1);
}

static void insert_run(struct gom_mheap *h, struct gom_span *r)
{
	unsigned int bin = bin_of(r->npages);

	lockdep_assert_held(&h->lock);
	r->state = GOM_SPAN_IDLE;
	list_add(&r->list, &h->bin[bin]);
	__set_bit(bin, h->nonempty);
	gom_pagemap_set_span(r->base, r);
	gom_pagemap_set_span(gom_span_end(r) - PAGE_SIZE, r);
	h->idle_pages += r->npages;
}

static void remove_run(struct gom_mheap *h, struct gom_span *r)
{
	unsigned int bin = bin_of(r->npages);

	lockdep_assert_held(&h->lock);
	list_del_init(&r->list);
	if (list_empty(&h->bin[bin]))
		__clear_bit(bin, h->nonempty);
	gom_pagemap_set_span(r->base, NULL);
	gom_pagemap_set_span(gom_span_end(r) - PAGE_SIZE, NULL);
	h->idle_pages -= r->npages;
	r->state = GOM_SPAN_BUSY;
}

/* The first byte in @r where @npages aligned to @align pages fit, or NULL. */
static void *fit(const struct gom_span *r, unsigned int npages, unsigned int align)
{
	void *p = PTR_ALIGN(r->base, (size_t)align << PAGE_SHIFT);

	return p + ((size_t)npages << PAGE_SHIFT) <= gom_span_end(r) ? p : NULL;
}

/* The shortest free run that @npages fit in. */
static struct gom_span *best_fit(struct gom_mheap *h, unsigned int npages, unsigned int align)
{
	struct gom_span *r, *best = NULL;
	unsigned int bin = bin_of(npages);

	for_each_set_bit_from(bin, h->nonempty, GOM_HEAP_BINS) {
		list_for_each_entry(r, &h->bin[bin], list) {
			if (!fit(r, npages, align) || (best && best->npages <= r->npages))
				continue;
			best = r;
			if (bin < GOM_HEAP_BINS - 1)
				break;
		}
		if (best)
			break;
	}
	return best;
}

/*
 * Cut [@s->base, @s->npages) out of the free run @r.  What is left on one side
 * keeps the record; if something is left on both, *@spare becomes the second.
 * Returns @r if nothing is left for it to describe.
 */
static struct gom_span *cut_run(struct gom_mheap *h, struct gom_span *r,
				const struct gom_span *s, struct gom_span **spare)
{
	size_t head = s->base - r->base;
	size_t tail = gom_span_end(r) - gom_span_end(s);

	remove_run(h, r);
	if (head && tail) {
		(*spare)->base = gom_span_end(s);
		(*spare)->npages = tail >> PAGE_SHIFT;
		(*spare)->nid = r->nid;
		(*spare)->zeroed = r->zeroed;
		insert_run(h, *spare);
		*spare = NULL;
	}
	if (!head && !tail)
		return r;
	if (!head)
		r->base = gom_span_end(s);
	r->npages = (head ?: tail) >> PAGE_SHIFT;
	insert_run(h, r);
	return NULL;
}

static bool take_run(struct gom_mheap *h, struct gom_span *s, unsigned int npages,
		     unsigned int align, struct gom_span **spare)
{
	struct gom_span *r, *unused = NULL;
	unsigned long flags;

	spin_lock_irqsave(&h->lock, flags);
	r = best_fit(h, npages, align);
	if (r) {
		s->base = fit(r, npages, align);
		s->npages = npages;
		s->nid = h->nid;
		s->zeroed = r->zeroed;
		unused = cut_run(h, r, s, spare);
		gom_pagemap_set_span(s->base, s);
	}
	spin_unlock_irqrestore(&h->lock, flags);
	if (unused)
		gom_span_delete(unused);
	return r;
}

/* Insert the run @s after merging it with its neighbours. */
static void give_run(struct gom_mheap *h, struct gom_span *s)
{
	struct gom_span *left, *right;
	unsigned long flags;

	spin_lock_irqsave(&h->lock, flags);
	gom_pagemap_set_span(s->base, NULL);
	left = gom_pagemap_span_at(s->base - PAGE_SIZE, h->nid);
	if (left && left->state == GOM_SPAN_IDLE && gom_span_end(left) == s->base) {
		remove_run(h, left);
		s->base = left->base;
		s->npages += left->npages;
		s->zeroed &= left->zeroed;
	} else {
		left = NULL;
	}
	right = gom_pagemap_span_at(gom_span_end(s), h->nid);
	if (right && right->state == GOM_SPAN_IDLE) {
		remove_run(h, right);
		s->npages += right->npages;
		s->zeroed &= right->zeroed;
	} else {
		right = NULL;
	}
	insert_run(h, s);
	spin_unlock_irqrestore(&h->lock, flags);
	if (left)
		gom_span_delete(left);
	if (right)
		gom_span_delete(right);
}

/* === Pages from and to the system === */

static void free_pages_singly(void *start, unsigned int npages)
{
	for (; npages--; start += PAGE_SIZE)
		__free_page(virt_to_page(start));
}

/* The largest block of at least @min_order that can be had, split into pages. */
static struct page *get_block(unsigned int min_order, unsigned int *order, int nid, gfp_t gfp)
{
	gfp_t try = (gfp & ~(__GFP_RECLAIM | __GFP_NOFAIL)) | __GFP_NOWARN | __GFP_NORETRY;
	struct page *page;

	*order = max_t(unsigned int, min_order, GOM_HEAP_GROW_SHIFT - PAGE_SHIFT);
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
 * Add at least @npages in one run to a heap, if possible that of @nid.
 * Returns the node whose heap it was, or a negative error.
 */
static int grow(unsigned int npages, int nid, gfp_t gfp)
{
	struct gom_span *s = gom_span_new(0, gfp);
	unsigned int order;
	struct gom_mheap *h;
	struct page *page;
	unsigned long flags;

	if (!s)
		return -ENOMEM;
	page = get_block(get_order((size_t)npages << PAGE_SHIFT), &order, nid, gfp);
	if (!page)
		goto no_page;
	s->base = page_address(page);
	s->npages = 1U << order;
	s->zeroed = want_init_on_alloc(0);
	if (gom_pagemap_cover(s->base, s->npages, gom_known_node(page_to_nid(page)), gfp))
		goto no_region;
	s->nid = gom_pagemap_nid(s->base);
	h = gom_mheaps[s->nid];
	gom_pagemap_mark(s, GOM_SLOT_OF(GOM_SLOT_IDLE));

	spin_lock_irqsave(&h->lock, flags);
	h->sys_pages += 1U << order;
	h->grown_pages += 1U << order;
	h->grows++;
	spin_unlock_irqrestore(&h->lock, flags);
	give_run(h, s);
	return h->nid;

no_region:
	free_pages_singly(s->base, s->npages);
no_page:
	gom_span_delete(s);
	return -ENOMEM;
}

/* === The interface === */

static bool take_anywhere(struct gom_span *s, unsigned int npages, unsigned int align,
			  int nid, gfp_t gfp, struct gom_span **spare)
{
	int other;

	nid = gom_known_node(nid);
	if (take_run(gom_mheaps[nid], s, npages, align, spare))
		return true;
	for (;;) {
		other = grow(npages, nid, gfp);
		if (other < 0)
			break;
		if (take_run(gom_mheaps[other], s, npages, align, spare))
			return true;
	}
	if (gfp & __GFP_THISNODE)
		return false;
	for_each_gom_node(other) {
		if (other != nid && take_run(gom_mheaps[other], s, npages, align, spare))
			return true;
	}
	return false;
}

/**
 * gom_mheap_alloc - give a span its pages
 * @s: a new record; on success its @base, @npages, @nid and @zeroed are set
 * @npages: pages wanted
 * @align: what the first page is to be aligned to, in pages; a power of two,
 *	not above @npages rounded up to one
 * @nid: preferred node
 * @gfp: how to get memory
 *
 * The words of the page map are the caller's to write.
 *
 * Context: any but NMI, no lock held; may sleep if @gfp allows it.
 * Return: whether there was memory.
 */
bool gom_mheap_alloc(struct gom_span *s, unsigned int npages, unsigned int align,
		     int nid, gfp_t gfp)
{
	struct gom_span *spare = NULL;
	bool done;

	if (gom_should_fail((size_t)npages << PAGE_SHIFT, gfp))
		return false;
	/* Cutting an aligned piece out of a run can leave something on both sides. */
	if (align > 1) {
		spare = gom_span_new(0, gfp);
		if (!spare)
			return false;
	}
	done = take_anywhere(s, npages, align, nid, gfp, &spare);
	if (spare)
		gom_span_delete(spare);
	return done;
}

/**
 * gom_mheap_alloc_direct - give a span pages that never join the heap
 * @s: a new record
 * @npages: pages wanted
 * @nid: preferred node
 * @gfp: how to get memory, its zone included
 *
 * For memory with an address that other users of the heap do not need.
 *
 * Context: as gom_mheap_alloc().
 * Return: whether there was memory.
 */
bool gom_mheap_alloc_direct(struct gom_span *s, unsigned int npages, int nid, gfp_t gfp)
{
	unsigned int order = get_order((size_t)npages << PAGE_SHIFT);
	struct page *page = alloc_pages_node(nid, gfp, order);
	struct gom_mheap *h;
	unsigned long flags;

	if (!page)
		return false;
	split_page(page, order);
	s->base = page_address(page);
	s->npages = npages;
	s->direct = 1;
	free_pages_singly(gom_span_end(s), (1U << order) - npages);
	if (gom_pagemap_cover(s->base, npages, gom_known_node(page_to_nid(page)), gfp)) {
		free_pages_singly(s->base, npages);
		return false;
	}
	s->nid = gom_pagemap_nid(s->base);
	h = gom_mheaps[s->nid];
	spin_lock_irqsave(&h->lock, flags);
	h->sys_pages += npages;
	h->grown_pages += npages;
	h->grows++;
	gom_pagemap_set_span(s->base, s);
	spin_unlock_irqrestore(&h->lock, flags);
	return true;
}

/* Pages leave for the page allocator; the caller took them out of all lists. */
static void return_pages(struct gom_mheap *h, void *start, unsigned int npages)
{
	unsigned long flags;

	gom_pagemap_unmark(start, npages);
	free_pages_singly(start, npages);
	spin_lock_irqsave(&h->lock, flags);
	h->sys_pages -= npages;
	h->released_pages += npages;
	spin_unlock_irqrestore(&h->lock, flags);
}

/**
 * gom_mheap_free - take a span's pages back, and its record
 * @s: the span, BUSY, on no list, owned by the caller
 *
 * Context: any but NMI, no lock held.  Needs no memory.
 */
void gom_mheap_free(struct gom_span *s)
{
	struct gom_mheap *h = gom_mheaps[s->nid];
	unsigned long flags;

	if (s->direct) {
		spin_lock_irqsave(&h->lock, flags);
		gom_pagemap_set_span(s->base, NULL);
		spin_unlock_irqrestore(&h->lock, flags);
		return_pages(h, s->base, s->npages);
		gom_span_delete(s);
		return;
	}
	s->zeroed = 0;
	gom_pagemap_mark(s, GOM_SLOT_OF(GOM_SLOT_IDLE));
	give_run(h, s);
}

/**
 * gom_mheap_trim - shorten a span in place
 * @s: a LARGE span, owned by the caller
 * @npages: pages to keep, at least one and fewer than it has
 * @gfp: how to get memory for a record
 *
 * Context: any but NMI, no lock held.
 * Return: whether it could be done; if not, nothing happened.
 */
bool gom_mheap_trim(struct gom_span *s, unsigned int npages, gfp_t gfp)
{
	struct gom_span *tail;

	if (s->direct)
		return false;
	tail = gom_span_new(0, gfp);
	if (!tail)
		return false;
	tail->base = s->base + ((size_t)npages << PAGE_SHIFT);
	tail->npages = s->npages - npages;
	tail->nid = s->nid;
	s->npages = npages;
	gom_mheap_free(tail);
	return true;
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
	struct gom_span *r = NULL;
	unsigned long flags, bin;
	unsigned int npages = 0;

	spin_lock_irqsave(&h->lock, flags);
	bin = find_last_bit(h->nonempty, GOM_HEAP_BINS);
	if (bin < GOM_HEAP_BINS) {
		r = list_first_entry(&h->bin[bin], struct gom_span, list);
		remove_run(h, r);
		npages = min(r->npages, want);
		r->npages -= npages;
		*start = gom_span_end(r);
		if (r->npages) {
			insert_run(h, r);
			r = NULL;
		}
	}
	spin_unlock_irqrestore(&h->lock, flags);
	if (r)
		gom_span_delete(r);
	return npages;
}

/**
 * gom_mheap_release - give idle pages back to the page allocator
 * @nr_pages: how many; whole megabytes leave together
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
			npages = detach_pages(gom_mheaps[nid], GOM_REGION_PAGES, &start);
			if (!npages)
				break;
			return_pages(gom_mheaps[nid], start, npages);
			released += npages;
		}
	}
	return released;
}

/* Give every page back, in use or not.  The module is going; no one else is in. */
void gom_mheap_exit(void)
{
	struct gom_region *r;
	struct gom_span *s;
	unsigned int i;

	gom_mheap_release(ULONG_MAX);
	for (r = gom_pagemap_regions(); r; r = r->next) {
		for (i = 0; i < GOM_REGION_PAGES; i++) {
			s = r->span[i];
			if (s)
				return_pages(gom_mheaps[s->nid], s->base, s->npages);
		}
	}
}
