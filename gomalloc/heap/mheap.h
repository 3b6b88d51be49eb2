/* SPDX-License-Identifier: GPL-2.0 */
/* The heap: for each NUMA node, the runs of pages we hold (Go: MHeap). */
#ifndef GOM_MHEAP_H
#define GOM_MHEAP_H

#include <linux/atomic.h>
#include <linux/list.h>
#include <linux/log2.h>
#include <linux/nodemask.h>
#include <linux/spinlock.h>
#include <linux/topology.h>

#include "base/compat.h"
#include "base/persistent.h"
#include "heap/pagemap.h"
#include "heap/span.h"

/*
 * The heap grows by a part of what it holds, as what it has just got and nobody uses
 * yet is waste; from 64 KiB up to Go's HeapAllocChunk, 1 MiB.
 */
#define GOM_HEAP_GROW_PART	256U
#define GOM_HEAP_GROW_MIN	(16 - PAGE_SHIFT)	/* orders */
#define GOM_HEAP_GROW_MAX	(20 - PAGE_SHIFT)
/*
 * Free runs by length in pages: a bin for each length below GOM_HEAP_EXACT, then one
 * for each power of two that has runs of so many pages and less than twice as many.
 */
#define GOM_HEAP_EXACT		GOM_REGION_PAGES
#define GOM_HEAP_BINS		(GOM_HEAP_EXACT + BITS_PER_TYPE(unsigned int) -		\
				 const_ilog2(GOM_HEAP_EXACT))

/**
 * struct gom_mheap - the pages of one node
 * @lock: protects all below, the states of free runs, and the span records in
 *	the page map; taken with no other lock held, and holding it none is taken
 * @nid: the node
 * @bin: free runs by length in pages (gom_heap_bin())
 * @nonempty: a bit for each bin
 * @runs: how many there are in each
 * @sys_pages: pages held, in use and idle
 * @moving_pages: pages between us and the page allocator: accounted here, or in the page
 *	map, and not in the other; for the consistency check
 * @idle_pages: pages in free runs
 * @idle_low: the least there were since somebody last asked
 * @surplus: pages that the scavenger may give back if they stay idle; its alone
 * @grown_pages: pages taken from the page allocator since load
 * @released_pages: pages given back to it since load
 * @grows: times that pages were taken
 * @refaults: pages taken within a second after as many were given back
 * @given_back: pages that would count as such
 * @given_at: when they were given back, in jiffies
 * @large_mallocs: large objects allocated since load
 * @large_frees: large objects freed since load
 * @large_pages: pages of large objects now
 * @records: freelists of span records
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
	unsigned long given_back;
	unsigned long given_at;
	u64 large_mallocs;
	u64 large_frees;
	unsigned long large_pages;
	struct gom_fixalloc records[GOM_SPAN_FREELISTS];
};

extern struct gom_mheap **gom_mheaps;	/* by node; NULL if there can be no such node */

/* Which bin a free run of @npages is in. */
static inline unsigned int gom_heap_bin(unsigned int npages)
{
	if (npages < GOM_HEAP_EXACT)
		return npages;
	return GOM_HEAP_EXACT + ilog2(npages) - const_ilog2(GOM_HEAP_EXACT);
}

/*
 * Every possible node has a heap from the start, so that memory may come to a
 * node that had none, and a node may come online, at any time.  The kernel's own
 * for_each_node() looks at all bits of a mask of 1024 where there is one node.
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

/* @nid if it is a node there may be; else the nearest one with memory. */
static inline int gom_known_node(int nid)
{
	if (likely(nid >= 0 && nid < nr_node_ids && gom_mheaps[nid]))
		return nid;
	return numa_mem_id();
}

/**
 * struct gom_run_request - a run of pages that somebody wants
 * @class: class of the objects it will be cut into; 0 for a large object
 * @npages: pages wanted
 * @least: pages that will do if there is no longer run; @npages if fewer will not
 * @align: alignment of the first page, in pages: a power of two, not above @least
 *	rounded up to one
 */
struct gom_run_request {
	unsigned int class;
	unsigned int npages;
	unsigned int least;
	unsigned int align;
};

extern unsigned int gom_heap_max_order;	/* for tests: blocks of a higher order are not to be had */

int gom_nearest_node(int nid, const nodemask_t *seen);
int gom_mheap_init(void);
struct gom_span *gom_mheap_alloc(const struct gom_run_request *want, int nid, gfp_t gfp);
struct gom_span *gom_mheap_alloc_direct(unsigned int npages, int nid, gfp_t gfp);
void gom_mheap_free(struct gom_span *s);
bool gom_mheap_free_large(const void *p);
bool gom_mheap_trim(struct gom_span *s, unsigned int npages, gfp_t gfp);
unsigned long gom_mheap_record_bytes(void);
unsigned long gom_mheap_idle_low(int nid);
unsigned long gom_mheap_release_node(int nid, unsigned long nr_pages);
unsigned long gom_mheap_release(unsigned long nr_pages);
void gom_mheap_exit(void);

#endif /* GOM_MHEAP_H */
