// SPDX-License-Identifier: GPL-2.0
/*
 * malloc: the path of an allocation and of a free.
 *
 * Allocating a small object goes up a hierarchy (Go: malloc.go):
 *
 *   1. Round the size up to a size class and take an object from the magazine
 *	of this CPU's mcache.  No lock, no atomic operation.
 *   2. If it is empty, get a full one from mcentral (mcache.c, mcentral.c).
 *   3. If mcentral has none, fill it from spans with free objects.
 *   4. If there is none, get a run of pages from the heap and cut it (mheap.c).
 *   5. If the heap has none, get up to a megabyte from the page allocator.
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
#include <linux/sched/mm.h>
#include <linux/string.h>
#include <linux/topology.h>

#include "api/efence.h"
#include "api/internal.h"
#include "api/sbrk.h"
#include "base/compat.h"
#include "base/report.h"
#include "base/trace.h"
#include "central/mcentral.h"
#include "gomalloc.h"
#include "heap/large.h"
#include "heap/mheap.h"
#include "percpu/mcache.h"
#include "special/profile.h"
#include "special/special.h"

/* === Allocating === */

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
	void *p = gom_large_alloc(size, gfp & (GOM_PAGE_GFP | __GFP_ZERO | __GFP_DMA), nid, caller);

	kmemleak_alloc(p, PAGE_ALIGN(size), 1, gfp);
	if (p)
		gom_note_malloc(caller, p, size, 0, PAGE_ALIGN(size), gfp);
	if (p && gom_profile_draw(PAGE_ALIGN(size)))
		gom_profile_malloc(p, PAGE_ALIGN(size), gfp, caller);
	return p;
}

/* @gfp without what is no zone of ours, which is reported. */
static gfp_t check_zone(gfp_t gfp, unsigned long caller)
{
	if (!(gfp & GOM_ZONE_GFP & ~__GFP_DMA))
		return gfp;
	gom_report(GOM_BAD_GFP, caller, "allocation with gfp %pGg: no highmem or DMA32 here", &gfp);
	return gfp & (~GOM_ZONE_GFP | __GFP_DMA);
}

static void *sbrk_alloc(size_t size, gfp_t gfp, unsigned long caller)
{
	void *p;

	gfp = check_zone(gfp, caller) & (GOM_PAGE_GFP | __GFP_DMA);
	p = gom_sbrk_alloc(size, 0, gfp, caller);
	if (p)
		gom_note_malloc(caller, p, size, 0, size, gfp);
	return p;
}

/* Behind a fence, if it can be; NULL if not. */
static void *guarded_alloc(size_t size, gfp_t gfp, unsigned long caller)
{
	void *p = gom_efence_alloc(size, 0, gfp & (GOM_PAGE_GFP | __GFP_ZERO));

	if (!p)
		return NULL;
	kmemleak_alloc(p, size, 1, gfp);
	gom_note_malloc(caller, p, size, 0, size, gfp);
	if (gom_profile_draw(size))
		gom_profile_malloc(p, size, gfp, caller);
	return p;
}

/* A tiny object that did not go straight through. */
static noinline void *tiny_slow(size_t size, gfp_t gfp, unsigned long caller)
{
	bool sample = false;
	void *p;

	might_alloc(gfp);
	if (unlikely(gom_sbrk || gom_efence))
		return __gom_malloc(size, gfp | __GFP_ZERO);
	p = gom_tiny_alloc_slow(size, gfp & GOM_PAGE_GFP, &sample);
	if (p == ERR_PTR(-EBUSY))	/* its neighbours are zeroed, so is this one */
		return __gom_malloc(size, gfp | __GFP_ZERO);
	kmemleak_alloc(p, size, 1, gfp);
	kmemleak_no_scan(p);
	if (p)
		gom_note_malloc(caller, p, size, GOM_CLASS_TINY, size, gfp);
	if (p && sample)
		gom_profile_malloc(p, size, gfp, caller);
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

static void *prepare_slow(void *p, size_t size, unsigned int class, gfp_t gfp, bool sample,
			  unsigned long caller)
{
	prepare(p, class, gfp);
	gom_note_malloc(caller, p, size, class, gom_classes[class].size, gfp);
	if (unlikely(sample))
		gom_profile_malloc(p, gom_classes[class].size, gfp, caller);
	return p;
}

static void *prepare_special(void *p, unsigned int slot, gfp_t gfp, unsigned long caller)
{
	unsigned int class = slot >> GOM_SLOT_SHIFT;

	if (unlikely(gfp & GOM_ZONE_GFP)) {
		gom_mcache_free_slow(class, p, caller);
		return alloc_zone(gom_classes[class].size, gfp, NUMA_NO_NODE, caller);
	}
	return prepare(p, class, gfp);
}

void *gom_alloc_slow(size_t size, unsigned int slot, gfp_t gfp, unsigned long caller)
{
	unsigned int class = slot >> GOM_SLOT_SHIFT;
	bool sample = false;
	void *p;

	if (!size)
		return ZERO_SIZE_PTR;
	might_alloc(gfp);
	if (unlikely(gom_sbrk))
		return sbrk_alloc(size, gfp, caller);
	if (unlikely(gom_efence) && !(gfp & GOM_ZONE_GFP)) {
		p = guarded_alloc(size, gfp, caller);
		if (p)
			return p;
	}
	if (gfp & GOM_ZONE_GFP)
		return alloc_zone(size, gfp, NUMA_NO_NODE, caller);
	if (!class)
		return alloc_large(size, gfp, numa_mem_id(), caller);
	p = gom_mcache_alloc_slow(class, gfp & GOM_PAGE_GFP, &sample);
	return p ? prepare_slow(p, size, class, gfp, sample, caller) : NULL;
}

/* Can @p not be handed out as it comes? */
static __always_inline bool is_special(gfp_t gfp)
{
	return want_init_on_alloc(gfp) || unlikely(gfp & GOM_PREPARE_GFP);
}

/* What did not go straight through: because there is no @p, or for what it is to be. */
static noinline void *finish(size_t size, gfp_t gfp, unsigned int slot, void *p,
			     unsigned long caller)
{
	if (p)
		return prepare_special(p, slot, gfp, caller);
	return gom_alloc_slow(size, slot, gfp, caller);
}

static noinline void *finish_slot(unsigned long request, gfp_t gfp, void *p, unsigned long caller)
{
	u32 slot = request;
	size_t size = BITS_PER_LONG == 64 ? request >> 16 >> 16 :
					    gom_classes[slot >> GOM_SLOT_SHIFT].size;

	return finish(size, gfp, slot, p, caller);
}

/* gom_malloc() of a size known when the caller was compiled. */
void *__gom_malloc_slot(unsigned long request, gfp_t gfp)
{
	void *p;

	gom_check_context(gfp);
	p = take((u32)request);
	if (likely(p) && !is_special(gfp))
		return p;
	return finish_slot(request, gfp, p, _RET_IP_);
}
EXPORT_SYMBOL_GPL(__gom_malloc_slot);

/* gom_malloc() of any size. */
void *__gom_malloc(size_t size, gfp_t gfp)
{
	unsigned int slot = gom_size_to_slot(size);
	void *p;

	gom_check_context(gfp);
	p = take(slot);
	if (likely(p) && !is_special(gfp))
		return p;
	return finish(size, gfp, slot, p, _RET_IP_);
}
EXPORT_SYMBOL_GPL(__gom_malloc);

/* The same on behalf of @caller.  Not inlined above: gcc 12 makes one instruction more of it. */
static noinline void *malloc_for(size_t size, gfp_t gfp, unsigned long caller)
{
	unsigned int slot = gom_size_to_slot(size);
	void *p;

	gom_check_context(gfp);
	p = take(slot);
	if (likely(p) && !is_special(gfp))
		return p;
	return finish(size, gfp, slot, p, caller);
}

/* @p is to be sampled.  Comes inside the cache, and leaves it. */
static noinline void *tiny_due(struct gom_mcache *c, void *p, size_t size, gfp_t gfp,
			       unsigned long caller)
{
	c->tiny.sample_left = gom_profile_step(1);
	gom_mcache_leave(c);
	gom_profile_malloc(p, size, gfp, caller);
	return p;
}

/* gom_malloc_noscan(), except of a constant size that is not combined. */
void *__gom_malloc_noscan(size_t size, gfp_t gfp)
{
	struct gom_mcache *c;
	void *p;

	if (unlikely(size - 1 >= GOM_TINY_MAX) || unlikely(gfp & GOM_ZONE_GFP))
		return __gom_malloc(size, gfp);
	gom_check_context(gfp);
	if (unlikely(!gom_mcache_enter(&c)))
		return tiny_slow(size, gfp, _RET_IP_);
	if (unlikely(!gom_tiny_cut(&c->tiny.cur, size, &p))) {
		gom_mcache_leave(c);
		return tiny_slow(size, gfp, _RET_IP_);
	}
	c->tiny.mallocs++;
	c->tiny.sample_left -= size;
	if (unlikely(c->tiny.sample_left < 0))
		return tiny_due(c, p, size, gfp, _RET_IP_);
	gom_mcache_leave(c);
	return p;
}
EXPORT_SYMBOL_GPL(__gom_malloc_noscan);

/*
 * An object on @node.  On its own node a CPU's cache will do, unless what comes out
 * of it was freed here and is from another: that goes home.
 */
void *gom_take_on_node(unsigned int class, gfp_t gfp, int node, bool *sample)
{
	void *p;

	*sample = gom_profile_draw(gom_class(class)->size);
	if (node == numa_mem_id()) {
		p = gom_mcache_alloc_slow(class, gfp, sample);
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
	bool sample;
	void *p;

	if (node == NUMA_NO_NODE || nr_node_ids == 1 || !size || gom_sbrk || gom_efence)
		return malloc_for(size, gfp, _RET_IP_);
	might_alloc(gfp);
	if (gfp & GOM_ZONE_GFP)
		return alloc_zone(size, gfp, node, _RET_IP_);
	if (!class)
		return alloc_large(size, gfp, node, _RET_IP_);
	p = gom_take_on_node(class, gfp & GOM_PAGE_GFP, node, &sample);
	return p ? prepare_slow(p, size, class, gfp, sample, _RET_IP_) : NULL;
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
		return malloc_for(bytes, gfp, _RET_IP_);
	if (!(gfp & __GFP_NOWARN))
		gom_report(GOM_BAD_SIZE, _RET_IP_, "allocation of %zu times %zu bytes overflows",
			   n, size);
	return NULL;
}
EXPORT_SYMBOL_GPL(gom_malloc_array);

/* === Freeing === */

/* What a constructor set, or a reader under RCU may look at, stays. */
static bool may_wipe(unsigned int class)
{
	return class < GOM_NR_SPAN_CLASSES ||
	       !(gom_cache_class(class)->ctor || gom_cache_class(class)->rcu);
}

void gom_free_slow(const void *p, unsigned long caller)
{
	u32 entry = gom_pagemap_entry(p);
	unsigned int slot = gom_entry_slot(entry);
	u32 off = gom_entry_offset(entry, p);
	unsigned int class = gom_class_at(p, slot);
	bool special = gom_special_maybe(p);

	if (ZERO_OR_NULL_PTR(p) || gom_sbrk)
		return;
	if (unlikely(gom_efence) && gom_efence_free(p, caller))
		return;
	trace_gom_free(caller, p, class);
	if (!slot) {
		gom_report(GOM_BAD_FREE_FOREIGN, caller, "free of %p, which is not gomalloc's", p);
	} else if (slot == GOM_SLOT_IDLE) {
		gom_report(GOM_BAD_DOUBLE_FREE, caller, "free of %p, in pages that are free already",
			   p);
	} else if (class == GOM_CLASS_TINY) {
		if (!special || !gom_special_end(p, caller))
			gom_tiny_free(p, caller);
	} else if (slot == GOM_SLOT_LARGE ? off : !gom_object_begins(p, slot, class, off)) {
		gom_report(GOM_BAD_FREE_MIDDLE, caller, "free of %p, where no object begins", p);
	} else if (!special || !gom_special_end(p, caller)) {
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
		gom_free_slow(p, caller);
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

#undef gom_free		/* the macro, for what is NULL when the caller is compiled */

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
	struct gom_mcache *c;
	struct gom_slot *s;
	u32 entry;

	/* The lookup asks this anyway, so a real object pays nothing for NULL. */
	if (unlikely(!gom_pagemap_find(p, &entry))) {
		if (!ZERO_OR_NULL_PTR(p))
			gom_free_slow(p, _RET_IP_);
		return;
	}
	if (unlikely(!gom_mcache_enter(&c)))
		return gom_free_slow(p, _RET_IP_);
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
static noinline void check_and_free(const void *p, unsigned int slot, unsigned long caller)
{
	unsigned int slot_is = gom_entry_slot(gom_pagemap_entry(p));
	unsigned int is = gom_class_at(p, slot_is);
	unsigned int said = slot ? slot >> GOM_SLOT_SHIFT : GOM_SLOT_LARGE;

	if (gom_sbrk)
		return;
	/* What could not be moved when it shrank is of the class that it had before. */
	if (is && is != said && !gom_special_resized(p))
		gom_report(GOM_BAD_FREE_SIZE, caller,
			   "sized free of %p as class %u, which is of class %u", p, said, is);
	gom_free_slow(p, caller);
}

static noinline void free_sized_slow(const void *p, unsigned int slot, unsigned long caller)
{
	if (!ZERO_OR_NULL_PTR(p))
		check_and_free(p, slot, caller);
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
	if (likely(!gom_special_maybe(p)) && likely(put_unchecked(p, slot)))
		return;
	free_sized_slow(p, slot, _RET_IP_);
}
EXPORT_SYMBOL_GPL(__gom_free_slot);

/* gom_free_sized() of any size. */
void __gom_free_sized(const void *p, size_t size)
{
	if (unlikely(size <= GOM_TINY_MAX))	/* who knows which way it was allocated */
		return gom_free(p);
	if (likely(!gom_special_maybe(p)) && likely(put_unchecked(p, gom_size_to_slot(size))))
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
	gom_free_slow(p, _RET_IP_);
}
EXPORT_SYMBOL_GPL(gom_free_sensitive);

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
