// SPDX-License-Identifier: GPL-2.0
/*
 * Spans: their records, and objects going out of and coming back to one.
 *
 * Which objects are free is kept in a bitmap in the record, not in the objects:
 * nothing that the allocator relies on lies where an overrun of an object could
 * reach it, a second free is seen, and a cold object stays cold.
 */
#include <linux/bitmap.h>
#include <linux/bitops.h>
#include <linux/kernel.h>
#include <linux/kmemleak.h>
#include <linux/lockdep.h>
#include <linux/log2.h>
#include <linux/overflow.h>

#include "cacheclass.h"
#include "compat.h"
#include "fixalloc.h"
#include "mheap.h"
#include "pagemap.h"
#include "span.h"
#include "tiny.h"

/* === Records: under the lock of the heap that owns the supplies === */

void gom_span_supplies_init(struct gom_fixalloc *supplies)
{
	unsigned int i, words;

	for (i = 0; i < GOM_SPAN_SUPPLY_TINY; i++) {
		words = i ? 1U << (i - 1) : 0;
		gom_fixalloc_init(&supplies[i],
				  struct_size((struct gom_span *)NULL, free, words),
				  GOM_MSPAN_SYS);
	}
	gom_fixalloc_init(&supplies[i],
			  struct_size((struct gom_span *)NULL, free,
				      BITS_TO_LONGS(GOM_TINY_SPAN_BLOCKS)) +
			  sizeof(struct gom_tiny_marks), GOM_MSPAN_SYS);
}

/* Which supply has records for spans of @class; 0 for what is not cut up. */
unsigned int gom_span_supply(unsigned int class)
{
	if (!class)
		return 0;
	if (class == GOM_CLASS_TINY)
		return GOM_SPAN_SUPPLY_TINY;
	return order_base_2(BITS_TO_LONGS(gom_class(class)->nelems)) + 1;
}

/* A BUSY record; NULL if the supply needs a block first. */
struct gom_span *gom_span_take_record(struct gom_fixalloc *supplies, unsigned int supply)
{
	struct gom_span *s = gom_fixalloc_take(&supplies[supply]);

	if (!s)
		return NULL;
	INIT_LIST_HEAD(&s->list);
	s->state = GOM_SPAN_BUSY;
	s->class = 0;
	s->zeroed = 0;
	s->direct = 0;
	s->nfree = 0;
	s->supply = supply;
	return s;
}

void gom_span_give_record(struct gom_fixalloc *supplies, struct gom_span *s)
{
	gom_fixalloc_give(&supplies[s->supply], s);
}

/* === Objects === */

/* What the constructor sets stays, as nothing is kept in objects that are free. */
static void construct(struct gom_span *s, unsigned int class)
{
	const struct gom_cache_class *cc;
	unsigned int i;

	if (class < GOM_NR_SPAN_CLASSES)
		return;
	cc = gom_cache_class(class);
	for (i = 0; cc->ctor && i < cc->facts.nelems; i++)
		cc->ctor(s->base + (size_t)i * cc->facts.size);
}

/**
 * gom_span_alloc_class - a span of pages cut into objects
 * @class: of the objects
 * @nid: node to take the pages from, if possible: look at the span's @nid
 * @gfp: how to get memory
 *
 * Context: no lock held; may sleep if @gfp allows it.
 * Return: the span, all its objects free, on no list; or NULL.
 */
struct gom_span *gom_span_alloc_class(unsigned int class, int nid, gfp_t gfp)
{
	const struct gom_class *cl = gom_class(class);
	struct gom_span *s = gom_mheap_alloc(class, cl->npages, cl->align, nid, gfp);

	if (!s)
		return NULL;
	s->nfree = cl->nelems;
	bitmap_zero(s->free, cl->nelems);
	bitmap_set(s->free, 0, cl->nelems);
	if (class == GOM_CLASS_TINY)
		gom_tiny_init_marks(gom_tiny_marks(s));
	construct(s, class);
	gom_pagemap_mark(s, GOM_SLOT_OF(gom_class_slot(class)));
	s->state = GOM_SPAN_SMALL;
	return s;
}

/*
 * Take up to @n free objects out of @s into @objs; returns how many.  @random says
 * where to begin, 0 at the beginning; from there in the order of their addresses.
 * Under the lock of the owning mcentral, or before it has the span.
 */
unsigned int gom_span_take(struct gom_span *s, void **objs, unsigned int n, u32 random)
{
	const struct gom_class *cl = gom_class(s->class);
	const unsigned int words = BITS_TO_LONGS(cl->nelems);
	unsigned int w = reciprocal_scale(random, words), taken = 0, i;
	unsigned long bits = s->free[w] & ~0UL << random % BITS_PER_LONG, left;

	/* The first word comes twice: its upper part, and at the end what is left. */
	for (i = 0; i <= words && taken < n && s->nfree > taken; i++) {
		char *base = s->base + (size_t)w * BITS_PER_LONG * cl->size;

		for (left = bits; left && taken < n; left &= left - 1)
			objs[taken++] = base + __ffs(left) * cl->size;
		s->free[w] &= ~(bits ^ left);
		w = w + 1 < words ? w + 1 : 0;
		bits = s->free[w];
	}
	s->nfree -= taken;
	return taken;
}

/*
 * Put the object at @p, of which gom_pagemap_object() was satisfied, back into
 * @s.  False if it is free there already.  Under the owning mcentral's lock.
 */
bool gom_span_put(struct gom_span *s, const void *p)
{
	unsigned int i = gom_class_index(gom_class(s->class), p - s->base);

	if (__test_and_set_bit(i, s->free))
		return false;
	s->nfree++;
	return true;
}

/*
 * The pages of @s go back although objects in it are in use: they are nothing
 * that kmemleak should look at any more.
 */
void gom_span_forget(const struct gom_span *s)
{
	unsigned int i;

	if (!IS_ENABLED(CONFIG_DEBUG_KMEMLEAK))
		return;
	if (s->state == GOM_SPAN_LARGE)
		kmemleak_free(s->base);
	if (s->state != GOM_SPAN_SMALL)
		return;
	for (i = 0; i < gom_class(s->class)->nelems; i++)
		if (!test_bit(i, s->free))
			kmemleak_free(s->base + i * gom_class(s->class)->size);
}
