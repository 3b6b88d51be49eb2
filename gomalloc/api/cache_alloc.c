// SPDX-License-Identifier: GPL-2.0
/*
 * Allocation from named caches and free to them, on the paths described in
 * malloc.c.  cache.c creates and destroys caches.
 *
 * Context: any but NMI.
 */
#include <linux/kmemleak.h>
#include <linux/mm.h>
#include <linux/percpu.h>
#include <linux/string.h>
#include <linux/topology.h>

#include "api/cache.h"
#include "api/internal.h"
#include "api/object_debug.h"
#include "base/compat.h"
#include "base/fail_site.h"
#include "base/report.h"
#include "percpu/mcache.h"
#include "special/profile.h"
#include "special/special.h"

/* Zero an object of @cache if required, and register it with kmemleak. */
static __always_inline void *cache_prepare(struct gom_cache *cache, void *p, gfp_t gfp)
{
	unsigned int bytes = gfp & __GFP_ZERO ? cache->zero : cache->init;

	if (want_init_on_alloc(gfp) && bytes)
		memset(p, 0, bytes);
	kmemleak_alloc(p, cache->size, 1, gfp);
	return p;
}

static void *cache_prepare_slow(struct gom_cache *cache, void *p, gfp_t gfp, bool sample,
				unsigned long caller)
{
	cache_prepare(cache, p, gfp);
	gom_note_malloc(caller, p, cache->size, cache->class, gom_class(cache->class)->size, gfp);
	if (unlikely(sample))
		gom_profile_malloc(p, gom_class(cache->class)->size, cache->size, gfp, caller);
	return p;
}

static noinline void cache_report_gfp(struct gom_cache *cache, gfp_t gfp, unsigned long caller)
{
	if (gfp & __GFP_ZERO && !cache->zero)
		gom_report(GOM_BAD_GFP, caller,
			   "__GFP_ZERO for cache %s, which has a constructor", cache->name);
	if (gfp & GOM_ZONE_GFP)
		gom_report(GOM_BAD_GFP, caller,
			   "allocation from cache %s with gfp %pGg: no cache has memory of a zone",
			   cache->name, &gfp);
}

static __always_inline bool cache_gfp_is_wrong(const struct gom_cache *cache, gfp_t gfp)
{
	return unlikely(gfp & GOM_ZONE_GFP) || (gfp & __GFP_ZERO && unlikely(!cache->zero));
}

static __always_inline void cache_check_gfp(struct gom_cache *cache, gfp_t gfp,
					    unsigned long caller)
{
	if (cache_gfp_is_wrong(cache, gfp))
		cache_report_gfp(cache, gfp, caller);
}

static noinline void *cache_prepare_report(struct gom_cache *cache, void *p, gfp_t gfp,
					   unsigned long caller)
{
	cache_report_gfp(cache, gfp, caller);
	return cache_prepare(cache, p, gfp);
}

/* An object was popped, but has to be zeroed, or @gfp is to be checked. */
noinline void *gom_cache_prepare(struct gom_cache *cache, void *p, gfp_t gfp,
				 unsigned long caller)
{
	if (cache_gfp_is_wrong(cache, gfp))
		return cache_prepare_report(cache, p, gfp, caller);
	return cache_prepare(cache, p, gfp);
}

/*
 * Allocate from the backend; NULL if it cannot.  Type-safe objects must stay
 * mapped for readers, so they are ordinary ones if there are any.
 */
static void *cache_alloc_backend(struct gom_cache *cache, gfp_t gfp, unsigned long caller)
{
	const struct gom_cache_class *cc = gom_cache_class(cache->class);
	void *p;

	if (cc->rcu && !gom_backend->only)
		return NULL;
	p = gom_backend_alloc(cache->size, cache->align, cache->class, gfp & ~GOM_ZONE_GFP,
			      caller);
	if (p && cc->ctor)
		cc->ctor(p);
	return p;
}

/* Allocate an object that has a page in the linear mapping. */
static void *cache_alloc_ordinary(struct gom_cache *cache, gfp_t gfp, unsigned long caller)
{
	bool sample = false;
	void *p = gom_mcache_alloc_slow(cache->class, gfp & GOM_PAGE_GFP, &sample);

	return p ? cache_prepare_slow(cache, p, gfp, sample, caller) : NULL;
}

/* Allocate from a cache whose objects are debugged. */
static void *cache_alloc_debug(struct gom_cache *cache, gfp_t gfp, int node, unsigned long caller)
{
	void *p = gom_debug_alloc(cache, cache->size, gfp, node, caller);

	if (p)
		gom_note_malloc(caller, p, cache->size, cache->class,
				gom_class(cache->class)->size, gfp);
	return p;
}

noinline void *gom_cache_alloc_slow(struct gom_cache *cache, gfp_t gfp, unsigned long caller)
{
	void *p;

	might_alloc(gfp);
	cache_check_gfp(cache, gfp, caller);
	if (gom_fail_here(caller, gfp))
		return NULL;
	if (unlikely(gom_class_debug(cache->class)))
		return cache_alloc_debug(cache, gfp, NUMA_NO_NODE, caller);
	if (unlikely(gom_backend)) {
		p = cache_alloc_backend(cache, gfp, caller);
		if (p || gom_backend->only)
			return p;
	}
	return cache_alloc_ordinary(cache, gfp, caller);
}

/* The same for an object that must have a page, also with efence=1. */
void *gom_cache_alloc_with_page(struct gom_cache *cache, gfp_t gfp, unsigned long caller)
{
	if (gom_backend_only())
		return gom_cache_alloc_slow(cache, gfp, caller);
	might_alloc(gfp);
	cache_check_gfp(cache, gfp, caller);
	if (gom_fail_here(caller, gfp))
		return NULL;
	if (unlikely(gom_class_debug(cache->class)))
		return cache_alloc_debug(cache, gfp, NUMA_NO_NODE, caller);
	return cache_alloc_ordinary(cache, gfp, caller);
}

/*
 * Inlined, so that _RET_IP_ is the caller of the call that this is inlined
 * into.
 */
static __always_inline void *cache_alloc(struct gom_cache *cache, gfp_t gfp)
{
	void *p;

	gom_check_context(gfp);
	p = gom_cache_pop(cache->slot);
	if (unlikely(!p))
		return gom_cache_alloc_slow(cache, gfp, _RET_IP_);
	if (gom_gfp_needs_prepare(gfp))
		return gom_cache_prepare(cache, p, gfp, _RET_IP_);
	return p;
}

/**
 * gom_cache_alloc - allocate an object of a cache
 * @cache: the cache
 * @gfp: as for gom_malloc(); a zone is reported and ignored
 *
 * Context: any but NMI.  May sleep if @gfp allows it.
 * Return: the object, or NULL.  If the cache has a constructor, the contents
 * are those that the constructor or the last user left; else undefined without
 * __GFP_ZERO.
 */
void *gom_cache_alloc(struct gom_cache *cache, gfp_t gfp)
{
	return cache_alloc(cache, gfp);
}
EXPORT_SYMBOL_GPL(gom_cache_alloc);

/**
 * gom_cache_alloc_node - allocate an object of a cache on a NUMA node
 * @cache: the cache
 * @gfp: as for gom_malloc(); with __GFP_THISNODE no other node is tried, also
 *	if @node has no memory
 * @node: the node, or NUMA_NO_NODE for any
 *
 * Context: any but NMI.  May sleep if @gfp allows it.
 * Return: the object, or NULL.
 */
void *gom_cache_alloc_node(struct gom_cache *cache, gfp_t gfp, int node)
{
	bool sample;
	void *p;

	if (node == NUMA_NO_NODE || nr_node_ids == 1 || gom_backend)
		return cache_alloc(cache, gfp);
	might_alloc(gfp);
	cache_check_gfp(cache, gfp, _RET_IP_);
	if (gom_fail_here(_RET_IP_, gfp))
		return NULL;
	if (unlikely(gom_class_debug(cache->class)))
		return cache_alloc_debug(cache, gfp, node, _RET_IP_);
	p = gom_alloc_on_node(cache->class, gfp & GOM_PAGE_GFP, node, &sample);
	return p ? cache_prepare_slow(cache, p, gfp, sample, _RET_IP_) : NULL;
}
EXPORT_SYMBOL_GPL(gom_cache_alloc_node);

/*
 * Free @p by its page-map entry; report it if it is no object of @cache's
 * class.
 */
static noinline void cache_free_check(struct gom_cache *cache, const void *p, unsigned long caller)
{
	struct gom_place at;

	if (unlikely(gom_backend) && gom_backend->free(p, caller))
		return;
	gom_pagemap_place(p, &at);
	if (at.class == cache->class)
		gom_free_place(&at, caller);
	else
		gom_report(GOM_BAD_CACHE, caller, "free of %p, which is not of cache %s", p,
			   cache->name);
}

noinline void gom_cache_free_slow(struct gom_cache *cache, const void *p, unsigned long caller)
{
	if (!ZERO_OR_NULL_PTR(p))
		cache_free_check(cache, p, caller);
}

/**
 * gom_cache_free - free an object of a cache
 * @cache: the cache
 * @p: the object; may be NULL
 *
 * As gom_free(), without the lookup.  As with gom_free_sized(), only the slow
 * path checks @p, which debug= takes for every free.
 *
 * Context: any but NMI.  Needs no memory.
 */
void gom_cache_free(struct gom_cache *cache, const void *p)
{
	if (unlikely(!gom_cache_push(cache->slot, p)))
		gom_cache_free_slow(cache, p, _RET_IP_);
}
EXPORT_SYMBOL_GPL(gom_cache_free);

/**
 * gom_cache_alloc_bulk - allocate many objects of a cache, all or none
 * @cache: the cache
 * @gfp: as for gom_malloc()
 * @nr: number of objects
 * @p: array of @nr pointers that receives the objects
 *
 * Context: any but NMI.  May sleep if @gfp allows it.
 * Return: true if all @nr were allocated; false if none, and @p is undefined.
 */
bool gom_cache_alloc_bulk(struct gom_cache *cache, gfp_t gfp, size_t nr, void **p)
{
	struct gom_mcache *c;
	size_t i = 0, n, j;

	gom_check_context(gfp);
	cache_check_gfp(cache, gfp, _RET_IP_);
	while (i < nr) {
		n = 0;
		if (likely(gom_mcache_enter(&c))) {
			n = gom_slot_pop_many(raw_cpu_ptr(cache->slot), nr - i, p + i);
			gom_mcache_leave(c);
		}
		if (want_init_on_alloc(gfp))
			for (j = i; j < i + n; j++)
				cache_prepare(cache, p[j], gfp);
		i += n;
		if (i == nr)
			break;
		p[i] = gom_cache_alloc_slow(cache, gfp & ~GOM_ZONE_GFP, _RET_IP_);
		if (!p[i]) {
			gom_cache_free_bulk(cache, i, p);
			return false;
		}
		i++;
	}
	return true;
}
EXPORT_SYMBOL_GPL(gom_cache_alloc_bulk);

/* Push objects until the magazine is full; returns how many. */
static size_t slot_push_many(struct gom_slot *s, size_t nr, void **p)
{
	void **top = s->top, **end = s->end;
	size_t i;

	for (i = 0; i < nr && top != end && *top != p[i]; i++)
		*++top = p[i];
	s->top = top;
	return i;
}

/**
 * gom_cache_free_bulk - free many objects of a cache
 * @cache: the cache
 * @nr: number of objects
 * @p: array of the objects
 *
 * Context: any but NMI.
 */
void gom_cache_free_bulk(struct gom_cache *cache, size_t nr, void **p)
{
	bool special = atomic_read(&gom_cache_class(cache->class)->specials);
	struct gom_mcache *c;
	size_t i = 0;

	while (i < nr) {
		if (likely(!special) && likely(gom_mcache_enter(&c))) {
			i += slot_push_many(raw_cpu_ptr(cache->slot), nr - i, p + i);
			gom_mcache_leave(c);
		}
		if (i == nr)
			break;
		/*
		 * Free one on the slow path.  If the class has specials, check
		 * each object.
		 */
		if (special)
			gom_cache_free(cache, p[i++]);
		else
			gom_cache_free_slow(cache, p[i++], _RET_IP_);
	}
}
EXPORT_SYMBOL_GPL(gom_cache_free_bulk);
