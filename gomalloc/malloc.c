// SPDX-License-Identifier: GPL-2.0
/*
 * malloc: the interface, and the path of an allocation and of a free.
 *
 * Allocating a small object goes up a hierarchy (Go: malloc.go):
 *
 *   1. Round the size up to a size class and take an object from the magazine
 *	of this CPU's mcache.  No lock, no atomic operation.
 *   2. If it is empty, get a full one from mcentral (mcache.c, mcentral.c).
 *   3. If mcentral has none, fill it from spans with free objects.
 *   4. If there is none, get a run of pages from the heap and cut it (mheap.c).
 *   5. If the heap has none, get a megabyte from the page allocator.
 *
 * Freeing goes down: the page map tells the class of the address and, in the
 * same word, where in its span it lies, which is all it takes to see whether an
 * object begins there; it is put into the magazine.  A full magazine goes to
 * mcentral's depot, from there into spans, an empty span to the heap, and idle
 * runs of the heap back to the system under memory pressure (shrinker.c).
 *
 * Between 32 and 128 KiB an object is a run of pages, as many as are needed, with a
 * class for each number of them.  Large objects, above, skip 1 to 3.
 *
 * Whatever does not go straight through, a mode that needs every call's
 * attention included, falls into the slow paths, which look again at everything.
 */
#include <linux/kmemleak.h>
#include <linux/mm.h>
#include <linux/overflow.h>
#include <linux/rcupdate.h>
#include <linux/sched/mm.h>
#include <linux/string.h>
#include <linux/topology.h>

#include "cache.h"
#include "compat.h"
#include "gomalloc.h"
#include "large.h"
#include "mcache.h"
#include "mcentral.h"
#include "mheap.h"
#include "rcufree.h"
#include "report.h"
#include "sbrk.h"

/* Flags that matter to where memory comes from; the rest is ours to heed. */
#define PAGE_GFP	(__GFP_RECLAIM | __GFP_HIGH | __GFP_IO | __GFP_FS |	\
			 __GFP_NOWARN | __GFP_RETRY_MAYFAIL | __GFP_NOFAIL |	\
			 __GFP_NORETRY | __GFP_MEMALLOC | __GFP_NOMEMALLOC |	\
			 __GFP_HARDWALL | __GFP_THISNODE | GOM_GFP_ATOMIC)

/* Flags with which an object cannot be handed out as it comes. */
#define ZONE_GFP	(__GFP_DMA | __GFP_DMA32 | __GFP_HIGHMEM)
#define SPECIAL_GFP	(__GFP_ZERO | ZONE_GFP)

/* === Allocating === */

/* What may be wrong with @gfp costs nothing to ask when nobody listens. */
static __always_inline void check_context(gfp_t gfp)
{
	if (IS_ENABLED(CONFIG_DEBUG_ATOMIC_SLEEP) || IS_ENABLED(CONFIG_LOCKDEP))
		might_alloc(gfp);
}

/*
 * The fast paths below leave the cache in each branch, not after: the compiler
 * then need not ask again afterwards which branch it was.  Whatever is not fast is
 * a function of its own, called last with nothing to do after it: then nothing has
 * to be kept over a call, and no register be saved for it.
 */
static __always_inline void *take(unsigned long slot)
{
	struct gom_mcache *c;
	void *p;

	if (unlikely(!gom_mcache_enter(&c)))
		return NULL;
	p = gom_slot_pop(gom_mcache_slot(c, slot));
	if (unlikely(!p)) {
		gom_mcache_leave(c);
		return NULL;
	}
	gom_mcache_leave(c);
	return p;
}

/* Whole pages; @gfp may name the DMA zone. */
static void *alloc_large(size_t size, gfp_t gfp, int nid, unsigned long caller)
{
	void *p = gom_large_alloc(size, gfp & (PAGE_GFP | __GFP_ZERO | __GFP_DMA), nid, caller);

	kmemleak_alloc(p, PAGE_ALIGN(size), 1, gfp);
	return p;
}

/* @gfp without what is no zone of ours, which is reported. */
static gfp_t check_zone(gfp_t gfp, unsigned long caller)
{
	if (!(gfp & ZONE_GFP & ~__GFP_DMA))
		return gfp;
	gom_report(GOM_BAD_GFP, caller, "allocation with gfp %pGg: no highmem or DMA32 here", &gfp);
	return gfp & (~ZONE_GFP | __GFP_DMA);
}

static void *sbrk_alloc(size_t size, gfp_t gfp, unsigned long caller)
{
	gfp = check_zone(gfp, caller) & (PAGE_GFP | __GFP_DMA);
	return gom_sbrk_alloc(size, 0, gfp, caller);
}

/* A tiny object that did not go straight through. */
static noinline void *tiny_slow(size_t size, gfp_t gfp)
{
	void *p;

	might_alloc(gfp);
	if (unlikely(gom_sbrk))
		return sbrk_alloc(size, gfp, _RET_IP_);
	p = gom_tiny_alloc_slow(size, gfp & PAGE_GFP);
	if (p == ERR_PTR(-EBUSY))	/* its neighbours are zeroed, so is this one */
		return __gom_malloc(size, gfp | __GFP_ZERO);
	kmemleak_alloc(p, size, 1, gfp);
	kmemleak_no_scan(p);
	return p;
}

/* Memory for a zone, from pages of its own. */
static void *alloc_zone(size_t size, gfp_t gfp, int nid, unsigned long caller)
{
	gfp = check_zone(gfp, caller);
	if (gfp & __GFP_DMA)
		return alloc_large(size, gfp, nid, caller);
	return gom_malloc_node(size, gfp, nid);
}

/* The last touch to a small object on its way out. */
static void *prepare(void *p, unsigned int class, gfp_t gfp)
{
	size_t size = gom_classes[class].size;

	if (want_init_on_alloc(gfp))
		memset(p, 0, size);
	kmemleak_alloc(p, size, 1, gfp);
	return p;
}

static void *prepare_special(void *p, unsigned int slot, gfp_t gfp, unsigned long caller)
{
	unsigned int class = slot >> GOM_SLOT_SHIFT;

	if (unlikely(gfp & ZONE_GFP)) {
		gom_mcache_free_slow(class, p, caller);
		return alloc_zone(gom_classes[class].size, gfp, NUMA_NO_NODE, caller);
	}
	return prepare(p, class, gfp);
}

static void *alloc_slow(size_t size, unsigned int slot, gfp_t gfp, unsigned long caller)
{
	unsigned int class = slot >> GOM_SLOT_SHIFT;
	void *p;

	if (!size)
		return ZERO_SIZE_PTR;
	might_alloc(gfp);
	if (unlikely(gom_sbrk))
		return sbrk_alloc(size, gfp, caller);
	if (gfp & ZONE_GFP)
		return alloc_zone(size, gfp, NUMA_NO_NODE, caller);
	if (!class)
		return alloc_large(size, gfp, numa_mem_id(), caller);
	p = gom_mcache_alloc_slow(class, gfp & PAGE_GFP);
	return p ? prepare(p, class, gfp) : NULL;
}

/* Can @p not be handed out as it comes? */
static __always_inline bool is_special(gfp_t gfp)
{
	return want_init_on_alloc(gfp) || unlikely(gfp & SPECIAL_GFP);
}

/* What did not go straight through: because there is no @p, or for what it is to be. */
static noinline void *finish(size_t size, gfp_t gfp, unsigned int slot, void *p,
			     unsigned long caller)
{
	if (p)
		return prepare_special(p, slot, gfp, caller);
	return alloc_slow(size, slot, gfp, caller);
}

static noinline void *finish_slot(unsigned long slot, gfp_t gfp, void *p, unsigned long caller)
{
	return finish(gom_classes[slot >> GOM_SLOT_SHIFT].size, gfp, slot, p, caller);
}

/* gom_malloc() of a size known when the caller was compiled. */
void *__gom_malloc_slot(unsigned long slot, gfp_t gfp)
{
	void *p;

	check_context(gfp);
	p = take(slot);
	if (likely(p) && !is_special(gfp))
		return p;
	return finish_slot(slot, gfp, p, _RET_IP_);
}
EXPORT_SYMBOL_GPL(__gom_malloc_slot);

/* gom_malloc() of any size. */
void *__gom_malloc(size_t size, gfp_t gfp)
{
	unsigned int slot = gom_size_to_slot(size);
	void *p;

	check_context(gfp);
	p = take(slot);
	if (likely(p) && !is_special(gfp))
		return p;
	return finish(size, gfp, slot, p, _RET_IP_);
}
EXPORT_SYMBOL_GPL(__gom_malloc);

/* gom_malloc_noscan(), except of a constant size that is not combined. */
void *__gom_malloc_noscan(size_t size, gfp_t gfp)
{
	struct gom_mcache *c;
	void *p;

	if (unlikely(size - 1 >= GOM_TINY_MAX) || unlikely(gfp & ZONE_GFP))
		return __gom_malloc(size, gfp);
	check_context(gfp);
	if (unlikely(!gom_mcache_enter(&c)))
		return tiny_slow(size, gfp);
	if (unlikely(!gom_tiny_cut(&c->tiny.cur, size, &p))) {
		gom_mcache_leave(c);
		return tiny_slow(size, gfp);
	}
	c->tiny.mallocs++;
	gom_mcache_leave(c);
	return p;
}
EXPORT_SYMBOL_GPL(__gom_malloc_noscan);

/*
 * An object on @node.  On its own node a CPU's cache will do, unless what comes out
 * of it was freed here and is from another: that goes home.
 */
static void *take_on_node(unsigned int class, gfp_t gfp, int node)
{
	void *p;

	if (node == numa_mem_id()) {
		p = gom_mcache_alloc_slow(class, gfp);
		if (!p || gom_pagemap_nid(p) == node)
			return p;
		gom_mcentral_free(class, p, _RET_IP_);
	}
	return gom_mcentral_alloc(class, node, gfp);
}

/**
 * gom_malloc_node - allocate memory of a NUMA node
 * @size: bytes wanted
 * @gfp: as for gom_malloc(); with __GFP_THISNODE no other node will do
 * @node: the node, or NUMA_NO_NODE for any
 *
 * Context: any but NMI.  May sleep if @gfp allows it.
 * Return: the memory, or NULL.
 */
void *gom_malloc_node(size_t size, gfp_t gfp, int node)
{
	unsigned int slot = gom_size_to_slot(size);
	unsigned int class = slot >> GOM_SLOT_SHIFT;
	void *p;

	if (node == NUMA_NO_NODE || nr_node_ids == 1 || !size || gom_sbrk)
		return __gom_malloc(size, gfp);
	might_alloc(gfp);
	if (gfp & ZONE_GFP)
		return alloc_zone(size, gfp, node, _RET_IP_);
	if (!class)
		return alloc_large(size, gfp, node, _RET_IP_);
	p = take_on_node(class, gfp & PAGE_GFP, node);
	return p ? prepare(p, class, gfp) : NULL;
}
EXPORT_SYMBOL_GPL(gom_malloc_node);

/**
 * gom_malloc_array - allocate memory for an array
 * @n: elements
 * @size: bytes of one
 * @gfp: as for gom_malloc()
 *
 * Context: any but NMI.  May sleep if @gfp allows it.
 * Return: the memory; NULL if there is none or @n * @size overflows, which is
 * reported unless @gfp has __GFP_NOWARN.
 */
void *gom_malloc_array(size_t n, size_t size, gfp_t gfp)
{
	size_t bytes;

	if (likely(!check_mul_overflow(n, size, &bytes)))
		return __gom_malloc(bytes, gfp);
	if (!(gfp & __GFP_NOWARN))
		gom_report(GOM_BAD_SIZE, _RET_IP_, "allocation of %zu times %zu bytes overflows",
			   n, size);
	return NULL;
}
EXPORT_SYMBOL_GPL(gom_malloc_array);

/* === Freeing === */

/* The number of the class of a page that is cut into objects; not exact if nobody has one. */
static unsigned int class_at(const void *p, unsigned int slot)
{
	struct gom_span *s = slot == GOM_SLOT_CACHE ? gom_pagemap_span(p) : NULL;

	return s && s->class < gom_class_end() ? s->class : min_t(unsigned int, slot, GOM_CLASS_TINY);
}

/* What a constructor set, or a reader under RCU may look at, stays. */
static bool may_wipe(unsigned int class)
{
	return class < GOM_NR_SPAN_CLASSES ||
	       !(gom_cache_class(class)->ctor || gom_cache_class(class)->rcu);
}

static noinline void free_slow(const void *p, unsigned long caller)
{
	u32 entry = gom_pagemap_entry(p);
	unsigned int slot = gom_entry_slot(entry);
	u32 off = gom_entry_offset(entry, p);
	unsigned int class = class_at(p, slot);

	if (ZERO_OR_NULL_PTR(p) || gom_sbrk)
		return;
	if (!slot) {
		gom_report(GOM_BAD_FREE_FOREIGN, caller, "free of %p, which is not gomalloc's", p);
	} else if (slot == GOM_SLOT_IDLE) {
		gom_report(GOM_BAD_FREE_TWICE, caller, "free of %p, in pages that are free already",
			   p);
	} else if (slot == GOM_CLASS_TINY) {
		gom_tiny_free(p, caller);
	} else if (slot == GOM_SLOT_LARGE ? off : !gom_class_begins(gom_class(class), off)) {
		gom_report(GOM_BAD_FREE_MIDDLE, caller, "free of %p, where no object begins", p);
	} else {
		kmemleak_free(p);
		if (want_init_on_free() && may_wipe(class))
			memset((void *)p, 0, gom_size(p));
		if (slot == GOM_SLOT_LARGE)
			gom_large_free(p, caller);
		else
			gom_mcache_free_slow(class, p, caller);
	}
}

/* Inside the cache, which it leaves. */
static noinline void free_inside_slow(const void *p, u32 entry, struct gom_mcache *c,
				      unsigned long caller)
{
	bool tiny = gom_entry_slot(entry) == GOM_CLASS_TINY;
	void *block = NULL;

	if (tiny)
		tiny = gom_tiny_put(c, p, entry, &block);
	gom_mcache_leave(c);
	if (!tiny)
		free_slow(p, caller);
	else if (block)
		gom_mcache_free_slow(GOM_CLASS_TINY, block, caller);
}

/*
 * What is not an object of a class that there is room for, but may be a tiny one.
 * Comes inside the cache, and leaves it.
 */
static noinline void free_inside(const void *p, u32 entry, struct gom_mcache *c,
				 unsigned long caller)
{
	if (gom_entry_slot(entry) != GOM_CLASS_TINY || !gom_tiny_undo(&c->tiny, p))
		return free_inside_slow(p, entry, c, caller);
	gom_mcache_leave(c);
}

/**
 * gom_free - free memory
 * @p: what any allocation here returned; NULL and ZERO_SIZE_PTR are fine
 *
 * A pointer that is not gomalloc's, one into an object's middle, and a second
 * free where it can be seen are reported and have no other effect.
 *
 * Context: any but NMI.  Needs no memory.
 */
void gom_free(const void *p)
{
	u32 entry = gom_pagemap_entry(p);
	struct gom_mcache *c;
	struct gom_slot *s;

	if (unlikely(!gom_mcache_enter(&c)))
		return free_slow(p, _RET_IP_);
	/* A page that is not ours, or not cut into objects of a class, has limit 0. */
	s = gom_mcache_slot(c, entry & GOM_ENTRY_SLOT_MASK);
	if (unlikely(gom_entry_offset(entry, p) * s->recip >= s->limit || !gom_slot_push(s, p)))
		return free_inside(p, entry, gom_mcache_again(c), _RET_IP_);
	gom_mcache_leave(c);
}
EXPORT_SYMBOL_GPL(gom_free);

/*
 * A sized free that did not go straight through.  Sizes are compared here, and
 * so in debug mode always, because there nothing goes straight through.
 */
static noinline void free_sized_slow(const void *p, unsigned int slot, unsigned long caller)
{
	unsigned int is = gom_entry_slot(gom_pagemap_entry(p));
	unsigned int said = slot ? slot >> GOM_SLOT_SHIFT : GOM_SLOT_LARGE;

	if (gom_sbrk)
		return;
	if (!ZERO_OR_NULL_PTR(p) && is && is != GOM_SLOT_IDLE && is != said &&
	    is != GOM_SLOT_LARGE)
		gom_report(GOM_BAD_FREE_SIZE, caller,
			   "sized free of %p as class %u, which is of class %u", p, said, is);
	free_slow(p, caller);
}

/* Put @p, of which the caller says that it is an object of @slot, into the cache. */
static __always_inline bool put_unchecked(const void *p, unsigned long slot)
{
	struct gom_mcache *c;

	if (unlikely(!gom_mcache_enter(&c)))
		return false;
	if (unlikely(!gom_slot_push(gom_mcache_slot(c, slot), p))) {
		gom_mcache_leave(c);
		return false;
	}
	gom_mcache_leave(c);
	return true;
}

/* gom_free_sized() of a size known when the caller was compiled. */
void __gom_free_slot(const void *p, unsigned long slot)
{
	if (likely(p) && likely(put_unchecked(p, slot)))
		return;
	free_sized_slow(p, slot, _RET_IP_);
}
EXPORT_SYMBOL_GPL(__gom_free_slot);

/* gom_free_sized() of any size. */
void __gom_free_sized(const void *p, size_t size)
{
	if (unlikely(size <= GOM_TINY_MAX))	/* who knows which way it was allocated */
		return gom_free(p);
	if (likely(p) && likely(put_unchecked(p, gom_size_to_slot(size))))
		return;
	free_sized_slow(p, gom_size_to_slot(size), _RET_IP_);
}
EXPORT_SYMBOL_GPL(__gom_free_sized);

/**
 * gom_free_sensitive - clear memory, then free it
 * @p: what any allocation here returned; NULL and ZERO_SIZE_PTR are fine
 *
 * Context: any but NMI.
 */
void gom_free_sensitive(const void *p)
{
	size_t size = gom_size(p);

	if (size)
		memzero_explicit((void *)p, size);
	free_slow(p, _RET_IP_);
}
EXPORT_SYMBOL_GPL(gom_free_sensitive);

/* Up to @nr objects of what is loaded, inside the cache. */
static __always_inline size_t pop_many(struct gom_slot *s, size_t nr, void **objs)
{
	void **top = s->top, *p;
	size_t i;

	for (i = 0; i < nr; i++) {
		p = *top;
		if (!p)
			break;
		top--;
		objs[i] = p;
	}
	s->top = top;
	s->mallocs += i;
	return i;
}

/* === Named caches === */

/* The last touch to an object of @cache on its way out. */
static noinline void *prepare_cached(struct gom_cache *cache, void *p, gfp_t gfp)
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

static void check_ctor(struct gom_cache *cache, gfp_t gfp, unsigned long caller)
{
	if (unlikely(gfp & __GFP_ZERO) && gom_cache_class(cache->class)->ctor)
		gom_report(GOM_BAD_GFP, caller,
			   "__GFP_ZERO for cache %s, which has a constructor", cache->name);
}

static void *sbrk_cached(struct gom_cache *cache, gfp_t gfp, unsigned long caller)
{
	const struct gom_cache_class *cc = gom_cache_class(cache->class);
	void *p = gom_sbrk_alloc(cache->size, cache->align, gfp & PAGE_GFP, caller);

	if (p && cc->ctor)
		cc->ctor(p);
	return p;
}

static noinline void *cache_alloc_slow(struct gom_cache *cache, gfp_t gfp, unsigned long caller)
{
	void *p;

	might_alloc(gfp);
	check_ctor(cache, gfp, caller);
	if (unlikely(gom_sbrk))
		return sbrk_cached(cache, gfp, caller);
	p = gom_mcache_alloc_slow(cache->class, gfp & PAGE_GFP);
	return p ? prepare_cached(cache, p, gfp) : NULL;
}

static __always_inline struct gom_slot *cache_slot(const struct gom_cache *cache)
{
	return raw_cpu_ptr(cache->slot);
}

/**
 * gom_cache_alloc - allocate an object of a cache
 * @cache: the cache
 * @gfp: as for gom_malloc()
 *
 * Context: any but NMI.  May sleep if @gfp allows it.
 * Return: the object, as its constructor or its last user left it if the cache has
 * a constructor, else undefined without __GFP_ZERO; or NULL.
 */
void *gom_cache_alloc(struct gom_cache *cache, gfp_t gfp)
{
	struct gom_mcache *c;
	void *p;

	check_context(gfp);
	if (unlikely(!gom_mcache_enter(&c)))
		return cache_alloc_slow(cache, gfp, _RET_IP_);
	p = gom_slot_pop(cache_slot(cache));
	if (unlikely(!p)) {
		gom_mcache_leave(c);
		return cache_alloc_slow(cache, gfp, _RET_IP_);
	}
	gom_mcache_leave(c);
	if (want_init_on_alloc(gfp) || unlikely(gfp & __GFP_ZERO))
		return prepare_cached(cache, p, gfp);
	return p;
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
	void *p;

	if (node == NUMA_NO_NODE || nr_node_ids == 1 || gom_sbrk)
		return gom_cache_alloc(cache, gfp);
	might_alloc(gfp);
	check_ctor(cache, gfp, _RET_IP_);
	p = take_on_node(cache->class, gfp & PAGE_GFP, node);
	return p ? prepare_cached(cache, p, gfp) : NULL;
}
EXPORT_SYMBOL_GPL(gom_cache_alloc_node);

/* Whatever @p is, it is freed as that; if it is none of @cache's, not at all. */
static noinline void cache_free_slow(struct gom_cache *cache, const void *p, unsigned long caller)
{
	if (ZERO_OR_NULL_PTR(p) || gom_sbrk)
		return;
	if (gom_entry_slot(gom_pagemap_entry(p)) == GOM_SLOT_CACHE &&
	    class_at(p, GOM_SLOT_CACHE) == cache->class)
		free_slow(p, caller);
	else
		gom_report(GOM_BAD_CACHE, caller, "free of %p, which is not of cache %s", p,
			   cache->name);
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

	if (unlikely(!p))
		return;
	if (unlikely(!gom_mcache_enter(&c)))
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

	check_context(gfp);
	while (i < nr) {
		n = 0;
		if (likely(gom_mcache_enter(&c))) {
			n = pop_many(cache_slot(cache), nr - i, p + i);
			gom_mcache_leave(c);
		}
		if (want_init_on_alloc(gfp))
			for (j = i; j < i + n; j++)
				prepare_cached(cache, p[j], gfp);
		i += n;
		if (i == nr)
			break;
		p[i] = cache_alloc_slow(cache, gfp, _RET_IP_);
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
	struct gom_mcache *c;
	size_t i = 0;

	while (i < nr) {
		if (likely(gom_mcache_enter(&c))) {
			i += push_many(cache_slot(cache), nr - i, p + i);
			gom_mcache_leave(c);
		}
		if (i < nr)
			cache_free_slow(cache, p[i++], _RET_IP_);
	}
}
EXPORT_SYMBOL_GPL(gom_cache_free_bulk);

/* === Questions about an object === */

/* The object that @p points into, and its usable size; NULL if there is none. */
static void *object_at(const void *p, size_t *size)
{
	u32 entry = gom_pagemap_entry(p);
	unsigned int slot = gom_entry_slot(entry);
	u32 off = gom_entry_offset(entry, p), i;
	const struct gom_class *cl;
	struct gom_span *s;

	if (unlikely(gom_sbrk)) {
		*size = gom_sbrk_size(p);
		return *size ? (void *)p : NULL;
	}
	if (!slot || slot == GOM_SLOT_IDLE)
		return NULL;
	if (slot == GOM_SLOT_LARGE) {
		s = gom_pagemap_span(p);
		*size = (size_t)s->npages << PAGE_SHIFT;
		return (void *)p - off;
	}
	if (slot == GOM_CLASS_TINY) {
		*size = gom_tiny_size(p);
		return *size ? (void *)p : NULL;
	}
	cl = gom_class(class_at(p, slot));
	i = gom_class_index(cl, off);
	if (i >= cl->nelems)
		return NULL;
	*size = cl->size;
	return (void *)p - off + i * cl->size;
}

/**
 * gom_size - usable bytes of an object
 * @p: what any allocation here returned
 *
 * Context: any but NMI.
 * Return: the bytes; 0 for NULL and ZERO_SIZE_PTR, and, with a report, for what
 * is not the beginning of an object.
 */
size_t gom_size(const void *p)
{
	size_t size;

	if (ZERO_OR_NULL_PTR(p))
		return 0;
	if (object_at(p, &size) == p)
		return size;
	gom_report(GOM_BAD_POINTER, _RET_IP_, "size of %p, where no object begins", p);
	return 0;
}
EXPORT_SYMBOL_GPL(gom_size);

/* === Changing the size === */

static bool is_of(const void *p, unsigned int slot)
{
	return gom_entry_slot(gom_pagemap_entry(p)) == slot;
}

static void *resize_in_place(const void *p, size_t new_size, gfp_t gfp)
{
	size_t size;

	if (is_of(p, GOM_SLOT_LARGE))
		gom_large_shrink(p, new_size, gfp & PAGE_GFP);
	size = gom_size(p);
	/* The bytes beyond are zero if they are asked for later. */
	if (want_init_on_alloc(gfp))
		memset((void *)p + new_size, 0, size - new_size);
	return (void *)p;
}

/**
 * gom_realloc - change the size of an object
 * @p: the object; NULL and ZERO_SIZE_PTR allocate
 * @new_size: bytes wanted; 0 frees
 * @gfp: as for gom_malloc(); with __GFP_ZERO bytes that are new are zero, if
 *	the object was zeroed when it was allocated and each time it was resized
 *
 * The contents up to the smaller of both sizes stay.  If @new_size fits into
 * gom_size() the object stays where it is, and pages of a large object that are
 * not needed any more go back.
 *
 * Context: any but NMI.  May sleep if @gfp allows it.
 * Return: the object; NULL if there is no memory, and then @p is as it was.
 */
void *gom_realloc(const void *p, size_t new_size, gfp_t gfp)
{
	size_t old;
	void *q;

	if (ZERO_OR_NULL_PTR(p))
		return __gom_malloc(new_size, gfp);
	old = gom_size(p);
	if (!old)
		return NULL;
	if (!new_size) {
		gom_free(p);
		return ZERO_SIZE_PTR;
	}
	if (new_size <= old)
		return resize_in_place(p, new_size, gfp);
	/* A tiny object holds no pointers, however it grows. */
	q = is_of(p, GOM_CLASS_TINY) ? gom_malloc_noscan(new_size, gfp) :
				       __gom_malloc(new_size, gfp);
	if (q) {
		memcpy(q, p, old);
		gom_free(p);
	}
	return q;
}
EXPORT_SYMBOL_GPL(gom_realloc);

/* === Many at a time === */

/* Up to @nr objects of what this CPU has loaded. */
static size_t take_bulk(unsigned int slot, size_t nr, void **objs)
{
	struct gom_mcache *c;
	size_t n;

	if (!gom_mcache_enter(&c))
		return 0;
	n = pop_many(gom_mcache_slot(c, slot), nr, objs);
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

	check_context(gfp);
	while (i < nr) {
		n = unlikely(gfp & ZONE_GFP) ? 0 : take_bulk(slot, nr - i, p + i);
		if (want_init_on_alloc(gfp))
			for (j = i; j < i + n; j++)
				memset(p[j], 0, gom_classes[slot >> GOM_SLOT_SHIFT].size);
		i += n;
		if (i == nr)
			break;
		p[i] = alloc_slow(size, slot, gfp, _RET_IP_);
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
			free_slow(p[i++], _RET_IP_);
	}
}
EXPORT_SYMBOL_GPL(gom_free_bulk);

/* === After a grace period === */

static void free_rcu_callback(struct rcu_head *head)
{
	size_t size;

	gom_free(object_at(head, &size));
}

static noinline void free_rcu_slow(const void *p, struct rcu_head *head, unsigned long caller)
{
	if (p)
		call_rcu(head, free_rcu_callback);
	else if (!gom_sbrk)
		gom_report(GOM_BAD_FREE_FOREIGN, caller,
			   "free after a grace period of %p, which is not gomalloc's", head);
}

/* gom_free_rcu(): @head lies somewhere in the object, which the page map finds. */
void __gom_free_rcu(struct rcu_head *head)
{
	u32 entry = gom_pagemap_entry(head);
	u32 off = gom_entry_offset(entry, head);
	unsigned int slot = gom_entry_slot(entry);
	size_t size;
	void *p;

	if (likely(slot && slot < GOM_CLASS_TINY))	/* as object_at(), for most */
		p = (void *)head - off + gom_class_index(&gom_classes[slot], off) *
					 gom_classes[slot].size;
	else
		p = gom_sbrk ? NULL : object_at(head, &size);
	if (likely(p && gom_rcufree_add(p)))
		return;
	free_rcu_slow(p, head, _RET_IP_);
}
EXPORT_SYMBOL_GPL(__gom_free_rcu);

/* === Giving memory back === */

/**
 * gom_release_memory - give all memory back that no object needs
 *
 * Empties the caches of all CPUs and the depots, and returns all free page runs
 * to the page allocator.  Allocation goes on meanwhile.
 *
 * Context: task, may sleep.
 * Return: pages given back.
 */
unsigned long gom_release_memory(void)
{
	gom_mcache_flush_all();
	gom_mcentral_drain();
	return gom_mheap_release(ULONG_MAX);
}
EXPORT_SYMBOL_GPL(gom_release_memory);
