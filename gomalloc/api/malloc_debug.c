// SPDX-License-Identifier: GPL-2.0
/*
 * gom_malloc() with debug=: a backend that takes objects from debugged caches.
 *
 * There is a cache for each size class, named "malloc-" and its size, as SLUB's
 * kmalloc caches are.  Those that debug= does not name do not exist, and their
 * sizes are allocated as always.  Frees find the objects by the page map, so
 * the backend only allocates.
 *
 * Not debugged are sizes above 128 KiB, those that are aligned to more than a
 * page, and memory of a zone.  gom_malloc_nolock() finds no objects.
 *
 * Written on load, before the first allocation; then constant.
 */
#include <linux/printk.h>
#include <linux/slab.h>

#include "api/cache.h"
#include "api/internal.h"
#include "api/malloc_debug.h"
#include "api/object_debug.h"
#include "base/debug_flags.h"

static struct gom_cache *malloc_caches[GOM_CLASS_TINY];

static void *malloc_debug_alloc(size_t size, size_t align, gfp_t gfp, unsigned long caller)
{
	struct gom_cache *c = malloc_caches[gom_size_to_slot_off(size) >> GOM_SLOT_SHIFT];

	/*
	 * Named caches pass an alignment; those that are debugged do not come
	 * here.  No cache has an alignment above a page.
	 */
	if (!c || align || gfp & GOM_ZONE_GFP || (size & -size) > PAGE_SIZE)
		return NULL;
	return gom_debug_alloc(c, size, gfp, NUMA_NO_NODE, caller);
}

static bool malloc_debug_free(const void *p, unsigned long caller)
{
	return false;
}

static void *malloc_debug_object(const void *p, size_t *size)
{
	return NULL;
}

static const struct gom_backend malloc_debug_backend = {
	.alloc = malloc_debug_alloc,
	.free = malloc_debug_free,
	.object = malloc_debug_object,
};

/* The name of the cache for @class; false if it is not debugged. */
static bool malloc_cache_name(unsigned int class, char name[GOM_CACHE_NAME])
{
	snprintf(name, GOM_CACHE_NAME, "malloc-%u", gom_classes[class].size);
	return gom_debug_flags(name);
}

/* Does debug= name any of the caches? */
bool gom_malloc_debug_wanted(void)
{
	char name[GOM_CACHE_NAME];
	unsigned int class;

	for (class = 1; class < GOM_CLASS_TINY; class++)
		if (malloc_cache_name(class, name))
			return true;
	return false;
}

/* Create the caches that debug= names.  Context: task, on load. */
int gom_malloc_debug_init(void)
{
	char name[GOM_CACHE_NAME];
	unsigned int class, size;

	for (class = 1; class < GOM_CLASS_TINY; class++) {
		if (!malloc_cache_name(class, name))
			continue;
		size = gom_classes[class].size;
		malloc_caches[class] = gom_cache_create(name, size,
							min_t(unsigned int, size & -size, PAGE_SIZE),
							0, NULL);
		if (!malloc_caches[class])
			return -ENOMEM;
		gom_backend = &malloc_debug_backend;
	}
	return 0;
}

/* On unload, when nobody allocates or frees any more. */
void gom_malloc_debug_exit(void)
{
	unsigned int class;

	for (class = 1; class < GOM_CLASS_TINY; class++)
		if (malloc_caches[class])
			gom_cache_destroy(malloc_caches[class]);
}
