// SPDX-License-Identifier: GPL-2.0
/*
 * FixAlloc (Go: mfixalloc.go): free lists of records of one size, fed in blocks
 * from the persistent allocator.
 *
 * A record once made stays a record of its kind for as long as the module
 * lives.  Whoever follows a stale pointer to one, as the slow path of a wrong
 * free can, reads an old record or another of the same kind, never foreign
 * memory.
 *
 * Taking and giving are done under a lock of the owner; when there is nothing
 * to take he drops it, gets a block here, and carves it under the lock.
 */
#include <linux/minmax.h>
#include <linux/mm.h>

#include "base/fault.h"
#include "base/fixalloc.h"
#include "base/persistent.h"

/*
 * Go takes 16 KiB at a time; with a dozen kinds of records that is too eager.  With
 * what the persistent allocator adds it is one page, which is all that fragmented
 * memory may have.
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

static unsigned int records_in_block(const struct gom_fixalloc *f)
{
	return max(BLOCK_BYTES / f->size, BLOCK_RECORDS);
}

/* Bytes that gom_fixalloc_block() takes. */
size_t gom_fixalloc_block_bytes(const struct gom_fixalloc *f)
{
	return (size_t)records_in_block(f) * f->size;
}

static void *new_block(const struct gom_fixalloc *f, unsigned int n, gfp_t gfp)
{
	unsigned int align = min_t(unsigned int, SMP_CACHE_BYTES, f->size & -f->size);
	unsigned int *block = gom_persistent_alloc_gfp((size_t)n * f->size, align, f->stat, gfp);

	/* Until it is carved it says how many records are in it. */
	if (block)
		*block = n;
	return block;
}

/*
 * Memory for some records, or for fewer if there is no more.  No lock held; may sleep
 * if @gfp allows it.
 */
void *gom_fixalloc_block(const struct gom_fixalloc *f, gfp_t gfp)
{
	const unsigned int many = records_in_block(f), few = max(BLOCK_BYTES / f->size, 1U);
	void *block = NULL;

	if (gom_should_fail(gom_fixalloc_block_bytes(f), gfp))
		return NULL;
	if (many > few)
		block = new_block(f, many, gom_gfp_polite(gfp));
	return block ?: new_block(f, few, gfp);
}

/* Make records of @block.  Under the owner's lock. */
void gom_fixalloc_carve(struct gom_fixalloc *f, void *block)
{
	unsigned int n = *(unsigned int *)block;

	for (; n--; block += f->size) {
		*(void **)block = f->free;
		f->free = block;
	}
}
