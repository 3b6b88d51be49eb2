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
#include <linux/err.h>
#include <linux/jiffies.h>
#include <linux/mm.h>
#include <linux/nodemask.h>
#include <linux/sched.h>
#include <linux/slab.h>

#include "base/compat.h"
#include "base/fault.h"
#include "base/pages.h"
#include "base/persistent.h"
#include "base/trace.h"
#include "heap/mheap.h"
#include "heap/scavenger.h"

#define FIT_SCAN	8U	/* runs that are looked at with the lock held, three times at most */
#define LAST_SCAN	128U	/* the same, before somebody has to wait or to go without */
#define RELEASE_STEP	1024UL	/* pages that go back until others may run */

struct gom_mheap **gom_mheaps __read_mostly;
GOM_EXPORT_FOR_TEST(gom_mheaps);

/* Tests lower it: then memory looks as fragmented as it may be on an old machine. */
unsigned int gom_heap_max_order = MAX_PAGE_ORDER;
GOM_EXPORT_FOR_TEST(gom_heap_max_order);

/* The node nearest to @nid that is not in @seen; NUMA_NO_NODE if all are. */
int gom_nearest_node(int nid, const nodemask_t *seen)
{
	int node, best = NUMA_NO_NODE;

	for_each_gom_node(node)
		if (!node_isset(node, *seen) &&
		    (best == NUMA_NO_NODE ||
		     node_distance(nid, node) < node_distance(nid, best)))
			best = node;
	return best;
}

static int init_node(int nid)
{
	struct gom_mheap *h;
	unsigned int i;

	h = gom_persistent_alloc_gfp(sizeof(*h), SMP_CACHE_BYTES, GOM_MHEAP_SYS, GFP_KERNEL);
	if (!h)
		return -ENOMEM;
	spin_lock_init(&h->lock);
	h->nid = nid;
	gom_span_freelists_init(h->records);
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
	for_each_node(nid) {
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

/*
 * The shortest run of @bin that @npages fit in; at most *@scan runs are looked at,
 * and taken off it.
 */
static struct gom_span *fit_in_bin(struct gom_mheap *h, unsigned int bin, unsigned int npages,
				   unsigned int align, unsigned int *scan)
{
	struct gom_span *r, *best = NULL;

	hlist_for_each_entry(r, &h->bin[bin], run) {
		if (!*scan)
			break;
		--*scan;
		if (fit(r, npages, align) && (!best || r->npages < best->npages)) {
			best = r;
			if (bin < GOM_HEAP_EXACT)	/* none is shorter */
				break;
		}
	}
	return best;
}

/* The first bin of which all runs are of @npages or more. */
static unsigned int bin_of_longer(unsigned int npages)
{
	unsigned int bin = gom_heap_bin(npages);

	return bin < GOM_HEAP_EXACT || is_power_of_2(npages) ? bin : bin + 1;
}

/*
 * The shortest free run that @npages fit in, as far as a few runs tell: how long
 * the lock is held does not depend on how many there are.  In bins of runs longer
 * than @npages by @align each fits; what was not looked at only matters where a
 * longer run is cut instead.
 */
static struct gom_span *best_fit(struct gom_mheap *h, unsigned int npages, unsigned int align,
				 unsigned int scan)
{
	const unsigned int all_fit = bin_of_longer(npages + align - 1);
	unsigned int bin = gom_heap_bin(npages);
	struct gom_span *r;

	for_each_set_bit_from(bin, h->nonempty, all_fit) {
		r = fit_in_bin(h, bin, npages, align, &scan);
		if (r)
			return r;
	}
	bin = find_next_bit(h->nonempty, GOM_HEAP_BINS, all_fit);
	scan = FIT_SCAN;
	return bin < GOM_HEAP_BINS ? fit_in_bin(h, bin, npages, align, &scan) : NULL;
}

/* The longest of the runs that are shorter than @want is, and will do. */
static struct gom_span *longest_short(struct gom_mheap *h, const struct gom_run_request *want,
				      unsigned int scan)
{
	unsigned int bin = gom_heap_bin(want->npages);
	struct gom_span *r;

	while (bin-- > gom_heap_bin(want->least)) {
		r = fit_in_bin(h, bin, want->least, want->align, &scan);
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

/* A record from @freelist; if that has none, *@short_of is @freelist, else -1. */
static struct gom_span *take_record(struct gom_mheap *h, unsigned int freelist, int *short_of)
{
	struct gom_span *s = gom_span_take_record(h->records, freelist);

	*short_of = s ? -1 : (int)freelist;
	return s;
}

/*
 * Cut a span for @want out of the free run @r, in which at least @want->least pages
 * fit.  NULL if there is no record for it: *@short_of says of which freelist.
 */
static struct gom_span *take_span(struct gom_mheap *h, const struct gom_run_request *want,
				  struct gom_span *r, int *short_of)
{
	struct gom_span *s, *spare = NULL;

	lockdep_assert_held(&h->lock);
	s = take_record(h, gom_span_freelist(want->class), short_of);
	if (!s)
		return NULL;
	s->base = fit(r, want->least, want->align);
	s->npages = min_t(size_t, want->npages, (gom_span_end(r) - s->base) >> PAGE_SHIFT);
	if (s->base != r->base && gom_span_end(s) != gom_span_end(r)) {
		spare = take_record(h, 0, short_of);
		if (!spare) {
			gom_span_give_record(h->records, s);
			return NULL;
		}
	}
	s->nid = h->nid;
	s->class = want->class;
	s->zeroed = r->zeroed;
	cut_run(h, r, s, spare);
	gom_pagemap_set_span(s->base, s);
	if (!want->class) {
		h->large_mallocs++;
		h->large_pages += s->npages;
	}
	return s;
}

/* Feed a freelist of records; false if there is no memory. */
static bool refill_records(struct gom_mheap *h, unsigned int nr, gfp_t gfp)
{
	struct gom_fixalloc *freelist = &h->records[nr];
	void *block = gom_fixalloc_block(freelist, gfp);
	unsigned long flags;

	if (!block)
		return false;
	spin_lock_irqsave(&h->lock, flags);
	gom_fixalloc_carve(freelist, block);
	spin_unlock_irqrestore(&h->lock, flags);
	return true;
}

enum length {
	WHOLE,		/* as long as it was asked for */
	SHORT,		/* as long as it must be */
	LAST_LOOK,	/* the same, in more runs: what comes next is reclaim, reserves or failure */
};

/*
 * Meet @want from the pages @h has.  NULL if it has none that will do;
 * ERR_PTR(-ENOMEM) if there is no memory for a record, and more pages would not help.
 */
static struct gom_span *take_from(struct gom_mheap *h, const struct gom_run_request *want,
				  enum length length, gfp_t gfp)
{
	const unsigned int scan = length == LAST_LOOK ? LAST_SCAN : FIT_SCAN;
	struct gom_span *r, *s = NULL;
	unsigned long flags;
	int short_of;

	do {
		short_of = -1;
		spin_lock_irqsave(&h->lock, flags);
		r = best_fit(h, want->npages, want->align, scan);
		if (!r && length != WHOLE)
			r = longest_short(h, want, scan);
		if (r)
			s = take_span(h, want, r, &short_of);
		spin_unlock_irqrestore(&h->lock, flags);
	} while (!s && short_of >= 0 && refill_records(h, short_of, gfp));
	return s || short_of < 0 ? s : ERR_PTR(-ENOMEM);
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
	} while (!s && refill_records(h, 0, gfp));
	return s;
}

/* === Pages from and to the system === */

static void free_pages_singly(void *start, unsigned int npages)
{
	for (; npages--; start += PAGE_SIZE) {
		gom_pages_disown(virt_to_page(start), 1);
		__free_page(virt_to_page(start));
	}
}

/* What a heap of so many pages is to grow by at least. */
static unsigned int grow_order(unsigned long pages)
{
	return clamp_t(int, ilog2(pages / GOM_HEAP_GROW_PART | 1), max(GOM_HEAP_GROW_MIN, 0),
		       max(GOM_HEAP_GROW_MAX, 0));
}

/*
 * The node to ask for memory instead of @nid, which may be offline: it has none, and the
 * page allocator would say so each time, with a stack.
 */
static int online_node(int nid, gfp_t gfp)
{
	if (likely(node_online(nid)))
		return nid;
	return gfp & __GFP_THISNODE ? NUMA_NO_NODE : numa_mem_id();
}

/* A block of the page allocator's, split into pages. */
static struct page *get_block(unsigned int order, int nid, gfp_t gfp)
{
	struct page *page;

	if (gom_test_point(GOM_AT_BLOCK, order, gfp) || order > READ_ONCE(gom_heap_max_order))
		return NULL;
	nid = online_node(nid, gfp);
	if (nid == NUMA_NO_NODE)
		return NULL;
	page = alloc_pages_node(nid, gfp, order);
	if (page) {
		split_page(page, order);
		gom_pages_own(page, 1U << order);
	}
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
	atomic_long_sub(npages, &h->moving_pages);
	h->sys_pages += npages;
	h->grown_pages += npages;
	h->grows++;
}

/*
 * Add a block of 2^@order pages to the heap of its node, which is @nid if possible.
 * Returns that node, or a negative error.
 */
static int grow(unsigned int order, int nid, gfp_t gfp)
{
	struct page *page = get_block(order, nid, gfp);
	struct gom_mheap *h;
	struct gom_span *s;
	unsigned long flags;

	if (!page)
		return -ENOMEM;
	s = adopt_pages(page, 1U << order, gfp);
	if (!s) {
		free_pages_singly(page_address(page), 1U << order);
		return -ENOMEM;
	}
	trace_gom_heap_grow(0, s->base, s->npages, s->nid);
	s->zeroed = want_init_on_alloc(0);
	h = gom_mheaps[s->nid];
	atomic_long_add(1L << order, &h->moving_pages);
	gom_pagemap_mark(s, GOM_SLOT_OF(GOM_SLOT_IDLE));
	spin_lock_irqsave(&h->lock, flags);
	account_grown(h, 1U << order);
	give_run(h, s);
	spin_unlock_irqrestore(&h->lock, flags);
	return h->nid;
}

/*
 * Grow as much as memory comes easily, by a block of at most @most and at least @least.
 * The heap that grew; NULL if none did.
 */
static struct gom_mheap *grow_politely(unsigned int most, unsigned int least, int nid, gfp_t gfp)
{
	int node;

	for (; most >= least; most--) {
		node = grow(most, nid, gom_gfp_polite(gfp));
		if (node >= 0)
			return gom_mheaps[node];
		if (!most)
			break;
	}
	return NULL;
}

/* === The interface === */

/* From the other nodes' heaps, the nearest first. */
static struct gom_span *take_from_others(const struct gom_run_request *want, int nid, gfp_t gfp)
{
	nodemask_t seen = nodemask_of_node(nid);
	struct gom_span *s = NULL;
	int other;

	while (!s && (other = gom_nearest_node(nid, &seen)) != NUMA_NO_NODE) {
		s = take_from(gom_mheaps[other], want, SHORT, gfp);
		node_set(other, seen);
	}
	return s;
}

/*
 * From the heap of @nid, as long as it was asked for if that comes easily, and else
 * as short as it may be.
 */
static struct gom_span *take_locally(const struct gom_run_request *want, int nid, gfp_t gfp)
{
	const unsigned int whole = get_order((size_t)want->npages << PAGE_SHIFT);
	const unsigned int least = get_order((size_t)want->least << PAGE_SHIFT);
	struct gom_mheap *h = gom_mheaps[nid], *grown;
	struct gom_span *s;

	s = take_from(h, want, WHOLE, gfp);
	if (s)
		return s;
	grown = grow_politely(max(whole, grow_order(READ_ONCE(h->sys_pages))), whole, nid, gfp);
	if (grown)
		return take_from(grown, want, SHORT, gfp);
	s = take_from(h, want, SHORT, gfp);
	if (s || least == whole)
		return s;
	grown = grow_politely(whole - 1, least, nid, gfp);
	return grown ? take_from(grown, want, SHORT, gfp) : NULL;
}

/**
 * gom_mheap_alloc - a run of pages with a record
 * @want: what for, how long and how short, how aligned
 * @nid: preferred node
 * @gfp: how to get memory
 *
 * Memory of @nid comes first, as long as it comes easily; then what other nodes'
 * heaps have idle; and only then is @gfp spent, on as few pages as will do: so
 * reserves and reclaim serve the caller and nobody else, and a node that is full does
 * not fill another one's.
 *
 * The words of the page map, the record's bitmap and its state are the caller's
 * to write.
 *
 * Context: any but NMI, no lock held; may sleep if @gfp allows it.
 * Return: the span, BUSY, of @want->least to @want->npages pages; NULL if there is
 * no memory.
 */
struct gom_span *gom_mheap_alloc(const struct gom_run_request *want, int nid, gfp_t gfp)
{
	const unsigned int least = get_order((size_t)want->least << PAGE_SHIFT);
	struct gom_span *s;

	if (gom_should_fail((size_t)want->npages << PAGE_SHIFT, gfp))
		return NULL;
	nid = gom_known_node(nid);
	s = take_locally(want, nid, gfp);
	if (!s && nr_node_ids > 1 && !(gfp & __GFP_THISNODE))
		s = take_from_others(want, nid, gfp);
	if (!s)
		s = take_from(gom_mheaps[nid], want, LAST_LOOK, gfp);
	while (!s) {
		int node = grow(least, nid, gfp);

		if (node < 0)
			return NULL;
		/* Another CPU may have been quicker. */
		s = take_from(gom_mheaps[node], want, SHORT, gfp);
	}
	return IS_ERR(s) ? NULL : s;
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
	struct gom_mheap *h;
	struct gom_span *s;
	unsigned long flags;
	struct page *page;

	nid = online_node(gom_known_node(nid), gfp);
	page = nid == NUMA_NO_NODE ? NULL : alloc_pages_node(nid, gfp, order);
	if (!page)
		return NULL;
	split_page(page, order);
	gom_pages_own(page, 1U << order);
	s = adopt_pages(page, npages, gfp & ~__GFP_DMA);
	if (!s) {
		free_pages_singly(page_address(page), 1U << order);
		return NULL;
	}
	free_pages_singly(gom_span_end(s), (1U << order) - npages);
	s->direct = 1;
	h = gom_mheaps[s->nid];
	atomic_long_add(npages, &h->moving_pages);
	gom_pagemap_mark(s, GOM_SLOT_OF(GOM_SLOT_IDLE));
	spin_lock_irqsave(&h->lock, flags);
	account_grown(h, npages);
	gom_pagemap_set_span(s->base, s);
	h->large_mallocs++;
	h->large_pages += npages;
	spin_unlock_irqrestore(&h->lock, flags);
	return s;
}

/*
 * Pages leave for the page allocator; the caller took them out of all lists and counted
 * them as moving.
 */
static void return_pages(struct gom_mheap *h, void *start, unsigned int npages)
{
	unsigned long flags;

	trace_gom_heap_release(0, start, npages, h->nid);
	gom_pagemap_unmark(start, npages);
	free_pages_singly(start, npages);
	spin_lock_irqsave(&h->lock, flags);
	atomic_long_sub(npages, &h->moving_pages);
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
static bool release_large(struct gom_mheap *h, struct gom_span *s)
{
	s->state = GOM_SPAN_BUSY;
	h->large_frees++;
	h->large_pages -= s->npages;
	gom_pagemap_mark(s, GOM_SLOT_OF(GOM_SLOT_IDLE));
	if (s->direct) {
		gom_pagemap_set_span(s->base, NULL);
		atomic_long_add(s->npages, &h->moving_pages);
		return false;
	}
	s->zeroed = 0;
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
		kept = release_large(h, s);
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
		for (i = 0; i < GOM_SPAN_FREELISTS; i++)
			bytes += READ_ONCE(gom_mheaps[nid]->records[i].inuse) *
				 gom_mheaps[nid]->records[i].size;
	return bytes;
}

/* The least number of pages that were idle on a node since this was last asked. */
unsigned long gom_mheap_idle_low(int nid)
{
	struct gom_mheap *h = gom_mheaps[nid];
	unsigned long flags, pages;

	spin_lock_irqsave(&h->lock, flags);
	pages = min(h->idle_low, h->idle_pages);
	h->idle_low = h->idle_pages;
	spin_unlock_irqrestore(&h->lock, flags);
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
		atomic_long_add(npages, &h->moving_pages);
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
 * gom_mheap_release_node - give a node's idle pages back to the page allocator
 * @nid: the node
 * @nr_pages: how many at most
 *
 * Context: any but NMI, no lock held.
 * Return: pages given back.
 */
unsigned long gom_mheap_release_node(int nid, unsigned long nr_pages)
{
	unsigned long released = 0;
	unsigned int npages;
	void *start;

	while (released < nr_pages) {
		npages = min(nr_pages - released, (unsigned long)GOM_REGION_PAGES);
		npages = detach_pages(gom_mheaps[nid], npages, &start);
		if (!npages)
			break;
		return_pages(gom_mheaps[nid], start, npages);
		released += npages;
	}
	return released;
}

/**
 * gom_mheap_release - give idle pages of all nodes back to the page allocator
 * @nr_pages: how many at most
 *
 * Context: task, no lock held; may sleep.
 * Return: pages given back.
 */
unsigned long gom_mheap_release(unsigned long nr_pages)
{
	unsigned long released = 0, now;
	int nid;

	for_each_gom_node(nid) {
		do {
			now = gom_mheap_release_node(nid, min(nr_pages - released, RELEASE_STEP));
			released += now;
			cond_resched();
		} while (now);
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
			atomic_long_add(s->npages, &gom_mheaps[s->nid]->moving_pages);
			return_pages(gom_mheaps[s->nid], s->base, s->npages);
		}
	}
	for_each_gom_node(nid)
		WARN_ON_ONCE(gom_mheaps[nid]->sys_pages);
}
