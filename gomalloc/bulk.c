// SPDX-License-Identifier: GPL-2.0
/* Many objects in one call: the cache is entered once for all it has (or has room for). */
#include <linux/mm.h>
#include <linux/string.h>

#include "compat.h"
#include "malloc.h"
#include "mcache.h"

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

/*
 * Push the objects at @p that are of @slot, up to the first that is not or that
 * does not go straight through; *@entry is the word of the first one's page,
 * and becomes that of the one that stopped it.
 */
static __always_inline size_t put_run(struct gom_slot *s, size_t nr, void **p, u32 *entry)
{
	u32 e = *entry, slot = e & GOM_ENTRY_SLOT_MASK;
	const u32 recip = s->recip, limit = s->limit;
	void **top = s->top, **end = s->end;
	size_t i = 0;

	do {
		if (gom_entry_offset(e, p[i]) * recip >= limit || top == end || *top == p[i])
			break;
		*++top = p[i];
		if (++i == nr)
			break;
		e = gom_pagemap_entry(p[i]);
	} while ((e & GOM_ENTRY_SLOT_MASK) == slot);
	s->top = top;
	*entry = e;
	return i;
}

/* Put what goes straight through, from the first on; returns how many. */
static size_t put_bulk(size_t nr, void **p)
{
	u32 entry = gom_pagemap_entry(p[0]);
	struct gom_mcache *c;
	size_t i = 0, n;

	if (!gom_mcache_enter(&c))
		return 0;
	do {
		n = put_run(gom_mcache_slot(c, entry & GOM_ENTRY_SLOT_MASK), nr - i, p + i,
			    &entry);
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
