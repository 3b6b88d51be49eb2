// SPDX-License-Identifier: GPL-2.0
/*
 * Prefilled allocation: objects set aside while there is time to wait for memory,
 * for when there is none (the kernel's prefilled sheaves; what mempools are for).
 *
 * A handle belongs to whoever made it: nothing in here is locked, and taking from
 * it touches nothing else, so that it works in any context, NMI included.
 */
#include <linux/mm.h>
#include <linux/overflow.h>
#include <linux/string.h>

#include "api/cache.h"
#include "base/compat.h"
#include "base/report.h"

/**
 * struct gom_prefill - objects set aside
 * @cache: whose they are
 * @nr: how many there are
 * @max: how many there is room for
 * @obj: the objects
 */
struct gom_prefill {
	struct gom_cache *cache;
	unsigned int nr;
	unsigned int max;
	void *obj[];
};

/**
 * gom_cache_prefill - set objects of a cache aside
 * @cache: the cache
 * @gfp: as for gom_malloc(); what the objects are zeroed by
 * @n: how many, at least one
 *
 * Context: any but NMI.  May sleep if @gfp allows it.
 * Return: a handle from which @n allocations cannot fail, to be given to
 * gom_prefill_return(); NULL if there is no memory for all.
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
 * gom_prefill_refill - set aside again as many as at first
 * @pf: the handle
 * @gfp: as for gom_cache_prefill()
 *
 * Context: any but NMI.  May sleep if @gfp allows it.
 * Return: whether it is full; if there is no memory it is as it was.
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
 * gom_prefill_size - how many allocations are sure to succeed
 * @pf: the handle
 *
 * Return: that many.
 */
unsigned int gom_prefill_size(const struct gom_prefill *pf)
{
	return pf->nr;
}
EXPORT_SYMBOL_GPL(gom_prefill_size);

/**
 * gom_prefill_alloc - take one of the objects set aside
 * @pf: the handle
 *
 * It is then an object as any of its cache.
 *
 * Context: any, NMI included, as long as nobody else uses @pf meanwhile.
 * Return: the object; NULL, with a report, if all have been taken.
 */
void *gom_prefill_alloc(struct gom_prefill *pf)
{
	if (likely(pf->nr))
		return pf->obj[--pf->nr];
	gom_report(GOM_BAD_CACHE, _RET_IP_, "cache %s: more taken than was set aside",
		   pf->cache->name);
	return NULL;
}
EXPORT_SYMBOL_GPL(gom_prefill_alloc);

/**
 * gom_prefill_return - give back what was not taken, and the handle
 * @pf: the handle; NULL is fine
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
