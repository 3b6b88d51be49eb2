// SPDX-License-Identifier: GPL-2.0
/*
 * The shrinker: it counts idle memory and releases it; memory of live objects
 * is not touched.
 */
#include <linux/mm.h>
#include <linux/topology.h>

#include "base/compat.h"
#include "central/mcentral.h"
#include "gomalloc.h"
#include "heap/mheap.h"
#include "log.h"
#include "percpu/mcache.h"
#include "percpu/shrinker.h"
#include "suites.h"

#define OBJECTS	256U

static void idle_pages_are_released(struct kunit *test)
{
	void **p = kunit_kzalloc(test, OBJECTS * sizeof(*p), GFP_KERNEL);
	struct shrink_control sc = { .gfp_mask = GFP_KERNEL, .nid = numa_mem_id() };
	struct gom_memstats before, after;
	unsigned long count, freed;

	KUNIT_ASSERT_NOT_NULL(test, p);
	KUNIT_ASSERT_TRUE(test, gom_malloc_bulk(40000, GFP_KERNEL, OBJECTS, p));
	gom_free_bulk(OBJECTS - 1, p);
	memset(p[OBJECTS - 1], 0x3c, 40000);

	gom_mcache_flush_all();
	gom_mcentral_drain();
	gom_memstats_read(&before);
	count = gom_shrinker_count(NULL, &sc);
	KUNIT_EXPECT_EQ(test, count, (unsigned long)(before.heap_idle >> PAGE_SHIFT));
	sc.nr_to_scan = 128;
	freed = gom_shrinker_scan(NULL, &sc);
	gom_memstats_read(&after);
	KUNIT_EXPECT_GE(test, freed, 128UL);
	KUNIT_EXPECT_EQ(test, before.heap_sys - after.heap_sys, (u64)freed << PAGE_SHIFT);
	KUNIT_EXPECT_EQ(test, after.heap_released - before.heap_released,
			(u64)freed << PAGE_SHIFT);

	sc.nr_to_scan = ULONG_MAX;
	gom_shrinker_scan(NULL, &sc);
	KUNIT_EXPECT_EQ(test, gom_shrinker_count(NULL, &sc), SHRINK_EMPTY);
	KUNIT_EXPECT_TRUE(test, gomtest_all_bytes(p[OBJECTS - 1], 0x3c, 40000));
	gom_free(p[OBJECTS - 1]);
}

/* Objects in magazines are counted, and released. */
static void cached_objects_are_released(struct kunit *test)
{
	void **p = kunit_kzalloc(test, OBJECTS * sizeof(*p), GFP_KERNEL);
	struct shrink_control sc = { .gfp_mask = GFP_KERNEL, .nid = numa_mem_id() };
	const unsigned int class = gom_size_to_class(4096);
	unsigned long count, bytes = 0;
	struct gom_class_stats stats;
	int cpu;

	KUNIT_ASSERT_NOT_NULL(test, p);
	KUNIT_ASSERT_TRUE(test, gom_malloc_bulk(4096, GFP_KERNEL, OBJECTS, p));
	gom_free_bulk(OBJECTS, p);
	gom_mheap_release(ULONG_MAX);
	gom_class_read(class, &stats);
	if (!stats.cached && !stats.depot)
		kunit_skip(test, "this needs per-CPU caches");
	for_each_online_cpu(cpu)
		bytes += gom_mcache_bytes(cpu);
	KUNIT_EXPECT_GT(test, bytes, 0UL);
	KUNIT_EXPECT_GT(test, gom_mcentral_depot_bytes(sc.nid), 0UL);
	bytes += gom_mcentral_depot_bytes(sc.nid);
	count = gom_shrinker_count(NULL, &sc);
	KUNIT_EXPECT_EQ(test, count, bytes / 2 >> PAGE_SHIFT);
	sc.nr_to_scan = OBJECTS * 4;
	KUNIT_EXPECT_GE(test, gom_shrinker_scan(NULL, &sc), stats.cached + stats.depot);
	gom_class_read(class, &stats);
	KUNIT_EXPECT_EQ(test, stats.cached + stats.depot, 0ULL);
}

static void oom_releases_everything(struct kunit *test)
{
	void **p = kunit_kzalloc(test, OBJECTS * sizeof(*p), GFP_KERNEL);
	struct gom_memstats before, after;
	struct gom_class_stats stats;
	unsigned long freed = 0;

	KUNIT_ASSERT_NOT_NULL(test, p);
	KUNIT_ASSERT_TRUE(test, gom_malloc_bulk(8192, GFP_KERNEL, OBJECTS, p));
	gom_free_bulk(OBJECTS, p);
	gom_memstats_read(&before);
	gomtest_log_capture();
	gomtest_log_clear();
	gom_shrinker_oom(NULL, 0, &freed);
	KUNIT_EXPECT_TRUE(test, gomtest_log_contains("out of memory: "));
	gomtest_log_release();
	gom_memstats_read(&after);
	KUNIT_EXPECT_EQ(test, after.heap_idle, 0ULL);
	KUNIT_EXPECT_EQ(test, freed,
			(unsigned long)((before.heap_sys - after.heap_sys) >> PAGE_SHIFT));
	gom_class_read(gom_size_to_class(8192), &stats);
	KUNIT_EXPECT_EQ(test, stats.cached + stats.depot, 0ULL);
	/* Too little memory to prevent an OOM kill is not reported as freed. */
	gom_free(gom_malloc(8192, GFP_KERNEL));
	freed = 0;
	gom_shrinker_oom(NULL, 0, &freed);
	KUNIT_EXPECT_EQ(test, freed, 0UL);
	gom_memstats_read(&after);
	KUNIT_EXPECT_EQ(test, after.heap_idle, 0ULL);
}

/*
 * With the flag the kernel counts deferred work by node.  It passes the node in
 * any case, so the shrinker's behaviour does not show the flag.
 */
static void shrinker_is_numa_aware(struct kunit *test)
{
	KUNIT_ASSERT_NOT_NULL(test, gom_shrinker);
	KUNIT_EXPECT_TRUE(test, gom_shrinker->flags & SHRINKER_NUMA_AWARE);
}

static struct kunit_case cases[] = {
	KUNIT_CASE(idle_pages_are_released),
	KUNIT_CASE(cached_objects_are_released),
	KUNIT_CASE(oom_releases_everything),
	KUNIT_CASE(shrinker_is_numa_aware),
	{}
};

struct kunit_suite gomalloc_shrinker_suite = {
	.name = "gomalloc_shrinker",
	.init = gomtest_begin_heap,
	.exit = gomtest_end,
	.test_cases = cases,
};
