/* SPDX-License-Identifier: GPL-2.0 */
/*
 * Named caches: objects of one kind, with a constructor and flags (kmem_cache).
 */
#ifndef GOM_CACHE_H
#define GOM_CACHE_H

#include <linux/list.h>
#include <linux/seq_file.h>

#include "base/class.h"
#include "gomalloc.h"

#define GOM_CACHE_MAX_SIZE	(128U << 10)	/* bytes of an object */

/**
 * struct gom_cache - a named cache
 * @slot: slot of its class in each CPU's cache: all that the fast paths use
 * @size: bytes of an object, as requested
 * @class: number of its class, which other caches may share
 * @align: alignment of its objects in bytes
 * @zero: bytes that __GFP_ZERO clears; 0 with a constructor
 * @init: bytes that init_on_alloc=1 clears; as in SLUB, 0 also of objects that
 *	an RCU reader may read
 * @flags: SLAB_* flags, as requested
 * @list: entry in the list of caches, or of unused records
 * @name: name in debugfs; not necessarily unique
 */
struct gom_cache {
	struct gom_slot __percpu *slot;
	unsigned int size;
	unsigned int class;
	unsigned int align;
	unsigned int zero;
	unsigned int init;
	slab_flags_t flags;
	struct list_head list;
	char name[GOM_CACHE_NAME];
};

/**
 * struct gom_cache_stats - sums over all named caches, destroyed ones included
 * @mallocs: objects allocated
 * @frees: objects freed
 * @bytes: bytes of live objects
 */
struct gom_cache_stats {
	u64 mallocs;
	u64 frees;
	u64 bytes;
};

void *gom_cache_prepare(struct gom_cache *cache, void *p, gfp_t gfp, unsigned long caller);
void *gom_cache_alloc_slow(struct gom_cache *cache, gfp_t gfp, unsigned long caller);
void *gom_cache_alloc_with_page(struct gom_cache *cache, gfp_t gfp, unsigned long caller);
void gom_cache_free_slow(struct gom_cache *cache, const void *p, unsigned long caller);
void gom_cache_reset(void);
void gom_cache_read(struct gom_cache_stats *stats);
void gom_cache_show(struct seq_file *m);
void gom_cache_report_left(void);
void gom_cache_exit(void);

#endif /* GOM_CACHE_H */
