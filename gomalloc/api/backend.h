/* SPDX-License-Identifier: GPL-2.0 */
/*
 * A backend is a mode that replaces the allocator, or a part of it: sbrk
 * (sbrk.c), efence (efence.c), or debug= (malloc_debug.c).  At most one is
 * chosen, by a module parameter, before the first allocation.  Then the per-CPU
 * caches are bypassed (GOM_MALLOCING_BYPASS, GOM_MALLOCING_DEBUG), so every call
 * takes its slow path, which begins with the backend.
 */
#ifndef GOM_BACKEND_H
#define GOM_BACKEND_H

#include <linux/compiler.h>
#include <linux/types.h>

struct gom_place;

/**
 * struct gom_backend - what a mode does instead of the allocator
 * @only: there are no ordinary objects: if @alloc fails, so does the
 *	allocation, and addresses that are not in the page map may be objects
 * @alloc: allocate; arguments as for gom_backend_alloc()
 * @free: free an object; false if it is none of the backend's.  Arguments: the
 *	address, and the call site for a report
 * @object: the object that an address points into, and its size; NULL if none
 * @place: for specials: fill in the span and the offset of an address.  NULL:
 *	objects of the backend have no specials
 */
struct gom_backend {
	bool only;
	void *(*alloc)(size_t size, size_t align, gfp_t gfp, unsigned long caller);
	bool (*free)(const void *p, unsigned long caller);
	void *(*object)(const void *p, size_t *size);
	void (*place)(struct gom_place *at);
};

extern const struct gom_backend *gom_backend;	/* NULL: the allocator itself */

/* Is the backend all there is, so that nothing is in the page map? */
static inline bool gom_backend_only(void)
{
	return unlikely(gom_backend) && gom_backend->only;
}

#endif /* GOM_BACKEND_H */
