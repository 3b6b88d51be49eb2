// SPDX-License-Identifier: GPL-2.0
/*
 * Bulk calls: all objects or none are allocated, also when memory runs out, by
 * fault injection or really.
 */
#include <linux/mm.h>
#include <linux/slab.h>

#include "api/cache.h"
#include "base/compat.h"
#include "base/report.h"
#include "base/sizeclass.h"
#include "gomalloc.h"
#include "suites.h"

#define OBJECTS	1000U

static void objects_are_distinct(struct kunit *test)
{
	void **p = kunit_kzalloc(test, OBJECTS * sizeof(*p), GFP_KERNEL);
	u64 before = gomtest_live_objects();
	unsigned int i;

	KUNIT_ASSERT_NOT_NULL(test, p);
	KUNIT_ASSERT_TRUE(test, gom_malloc_bulk(72, GFP_KERNEL, OBJECTS, p));
	KUNIT_EXPECT_EQ(test, gomtest_live_objects(), before + OBJECTS);
	for (i = 0; i < OBJECTS; i++)
		memset(p[i], gomtest_pattern(p[i]), 72);
	for (i = 0; i < OBJECTS; i++)
		KUNIT_EXPECT_TRUE(test, gomtest_all_bytes(p[i], gomtest_pattern(p[i]), 72));
	gom_free_bulk(OBJECTS, p);
}

static void bulk_free_takes_all_sizes(struct kunit *test)
{
	void **p = kunit_kzalloc(test, OBJECTS * sizeof(*p), GFP_KERNEL);
	unsigned int i;

	KUNIT_ASSERT_NOT_NULL(test, p);
	for (i = 0; i < OBJECTS - 2; i++) {
		p[i] = gom_malloc(i * 37 % 40000, GFP_KERNEL);
		KUNIT_ASSERT_NOT_NULL(test, p[i]);
	}
	p[OBJECTS - 2] = NULL;
	p[OBJECTS - 1] = ZERO_SIZE_PTR;
	gom_free_bulk(OBJECTS, p);
}

static void finalizer_count(void *p, void *arg)
{
	(*(unsigned int *)arg)++;
}

/*
 * Objects of a named cache are pushed span by span.  An object with a finalizer
 * and an invalid pointer among them take the slow path.
 */
static void cache_objects_are_checked_one_by_one(struct kunit *test)
{
	struct gom_cache *c = gom_cache_create("test_bulk", 72, 0, GOM_NO_MERGE, NULL);
	void **p = kunit_kzalloc(test, OBJECTS * sizeof(*p), GFP_KERNEL);
	unsigned long counted = gom_misuse_count(GOM_BAD_FREE_MIDDLE);
	u64 before = gomtest_live_objects();
	unsigned int i, runs = 0;

	KUNIT_ASSERT_NOT_NULL(test, c);
	KUNIT_ASSERT_NOT_NULL(test, p);
	gomtest_expect_misuse(test);
	for (i = 0; i < OBJECTS; i++) {
		p[i] = gom_cache_alloc(c, GFP_KERNEL);
		KUNIT_ASSERT_NOT_NULL(test, p[i]);
	}
	KUNIT_ASSERT_EQ(test, gom_set_finalizer(p[500], finalizer_count, &runs), 0);
	p[700] += 8;
	gom_free_bulk(OBJECTS, p);
	gom_finalizer_barrier();
	KUNIT_EXPECT_EQ(test, runs, 1U);
	KUNIT_EXPECT_EQ(test, gom_misuse_count(GOM_BAD_FREE_MIDDLE) - counted, 1UL);
	KUNIT_EXPECT_EQ(test, gomtest_live_objects(), before + 1);
	gom_free(p[700] - 8);
	gom_cache_destroy(c);
}

/* Objects of two caches, and one that is not gomalloc's, in turns. */
static void cache_objects_keep_their_cache(struct kunit *test)
{
	struct gom_cache *a = gom_cache_create("test_a", 64, 0, SLAB_POISON, NULL);
	struct gom_cache *b = gom_cache_create("test_b", 64, 0, SLAB_POISON, NULL);
	unsigned long counted = gom_misuse_count(GOM_BAD_FREE_FOREIGN);
	struct gom_class_stats stats_a, stats_b;
	void *p[41];
	unsigned int i;

	gomtest_expect_misuse(test);
	KUNIT_ASSERT_NOT_NULL(test, a);
	KUNIT_ASSERT_NOT_NULL(test, b);
	KUNIT_ASSERT_NE(test, a->class, b->class);
	for (i = 0; i < 40; i++) {
		p[i] = gom_cache_alloc(i % 2 ? a : b, GFP_KERNEL);
		KUNIT_ASSERT_NOT_NULL(test, p[i]);
	}
	gom_free_bulk(40, p);
	gom_class_read(a->class, &stats_a);
	gom_class_read(b->class, &stats_b);
	KUNIT_ASSERT_EQ(test, stats_a.mallocs, stats_a.frees);
	KUNIT_ASSERT_EQ(test, stats_b.mallocs, stats_b.frees);

	p[0] = gom_cache_alloc(a, GFP_KERNEL);
	KUNIT_ASSERT_NOT_NULL(test, p[0]);
	p[1] = kunit_kmalloc(test, 64, GFP_KERNEL);
	KUNIT_ASSERT_NOT_NULL(test, p[1]);
	gom_free_bulk(2, p);
	KUNIT_EXPECT_EQ(test, gom_misuse_count(GOM_BAD_FREE_FOREIGN) - counted, 1UL);
	gom_cache_destroy(a);
	gom_cache_destroy(b);
}

static void injected_failure_allocates_nothing(struct kunit *test)
{
	void **p = kunit_kzalloc(test, OBJECTS * sizeof(*p), GFP_KERNEL);
	u64 before = gomtest_live_objects();
	bool done;

	KUNIT_ASSERT_NOT_NULL(test, p);
	gom_release_memory();
	/*
	 * The memory that is granted suffices for some objects, but not for
	 * all.
	 */
	if (!gomtest_fail_after(3 * 65536))
		kunit_skip(test,
			   "needs fault injection; see out_of_memory_allocates_nothing");
	done = gom_malloc_bulk(4096, GFP_KERNEL | __GFP_NOWARN, OBJECTS, p);
	gomtest_fail_stop();

	KUNIT_EXPECT_FALSE(test, done);
	if (!gom_sbrk)
		KUNIT_EXPECT_EQ(test, gomtest_live_objects(), before);
	KUNIT_ASSERT_TRUE(test, gom_malloc_bulk(4096, GFP_KERNEL, OBJECTS, p));
	gom_free_bulk(OBJECTS, p);
}

/* Request more than the machine has, without waiting. */
static void out_of_memory_allocates_nothing(struct kunit *test)
{
	const size_t size = GOM_RUN_MAX_SIZE;
	size_t n = ((u64)totalram_pages() << PAGE_SHIFT) / size + 64;
	void **p = kvmalloc_array(n, sizeof(*p), GFP_KERNEL);
	struct gom_memstats m;
	u64 before = gomtest_live_objects();

	KUNIT_ASSERT_NOT_NULL(test, p);
	KUNIT_EXPECT_FALSE(test, gom_malloc_bulk(size, GFP_NOWAIT | __GFP_NOWARN, n, p));
	KUNIT_EXPECT_EQ(test, gomtest_live_objects(), before);
	kvfree(p);

	/* Allocation still works, and memory can be released. */
	p = gom_malloc(1000, GFP_KERNEL);
	KUNIT_EXPECT_NOT_NULL(test, p);
	gom_free(p);
	gom_release_memory();
	gom_memstats_read(&m);
	KUNIT_EXPECT_EQ(test, m.heap_sys, 0ULL);
}

static struct kunit_case cases[] = {
	KUNIT_CASE(objects_are_distinct),
	KUNIT_CASE(bulk_free_takes_all_sizes),
	KUNIT_CASE(injected_failure_allocates_nothing),
	HEAP_CASE(cache_objects_are_checked_one_by_one),
	HEAP_CASE(cache_objects_keep_their_cache),
	HEAP_CASE(out_of_memory_allocates_nothing),
	{}
};

struct kunit_suite gomalloc_bulk_suite = {
	.name = "gomalloc_bulk",
	.init = gomtest_begin,
	.exit = gomtest_end,
	.test_cases = cases,
};
