// SPDX-License-Identifier: GPL-2.0
/*
 * The drop-in in rare situations: a cache that is gone, guard pages, failing
 * call sites, any context.  Built with as_slab.h, as as_slab_test.c.
 */
#include <linux/mm.h>
#include <linux/slab.h>
#include <linux/string.h>
#include <linux/vmalloc.h>

#include "api/efence.h"
#include "base/compat.h"
#include "base/fail_site.h"
#include "debug/fail.h"
#include "gomalloc.h"
#include "slab/slab.h"
#include "suites.h"

/* As with SLUB, objects of a cache that was destroyed too early stay valid. */
static void a_late_free_goes_by_address(struct kunit *test)
{
	struct kmem_cache *a = kmem_cache_create("gomtest_early", 64, 0, 0, NULL), *b;
	void *x, *y[3];
	unsigned int i;

	KUNIT_ASSERT_NOT_NULL(test, a);
	x = kmem_cache_alloc(a, GFP_KERNEL);
	KUNIT_ASSERT_NOT_NULL(test, x);
	memset(x, 0x5a, 64);
	gomtest_expect_misuse(test);
	kmem_cache_destroy(a);
	b = kmem_cache_create("gomtest_later", 1000, 0, 0, NULL);
	KUNIT_ASSERT_NOT_NULL(test, b);
	KUNIT_EXPECT_PTR_NE(test, a, b);
	KUNIT_EXPECT_TRUE(test, gomtest_all_bytes(x, 0x5a, 64));
	kmem_cache_free(a, x);
	for (i = 0; i < ARRAY_SIZE(y); i++) {
		y[i] = kmem_cache_alloc(b, GFP_KERNEL);
		KUNIT_ASSERT_NOT_NULL(test, y[i]);
		KUNIT_EXPECT_GE(test, ksize(y[i]), (size_t)1000);
	}
	kmem_cache_free_bulk(b, ARRAY_SIZE(y), y);
	KUNIT_EXPECT_NULL(test, kmem_cache_alloc(a, GFP_KERNEL));
	KUNIT_EXPECT_EQ(test, kmem_cache_size(a), 0U);
	kmem_cache_destroy(a);
	kmem_cache_destroy(b);
}

/* The kernel asks for the page of an inode: list_lru_add_obj(). */
static void objects_for_a_list_lru_have_a_page(struct kunit *test)
{
	struct kmem_cache *s = kmem_cache_create("gomtest_inode", 600, 0, SLAB_RECLAIM_ACCOUNT,
						 NULL);
	void *p;

	KUNIT_ASSERT_NOT_NULL(test, s);
	p = kmem_cache_alloc_lru(s, NULL, GFP_KERNEL);
	KUNIT_ASSERT_NOT_NULL(test, p);
	KUNIT_EXPECT_TRUE(test, gom_owns(p));
	KUNIT_EXPECT_TRUE(test, virt_addr_valid(p));
	KUNIT_EXPECT_FALSE(test, is_vmalloc_addr(p));
	kmem_cache_free(s, p);
	p = kmem_cache_alloc(s, GFP_KERNEL);
	KUNIT_ASSERT_NOT_NULL(test, p);
	KUNIT_EXPECT_EQ(test, is_vmalloc_addr(p), gom_efence);
	kmem_cache_free(s, p);
	kmem_cache_destroy(s);
}

/* The barrier keeps the call from being a tail call, whose site is the caller. */
static noinline void *kvmalloc_site(size_t size, gfp_t gfp)
{
	void *p = kvmalloc(size, gfp);

	barrier();
	return p;
}

/* Nor does vmalloc() then give memory. */
static void kvmalloc_fails_where_it_is_to_fail(struct kunit *test)
{
	void *p;

	KUNIT_ASSERT_EQ(test, gom_fail_set_module("gomalloc_kunit"), 0);
	p = kvmalloc_site(3 * PAGE_SIZE, GFP_KERNEL);
	KUNIT_EXPECT_NOT_NULL(test, p);
	kvfree(p);
	KUNIT_EXPECT_EQ(test, gom_fail_site_enable(1), 0);
	p = kvmalloc_site(3 * PAGE_SIZE, GFP_KERNEL | __GFP_NOFAIL);
	KUNIT_EXPECT_NOT_NULL(test, p);
	kvfree(p);
	KUNIT_EXPECT_NULL(test, kvmalloc_site(3 * PAGE_SIZE, GFP_KERNEL));
	p = kvmalloc_site(3 * PAGE_SIZE, GFP_KERNEL);
	KUNIT_EXPECT_NOT_NULL(test, p);
	kvfree(p);
	KUNIT_EXPECT_EQ(test, gom_fail_set_module(""), 0);
}

#ifdef GOM_HAS_NOLOCK
struct nolock_object {
	char before[40];
	GOM_KVFREE_RCU_HEAD rcu;
};

/* Callers hold any lock, or interrupted call_rcu(). */
static void nolock_frees_wait_for_a_grace_period(struct kunit *test)
{
	const size_t size = sizeof(struct nolock_object);
	struct nolock_object *p[10];
	u64 live = gomtest_live_objects();
	unsigned long flags;
	unsigned int i;

	for (i = 0; i < ARRAY_SIZE(p); i++) {
		p[i] = kmalloc(size, GFP_KERNEL);
		KUNIT_ASSERT_NOT_NULL(test, p[i]);
	}
	rcu_read_lock();
	local_irq_save(flags);
	for (i = 0; i < ARRAY_SIZE(p); i++)
		kfree_rcu_nolock(p[i], rcu);
	local_irq_restore(flags);
	KUNIT_EXPECT_EQ(test, gomtest_live_objects(), live + ARRAY_SIZE(p));
	rcu_read_unlock();
	gom_slab_kfree_rcu_flush();
	gom_free_rcu_barrier();
	if (gom_efence)
		gom_efence_sync();
	if (!gom_sbrk)
		KUNIT_EXPECT_EQ(test, gomtest_live_objects(), live);
}
#endif

static struct kunit_case slab_cases[] = {
	HEAP_CASE(a_late_free_goes_by_address),
	KUNIT_CASE(objects_for_a_list_lru_have_a_page),
	KUNIT_CASE(kvmalloc_fails_where_it_is_to_fail),
#ifdef GOM_HAS_NOLOCK
	KUNIT_CASE(nolock_frees_wait_for_a_grace_period),
#endif
	{}
};

struct kunit_suite gomalloc_slab_suite = {
	.name = "gomalloc_slab",
	.init = gomtest_begin_any,
	.exit = gomtest_end,
	.test_cases = slab_cases,
};
