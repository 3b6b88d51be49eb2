// SPDX-License-Identifier: GPL-2.0
/* Questions about an object, and changing its size. */
#include <linux/mm.h>
#include <linux/string.h>

#include "compat.h"
#include "efence.h"
#include "large.h"
#include "malloc.h"
#include "report.h"
#include "sbrk.h"
#include "tiny.h"

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
	q = is_tiny(p) ? gom_malloc_noscan(new_size, gfp) :
				       __gom_malloc(new_size, gfp);
	if (q) {
		memcpy(q, p, old);
		gom_free(p);
	}
	return q;
}
EXPORT_SYMBOL_GPL(gom_realloc);
