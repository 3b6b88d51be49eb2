// SPDX-License-Identifier: GPL-2.0
/*
 * Debugged objects: allocating, checking and freeing them.  object_debug.h has
 * their layout, and the rules of who may write; object_report.c prints what is
 * found.
 *
 * What is found wrong is reported and restored, and the call goes on.
 */
#include <linux/align.h>
#include <linux/kmemleak.h>
#include <linux/poison.h>
#include <linux/printk.h>
#include <linux/string.h>

#include "api/cache.h"
#include "api/internal.h"
#include "api/object_debug.h"
#include "api/object_report.h"
#include "base/node.h"
#include "base/shadow.h"
#include "central/mcentral.h"
#include "special/profile.h"
#include "special/special.h"

/* === Layout === */

/**
 * gom_debug_layout - lay out the parts of a debugged object
 * @d: the layout that is written
 * @size: bytes of the object
 * @align: its alignment in bytes, a power of two
 * @flags: SLAB_* flags of debugging
 *
 * Return: bytes that the whole takes.
 */
unsigned int gom_debug_layout(struct gom_debug_layout *d, unsigned int size, unsigned int align,
			      slab_flags_t flags)
{
	const unsigned int word = sizeof(u64);

	*d = (struct gom_debug_layout) { .flags = flags, .size = size };
	if (!flags)
		return size;
	d->record = ALIGN(size, word);
	if (d->flags & SLAB_RED_ZONE) {
		d->pad = ALIGN(word, align);
		if (d->record == size)
			d->record += word;
	}
	d->end = d->record + sizeof(struct gom_debug_record);
	if (d->flags & SLAB_STORE_USER)
		d->end += GOM_DEBUG_USERS * sizeof(struct gom_debug_track);
	return d->pad + d->end;
}
GOM_EXPORT_FOR_TEST(gom_debug_layout);

/* A part of an object that holds one byte all over. */
struct part {
	const char *what;
	void *start;
	size_t bytes;
	u8 value;
};

static struct part part_left(const struct gom_debug_layout *d, void *p, u8 value)
{
	return (struct part) { "Left Redzone", p - d->pad, d->pad, value };
}

/* The right red zone of an object of which @size bytes are used. */
static struct part part_right(const struct gom_debug_layout *d, void *p, size_t size, u8 value)
{
	return (struct part) { "Right Redzone", p + size,
			       d->flags & SLAB_RED_ZONE ? d->record - size : 0, value };
}

static struct part part_poison(const struct gom_debug_layout *d, void *p)
{
	return (struct part) { "Poison", p, d->flags & SLAB_POISON ? d->size - 1 : 0, POISON_FREE };
}

static struct part part_poison_end(const struct gom_debug_layout *d, void *p)
{
	return (struct part) { "End Poison", p + d->size - 1, !!(d->flags & SLAB_POISON),
			       POISON_END };
}

static struct part part_padding(const struct gom_cache_class *cc, void *p)
{
	const struct gom_debug_layout *d = &cc->debug;

	return (struct part) { "Object padding", p + d->end,
			       d->flags & SLAB_POISON ? cc->layout.size - d->pad - d->end : 0,
			       POISON_INUSE };
}

static void part_fill(struct part part)
{
	memset(part.start, part.value, part.bytes);
}

/* Report @part if it does not hold its value, and restore it; true if it does. */
static bool part_check(const struct gom_cache_class *cc, const void *p, struct part part,
		       unsigned long caller)
{
	u8 *from = part.bytes ? memchr_inv(part.start, part.value, part.bytes) : NULL;
	u8 *to = part.start + part.bytes;
	struct gom_debug_fault fault;

	if (likely(!from))
		return true;
	while (to[-1] == part.value)
		to--;
	fault = (struct gom_debug_fault) { part.what, from, to, part.value };
	gom_debug_report_bytes(cc, p, &fault, caller);
	memset(from, part.value, to - from);
	return false;
}

/* === States === */

static void object_fill_free(const struct gom_debug_layout *d, void *p)
{
	part_fill(part_left(d, p, SLUB_RED_INACTIVE));
	part_fill(part_poison(d, p));
	part_fill(part_poison_end(d, p));
	part_fill(part_right(d, p, d->size, SLUB_RED_INACTIVE));
}

/* Check all parts of a free object; true if they are sound. */
static bool object_check_free(const struct gom_cache_class *cc, void *p, unsigned long caller)
{
	const struct gom_debug_layout *d = &cc->debug;

	return part_check(cc, p, part_left(d, p, SLUB_RED_INACTIVE), caller) &
	       part_check(cc, p, part_poison(d, p), caller) &
	       part_check(cc, p, part_poison_end(d, p), caller) &
	       part_check(cc, p, part_right(d, p, d->size, SLUB_RED_INACTIVE), caller) &
	       part_check(cc, p, part_padding(cc, p), caller);
}

static void object_fill_live(const struct gom_debug_layout *d, void *p, size_t size)
{
	part_fill(part_left(d, p, SLUB_RED_ACTIVE));
	part_fill(part_right(d, p, size, SLUB_RED_ACTIVE));
}

static bool object_check_live(const struct gom_cache_class *cc, void *p, size_t size,
			      unsigned long caller)
{
	const struct gom_debug_layout *d = &cc->debug;

	return part_check(cc, p, part_left(d, p, SLUB_RED_ACTIVE), caller) &
	       part_check(cc, p, part_right(d, p, size, SLUB_RED_ACTIVE), caller) &
	       part_check(cc, p, part_padding(cc, p), caller);
}

/*
 * What KASAN lets everybody access of the object at @p: @size bytes of it if it
 * is live.  Objects that an RCU reader may read stay accessible.
 */
static void object_shadow_live(const struct gom_debug_layout *d, void *p, size_t size)
{
	gom_shadow_poison(p, d->record, GOM_SHADOW_REDZONE);
	gom_shadow_unpoison(p, size);
}

static void object_shadow_free(const struct gom_cache_class *cc, void *p)
{
	if (!cc->rcu)
		gom_shadow_poison(p, cc->debug.size, GOM_SHADOW_FREE);
}

/* Prepare the object at @start of a span that was allocated. */
void gom_debug_init_object(const struct gom_cache_class *cc, void *start)
{
	const struct gom_debug_layout *d = &cc->debug;
	void *p = start + d->pad;

	*gom_debug_record(d, p) = (struct gom_debug_record) { d->size, GOM_DEBUG_FREE };
	if (d->flags & SLAB_STORE_USER)
		memset(gom_debug_track(d, p, GOM_DEBUG_ALLOCATED), 0,
		       GOM_DEBUG_USERS * sizeof(struct gom_debug_track));
	object_fill_free(d, p);
	part_fill(part_padding(cc, p));
	gom_shadow_poison(start, cc->layout.size, GOM_SHADOW_REDZONE);
	gom_shadow_unpoison(p, d->size);
	if (cc->ctor)
		cc->ctor(p);
	object_shadow_free(cc, p);
}

/* Check the free object at @start for the last time: its span is freed. */
void gom_debug_exit_object(const struct gom_cache_class *cc, void *start)
{
	kasan_disable_current();
	object_check_free(cc, start + cc->debug.pad, _RET_IP_);
	kasan_enable_current();
	gom_shadow_unpoison(start, cc->layout.size);
}

/* @gfp: of an allocation; 0 for a free, which may hold any lock. */
static void object_track(const struct gom_cache_class *cc, void *p, enum gom_debug_user user,
			 gfp_t gfp, unsigned long caller)
{
	if (cc->debug.flags & SLAB_STORE_USER)
		gom_debug_track_set(gom_debug_track(&cc->debug, p, user), gfp, caller);
	if (cc->debug.flags & SLAB_TRACE)
		pr_info("TRACE %s %s 0x%p by %pS\n", cc->name,
			user == GOM_DEBUG_ALLOCATED ? "alloc" : "free", p, (void *)caller);
}

/* === Allocating === */

/* Zero @p as SLUB does: with poison only where that was asked for. */
static void object_zero(const struct gom_cache_class *cc, void *p, size_t size, gfp_t gfp)
{
	if (cc->ctor || ((cc->rcu || cc->debug.flags & SLAB_POISON) && !(gfp & __GFP_ZERO)))
		return;
	if (want_init_on_alloc(gfp))
		memset(p, 0, size);
}

/* The object at @start, which mcentral gave, becomes a live one of @size bytes. */
static void *object_begin(const struct gom_cache_class *cc, void *start, size_t size,
			  gfp_t gfp, unsigned long caller)
{
	const struct gom_debug_layout *d = &cc->debug;
	struct gom_debug_record *r;
	void *p = start + d->pad;

	kasan_disable_current();
	r = gom_debug_record(d, p);
	if (unlikely(r->state != GOM_DEBUG_FREE))
		gom_debug_report_object(GOM_BAD_OVERWRITE, cc, p, "Record overwritten", caller);
	object_check_free(cc, p, caller);
	object_fill_live(d, p, size);
	r->size = size;
	object_track(cc, p, GOM_DEBUG_ALLOCATED, gfp, caller);
	/*
	 * Pairs with cmpxchg() in object_end() and smp_load_acquire() in
	 * trace_object() and gom_debug_validate(): they find the rest written.
	 */
	smp_store_release(&r->state, GOM_DEBUG_LIVE);
	object_shadow_live(d, p, size);
	kasan_enable_current();
	return p;
}

/**
 * gom_debug_alloc - allocate a debugged object
 * @cache: a cache whose class is debugged
 * @size: bytes requested, at most the cache's
 * @gfp: as for gom_malloc()
 * @node: preferred node, or NUMA_NO_NODE
 * @caller: the call site
 *
 * Context: any but NMI; may sleep if @gfp allows it.
 * Return: the object, or NULL.
 */
void *gom_debug_alloc(struct gom_cache *cache, size_t size, gfp_t gfp, int node,
		      unsigned long caller)
{
	const struct gom_cache_class *cc = gom_cache_class(cache->class);
	void *p = gom_mcentral_alloc(cache->class, node == NUMA_NO_NODE ? gom_mem_node() : node,
				     gfp & GOM_PAGE_GFP);

	if (!p)
		return NULL;
	p = object_begin(cc, p, size, gfp, caller);
	object_zero(cc, p, size, gfp);
	kmemleak_alloc(p, size, 1, gfp);
	if (gom_profile_draw(cc->layout.size))
		gom_profile_malloc(p, cc->layout.size, size, gfp, caller);
	return p;
}

/* === Looking up === */

/*
 * The debugged object that @at points into, its bytes in *@size; NULL if it
 * points behind the last one.
 */
void *gom_debug_object_of(const struct gom_place *at, size_t *size)
{
	const struct gom_cache_class *cc = gom_cache_class(at->class);
	u32 i = gom_class_index(&cc->layout, at->offset);
	void *p = (void *)at->p - at->offset + i * cc->layout.size + cc->debug.pad;

	if (i >= at->span->nelems)
		return NULL;
	*size = min_t(size_t, READ_ONCE(gom_debug_record(&cc->debug, p)->size), cc->debug.size);
	return p;
}

/* The object at @at stays where it is, with @size bytes. */
void gom_debug_resize(const struct gom_place *at, size_t size)
{
	const struct gom_debug_layout *d = gom_class_debug(at->class);

	kasan_disable_current();
	part_fill(part_right(d, (void *)at->p, size, SLUB_RED_ACTIVE));
	/* The zone is there before it counts: pairs with gom_debug_validate(). */
	smp_store_release(&gom_debug_record(d, at->p)->size, size);
	object_shadow_live(d, (void *)at->p, size);
	kasan_enable_current();
}
GOM_EXPORT_FOR_TEST(gom_debug_resize);

static bool part_is_sound(struct part part)
{
	return !part.bytes || !memchr_inv(part.start, part.value, part.bytes);
}

static bool live_is_sound(const struct gom_cache_class *cc, void *p, size_t size)
{
	const struct gom_debug_layout *d = &cc->debug;

	return part_is_sound(part_left(d, p, SLUB_RED_ACTIVE)) &&
	       part_is_sound(part_right(d, p, size, SLUB_RED_ACTIVE)) &&
	       part_is_sound(part_padding(cc, p));
}

static bool object_is_damaged(const struct gom_cache_class *cc, void *p, bool is_free)
{
	const struct gom_debug_record *r = gom_debug_record(&cc->debug, p);
	size_t size;

	if (is_free)
		return !object_check_free(cc, p, _RET_IP_);
	/* Pairs with smp_store_release() in object_begin(). */
	if (smp_load_acquire(&r->state) != GOM_DEBUG_LIVE)
		return false;
	/* Pairs with smp_store_release() in gom_debug_resize(). */
	size = smp_load_acquire(&r->size);
	if (size > cc->debug.size || live_is_sound(cc, p, size))
		return false;
	smp_rmb();	/* the look, then the state: pairs with cmpxchg() in object_end() */
	return READ_ONCE(r->state) == GOM_DEBUG_LIVE && !object_check_live(cc, p, size, _RET_IP_);
}

/**
 * gom_debug_validate - look for damage beside an object, or in a free one
 * @cc: its class
 * @p: the object
 * @is_free: it is free in its span
 *
 * Damage is reported and restored.  A live object may be freed meanwhile, but
 * not allocated again, as that needs the lock: if it was live before and after
 * the look, it was so in between.
 *
 * Context: the lock of its mcentral is held.
 * Return: true if there was damage.
 */
bool gom_debug_validate(const struct gom_cache_class *cc, void *p, bool is_free)
{
	bool damaged;

	kasan_disable_current();
	damaged = object_is_damaged(cc, p, is_free);
	kasan_enable_current();
	return damaged;
}

/* === Freeing === */

/*
 * A free that comes later, by gom_free_nolock(): until then no other free may
 * have the object, which is linked through itself.  False, with a report, if it
 * is not live.  Context: any, NMI included.
 */
bool gom_debug_defer(const struct gom_place *at, unsigned long caller)
{
	const struct gom_cache_class *cc = gom_cache_class(at->class);
	struct gom_debug_record *r = gom_debug_record(&cc->debug, at->p);

	if (cmpxchg(&r->state, GOM_DEBUG_LIVE, GOM_DEBUG_DEFERRED) == GOM_DEBUG_LIVE)
		return true;
	gom_debug_report_object(GOM_BAD_DOUBLE_FREE, cc, at->p, "Object already free",
				caller);
	return false;
}

/* Now it comes. */
void gom_debug_undefer(const void *p)
{
	const struct gom_debug_layout *d;
	struct gom_place at;

	gom_pagemap_place(p, &at);
	d = gom_class_debug(at.class);
	if (d)
		cmpxchg(&gom_debug_record(d, p)->state, GOM_DEBUG_DEFERRED, GOM_DEBUG_LIVE);
}

/*
 * End the life of @p, once: false if it is free already.  Its bytes are in
 * *@size.
 */
static bool object_end(const struct gom_cache_class *cc, void *p, size_t *size,
		       unsigned long caller)
{
	struct gom_debug_record *r = gom_debug_record(&cc->debug, p);
	u32 state = cmpxchg(&r->state, GOM_DEBUG_LIVE, GOM_DEBUG_FREE);

	*size = r->size;
	if (state == GOM_DEBUG_FREE || state == GOM_DEBUG_DEFERRED) {
		gom_debug_report_object(GOM_BAD_DOUBLE_FREE, cc, p, "Object already free",
					caller);
		return false;
	}
	if (likely(state == GOM_DEBUG_LIVE && *size <= cc->debug.size))
		return true;
	*size = cc->debug.size;
	gom_debug_report_object(GOM_BAD_OVERWRITE, cc, p, "Record overwritten", caller);
	return state == GOM_DEBUG_LIVE || cmpxchg(&r->state, state, GOM_DEBUG_FREE) == state;
}

/**
 * gom_debug_free - free a debugged object
 * @at: its place; the class is debugged
 * @caller: the call site
 *
 * Context: any but NMI.
 */
void gom_debug_free(const struct gom_place *at, unsigned long caller)
{
	const struct gom_cache_class *cc = gom_cache_class(at->class);
	struct gom_place start = *at;
	void *p = (void *)at->p;
	size_t size;

	if (gom_debug_object_of(at, &size) != p) {
		gom_debug_report_pointer(cc, at, caller);
		return;
	}
	if (gom_special_maybe(p) && gom_special_end(at, caller))
		return;
	if (!object_end(cc, p, &size, caller))
		return;
	kmemleak_free(p);
	if (want_init_on_free() && !cc->ctor && !cc->rcu && !(cc->debug.flags & SLAB_POISON))
		memset(p, 0, size);
	kasan_disable_current();
	object_check_live(cc, p, size, caller);
	object_track(cc, p, GOM_DEBUG_FREED, 0, caller);
	gom_debug_record(&cc->debug, p)->size = cc->debug.size;
	object_fill_free(&cc->debug, p);
	kasan_enable_current();
	object_shadow_free(cc, p);
	start.p -= cc->debug.pad;
	start.offset -= cc->debug.pad;
	gom_mcentral_free(&start, caller);
}
