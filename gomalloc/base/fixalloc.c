// SPDX-License-Identifier: GPL-2.0
/*
 * FixAlloc (Go: mfixalloc.go): freelists of fixed-size records, refilled in
 * blocks from the persistent allocator.
 *
 * A record is never freed to the system and never changes its type while the
 * module is loaded.  A stale pointer to one, as the slow path of an invalid
 * free may hold, reads an old record or another one of the same type, never
 * foreign memory.
 *
 * The owner's lock protects a freelist.  When it is empty, the owner drops the
 * lock, calls gom_fixalloc_block(), and adds the block with
 * gom_fixalloc_carve() under the lock.
 */
#include <linux/minmax.h>
#include <linux/mm.h>

#include "base/fault.h"
#include "base/fixalloc.h"
#include "base/persistent.h"

/*
 * Go allocates 16 KiB at a time, which is too much for a dozen types of
 * records.  With the header of the persistent allocator this is one page, and
 * fragmented memory may have nothing longer.
 */
#define BLOCK_BYTES	((4U << 10) - 128)
#define BLOCK_RECORDS	8U

void gom_fixalloc_init(struct gom_fixalloc *f, unsigned int size, enum gom_stat stat)
{
	f->free = NULL;
	f->size = ALIGN(size, sizeof(void *));
	f->stat = stat;
	f->inuse = 0;
}

static unsigned int fixalloc_block_records(const struct gom_fixalloc *f)
{
	return max(BLOCK_BYTES / f->size, BLOCK_RECORDS);
}

/* The size of the block that gom_fixalloc_block() asks for first. */
size_t gom_fixalloc_block_bytes(const struct gom_fixalloc *f)
{
	return (size_t)fixalloc_block_records(f) * f->size;
}

static void *fixalloc_block_alloc(const struct gom_fixalloc *f, unsigned int n, gfp_t gfp)
{
	unsigned int align = min_t(unsigned int, SMP_CACHE_BYTES, f->size & -f->size);
	unsigned int *block = gom_persistent_alloc_gfp((size_t)n * f->size, align, f->stat, gfp);

	/* For gom_fixalloc_carve(): the number of records in the block. */
	if (block)
		*block = n;
	return block;
}

/*
 * Allocate a block of records.  If there is no memory for BLOCK_RECORDS of
 * them, allocate as many as fit one page, but at least one.
 *
 * Context: no lock held; may sleep if @gfp allows it.
 */
void *gom_fixalloc_block(const struct gom_fixalloc *f, gfp_t gfp)
{
	const unsigned int many = fixalloc_block_records(f), few = max(BLOCK_BYTES / f->size, 1U);
	void *block = NULL;

	if (gom_should_fail(gom_fixalloc_block_bytes(f), gfp))
		return NULL;
	if (many > few)
		block = fixalloc_block_alloc(f, many, gom_gfp_light(gfp));
	return block ?: fixalloc_block_alloc(f, few, gfp);
}

/*
 * Cut @block into records and add them to the freelist.  The owner's lock is
 * held.
 */
void gom_fixalloc_carve(struct gom_fixalloc *f, void *block)
{
	unsigned int n = *(unsigned int *)block;

	for (; n--; block += f->size) {
		*(void **)block = f->free;
		f->free = block;
	}
}
