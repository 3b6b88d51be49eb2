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
#include <linux/lockdep.h>
#include <linux/log2.h>
#include <linux/overflow.h>

#include "compat.h"
#include "fixalloc.h"
#include "mheap.h"
#include "pagemap.h"
#include "span.h"

/*
 * A record comes with 0, 1, 2, 4, ... words of bitmap: a supply for each.  The
 * most objects are in a span of the smallest class.
 */
#define MAX_WORDS	(BITS_TO_LONGS(DIV_ROUND_UP(8192, PAGE_SIZE) * PAGE_SIZE / 8))
#define NR_SUPPLIES	(const_ilog2(MAX_WORDS) + 2)

static struct gom_fixalloc supplies[NR_SUPPLIES];

static unsigned int supply_of(unsigned int words)
{
	return words ? order_base_2(words) + 1 : 0;
}

int gom_span_init(void)
{
	unsigned int i, words;

	for (i = 0; i < NR_SUPPLIES; i++) {
		words = i ? 1U << (i - 1) : 0;
		gom_fixalloc_init(&supplies[i], struct_size((struct gom_span *)NULL, free, words),
				  GOM_MSPAN_SYS);
	}
	return 0;
}

/* A BUSY record with room for @nbits objects; NULL if there is no memory. */
struct gom_span *gom_span_new(unsigned int nbits, gfp_t gfp)
{
	unsigned int words = BITS_TO_LONGS(nbits);
	unsigned int i = supply_of(words);
	struct gom_span *s = gom_fixalloc_alloc(&supplies[i], gfp);

	if (!s)
		return NULL;
	memset(s, 0, sizeof(*s));
	INIT_LIST_HEAD(&s->list);
	s->state = GOM_SPAN_BUSY;
	s->words = i ? 1U << (i - 1) : 0;
	return s;
}

void gom_span_delete(struct gom_span *s)
{
	gom_fixalloc_free(&supplies[supply_of(s->words)], s);
}

/* Bytes of records in use. */
unsigned long gom_span_records(void)
{
	unsigned long bytes = 0;
	unsigned int i;

	for (i = 0; i < NR_SUPPLIES; i++)
		bytes += READ_ONCE(supplies[i].inuse) * supplies[i].size;
	return bytes;
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
	const struct gom_class *cl = &gom_classes[class];
	struct gom_span *s = gom_span_new(cl->nelems, gfp);

	if (!s)
		return NULL;
	if (!gom_mheap_alloc(s, cl->npages, cl->align, nid, gfp)) {
		gom_span_delete(s);
		return NULL;
	}
	s->class = class;
	s->nfree = cl->nelems;
	bitmap_zero(s->free, s->words * BITS_PER_LONG);
	bitmap_set(s->free, 0, cl->nelems);
	gom_pagemap_mark(s, GOM_SLOT_OF(class));
	s->state = GOM_SPAN_SMALL;
	return s;
}

/*
 * Take up to @n free objects out of @s into @objs, in the order of their
 * addresses; returns how many.  Under the lock of the owning mcentral.
 */
unsigned int gom_span_take(struct gom_span *s, void **objs, unsigned int n)
{
	const u32 size = gom_classes[s->class].size;
	unsigned int taken = 0, w;
	unsigned long bits;

	for (w = 0; taken < n && s->nfree > taken; w++) {
		char *base = s->base + (size_t)w * BITS_PER_LONG * size;

		bits = s->free[w];
		while (bits && taken < n) {
			objs[taken++] = base + __ffs(bits) * size;
			bits &= bits - 1;
		}
		s->free[w] = bits;
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
	unsigned int i = gom_class_index(&gom_classes[s->class], p - s->base);

	if (__test_and_set_bit(i, s->free))
		return false;
	s->nfree++;
	return true;
}
