/* SPDX-License-Identifier: GPL-2.0 */
/*
 * The heap: for each NUMA node, the page runs that gomalloc holds (Go: MHeap).
 * See mheap.c for contexts and locking.
 */
#ifndef GOM_MHEAP_H
#define GOM_MHEAP_H

#include <linux/atomic.h>
#include <linux/list.h>
#include <linux/log2.h>
#include <linux/nodemask.h>
#include <linux/spinlock.h>

#include "base/compat.h"
#include "base/node.h"
#include "base/persistent.h"
#include "heap/pagemap.h"
#include "heap/span.h"

/*
 * A heap grows in proportion to its size, by 1/GOM_HEAP_GROW_PART of it,
 * because a new block may stay partly unused.  At least by 64 KiB, at most by 1
 * MiB (Go's HeapAllocChunk).
 */
#define GOM_HEAP_GROW_PART	256U
#define GOM_HEAP_GROW_MIN	(16 - PAGE_SHIFT)	/* orders */
#define GOM_HEAP_GROW_MAX	(20 - PAGE_SHIFT)
/*
 * Bins of free runs: one for each length below GOM_HEAP_EXACT pages, then one
 * for each power of two n, with runs of n to 2n - 1 pages.
 */
#define GOM_HEAP_EXACT		GOM_REGION_PAGES
#define GOM_HEAP_BINS		(GOM_HEAP_EXACT + BITS_PER_TYPE(unsigned int) -		\
				 const_ilog2(GOM_HEAP_EXACT))

/**
 * struct gom_mheap - the pages of one node
 * @lock: protects all below, the states of free runs, and the span records in
 *	the page map.  No lock is held when it is taken, and none is taken
 *	inside it.
 * @nid: the node
 * @bin: free runs by length in pages, see gom_heap_bin()
 * @nonempty: one bit per bin, set if the bin has a run
 * @runs: number of runs per bin
 * @sys_pages: pages held, in use or idle
 * @moving_pages: pages on their way from or to the page allocator: counted in
 *	@sys_pages and not yet in the page map, or the reverse
 * @idle_pages: pages in free runs
 * @idle_low: lowest @idle_pages since gom_mheap_idle_low()
 * @surplus: pages to release if they stay idle; used by the scavenger only
 * @grown_pages: pages allocated from the page allocator since load
 * @released_pages: pages freed to it since load
 * @grows: number of allocations from it
 * @refaults: pages allocated within a second after as many were released
 * @released_recently: pages released recently, which would count in @refaults
 * @released_at: time of the last release, in jiffies
 * @large_mallocs: large objects allocated since load
 * @large_frees: large objects freed since load
 * @large_pages: pages of large objects now
 * @records: freelists of span records
 *
 * The counters obey, with the lock held:
 *
 *	idle_pages == sum of the lengths of all runs in all bins
 *	|sys_pages - pages in the page map| <= moving_pages
 *
 * Statistics are read without the lock; such reads are racy.
 */
struct gom_mheap {
	spinlock_t lock;
	int nid;
	DECLARE_BITMAP(nonempty, GOM_HEAP_BINS);
	struct hlist_head bin[GOM_HEAP_BINS];
	unsigned int runs[GOM_HEAP_BINS];
	unsigned long sys_pages;
	atomic_long_t moving_pages;
	unsigned long idle_pages;
	unsigned long idle_low;
	unsigned long surplus;
	u64 grown_pages;
	u64 released_pages;
	u64 grows;
	u64 refaults;
	unsigned long released_recently;
	unsigned long released_at;
	u64 large_mallocs;
	u64 large_frees;
	unsigned long large_pages;
	struct gom_fixalloc records[GOM_SPAN_FREELISTS];
};

extern struct gom_mheap **gom_mheaps;	/* indexed by node; NULL if the node is not possible */

/* The bin of a free run of @npages. */
static inline unsigned int gom_heap_bin(unsigned int npages)
{
	if (npages < GOM_HEAP_EXACT)
		return npages;
	return GOM_HEAP_EXACT + ilog2(npages) - const_ilog2(GOM_HEAP_EXACT);
}

/*
 * Every possible node has a heap from module load on, so that nodes and memory
 * can come online at any time.  for_each_node() is not used: it scans a mask of
 * 1024 bits on machines with a single node.
 */
static inline int gom_next_node(int nid)
{
	do {
		nid++;
	} while (nid < nr_node_ids && !gom_mheaps[nid]);
	return nid;
}

#define for_each_gom_node(nid)						\
	for ((nid) = gom_next_node(-1); (nid) < nr_node_ids; (nid) = gom_next_node(nid))

/* @nid if it is a possible node, else this CPU's nearest node with memory. */
static inline int gom_known_node(int nid)
{
	if (likely(nid >= 0 && nid < nr_node_ids && gom_mheaps[nid]))
		return nid;
	return gom_mem_node();
}

/*
 * The node to allocate from for a request for @nid: the nearest with memory,
 * unless @gfp insists on @nid.
 */
static inline int gom_request_node(int nid, gfp_t gfp)
{
	nid = gom_known_node(nid);
	return gfp & __GFP_THISNODE ? nid : gom_mem_node_of(nid);
}

/**
 * struct gom_run_request - a request for a run of pages
 * @class: class of the objects it will be cut into; 0 for a large object
 * @npages: pages wanted
 * @least: pages accepted if memory is fragmented; @npages to accept no less
 * @align: alignment of the first page, in pages; a power of two, at most @least
 *	rounded up to one
 */
struct gom_run_request {
	unsigned int class;
	unsigned int npages;
	unsigned int least;
	unsigned int align;
};

extern unsigned int gom_heap_max_order;	/* tests: blocks of a higher order fail */

int gom_nearest_node(int nid, const nodemask_t *seen);
int gom_mheap_init(void);
struct gom_span *gom_mheap_alloc(const struct gom_run_request *want, int nid, gfp_t gfp);
struct gom_span *gom_mheap_alloc_direct(unsigned int npages, int nid, gfp_t gfp);
void gom_mheap_free(struct gom_span *s);
bool gom_mheap_free_large(const struct gom_place *at);
bool gom_mheap_trim(struct gom_span *s, unsigned int npages, gfp_t gfp);
unsigned long gom_mheap_record_bytes(void);
unsigned long gom_mheap_idle_low(int nid);
unsigned long gom_mheap_release_node(int nid, unsigned long nr_pages);
unsigned long gom_mheap_release(unsigned long nr_pages);
void gom_mheap_exit(void);

#endif /* GOM_MHEAP_H */
