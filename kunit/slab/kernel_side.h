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

/*
 * Objects of one cache, for kfree() and friends.  At the end of the suite the
 * kernel warns of those that were not freed (complaints.py), and the run fails.
 * Not for kfree_rcu(), for which 6.1 does not wait when it destroys a cache.
 */
#define KERNEL_SIDE_OBJECT	512	/* bytes */

int kernel_side_begin(void);
void kernel_side_end(void);
void *kernel_side_object(void);

#endif /* GOM_KUNIT_KERNEL_SIDE_H */
