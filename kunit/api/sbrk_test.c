// SPDX-License-Identifier: GPL-2.0
/*
 * sbrk mode: memory is aligned, zero and never reused, its size is known, and a
 * free does nothing.  Other suites run in this mode as far as they apply.
 */
#include <linux/gfp.h>
#include <linux/slab.h>

#include "base/compat.h"
#include "base/persistent.h"
#include "base/report.h"
#include "gomalloc.h"
#include "suites.h"

static int sbrk_begin(struct kunit *test)
{
	gomtest_needs_sbrk(test);
	return gomtest_begin_any(test);
}

/* A constant size is rounded to its class at compile time. */
static void every_size_is_aligned_zero_and_known(struct kunit *test)
{
	size_t size;
	char *p;

	for (size = 1; size < 300000; size = size * 5 / 4 + 1) {
		OPTIMIZER_HIDE_VAR(size);
		p = gom_malloc(size, GFP_KERNEL);
		KUNIT_ASSERT_NOT_NULL(test, p);
		KUNIT_EXPECT_TRUE(test, IS_ALIGNED((unsigned long)p, GOM_SBRK_ALIGN));
		KUNIT_EXPECT_EQ(test, gom_size(p), size);
		KUNIT_EXPECT_TRUE(test, gomtest_all_bytes(p, 0, size));
		memset(p, 0x5b, size);
	}
	p = gom_malloc(64, GFP_KERNEL);
	KUNIT_EXPECT_EQ(test, gom_size(p), (size_t)64);
	p = gom_malloc_noscan(3, GFP_KERNEL);
	KUNIT_EXPECT_EQ(test, gom_size(p), (size_t)3);
	p = gom_malloc(64, GFP_KERNEL | GFP_DMA);
	KUNIT_ASSERT_NOT_NULL(test, p);
	KUNIT_EXPECT_EQ(test, gom_size(p), (size_t)64);
}

static void free_does_nothing(struct kunit *test)
{
	void *p[20], *k = kmalloc(8, GFP_KERNEL);
	struct gom_memstats a, b;
	unsigned int i, j;

	for (i = 0; i < ARRAY_SIZE(p); i++) {
		p[i] = gom_malloc(40, GFP_KERNEL);
		KUNIT_ASSERT_NOT_NULL(test, p[i]);
		memset(p[i], i + 1, 40);
		gom_memstats_read(&a);
		gom_free(p[i]);
		gom_free(p[i]);
		gom_free(p[i] + 1);
		gom_free(k);
		gom_free_sized(p[i], 40);
		gom_free_bulk(i, p);
		gom_memstats_read(&b);
		KUNIT_EXPECT_EQ(test, b.frees, a.frees);
		for (j = 0; j <= i; j++)
			KUNIT_EXPECT_TRUE(test, gomtest_all_bytes(p[j], j + 1, 40));
	}
	for (i = 0; i < GOM_BAD_POINTER; i++)
		KUNIT_EXPECT_EQ(test, gom_misuse_count(i), 0UL);
	kfree(k);
}

static void growing_copies_the_object(struct kunit *test)
{
	char *p = gom_malloc(24, GFP_KERNEL), *q;

	KUNIT_ASSERT_NOT_NULL(test, p);
	memset(p, 'p', 24);
	KUNIT_EXPECT_PTR_EQ(test, gom_realloc(p, 10, GFP_KERNEL), (void *)p);
	gom_free_sized(p, 10);
	memset(p, 'p', 24);
	q = gom_realloc(p, 200000, GFP_KERNEL | __GFP_ZERO);
	KUNIT_ASSERT_NOT_NULL(test, q);
	KUNIT_EXPECT_PTR_NE(test, p, q);
	KUNIT_EXPECT_TRUE(test, gomtest_all_bytes(q, 'p', 24));
	KUNIT_EXPECT_TRUE(test, gomtest_all_bytes(q + 24, 0, 200000 - 24));
	KUNIT_EXPECT_TRUE(test, gomtest_all_bytes(p, 'p', 24));
}

static void invalid_pointer_has_no_size(struct kunit *test)
{
	unsigned long counted = gom_misuse_count(GOM_BAD_POINTER);
	char *p = gom_malloc(64, GFP_KERNEL);

	gomtest_expect_misuse(test);
	KUNIT_ASSERT_NOT_NULL(test, p);
	memset(p, 0x11, 64);	/* the word before p + 16 could be a size */
	KUNIT_EXPECT_EQ(test, gom_size(p + 16), (size_t)0);
	KUNIT_EXPECT_EQ(test, gom_size(p + 1), (size_t)0);
	KUNIT_EXPECT_EQ(test, gom_size((void *)0x12340), (size_t)0);
	KUNIT_EXPECT_EQ(test, gom_size(test), (size_t)0);
	KUNIT_EXPECT_EQ(test, gom_misuse_count(GOM_BAD_POINTER), counted + 4);
}

static void statistics_count_bytes(struct kunit *test)
{
	struct gom_sbrk_stats a, b;
	struct gom_memstats m;
	unsigned int i;

	gom_sbrk_read(&a);
	for (i = 0; i < 100; i++)
		KUNIT_ASSERT_NOT_NULL(test, gom_malloc(48, GFP_KERNEL));
	gom_sbrk_read(&b);
	KUNIT_EXPECT_EQ(test, b.mallocs - a.mallocs, 100ULL);
	KUNIT_EXPECT_EQ(test, b.bytes - a.bytes, 100ULL * (48 + GOM_SBRK_ALIGN));
	gom_memstats_read(&m);
	KUNIT_EXPECT_EQ(test, m.stat[GOM_SBRK_SYS], b.bytes);
	KUNIT_EXPECT_EQ(test, m.heap_sys, 0ULL);
}

static struct kunit_case cases[] = {
	KUNIT_CASE(every_size_is_aligned_zero_and_known),
	KUNIT_CASE(free_does_nothing),
	KUNIT_CASE(growing_copies_the_object),
	KUNIT_CASE(invalid_pointer_has_no_size),
	KUNIT_CASE(statistics_count_bytes),
	{}
};

struct kunit_suite gomalloc_sbrk_suite = {
	.name = "gomalloc_sbrk",
	.init = sbrk_begin,
	.exit = gomtest_end,
	.test_cases = cases,
};
