// SPDX-License-Identifier: GPL-2.0
/*
 * gom_realloc(): contents stay, the object stays where it is when it can.
 */
#include <linux/mm.h>

#include "../gomalloc/compat.h"
#include "../gomalloc/gomalloc.h"
#include "../gomalloc/large.h"
#include "suites.h"

static void growing_keeps_contents(struct kunit *test)
{
	size_t size, next;
	void *p = gom_malloc(1, GFP_KERNEL);

	KUNIT_ASSERT_NOT_NULL(test, p);
	for (size = 1; size < 300000; size = next) {
		memset(p, 0xa5, size);
		next = size + size / 2 + 1;
		p = gom_realloc(p, next, GFP_KERNEL);
		KUNIT_ASSERT_NOT_NULL(test, p);
		KUNIT_EXPECT_TRUE(test, all_bytes(p, 0xa5, size));
		KUNIT_EXPECT_GE(test, gom_size(p), next);
	}
	gom_free(p);
}

static void what_fits_stays_in_place(struct kunit *test)
{
	void *p = gom_malloc(100, GFP_KERNEL), *q;

	KUNIT_ASSERT_NOT_NULL(test, p);
	memset(p, 0x11, 100);
	q = gom_realloc(p, gom_size(p), GFP_KERNEL);
	KUNIT_EXPECT_PTR_EQ(test, q, p);
	KUNIT_EXPECT_TRUE(test, all_bytes(q, 0x11, 100));
	/* What lies beyond the new size may be cleared at once, or not. */
	q = gom_realloc(q, 50, GFP_KERNEL);
	KUNIT_EXPECT_PTR_EQ(test, q, p);
	KUNIT_EXPECT_TRUE(test, all_bytes(q, 0x11, 50));
	gom_free(q);
}

static void a_large_object_shrinks_in_place(struct kunit *test)
{
	size_t size = 50 * PAGE_SIZE;
	struct gom_large_figures before, after;
	char *p, *q;

	needs_heap(test);
	p = gom_malloc(size, GFP_KERNEL);
	KUNIT_ASSERT_NOT_NULL(test, p);
	memset(p, 0x77, size);
	gom_large_read(&before);
	q = gom_realloc(p, 10 * PAGE_SIZE - 5, GFP_KERNEL);
	gom_large_read(&after);
	KUNIT_EXPECT_PTR_EQ(test, q, p);
	KUNIT_EXPECT_EQ(test, before.pages - after.pages, 40UL);
	KUNIT_EXPECT_EQ(test, gom_size(q), (size_t)10 * PAGE_SIZE);
	KUNIT_EXPECT_TRUE(test, all_bytes(q, 0x77, 10 * PAGE_SIZE - 5));
	gom_free(q);
}

static void new_bytes_are_zero_if_asked_for(struct kunit *test)
{
	char *p = gom_zalloc(10, GFP_KERNEL);
	size_t size, old = 10;

	KUNIT_ASSERT_NOT_NULL(test, p);
	for (size = 12; size < 400000; size = size * 5 / 4) {
		memset(p, 0xee, old);
		p = gom_realloc(p, size, GFP_KERNEL | __GFP_ZERO);
		KUNIT_ASSERT_NOT_NULL(test, p);
		KUNIT_EXPECT_TRUE(test, all_bytes(p, 0xee, old));
		KUNIT_EXPECT_TRUE_MSG(test, all_bytes(p + old, 0, size - old), "size %zu", size);
		old = size;
	}
	/* Shrink, then grow within the object: the bytes between are new again. */
	size = old;
	memset(p, 0xee, size);
	p = gom_realloc(p, size - 100, GFP_KERNEL | __GFP_ZERO);
	p = gom_realloc(p, size, GFP_KERNEL | __GFP_ZERO);
	KUNIT_ASSERT_NOT_NULL(test, p);
	KUNIT_EXPECT_TRUE(test, all_bytes(p + size - 100, 0, 100));
	gom_free(p);
}

static void null_allocates_and_zero_frees(struct kunit *test)
{
	u64 before = live_objects();
	void *p = gom_realloc(NULL, 33, GFP_KERNEL);

	KUNIT_ASSERT_NOT_NULL(test, p);
	KUNIT_EXPECT_EQ(test, live_objects(), before + 1);
	KUNIT_EXPECT_PTR_EQ(test, gom_realloc(p, 0, GFP_KERNEL), ZERO_SIZE_PTR);
	if (!gom_sbrk)
		KUNIT_EXPECT_EQ(test, live_objects(), before);
	p = gom_realloc(ZERO_SIZE_PTR, 5, GFP_KERNEL);
	KUNIT_EXPECT_GE(test, gom_size(p), (size_t)5);
	gom_free(p);
}

static void a_failure_leaves_the_object_alone(struct kunit *test)
{
	char *p = gom_malloc(200, GFP_KERNEL);

	KUNIT_ASSERT_NOT_NULL(test, p);
	memset(p, 0x42, 200);
	KUNIT_EXPECT_NULL(test, gom_realloc(p, GOM_MAX_SIZE + 1, GFP_KERNEL | __GFP_NOWARN));
	KUNIT_EXPECT_TRUE(test, all_bytes(p, 0x42, 200));
	gom_free(p);
}

static struct kunit_case cases[] = {
	KUNIT_CASE(growing_keeps_contents),
	KUNIT_CASE(what_fits_stays_in_place),
	KUNIT_CASE(a_large_object_shrinks_in_place),
	KUNIT_CASE(new_bytes_are_zero_if_asked_for),
	KUNIT_CASE(null_allocates_and_zero_frees),
	KUNIT_CASE(a_failure_leaves_the_object_alone),
	{}
};

struct kunit_suite gomalloc_realloc_suite = {
	.name = "gomalloc_realloc",
	.init = live_begin,
	.exit = live_end,
	.test_cases = cases,
};
