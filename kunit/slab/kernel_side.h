/* SPDX-License-Identifier: GPL-2.0 */
/*
 * For the tests that are built with as_slab.h: all functions of slab.h in them are
 * gomalloc's.  What they allocate is gomalloc's; what they free may be of either
 * allocator; what the kernel would free stays SLUB's.
 *
 * kernel_side.c is built without it: what the kernel does on its side.
 */
#ifndef GOM_KUNIT_KERNEL_SIDE_H
#define GOM_KUNIT_KERNEL_SIDE_H

#include <kunit/test.h>
#include <linux/compiler.h>
#include <linux/types.h>

#include "gomalloc.h"

struct kmem_cache;

void *kernel_side_kmalloc(size_t size);
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

#define EXPECT_OURS(test, p)						\
do {									\
	const void *__ours = (p);					\
									\
	KUNIT_ASSERT_NOT_NULL(test, __ours);				\
	KUNIT_EXPECT_TRUE(test, gom_owns(__ours));			\
} while (0)

#define EXPECT_FOREIGN(test, p)						\
do {									\
	const void *__foreign = (p);					\
									\
	KUNIT_ASSERT_NOT_NULL(test, __foreign);				\
	KUNIT_EXPECT_FALSE(test, gom_owns(__foreign));			\
} while (0)

/* Hide a constant from the compiler. */
static inline size_t variable(size_t size)
{
	OPTIMIZER_HIDE_VAR(size);
	return size;
}

#endif /* GOM_KUNIT_KERNEL_SIDE_H */
