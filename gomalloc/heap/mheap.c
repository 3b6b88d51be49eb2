// SPDX-License-Identifier: GPL-2.0
/*
 * The heap (Go: MHeap): for each node, free runs of pages.  A request gets the
 * shortest free run that is long enough (best fit; among runs above 1 MiB only
 * approximately).  A freed run is merged with its free neighbours, which are
 * found through the page map.
 *
 * If no free run fits, the heap grows by a block of the buddy allocator, of up
 * to 1 MiB.  Blocks are split into single pages on arrival, so any part of a
 * free run can be released, whichever block it came from.
 *
 * Context: any but NMI.
 *
 * Locking: h->lock, taken with interrupts off because hardirqs allocate too.
 * It is held for a bounded number of list operations.  Pages are allocated and
 * freed, blocks of span records allocated, and most page map entries written,
 * with no lock held.  Functions with the suffix _locked need h->lock.
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

/*
 * Runs tried by each of up to three steps of a lock section.  The second step,
 * over bins in which every run fits, never tries more than FIT_SCAN.  That
 * makes 24 runs, or 264 with LAST_SCAN.
 */
#define FIT_SCAN	8U
#define LAST_SCAN	128U	/* after growing, and before reclaim or failure */
#define RELEASE_STEP	1024UL	/* pages released before cond_resched() */

struct gom_mheap **gom_mheaps __read_mostly;
GOM_EXPORT_FOR_TEST(gom_mheaps);

/*
 * Largest block order; tests lower it, without a lock, to simulate fragmented
 * memory.
 */
unsigned int gom_heap_max_order = MAX_PAGE_ORDER;
GOM_EXPORT_FOR_TEST(gom_heap_max_order);

/*
 * The node nearest to @nid that is not in @seen; NUMA_NO_NODE if there is none.
 */
int gom_nearest_node(int nid, const nodemask_t *seen)
{
	int node, best = NUMA_NO_NODE;

	for_each_gom_node(node)
		if (!node_isset(node, *seen))
			best = gom_nearer_node(nid, best, node, gom_node_distance);
	return best;
}

static int mheap_node_init(int nid)
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
		err = mheap_node_init(nid);
		if (err)
			break;
	}
	return err;
}

/* === Free runs; h->lock is held === */

/* Add a run to its bin.  The caller writes the page map. */
static void run_link_locked(struct gom_mheap *h, struct gom_span *r)
{
	unsigned int bin = gom_heap_bin(r->npages);

	lockdep_assert_held(&h->lock);
	r->state = GOM_SPAN_IDLE;
	hlist_add_head(&r->run, &h->bin[bin]);
	WRITE_ONCE(h->runs[bin], h->runs[bin] + 1);
	__set_bit(bin, h->nonempty);
	h->idle_pages += r->npages;
}

static void run_unlink_locked(struct gom_mheap *h, struct gom_span *r)
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

static void *run_last_page(const struct gom_span *r)
{
	return gom_span_end(r) - PAGE_SIZE;
}

/*
 * The first address in @r where @npages aligned to @align pages fit, or NULL.
 */
static void *run_fit(const struct gom_span *r, unsigned int npages, unsigned int align)
{
	void *p = PTR_ALIGN(r->base, (size_t)align << PAGE_SHIFT);

	return p + ((size_t)npages << PAGE_SHIFT) <= gom_span_end(r) ? p : NULL;
}

/*
 * The shortest run of @bin that holds @npages.  Looks at up to *@scan runs and
 * subtracts their number from *@scan.
 */
static struct gom_span *bin_best_fit_locked(struct gom_mheap *h, unsigned int bin,
					    unsigned int npages, unsigned int align,
					    unsigned int *scan)
{
	struct gom_span *r, *best = NULL;

	hlist_for_each_entry(r, &h->bin[bin], run) {
		if (!*scan)
			break;
		--*scan;
		if (run_fit(r, npages, align) && (!best || r->npages < best->npages)) {
			best = r;
			if (bin < GOM_HEAP_EXACT)	/* all have one length */
				break;
		}
	}
	return best;
}

/* The first bin all of whose runs have at least @npages. */
static unsigned int bin_all_fit(unsigned int npages)
{
	unsigned int bin = gom_heap_bin(npages);

	return bin < GOM_HEAP_EXACT || is_power_of_2(npages) ? bin : bin + 1;
}

/*
 * The shortest free run that holds @npages, among up to @scan runs: the lock's
 * hold time does not depend on the number of free runs.
 *
 * In bins from all_fit on every run is long enough for any alignment, so a run
 * that was not looked at in the bins below costs only that a longer run is
 * split.
 */
static struct gom_span *run_best_fit_locked(struct gom_mheap *h, unsigned int npages,
					    unsigned int align, unsigned int scan)
{
	const unsigned int all_fit = bin_all_fit(npages + align - 1);
	unsigned int bin = gom_heap_bin(npages);
	struct gom_span *r;

	for_each_set_bit_from(bin, h->nonempty, all_fit) {
		r = bin_best_fit_locked(h, bin, npages, align, &scan);
		if (r)
			return r;
	}
	bin = find_next_bit(h->nonempty, GOM_HEAP_BINS, all_fit);
	scan = FIT_SCAN;
	return bin < GOM_HEAP_BINS ? bin_best_fit_locked(h, bin, npages, align, &scan) : NULL;
}

/* The longest free run shorter than @want->npages that holds @want->least. */
static struct gom_span *run_longest_short_locked(struct gom_mheap *h,
						 const struct gom_run_request *want,
						 unsigned int scan)
{
	unsigned int bin = gom_heap_bin(want->npages);
	struct gom_span *r;

	while (bin-- > gom_heap_bin(want->least)) {
		r = bin_best_fit_locked(h, bin, want->least, want->align, &scan);
		if (r)
			return r;
	}
	return NULL;
}

/*
 * Remove [@s->base, @s->npages) from the free run @r.  The remainder on one
 * side keeps the record of @r; with remainders on both sides, @spare becomes
 * the record of the second.  Only the page map records of ends that move are
 * written.
 */
static void run_split_locked(struct gom_mheap *h, struct gom_span *r, const struct gom_span *s,
			     struct gom_span *spare)
{
	size_t head = s->base - r->base;
	size_t tail = gom_span_end(r) - gom_span_end(s);

	run_unlink_locked(h, r);
	if (head && tail) {
		spare->base = gom_span_end(s);
		spare->npages = tail >> PAGE_SHIFT;
		spare->nid = r->nid;
		spare->zeroed = r->zeroed;
		gom_pagemap_set_span(spare->base, spare);
		gom_pagemap_set_span(run_last_page(spare), spare);
		run_link_locked(h, spare);
	} else if (tail) {
		r->base = gom_span_end(s);
		gom_pagemap_set_span(r->base, r);
	} else {
		gom_pagemap_set_span(run_last_page(s), NULL);
	}
	if (!head && !tail) {
		gom_span_record_free(h->records, r);
		return;
	}
	r->npages = (head ?: tail) >> PAGE_SHIFT;
	if (head)
		gom_pagemap_set_span(run_last_page(r), r);
	run_link_locked(h, r);
}

/*
 * Merge @s into the free run @n before it.  Frees the record of @s, returns @n.
 */
static struct gom_span *run_merge_before_locked(struct gom_mheap *h, struct gom_span *n,
						struct gom_span *s)
{
	run_unlink_locked(h, n);
	gom_pagemap_set_span(s->base, NULL);
	if (n->npages > 1)
		gom_pagemap_set_span(run_last_page(n), NULL);
	n->npages += s->npages;
	n->zeroed &= s->zeroed;
	gom_span_record_free(h->records, s);
	return n;
}

/* Merge the free run @n behind @s into @s.  Frees the record of @n. */
static void run_merge_behind_locked(struct gom_mheap *h, struct gom_span *s, struct gom_span *n)
{
	run_unlink_locked(h, n);
	gom_pagemap_set_span(n->base, NULL);
	s->npages += n->npages;
	s->zeroed &= n->zeroed;
	gom_span_record_free(h->records, n);
}

/* Merge the run @s with its free neighbours and add it to its bin. */
static void run_free_locked(struct gom_mheap *h, struct gom_span *s)
{
	struct gom_span *n;

	n = gom_pagemap_span_at(s->base - PAGE_SIZE, h->nid);
	if (n && n->state == GOM_SPAN_IDLE && gom_span_end(n) == s->base)
		s = run_merge_before_locked(h, n, s);
	else
		gom_pagemap_set_span(s->base, s);
	n = gom_pagemap_span_at(gom_span_end(s), h->nid);
	if (n && n->state == GOM_SPAN_IDLE)
		run_merge_behind_locked(h, s, n);
	gom_pagemap_set_span(run_last_page(s), s);
	run_link_locked(h, s);
}

/* === Allocating a run === */

/*
 * Take a span record from @freelist.  *@empty_freelist is @freelist if it is
 * empty, else -1.
 */
static struct gom_span *span_record_alloc_locked(struct gom_mheap *h, unsigned int freelist,
						int *empty_freelist)
{
	struct gom_span *s = gom_span_record_alloc(h->records, freelist);

	*empty_freelist = s ? -1 : (int)freelist;
	return s;
}

/*
 * Make a span for @want out of the free run @r, which holds at least
 * @want->least pages.  Returns NULL if there is no record; *@empty_freelist is
 * the freelist to refill.
 */
static struct gom_span *run_carve_span_locked(struct gom_mheap *h,
					      const struct gom_run_request *want,
					      struct gom_span *r, int *empty_freelist)
{
	struct gom_span *s, *spare = NULL;

	lockdep_assert_held(&h->lock);
	s = span_record_alloc_locked(h, gom_span_freelist(want->class), empty_freelist);
	if (!s)
		return NULL;
	s->base = run_fit(r, want->least, want->align);
	s->npages = min_t(size_t, want->npages, (gom_span_end(r) - s->base) >> PAGE_SHIFT);
	if (s->base != r->base && gom_span_end(s) != gom_span_end(r)) {
		spare = span_record_alloc_locked(h, 0, empty_freelist);
		if (!spare) {
			gom_span_record_free(h->records, s);
			return NULL;
		}
	}
	s->nid = h->nid;
	s->class = want->class;
	s->zeroed = r->zeroed;
	run_split_locked(h, r, s, spare);
	gom_pagemap_set_span(s->base, s);
	if (!want->class) {
		h->large_mallocs++;
		h->large_pages += s->npages;
	}
	return s;
}

/* Refill a freelist of span records; false if there is no memory. */
static bool span_records_refill(struct gom_mheap *h, unsigned int nr, gfp_t gfp)
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

enum run_fit_length {
	FIT_WHOLE,		/* @npages of the request */
	FIT_SHORT,		/* @least will do */
	FIT_LAST_LOOK,	/* the same, looking at more runs: the next step is to spend @gfp */
};

/*
 * Allocate from the free runs of @h.  Returns NULL if none is long enough,
 * ERR_PTR(-ENOMEM) if there is no memory for a record: then growing is
 * pointless.
 */
static struct gom_span *mheap_try_alloc(struct gom_mheap *h, const struct gom_run_request *want,
					enum run_fit_length length, gfp_t gfp)
{
	const unsigned int scan = length == FIT_LAST_LOOK ? LAST_SCAN : FIT_SCAN;
	struct gom_span *r, *s = NULL;
	unsigned long flags;
	int empty_freelist;

	do {
		empty_freelist = -1;
		spin_lock_irqsave(&h->lock, flags);
		r = run_best_fit_locked(h, want->npages, want->align, scan);
		if (!r && length != FIT_WHOLE)
			r = run_longest_short_locked(h, want, scan);
		if (r)
			s = run_carve_span_locked(h, want, r, &empty_freelist);
		spin_unlock_irqrestore(&h->lock, flags);
	} while (!s && empty_freelist >= 0 && span_records_refill(h, empty_freelist, gfp));
	return s || empty_freelist < 0 ? s : ERR_PTR(-ENOMEM);
}

/* Allocate a record for a run that is not split off another one. */
static struct gom_span *span_record_alloc(struct gom_mheap *h, gfp_t gfp)
{
	struct gom_span *s;
	unsigned long flags;

	do {
		spin_lock_irqsave(&h->lock, flags);
		s = gom_span_record_alloc(h->records, 0);
		spin_unlock_irqrestore(&h->lock, flags);
	} while (!s && span_records_refill(h, 0, gfp));
	return s;
}

/* === Pages from and to the page allocator === */

static void pages_free_singly(void *start, unsigned int npages)
{
	for (; npages--; start += PAGE_SIZE) {
		gom_pages_disown(virt_to_page(start), 1);
		__free_page(virt_to_page(start));
	}
}

/* The order to grow by, at least, of a heap that holds @pages. */
static unsigned int mheap_grow_order(unsigned long pages)
{
	return clamp_t(int, ilog2(pages / GOM_HEAP_GROW_PART | 1), max(GOM_HEAP_GROW_MIN, 0),
		       max(GOM_HEAP_GROW_MAX, 0));
}

/*
 * The node to allocate from: @nid, or this CPU's nearest node with memory if
 * @nid is offline.  The page allocator would warn about an offline node on each
 * call.  NUMA_NO_NODE if @gfp insists on @nid.
 */
static int online_node_or_local(int nid, gfp_t gfp)
{
	if (likely(node_online(nid)))
		return nid;
	return gfp & __GFP_THISNODE ? NUMA_NO_NODE : gom_mem_node();
}

/* Allocate a block of the page allocator's and split it into pages. */
static struct page *buddy_block_alloc(unsigned int order, int nid, gfp_t gfp)
{
	struct page *page;

	if (gom_test_point(GOM_AT_BLOCK, order, gfp) || order > READ_ONCE(gom_heap_max_order))
		return NULL;
	nid = online_node_or_local(nid, gfp);
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
 * Enter @npages at @page, of whatever node, into the page map and allocate a
 * record for them from the heap of their node.  NULL if there is no memory.
 */
static struct gom_span *span_adopt_pages(struct page *page, unsigned int npages, gfp_t gfp)
{
	void *start = page_address(page);
	struct gom_span *s;
	int nid;

	if (gom_pagemap_cover(start, npages, gom_known_node(page_to_nid(page)), gfp))
		return NULL;
	nid = gom_pagemap_nid(start);
	s = span_record_alloc(gom_mheaps[nid], gfp);
	if (!s)
		return NULL;
	s->base = start;
	s->npages = npages;
	s->nid = nid;
	return s;
}

/*
 * A refault: pages are taken within a second after as many were released, so
 * they were released too early.
 */
static void refault_account_locked(struct gom_mheap *h, unsigned int npages)
{
	unsigned long again = min_t(unsigned long, npages, h->released_recently);

	if (!again || time_after(jiffies, h->released_at + HZ))
		return;
	h->refaults += again;
	h->released_recently -= again;
}

static void growth_account_locked(struct gom_mheap *h, unsigned int npages)
{
	lockdep_assert_held(&h->lock);
	refault_account_locked(h, npages);
	atomic_long_sub(npages, &h->moving_pages);
	h->sys_pages += npages;
	h->grown_pages += npages;
	h->grows++;
}

/*
 * Grow the heap by a block of 2^@order pages, from @nid if possible.  Returns
 * the node of the block, or a negative error.
 */
static int mheap_grow(unsigned int order, int nid, gfp_t gfp)
{
	struct page *page = buddy_block_alloc(order, nid, gfp);
	struct gom_mheap *h;
	struct gom_span *s;
	unsigned long flags;

	if (!page)
		return -ENOMEM;
	s = span_adopt_pages(page, 1U << order, gfp);
	if (!s) {
		pages_free_singly(page_address(page), 1U << order);
		return -ENOMEM;
	}
	trace_gom_heap_grow(0, s->base, s->npages, s->nid);
	s->zeroed = want_init_on_alloc(0);
	h = gom_mheaps[s->nid];
	atomic_long_add(1L << order, &h->moving_pages);
	gom_pagemap_mark(s, GOM_SLOT_OFF(GOM_SLOT_IDLE));
	spin_lock_irqsave(&h->lock, flags);
	growth_account_locked(h, 1U << order);
	run_free_locked(h, s);
	spin_unlock_irqrestore(&h->lock, flags);
	gom_scavenger_wake();		/* for what the request leaves of it */
	gom_test_point(GOM_AT_GROWN, order, gfp);
	return h->nid;
}

/*
 * Grow the heap without reclaim and without reserves, by the largest block
 * there is between the orders @most and @least.  Returns the heap that grew, or
 * NULL.
 */
static struct gom_mheap *mheap_grow_opportunistic(unsigned int most, unsigned int least, int nid,
						  gfp_t gfp)
{
	int node;

	for (; most >= least; most--) {
		node = mheap_grow(most, nid, gom_gfp_light(gfp));
		if (node >= 0)
			return gom_mheaps[node];
		if (!most)
			break;
	}
	return NULL;
}

/* === Interface === */

/* Allocate from the free runs of the other nodes, nearest first. */
static struct gom_span *mheap_alloc_other_nodes(const struct gom_run_request *want, int nid,
						gfp_t gfp)
{
	nodemask_t seen = nodemask_of_node(nid);
	struct gom_span *s = NULL;
	int other;

	while (!s && (other = gom_nearest_node(nid, &seen)) != NUMA_NO_NODE) {
		s = mheap_try_alloc(gom_mheaps[other], want, FIT_SHORT, gfp);
		node_set(other, seen);
	}
	return s;
}

/*
 * Allocate from the heap of @nid, without reclaim and without reserves: a run
 * of @want->npages from free runs; after growing; then a shorter one, again
 * first from free runs.
 */
static struct gom_span *mheap_alloc_local(const struct gom_run_request *want, int nid, gfp_t gfp)
{
	const unsigned int whole = get_order((size_t)want->npages << PAGE_SHIFT);
	const unsigned int least = get_order((size_t)want->least << PAGE_SHIFT);
	struct gom_mheap *h = gom_mheaps[nid], *grown;
	struct gom_span *s;

	s = mheap_try_alloc(h, want, FIT_WHOLE, gfp);
	if (s)
		return s;
	/* @sys_pages is racy; it only chooses the order. */
	grown = mheap_grow_opportunistic(max(whole, mheap_grow_order(READ_ONCE(h->sys_pages))),
					 whole, nid, gfp);
	if (grown)
		return mheap_try_alloc(grown, want, FIT_LAST_LOOK, gfp);
	s = mheap_try_alloc(h, want, FIT_SHORT, gfp);
	if (s || least == whole)
		return s;
	grown = mheap_grow_opportunistic(whole - 1, least, nid, gfp);
	return grown ? mheap_try_alloc(grown, want, FIT_LAST_LOOK, gfp) : NULL;
}

/**
 * gom_mheap_alloc - allocate a span of pages
 * @want: its class, length, shortest length and alignment
 * @nid: preferred node
 * @gfp: how to get memory
 *
 * Memory is tried in this order: pages of @nid that need neither reclaim nor
 * reserves; free runs of other nodes; and last, with all that @gfp allows, as
 * few pages as will do.  So reclaim and reserves serve this request only, and a
 * full node does not fill other nodes.  In the place of a node without memory
 * the nearest one with memory is tried, unless @gfp has __GFP_THISNODE.
 *
 * The caller writes the page map entries, the record's bitmap and its state.
 *
 * Context: any but NMI, no lock held; may sleep if @gfp allows it.
 * Return: the span, BUSY, of @want->least to @want->npages pages; NULL if there
 * is no memory.
 */
struct gom_span *gom_mheap_alloc(const struct gom_run_request *want, int nid, gfp_t gfp)
{
	const unsigned int least = get_order((size_t)want->least << PAGE_SHIFT);
	struct gom_span *s;

	if (gom_should_fail((size_t)want->npages << PAGE_SHIFT, gfp))
		return NULL;
	nid = gom_request_node(nid, gfp);
	s = mheap_alloc_local(want, nid, gfp);
	if (!s && nr_node_ids > 1 && !(gfp & __GFP_THISNODE))
		s = mheap_alloc_other_nodes(want, nid, gfp);
	if (!s)
		s = mheap_try_alloc(gom_mheaps[nid], want, FIT_LAST_LOOK, gfp);
	while (!s) {
		int node = mheap_grow(least, nid, gfp);

		if (node < 0)
			return NULL;
		/*
		 * Another CPU may have taken the pages; if so, grow again.
		 * They may have been merged into a run that is not among the
		 * first.
		 */
		s = mheap_try_alloc(gom_mheaps[node], want, FIT_LAST_LOOK, gfp);
	}
	return IS_ERR(s) ? NULL : s;
}

/**
 * gom_mheap_alloc_direct - allocate a large object that bypasses the heap
 * @npages: pages
 * @nid: preferred node
 * @gfp: how to get memory, zone included
 *
 * For memory of a zone, which should not serve requests without one.  When it
 * is freed, its pages go back to the page allocator at once.
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

	nid = online_node_or_local(gom_request_node(nid, gfp), gfp);
	page = nid == NUMA_NO_NODE ? NULL : alloc_pages_node(nid, gfp, order);
	if (!page)
		return NULL;
	split_page(page, order);
	gom_pages_own(page, 1U << order);
	s = span_adopt_pages(page, npages, gfp & ~__GFP_DMA);
	if (!s) {
		pages_free_singly(page_address(page), 1U << order);
		return NULL;
	}
	pages_free_singly(gom_span_end(s), (1U << order) - npages);
	s->direct = 1;
	h = gom_mheaps[s->nid];
	atomic_long_add(npages, &h->moving_pages);
	gom_pagemap_mark(s, GOM_SLOT_OFF(GOM_SLOT_IDLE));
	spin_lock_irqsave(&h->lock, flags);
	growth_account_locked(h, npages);
	gom_pagemap_set_span(s->base, s);
	h->large_mallocs++;
	h->large_pages += npages;
	spin_unlock_irqrestore(&h->lock, flags);
	return s;
}

/*
 * Free @npages to the page allocator.  The caller has removed them from all
 * lists and added them to moving_pages.
 */
static void mheap_pages_release(struct gom_mheap *h, void *start, unsigned int npages)
{
	unsigned long flags;

	trace_gom_heap_release(0, start, npages, h->nid);
	gom_pagemap_unmark(start, npages);
	pages_free_singly(start, npages);
	spin_lock_irqsave(&h->lock, flags);
	atomic_long_sub(npages, &h->moving_pages);
	h->sys_pages -= npages;
	h->released_pages += npages;
	spin_unlock_irqrestore(&h->lock, flags);
}

/**
 * gom_mheap_free - free a span
 * @s: the span, BUSY, on no list, owned by the caller, not a direct one
 *
 * Its pages become a free run, its record is freed with it.
 *
 * Context: any but NMI, no lock held.  Needs no memory.
 */
void gom_mheap_free(struct gom_span *s)
{
	struct gom_mheap *h = gom_mheaps[s->nid];
	unsigned long flags;

	trace_gom_span_free(s->class, s->base, s->npages, s->nid);
	gom_span_exit_objects(s);
	s->zeroed = 0;
	gom_pagemap_mark(s, GOM_SLOT_OFF(GOM_SLOT_IDLE));
	spin_lock_irqsave(&h->lock, flags);
	run_free_locked(h, s);
	spin_unlock_irqrestore(&h->lock, flags);
	gom_scavenger_wake();
}

/*
 * Take the LARGE span @s out of use.  Returns true if its pages stay in the
 * heap, false if the caller must free them to the page allocator.
 */
static bool large_span_free_locked(struct gom_mheap *h, struct gom_span *s)
{
	s->state = GOM_SPAN_BUSY;
	h->large_frees++;
	h->large_pages -= s->npages;
	gom_pagemap_mark(s, GOM_SLOT_OFF(GOM_SLOT_IDLE));
	if (s->direct) {
		gom_pagemap_set_span(s->base, NULL);
		atomic_long_add(s->npages, &h->moving_pages);
		return false;
	}
	s->zeroed = 0;
	run_free_locked(h, s);
	return true;
}

/**
 * gom_mheap_free_large - free the large object that begins at an address
 * @at: place of the address, in a page whose slot is GOM_SLOT_LARGE
 *
 * Detects a double free: the span's state changes under the lock, so the second
 * of two calls fails.
 *
 * Context: any but NMI, no lock held.  Needs no memory.
 * Return: false if no large object begins there.
 */
bool gom_mheap_free_large(const struct gom_place *at)
{
	struct gom_span *s = at->span;
	struct gom_mheap *h = gom_mheaps[s->nid];
	bool found, kept = false;
	unsigned int npages = 0;
	unsigned long flags;

	spin_lock_irqsave(&h->lock, flags);
	/* Freed since it was looked up, the record may be another span's. */
	found = s->state == GOM_SPAN_LARGE && s->base == at->p && s->nid == h->nid;
	if (found) {
		npages = s->npages;
		kept = large_span_free_locked(h, s);
	}
	spin_unlock_irqrestore(&h->lock, flags);
	if (found)
		trace_gom_span_free(0, at->p, npages, h->nid);
	if (kept)
		gom_scavenger_wake();
	if (!found || kept)
		return found;
	mheap_pages_release(h, s->base, npages);
	spin_lock_irqsave(&h->lock, flags);
	gom_span_record_free(h->records, s);
	spin_unlock_irqrestore(&h->lock, flags);
	return true;
}

/**
 * gom_mheap_trim - free the tail of a large object
 * @s: its span, owned by the caller
 * @npages: pages to keep, at least one and fewer than it has
 * @gfp: how to get memory for a record
 *
 * Context: any but NMI, no lock held; may sleep if @gfp allows it.
 * Return: false, with nothing done, if the span is a direct one or there is no
 * memory for a record.
 */
bool gom_mheap_trim(struct gom_span *s, unsigned int npages, gfp_t gfp)
{
	struct gom_mheap *h = gom_mheaps[s->nid];
	struct gom_span *tail;
	unsigned long flags;

	if (s->direct)
		return false;
	tail = span_record_alloc(h, gfp);
	if (!tail)
		return false;
	tail->base = s->base + ((size_t)npages << PAGE_SHIFT);
	tail->npages = s->npages - npages;
	tail->nid = s->nid;
	spin_lock_irqsave(&h->lock, flags);
	h->large_pages -= tail->npages;
	s->npages = npages;
	gom_pagemap_mark(tail, GOM_SLOT_OFF(GOM_SLOT_IDLE));
	run_free_locked(h, tail);
	spin_unlock_irqrestore(&h->lock, flags);
	gom_scavenger_wake();
	return true;
}

/* Bytes of span records in use, on all nodes.  Racy. */
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

/* The low-water mark of @nid's idle pages since the last call; resets it. */
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
 * Take up to @want pages from the end of a longest free run.  Returns their
 * number, and in *@start the first of them.
 */
static unsigned int run_detach_pages(struct gom_mheap *h, unsigned int want, void **start)
{
	struct gom_span *r;
	unsigned long flags, bin;
	unsigned int npages = 0;

	spin_lock_irqsave(&h->lock, flags);
	bin = find_last_bit(h->nonempty, GOM_HEAP_BINS);
	if (bin < GOM_HEAP_BINS) {
		r = hlist_entry(h->bin[bin].first, struct gom_span, run);
		npages = min(r->npages, want);
		run_unlink_locked(h, r);
		atomic_long_add(npages, &h->moving_pages);
		gom_pagemap_set_span(run_last_page(r), NULL);
		r->npages -= npages;
		*start = gom_span_end(r);
		if (r->npages) {
			gom_pagemap_set_span(run_last_page(r), r);
			run_link_locked(h, r);
		} else {
			gom_pagemap_set_span(r->base, NULL);
			gom_span_record_free(h->records, r);
		}
		if (time_after(jiffies, h->released_at + HZ))
			h->released_recently = 0;
		h->released_recently += npages;
		h->released_at = jiffies;
	}
	spin_unlock_irqrestore(&h->lock, flags);
	return npages;
}

/**
 * gom_mheap_release_node - release idle pages of a node to the page allocator
 * @nid: the node
 * @nr_pages: maximum number of pages
 *
 * Context: any but NMI, no lock held.
 * Return: number of pages released.
 */
unsigned long gom_mheap_release_node(int nid, unsigned long nr_pages)
{
	unsigned long released = 0;
	unsigned int npages;
	void *start;

	while (released < nr_pages) {
		npages = min(nr_pages - released, (unsigned long)GOM_REGION_PAGES);
		npages = run_detach_pages(gom_mheaps[nid], npages, &start);
		if (!npages)
			break;
		mheap_pages_release(gom_mheaps[nid], start, npages);
		released += npages;
	}
	return released;
}

/**
 * gom_mheap_release - release idle pages of all nodes to the page allocator
 * @nr_pages: maximum number of pages
 *
 * Context: task, no lock held; may sleep.
 * Return: number of pages released.
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

/*
 * Module exit: release all pages but those with objects in use.  Code that still
 * has a pointer to one, or frees it by the kernel's kfree(), must not meet
 * somebody else's memory; so these stay allocated for ever.
 */
void gom_mheap_exit(void)
{
	unsigned long kept = 0, held = 0;
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
			gom_span_kmemleak_free(s);
			kept += s->npages;
		}
		cond_resched();
	}
	for_each_gom_node(nid)
		held += gom_mheaps[nid]->sys_pages;
	WARN_ON_ONCE(held != kept);
}
