// SPDX-License-Identifier: GPL-2.0
/*
 * Magazines: their allocation.  There is one freelist for each size, a power of
 * two.  Most magazines are exchanged through mcentral's depots, so a single
 * lock for all freelists is rarely contended.
 *
 * Context: any but NMI, no lock held.  magazine_lock is innermost, taken with
 * interrupts off, and held for a few instructions or to carve one block.
 */
#include <linux/log2.h>
#include <linux/overflow.h>
#include <linux/spinlock.h>

#include "base/class.h"
#include "base/compat.h"
#include "base/fault.h"
#include "base/fixalloc.h"
#include "base/sizeclass.h"
#include "central/magazine.h"

static DEFINE_SPINLOCK(magazine_lock);	/* protects magazine_freelists */
static struct gom_fixalloc magazine_freelists[GOM_MAGAZINE_FREELISTS];

void gom_magazine_init(void)
{
	unsigned int i;

	for (i = 0; i < GOM_MAGAZINE_FREELISTS; i++)
		gom_fixalloc_init(&magazine_freelists[i], GOM_MAGAZINE_MIN_BYTES << i,
				  GOM_MCACHE_SYS);
}

/* The freelist of the magazines of @class. */
unsigned int gom_magazine_freelist(unsigned int class)
{
	size_t bytes = struct_size((struct gom_magazine *)NULL, obj, gom_class(class)->mag_size);

	if (bytes <= GOM_MAGAZINE_MIN_BYTES)
		return 0;
	return order_base_2(DIV_ROUND_UP(bytes, GOM_MAGAZINE_MIN_BYTES));
}

/* Magazines of @freelist that are in a cache, in a depot, or between them. */
unsigned long gom_magazine_inuse(unsigned int freelist)
{
	return READ_ONCE(magazine_freelists[freelist].inuse);
}

static_assert(GOM_MAGAZINE_FREELISTS <= 1U << 4);
static_assert(GOM_NR_SPAN_CLASSES + GOM_MAX_CACHE_CLASSES <= 1U << 12);

static void *magazine_record_alloc(struct gom_fixalloc *f, void *block)
{
	unsigned long flags;
	void *record;

	spin_lock_irqsave(&magazine_lock, flags);
	if (block)
		gom_fixalloc_carve(f, block);
	record = gom_fixalloc_alloc(f);
	spin_unlock_irqrestore(&magazine_lock, flags);
	return record;
}

/* Allocate an empty magazine; NULL if there is no memory. */
struct gom_magazine *gom_magazine_new(unsigned int class, gfp_t gfp)
{
	const unsigned int freelist = gom_magazine_freelist(class);
	struct gom_fixalloc *f = &magazine_freelists[freelist];
	struct gom_magazine *mag;
	void *block;

	if (gom_test_point(GOM_AT_MAGAZINE, freelist, gfp))
		return NULL;
	mag = magazine_record_alloc(f, NULL);
	if (!mag) {
		block = gom_fixalloc_block(f, gfp);
		if (!block)
			return NULL;
		mag = magazine_record_alloc(f, block);
	}
	mag->next = NULL;
	mag->nr = 0;
	mag->class = class;
	mag->freelist = freelist;
	mag->bottom = NULL;
	return mag;
}
GOM_EXPORT_FOR_TEST(gom_magazine_new);

void gom_magazine_delete(struct gom_magazine *mag)
{
	unsigned long flags;

	spin_lock_irqsave(&magazine_lock, flags);
	gom_fixalloc_free(&magazine_freelists[mag->freelist], mag);
	spin_unlock_irqrestore(&magazine_lock, flags);
}

/* Bytes of magazines in use, of all sizes. */
unsigned long gom_magazine_bytes(void)
{
	unsigned long bytes = 0;
	unsigned int i;

	for (i = 0; i < GOM_MAGAZINE_FREELISTS; i++)
		bytes += READ_ONCE(magazine_freelists[i].inuse) * magazine_freelists[i].size;
	return bytes;
}
GOM_EXPORT_FOR_TEST(gom_magazine_bytes);
