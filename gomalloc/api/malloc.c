// SPDX-License-Identifier: GPL-2.0
/*
 * malloc: the path of an allocation and of a free.
 *
 * An allocation of a small object descends a hierarchy (Go: malloc.go):
 *
 *   1. Round the size up to a size class and pop an object from the magazine of
 *	this CPU's mcache.  No lock, no atomic operation.
 *   2. If the magazine is empty, exchange it for a full one from the depot of
 *	mcentral (mcache.c, mcentral.c).
 *   3. If the depot has none, refill the magazine from spans with free objects.
 *   4. If no span has one, allocate a run of pages from the heap and carve it
 *	into objects (mheap.c).
 *   5. If the heap has none, get up to a megabyte from the page allocator.
 *
 * A free takes the same steps back.  The page map has one word for each page:
 * the class, and the offset of the page in its span.  That is enough to see
 * whether an object begins at the address.  The object is pushed to this CPU's
 * magazine.  Full magazines go to mcentral's depot, from there objects return
 * to their spans, empty spans to the heap, and idle runs of the heap to the
 * page allocator when memory is short (shrinker.c) or after some seconds
 * (scavenger.c).
 *
 * Between 32 and 128 KiB an object is a run of pages, with a class for each
 * number of pages.  Large objects, above that, skip steps 1 to 3.
 *
 * A call that the fast path cannot serve takes a slow path, which repeats all
 * checks.  So does every call while a mode (debug, sbrk, efence, tracing) needs
 * it.
 *
 * Who may be in here: any context but NMI; nolock.c is for NMIs.  No lock is
 * held on entry to the layers below.
 */
#include <linux/kmemleak.h>
#include <linux/mm.h>
#include <linux/nodemask.h>
#include <linux/overflow.h>
#include <linux/sched/mm.h>
#include <linux/string.h>

#include "api/internal.h"
#include "api/object_debug.h"
#include "base/compat.h"
#include "base/fail_site.h"
#include "base/node.h"
#include "base/report.h"
#include "base/trace.h"
#include "central/mcentral.h"
#include "gomalloc.h"
#include "heap/large.h"
#include "heap/mheap.h"
#include "percpu/mcache.h"
#include "percpu/tiny.h"
#include "special/profile.h"
#include "special/special.h"

/* === Allocating === */

/* Allocate whole pages; @gfp may have __GFP_DMA. */
static void *large_alloc(size_t size, gfp_t gfp, int nid, unsigned long caller)
{
	void *p = gom_large_alloc(size, gfp & (GOM_PAGE_GFP | __GFP_ZERO | __GFP_DMA), nid, caller);

	kmemleak_alloc(p, PAGE_ALIGN(size), 1, gfp);
	if (p)
		gom_note_malloc(caller, p, size, 0, PAGE_ALIGN(size), gfp);
	if (p && gom_profile_draw(PAGE_ALIGN(size)))
		gom_profile_malloc(p, PAGE_ALIGN(size), size, gfp, caller);
	return p;
}

/* gom_check_zone(), for a zone that gomalloc has no memory of. */
gfp_t gom_report_zone(gfp_t gfp, unsigned long caller)
{
	gom_report(GOM_BAD_GFP, caller, "allocation with gfp %pGg: no highmem or DMA32 here", &gfp);
	return gfp & (~GOM_ZONE_GFP | __GFP_DMA);
}

const struct gom_backend *gom_backend __read_mostly;
GOM_EXPORT_FOR_TEST(gom_backend);

/*
 * Allocate an object of @size bytes from the backend, which is not NULL.
 * @align: alignment in bytes, a power of two up to a page; 0 for that of
 * gom_malloc().  @class: class of a named cache for the trace, or 0.  Returns
 * NULL if the backend cannot: then the object is an ordinary one, unless the
 * backend is all there is.
 */
void *gom_backend_alloc(size_t size, size_t align, unsigned int class, gfp_t gfp,
			unsigned long caller)
{
	void *p = gom_backend->alloc(size, align, gfp, caller);

	if (p)
		gom_note_malloc(caller, p, size, class, size, gfp);
	return p;
}

/* Slow path of gom_malloc_noscan() for an object to be combined. */
static noinline void *tiny_alloc_slow(size_t size, gfp_t gfp, unsigned long caller)
{
	bool sample = false;
	void *p;

	might_alloc(gfp);
	if (unlikely(gom_backend))
		return gom_alloc_slow(size, gom_size_to_slot_off(size), gfp | __GFP_ZERO, caller);
	if (gom_fail_here(caller, gfp))
		return NULL;
	p = gom_tiny_alloc_slow(size, gfp & GOM_PAGE_GFP, &sample);
	if (p == ERR_PTR(-EBUSY))	/* tiny objects are zeroed, so zero this one too */
		return gom_alloc_slow_asked(size, gom_size_to_slot_off(size), gfp | __GFP_ZERO,
					    caller);
	kmemleak_alloc(p, size, 1, gfp);
	kmemleak_no_scan(p);
	if (p)
		gom_note_malloc(caller, p, size, GOM_CLASS_TINY, size, gfp);
	if (p && sample)
		gom_profile_malloc(p, size, size, gfp, caller);
	return p;
}

/* Allocate with a zone in @gfp: from the DMA zone, in whole pages. */
static void *zone_alloc(size_t size, gfp_t gfp, int nid, unsigned long caller)
{
	gfp = gom_check_zone(gfp, caller);
	if (gfp & __GFP_DMA)
		return large_alloc(size, gfp, nid, caller);
	return gom_malloc_node(size, gfp, nid);
}

/* Zero a small object if required, and register it with kmemleak. */
static __always_inline void *object_prepare(void *p, unsigned int class, gfp_t gfp)
{
	const struct gom_class *cl = gom_classes;	/* a pointer: UBSAN would check an index */
	size_t size = cl[class].size;

	if (want_init_on_alloc(gfp))
		memset(p, 0, size);
	kmemleak_alloc(p, size, 1, gfp);
	return p;
}

static void *object_prepare_slow(void *p, size_t size, unsigned int class, gfp_t gfp, bool sample,
				 unsigned long caller)
{
	object_prepare(p, class, gfp);
	gom_note_malloc(caller, p, size, class, gom_classes[class].size, gfp);
	if (unlikely(sample))
		gom_profile_malloc(p, gom_classes[class].size, size, gfp, caller);
	return p;
}

/* Exchange an object from the fast path for one of the zone in @gfp. */
static noinline void *object_exchange_zone(void *p, unsigned int class, gfp_t gfp,
					   unsigned long caller)
{
	size_t size = gom_classes[class].size;
	struct gom_place at;

	gom_pagemap_place(p, &at);
	gom_mcache_free_slow(&at, caller);
	return zone_alloc(size, gfp, NUMA_NO_NODE, caller);
}

/* gom_alloc_slow() after gom_fail_here(), which is asked once. */
void *gom_alloc_slow_asked(size_t size, unsigned int slot_off, gfp_t gfp, unsigned long caller)
{
	unsigned int class = slot_off >> GOM_SLOT_SHIFT;
	bool sample = false;
	void *p;

	if (unlikely(gom_backend)) {
		p = gom_backend_alloc(size, 0, 0, gfp, caller);
		if (p || gom_backend->only)
			return p;
	}
	if (gfp & GOM_ZONE_GFP)
		return zone_alloc(size, gfp, NUMA_NO_NODE, caller);
	if (!class)
		return large_alloc(size, gfp, gom_mem_node(), caller);
	p = gom_mcache_alloc_slow(class, gfp & GOM_PAGE_GFP, &sample);
	return p ? object_prepare_slow(p, size, class, gfp, sample, caller) : NULL;
}

void *gom_alloc_slow(size_t size, unsigned int slot_off, gfp_t gfp, unsigned long caller)
{
	if (!size)
		return ZERO_SIZE_PTR;
	might_alloc(gfp);
	if (gom_fail_here(caller, gfp))
		return NULL;
	return gom_alloc_slow_asked(size, slot_off, gfp, caller);
}

/*
 * End of the fast path: no object was there (@p is NULL), or @gfp asks for a
 * zone or for zeroed memory.
 */
noinline void *gom_malloc_finish(size_t size, gfp_t gfp, unsigned int slot_off, void *p,
				 unsigned long caller)
{
	unsigned int class = slot_off >> GOM_SLOT_SHIFT;

	if (unlikely(!p))
		return gom_alloc_slow(size, slot_off, gfp, caller);
	if (unlikely(gfp & GOM_ZONE_GFP))
		return object_exchange_zone(p, class, gfp, caller);
	return object_prepare(p, class, gfp);
}

static noinline void *malloc_finish_slot(unsigned long request, gfp_t gfp, void *p,
					 unsigned long caller)
{
	u32 slot_off = request;
	size_t size = BITS_PER_LONG == 64 ? request >> 16 >> 16 :
					    gom_classes[slot_off >> GOM_SLOT_SHIFT].size;

	return gom_malloc_finish(size, gfp, slot_off, p, caller);
}

/* gom_malloc() of a constant size; @request is GOM_CONST_REQUEST(size). */
void *__gom_malloc_slot(unsigned long request, gfp_t gfp)
{
	void *p;

	gom_check_context(gfp);
	p = gom_object_pop((u32)request);
	if (likely(p) && !gom_gfp_needs_prepare(gfp))
		return p;
	return malloc_finish_slot(request, gfp, p, _RET_IP_);
}
EXPORT_SYMBOL_GPL(__gom_malloc_slot);

/* gom_malloc() of any size. */
void *__gom_malloc(size_t size, gfp_t gfp)
{
	unsigned int slot_off = gom_size_to_slot_off(size);
	void *p;

	gom_check_context(gfp);
	p = gom_object_pop(slot_off);
	if (likely(p) && !gom_gfp_needs_prepare(gfp))
		return p;
	return gom_malloc_finish(size, gfp, slot_off, p, _RET_IP_);
}
EXPORT_SYMBOL_GPL(__gom_malloc);

/*
 * The same on behalf of @caller.  __gom_malloc() does not inline it: with gcc
 * 12 that takes one instruction more.
 */
static noinline void *malloc_for(size_t size, gfp_t gfp, unsigned long caller)
{
	unsigned int slot_off = gom_size_to_slot_off(size);
	void *p;

	gom_check_context(gfp);
	p = gom_object_pop(slot_off);
	if (likely(p) && !gom_gfp_needs_prepare(gfp))
		return p;
	return gom_malloc_finish(size, gfp, slot_off, p, caller);
}

/* Sample @p for the heap profile.  Called inside the cache; leaves it. */
static noinline void *tiny_sample(struct gom_mcache *c, void *p, size_t size, gfp_t gfp,
				  unsigned long caller)
{
	c->tiny.sample_left = gom_profile_step(1);
	gom_mcache_leave(c);
	gom_profile_malloc(p, size, size, gfp, caller);
	return p;
}

/* gom_malloc_noscan(), except for constant sizes above GOM_TINY_MAX. */
void *__gom_malloc_noscan(size_t size, gfp_t gfp)
{
	struct gom_mcache *c;
	void *p;

	if (unlikely(size - 1 >= GOM_TINY_MAX) || unlikely(gfp & GOM_ZONE_GFP))
		return __gom_malloc(size, gfp);
	gom_check_context(gfp);
	if (unlikely(!gom_mcache_enter(&c)))
		return tiny_alloc_slow(size, gfp, _RET_IP_);
	if (unlikely(!gom_tiny_cut(&c->tiny.cur, size, &p))) {
		gom_mcache_leave(c);
		return tiny_alloc_slow(size, gfp, _RET_IP_);
	}
	c->tiny.mallocs++;
	c->tiny.sample_left -= size;
	if (unlikely(c->tiny.sample_left < 0))
		return tiny_sample(c, p, size, gfp, _RET_IP_);
	gom_mcache_leave(c);
	return p;
}
EXPORT_SYMBOL_GPL(__gom_malloc_noscan);

/*
 * Allocate an object on @node, or on the nearest node with memory if @node has
 * none.  If that is the node of this CPU's memory, try its cache.
 * The cache may return an object of another node that was freed here: return
 * that to its own mcentral, and allocate from the mcentral of @node.
 */
void *gom_alloc_on_node(unsigned int class, gfp_t gfp, int node, bool *sample)
{
	struct gom_place at;
	void *p;

	*sample = gom_profile_draw(gom_class(class)->size);
	node = gom_request_node(node, gfp);
	if (node == gom_mem_node()) {
		p = gom_mcache_alloc_slow(class, gfp, sample);
		if (!p)
			return NULL;
		gom_pagemap_place(p, &at);
		if (at.span->nid == node)
			return p;
		gom_mcentral_free(&at, _RET_IP_);
	}
	return gom_mcentral_alloc(class, node, gfp);
}

/* gom_malloc_node() on behalf of @caller. */
void *gom_malloc_node_for(size_t size, gfp_t gfp, int node, unsigned long caller)
{
	unsigned int slot_off = gom_size_to_slot_off(size);
	unsigned int class = slot_off >> GOM_SLOT_SHIFT;
	bool sample;
	void *p;

	if (node == NUMA_NO_NODE || nr_node_ids == 1 || !size || gom_backend)
		return malloc_for(size, gfp, caller);
	might_alloc(gfp);
	if (gom_fail_here(caller, gfp))
		return NULL;
	if (gfp & GOM_ZONE_GFP)
		return zone_alloc(size, gfp, node, caller);
	if (!class)
		return large_alloc(size, gfp, node, caller);
	p = gom_alloc_on_node(class, gfp & GOM_PAGE_GFP, node, &sample);
	return p ? object_prepare_slow(p, size, class, gfp, sample, caller) : NULL;
}

/**
 * gom_malloc_node - allocate memory of a NUMA node
 * @size: bytes requested
 * @gfp: as for gom_malloc(); with __GFP_THISNODE no other node is tried, also
 *	if @node has no memory
 * @node: the node, or NUMA_NO_NODE for any
 *
 * Context: any but NMI.  May sleep if @gfp allows it.
 * Return: the memory, or NULL.
 */
void *gom_malloc_node(size_t size, gfp_t gfp, int node)
{
	return gom_malloc_node_for(size, gfp, node, _RET_IP_);
}
EXPORT_SYMBOL_GPL(gom_malloc_node);

/**
 * gom_malloc_array - allocate memory for an array
 * @n: number of elements
 * @size: bytes of one element
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
		return malloc_for(bytes, gfp, _RET_IP_);
	if (!(gfp & __GFP_NOWARN))
		gom_report(GOM_BAD_SIZE, _RET_IP_, "allocation of %zu times %zu bytes overflows",
			   n, size);
	return NULL;
}
EXPORT_SYMBOL_GPL(gom_malloc_array);

/* === Freeing === */

/*
 * init_on_free=1 must not clear what a constructor set or an RCU reader may
 * read.
 */
static bool class_may_wipe(unsigned int class)
{
	return class < GOM_NR_SPAN_CLASSES ||
	       !(gom_cache_class(class)->ctor || gom_cache_class(class)->rcu);
}

/* Bytes of the object that begins at @at, of class @at->class or large. */
static size_t object_bytes(const struct gom_place *at)
{
	return at->class ? gom_class(at->class)->size : (size_t)at->span->npages << PAGE_SHIFT;
}

/* Free the object at @at, which begins there and is not tiny. */
static void object_free(const struct gom_place *at, unsigned long caller)
{
	kmemleak_free(at->p);
	if (want_init_on_free() && class_may_wipe(at->class))
		memset((void *)at->p, 0, object_bytes(at));
	if (at->class)
		gom_mcache_free_slow(at, caller);
	else
		gom_large_free(at, caller);
}

/* Is @at the beginning of an object, going by the page map?  Reports if not. */
static bool place_check_free(const struct gom_place *at, unsigned long caller)
{
	if (!at->slot)
		gom_report(GOM_BAD_FREE_FOREIGN, caller, "free of %p, which is not gomalloc's",
			   at->p);
	else if (!at->span)
		gom_report(GOM_BAD_DOUBLE_FREE, caller, "free of %p, in pages that are free already",
			   at->p);
	else if (at->class == GOM_CLASS_TINY)
		return true;		/* gom_tiny_free() checks */
	else if (at->slot == GOM_SLOT_LARGE ? at->offset : !gom_place_is_object(at))
		gom_report(GOM_BAD_FREE_MIDDLE, caller, "free of %p, where no object begins", at->p);
	else
		return true;
	return false;
}

/* Free what is at @at, which the page map has looked up; not NULL. */
void gom_free_place(const struct gom_place *at, unsigned long caller)
{
	if (unlikely(gom_backend) && gom_backend->free(at->p, caller))
		return;
	trace_gom_free(caller, at->p, at->class);
	if (unlikely(gom_class_debug(at->class)))
		return gom_debug_free(at, caller);
	if (!place_check_free(at, caller))
		return;
	if (gom_special_maybe(at->p) && gom_special_end(at, caller))
		return;
	if (at->class == GOM_CLASS_TINY)
		gom_tiny_free(at, caller);
	else
		object_free(at, caller);
}

/* As gom_free_slow(); @entry is that of @p in the page map. */
noinline void gom_free_slow_entry(const void *p, u32 entry, unsigned long caller)
{
	struct gom_place at;

	if (ZERO_OR_NULL_PTR(p))
		return;
	gom_pagemap_place_entry(p, entry, &at);
	gom_free_place(&at, caller);
}

void gom_free_slow(const void *p, unsigned long caller)
{
	gom_free_slow_entry(p, gom_pagemap_entry(p), caller);
}

/*
 * As gom_free_leave(), if a tiny object cannot be taken back.  Leaves the
 * cache.
 */
static noinline void free_leave_slow(const void *p, u32 entry, struct gom_mcache *c,
				     unsigned long caller)
{
	bool tiny = gom_entry_slot(entry) == GOM_CLASS_TINY;
	void *block = NULL;

	if (tiny)
		tiny = gom_tiny_free_inside(c, p, entry, &block);
	gom_mcache_leave(c);
	if (!tiny)
		gom_free_slow_entry(p, entry, caller);
	else if (block)
		gom_tiny_free_block(block, caller);
}

/*
 * Free what gom_free() could not push: a tiny object, an object whose magazine
 * is full, or a misuse.  Called inside the cache; leaves it.
 */
noinline void gom_free_leave(const void *p, u32 entry, struct gom_mcache *c, unsigned long caller)
{
	if (gom_entry_slot(entry) != GOM_CLASS_TINY || !gom_tiny_undo(&c->tiny, p))
		return free_leave_slow(p, entry, c, caller);
	gom_mcache_leave(c);
}

#undef gom_free		/* the macro that drops the call for a constant NULL */

/**
 * gom_free - free memory
 * @p: the result of any gomalloc allocation; may be NULL or ZERO_SIZE_PTR
 *
 * A pointer that is not gomalloc's, a pointer into the middle of an object, and
 * a double free are reported and have no other effect.  Without debug= a
 * double free is detected only in some cases.
 *
 * Context: any but NMI.  Needs no memory.
 */
void gom_free(const void *p)
{
	struct gom_mcache *c;
	u32 entry;

	/* The page-map lookup needs this test anyway; it also catches NULL. */
	if (unlikely(!gom_pagemap_find(p, &entry))) {
		if (!ZERO_OR_NULL_PTR(p))
			gom_free_slow(p, _RET_IP_);
		return;
	}
	switch (gom_object_push(p, entry, &c)) {
	case GOM_PUSHED:
		return;
	case GOM_NOT_PUSHED:
		return gom_free_leave(p, entry, c, _RET_IP_);
	case GOM_NOT_ENTERED:
		return gom_free_slow_entry(p, entry, _RET_IP_);
	}
}
EXPORT_SYMBOL_GPL(gom_free);

/* The size class of the object at @at, which may be a debugged one. */
static unsigned int place_size_class(const struct gom_place *at)
{
	size_t size;

	if (likely(!gom_class_debug(at->class)))
		return at->class;
	if (!gom_debug_object_of(at, &size))
		return 0;
	return gom_size_to_slot_off(size) >> GOM_SLOT_SHIFT;
}

/*
 * Slow path of a sized free.  Only here is the size compared with the object's
 * class; with debug= that is for every sized free.
 */
static noinline void sized_free_check(const void *p, unsigned int slot_off, unsigned long caller)
{
	unsigned int said = slot_off ? slot_off >> GOM_SLOT_SHIFT : GOM_SLOT_LARGE;
	struct gom_place at;

	gom_pagemap_place(p, &at);
	/*
	 * An object that gom_realloc() shrank in place keeps its former class.
	 */
	if (at.class && place_size_class(&at) != said && !gom_special_resized(&at))
		gom_report(GOM_BAD_FREE_SIZE, caller,
			   "sized free of %p as class %u, which is of class %u", p, said, at.class);
	gom_free_place(&at, caller);
}

static noinline void sized_free_slow(const void *p, unsigned int slot_off, unsigned long caller)
{
	if (!ZERO_OR_NULL_PTR(p))
		sized_free_check(p, slot_off, caller);
}

/*
 * Push @p to this CPU's magazine, trusting the caller that @slot_off is its
 * class's.
 */
static __always_inline bool object_push_unchecked(const void *p, unsigned long slot_off)
{
	struct gom_mcache *c;

	if (unlikely(!gom_mcache_enter(&c)))
		return false;
	if (unlikely(!gom_slot_push(gom_mcache_slot(c, slot_off), p))) {
		gom_mcache_leave(c);
		return false;
	}
	gom_mcache_leave(c);
	return true;
}

/* gom_free_sized() of a constant size; @slot_off is GOM_CONST_SLOT_OFF(size). */
void __gom_free_slot(const void *p, unsigned long slot_off)
{
	if (likely(!gom_special_maybe(p)) && likely(object_push_unchecked(p, slot_off)))
		return;
	sized_free_slow(p, slot_off, _RET_IP_);
}
EXPORT_SYMBOL_GPL(__gom_free_slot);

/* gom_free_sized() of any size. */
void __gom_free_sized(const void *p, size_t size)
{
	if (unlikely(size <= GOM_TINY_MAX))	/* may be a tiny object or one of a class */
		return gom_free(p);
	if (likely(!gom_special_maybe(p)) &&
	    likely(object_push_unchecked(p, gom_size_to_slot_off(size))))
		return;
	sized_free_slow(p, gom_size_to_slot_off(size), _RET_IP_);
}
EXPORT_SYMBOL_GPL(__gom_free_sized);

/**
 * gom_free_sensitive - clear memory, then free it
 * @p: the result of any gomalloc allocation; may be NULL or ZERO_SIZE_PTR
 *
 * Context: any but NMI.
 */
void gom_free_sensitive(const void *p)
{
	struct gom_place at;
	size_t size;

	if (ZERO_OR_NULL_PTR(p))
		return;
	gom_pagemap_place(p, &at);
	/* Of an address where no object begins, the free is reported. */
	if (gom_object_of(&at, &size) == p)
		memzero_explicit((void *)p, size);
	gom_free_place(&at, _RET_IP_);
}
EXPORT_SYMBOL_GPL(gom_free_sensitive);

/* === Releasing memory === */

/**
 * gom_release_memory - return all unused memory to the page allocator
 *
 * Flushes the caches of all CPUs, drains the depots, and returns all idle page
 * runs.  Allocation and freeing continue meanwhile.
 *
 * Context: task, may sleep.
 * Return: number of pages returned.
 */
unsigned long gom_release_memory(void)
{
	gom_mcache_flush_all();
	gom_mcentral_drain();
	return gom_mheap_release(ULONG_MAX);
}
EXPORT_SYMBOL_GPL(gom_release_memory);
