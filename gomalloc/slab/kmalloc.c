// SPDX-License-Identifier: GPL-2.0
/*
 * kmalloc(), kvmalloc(), krealloc() and ksize() of a module built with
 * as_slab.h.
 *
 * What these functions pass besides the size (caches of kmalloc(), buckets,
 * tokens) is about how SLUB separates its objects, and is ignored here.
 *
 * Context: as for the kernel's function of that name.
 */
#include <linux/align.h>
#include <linux/minmax.h>
#include <linux/mm.h>
#include <linux/string.h>

#include "api/internal.h"
#include "base/fail_site.h"
#include "base/sizeclass.h"
#include "slab/slab.h"

/*
 * As __gom_malloc(), inlined, so that _RET_IP_ is the module's call site.  That
 * one is written out: with gcc 12 it takes one instruction more if it inlines
 * this.
 */
static __always_inline void *slab_malloc(size_t size, gfp_t gfp)
{
	unsigned int slot_off = gom_size_to_slot_off(size);
	void *p;

	gom_check_context(gfp);
	p = gom_object_pop(slot_off);
	if (likely(p) && !gom_gfp_needs_prepare(gfp))
		return p;
	return gom_malloc_finish(size, gfp, slot_off, p, _RET_IP_);
}

void *GOM_SLAB_KMALLOC(GOM_TOKEN_PARAMS, gfp_t gfp)
{
	return slab_malloc(size, gfp);
}
EXPORT_SYMBOL_GPL(GOM_SLAB_KMALLOC);

void *GOM_SLAB_KMALLOC_CACHE(struct kmem_cache *s, gfp_t gfp, size_t size)
{
	return slab_malloc(size, gfp);
}
EXPORT_SYMBOL_GPL(GOM_SLAB_KMALLOC_CACHE);

/* A tail call, so that the function called finds the call site as its own. */
void *GOM_SLAB_KMALLOC_LARGE(size_t size, gfp_t gfp)
{
	return __gom_malloc(size, gfp);
}
EXPORT_SYMBOL_GPL(GOM_SLAB_KMALLOC_LARGE);

void *GOM_SLAB_KMALLOC_NODE(GOM_KMALLOC_PARAMS, gfp_t gfp, int node)
{
	return gom_malloc_node_for(size, gfp, node, _RET_IP_);
}
EXPORT_SYMBOL_GPL(GOM_SLAB_KMALLOC_NODE);

void *GOM_SLAB_KMALLOC_CACHE_NODE(struct kmem_cache *s, gfp_t gfp, int node, size_t size)
{
	return gom_malloc_node_for(size, gfp, node, _RET_IP_);
}
EXPORT_SYMBOL_GPL(GOM_SLAB_KMALLOC_CACHE_NODE);

void *GOM_SLAB_KMALLOC_LARGE_NODE(size_t size, gfp_t gfp, int node)
{
	return gom_malloc_node_for(size, gfp, node, _RET_IP_);
}
EXPORT_SYMBOL_GPL(GOM_SLAB_KMALLOC_LARGE_NODE);

void *GOM_SLAB_KMALLOC_TRACK(GOM_KMALLOC_PARAMS, gfp_t gfp, int node,
			     unsigned long caller)
{
	return gom_malloc_node_for(size, gfp, node, caller);
}
EXPORT_SYMBOL_GPL(GOM_SLAB_KMALLOC_TRACK);

#ifdef GOM_HAS_NOLOCK
/* gom_malloc_nolock() allocates on the node of this CPU only. */
void *gom_slab__kmalloc_nolock_noprof(GOM_TOKEN_PARAMS, gfp_t gfp, int node)
{
	return gom_malloc_nolock(size, gfp);
}
EXPORT_SYMBOL_GPL(gom_slab__kmalloc_nolock_noprof);
#endif

/* === kvmalloc() === */

/*
 * As in the kernel: more than a page is worth an attempt, but no reclaim, as
 * vmalloc() can do it.
 */
static gfp_t kvmalloc_gfp(size_t size, gfp_t gfp)
{
	if (size <= PAGE_SIZE)
		return gfp;
	if (!(gfp & __GFP_RETRY_MAYFAIL))
		gfp &= ~__GFP_DIRECT_RECLAIM;
	return (gfp & ~__GFP_NOFAIL) | __GFP_NOWARN;
}

/*
 * gom_slab_kvmalloc() of an allocation that does not fail on purpose.  The
 * kernel's kvmalloc() does what is left: vmalloc(), if @gfp allows it.  While a
 * module's call sites fail, @node is ignored.
 */
static void *kvmalloc_asked(size_t size, gfp_t gfp, int node, unsigned long caller)
{
	void *p = NULL;

	if (unlikely(gom_client_filter_on(&gom_fail_module)) && size <= KMALLOC_MAX_SIZE)
		p = gom_alloc_slow_asked(size, gom_size_to_slot_off(size), kvmalloc_gfp(size, gfp),
					 caller);
	else if (likely(size <= KMALLOC_MAX_SIZE))
		p = gom_malloc_node_for(size, kvmalloc_gfp(size, gfp), node, caller);
	return likely(p) || size <= PAGE_SIZE ? p : kvmalloc_node(size, gfp, node);
}

/*
 * An allocation that is to fail (fail_site.h) must fail in all, so that is
 * decided here, with the caller's @gfp.
 */
void *gom_slab_kvmalloc(size_t size, gfp_t gfp, int node, unsigned long caller)
{
	if (size <= PAGE_SIZE)
		return gom_malloc_node_for(size, gfp, node, caller);
	return gom_fail_here(caller, gfp) ? NULL : kvmalloc_asked(size, gfp, node, caller);
}

void *GOM_SLAB_KVMALLOC(GOM_KVMALLOC_PARAMS, gfp_t gfp, int node)
{
	return gom_slab_kvmalloc(size, gfp, node, _RET_IP_);
}
EXPORT_SYMBOL_GPL(GOM_SLAB_KVMALLOC);

/* === krealloc() === */

/* Free @p, @old bytes of which were copied to @q; NULL leaves it. */
static void *object_replace(const void *p, size_t old, void *q, size_t size)
{
	if (q && !ZERO_OR_NULL_PTR(p)) {
		memcpy(q, p, min(old, size));
		gom_slab_kvfree(p);
	}
	return q;
}

/*
 * Has @p, an object of gomalloc's, to move to another node, or to an address
 * with a greater alignment?  Alignment beyond that of kmalloc() is not promised
 * by the kernel, either.
 */
static bool realloc_must_move(const void *p, unsigned long align, gfp_t gfp, int node)
{
	if (!IS_ALIGNED((unsigned long)p, align))
		return true;
	return gfp & __GFP_THISNODE && node != NUMA_NO_NODE && gom_pagemap_nid(p) != node;
}

static void *owned_realloc(const void *p, size_t size, unsigned long align, gfp_t gfp, int node,
			   unsigned long caller)
{
	if (ZERO_OR_NULL_PTR(p))
		return gom_malloc_node_for(size, gfp, node, caller);
	if (size && unlikely(realloc_must_move(p, align, gfp, node)))
		return object_replace(p, gom_size(p),
				      gom_malloc_node_for(size, gfp, node, caller), size);
	return gom_realloc(p, size, gfp);
}

#ifdef krealloc_node_align
void *gom_slab_krealloc_node_align_noprof(const void *p, GOM_TOKEN_PARAMS,
					  unsigned long align, gfp_t gfp, int node)
{
	if (!ZERO_OR_NULL_PTR(p) && !gom_slab_owns(p))
		return krealloc_node_align(p, size, align, gfp, node);
	return owned_realloc(p, size, align, gfp, node, _RET_IP_);
}
EXPORT_SYMBOL_GPL(gom_slab_krealloc_node_align_noprof);
#else
void *GOM_SLAB_NOPROF(krealloc)(const void *p, size_t size, gfp_t gfp)
{
	if (!ZERO_OR_NULL_PTR(p) && !gom_slab_owns(p))
		return krealloc(p, size, gfp);
	return owned_realloc(p, size, 1, gfp, NUMA_NO_NODE, _RET_IP_);
}
EXPORT_SYMBOL_GPL(GOM_SLAB_NOPROF(krealloc));
#endif

#ifdef kvrealloc
static bool realloc_is_foreign(const void *p)
{
	return !ZERO_OR_NULL_PTR(p) && !gom_owns(p);
}

/*
 * While a module's call sites fail: as in gom_slab_kvmalloc(), ask once, or what
 * fails first falls back to vmalloc().  An object that grows always moves.
 */
static void *kvrealloc_grow_or_fail(const void *p, size_t size, gfp_t gfp, int node,
				    unsigned long caller)
{
	if (gom_fail_here(caller, gfp))
		return NULL;
	return object_replace(p, gom_size(p), kvmalloc_asked(size, gfp, node, caller), size);
}

static void *owned_kvrealloc(const void *p, size_t size, unsigned long align, gfp_t gfp, int node,
			     unsigned long caller)
{
	void *q;

	if (ZERO_OR_NULL_PTR(p))
		return gom_slab_kvmalloc(size, gfp, node, caller);
	if (unlikely(gom_client_filter_on(&gom_fail_module)) && size > gom_size(p))
		return kvrealloc_grow_or_fail(p, size, gfp, node, caller);
	q = owned_realloc(p, size, align, kvmalloc_gfp(size, gfp), node, caller);
	if (q)
		return q;
	return object_replace(p, gom_size(p), gom_slab_kvmalloc(size, gfp, node, caller), size);
}

# ifdef kvrealloc_node_align
void *gom_slab_kvrealloc_node_align_noprof(const void *p, GOM_TOKEN_PARAMS,
					   unsigned long align, gfp_t gfp, int node)
{
	if (realloc_is_foreign(p))
		return kvrealloc_node_align(p, size, align, gfp, node);
	return owned_kvrealloc(p, size, align, gfp, node, _RET_IP_);
}
EXPORT_SYMBOL_GPL(gom_slab_kvrealloc_node_align_noprof);
# else
void *gom_slab_kvrealloc_noprof(const void *p, size_t size, gfp_t gfp)
{
	if (realloc_is_foreign(p))
		return kvrealloc(p, size, gfp);
	return owned_kvrealloc(p, size, 1, gfp, NUMA_NO_NODE, _RET_IP_);
}
EXPORT_SYMBOL_GPL(gom_slab_kvrealloc_noprof);
# endif
#else
/* The former kvrealloc() never shrinks, and is told the old size. */
void *gom_slab_kvrealloc(const void *p, size_t old, size_t size, gfp_t gfp)
{
	if (old >= size)
		return (void *)p;
	return object_replace(p, old, gom_slab_kvmalloc(size, gfp, NUMA_NO_NODE, _RET_IP_), size);
}
EXPORT_SYMBOL_GPL(gom_slab_kvrealloc);
#endif

/* === Sizes === */

size_t gom_slab_ksize(const void *p)
{
	return gom_slab_owns(p) ? gom_size(p) : ksize(p);
}
EXPORT_SYMBOL_GPL(gom_slab_ksize);

/*
 * What gom_size() will say, or less: a size that is a multiple of a large power
 * of two may get a larger class, for its alignment.
 */
size_t gom_slab_kmalloc_size_roundup(size_t size)
{
	unsigned int slot_off = gom_size_to_slot_off(size);

	if (!size || size > KMALLOC_MAX_SIZE)
		return size;
	return slot_off ? gom_classes[slot_off >> GOM_SLOT_SHIFT].size : PAGE_ALIGN(size);
}
EXPORT_SYMBOL_GPL(gom_slab_kmalloc_size_roundup);
