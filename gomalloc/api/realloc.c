// SPDX-License-Identifier: GPL-2.0
/*
 * Looking up an object by any pointer into it, gom_size(), and gom_realloc().
 *
 * Context: any but NMI.  The lookup takes no lock: the caller owns the object,
 * so its span and page-map entry do not change.
 */
#include <linux/align.h>
#include <linux/minmax.h>
#include <linux/mm.h>
#include <linux/string.h>

#include "api/internal.h"
#include "api/object_debug.h"
#include "base/compat.h"
#include "base/fail_site.h"
#include "base/report.h"
#include "base/sizeclass.h"
#include "heap/large.h"
#include "percpu/tiny.h"
#include "special/special.h"

/* === Lookup === */

/*
 * The place of an object at @p, for its specials: the backend's objects have
 * some, too.
 */
void gom_resolve(const void *p, struct gom_place *at)
{
	gom_pagemap_place(p, at);
	if (unlikely(gom_backend) && !at->slot && gom_backend->place)
		gom_backend->place(at);
}

/* The object that @at points into, its usable size in *@size; NULL if none. */
void *gom_object_of(const struct gom_place *at, size_t *size)
{
	const struct gom_class *cl = gom_class(at->class);
	u32 i;

	if (unlikely(gom_backend) && !at->slot)
		return gom_backend->object(at->p, size);
	if (!at->span)
		return NULL;
	if (at->slot == GOM_SLOT_LARGE) {
		*size = (size_t)at->span->npages << PAGE_SHIFT;
		return (void *)at->p - at->offset;
	}
	if (at->class == GOM_CLASS_TINY) {
		*size = gom_tiny_size(at);
		return *size ? (void *)at->p : NULL;
	}
	if (unlikely(gom_class_debug(at->class)))
		return gom_debug_object_of(at, size);
	i = gom_class_index(cl, at->offset);
	if (i >= at->span->nelems)
		return NULL;
	*size = cl->size;
	return (void *)at->p - at->offset + i * cl->size;
}

void *gom_object_at(const void *p, size_t *size)
{
	struct gom_place at;

	gom_pagemap_place(p, &at);
	return gom_object_of(&at, size);
}

/*
 * Usable bytes of the object that begins at @at; if none does, reports and
 * returns 0.
 */
static size_t place_size(const struct gom_place *at, unsigned long caller)
{
	size_t size;

	if (ZERO_OR_NULL_PTR(at->p))
		return 0;
	if (gom_object_of(at, &size) == at->p)
		return size;
	gom_report(GOM_BAD_POINTER, caller, "size of %p, where no object begins", at->p);
	return 0;
}

/**
 * gom_size - usable bytes of an object
 * @p: the result of any gomalloc allocation
 *
 * Context: any but NMI.
 * Return: the usable bytes; 0 for NULL and ZERO_SIZE_PTR.  0, with a report, if
 * no object begins at @p.
 */
size_t gom_size(const void *p)
{
	struct gom_place at;

	gom_pagemap_place(p, &at);
	return place_size(&at, _RET_IP_);
}
EXPORT_SYMBOL_GPL(gom_size);

/**
 * gom_owns - is an address in memory of gomalloc's?
 * @p: any address, valid or not
 *
 * The page map has an entry for each page of gomalloc's, so the answer is the
 * same for any address in a page, also that of a freed object.  Objects of
 * sbrk=1 and efence=1 are known while they are live; with sbrk=1 only by their
 * first byte.
 *
 * Context: any, NMI included; with efence=1 not NMI.
 * Return: true if a free, gom_size() or gom_realloc() of @p is gomalloc's.
 */
bool gom_owns(const void *p)
{
	size_t size;

	if (likely(gom_entry_slot(gom_pagemap_entry(p))))
		return true;
	return unlikely(gom_backend) && gom_backend->object(p, &size);
}
EXPORT_SYMBOL_GPL(gom_owns);

/* === Changing the size === */

/*
 * May the object at @at stay in place with @new_size bytes, which fit?  Only if
 * gom_malloc(@new_size) could have returned it, because a sized free relies on
 * the size alone.  Two kinds of object always may, because each free of them
 * looks them up: those of a backend, and memory of the DMA zone, which must not
 * move to another zone.
 */
static bool object_may_stay(const struct gom_place *at, size_t new_size)
{
	if (unlikely(!at->slot))
		return true;
	if (at->slot == GOM_SLOT_LARGE)
		return at->span->direct ||
		       (!gom_size_to_slot_off(new_size) && gom_large_aligned(at->p, new_size));
	if (at->class == GOM_CLASS_TINY)
		return new_size <= GOM_TINY_MAX &&
		       IS_ALIGNED((unsigned long)at->p, new_size & -new_size);
	return at->class < GOM_NR_SPAN_CLASSES &&
	       GOM_SLOT_OFF(at->class) == gom_size_to_slot_off(new_size);
}

static void *object_resize_in_place(const struct gom_place *at, size_t size, size_t new_size,
				    gfp_t gfp)
{
	void *p = (void *)at->p;

	if (at->slot == GOM_SLOT_LARGE) {
		gom_large_shrink(at->span, new_size, gfp & GOM_PAGE_GFP);
		size = (size_t)at->span->npages << PAGE_SHIFT;
	}
	if (unlikely(gom_class_debug(at->class))) {
		gom_debug_resize(at, new_size);
		return p;
	}
	/* A later gom_realloc() with __GFP_ZERO may grow into these bytes. */
	if (want_init_on_alloc(gfp))
		memset(p + new_size, 0, size - new_size);
	return p;
}

/* Allocate the object to move to.  A tiny object stays no-scan. */
static void *new_place_alloc(const struct gom_place *at, size_t new_size, gfp_t gfp)
{
	return at->class == GOM_CLASS_TINY ? gom_malloc_noscan(new_size, gfp) :
					     __gom_malloc(new_size, gfp);
}

/*
 * The same for an object that shrinks.  That cannot fail, so it is no allocation
 * that is to fail on purpose (fail_site.h).
 */
static void *smaller_place_alloc(const struct gom_place *at, size_t new_size, gfp_t gfp)
{
	if (likely(!gom_client_filter_on(&gom_fail_module)))
		return new_place_alloc(at, new_size, gfp);
	return gom_alloc_slow_asked(new_size, gom_size_to_slot_off(new_size), gfp, _RET_IP_);
}

/* Copy to the new object @q and free the old one; NULL leaves it. */
static void *object_move(const struct gom_place *at, size_t old, void *q, size_t new_size)
{
	if (q) {
		memcpy(q, at->p, min(old, new_size));
		/* Lookup included, the fast path is the shorter one. */
		gom_free(at->p);
	}
	return q;
}

/*
 * Move to an object of the class of @new_size if memory is available without
 * effort.  If not, the object stays in place and is marked as resized, so that
 * sized frees of it look it up (special.h).
 */
static void *object_shrink(const struct gom_place *at, size_t old, size_t new_size, gfp_t gfp)
{
	void *q = smaller_place_alloc(at, new_size,
				      (gfp & ~__GFP_NOFAIL) | __GFP_NORETRY | __GFP_NOWARN);

	if (q)
		return object_move(at, old, q, new_size);
	gom_special_note_resized(at);
	return object_resize_in_place(at, old, new_size, gfp);
}

/**
 * gom_realloc - change the size of an object
 * @p: the object; NULL and ZERO_SIZE_PTR allocate a new one
 * @new_size: bytes requested; 0 frees the object
 * @gfp: as for gom_malloc(); with __GFP_ZERO, bytes beyond the old size are
 *	zero if the object was allocated, and each time resized, with __GFP_ZERO
 *
 * The contents are preserved up to the smaller of the two sizes.  The object
 * stays in place if gom_malloc(@new_size) could have returned it: if both sizes
 * have the same size class, or if both are large.  A large object that shrinks
 * in place returns the pages it no longer needs.  Otherwise the object moves,
 * and the old one is freed as by gom_free().  An object of a named cache always
 * moves, and then belongs to no cache.
 *
 * gom_free_sized() expects the @new_size of the last call.
 *
 * Context: any but NMI.  May sleep if @gfp allows it.
 * Return: the object; NULL if there is no memory, with @p unchanged.  Shrinking
 * cannot fail: without memory to move, the object stays in place.
 */
void *gom_realloc(const void *p, size_t new_size, gfp_t gfp)
{
	struct gom_place at;
	size_t old;

	if (ZERO_OR_NULL_PTR(p))
		return __gom_malloc(new_size, gfp);
	gom_pagemap_place(p, &at);
	old = place_size(&at, _RET_IP_);
	if (!old)
		return NULL;
	if (!new_size) {
		gom_free(p);
		return ZERO_SIZE_PTR;
	}
	if (new_size > old)
		return object_move(&at, old, new_place_alloc(&at, new_size, gfp), new_size);
	if (object_may_stay(&at, new_size))
		return object_resize_in_place(&at, old, new_size, gfp);
	return object_shrink(&at, old, new_size, gfp);
}
EXPORT_SYMBOL_GPL(gom_realloc);
