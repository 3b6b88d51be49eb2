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

/* Free runs: each length below a megabyte has its bin, longer ones share those of their order. */
static void bins_are_in_order(struct kunit *test)
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

/* A heap that has nothing idle grows by a part of itself, if that is more than is asked for. */
static void the_heap_grows_by_a_part(struct kunit *test)
{
	struct gom_mheap *h = gom_mheaps[numa_mem_id()];
	unsigned long before, part;
	void *p, *much[12];
	unsigned int i;

	needs_heap(test);
	/* Of so much that the part is more than the least. */
	for (i = 0; i < ARRAY_SIZE(much); i++) {
		much[i] = gom_malloc(SZ_4M, GFP_KERNEL);
		KUNIT_ASSERT_NOT_NULL(test, much[i]);
	}
	gom_release_memory();
	before = h->sys_pages;
	part = clamp(rounddown_pow_of_two(before / GOM_HEAP_GROW_PART | 1),
		     SZ_64K / PAGE_SIZE, SZ_1M / PAGE_SIZE);
	p = gom_malloc(SZ_32K + 1, GFP_KERNEL);
	KUNIT_ASSERT_NOT_NULL(test, p);
	KUNIT_EXPECT_EQ(test, h->sys_pages - before, part);
	KUNIT_EXPECT_GT(test, part, (unsigned long)(SZ_64K / PAGE_SIZE));
	gom_free(p);
	gom_free_bulk(ARRAY_SIZE(much), much);
}

/* Growing by more than must be is nothing to wait for, or to take reserves for. */
static void a_wish_is_polite(struct kunit *test)
{
	const gfp_t bad = __GFP_RECLAIM | __GFP_HIGH | __GFP_MEMALLOC | __GFP_NOFAIL;

	KUNIT_EXPECT_EQ(test, (__force u32)(gom_gfp_polite(GFP_ATOMIC | bad) & bad), 0U);
	KUNIT_EXPECT_NE(test, (__force u32)(gom_gfp_polite(GFP_KERNEL) & __GFP_NOMEMALLOC), 0U);
	KUNIT_EXPECT_NE(test, (__force u32)(gom_gfp_polite(GFP_KERNEL) & __GFP_THISNODE), 0U);
}

/* What the heap asks the page allocator for; the tests want objects of less than a page. */
static struct {
	unsigned int beyond;		/* blocks of more than a page */
	unsigned int spent;		/* blocks asked for with what the caller may spend */
	unsigned int wrong;		/* of these, of more than a page */
	bool deny_polite;
} asked;

#define SPENDS	(__GFP_RECLAIM | __GFP_HIGH | __GFP_MEMALLOC | __GFP_NOFAIL | GOM_GFP_ATOMIC)

static bool note_block(enum gom_test_point at, unsigned int order, gfp_t gfp)
{
	bool spends = gfp & SPENDS || !(gfp & __GFP_NOMEMALLOC);

	if (at != GOM_AT_BLOCK)
		return false;
	asked.beyond += order > 0;
	asked.spent += spends;
	asked.wrong += spends && order;
	return asked.deny_polite && !spends;
}

static void ask_for_one(struct kunit *test, bool deny_polite)
{
	void *p;

	gom_release_memory();
	memset(&asked, 0, sizeof(asked));
	asked.deny_polite = deny_polite;
	WRITE_ONCE(gom_test_hook, note_block);
	p = gom_malloc(3000, GFP_ATOMIC | __GFP_MEMALLOC | __GFP_NOWARN);
	WRITE_ONCE(gom_test_hook, NULL);
	KUNIT_EXPECT_NOT_NULL(test, p);
	gom_free(p);
}

/* Reserves are for the page that the object lies in, and only if it must be. */
static void reserves_are_spent_on_one_object(struct kunit *test)
{
	ask_for_one(test, false);
	KUNIT_EXPECT_GT(test, asked.beyond, 0U);
	KUNIT_EXPECT_EQ(test, asked.spent, 0U);
	ask_for_one(test, true);
	KUNIT_EXPECT_GT(test, asked.spent, 0U);
	KUNIT_EXPECT_EQ(test, asked.wrong, 0U);
}

#define HOLES		64U
#define HOLE_PAGES	70U
#define WANTED_PAGES	64U		/* aligned to as many: in most holes they do not fit */

static void *place_in(void *hole)
{
	void *p = PTR_ALIGN(hole, WANTED_PAGES * PAGE_SIZE);

	return p + WANTED_PAGES * PAGE_SIZE <= hole + HOLE_PAGES * PAGE_SIZE ? p : NULL;
}

static bool deny_all(enum gom_test_point at, unsigned int order, gfp_t gfp)
{
	return at == GOM_AT_BLOCK;
}

/* Before the heap says no it has looked at more than a few of the runs that may do. */
static void what_is_there_is_found(struct kunit *test)
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
	WRITE_ONCE(gom_test_hook, deny_all);
	for (i = 0; i < 2 * HOLES; i += 2) {
		good += !!place_in(hole[i]);
		gom_free(hole[i]);
	}
	for (n = 0; n < 2 * HOLES; n++) {
		p[n] = gom_malloc(WANTED_PAGES * PAGE_SIZE, GFP_NOWAIT | __GFP_NOWARN);
		if (!p[n])
			break;
	}
	for (i = 0; i < 2 * HOLES; i += 2)
		left += place_in(hole[i]) &&
			gom_entry_slot(gom_pagemap_entry(place_in(hole[i]))) == GOM_SLOT_IDLE;
	WRITE_ONCE(gom_test_hook, NULL);
	KUNIT_EXPECT_GT(test, good, 0U);
	KUNIT_EXPECT_EQ(test, left, 0U);
	while (n--)
		gom_free(p[n]);
	for (i = 1; i < 2 * HOLES; i += 2)
		gom_free(hole[i]);
}

static struct kunit_case cases[] = {
	KUNIT_CASE(bins_are_in_order),
	HEAP_CASE(the_heap_grows_by_a_part),
	HEAP_CASE(a_wish_is_polite),
	HEAP_CASE(reserves_are_spent_on_one_object),
	HEAP_CASE(what_is_there_is_found),
	{}
};

struct kunit_suite gomalloc_mheap_suite = {
	.name = "gomalloc_mheap",
	.init = live_begin,
	.exit = live_end,
	.test_cases = cases,
};
