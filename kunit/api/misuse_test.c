// SPDX-License-Identifier: GPL-2.0
/*
 * Misuse: each kind is reported with its call site, once for each call site,
 * and has no other effect.
 */
#include <linux/mm.h>
#include <linux/slab.h>

#include "base/compat.h"
#include "base/report.h"
#include "gomalloc.h"
#include "heap/large.h"
#include "heap/pagemap.h"
#include "log.h"
#include "percpu/mcache.h"
#include "suites.h"

static int static_data;

static int misuse_begin(struct kunit *test)
{
	int err = gomtest_begin(test);

	if (err)
		return err;
	gomtest_expect_misuse(test);
	gom_report_again();
	return gomtest_log_capture();
}

static void misuse_end(struct kunit *test)
{
	void *p = gom_malloc(100, GFP_KERNEL);

	gomtest_log_release();
	KUNIT_EXPECT_NOT_NULL_MSG(test, p, "allocation failed after the misuse");
	gom_free(p);
	gomtest_end(test);
}

/*
 * Do @misuse twice at one call site.  Both are counted, and one line is logged,
 * with @words and the call site in this module.
 */
#define EXPECT_REPORT(test, kind, words, misuse)				\
do {										\
	unsigned long __counted = gom_misuse_count(kind);			\
	unsigned int __i, __n = 2;						\
										\
	OPTIMIZER_HIDE_VAR(__n);	/* one call, not two unrolled */		\
	gomtest_log_clear();							\
	for (__i = 0; __i < __n; __i++)						\
		misuse;								\
	KUNIT_EXPECT_EQ(test, gom_misuse_count(kind) - __counted, 2UL);		\
	KUNIT_EXPECT_EQ(test, gomtest_log_lines(), 1U);				\
	KUNIT_EXPECT_TRUE(test, gomtest_log_contains(words));			\
	KUNIT_EXPECT_TRUE(test, gomtest_log_contains("called from "));		\
	KUNIT_EXPECT_TRUE(test, gomtest_log_contains("[gomalloc_kunit]"));	\
} while (0)

static void no_finalizer(void *p, void *arg)
{
}

enum invalid { INVALID_MIDDLE, INVALID_DOUBLE, INVALID_FOREIGN };

/*
 * Free three objects of one span in one call, with an invalid pointer after the
 * first.
 */
static noinline void bulk_free_invalid(enum invalid invalid)
{
	char *a = gom_malloc(64, GFP_KERNEL), *b = gom_malloc(64, GFP_KERNEL);
	void *p[] = { a, NULL, b, NULL, gom_malloc(64, GFP_KERNEL) };

	if (invalid == INVALID_MIDDLE)
		p[1] = b + 8;
	else
		p[1] = invalid == INVALID_DOUBLE ? (void *)a : &static_data;
	gom_free_bulk(ARRAY_SIZE(p), p);
}

/* The valid pointers of the call are freed. */
static void bulk_free_with_invalid_pointer(struct kunit *test)
{
	u64 before = gomtest_live_objects();

	EXPECT_REPORT(test, GOM_BAD_FREE_MIDDLE, "where no object begins",
		      bulk_free_invalid(INVALID_MIDDLE));
	KUNIT_EXPECT_EQ(test, gomtest_live_objects(), before);
	EXPECT_REPORT(test, GOM_BAD_DOUBLE_FREE, "double free of",
		      bulk_free_invalid(INVALID_DOUBLE));
	KUNIT_EXPECT_EQ(test, gomtest_live_objects(), before);
	EXPECT_REPORT(test, GOM_BAD_FREE_FOREIGN, "is not gomalloc's",
		      bulk_free_invalid(INVALID_FOREIGN));
	KUNIT_EXPECT_EQ(test, gomtest_live_objects(), before);
}

static void finalizer_for_invalid_pointer(struct kunit *test)
{
	char *p = gom_malloc(100, GFP_KERNEL);
	int err;

	KUNIT_ASSERT_NOT_NULL(test, p);
	EXPECT_REPORT(test, GOM_BAD_POINTER, "finalizer for ",
		      err = gom_set_finalizer(p + 8, no_finalizer, NULL));
	KUNIT_EXPECT_EQ(test, err, -EINVAL);
	EXPECT_REPORT(test, GOM_BAD_POINTER, "finalizer for ",
		      err = gom_set_finalizer(&static_data, no_finalizer, NULL));
	KUNIT_EXPECT_EQ(test, err, -EINVAL);
	EXPECT_REPORT(test, GOM_BAD_POINTER, "finalizer for ",
		      err = gom_set_finalizer(NULL, no_finalizer, NULL));
	KUNIT_EXPECT_EQ(test, err, -EINVAL);
	gom_free(p);
}

static void free_of_foreign_pointer(struct kunit *test)
{
	void *k = kunit_kmalloc(test, 64, GFP_KERNEL);

	EXPECT_REPORT(test, GOM_BAD_FREE_FOREIGN, "which is not gomalloc's", gom_free(k));
	EXPECT_REPORT(test, GOM_BAD_FREE_FOREIGN, "which is not gomalloc's",
		      gom_free(&static_data));
	EXPECT_REPORT(test, GOM_BAD_FREE_FOREIGN, "which is not gomalloc's",
		      gom_free((void *)0x1234));
}

static void free_inside_object(struct kunit *test)
{
	char *p = gom_malloc(96, GFP_KERNEL), *big = gom_malloc(200000, GFP_KERNEL);

	KUNIT_ASSERT_NOT_NULL(test, p);
	KUNIT_ASSERT_NOT_NULL(test, big);
	memset(p, 0x21, 96);
	EXPECT_REPORT(test, GOM_BAD_FREE_MIDDLE, "where no object begins", gom_free(p + 1));
	EXPECT_REPORT(test, GOM_BAD_FREE_MIDDLE, "where no object begins", gom_free(p + 48));
	EXPECT_REPORT(test, GOM_BAD_FREE_MIDDLE, "where no object begins",
		      gom_free(big + PAGE_SIZE));
	KUNIT_EXPECT_TRUE(test, gomtest_all_bytes(p, 0x21, 96));
	gom_free(p);
	gom_free(big);
}

/* Just behind the last object of a span that has an unused end. */
static void free_at_unused_end_of_span(struct kunit *test)
{
	const struct gom_class *cl;
	unsigned int class;
	struct gom_span *s;
	void *p;

	for (class = 1; class < GOM_CLASS_TINY; class++) {
		cl = &gom_classes[class];
		if (cl->nelems * cl->size == cl->npages * PAGE_SIZE)
			continue;
		p = gom_malloc(cl->size, GFP_KERNEL);
		KUNIT_ASSERT_NOT_NULL(test, p);
		s = gom_pagemap_span(p);
		gom_report_again();
		EXPECT_REPORT(test, GOM_BAD_FREE_MIDDLE, "where no object begins",
			      gom_free(s->base + cl->nelems * cl->size));
		gom_free(p);
	}
}

/* The magazine has capacity left, so the fast path must detect it. */
static void immediate_double_free(struct kunit *test)
{
	void *p[4];
	unsigned int i;

	for (i = 0; i < ARRAY_SIZE(p); i++) {
		p[i] = gom_malloc(64, GFP_KERNEL);
		KUNIT_ASSERT_NOT_NULL(test, p[i]);
	}
	gom_free(p[0]);
	EXPECT_REPORT(test, GOM_BAD_DOUBLE_FREE, "double free of", gom_free(p[0]));
	for (i = 1; i < ARRAY_SIZE(p); i++)
		gom_free(p[i]);
}

static void double_free_after_flush(struct kunit *test)
{
	void *keep = gom_malloc(64, GFP_KERNEL), *p = gom_malloc(64, GFP_KERNEL);
	unsigned long counted;

	KUNIT_ASSERT_NOT_NULL(test, p);
	gom_free(p);
	gom_release_memory();
	/*
	 * The object is in its span; the double free is found when it returns
	 * there.
	 */
	counted = gom_misuse_count(GOM_BAD_DOUBLE_FREE);
	gom_free(p);
	gom_release_memory();
	KUNIT_EXPECT_EQ(test, gom_misuse_count(GOM_BAD_DOUBLE_FREE), counted + 1);
	gom_free(keep);
}

static void free_in_idle_pages(struct kunit *test)
{
	void *p = gom_malloc(64, GFP_KERNEL), *big = gom_malloc(200000, GFP_KERNEL);

	KUNIT_ASSERT_NOT_NULL(test, p);
	KUNIT_ASSERT_NOT_NULL(test, big);
	gom_free(big);
	EXPECT_REPORT(test, GOM_BAD_DOUBLE_FREE, "in pages that are free already", gom_free(big));
	gom_free(p);
	gom_release_memory();
	EXPECT_REPORT(test, GOM_BAD_FREE_FOREIGN, "which is not gomalloc's", gom_free(p));
}

/* mcentral serves every call on this CPU, as with debug=. */
static struct gom_mcache *debug_on(void)
{
	struct gom_mcache *c;

	migrate_disable();
	c = per_cpu_ptr(&gom_mcache, raw_smp_processor_id());
	c->mallocing |= GOM_MALLOCING_DEBUG;
	return c;
}

static void debug_off(struct gom_mcache *c)
{
	c->mallocing &= ~GOM_MALLOCING_DEBUG;
	migrate_enable();
}

static void debug_mode_compares_sizes(struct kunit *test)
{
	unsigned long counted = gom_misuse_count(GOM_BAD_FREE_SIZE);
	void *p = gom_malloc(64, GFP_KERNEL);
	struct gom_mcache *c;

	KUNIT_ASSERT_NOT_NULL(test, p);
	gomtest_log_clear();
	c = debug_on();
	gom_free_sized(p, 128);
	debug_off(c);
	KUNIT_EXPECT_EQ(test, gom_misuse_count(GOM_BAD_FREE_SIZE), counted + 1);
	KUNIT_EXPECT_TRUE(test, gomtest_log_contains("as class 9, which is of class 5"));
}

static void debug_mode_reports_every_double_free(struct kunit *test)
{
	void *p[3] = { gom_malloc(64, GFP_KERNEL), gom_malloc(64, GFP_KERNEL),
		       gom_malloc(64, GFP_KERNEL) };
	unsigned long counted = gom_misuse_count(GOM_BAD_DOUBLE_FREE);
	struct gom_mcache *c;

	KUNIT_ASSERT_NOT_NULL(test, p[2]);
	gomtest_log_clear();
	c = debug_on();
	gom_free(p[0]);
	gom_free(p[1]);
	gom_free(p[0]);		/* not the object freed last */
	debug_off(c);
	KUNIT_EXPECT_EQ(test, gom_misuse_count(GOM_BAD_DOUBLE_FREE), counted + 1);
	KUNIT_EXPECT_TRUE(test, gomtest_log_contains("double free of"));
	gom_free(p[2]);
}

static void size_of_invalid_pointer(struct kunit *test)
{
	char *p = gom_malloc(64, GFP_KERNEL);

	KUNIT_ASSERT_NOT_NULL(test, p);
	EXPECT_REPORT(test, GOM_BAD_POINTER, "where no object begins",
		      KUNIT_EXPECT_EQ(test, gom_size(p + 8), (size_t)0));
	if (!gom_sbrk)
		EXPECT_REPORT(test, GOM_BAD_FREE_FOREIGN, "which is not gomalloc's",
			      __gom_free_rcu((struct rcu_head *)&static_data));
	gom_free(p);
}

static void allocation_above_the_limit(struct kunit *test)
{
	size_t huge = GOM_MAX_SIZE + 1, n = SIZE_MAX / 8;

	OPTIMIZER_HIDE_VAR(huge);
	OPTIMIZER_HIDE_VAR(n);
	EXPECT_REPORT(test, GOM_BAD_SIZE, "the most is",
		      KUNIT_EXPECT_NULL(test, gom_malloc(huge, GFP_KERNEL)));
	EXPECT_REPORT(test, GOM_BAD_SIZE, "overflows",
		      KUNIT_EXPECT_NULL(test, gom_malloc_array(n, 16, GFP_KERNEL)));
	gomtest_log_clear();
	KUNIT_EXPECT_NULL(test, gom_malloc(huge, GFP_KERNEL | __GFP_NOWARN));
	KUNIT_EXPECT_NULL(test, gom_malloc_array(n, 16, GFP_KERNEL | __GFP_NOWARN));
	KUNIT_EXPECT_EQ(test, gomtest_log_lines(), 0U);
}

static void unsupported_zone(struct kunit *test)
{
	gomtest_log_clear();
	gom_free(gom_malloc(64, GFP_KERNEL | __GFP_HIGHMEM));
	KUNIT_EXPECT_TRUE(test, gomtest_log_contains("no highmem or DMA32"));
}

static noinline void zone_bulk_alloc(struct gom_cache *c, void **p)
{
	if (gom_cache_alloc_bulk(c, GFP_KERNEL | GFP_DMA, 2, p))
		gom_cache_free_bulk(c, 2, p);
}

/*
 * Caches have no zones: the request is reported, and served with ordinary
 * memory.
 */
static void zone_from_a_cache(struct kunit *test)
{
	struct gom_cache *c = gom_cache_create("test_zone", 72, 0, 0, NULL);
	void *p[2] = { };

	KUNIT_ASSERT_NOT_NULL(test, c);
	/* So that the next allocation takes the fast path. */
	gom_cache_free(c, gom_cache_alloc(c, GFP_KERNEL));
	EXPECT_REPORT(test, GOM_BAD_GFP, "no cache has memory of a zone",
		      gom_cache_free(c, gom_cache_alloc(c, GFP_KERNEL | GFP_DMA)));
	EXPECT_REPORT(test, GOM_BAD_GFP, "no cache has memory of a zone",
		      gom_cache_free(c, gom_cache_alloc_node(c, GFP_KERNEL | __GFP_DMA32, 0)));
	EXPECT_REPORT(test, GOM_BAD_GFP, "no cache has memory of a zone",
		      zone_bulk_alloc(c, p));
	KUNIT_EXPECT_NOT_NULL(test, p[1]);
	gom_cache_destroy(c);
	EXPECT_REPORT(test, GOM_BAD_CACHE, "no cache has memory of a zone",
		      KUNIT_EXPECT_NULL(test, gom_cache_create("test_zone", 72, 0, SLAB_CACHE_DMA,
							       NULL)));
}

static void invalid_persistent_request(struct kunit *test)
{
	size_t size = 8;

	OPTIMIZER_HIDE_VAR(size);
	EXPECT_REPORT(test, GOM_BAD_PERSISTENT, "of size 0",
		      KUNIT_EXPECT_NULL(test, gom_persistent_alloc(size - 8, 8, GOM_OTHER_SYS)));
	EXPECT_REPORT(test, GOM_BAD_PERSISTENT, "is not a power of two",
		      KUNIT_EXPECT_NULL(test, gom_persistent_alloc(size, 3, GOM_OTHER_SYS)));
	EXPECT_REPORT(test, GOM_BAD_PERSISTENT, "is above a page",
		      KUNIT_EXPECT_NULL(test, gom_persistent_alloc(size, 2 * PAGE_SIZE,
								   GOM_OTHER_SYS)));
	EXPECT_REPORT(test, GOM_BAD_PERSISTENT, "for statistic 99",
		      KUNIT_EXPECT_NULL(test, gom_persistent_alloc(size, 8, 99)));
}

struct headed {
	struct rcu_head rcu;
};

/* The pages of a large object are idle when the grace period is over. */
static void free_before_the_grace_period_is_over(struct kunit *test)
{
	unsigned long counted = gom_misuse_count(GOM_BAD_DOUBLE_FREE);
	struct headed *p = gom_malloc(200000, GFP_KERNEL);

	KUNIT_ASSERT_NOT_NULL(test, p);
	gomtest_log_clear();
	rcu_read_lock();
	gom_free_rcu(p, rcu);
	gom_free(p);
	rcu_read_unlock();
	gom_free_rcu_barrier();
	KUNIT_EXPECT_EQ(test, gom_misuse_count(GOM_BAD_DOUBLE_FREE) - counted, 1UL);
	KUNIT_EXPECT_TRUE(test, gomtest_log_contains("freed before its grace period was over"));
}

static void barrier_finalizer(void *p, void *arg)
{
	gom_finalizer_barrier();
}

static void barrier_in_a_finalizer(struct kunit *test)
{
	unsigned long counted = gom_misuse_count(GOM_BAD_POINTER);
	void *p = gom_malloc(100, GFP_KERNEL);

	KUNIT_ASSERT_NOT_NULL(test, p);
	gomtest_log_clear();
	KUNIT_ASSERT_EQ(test, gom_set_finalizer(p, barrier_finalizer, NULL), 0);
	gom_free(p);
	gom_finalizer_barrier();
	KUNIT_EXPECT_EQ(test, gom_misuse_count(GOM_BAD_POINTER) - counted, 1UL);
	KUNIT_EXPECT_TRUE(test, gomtest_log_contains("a finalizer waits for finalizers"));
}

static void nothing_construct(void *p)
{
}

static void zeroed_object_of_a_constructor(struct kunit *test)
{
	struct gom_cache *c = gom_cache_create("test_ctor", 72, 0, 0, nothing_construct);

	KUNIT_ASSERT_NOT_NULL(test, c);
	gom_cache_free(c, gom_cache_alloc(c, GFP_KERNEL));
	EXPECT_REPORT(test, GOM_BAD_GFP, "__GFP_ZERO for cache test_ctor, which has a constructor",
		      gom_cache_free(c, gom_cache_alloc(c, GFP_KERNEL | __GFP_ZERO)));
	gom_cache_destroy(c);
}

static struct kunit_case cases[] = {
	HEAP_CASE(bulk_free_with_invalid_pointer),
	KUNIT_CASE(finalizer_for_invalid_pointer),
	HEAP_CASE(free_of_foreign_pointer),
	HEAP_CASE(free_inside_object),
	HEAP_CASE(free_at_unused_end_of_span),
	HEAP_CASE(immediate_double_free),
	HEAP_CASE(double_free_after_flush),
	HEAP_CASE(free_in_idle_pages),
	HEAP_CASE(debug_mode_compares_sizes),
	HEAP_CASE(debug_mode_reports_every_double_free),
	KUNIT_CASE(size_of_invalid_pointer),
	KUNIT_CASE(allocation_above_the_limit),
	KUNIT_CASE(unsupported_zone),
	KUNIT_CASE(zone_from_a_cache),
	KUNIT_CASE(invalid_persistent_request),
	HEAP_CASE(free_before_the_grace_period_is_over),
	HEAP_CASE(barrier_in_a_finalizer),
	KUNIT_CASE(zeroed_object_of_a_constructor),
	{}
};

struct kunit_suite gomalloc_misuse_suite = {
	.name = "gomalloc_misuse",
	.init = misuse_begin,
	.exit = misuse_end,
	.test_cases = cases,
};
