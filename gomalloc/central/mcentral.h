/* SPDX-License-Identifier: GPL-2.0 */
/*
 * mcentral: for each node and class, what lies between the per-CPU caches and
 * the heap (Go: MCentral): spans that have free objects, and a depot of full
 * and empty magazines.
 */
#ifndef GOM_MCENTRAL_H
#define GOM_MCENTRAL_H

#include <linux/atomic.h>
#include <linux/list.h>
#include <linux/spinlock.h>

#include "central/magazine.h"
#include "heap/span.h"

/**
 * struct gom_mcentral - free objects of one class on one node
 * @lock: protects all below and the objects' bits in the spans; taken with no
 *	other lock held, and holding it none is taken
 * @spans: spans with objects free in them
 * @full: depot of magazines with objects
 * @nr_full: how many
 * @max_full: how many it may hold; above, objects go back to their spans
 * @empty: depot of magazines without
 * @nr_empty: how many, bounded by @max_full too
 * @nr_spans: spans there are, those without a free object included; no lock
 * @nr_pages: pages of these; no lock
 * @mallocs: objects allocated past the caches
 * @frees: objects freed past the caches
 * @double_frees: objects that came back twice: counted as freed, here or in a
 *	cache, though they were not
 * @depot_hits: refills served by a full magazine
 * @carves: refills served from spans
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

extern struct gom_mcentral **gom_mcentrals;	/* by node, each by class */

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
bool gom_mcentral_try_free(unsigned int class, const void *p, unsigned long caller);
void *gom_mcentral_try_alloc(unsigned int class, int nid);
void *gom_mcentral_alloc(unsigned int class, int nid, gfp_t gfp);
void gom_mcentral_free(unsigned int class, const void *p, unsigned long caller);
unsigned long gom_mcentral_depot_bytes(int nid);
void gom_mcentral_drain_node(int nid);
void gom_mcentral_drain(void);

#endif /* GOM_MCENTRAL_H */
