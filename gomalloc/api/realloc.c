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

#include "api/efence.h"
#include "api/internal.h"
#include "api/sbrk.h"
#include "base/compat.h"
#include "base/report.h"
#include "heap/large.h"
#include "percpu/tiny.h"
#include "special/special.h"

/* === Lookup === */

/* The object that @p points into, its usable size in *@size; NULL if none. */
void *gom_object_at(const void *p, size_t *size)
{
	u32 entry = gom_pagemap_entry(p);
	unsigned int slot = gom_entry_slot(entry), class;
	u32 off = gom_entry_offset(entry, p), i;
	const struct gom_class *cl;
	struct gom_span *s;

	if (unlikely(gom_sbrk)) {
		*size = gom_sbrk_size(p);
		return *size ? (void *)p : NULL;
	}
	if (unlikely(gom_efence) && !slot)
		return gom_efence_object(p, size);
	if (!slot || slot == GOM_SLOT_IDLE)
		return NULL;
	if (slot == GOM_SLOT_LARGE) {
		s = gom_pagemap_span(p);
		*size = (size_t)s->npages << PAGE_SHIFT;
		return (void *)p - off;
	}
	class = gom_class_at(p, slot);
	if (class == GOM_CLASS_TINY) {
		*size = gom_tiny_size(p);
		return *size ? (void *)p : NULL;
	}
	cl = gom_class(class);
	i = gom_class_index(cl, off);
	if (i >= gom_nelems_at(p, slot, cl))
		return NULL;
	*size = cl->size;
	return (void *)p - off + i * cl->size;
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
	size_t size;

	if (ZERO_OR_NULL_PTR(p))
		return 0;
	if (gom_object_at(p, &size) == p)
		return size;
	gom_report(GOM_BAD_POINTER, _RET_IP_, "size of %p, where no object begins", p);
	return 0;
}
EXPORT_SYMBOL_GPL(gom_size);

/* === Changing the size === */

static bool object_is_large(const void *p)
{
	return gom_entry_slot(gom_pagemap_entry(p)) == GOM_SLOT_LARGE;
}

static bool object_is_tiny(const void *p)
{
	unsigned int slot = gom_entry_slot(gom_pagemap_entry(p));

	return gom_class_at(p, slot) == GOM_CLASS_TINY;
}

/*
 * May the object at @p stay in place with @new_size bytes, which fit?  Only if
 * gom_malloc(@new_size) could have returned it, because a sized free relies on
 * the size alone.  Two kinds of object always may, because each free of them
 * looks them up: those of the sbrk and efence modes, and memory of the DMA
 * zone, which must not move to another zone.
 */
static bool object_may_stay(const void *p, size_t new_size)
{
	unsigned int slot = gom_entry_slot(gom_pagemap_entry(p)), class;

	if (unlikely(gom_sbrk || (gom_efence && !slot)))
		return true;
	if (slot == GOM_SLOT_LARGE)
		return gom_pagemap_span(p)->direct ||
		       (!gom_size_to_slot(new_size) && gom_large_aligned(p, new_size));
	class = gom_class_at(p, slot);
	if (class == GOM_CLASS_TINY)
		return new_size <= GOM_TINY_MAX &&
		       IS_ALIGNED((unsigned long)p, new_size & -new_size);
	return class < GOM_NR_SPAN_CLASSES && GOM_SLOT_OF(class) == gom_size_to_slot(new_size);
}

static void *object_resize_in_place(const void *p, size_t new_size, gfp_t gfp)
{
	size_t size;

	if (object_is_large(p))
		gom_large_shrink(p, new_size, gfp & GOM_PAGE_GFP);
	size = gom_size(p);
	/* A later gom_realloc() with __GFP_ZERO may grow into these bytes. */
	if (want_init_on_alloc(gfp))
		memset((void *)p + new_size, 0, size - new_size);
	return (void *)p;
}

/* Copy to a new object and free the old one.  A tiny object stays no-scan. */
static void *object_move(const void *p, size_t old, size_t new_size, gfp_t gfp)
{
	void *q = object_is_tiny(p) ? gom_malloc_noscan(new_size, gfp) :
				      __gom_malloc(new_size, gfp);

	if (q) {
		memcpy(q, p, min(old, new_size));
		gom_free(p);
	}
	return q;
}

/*
 * Move to an object of the class of @new_size if memory is available without
 * effort.  If not, the object stays in place and is marked as resized, so that
 * sized frees of it look it up (special.h).
 */
static void *object_shrink(const void *p, size_t old, size_t new_size, gfp_t gfp)
{
	void *q = object_move(p, old, new_size,
			      (gfp & ~__GFP_NOFAIL) | __GFP_NORETRY | __GFP_NOWARN);

	if (q)
		return q;
	gom_special_note_resized(p);
	return object_resize_in_place(p, new_size, gfp);
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
	size_t old;

	if (ZERO_OR_NULL_PTR(p))
		return __gom_malloc(new_size, gfp);
	old = gom_size(p);
	if (!old)
		return NULL;
	if (!new_size) {
		gom_free(p);
		return ZERO_SIZE_PTR;
	}
	if (new_size > old)
		return object_move(p, old, new_size, gfp);
	if (object_may_stay(p, new_size))
		return object_resize_in_place(p, new_size, gfp);
	return object_shrink(p, old, new_size, gfp);
}
EXPORT_SYMBOL_GPL(gom_realloc);
