// SPDX-License-Identifier: GPL-2.0
/* The kernel's own allocator, in a file without as_slab.h; see the header. */
#include <linux/errno.h>
#include <linux/slab.h>
#include <linux/vmalloc.h>

#include "slab/kernel_side.h"

void *kernel_side_kmalloc(size_t size)
{
	return kmalloc(size, GFP_KERNEL);
}

void *kernel_side_vmalloc(size_t size)
{
	return vmalloc(size);
}

void kernel_side_kfree(const void *p)
{
	kfree(p);
}

/*
 * A cache with a constructor does not merge with others, so destroying it warns
 * of any object left.  kfree_nolock() does not tell kmemleak.
 */
static void nothing_construct(void *p)
{
}

struct kmem_cache *kernel_side_cache_create(const char *name, unsigned int size)
{
	return kmem_cache_create(name, size, 0, SLAB_NOLEAKTRACE, nothing_construct);
}

void kernel_side_cache_destroy(struct kmem_cache *s)
{
	kmem_cache_destroy(s);
}

/* === Objects that must be freed === */

static struct kmem_cache *objects;

int kernel_side_begin(void)
{
	objects = kernel_side_cache_create("gomtest_objects", KERNEL_SIDE_OBJECT);
	return objects ? 0 : -ENOMEM;
}

void kernel_side_end(void)
{
	kmem_cache_destroy(objects);
}

void *kernel_side_object(void)
{
	return kmem_cache_alloc(objects, GFP_KERNEL);
}
