// SPDX-License-Identifier: GPL-2.0
/*
 * Bulk allocation and free: one entry into the per-CPU cache serves as many
 * objects as its magazines have (or have space for).  The rest take the slow
 * paths of malloc.c, one by one.
 *
 * Context: any but NMI.
 */
#include <linux/mm.h>
#include <linux/string.h>

#include "api/internal.h"
#include "base/compat.h"
#include "heap/pagemap.h"
#include "percpu/mcache.h"

/* Pop up to @nr objects from this CPU's loaded magazine; returns how many. */
static size_t slot_pop_bulk(unsigned int slot_off, size_t nr, void **objs)
{
	struct gom_mcache *c;
	size_t n;

	if (!gom_mcache_enter(&c))
		return 0;
	n = gom_slot_pop_many(gom_mcache_slot(c, slot_off), nr, objs);
	gom_mcache_leave(c);
	return n;
}

/**
 * gom_malloc_bulk - allocate many objects, all or none
 * @size: bytes of each object
 * @gfp: as for gom_malloc()
 * @nr: number of objects
 * @p: array of @nr pointers that receives the objects
 *
 * Context: any but NMI.  May sleep if @gfp allows it.
 * Return: true if all @nr were allocated; false if none, and @p is undefined.
 */
bool gom_malloc_bulk(size_t size, gfp_t gfp, size_t nr, void **p)
{
	unsigned int slot_off = gom_size_to_slot_off(size);
	size_t i = 0, n, j;

	gom_check_context(gfp);
	while (i < nr) {
		n = unlikely(gfp & GOM_ZONE_GFP) ? 0 : slot_pop_bulk(slot_off, nr - i, p + i);
		if (want_init_on_alloc(gfp))
			for (j = i; j < i + n; j++)
				memset(p[j], 0, gom_classes[slot_off >> GOM_SLOT_SHIFT].size);
		i += n;
		if (i == nr)
			break;
		p[i] = gom_alloc_slow(size, slot_off, gfp, _RET_IP_);
		if (!p[i]) {
			gom_free_bulk(i, p);
			return false;
		}
		i++;
	}
	return true;
}
EXPORT_SYMBOL_GPL(gom_malloc_bulk);

/*
 * Bytes of a span of the class at @slot_off; 0 if the fast path cannot free its
 * objects.
 */
static size_t slot_span_bytes(unsigned int slot_off)
{
	unsigned int class = slot_off >> GOM_SLOT_SHIFT;

	return class < GOM_NR_SPAN_CLASSES ? (size_t)gom_classes[class].npages << PAGE_SHIFT : 0;
}

/*
 * Push objects from the array @p, as long as they have the same slot as the
 * first one and the fast path can free them; returns how many.  @entry is the
 * page-map entry of the first.  An object in the same span as the one before
 * needs no new lookup: the span has live objects, so it keeps its class.
 */
static __always_inline size_t slot_push_run(struct gom_slot *s, size_t nr, void **p, u32 entry)
{
	const u32 slot_off = entry & GOM_ENTRY_SLOT_MASK, recip = s->recip, limit = s->recip_limit;
	const size_t bytes = nr > 1 ? slot_span_bytes(slot_off) : 0;
	size_t off = gom_entry_offset(entry, p[0]), i = 0;
	void **top = s->top, **end = s->end;
	const void *base = p[0] - off;

	for (;;) {
		if ((u32)off * recip >= limit || top == end || *top == p[i])
			break;
		*++top = p[i];
		if (++i == nr)
			break;
		off = p[i] - base;
		if (off < bytes)
			continue;
		entry = gom_pagemap_entry(p[i]);
		if ((entry & GOM_ENTRY_SLOT_MASK) != slot_off)
			break;
		off = gom_entry_offset(entry, p[i]);
		base = p[i] - off;
	}
	s->top = top;
	return i;
}

/*
 * The same for pages whose slot is GOM_SLOT_ASK: the class is that of the span.
 * Pushes objects of one span that has no specials, such as a named cache's.
 * Not inlined: its place on the stack would cost other objects a canary.
 */
static noinline size_t span_push_run(struct gom_mcache *c, size_t nr, void **p, u32 entry)
{
	const struct gom_class *cl;
	struct gom_place at;
	struct gom_slot *s;
	size_t bytes, off, i;

	gom_pagemap_place_entry(p[0], entry, &at);
	if (!at.class || at.class == GOM_CLASS_TINY || gom_class_debug(at.class) ||
	    gom_span_has_specials(at.span))
		return 0;
	cl = gom_class(at.class);
	s = gom_mcache_slot_of(c, at.class);
	bytes = gom_span_object_bytes(at.span, cl);
	for (i = 0; i < nr; i++) {
		off = p[i] - at.span->base;
		if (off >= bytes || !gom_class_begins(cl, off) || !gom_slot_push(s, p[i]))
			break;
	}
	return i;
}

/*
 * Free objects, from the first on, until one needs the slow path; returns how
 * many.
 */
size_t gom_push_bulk(size_t nr, void **p)
{
	struct gom_mcache *c;
	size_t i = 0, n;
	u32 entry;

	if (!gom_mcache_enter(&c))
		return 0;
	do {
		entry = gom_pagemap_entry(p[i]);
		if (gom_entry_slot(entry) == GOM_SLOT_ASK)
			n = span_push_run(c, nr - i, p + i, entry);
		else
			n = slot_push_run(gom_mcache_slot(c, entry & GOM_ENTRY_SLOT_MASK), nr - i,
					  p + i, entry);
		i += n;
	} while (n && i < nr);
	gom_mcache_leave(c);
	return i;
}

/**
 * gom_free_bulk - free many objects
 * @nr: number of objects
 * @p: array of the objects, of any sizes; each is checked as by gom_free()
 *
 * Context: any but NMI.
 */
void gom_free_bulk(size_t nr, void **p)
{
	size_t i = 0;

	while (i < nr) {
		i += gom_push_bulk(nr - i, p + i);
		if (i < nr)
			gom_free_slow(p[i++], _RET_IP_);
	}
}
EXPORT_SYMBOL_GPL(gom_free_bulk);
