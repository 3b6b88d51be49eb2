/* SPDX-License-Identifier: GPL-2.0 */
/*
 * What the kernel does on its side of the border, for as_slab_test.c: calls
 * that as_slab.h does not redirect.
 */
#ifndef GOM_KUNIT_KERNEL_SIDE_H
#define GOM_KUNIT_KERNEL_SIDE_H

#include <linux/types.h>

struct kmem_cache;

void *kernel_side_kmalloc(size_t size);
void *kernel_side_kmalloc_nolock(size_t size);
void *kernel_side_vmalloc(size_t size);
void kernel_side_kfree(const void *p);
struct kmem_cache *kernel_side_cache_create(const char *name, unsigned int size);
void kernel_side_cache_destroy(struct kmem_cache *s);

#endif /* GOM_KUNIT_KERNEL_SIDE_H */
