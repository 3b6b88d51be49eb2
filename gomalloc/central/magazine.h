/* SPDX-License-Identifier: GPL-2.0 */
/*
 * Magazines: arrays of pointers to free objects of one class, in which objects
 * move between the per-CPU caches and mcentral (Bonwick and Adams 2001).
 *
 * @obj is a stack that grows upwards.  The word below it is NULL, so the fast
 * path pops without testing for an empty magazine first: it gets NULL.
 *
 * A magazine belongs to the cache it is loaded in, to the context that moves
 * it, or, under its lock, to a depot.
 */
#ifndef GOM_MAGAZINE_H
#define GOM_MAGAZINE_H

#include <linux/gfp.h>
#include <linux/llist.h>
#include <linux/log2.h>
#include <linux/minmax.h>
#include <linux/types.h>

#include "base/compat.h"
#include "base/sizeclass.h"

/**
 * struct gom_magazine - a stack of free objects
 * @next: next in an mcentral's depot, or in a list of the owner's
 * @node: in a list of magazines that CPUs hand over to another CPU
 * @nr: number of objects; stale while loaded in a cache
 * @class: class of the objects
 * @freelist: freelist to delete it to; its class may have another size by then
 * @bottom: always NULL
 * @obj: the objects; at most the class's mag_size
 */
struct gom_magazine {
	union {
		struct gom_magazine *next;
		struct llist_node node;
	};
	unsigned short nr;
	unsigned short class : 12;
	unsigned short freelist : 4;
	void *bottom;
	void *obj[];
};

/*
 * For memory that a free can do without.  A free may be called under any lock,
 * where kswapd must not be woken, and by tasks that reclaim memory.
 */
#define GOM_FREE_GFP	(__GFP_NOWARN | __GFP_NOMEMALLOC)

/* For a magazine that an allocation of @gfp can do without: no reserves. */
static inline gfp_t gom_magazine_gfp(gfp_t gfp)
{
	return (gfp & ~(__GFP_HIGH | __GFP_MEMALLOC | __GFP_NOFAIL | GOM_GFP_ATOMIC)) |
	       __GFP_NOMEMALLOC | __GFP_NOWARN;
}

/* Freelists by magazine size: 64 bytes, 128, ... */
#define GOM_MAGAZINE_MIN_BYTES	64U
#define GOM_MAGAZINE_MAX_BYTES	(sizeof(struct gom_magazine) + GOM_MAGAZINE_MAX * sizeof(void *))
#define GOM_MAGAZINE_FREELISTS						\
	(const_ilog2(GOM_MAGAZINE_MAX_BYTES / GOM_MAGAZINE_MIN_BYTES) + 1)

unsigned int gom_magazine_freelist(unsigned int class);
unsigned long gom_magazine_inuse(unsigned int freelist);
struct gom_magazine *gom_magazine_new(unsigned int class, gfp_t gfp);
void gom_magazine_delete(struct gom_magazine *mag);
unsigned long gom_magazine_bytes(void);
void gom_magazine_init(void);

#endif /* GOM_MAGAZINE_H */
