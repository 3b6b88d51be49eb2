// SPDX-License-Identifier: GPL-2.0
/*
 * Misuse: each kind is reported in words, with the caller, once for each place,
 * and has no other effect.
 */
#include <linux/mm.h>
#include <linux/slab.h>

#include "base/compat.h"
#include "base/report.h"
#include "console.h"
#include "gomalloc.h"
#include "heap/large.h"
#include "heap/pagemap.h"
#include "percpu/mcache.h"
#include "suites.h"

static int static_data;

static int misuse_init(struct kunit *test)
{
	int err = live_begin(test);

	if (err)
		return err;
	may_misuse(test);
	gom_report_forget();
	return console_listen();
}

static void misuse_exit(struct kunit *test)
{
	void *p = gom_malloc(100, GFP_KERNEL);

	console_unlisten();
	KUNIT_EXPECT_NOT_NULL_MSG(test, p, "allocation after misuse");
	gom_free(p);
	live_end(test);
}

/*
 * Commit @misuse twice from one place: one line that has @words and this file's
 * module as the caller, two counted.
 */
#define EXPECT_REPORT(test, kind, words, misuse)				\
do {										\
	unsigned long __counted = gom_misuse_count(kind);			\
	unsigned int __i, __n = 2;						\
										\
	OPTIMIZER_HIDE_VAR(__n);	/* one call, not two unrolled */		\
	console_clear();							\
	for (__i = 0; __i < __n; __i++)						\
		misuse;								\
	KUNIT_EXPECT_EQ(test, gom_misuse_count(kind) - __counted, 2UL);		\
	KUNIT_EXPECT_EQ(test, console_lines(), 1U);				\
	KUNIT_EXPECT_TRUE(test, console_said(words));				\
	KUNIT_EXPECT_TRUE(test, console_said("called from "));			\
	KUNIT_EXPECT_TRUE(test, console_said("[gomalloc_kunit]"));		\
} while (0)

static void no_finalizer(void *p, void *arg)
{
}

enum wrong { WRONG_MIDDLE, WRONG_DOUBLE, WRONG_FOREIGN };

/* Three objects of one span, freed in one call with something else after the first. */
static noinline void free_many_with(enum wrong wrong)
{
	char *a = gom_malloc(64, GFP_KERNEL), *b = gom_malloc(64, GFP_KERNEL);
	void *p[] = { a, NULL, b, NULL, gom_malloc(64, GFP_KERNEL) };

	if (wrong == WRONG_MIDDLE)
		p[1] = b + 8;
	else
		p[1] = wrong == WRONG_DOUBLE ? (void *)a : &static_data;
	gom_free_bulk(ARRAY_SIZE(p), p);
}

/* What is right is freed, whatever stands beside it. */
static void a_wrong_one_among_many(struct kunit *test)
{
	u64 before = live_objects();

	needs_heap(test);
	EXPECT_REPORT(test, GOM_BAD_FREE_MIDDLE, "where no object begins",
		      free_many_with(WRONG_MIDDLE));
	KUNIT_EXPECT_EQ(test, live_objects(), before);
	EXPECT_REPORT(test, GOM_BAD_DOUBLE_FREE, "double free of", free_many_with(WRONG_DOUBLE));
	KUNIT_EXPECT_EQ(test, live_objects(), before);
	EXPECT_REPORT(test, GOM_BAD_FREE_FOREIGN, "is not gomalloc's",
		      free_many_with(WRONG_FOREIGN));
	KUNIT_EXPECT_EQ(test, live_objects(), before);
}

static void finalizers_for_what_is_no_object(struct kunit *test)
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

static void freeing_what_is_not_ours(struct kunit *test)
{
	void *k = kunit_kmalloc(test, 64, GFP_KERNEL);

	needs_heap(test);
	EXPECT_REPORT(test, GOM_BAD_FREE_FOREIGN, "which is not gomalloc's", gom_free(k));
	EXPECT_REPORT(test, GOM_BAD_FREE_FOREIGN, "which is not gomalloc's",
		      gom_free(&static_data));
	EXPECT_REPORT(test, GOM_BAD_FREE_FOREIGN, "which is not gomalloc's",
		      gom_free((void *)0x1234));
}

static void freeing_into_the_middle(struct kunit *test)
{
	char *p = gom_malloc(96, GFP_KERNEL), *big = gom_malloc(200000, GFP_KERNEL);

	needs_heap(test);
	KUNIT_ASSERT_NOT_NULL(test, p);
	KUNIT_ASSERT_NOT_NULL(test, big);
	memset(p, 0x21, 96);
	EXPECT_REPORT(test, GOM_BAD_FREE_MIDDLE, "where no object begins", gom_free(p + 1));
	EXPECT_REPORT(test, GOM_BAD_FREE_MIDDLE, "where no object begins", gom_free(p + 48));
	EXPECT_REPORT(test, GOM_BAD_FREE_MIDDLE, "where no object begins",
		      gom_free(big + PAGE_SIZE));
	KUNIT_EXPECT_TRUE(test, all_bytes(p, 0x21, 96));
	gom_free(p);
	gom_free(big);
}

/* Just behind the last object of a span whose end is unused. */
static void freeing_the_unused_end_of_a_span(struct kunit *test)
{
	const struct gom_class *cl;
	unsigned int class;
	struct gom_span *s;
	void *p;

	needs_heap(test);
	for (class = 1; class < GOM_CLASS_TINY; class++) {
		cl = &gom_classes[class];
		if (cl->nelems * cl->size == cl->npages * PAGE_SIZE)
			continue;
		p = gom_malloc(cl->size, GFP_KERNEL);
		KUNIT_ASSERT_NOT_NULL(test, p);
		s = gom_pagemap_span(p);
		gom_report_forget();
		EXPECT_REPORT(test, GOM_BAD_FREE_MIDDLE, "where no object begins",
			      gom_free(s->base + cl->nelems * cl->size));
		gom_free(p);
	}
}

/* With room in the magazine, so that it is the fast path that has to see it. */
static void a_double_free_at_once(struct kunit *test)
{
	void *p[4];
	unsigned int i;

	needs_heap(test);
	for (i = 0; i < ARRAY_SIZE(p); i++) {
		p[i] = gom_malloc(64, GFP_KERNEL);
		KUNIT_ASSERT_NOT_NULL(test, p[i]);
	}
	gom_free(p[0]);
	EXPECT_REPORT(test, GOM_BAD_DOUBLE_FREE, "double free of", gom_free(p[0]));
	for (i = 1; i < ARRAY_SIZE(p); i++)
		gom_free(p[i]);
}

static void a_double_free_after_a_flush(struct kunit *test)
{
	void *keep = gom_malloc(64, GFP_KERNEL), *p = gom_malloc(64, GFP_KERNEL);
	unsigned long counted;

	needs_heap(test);
	KUNIT_ASSERT_NOT_NULL(test, p);
	gom_free(p);
	gom_release_memory();
	/* It is in its span now; that it is there already shows when it returns. */
	counted = gom_misuse_count(GOM_BAD_DOUBLE_FREE);
	gom_free(p);
	gom_release_memory();
	KUNIT_EXPECT_EQ(test, gom_misuse_count(GOM_BAD_DOUBLE_FREE), counted + 1);
	gom_free(keep);
}

static void freeing_what_is_in_idle_pages(struct kunit *test)
{
	void *p = gom_malloc(64, GFP_KERNEL), *big = gom_malloc(200000, GFP_KERNEL);

	needs_heap(test);
	KUNIT_ASSERT_NOT_NULL(test, p);
	KUNIT_ASSERT_NOT_NULL(test, big);
	gom_free(big);
	EXPECT_REPORT(test, GOM_BAD_DOUBLE_FREE, "in pages that are free already", gom_free(big));
	gom_free(p);
	gom_release_memory();
	EXPECT_REPORT(test, GOM_BAD_FREE_FOREIGN, "which is not gomalloc's", gom_free(p));
}

/* What the parameter debug=1 does on all CPUs, on this one for as long as it takes. */
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

	needs_heap(test);
	KUNIT_ASSERT_NOT_NULL(test, p);
	console_clear();
	c = debug_on();
	gom_free_sized(p, 128);
	debug_off(c);
	KUNIT_EXPECT_EQ(test, gom_misuse_count(GOM_BAD_FREE_SIZE), counted + 1);
	KUNIT_EXPECT_TRUE(test, console_said("as class 9, which is of class 5"));
}

static void debug_mode_sees_every_second_free(struct kunit *test)
{
	void *p[3] = { gom_malloc(64, GFP_KERNEL), gom_malloc(64, GFP_KERNEL),
		       gom_malloc(64, GFP_KERNEL) };
	unsigned long counted = gom_misuse_count(GOM_BAD_DOUBLE_FREE);
	struct gom_mcache *c;

	needs_heap(test);
	KUNIT_ASSERT_NOT_NULL(test, p[2]);
	console_clear();
	c = debug_on();
	gom_free(p[0]);
	gom_free(p[1]);
	gom_free(p[0]);		/* not the last one freed, and seen all the same */
	debug_off(c);
	KUNIT_EXPECT_EQ(test, gom_misuse_count(GOM_BAD_DOUBLE_FREE), counted + 1);
	KUNIT_EXPECT_TRUE(test, console_said("double free of"));
	gom_free(p[2]);
}

static void asking_about_nothing(struct kunit *test)
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

static void asking_for_too_much(struct kunit *test)
{
	size_t huge = GOM_MAX_SIZE + 1, n = SIZE_MAX / 8;

	OPTIMIZER_HIDE_VAR(huge);
	OPTIMIZER_HIDE_VAR(n);
	EXPECT_REPORT(test, GOM_BAD_SIZE, "the most is",
		      KUNIT_EXPECT_NULL(test, gom_malloc(huge, GFP_KERNEL)));
	EXPECT_REPORT(test, GOM_BAD_SIZE, "overflows",
		      KUNIT_EXPECT_NULL(test, gom_malloc_array(n, 16, GFP_KERNEL)));
	console_clear();
	KUNIT_EXPECT_NULL(test, gom_malloc(huge, GFP_KERNEL | __GFP_NOWARN));
	KUNIT_EXPECT_NULL(test, gom_malloc_array(n, 16, GFP_KERNEL | __GFP_NOWARN));
	KUNIT_EXPECT_EQ(test, console_lines(), 0U);
}

static void asking_for_a_zone_there_is_not(struct kunit *test)
{
	console_clear();
	gom_free(gom_malloc(64, GFP_KERNEL | __GFP_HIGHMEM));
	KUNIT_EXPECT_TRUE(test, console_said("no highmem or DMA32"));
}

static noinline void bulk_from_zone(struct gom_cache *c, void **p)
{
	if (gom_cache_alloc_bulk(c, GFP_KERNEL | GFP_DMA, 2, p))
		gom_cache_free_bulk(c, 2, p);
}

/* No cache has memory of a zone: that is said, and ordinary memory given. */
static void asking_a_cache_for_a_zone(struct kunit *test)
{
	struct gom_cache *c = gom_cache_create("test_zone", 72, 0, 0, NULL);
	void *p[2] = { };

	KUNIT_ASSERT_NOT_NULL(test, c);
	gom_cache_free(c, gom_cache_alloc(c, GFP_KERNEL));	/* the next one comes straight through */
	EXPECT_REPORT(test, GOM_BAD_GFP, "no cache has memory of a zone",
		      gom_cache_free(c, gom_cache_alloc(c, GFP_KERNEL | GFP_DMA)));
	EXPECT_REPORT(test, GOM_BAD_GFP, "no cache has memory of a zone",
		      gom_cache_free(c, gom_cache_alloc_node(c, GFP_KERNEL | __GFP_DMA32, 0)));
	EXPECT_REPORT(test, GOM_BAD_GFP, "no cache has memory of a zone",
		      bulk_from_zone(c, p));
	KUNIT_EXPECT_NOT_NULL(test, p[1]);
	gom_cache_destroy(c);
	EXPECT_REPORT(test, GOM_BAD_CACHE, "no cache has memory of a zone",
		      KUNIT_EXPECT_NULL(test, gom_cache_create("test_zone", 72, 0, SLAB_CACHE_DMA,
							       NULL)));
}

static void asking_for_no_persistent_memory(struct kunit *test)
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

static struct kunit_case cases[] = {
	HEAP_CASE(a_wrong_one_among_many),
	KUNIT_CASE(finalizers_for_what_is_no_object),
	HEAP_CASE(freeing_what_is_not_ours),
	HEAP_CASE(freeing_into_the_middle),
	HEAP_CASE(freeing_the_unused_end_of_a_span),
	HEAP_CASE(a_double_free_at_once),
	HEAP_CASE(a_double_free_after_a_flush),
	HEAP_CASE(freeing_what_is_in_idle_pages),
	HEAP_CASE(debug_mode_compares_sizes),
	HEAP_CASE(debug_mode_sees_every_second_free),
	KUNIT_CASE(asking_about_nothing),
	KUNIT_CASE(asking_for_too_much),
	KUNIT_CASE(asking_for_a_zone_there_is_not),
	KUNIT_CASE(asking_a_cache_for_a_zone),
	KUNIT_CASE(asking_for_no_persistent_memory),
	{}
};

struct kunit_suite gomalloc_misuse_suite = {
	.name = "gomalloc_misuse",
	.init = misuse_init,
	.exit = misuse_exit,
	.test_cases = cases,
};
