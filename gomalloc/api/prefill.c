// SPDX-License-Identifier: GPL-2.0
/*
 * Prefilled objects: allocated where the caller may sleep, for allocations that
 * must not fail later (as SLUB's prefilled sheaves, or a mempool).
 *
 * Locks: none.  A handle belongs to its creator.  gom_prefill_alloc() uses the
 * handle only, so it works in any context, NMI included.
 */
#include <linux/mm.h>
#include <linux/overflow.h>
#include <linux/string.h>

#include "api/cache.h"
#include "base/compat.h"
#include "base/report.h"

/**
 * struct gom_prefill - a handle with prefilled objects
 * @cache: the cache of the objects
 * @nr: prefilled objects that are left
 * @max: prefilled objects when full
 * @obj: the objects
 */
struct gom_prefill {
	struct gom_cache *cache;
	unsigned int nr;
	unsigned int max;
	void *obj[];
};

/**
 * gom_cache_prefill - allocate objects of a cache in advance
 * @cache: the cache
 * @gfp: as for gom_malloc(); with __GFP_ZERO the objects are zeroed
 * @n: number of objects, at least one
 *
 * Context: any but NMI.  May sleep if @gfp allows it.
 * Return: a handle from which @n allocations cannot fail, to be released with
 * gom_prefill_return(); NULL if there is no memory for @n objects.
 */
struct gom_prefill *gom_cache_prefill(struct gom_cache *cache, gfp_t gfp, unsigned int n)
{
	struct gom_prefill *pf = n ? gom_malloc(struct_size(pf, obj, n), gfp & ~__GFP_ZERO) : NULL;

	if (!pf)
		return NULL;
	pf->cache = cache;
	pf->nr = 0;
	pf->max = n;
	if (gom_prefill_refill(pf, gfp))
		return pf;
	gom_free(pf);
	return NULL;
}
EXPORT_SYMBOL_GPL(gom_cache_prefill);

/**
 * gom_prefill_refill - replace the prefilled objects that were taken
 * @pf: the handle
 * @gfp: as for gom_cache_prefill()
 *
 * Context: any but NMI.  May sleep if @gfp allows it.
 * Return: true if the handle is full; false if there is no memory, and it is
 * unchanged.
 */
bool gom_prefill_refill(struct gom_prefill *pf, gfp_t gfp)
{
	if (!gom_cache_alloc_bulk(pf->cache, gfp, pf->max - pf->nr, pf->obj + pf->nr))
		return false;
	pf->nr = pf->max;
	return true;
}
EXPORT_SYMBOL_GPL(gom_prefill_refill);

/**
 * gom_prefill_size - number of prefilled objects that are left
 * @pf: the handle
 *
 * Return: the number of allocations that cannot fail.
 */
unsigned int gom_prefill_size(const struct gom_prefill *pf)
{
	return pf->nr;
}
EXPORT_SYMBOL_GPL(gom_prefill_size);

/**
 * gom_prefill_alloc - allocate a prefilled object
 * @pf: the handle
 *
 * The object is freed as any object of its cache.
 *
 * Context: any, NMI included.  Calls with the same @pf must not run
 * concurrently.
 * Return: the object; NULL, with a report, if none is left.
 */
void *gom_prefill_alloc(struct gom_prefill *pf)
{
	if (likely(pf->nr))
		return pf->obj[--pf->nr];
	gom_report(GOM_BAD_CACHE, _RET_IP_, "cache %s: no prefilled object is left",
		   pf->cache->name);
	return NULL;
}
EXPORT_SYMBOL_GPL(gom_prefill_alloc);

/**
 * gom_prefill_return - free a handle and the prefilled objects left in it
 * @pf: the handle; may be NULL
 *
 * Context: any but NMI.
 */
void gom_prefill_return(struct gom_prefill *pf)
{
	if (!pf)
		return;
	gom_cache_free_bulk(pf->cache, pf->nr, pf->obj);
	gom_free(pf);
}
EXPORT_SYMBOL_GPL(gom_prefill_return);
