// SPDX-License-Identifier: GPL-2.0
/*
 * Magazines: where they come from.  One supply for each size, a power of two.
 * Most change hands in mcentral's depots, so one lock for all is not crowded.
 *
 * Context: any but NMI, no lock held; the lock is innermost and held for a few
 * instructions, or to cut up one block.
 */
#include <linux/log2.h>
#include <linux/overflow.h>
#include <linux/spinlock.h>

#include "base/class.h"
#include "base/compat.h"
#include "base/fixalloc.h"
#include "base/sizeclass.h"
#include "central/magazine.h"

static DEFINE_SPINLOCK(lock);	/* protects supplies */
static struct gom_fixalloc supplies[GOM_MAGAZINE_SUPPLIES];

void gom_magazine_init(void)
{
	unsigned int i;

	for (i = 0; i < GOM_MAGAZINE_SUPPLIES; i++)
		gom_fixalloc_init(&supplies[i], GOM_MAGAZINE_MIN_BYTES << i,
				  GOM_MCACHE_SYS);
}

/* Which supply has the magazines of @class. */
unsigned int gom_magazine_supply(unsigned int class)
{
	size_t bytes = struct_size((struct gom_magazine *)NULL, obj, gom_class(class)->mag_size);

	if (bytes <= GOM_MAGAZINE_MIN_BYTES)
		return 0;
	return order_base_2(DIV_ROUND_UP(bytes, GOM_MAGAZINE_MIN_BYTES));
}

/* Magazines of @supply that somebody has: a cache, a depot, or a task on its way. */
unsigned long gom_magazine_inuse(unsigned int supply)
{
	return READ_ONCE(supplies[supply].inuse);
}

static_assert(GOM_MAGAZINE_SUPPLIES <= 1U << 4);
static_assert(GOM_NR_SPAN_CLASSES + GOM_MAX_CACHE_CLASSES <= 1U << 12);

static void *take(struct gom_fixalloc *f, void *block)
{
	unsigned long flags;
	void *record;

	spin_lock_irqsave(&lock, flags);
	if (block)
		gom_fixalloc_carve(f, block);
	record = gom_fixalloc_take(f);
	spin_unlock_irqrestore(&lock, flags);
	return record;
}

/* An empty magazine; NULL if there is no memory. */
struct gom_magazine *gom_magazine_new(unsigned int class, gfp_t gfp)
{
	const unsigned int supply = gom_magazine_supply(class);
	struct gom_fixalloc *f = &supplies[supply];
	struct gom_magazine *mag = take(f, NULL);
	void *block;

	if (!mag) {
		block = gom_fixalloc_block(f, gfp);
		if (!block)
			return NULL;
		mag = take(f, block);
	}
	mag->next = NULL;
	mag->nr = 0;
	mag->class = class;
	mag->supply = supply;
	mag->bottom = NULL;
	return mag;
}
GOM_EXPORT_FOR_TEST(gom_magazine_new);

void gom_magazine_delete(struct gom_magazine *mag)
{
	unsigned long flags;

	spin_lock_irqsave(&lock, flags);
	gom_fixalloc_give(&supplies[mag->supply], mag);
	spin_unlock_irqrestore(&lock, flags);
}

/* Bytes of magazines in use. */
unsigned long gom_magazine_bytes(void)
{
	unsigned long bytes = 0;
	unsigned int i;

	for (i = 0; i < GOM_MAGAZINE_SUPPLIES; i++)
		bytes += READ_ONCE(supplies[i].inuse) * supplies[i].size;
	return bytes;
}
GOM_EXPORT_FOR_TEST(gom_magazine_bytes);
