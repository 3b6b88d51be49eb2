// SPDX-License-Identifier: GPL-2.0
/* Questions about an object, and changing its size. */
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

/* === Questions about an object === */

/* The object that @p points into, and its usable size; NULL if there is none. */
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
	if (gom_object_at(p, &size) == p)
		return size;
	gom_report(GOM_BAD_POINTER, _RET_IP_, "size of %p, where no object begins", p);
	return 0;
}
EXPORT_SYMBOL_GPL(gom_size);

/* === Changing the size === */

static bool is_large(const void *p)
{
	return gom_entry_slot(gom_pagemap_entry(p)) == GOM_SLOT_LARGE;
}

static bool is_tiny(const void *p)
{
	unsigned int slot = gom_entry_slot(gom_pagemap_entry(p));

	return gom_class_at(p, slot) == GOM_CLASS_TINY;
}

/*
 * May the object at @p be one of @new_size bytes, which fit?  Only if it is as gom_malloc()
 * would give it: a sized free looks at nothing but the size.  Where each free looks, in a mode
 * and for memory of a zone, which is not to be moved to another one, it always may.  With efence=1
 * an object in the page map is an ordinary one.
 */
static bool may_stay(const void *p, size_t new_size)
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

static void *resize_in_place(const void *p, size_t new_size, gfp_t gfp)
{
	size_t size;

	if (is_large(p))
		gom_large_shrink(p, new_size, gfp & GOM_PAGE_GFP);
	size = gom_size(p);
	/* The bytes beyond are zero if they are asked for later. */
	if (want_init_on_alloc(gfp))
		memset((void *)p + new_size, 0, size - new_size);
	return (void *)p;
}

/* A tiny object holds no pointers, however it grows. */
static void *move(const void *p, size_t old, size_t new_size, gfp_t gfp)
{
	void *q = is_tiny(p) ? gom_malloc_noscan(new_size, gfp) : __gom_malloc(new_size, gfp);

	if (q) {
		memcpy(q, p, min(old, new_size));
		gom_free(p);
	}
	return q;
}

/*
 * To an object of the class of @new_size, if one can be had without much ado.  If not it
 * stays, and so that no sized free takes it for one of that class, they all look from now on.
 */
static void *shrink(const void *p, size_t old, size_t new_size, gfp_t gfp)
{
	void *q = move(p, old, new_size, (gfp & ~__GFP_NOFAIL) | __GFP_NORETRY | __GFP_NOWARN);

	if (q)
		return q;
	gom_special_note_resized(p);
	return resize_in_place(p, new_size, gfp);
}

/**
 * gom_realloc - change the size of an object
 * @p: the object; NULL and ZERO_SIZE_PTR allocate
 * @new_size: bytes wanted; 0 frees
 * @gfp: as for gom_malloc(); with __GFP_ZERO bytes that are new are zero, if
 *	the object was zeroed when it was allocated and each time it was resized
 *
 * The contents up to the smaller of both sizes stay.  The object stays where it
 * is if gom_malloc(@new_size) could have returned it: if both sizes are of one
 * size class, or both large, and pages of a large object that are not needed any
 * more go back.  Else it moves, and is freed as gom_free() does it.  An object of
 * a named cache always moves, and is the cache's no longer.
 *
 * gom_free_sized() takes the @new_size of the last call.
 *
 * Context: any but NMI.  May sleep if @gfp allows it.
 * Return: the object; NULL if there is no memory, and then @p is as it was.
 * Shrinking needs no memory: if there is none the object stays where it is.
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
		return move(p, old, new_size, gfp);
	if (may_stay(p, new_size))
		return resize_in_place(p, new_size, gfp);
	return shrink(p, old, new_size, gfp);
}
EXPORT_SYMBOL_GPL(gom_realloc);
