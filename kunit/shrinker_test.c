// SPDX-License-Identifier: GPL-2.0
/*
 * The shrinker: what it counts is idle, what it scans goes back to the system,
 * and the memory of objects in use is left alone.
 */
#include <linux/mm.h>

#include "../gomalloc/compat.h"
#include "../gomalloc/gomalloc.h"
#include "../gomalloc/shrinker.h"
#include "suites.h"

#define OBJECTS	256U

static void idle_pages_go_back(struct kunit *test)
{
	void **p = kunit_kzalloc(test, OBJECTS * sizeof(*p), GFP_KERNEL);
	struct shrink_control sc = { .gfp_mask = GFP_KERNEL };
	struct gom_memstats before, after;
	unsigned long count, freed;

	KUNIT_ASSERT_NOT_NULL(test, p);
	KUNIT_ASSERT_TRUE(test, gom_malloc_bulk(40000, GFP_KERNEL, OBJECTS, p));
	gom_free_bulk(OBJECTS - 1, p);
	memset(p[OBJECTS - 1], 0x3c, 40000);

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
	KUNIT_EXPECT_TRUE(test, all_bytes(p[OBJECTS - 1], 0x3c, 40000));
	gom_free(p[OBJECTS - 1]);
}

static struct kunit_case cases[] = {
	KUNIT_CASE(idle_pages_go_back),
	{}
};

struct kunit_suite gomalloc_shrinker_suite = {
	.name = "gomalloc_shrinker",
	.init = heap_begin,
	.exit = live_end,
	.test_cases = cases,
};
