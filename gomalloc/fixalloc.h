/* SPDX-License-Identifier: GPL-2.0 */
/* FixAlloc: records of one size for the allocator's own structures. */
#ifndef GOM_FIXALLOC_H
#define GOM_FIXALLOC_H

#include <linux/spinlock.h>

#include "gomalloc.h"

/**
 * struct gom_fixalloc - a supply of records of one size
 * @lock: protects @free, @inuse and @blocks; innermost
 * @free: records that were freed, linked through their first word
 * @size: bytes per record, a multiple of a pointer's size
 * @stat: where the records' bytes are booked
 * @inuse: records handed out
 * @blocks: blocks taken from the persistent allocator
 */
struct gom_fixalloc {
	spinlock_t lock;
	void *free;
	unsigned int size;
	enum gom_stat stat;
	unsigned long inuse;
	unsigned long blocks;
};

void gom_fixalloc_init(struct gom_fixalloc *f, unsigned int size, enum gom_stat stat);
void *gom_fixalloc_alloc(struct gom_fixalloc *f, gfp_t gfp);
void gom_fixalloc_free(struct gom_fixalloc *f, void *record);

#endif /* GOM_FIXALLOC_H */
