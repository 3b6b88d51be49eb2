// SPDX-License-Identifier: GPL-2.0
/*
 * Allocating from named caches and freeing to them, on the paths of malloc.c.  Making
 * and ending caches is in cache.c.
 */
#include <linux/kmemleak.h>
#include <linux/mm.h>
#include <linux/percpu.h>
#include <linux/string.h>
#include <linux/topology.h>

#include "api/cache.h"
#include "api/efence.h"
#include "api/internal.h"
#include "api/sbrk.h"
#include "base/compat.h"
#include "base/report.h"
#include "percpu/mcache.h"
#include "special/profile.h"
#include "special/special.h"

/* The last touch to an object of @cache on its way out. */
static void *prepare_cached(struct gom_cache *cache, void *p, gfp_t gfp)
{
	const struct gom_cache_class *cc = gom_cache_class(cache->class);
	bool zero = want_init_on_alloc(gfp);

	/* As in SLUB, nobody but who asks for it has a type-safe object cleared. */
	if (cc->ctor || (cc->rcu && !(gfp & __GFP_ZERO)))
		zero = false;
	if (zero)
		memset(p, 0, cc->facts.size);
	kmemleak_alloc(p, cache->size, 1, gfp);
	return p;
}

static void *prepare_slow(struct gom_cache *cache, void *p, gfp_t gfp, bool sample,
			  unsigned long caller)
{
	prepare_cached(cache, p, gfp);
	gom_note_malloc(caller, p, cache->size, cache->class, gom_class(cache->class)->size, gfp);
	if (unlikely(sample))
		gom_profile_malloc(p, gom_class(cache->class)->size, gfp, caller);
	return p;
}

static void check_gfp(struct gom_cache *cache, gfp_t gfp, unsigned long caller)
{
	if (unlikely(gfp & __GFP_ZERO) && gom_cache_class(cache->class)->ctor)
		gom_report(GOM_BAD_GFP, caller,
			   "__GFP_ZERO for cache %s, which has a constructor", cache->name);
	if (unlikely(gfp & GOM_ZONE_GFP))
		gom_report(GOM_BAD_GFP, caller,
			   "allocation from cache %s with gfp %pGg: no cache has memory of a zone",
			   cache->name, &gfp);
}

/* What came straight through, and cannot be handed out as it comes. */
static noinline void *prepare_special(struct gom_cache *cache, void *p, gfp_t gfp,
				      unsigned long caller)
{
	if (unlikely(gfp & GOM_PREPARE_GFP))
		check_gfp(cache, gfp, caller);
	return prepare_cached(cache, p, gfp);
}

static void *sbrk_cached(struct gom_cache *cache, gfp_t gfp, unsigned long caller)
{
	const struct gom_cache_class *cc = gom_cache_class(cache->class);
	void *p = gom_sbrk_alloc(cache->size, cache->align, gfp & GOM_PAGE_GFP, caller);

	if (p && cc->ctor)
		cc->ctor(p);
	return p;
}

/* Behind a fence, if it can be.  Type-safe ones are not: their memory stays theirs. */
static void *guarded_cached(struct gom_cache *cache, gfp_t gfp, unsigned long caller)
{
	const struct gom_cache_class *cc = gom_cache_class(cache->class);
	void *p;

	if (cc->rcu)
		return NULL;
	p = gom_efence_alloc(cache->size, cache->align, gfp & (GOM_PAGE_GFP | __GFP_ZERO));
	if (p && cc->ctor)
		cc->ctor(p);
	return p ? prepare_slow(cache, p, gfp & ~__GFP_ZERO, false, caller) : NULL;
}

static noinline void *cache_alloc_slow(struct gom_cache *cache, gfp_t gfp, unsigned long caller)
{
	bool sample = false;
	void *p;

	might_alloc(gfp);
	check_gfp(cache, gfp, caller);
	if (unlikely(gom_sbrk))
		return sbrk_cached(cache, gfp, caller);
	if (unlikely(gom_efence)) {
		p = guarded_cached(cache, gfp, caller);
		if (p)
			return p;
	}
	p = gom_mcache_alloc_slow(cache->class, gfp & GOM_PAGE_GFP, &sample);
	return p ? prepare_slow(cache, p, gfp, sample, caller) : NULL;
}

static __always_inline struct gom_slot *cache_slot(const struct gom_cache *cache)
{
	return raw_cpu_ptr(cache->slot);
}

/* Inlined, so that _RET_IP_ is the caller of the call that this is inlined into. */
static __always_inline void *cache_alloc(struct gom_cache *cache, gfp_t gfp)
{
	struct gom_mcache *c;
	void *p;

	gom_check_context(gfp);
	if (unlikely(!gom_mcache_enter(&c)))
		return cache_alloc_slow(cache, gfp, _RET_IP_);
	p = gom_slot_pop(cache_slot(cache));
	if (unlikely(!p)) {
		gom_mcache_leave(c);
		return cache_alloc_slow(cache, gfp, _RET_IP_);
	}
	gom_mcache_leave(c);
	if (want_init_on_alloc(gfp) || unlikely(gfp & GOM_PREPARE_GFP))
		return prepare_special(cache, p, gfp, _RET_IP_);
	return p;
}

/**
 * gom_cache_alloc - allocate an object of a cache
 * @cache: the cache
 * @gfp: as for gom_malloc(); a zone is reported, and memory of any zone returned
 *
 * Context: any but NMI.  May sleep if @gfp allows it.
 * Return: the object, as its constructor or its last user left it if the cache has
 * a constructor, else undefined without __GFP_ZERO; or NULL.
 */
void *gom_cache_alloc(struct gom_cache *cache, gfp_t gfp)
{
	return cache_alloc(cache, gfp);
}
EXPORT_SYMBOL_GPL(gom_cache_alloc);

/**
 * gom_cache_alloc_node - allocate an object of a cache on a NUMA node
 * @cache: the cache
 * @gfp: as for gom_malloc(); with __GFP_THISNODE no other node will do
 * @node: the node, or NUMA_NO_NODE for any
 *
 * Context: any but NMI.  May sleep if @gfp allows it.
 * Return: the object, or NULL.
 */
void *gom_cache_alloc_node(struct gom_cache *cache, gfp_t gfp, int node)
{
	bool sample;
	void *p;

	if (node == NUMA_NO_NODE || nr_node_ids == 1 || gom_sbrk || gom_efence)
		return cache_alloc(cache, gfp);
	might_alloc(gfp);
	check_gfp(cache, gfp, _RET_IP_);
	p = gom_take_on_node(cache->class, gfp & GOM_PAGE_GFP, node, &sample);
	return p ? prepare_slow(cache, p, gfp, sample, _RET_IP_) : NULL;
}
EXPORT_SYMBOL_GPL(gom_cache_alloc_node);

/* Whatever @p is, it is freed as that; if it is none of @cache's, not at all. */
static noinline void check_and_free(struct gom_cache *cache, const void *p, unsigned long caller)
{
	if (gom_sbrk)
		return;
	if (unlikely(gom_efence) && gom_efence_free(p, caller))
		return;
	if (gom_entry_slot(gom_pagemap_entry(p)) == GOM_SLOT_ASK &&
	    gom_class_at(p, GOM_SLOT_ASK) == cache->class)
		gom_free_slow(p, caller);
	else
		gom_report(GOM_BAD_CACHE, caller, "free of %p, which is not of cache %s", p,
			   cache->name);
}

static noinline void cache_free_slow(struct gom_cache *cache, const void *p, unsigned long caller)
{
	if (!ZERO_OR_NULL_PTR(p))
		check_and_free(cache, p, caller);
}

/**
 * gom_cache_free - free an object of a cache
 * @cache: the cache
 * @p: the object; NULL is fine
 *
 * gom_free() does the same with a lookup and its checks; here, as with
 * gom_free_sized(), they are left to the slow path and debug=1.
 *
 * Context: any but NMI.  Needs no memory.
 */
void gom_cache_free(struct gom_cache *cache, const void *p)
{
	struct gom_mcache *c;

	if (unlikely(gom_special_maybe(p)) || unlikely(!gom_mcache_enter(&c)))
		return cache_free_slow(cache, p, _RET_IP_);
	if (unlikely(!gom_slot_push(cache_slot(cache), p))) {
		gom_mcache_leave(c);
		return cache_free_slow(cache, p, _RET_IP_);
	}
	gom_mcache_leave(c);
}
EXPORT_SYMBOL_GPL(gom_cache_free);

/**
 * gom_cache_alloc_bulk - allocate many objects of a cache, all or none
 * @cache: the cache
 * @gfp: as for gom_malloc()
 * @nr: how many
 * @p: where to put them
 *
 * Context: any but NMI.  May sleep if @gfp allows it.
 * Return: whether all could be had; if not, none is, and @p is undefined.
 */
bool gom_cache_alloc_bulk(struct gom_cache *cache, gfp_t gfp, size_t nr, void **p)
{
	struct gom_mcache *c;
	size_t i = 0, n, j;

	gom_check_context(gfp);
	if (unlikely(gfp & GOM_PREPARE_GFP))
		check_gfp(cache, gfp, _RET_IP_);
	while (i < nr) {
		n = 0;
		if (likely(gom_mcache_enter(&c))) {
			n = gom_slot_pop_many(cache_slot(cache), nr - i, p + i);
			gom_mcache_leave(c);
		}
		if (want_init_on_alloc(gfp))
			for (j = i; j < i + n; j++)
				prepare_cached(cache, p[j], gfp);
		i += n;
		if (i == nr)
			break;
		p[i] = cache_alloc_slow(cache, gfp & ~GOM_ZONE_GFP, _RET_IP_);
		if (!p[i]) {
			gom_cache_free_bulk(cache, i, p);
			return false;
		}
		i++;
	}
	return true;
}
EXPORT_SYMBOL_GPL(gom_cache_alloc_bulk);

/* Push what there is room for; returns how many. */
static size_t push_many(struct gom_slot *s, size_t nr, void **p)
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
 * @nr: how many
 * @p: the objects
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
			i += push_many(cache_slot(cache), nr - i, p + i);
			gom_mcache_leave(c);
		}
		if (i == nr)
			break;
		/* One that does not go straight through; all, if some have to be looked at. */
		if (special)
			gom_cache_free(cache, p[i++]);
		else
			cache_free_slow(cache, p[i++], _RET_IP_);
	}
}
EXPORT_SYMBOL_GPL(gom_cache_free_bulk);
