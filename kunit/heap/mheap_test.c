// SPDX-License-Identifier: GPL-2.0
/*
 * Heaps: bins of free runs, growing, and what they ask the page allocator for.
 */
#include <linux/log2.h>
#include <linux/mm.h>
#include <linux/sizes.h>
#include <linux/topology.h>

#include "base/compat.h"
#include "base/fault.h"
#include "base/persistent.h"
#include "gomalloc.h"
#include "heap/mheap.h"
#include "heap/pagemap.h"
#include "suites.h"

/*
 * Free runs below a megabyte have a bin for each length, longer ones one for
 * each order.
 */
static void bins_are_ordered_by_length(struct kunit *test)
{
	unsigned int npages, bin, last = 0;

	for (npages = 1; npages < 1U << 16; npages++) {
		bin = gom_heap_bin(npages);
		if (npages < GOM_HEAP_EXACT ? bin != npages : bin < last)
			KUNIT_FAIL(test, "%u pages are in bin %u, after %u", npages, bin, last);
		last = bin;
	}
	KUNIT_EXPECT_EQ(test, gom_heap_bin(2 * GOM_HEAP_EXACT - 1), GOM_HEAP_EXACT);
	KUNIT_EXPECT_EQ(test, gom_heap_bin(2 * GOM_HEAP_EXACT), GOM_HEAP_EXACT + 1);
	KUNIT_EXPECT_LT(test, gom_heap_bin(UINT_MAX), GOM_HEAP_BINS);
}

/*
 * A heap without idle runs grows in proportion to its size, or by the request
 * if that is more.
 */
static void heap_grows_in_proportion(struct kunit *test)
{
	struct gom_mheap *h = gom_mheaps[numa_mem_id()];
	unsigned long before, step;
	void *p, *objects[12];
	unsigned int i;

	/* Make the heap so large that it grows by more than the minimum. */
	for (i = 0; i < ARRAY_SIZE(objects); i++) {
		objects[i] = gom_malloc(SZ_4M, GFP_KERNEL);
		KUNIT_ASSERT_NOT_NULL(test, objects[i]);
	}
	gom_release_memory();
	before = h->sys_pages;
	step = clamp(rounddown_pow_of_two(before / GOM_HEAP_GROW_PART | 1),
		     SZ_64K / PAGE_SIZE, SZ_1M / PAGE_SIZE);
	p = gom_malloc(SZ_32K + 1, GFP_KERNEL);
	KUNIT_ASSERT_NOT_NULL(test, p);
	KUNIT_EXPECT_EQ(test, h->sys_pages - before, step);
	KUNIT_EXPECT_GT(test, step, (unsigned long)(SZ_64K / PAGE_SIZE));
	gom_free(p);
	gom_free_bulk(ARRAY_SIZE(objects), objects);
}

/* Growing by more than the request neither waits nor uses reserves. */
static void light_gfp_does_not_reclaim(struct kunit *test)
{
	const gfp_t bad = __GFP_RECLAIM | __GFP_HIGH | __GFP_MEMALLOC | __GFP_NOFAIL;

	KUNIT_EXPECT_EQ(test, (__force u32)(gom_gfp_light(GFP_ATOMIC | bad) & bad), 0U);
	KUNIT_EXPECT_NE(test, (__force u32)(gom_gfp_light(GFP_KERNEL) & __GFP_NOMEMALLOC), 0U);
	KUNIT_EXPECT_NE(test, (__force u32)(gom_gfp_light(GFP_KERNEL) & __GFP_THISNODE), 0U);
}

/* Requests to the page allocator, for an object of less than a page. */
static struct {
	unsigned int large;		/* blocks of more than a page */
	unsigned int urgent;		/* with the caller's reserves, or waiting */
	unsigned int urgent_large;	/* of these, of more than a page */
	bool deny_light;
} requests;

#define URGENT	(__GFP_RECLAIM | __GFP_HIGH | __GFP_MEMALLOC | __GFP_NOFAIL | GOM_GFP_ATOMIC)

static bool block_note(enum gom_test_point at, unsigned int arg, gfp_t gfp)
{
	bool urgent = gfp & URGENT || !(gfp & __GFP_NOMEMALLOC);

	if (at != GOM_AT_BLOCK)
		return false;
	requests.large += arg > 0;
	requests.urgent += urgent;
	requests.urgent_large += urgent && arg;
	return requests.deny_light && !urgent;
}

static void alloc_one(struct kunit *test, bool deny_light)
{
	void *p;

	gom_release_memory();
	memset(&requests, 0, sizeof(requests));
	requests.deny_light = deny_light;
	WRITE_ONCE(gom_test_callback, block_note);
	p = gom_malloc(3000, GFP_ATOMIC | __GFP_MEMALLOC | __GFP_NOWARN);
	WRITE_ONCE(gom_test_callback, NULL);
	KUNIT_EXPECT_NOT_NULL(test, p);
	gom_free(p);
}

/*
 * Reserves are used for the page of the object only, and only if there is no
 * other.
 */
static void reserves_serve_one_object_only(struct kunit *test)
{
	alloc_one(test, false);
	KUNIT_EXPECT_GT(test, requests.large, 0U);
	KUNIT_EXPECT_EQ(test, requests.urgent, 0U);
	alloc_one(test, true);
	KUNIT_EXPECT_GT(test, requests.urgent, 0U);
	KUNIT_EXPECT_EQ(test, requests.urgent_large, 0U);
}

#define HOLES		64U
#define HOLE_PAGES	70U
#define WANTED_PAGES	64U		/* aligned to as many, which few holes allow */

static void *hole_place(void *hole)
{
	void *p = PTR_ALIGN(hole, WANTED_PAGES * PAGE_SIZE);

	return p + WANTED_PAGES * PAGE_SIZE <= hole + HOLE_PAGES * PAGE_SIZE ? p : NULL;
}

static bool block_deny(enum gom_test_point at, unsigned int arg, gfp_t gfp)
{
	return at == GOM_AT_BLOCK;
}

/*
 * Before an allocation fails, the heap examines more than the first few runs.
 */
static void aligned_runs_are_found(struct kunit *test)
{
	void **hole = kunit_kcalloc(test, 2 * HOLES, sizeof(*hole), GFP_KERNEL);
	void **p = kunit_kcalloc(test, 2 * HOLES, sizeof(*p), GFP_KERNEL);
	unsigned int i, n, left = 0, good = 0;

	KUNIT_ASSERT_NOT_NULL(test, hole);
	KUNIT_ASSERT_NOT_NULL(test, p);
	gom_release_memory();
	for (i = 0; i < 2 * HOLES; i++) {
		hole[i] = gom_malloc(HOLE_PAGES * PAGE_SIZE, GFP_KERNEL);
		KUNIT_ASSERT_NOT_NULL(test, hole[i]);
	}
	WRITE_ONCE(gom_test_callback, block_deny);
	for (i = 0; i < 2 * HOLES; i += 2) {
		good += !!hole_place(hole[i]);
		gom_free(hole[i]);
	}
	for (n = 0; n < 2 * HOLES; n++) {
		p[n] = gom_malloc(WANTED_PAGES * PAGE_SIZE, GFP_NOWAIT | __GFP_NOWARN);
		if (!p[n])
			break;
	}
	for (i = 0; i < 2 * HOLES; i += 2)
		left += hole_place(hole[i]) &&
			gom_entry_slot(gom_pagemap_entry(hole_place(hole[i]))) == GOM_SLOT_IDLE;
	WRITE_ONCE(gom_test_callback, NULL);
	KUNIT_EXPECT_GT(test, good, 0U);
	KUNIT_EXPECT_EQ(test, left, 0U);
	while (n--)
		gom_free(p[n]);
	for (i = 1; i < 2 * HOLES; i += 2)
		gom_free(hole[i]);
}

/* === Runs that are freed or taken while the heap grows === */

#define LARGE_PAGES	64U		/* too many to be cached */

/* A run that is long enough for BLOCK_PAGES, and in which they fit nowhere. */
#define BLOCK_PAGES	256U
#define RUN_HEAD	61U		/* odd, so that it is not aligned */
#define RUN_PAGES	401U
#define RUN_TAIL	(2 * BLOCK_PAGES - RUN_HEAD - RUN_PAGES)
#define RUNS		12U		/* more than a look at a few */

static struct {
	void *free[RUNS];		/* what another CPU frees meanwhile */
	void *taken;			/* what another CPU allocates meanwhile */
	unsigned int denied;
	unsigned int spent;		/* blocks asked for with what the caller may spend */
	unsigned int grown;
	bool deny_all;
	bool take;
} growth;

static void *pages_alloc(unsigned int npages)
{
	return gom_malloc(npages * PAGE_SIZE, GFP_KERNEL | __GFP_NOWARN);
}

static void runs_free(void)
{
	unsigned int i;

	for (i = 0; i < RUNS; i++) {
		gom_free(growth.free[i]);
		growth.free[i] = NULL;
	}
}

static bool growth_interfere(enum gom_test_point at, unsigned int arg, gfp_t gfp)
{
	bool light = !(gfp & URGENT) && gfp & __GFP_NOMEMALLOC;

	if (at == GOM_AT_BLOCK) {
		growth.spent += !light;
		growth.denied += light || growth.deny_all;
		if (growth.deny_all && !arg)
			runs_free();
		return light || growth.deny_all;
	}
	if (at != GOM_AT_GROWN || growth.grown++)
		return false;
	runs_free();
	if (growth.take)
		growth.taken = pages_alloc(LARGE_PAGES);
	return false;
}

static void growth_test_begin(void)
{
	memset(&growth, 0, sizeof(growth));
	gom_release_memory();
}

static void *alloc_while_growing(size_t size)
{
	void *p;

	gom_release_memory();
	WRITE_ONCE(gom_test_callback, growth_interfere);
	p = gom_malloc(size, GFP_KERNEL | __GFP_NOWARN);
	WRITE_ONCE(gom_test_callback, NULL);
	return p;
}

/*
 * The heap looks for a free run once more after the page allocator has failed,
 * before it uses reserves or waits.
 */
static void runs_freed_while_growing_are_found(struct kunit *test)
{
	const unsigned int class = gom_size_to_class(1152);
	void *p;

	KUNIT_ASSERT_GT(test, (unsigned int)gom_classes[class].npages, 1U);
	growth_test_begin();
	growth.deny_all = true;
	growth.free[0] = pages_alloc(LARGE_PAGES);
	KUNIT_ASSERT_NOT_NULL(test, growth.free[0]);
	p = alloc_while_growing(1152);
	KUNIT_EXPECT_NOT_NULL(test, p);
	KUNIT_EXPECT_NULL(test, growth.free[0]);
	KUNIT_EXPECT_GT(test, growth.denied, 0U);
	KUNIT_EXPECT_EQ(test, growth.spent, 0U);
	gom_free(p);
}

static void heap_whose_new_run_is_taken_grows_again(struct kunit *test)
{
	void *p;

	growth_test_begin();
	growth.take = true;
	p = alloc_while_growing(LARGE_PAGES * PAGE_SIZE);
	KUNIT_EXPECT_NOT_NULL(test, p);
	KUNIT_EXPECT_NOT_NULL(test, growth.taken);
	KUNIT_EXPECT_EQ(test, growth.grown, 2U);
	KUNIT_EXPECT_EQ(test, growth.spent, 2U);
	gom_free(growth.taken);
	gom_free(p);
}

/* The new run is found behind many runs that were freed while the heap grew. */
static void heap_with_many_runs_grows_once(struct kunit *test)
{
	void *head[RUNS], *tail[RUNS], *p;
	unsigned int i;

	growth_test_begin();
	for (i = 0; i < RUNS; i++) {
		gom_free(pages_alloc(2 * BLOCK_PAGES));
		head[i] = pages_alloc(RUN_HEAD);
		growth.free[i] = pages_alloc(RUN_PAGES);
		tail[i] = pages_alloc(RUN_TAIL);
		KUNIT_ASSERT_NOT_NULL(test, tail[i]);
		KUNIT_ASSERT_PTR_EQ(test, head[i] + RUN_HEAD * PAGE_SIZE, growth.free[i]);
		KUNIT_ASSERT_PTR_EQ(test, growth.free[i] + RUN_PAGES * PAGE_SIZE, tail[i]);
	}
	p = alloc_while_growing(BLOCK_PAGES * PAGE_SIZE);
	KUNIT_EXPECT_NOT_NULL(test, p);
	KUNIT_EXPECT_NULL(test, growth.free[0]);
	KUNIT_EXPECT_EQ(test, growth.spent, 1U);
	gom_free(p);
	gom_free_bulk(RUNS, head);
	gom_free_bulk(RUNS, tail);
}

static struct kunit_case cases[] = {
	KUNIT_CASE(bins_are_ordered_by_length),
	HEAP_CASE(heap_grows_in_proportion),
	HEAP_CASE(light_gfp_does_not_reclaim),
	HEAP_CASE(reserves_serve_one_object_only),
	HEAP_CASE(aligned_runs_are_found),
	HEAP_CASE(runs_freed_while_growing_are_found),
	HEAP_CASE(heap_whose_new_run_is_taken_grows_again),
	HEAP_CASE(heap_with_many_runs_grows_once),
	{}
};

struct kunit_suite gomalloc_mheap_suite = {
	.name = "gomalloc_mheap",
	.init = gomtest_begin,
	.exit = gomtest_end,
	.test_cases = cases,
};
