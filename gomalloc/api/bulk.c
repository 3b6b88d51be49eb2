// SPDX-License-Identifier: GPL-2.0
/* Many objects in one call: the cache is entered once for all it has (or has room for). */
#include <linux/mm.h>
#include <linux/string.h>

#include "api/internal.h"
#include "base/compat.h"
#include "percpu/mcache.h"

/* Up to @nr objects of what this CPU has loaded. */
static size_t take_bulk(unsigned int slot, size_t nr, void **objs)
{
	struct gom_mcache *c;
	size_t n;

	if (!gom_mcache_enter(&c))
		return 0;
	n = gom_slot_pop_many(gom_mcache_slot(c, slot), nr, objs);
	gom_mcache_leave(c);
	return n;
}

/**
 * gom_malloc_bulk - allocate many objects, all or none
 * @size: bytes of each
 * @gfp: as for gom_malloc()
 * @nr: how many
 * @p: where to put them
 *
 * Context: any but NMI.  May sleep if @gfp allows it.
 * Return: whether all could be had; if not, none is, and @p is undefined.
 */
bool gom_malloc_bulk(size_t size, gfp_t gfp, size_t nr, void **p)
{
	unsigned int slot = gom_size_to_slot(size);
	size_t i = 0, n, j;

	gom_check_context(gfp);
	while (i < nr) {
		n = unlikely(gfp & GOM_ZONE_GFP) ? 0 : take_bulk(slot, nr - i, p + i);
		if (want_init_on_alloc(gfp))
			for (j = i; j < i + n; j++)
				memset(p[j], 0, gom_classes[slot >> GOM_SLOT_SHIFT].size);
		i += n;
		if (i == nr)
			break;
		p[i] = gom_alloc_slow(size, slot, gfp, _RET_IP_);
		if (!p[i]) {
			gom_free_bulk(i, p);
			return false;
		}
		i++;
	}
	return true;
}
EXPORT_SYMBOL_GPL(gom_malloc_bulk);

/* Bytes of the span of an object of @slot; 0 if objects of it do not go straight through. */
static size_t span_bytes(unsigned int slot)
{
	unsigned int class = slot >> GOM_SLOT_SHIFT;

	return class < GOM_NR_SPAN_CLASSES ? (size_t)gom_classes[class].npages << PAGE_SHIFT : 0;
}

/*
 * Push the objects at @p that are of the slot in @entry, the word of the first one's page,
 * up to the first that is of another or that does not go straight through.  What lies in
 * the span of the one before is of its slot, too: our objects keep it what it is.
 */
static __always_inline size_t put_run(struct gom_slot *s, size_t nr, void **p, u32 entry)
{
	const u32 slot = entry & GOM_ENTRY_SLOT_MASK, recip = s->recip, limit = s->limit;
	const size_t bytes = nr > 1 ? span_bytes(slot) : 0;
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
		if ((entry & GOM_ENTRY_SLOT_MASK) != slot)
			break;
		off = gom_entry_offset(entry, p[i]);
		base = p[i] - off;
	}
	s->top = top;
	return i;
}

/* Put what goes straight through, from the first on; returns how many. */
static size_t put_bulk(size_t nr, void **p)
{
	struct gom_mcache *c;
	size_t i = 0, n;
	u32 entry;

	if (!gom_mcache_enter(&c))
		return 0;
	do {
		entry = gom_pagemap_entry(p[i]);
		n = put_run(gom_mcache_slot(c, entry & GOM_ENTRY_SLOT_MASK), nr - i, p + i,
			    entry);
		i += n;
	} while (n && i < nr);
	gom_mcache_leave(c);
	return i;
}

/**
 * gom_free_bulk - free many objects
 * @nr: how many
 * @p: the objects, of any sizes; each is checked as by gom_free()
 *
 * Context: any but NMI.
 */
void gom_free_bulk(size_t nr, void **p)
{
	size_t i = 0;

	while (i < nr) {
		i += put_bulk(nr - i, p + i);
		if (i < nr)
			gom_free_slow(p[i++], _RET_IP_);
	}
}
EXPORT_SYMBOL_GPL(gom_free_bulk);
