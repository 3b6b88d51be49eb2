/* SPDX-License-Identifier: GPL-2.0 */
/* FixAlloc: freelists of fixed-size records for the allocator's metadata. */
#ifndef GOM_FIXALLOC_H
#define GOM_FIXALLOC_H

#include "gomalloc.h"

/**
 * struct gom_fixalloc - a freelist of records of one size
 * @free: free records, linked through their first word
 * @size: bytes per record, a multiple of a pointer's size
 * @stat: name under which the records' bytes are accounted
 * @inuse: records allocated and not freed
 *
 * Protected by a lock of its owner.
 */
struct gom_fixalloc {
	void *free;
	unsigned int size;
	enum gom_stat stat;
	unsigned long inuse;
};

void gom_fixalloc_init(struct gom_fixalloc *f, unsigned int size, enum gom_stat stat);
size_t gom_fixalloc_block_bytes(const struct gom_fixalloc *f);
void *gom_fixalloc_block(const struct gom_fixalloc *f, gfp_t gfp);
void gom_fixalloc_carve(struct gom_fixalloc *f, void *block);

/*
 * Pop a record, its contents undefined.  NULL if the freelist is empty and
 * needs a block.  The owner's lock is held.
 */
static inline void *gom_fixalloc_alloc(struct gom_fixalloc *f)
{
	void *record = f->free;

	if (record) {
		f->free = *(void **)record;
		f->inuse++;
	}
	return record;
}

static inline void gom_fixalloc_free(struct gom_fixalloc *f, void *record)
{
	*(void **)record = f->free;
	f->free = record;
	f->inuse--;
}

#endif /* GOM_FIXALLOC_H */
