/* SPDX-License-Identifier: GPL-2.0 */
/*
 * mcentral: for each node and class, the layer between the per-CPU caches and
 * the heap (Go: MCentral).  It has the spans with free objects, and a depot of
 * full and empty magazines.
 */
#ifndef GOM_MCENTRAL_H
#define GOM_MCENTRAL_H

#include <linux/atomic.h>
#include <linux/list.h>
#include <linux/spinlock.h>

#include "central/magazine.h"
#include "heap/pagemap.h"
#include "heap/span.h"

/**
 * struct gom_mcentral - free objects of one class on one node
 * @lock: protects all below, and the bitmaps of the spans.  No lock is held
 *	when it is taken, and none is taken inside it.
 * @spans: spans with free objects
 * @full: depot of magazines with objects
 * @nr_full: number of magazines in @full
 * @max_full: limit of @nr_full; above it, objects go back to their spans
 * @empty: depot of empty magazines
 * @nr_empty: number of magazines in @empty; @max_full is its limit, too
 * @nr_spans: spans of the class, those without a free object included; atomic
 * @nr_pages: pages of these; atomic
 * @mallocs: objects allocated without a cache
 * @frees: objects freed without a cache
 * @double_frees: double frees, each of which is counted in @frees, here or in a
 *	cache
 * @depot_hits: refills from a full magazine
 * @carves: refills from spans
 *
 * For each class, summed over all nodes and CPUs:
 *
 *	live == caches' (mallocs - frees) + mallocs - frees + double_frees
 *	objects in spans == free in spans + in magazines + live
 */
struct gom_mcentral {
	spinlock_t lock;
	struct list_head spans;
	struct gom_magazine *full;
	unsigned int nr_full;
	unsigned int max_full;
	struct gom_magazine *empty;
	unsigned int nr_empty;
	atomic_long_t nr_spans;
	atomic_long_t nr_pages;
	u64 mallocs;
	u64 frees;
	u64 double_frees;
	u64 depot_hits;
	u64 carves;
} ____cacheline_aligned_in_smp;

extern struct gom_mcentral **gom_mcentrals;	/* indexed by node, then by class */

int gom_mcentral_init(void);
struct gom_mcentral **gom_mcentral_new(const struct gom_class *cl);
void gom_mcentral_set_class(struct gom_mcentral *c, const struct gom_class *cl);
struct gom_mcentral *gom_mcentral_of(unsigned int class, int nid);
void gom_mcentral_drain_class(unsigned int class);
unsigned long gom_mcentral_spans(unsigned int class);
struct gom_magazine *gom_mcentral_refill(struct gom_magazine *empty, unsigned int want,
					 int nid, gfp_t gfp);
struct gom_magazine *gom_mcentral_exchange(struct gom_magazine *full);
void gom_mcentral_return(struct gom_magazine *mag);
bool gom_mcentral_try_free(const struct gom_place *at, unsigned long caller);
void *gom_mcentral_try_alloc(unsigned int class, int nid);
void *gom_mcentral_alloc(unsigned int class, int nid, gfp_t gfp);
void gom_mcentral_free(const struct gom_place *at, unsigned long caller);
unsigned long gom_mcentral_depot_bytes(int nid);
void gom_mcentral_drain_node(int nid);
void gom_mcentral_drain(void);

#endif /* GOM_MCENTRAL_H */
