// SPDX-License-Identifier: GPL-2.0
/*
 * Spans: their records, and objects going out of and coming back to one.
 *
 * Which objects are free is kept in a bitmap in the record, not in the objects:
 * nothing that the allocator relies on lies where an overrun of an object could
 * reach it, a double free is seen, and a cold object stays cold.
 */
#include <linux/bitops.h>
#include <linux/kernel.h>
#include <linux/kmemleak.h>
#include <linux/lockdep.h>
#include <linux/log2.h>
#include <linux/overflow.h>

#include "base/class.h"
#include "base/compat.h"
#include "base/fixalloc.h"
#include "base/random.h"
#include "base/trace.h"
#include "heap/marks.h"
#include "heap/mheap.h"
#include "heap/pagemap.h"
#include "heap/span.h"

/* === Records: under the lock of the heap that owns the freelists === */

void gom_span_freelists_init(struct gom_fixalloc *freelists)
{
	unsigned int i, words;

	for (i = 0; i < GOM_SPAN_FREELIST_TINY; i++) {
		words = i ? 1U << (i - 1) : 0;
		gom_fixalloc_init(&freelists[i],
				  struct_size((struct gom_span *)NULL, free, words),
				  GOM_MSPAN_SYS);
	}
	gom_fixalloc_init(&freelists[i],
			  struct_size((struct gom_span *)NULL, free,
				      BITS_TO_LONGS(GOM_TINY_SPAN_BLOCKS)) +
			  sizeof(struct gom_tiny_marks), GOM_MSPAN_SYS);
}

/* Which freelist has records for spans of @class; 0 for what is not cut up. */
unsigned int gom_span_freelist(unsigned int class)
{
	if (!class)
		return 0;
	if (class == GOM_CLASS_TINY)
		return GOM_SPAN_FREELIST_TINY;
	return order_base_2(BITS_TO_LONGS(gom_class(class)->nelems)) + 1;
}

/* A BUSY record; NULL if the freelist needs a block first. */
struct gom_span *gom_span_take_record(struct gom_fixalloc *freelists, unsigned int freelist)
{
	struct gom_span *s = gom_fixalloc_take(&freelists[freelist]);

	if (!s)
		return NULL;
	INIT_LIST_HEAD(&s->list);
	s->state = GOM_SPAN_BUSY;
	s->class = 0;
	s->zeroed = 0;
	s->direct = 0;
	s->specials = RB_ROOT;
	s->nelems = 0;
	s->nfree = 0;
	s->freelist = freelist;
	return s;
}

void gom_span_give_record(struct gom_fixalloc *freelists, struct gom_span *s)
{
	gom_fixalloc_give(&freelists[s->freelist], s);
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
	for (i = 0; cc->ctor && i < s->nelems; i++)
		cc->ctor(s->base + (size_t)i * cc->facts.size);
}

/* The first @n bits of @map, and no others in their words. */
static void set_all(unsigned long *map, unsigned int n)
{
	for (; n > BITS_PER_LONG; n -= BITS_PER_LONG)
		*map++ = ~0UL;
	*map = ~0UL >> (BITS_PER_LONG - n);
}

/**
 * gom_span_alloc_class - a span of pages cut into objects
 * @class: of the objects
 * @nid: node to take the pages from, if possible: look at the span's @nid
 * @gfp: how to get memory
 *
 * Context: no lock held; may sleep if @gfp allows it.
 * Return: the span, BUSY, all its objects free, on no list, shorter than its class says
 * if memory is fragmented; or NULL.
 */
struct gom_span *gom_span_alloc_class(unsigned int class, int nid, gfp_t gfp)
{
	const struct gom_class *cl = gom_class(class);
	const struct gom_run_request want = {
		.class = class,
		.npages = cl->npages,
		.least = DIV_ROUND_UP(cl->size, PAGE_SIZE),
		.align = cl->align,
	};
	struct gom_span *s = gom_mheap_alloc(&want, nid, gfp);

	if (!s)
		return NULL;
	s->nelems = s->npages == cl->npages ? cl->nelems :
					      ((size_t)s->npages << PAGE_SHIFT) / cl->size;
	s->nfree = s->nelems;
	set_all(s->free, s->nelems);
	if (class == GOM_CLASS_TINY)
		gom_tiny_init_marks(gom_tiny_marks(s));
	construct(s, class);
	gom_pagemap_mark(s, GOM_SLOT_OF(gom_span_slot(s)));
	trace_gom_span_alloc(class, s->base, s->npages, s->nid);
	return s;
}

/*
 * Where SLUB hands out a slab's objects in random order, so do we.
 *
 * Below @end; the same as drawing from 0 to @end - 1.
 */
static __always_inline u32 draw(u64 *random, u32 end)
{
	return (u64)gom_random_step(random) * end >> 32;
}

/*
 * Put @p among the @n in @objs, anywhere (Fisher and Yates, inside out).  Objects of one
 * span stay together, which makes it cheap to put them back together.
 */
static __always_inline void add_anywhere(void **objs, unsigned int n, void *p, u64 *random)
{
	unsigned int at = n;

	if (IS_ENABLED(CONFIG_SLAB_FREELIST_RANDOM)) {
		at = draw(random, n + 1);
		objs[n] = objs[at];
	}
	objs[at] = p;
}

/* Take up to @n of the objects in word @w that @bits says are free; returns how many. */
static __always_inline unsigned int take_bits(struct gom_span *s, unsigned int w,
					      unsigned long bits, size_t size, void **objs,
					      unsigned int have, unsigned int n, u64 *random)
{
	char *base = s->base + w * BITS_PER_LONG * size;
	unsigned long left;

	for (left = bits; left && have < n; left &= left - 1)
		add_anywhere(objs, have++, base + __ffs(left) * size, random);
	s->free[w] &= ~(bits ^ left);
	return have;
}

/* From a random place on. */
static unsigned int take_some(struct gom_span *s, const struct gom_class *cl, void **objs,
			      unsigned int n, u64 *random)
{
	const unsigned int words = BITS_TO_LONGS(s->nelems);
	unsigned int w = draw(random, words), taken = 0, i;
	unsigned long bits = s->free[w] & ~0UL << (*random >> 58);

	/* The first word comes twice: its upper part, and at the end what is left. */
	for (i = 0; i <= words && taken < n; i++) {
		taken = take_bits(s, w, bits, cl->size, objs, taken, n, random);
		w = w + 1 < words ? w + 1 : 0;
		bits = s->free[w];
	}
	return taken;
}

/*
 * Take up to @n free objects out of @s into @objs, if not all then from a random place
 * on; returns how many.  Under the lock of the owning mcentral, or before it has the span.
 */
unsigned int gom_span_take(struct gom_span *s, void **objs, unsigned int n)
{
	const struct gom_class *cl = gom_class(s->class);
	u64 random = IS_ENABLED(CONFIG_SLAB_FREELIST_RANDOM) ? gom_random_load() : 0;
	unsigned int w, taken = 0;

	if (n < s->nfree)
		taken = take_some(s, cl, objs, n, &random);
	else
		for (w = 0; w < BITS_TO_LONGS(s->nelems) && taken < s->nfree; w++)
			taken = take_bits(s, w, s->free[w], cl->size, objs, taken, n, &random);
	s->nfree -= taken;
	if (IS_ENABLED(CONFIG_SLAB_FREELIST_RANDOM))
		gom_random_store(random);
	return taken;
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
	for (i = 0; i < s->nelems; i++)
		if (!test_bit(i, s->free))
			kmemleak_free(s->base + i * gom_class(s->class)->size);
}
