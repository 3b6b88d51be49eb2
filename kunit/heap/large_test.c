// SPDX-License-Identifier: GPL-2.0
/*
 * Page runs and large objects: they take exactly the pages they need, and free
 * all of them.
 */
#include <linux/log2.h>
#include <linux/mm.h>

#include "base/compat.h"
#include "gomalloc.h"
#include "heap/large.h"
#include "percpu/mcache.h"
#include "suites.h"

static unsigned long large_pages(void)
{
	struct gom_large_stats stats;

	gom_large_read(&stats);
	return stats.pages;
}

static void large_objects_take_exact_pages(struct kunit *test)
{
	static const size_t sizes[] = { 140000, 262144, 262145, 1 << 20, 1500000 };
	unsigned long before = large_pages(), pages;
	struct gom_memstats a, b;
	unsigned int i;
	void *p;

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

/* Every number of pages is a class, so sizes are rounded up to pages only. */
static void runs_take_exact_pages(struct kunit *test)
{
	unsigned long pages = GOM_RUN_MIN_PAGES;
	struct gom_memstats a, b;
	size_t size;
	void *p;

	for (; pages < GOM_RUN_MIN_PAGES + GOM_RUN_CLASSES; pages++) {
		size = pages * PAGE_SIZE;
		gom_release_memory();
		gom_memstats_read(&a);
		p = gom_malloc(size - PAGE_SIZE + 1, GFP_KERNEL);
		gom_memstats_read(&b);
		KUNIT_ASSERT_NOT_NULL(test, p);
		KUNIT_EXPECT_EQ(test, gom_size(p), size);
		KUNIT_EXPECT_EQ(test, b.heap_inuse - a.heap_inuse, (u64)size);
		KUNIT_EXPECT_EQ(test, b.alloc - a.alloc, (u64)size);
		memset(p, 0x5a, size);
		gom_free(p);
		p = gom_malloc(size, GFP_KERNEL);
		KUNIT_ASSERT_NOT_NULL(test, p);
		KUNIT_EXPECT_EQ(test, gom_size(p), size);
		if (is_power_of_2(size))
			KUNIT_EXPECT_TRUE(test, IS_ALIGNED((unsigned long)p, size));
		gom_free(p);
	}
	KUNIT_EXPECT_EQ(test, size, (size_t)GOM_RUN_MAX_SIZE);
}

/* A freed run is allocated again without a call of the heap. */
static void runs_are_cached(struct kunit *test)
{
	unsigned int class = gom_size_to_class(100000);
	struct gom_mcache_stats a, b;
	unsigned int i;
	int cpu;

	migrate_disable();
	cpu = raw_smp_processor_id();
	gom_free(gom_malloc(100000, GFP_KERNEL));
	gom_mcache_read(cpu, class, &a);
	for (i = 0; i < 100; i++)
		gom_free(gom_malloc(100000, GFP_KERNEL));
	gom_mcache_read(cpu, class, &b);
	migrate_enable();
	if (!a.limit)
		kunit_skip(test, "the cache has no capacity left, or is not used");
	KUNIT_EXPECT_EQ(test, b.mallocs - a.mallocs, 100ULL);
	KUNIT_EXPECT_EQ(test, b.refills, a.refills);
}

/* Runs never steal capacity from small objects. */
static void runs_do_not_steal_capacity(struct kunit *test)
{
	const unsigned int kb = gom_mcache_kb, class = gom_size_to_class(64);
	struct gom_mcache_stats a, b;
	unsigned int i;
	int cpu;

	gom_mcache_flush_all();
	gom_mcache_kb = 64;
	migrate_disable();
	cpu = raw_smp_processor_id();
	gom_free(gom_malloc(64, GFP_KERNEL));
	gom_mcache_read(cpu, class, &a);
	for (i = 0; i < 20 * GOM_RUN_CLASSES; i++)
		gom_free(gom_malloc(GOM_RUN_MAX_SIZE - i % GOM_RUN_CLASSES * PAGE_SIZE,
				    GFP_KERNEL));
	gom_mcache_read(cpu, class, &b);
	KUNIT_EXPECT_LE(test, gom_mcache_bytes(cpu), (size_t)64 << 10);
	migrate_enable();
	gom_mcache_kb = kb;
	KUNIT_EXPECT_EQ(test, b.flushes, a.flushes);
	KUNIT_EXPECT_EQ(test, b.limit, a.limit);
}

static void objects_do_not_overlap(struct kunit *test)
{
	void *p[16];
	unsigned int i;

	for (i = 0; i < ARRAY_SIZE(p); i++) {
		p[i] = gom_malloc(33000 + i * 5000, GFP_KERNEL);
		KUNIT_ASSERT_NOT_NULL(test, p[i]);
		memset(p[i], i + 1, gom_size(p[i]));
	}
	for (i = 0; i < ARRAY_SIZE(p); i++) {
		KUNIT_EXPECT_TRUE(test, gomtest_all_bytes(p[i], i + 1, gom_size(p[i])));
		gom_free(p[i]);
	}
}

static void dma_objects_are_whole_pages(struct kunit *test)
{
	unsigned long before = large_pages();
	void *p = gom_malloc(100, GFP_KERNEL | __GFP_DMA);

	if (!IS_ENABLED(CONFIG_ZONE_DMA) && !p)
		kunit_skip(test, "this machine has no memory for GFP_DMA");
	KUNIT_ASSERT_NOT_NULL(test, p);
	KUNIT_EXPECT_EQ(test, large_pages(), before + 1);
	KUNIT_EXPECT_GE(test, gom_size(p), (size_t)100);
	gom_free(p);
	KUNIT_EXPECT_EQ(test, large_pages(), before);
}

static struct kunit_case cases[] = {
	HEAP_CASE(large_objects_take_exact_pages),
	HEAP_CASE(runs_take_exact_pages),
	HEAP_CASE(runs_are_cached),
	HEAP_CASE(runs_do_not_steal_capacity),
	KUNIT_CASE(objects_do_not_overlap),
	HEAP_CASE(dma_objects_are_whole_pages),
	{}
};

struct kunit_suite gomalloc_large_suite = {
	.name = "gomalloc_large",
	.init = gomtest_begin,
	.exit = gomtest_end,
	.test_cases = cases,
};
