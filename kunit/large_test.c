// SPDX-License-Identifier: GPL-2.0
/*
 * Large objects: exactly the pages they need, all of them given back.
 */
#include <linux/mm.h>

#include "../gomalloc/compat.h"
#include "../gomalloc/gomalloc.h"
#include "../gomalloc/large.h"
#include "suites.h"

static unsigned long large_pages(void)
{
	struct gom_large_figures fig;

	gom_large_read(&fig);
	return fig.pages;
}

static void they_take_exactly_their_pages(struct kunit *test)
{
	static const size_t sizes[] = { 32769, 40000, 65536, 65537, 100000, 1 << 20, 1500000 };
	unsigned long before = large_pages(), pages;
	struct gom_memstats a, b;
	unsigned int i;
	void *p;

	needs_heap(test);
	for (i = 0; i < ARRAY_SIZE(sizes); i++) {
		pages = DIV_ROUND_UP(sizes[i], PAGE_SIZE);
		gom_memstats_read(&a);
		p = gom_malloc(sizes[i], GFP_KERNEL);
		gom_memstats_read(&b);
		KUNIT_ASSERT_NOT_NULL(test, p);
		KUNIT_EXPECT_EQ(test, large_pages() - before, pages);
		KUNIT_EXPECT_EQ(test, b.heap_inuse - a.heap_inuse, (u64)pages << PAGE_SHIFT);
		KUNIT_EXPECT_EQ(test, gom_size(p), (size_t)pages << PAGE_SHIFT);
		memset(p, 0x5a, gom_size(p));
		gom_free(p);
		KUNIT_EXPECT_EQ(test, large_pages(), before);
	}
}

static void neighbours_do_not_overlap(struct kunit *test)
{
	void *p[16];
	unsigned int i;

	for (i = 0; i < ARRAY_SIZE(p); i++) {
		p[i] = gom_malloc(33000 + i * 5000, GFP_KERNEL);
		KUNIT_ASSERT_NOT_NULL(test, p[i]);
		memset(p[i], i + 1, gom_size(p[i]));
	}
	for (i = 0; i < ARRAY_SIZE(p); i++) {
		KUNIT_EXPECT_TRUE(test, all_bytes(p[i], i + 1, gom_size(p[i])));
		gom_free(p[i]);
	}
}

static void dma_memory_is_pages_of_its_own(struct kunit *test)
{
	unsigned long before = large_pages();
	void *p = gom_malloc(100, GFP_KERNEL | __GFP_DMA);

	needs_heap(test);
	if (!IS_ENABLED(CONFIG_ZONE_DMA) && !p)
		kunit_skip(test, "no memory for GFP_DMA");
	KUNIT_ASSERT_NOT_NULL(test, p);
	KUNIT_EXPECT_EQ(test, large_pages(), before + 1);
	KUNIT_EXPECT_GE(test, gom_size(p), (size_t)100);
	gom_free(p);
	KUNIT_EXPECT_EQ(test, large_pages(), before);
}

static struct kunit_case cases[] = {
	KUNIT_CASE(they_take_exactly_their_pages),
	KUNIT_CASE(neighbours_do_not_overlap),
	KUNIT_CASE(dma_memory_is_pages_of_its_own),
	{}
};

struct kunit_suite gomalloc_large_suite = {
	.name = "gomalloc_large",
	.init = live_begin,
	.exit = live_end,
	.test_cases = cases,
};
