// SPDX-License-Identifier: GPL-2.0
/*
 * FixAlloc (Go: mfixalloc.go): a free list of records of one size, fed from the
 * persistent allocator.
 *
 * A freed record stays a record of its kind for as long as the module lives.
 * Whoever follows a stale pointer to one, as the slow path of a wrong free can,
 * reads an old record or another of the same kind, never foreign memory.
 *
 * Context: any but NMI; the lock is held for a few instructions, or to cut up
 * one block.  Memory is taken with the lock dropped.
 */
#include <linux/mm.h>
#include <linux/string.h>

#include "fixalloc.h"
#include "persistent.h"

/* Go takes 16 KiB at a time; with a dozen kinds of records that is too eager. */
#define BLOCK_BYTES	(4U << 10)
#define BLOCK_RECORDS	8U

void gom_fixalloc_init(struct gom_fixalloc *f, unsigned int size, enum gom_stat stat)
{
	spin_lock_init(&f->lock);
	f->free = NULL;
	f->size = ALIGN(size, sizeof(void *));
	f->stat = stat;
	f->inuse = 0;
	f->blocks = 0;
}

static void *pop(struct gom_fixalloc *f)
{
	void *record = f->free;

	if (record) {
		f->free = *(void **)record;
		f->inuse++;
	}
	return record;
}

static void carve(struct gom_fixalloc *f, char *block, unsigned int records)
{
	while (records--) {
		*(void **)block = f->free;
		f->free = block;
		block += f->size;
	}
	f->blocks++;
}

/* A record, its contents undefined but for being a record; NULL if no memory. */
void *gom_fixalloc_alloc(struct gom_fixalloc *f, gfp_t gfp)
{
	unsigned int records = max(BLOCK_BYTES / f->size, BLOCK_RECORDS);
	unsigned int align = min_t(unsigned int, 64, f->size & -f->size);
	unsigned long flags;
	void *record, *block;

	spin_lock_irqsave(&f->lock, flags);
	record = pop(f);
	spin_unlock_irqrestore(&f->lock, flags);
	if (record)
		return record;

	block = gom_persistent_alloc_gfp((size_t)records * f->size, align, f->stat, gfp);
	if (!block)
		return NULL;

	spin_lock_irqsave(&f->lock, flags);
	carve(f, block, records);
	record = pop(f);
	spin_unlock_irqrestore(&f->lock, flags);
	return record;
}

void gom_fixalloc_free(struct gom_fixalloc *f, void *record)
{
	unsigned long flags;

	spin_lock_irqsave(&f->lock, flags);
	*(void **)record = f->free;
	f->free = record;
	f->inuse--;
	spin_unlock_irqrestore(&f->lock, flags);
}
