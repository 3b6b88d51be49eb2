// SPDX-License-Identifier: GPL-2.0
/*
 * Spans: their records, and taking objects out of a span.
 *
 * A bitmap in the record, not a list through the objects, says which objects
 * are free.  So an overrun of an object cannot corrupt the allocator, a double
 * free is detected, and free objects need not be touched.
 *
 * Locking: freelists of records are protected by their heap's lock; an object's
 * bit by the lock of the mcentral that owns the span, or by owning a BUSY span.
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

/* === Records; the lock of the heap is held === */

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

/*
 * The freelist of records for spans of @class; 0 for runs that are not cut up.
 */
unsigned int gom_span_freelist(unsigned int class)
{
	if (!class)
		return 0;
	if (class == GOM_CLASS_TINY)
		return GOM_SPAN_FREELIST_TINY;
	return order_base_2(BITS_TO_LONGS(gom_class(class)->nelems)) + 1;
}

/* Take a record, BUSY.  NULL if the freelist needs a block first. */
struct gom_span *gom_span_record_alloc(struct gom_fixalloc *freelists, unsigned int freelist)
{
	struct gom_span *s = gom_fixalloc_alloc(&freelists[freelist]);

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

void gom_span_record_free(struct gom_fixalloc *freelists, struct gom_span *s)
{
	gom_fixalloc_free(&freelists[s->freelist], s);
}

/* === Objects === */

/*
 * Initialize all objects of a cache that needs it: run its constructor, or
 * prepare them for debugging.  Once per span: the layers from here to the cache
 * do not write to free objects.
 */
static void span_init_objects(struct gom_span *s, unsigned int class)
{
	const struct gom_cache_class *cc;
	unsigned int i;

	if (class < GOM_NR_SPAN_CLASSES)
		return;
	cc = gom_cache_class(class);
	for (i = 0; cc->init && i < s->nelems; i++)
		cc->init(cc, s->base + (size_t)i * cc->layout.size);
}

/* The reverse, before the span is freed: all its objects are free. */
void gom_span_exit_objects(struct gom_span *s)
{
	const struct gom_cache_class *cc;
	unsigned int i;

	if (s->class < GOM_NR_SPAN_CLASSES)
		return;
	cc = gom_cache_class(s->class);
	for (i = 0; cc->exit && i < s->nelems; i++)
		cc->exit(cc, s->base + (size_t)i * cc->layout.size);
}

/* Set the first @n bits of @map and clear the others of their words. */
static void span_bitmap_set_all(unsigned long *map, unsigned int n)
{
	for (; n > BITS_PER_LONG; n -= BITS_PER_LONG)
		*map++ = ~0UL;
	*map = ~0UL >> (BITS_PER_LONG - n);
}

/**
 * gom_span_alloc_class - allocate a span and cut it into objects
 * @class: class of the objects
 * @nid: preferred node; the node of the span is its @nid
 * @gfp: how to get memory
 *
 * If memory is fragmented the span may be shorter than its class says.
 *
 * Context: any but NMI, no lock held; may sleep if @gfp allows it.
 * Return: the span, BUSY, on no list, all objects free; or NULL.
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
	span_bitmap_set_all(s->free, s->nelems);
	if (class == GOM_CLASS_TINY)
		gom_tiny_init_marks(gom_tiny_marks(s));
	span_init_objects(s, class);
	gom_pagemap_mark(s, GOM_SLOT_OFF(gom_span_slot(s)));
	trace_gom_span_alloc(class, s->base, s->npages, s->nid);
	return s;
}

/*
 * A random number below @end.  Objects are handed out in random order if SLUB
 * does so too (CONFIG_SLAB_FREELIST_RANDOM).
 */
static __always_inline u32 random_below(u64 *random, u32 end)
{
	return (u64)gom_random_step(random) * end >> 32;
}

/*
 * Insert @p at a random index into the @n objects of @objs (Fisher-Yates
 * shuffle, inside-out).  Objects of one span stay next to each other in @objs,
 * which makes putting them back cheap.
 */
static __always_inline void objs_insert_random(void **objs, unsigned int n, void *p, u64 *random)
{
	unsigned int at = n;

	if (IS_ENABLED(CONFIG_SLAB_FREELIST_RANDOM)) {
		at = random_below(random, n + 1);
		objs[n] = objs[at];
	}
	objs[at] = p;
}

/*
 * Take objects of word @w of the bitmap, of those in @bits, until @objs has
 * @n.  Returns how many it has.
 */
static __always_inline unsigned int span_pop_word(struct gom_span *s, unsigned int w,
						   unsigned long bits, size_t size, void **objs,
						   unsigned int have, unsigned int n, u64 *random)
{
	char *base = s->base + w * BITS_PER_LONG * size;
	unsigned long left;

	for (left = bits; left && have < n; left &= left - 1)
		objs_insert_random(objs, have++, base + __ffs(left) * size, random);
	s->free[w] &= ~(bits ^ left);
	return have;
}

/* Take @n objects, fewer than are free, starting at a random bit. */
static unsigned int span_pop_random(struct gom_span *s, const struct gom_class *cl, void **objs,
				     unsigned int n, u64 *random)
{
	const unsigned int words = BITS_TO_LONGS(s->nelems);
	unsigned int w = random_below(random, words), taken = 0, i;
	unsigned long bits = s->free[w] & ~0UL << (*random >> 58);

	/*
	 * The first word is visited twice: from the random bit up, and last,
	 * all of it.
	 */
	for (i = 0; i <= words && taken < n; i++) {
		taken = span_pop_word(s, w, bits, cl->size, objs, taken, n, random);
		w = w + 1 < words ? w + 1 : 0;
		bits = s->free[w];
	}
	return taken;
}

/*
 * Take up to @n free objects of @s into @objs, starting at a random one if
 * fewer than all are taken.  Returns how many were taken.  The lock of the
 * owning mcentral is held, or the caller owns the BUSY span.
 */
unsigned int gom_span_pop(struct gom_span *s, void **objs, unsigned int n)
{
	const struct gom_class *cl = gom_class(s->class);
	u64 random = IS_ENABLED(CONFIG_SLAB_FREELIST_RANDOM) ? gom_random_load() : 0;
	unsigned int w, taken = 0;

	if (n < s->nfree)
		taken = span_pop_random(s, cl, objs, n, &random);
	else
		for (w = 0; w < BITS_TO_LONGS(s->nelems) && taken < s->nfree; w++)
			taken = span_pop_word(s, w, s->free[w], cl->size, objs, taken, n, &random);
	s->nfree -= taken;
	if (IS_ENABLED(CONFIG_SLAB_FREELIST_RANDOM))
		gom_random_store(random);
	return taken;
}

/*
 * The pages of @s are released although objects in it are in use: remove the
 * objects from kmemleak.
 */
void gom_span_kmemleak_free(const struct gom_span *s)
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
