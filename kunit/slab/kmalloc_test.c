// SPDX-License-Identifier: GPL-2.0
/*
 * The drop-in: kmalloc(), kvmalloc(), krealloc() and sizes.  Built with as_slab.h,
 * so these functions are gomalloc's (kernel_side.h).
 */
#include <linux/mm.h>
#include <linux/nodemask.h>
#include <linux/sched.h>
#include <linux/sizes.h>
#include <linux/slab.h>
#include <linux/string.h>
#include <linux/vmalloc.h>

#include "api/cache.h"
#include "api/efence.h"
#include "base/compat.h"
#include "base/client.h"
#include "base/fail_site.h"
#include "base/fault.h"
#include "debug/fail.h"
#include "gomalloc.h"
#include "heap/pagemap.h"
#include "slab/kernel_side.h"
#include "suites.h"

/* === kmalloc() === */

static void expect_ours_and_free(struct kunit *test, void *p, size_t size)
{
	EXPECT_OURS(test, p);
	memset(p, 0x5a, size);
	KUNIT_EXPECT_GE(test, ksize(p), size);
	kfree(p);
}

static void kmalloc_is_gomallocs(struct kunit *test)
{
	expect_ours_and_free(test, kmalloc(1, GFP_KERNEL), 1);
	expect_ours_and_free(test, kmalloc(100, GFP_KERNEL), 100);
	expect_ours_and_free(test, kmalloc(variable(100), GFP_KERNEL), 100);
	expect_ours_and_free(test, kmalloc(20000, GFP_KERNEL), 20000);
	expect_ours_and_free(test, kmalloc(variable(200000), GFP_KERNEL), 200000);
	expect_ours_and_free(test, kmalloc(64, GFP_ATOMIC), 64);
	expect_ours_and_free(test, kmalloc(64, GFP_KERNEL_ACCOUNT | __GFP_RECLAIMABLE), 64);
	expect_ours_and_free(test, kmalloc_node(300, GFP_KERNEL, 0), 300);
	expect_ours_and_free(test, kmalloc_node(variable(300), GFP_KERNEL, NUMA_NO_NODE), 300);
	expect_ours_and_free(test, kmalloc_node(20000, GFP_KERNEL, 0), 20000);
	expect_ours_and_free(test, kmalloc_array(variable(7), 30, GFP_KERNEL), 210);
	expect_ours_and_free(test, kmalloc_array_node(variable(7), 30, GFP_KERNEL, 0), 210);
	expect_ours_and_free(test, kmalloc_track_caller(variable(40), GFP_KERNEL), 40);
#ifdef kmalloc_obj
	expect_ours_and_free(test, kmalloc_obj(struct list_head), sizeof(struct list_head));
	expect_ours_and_free(test, kmalloc_objs(u64, variable(9)), 72);
#endif
	KUNIT_EXPECT_PTR_EQ(test, kmalloc(variable(0), GFP_KERNEL), ZERO_SIZE_PTR);
	KUNIT_EXPECT_NULL(test, kmalloc_array(variable(SIZE_MAX / 2), 3, GFP_KERNEL));
	kfree(NULL);
	kfree(ZERO_SIZE_PTR);
}

static void zeroed_memory_is_zero(struct kunit *test)
{
	static const size_t sizes[] = { 8, 100, 5000, 20000, 200000 };
	unsigned int i, round;
	void *p;

	for (i = 0; i < ARRAY_SIZE(sizes); i++) {
		for (round = 0; round < 3; round++) {
			p = round == 1 ? kcalloc(sizes[i], 1, GFP_KERNEL) :
			    round == 2 ? kvzalloc(sizes[i], GFP_KERNEL) :
					 kzalloc(sizes[i], GFP_KERNEL);
			EXPECT_OURS(test, p);
			KUNIT_EXPECT_TRUE(test, gomtest_all_bytes(p, 0, sizes[i]));
			memset(p, 0xff, sizes[i]);
			kvfree(p);
		}
	}
}

/* With efence=1 an object ends at a page's end. */
static void powers_of_two_are_aligned(struct kunit *test)
{
	size_t size, most = gom_efence ? PAGE_SIZE : SZ_64K;
	void *p;

	if (gom_sbrk)
		kunit_skip(test, "sbrk=1 aligns to 16 bytes");
	for (size = 8; size <= most; size *= 2) {
		p = kmalloc(size, GFP_KERNEL);
		EXPECT_OURS(test, p);
		KUNIT_EXPECT_TRUE(test, IS_ALIGNED((unsigned long)p, size));
		kfree(p);
	}
}

/* More than the largest kmalloc(): only vmalloc() has it. */
static void kvmalloc_falls_back_to_vmalloc(struct kunit *test)
{
	void *p = kvmalloc(variable(KMALLOC_MAX_SIZE + 1), GFP_KERNEL);

	EXPECT_FOREIGN(test, p);
	KUNIT_EXPECT_TRUE(test, is_vmalloc_addr(p));
	memset(p, 1, KMALLOC_MAX_SIZE + 1);
	kvfree(p);
	KUNIT_EXPECT_NULL(test, vmalloc_to_page(p));

	p = kvmalloc(variable(100), GFP_KERNEL);
	EXPECT_OURS(test, p);
	kvfree(p);
	p = kvmalloc_array(variable(100), 1000, GFP_KERNEL);
	EXPECT_OURS(test, p);
	kvfree(p);
	KUNIT_EXPECT_NULL(test, kvmalloc_array(variable(SIZE_MAX / 2), 3, GFP_KERNEL));
	kvfree(NULL);
}

static void kvmalloc_falls_back_when_gomalloc_fails(struct kunit *test)
{
	size_t size = variable(300000);
	void *p, *q, *small;

	if (gom_efence)
		kunit_skip(test, "efence=1 has most of its memory from vmalloc()");
	if (!gomtest_fail_after(0))
		kunit_skip(test, "this kernel has no fault injection");
	gomtest_fail_stop();
	gom_release_memory();
	gomtest_fail_after(0);
	p = kvmalloc(size, GFP_KERNEL);
	q = kmalloc(size, GFP_KERNEL | __GFP_NOWARN);
	small = kvmalloc(variable(3000), GFP_KERNEL | __GFP_NOWARN);
	gomtest_fail_stop();
	KUNIT_EXPECT_NULL(test, q);
	KUNIT_EXPECT_NULL(test, small);
	kfree(q);
	kvfree(small);
	EXPECT_FOREIGN(test, p);
	memset(p, 1, size);
	kvfree(p);
}

static struct {
	const struct task_struct *task;
	gfp_t gfp;		/* of its last request for a block */
} block_request;

static bool blocks_deny(enum gom_test_point at, unsigned int arg, gfp_t gfp)
{
	if (at != GOM_AT_BLOCK || current != block_request.task)
		return false;
	block_request.gfp = gfp;
	return true;
}

/* How kvmalloc() with @gfp asks the page allocator, before it has vmalloc(). */
static gfp_t kvmalloc_asks_with(struct kunit *test, gfp_t gfp)
{
	void *p;

	gom_release_memory();
	block_request.task = current;
	block_request.gfp = 0;
	WRITE_ONCE(gom_test_callback, blocks_deny);
	p = kvmalloc(variable(1000000), gfp);
	WRITE_ONCE(gom_test_callback, NULL);
	EXPECT_FOREIGN(test, p);
	kvfree(p);
	KUNIT_EXPECT_NE(test, block_request.gfp, (gfp_t)0);
	return block_request.gfp;
}

/* vmalloc() can do it: no reclaim, unless it is asked for. */
static void kvmalloc_does_not_try_hard(struct kunit *test)
{
	unsigned int failing;
	gfp_t gfp;

	for (failing = 0; failing < 2; failing++) {
		KUNIT_ASSERT_EQ(test, gom_fail_set_module(failing ? "gomalloc_kunit" : ""), 0);
		gfp = kvmalloc_asks_with(test, GFP_KERNEL);
		KUNIT_EXPECT_EQ(test, gfp & __GFP_RECLAIM, (gfp_t)__GFP_KSWAPD_RECLAIM);
		KUNIT_EXPECT_TRUE(test, gfp & __GFP_NOWARN);
		gfp = kvmalloc_asks_with(test, GFP_KERNEL | __GFP_RETRY_MAYFAIL);
		KUNIT_EXPECT_TRUE(test, gfp & __GFP_DIRECT_RECLAIM);
		KUNIT_EXPECT_TRUE(test, gfp & __GFP_NOWARN);
		gfp = kvmalloc_asks_with(test, GFP_KERNEL | __GFP_NOFAIL);
		KUNIT_EXPECT_FALSE(test, gfp & (__GFP_NOFAIL | __GFP_DIRECT_RECLAIM));
	}
	KUNIT_EXPECT_EQ(test, gom_fail_set_module(""), 0);
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

/* === krealloc() === */

static void fill(u8 *p, size_t n)
{
	while (n--)
		p[n] = n;
}

static bool is_filled(const u8 *p, size_t n)
{
	while (n--)
		if (p[n] != (u8)n)
			return false;
	return true;
}

static void krealloc_keeps_the_owner(struct kunit *test)
{
	u8 *p = krealloc(NULL, 64, GFP_KERNEL), *q;

	EXPECT_OURS(test, p);
	fill(p, 64);
	q = krealloc(p, 128, GFP_KERNEL);
	EXPECT_OURS(test, q);
	KUNIT_EXPECT_TRUE(test, is_filled(q, 64));
	KUNIT_EXPECT_GE(test, ksize(q), (size_t)128);
	fill(q, 128);
	p = krealloc(q, 20000, GFP_KERNEL | __GFP_ZERO);
	EXPECT_OURS(test, p);
	KUNIT_EXPECT_TRUE(test, is_filled(p, 128));
	KUNIT_EXPECT_PTR_EQ(test, (void *)krealloc(p, 0, GFP_KERNEL), ZERO_SIZE_PTR);

	p = kernel_side_kmalloc(64);
	EXPECT_FOREIGN(test, p);
	fill(p, 64);
	q = krealloc(p, 5000, GFP_KERNEL);
	EXPECT_FOREIGN(test, q);
	KUNIT_EXPECT_TRUE(test, is_filled(q, 64));
	kfree(q);

	p = krealloc_array(NULL, variable(10), 8, GFP_KERNEL);
	EXPECT_OURS(test, p);
	kfree(p);
}

/* The memory had other contents before. */
static void krealloc_zeroes_what_it_adds(struct kunit *test)
{
	static const size_t sizes[] = { 500, 5000, 20000, 200000 };
	unsigned int i;
	size_t old;
	u8 *p, *q;

	for (i = 0; i < ARRAY_SIZE(sizes); i++) {
		p = kmalloc(sizes[i], GFP_KERNEL);
		EXPECT_OURS(test, p);
		memset(p, 0xff, sizes[i]);
		kfree(p);
		p = kmalloc(100, GFP_KERNEL);
		EXPECT_OURS(test, p);
		old = ksize(p);
		fill(p, old);
		q = krealloc(p, sizes[i], GFP_KERNEL | __GFP_ZERO);
		EXPECT_OURS(test, q);
		KUNIT_EXPECT_TRUE(test, is_filled(q, old));
		KUNIT_EXPECT_TRUE(test, gomtest_all_bytes(q + old, 0, sizes[i] - old));
		kfree(q);
	}
}

/* The barrier: as in kvmalloc_site(). */
static noinline void *krealloc_site(void *p, size_t size)
{
	void *q = krealloc(p, size, GFP_KERNEL);

	barrier();
	return q;
}

/* One that shrinks may move, but cannot fail. */
static void krealloc_fails_only_if_it_grows(struct kunit *test)
{
	static const size_t sizes[] = { 100, 3000, 100000, 300000 };
	unsigned int i;
	u8 *p, *q;

	if (!gom_client_of(gom_client_caller(0)))
		kunit_skip(test, "this kernel has no stack traces");
	for (i = 0; i < ARRAY_SIZE(sizes); i++) {
		p = kmalloc(sizes[i], GFP_KERNEL);
		EXPECT_OURS(test, p);
		fill(p, 20);
		KUNIT_ASSERT_EQ(test, gom_fail_set_module("gomalloc_kunit"), 0);
		p = krealloc_site(p, 2 * sizes[i]);
		EXPECT_OURS(test, p);
		KUNIT_EXPECT_EQ(test, gom_fail_site_enable(1), 0);
		p = krealloc_site(p, 2 * sizes[i] - 1);
		EXPECT_OURS(test, p);
		p = krealloc_site(p, 20);
		EXPECT_OURS(test, p);
		q = krealloc_site(p, 4 * sizes[i]);
		KUNIT_EXPECT_NULL(test, q);
		p = q ?: p;
		KUNIT_ASSERT_EQ(test, gom_fail_set_module(""), 0);
		KUNIT_EXPECT_TRUE(test, is_filled(p, 20));
		kfree(p);
	}
}

/* kvrealloc() was told the old size before 6.12. */
static void *do_kvrealloc(const void *p, size_t old, size_t size)
{
#ifdef kvrealloc
	return kvrealloc(p, size, GFP_KERNEL);
#else
	return kvrealloc(p, old, size, GFP_KERNEL);
#endif
}

static void kvrealloc_moves_to_vmalloc(struct kunit *test)
{
	u8 *p = kvmalloc(variable(100), GFP_KERNEL);

	EXPECT_OURS(test, p);
	fill(p, 100);
	p = do_kvrealloc(p, 100, 5000);
	EXPECT_OURS(test, p);
	KUNIT_EXPECT_TRUE(test, is_filled(p, 100));
	fill(p, 5000);
	p = do_kvrealloc(p, 5000, KMALLOC_MAX_SIZE + 1);
	EXPECT_FOREIGN(test, p);
	KUNIT_EXPECT_TRUE(test, is_filled(p, 5000));
	p = do_kvrealloc(p, KMALLOC_MAX_SIZE + 1, KMALLOC_MAX_SIZE + 2 * PAGE_SIZE);
	EXPECT_FOREIGN(test, p);
	KUNIT_EXPECT_TRUE(test, is_filled(p, 5000));
	kvfree(p);
}

/* The barrier: as in kvmalloc_site(). */
static noinline void *kvrealloc_site(void *p, size_t old, size_t size)
{
	p = do_kvrealloc(p, old, size);
	barrier();
	return p;
}

static void kvrealloc_fails_where_it_is_to_fail(struct kunit *test)
{
	u8 *p = kmalloc(variable(50000), GFP_KERNEL), *q;

	EXPECT_OURS(test, p);
	fill(p, 50000);
	KUNIT_ASSERT_EQ(test, gom_fail_set_module("gomalloc_kunit"), 0);
	p = kvrealloc_site(p, 50000, 70000);
	EXPECT_OURS(test, p);
	KUNIT_EXPECT_TRUE(test, is_filled(p, 50000));
	KUNIT_EXPECT_EQ(test, gom_fail_site_enable(1), 0);
	q = kvrealloc_site(p, 70000, 90000);
	KUNIT_EXPECT_NULL(test, q);
	p = q ?: p;
	KUNIT_EXPECT_TRUE(test, is_filled(p, 50000));
	q = kvrealloc_site(p, 70000, 90000);
	EXPECT_OURS(test, q);
	KUNIT_EXPECT_TRUE(test, is_filled(q, 50000));
	KUNIT_ASSERT_EQ(test, gom_fail_set_module(""), 0);
	kvfree(q);
}

#ifdef krealloc_node_align
static void krealloc_moves_to_an_alignment(struct kunit *test)
{
	u8 *p, *q;

	if (gom_sbrk)
		kunit_skip(test, "sbrk=1 aligns to 16 bytes");
	p = kmalloc(96, GFP_KERNEL);
	EXPECT_OURS(test, p);
	fill(p, 96);
	q = krealloc_node_align(p, 64, 64, GFP_KERNEL, NUMA_NO_NODE);
	EXPECT_OURS(test, q);
	KUNIT_EXPECT_TRUE(test, IS_ALIGNED((unsigned long)q, 64));
	KUNIT_EXPECT_TRUE(test, is_filled(q, 64));
	kfree(q);
}

static void krealloc_moves_to_a_node(struct kunit *test)
{
	int node = first_online_node, other = next_online_node(node);
	u8 *p, *q;

	if (other == MAX_NUMNODES)
		kunit_skip(test, "this machine has one node");
	p = kmalloc_node(96, GFP_KERNEL | __GFP_THISNODE, node);
	EXPECT_OURS(test, p);
	KUNIT_EXPECT_EQ(test, (int)gom_pagemap_nid(p), node);
	fill(p, 96);
	q = krealloc_node_align(p, 96, 1, GFP_KERNEL | __GFP_THISNODE, other);
	EXPECT_OURS(test, q);
	KUNIT_EXPECT_EQ(test, (int)gom_pagemap_nid(q), other);
	KUNIT_EXPECT_TRUE(test, is_filled(q, 96));
	kfree(q);
}
#endif

static void a_rounded_size_is_usable(struct kunit *test)
{
	size_t size, rounded;
	void *p;

	KUNIT_EXPECT_EQ(test, kmalloc_size_roundup(0), (size_t)0);
	for (size = 1; size < 300000; size = size * 9 / 8 + 1) {
		rounded = kmalloc_size_roundup(size);
		KUNIT_EXPECT_GE(test, rounded, size);
		p = kmalloc(rounded, GFP_KERNEL);
		EXPECT_OURS(test, p);
		KUNIT_EXPECT_GE(test, ksize(p), rounded);
		kfree(p);
	}
}

/* Odd sizes: for its alignment, an even one may get more. */
static void a_rounded_size_is_that_of_the_object(struct kunit *test)
{
	size_t size;
	void *p;

	for (size = 1; size < 300000; size = (size * 9 / 8 + 1) | 1) {
		p = kmalloc(size, GFP_KERNEL);
		EXPECT_OURS(test, p);
		KUNIT_EXPECT_EQ(test, ksize(p), kmalloc_size_roundup(size));
		kfree(p);
	}
}

static struct kunit_case kmalloc_cases[] = {
	KUNIT_CASE(kmalloc_is_gomallocs),
	KUNIT_CASE(zeroed_memory_is_zero),
	KUNIT_CASE(powers_of_two_are_aligned),
	KUNIT_CASE(kvmalloc_falls_back_to_vmalloc),
	KUNIT_CASE(kvmalloc_falls_back_when_gomalloc_fails),
	HEAP_CASE(kvmalloc_does_not_try_hard),
	KUNIT_CASE(kvmalloc_fails_where_it_is_to_fail),
	KUNIT_CASE(krealloc_keeps_the_owner),
	KUNIT_CASE(krealloc_zeroes_what_it_adds),
	KUNIT_CASE(kvrealloc_moves_to_vmalloc),
	KUNIT_CASE(krealloc_fails_only_if_it_grows),
	KUNIT_CASE(kvrealloc_fails_where_it_is_to_fail),
#ifdef krealloc_node_align
	KUNIT_CASE(krealloc_moves_to_an_alignment),
	HEAP_CASE(krealloc_moves_to_a_node),
#endif
	KUNIT_CASE(a_rounded_size_is_usable),
	HEAP_CASE(a_rounded_size_is_that_of_the_object),
	{}
};

struct kunit_suite gomalloc_slab_kmalloc_suite = {
	.name = "gomalloc_slab_kmalloc",
	.init = gomtest_begin_any,
	.exit = gomtest_end,
	.test_cases = kmalloc_cases,
};
