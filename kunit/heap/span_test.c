// SPDX-License-Identifier: GPL-2.0
/*
 * Carving: the objects of a class are disjoint, inside their spans, aligned, and
 * keep what is written to them.
 */
#include <linux/log2.h>
#include <linux/mm.h>

#include "api/nolock.h"
#include "base/compat.h"
#include "base/fault.h"
#include "base/report.h"
#include "console.h"
#include "gomalloc.h"
#include "heap/mheap.h"
#include "heap/pagemap.h"
#include "percpu/mcache.h"
#include "suites.h"

static void check_object(struct kunit *test, const void *p, unsigned int class)
{
	const u32 size = gom_classes[class].size;
	struct gom_span *s = gom_pagemap_span(p);

	KUNIT_ASSERT_NOT_NULL(test, s);
	if ((p - s->base) % size || p + size > gom_span_end(s))
		KUNIT_FAIL(test, "class %u: object at offset %zu", class,
			   (size_t)(p - s->base));
	if (!IS_ALIGNED((unsigned long)p, is_power_of_2(size) ? size : 8))
		KUNIT_FAIL(test, "class %u: object at %p is not aligned", class, p);
	KUNIT_EXPECT_EQ(test, gom_size(p), (size_t)size);
}

/* More than a span holds: if two objects overlapped, one would find the other's pattern. */
static void objects_of_each_class_are_disjoint(struct kunit *test)
{
	unsigned int class, n, i;
	void **p;

	for (class = 1; class < GOM_CLASS_TINY; class++) {
		n = gom_classes[class].nelems + 8;
		p = kvmalloc_array(n, sizeof(*p), GFP_KERNEL);
		KUNIT_ASSERT_NOT_NULL(test, p);
		for (i = 0; i < n; i++) {
			p[i] = gom_malloc(gom_classes[class].size, GFP_KERNEL);
			KUNIT_ASSERT_NOT_NULL(test, p[i]);
			memset(p[i], pattern_of(p[i]), gom_classes[class].size);
		}
		for (i = 0; i < n; i++) {
			check_object(test, p[i], class);
			if (!all_bytes(p[i], pattern_of(p[i]), gom_classes[class].size))
				KUNIT_FAIL(test, "class %u: object %u was written over", class, i);
			gom_free(p[i]);
		}
		kvfree(p);
	}
}

static void powers_of_two_are_aligned_to_their_size(struct kunit *test)
{
	size_t size;
	void *p;

	for (size = 8; size <= PAGE_SIZE << MAX_PAGE_ORDER; size *= 2) {
		p = gom_malloc(size, GFP_KERNEL | __GFP_NOWARN);
		if (!p && size > SZ_1M)
			break;		/* a fragmented machine may not have it */
		KUNIT_ASSERT_NOT_NULL(test, p);
		KUNIT_EXPECT_TRUE_MSG(test, IS_ALIGNED((unsigned long)p, size), "size %zu", size);
		gom_free(p);
	}
}

/* === Where memory is fragmented === */

#define SCATTERED	2000U

/* A heap that has nothing, and gets memory in blocks of 2^@order pages at most. */
static void fragment(unsigned int order)
{
	gom_release_memory();
	gom_heap_max_order = order;
}

static void unfragment(void)
{
	gom_heap_max_order = MAX_PAGE_ORDER;
}

static void allocate_scattered(struct kunit *test, void **p, size_t size, gfp_t gfp)
{
	unsigned int i;

	for (i = 0; i < SCATTERED; i++) {
		p[i] = gom_malloc(size, gfp);
		if (!p[i])
			break;
		memset(p[i], pattern_of(p[i]), size);
	}
	KUNIT_EXPECT_EQ_MSG(test, i, SCATTERED, "of size %zu", size);
	while (i--) {
		if (!all_bytes(p[i], pattern_of(p[i]), size))
			KUNIT_FAIL(test, "size %zu: object %u was written over", size, i);
		gom_free(p[i]);
	}
}

/* An object needs its own pages, not those of a span of many. */
static void single_pages_are_enough(struct kunit *test)
{
	static const size_t sizes[] = { 8, 48, 1024, 1152, 2048, 2304, 4096 };
	void **p = kvmalloc_array(SCATTERED, sizeof(*p), GFP_KERNEL);
	unsigned int i;

	KUNIT_ASSERT_NOT_NULL(test, p);
	fragment(0);
	for (i = 0; i < ARRAY_SIZE(sizes); i++)
		allocate_scattered(test, p, sizes[i], GFP_NOWAIT | __GFP_NOWARN);
	unfragment();
	kvfree(p);
}

static void pairs_of_pages_are_enough(struct kunit *test)
{
	void **p = kvmalloc_array(SCATTERED, sizeof(*p), GFP_KERNEL);

	KUNIT_ASSERT_NOT_NULL(test, p);
	fragment(1);
	allocate_scattered(test, p, 8192, GFP_NOWAIT | __GFP_NOWARN);
	allocate_scattered(test, p, 5376, GFP_NOWAIT | __GFP_NOWARN);
	unfragment();
	kvfree(p);
}

/* It waits for a page, and not for a block that never comes. */
static void no_fail_takes_what_there_is(struct kunit *test)
{
	void *p;

	fragment(0);
	p = gom_malloc(4096, GFP_KERNEL | __GFP_NOFAIL);
	KUNIT_EXPECT_NOT_NULL(test, p);
	unfragment();
	gom_free(p);
}

/* Behind the last object of a short span there may be as many bytes as an object has. */
static void the_end_of_a_short_span_is_no_object(struct kunit *test)
{
	const unsigned int class = gom_size_to_slot(1152) >> GOM_SLOT_SHIFT;
	struct gom_span *s;
	void *p;

	may_misuse(test);
	fragment(0);
	p = gom_malloc(1152, GFP_KERNEL);
	unfragment();
	KUNIT_ASSERT_NOT_NULL(test, p);
	s = gom_pagemap_span(p);
	KUNIT_ASSERT_NOT_NULL(test, s);
	KUNIT_EXPECT_LT(test, s->npages, (unsigned int)gom_classes[class].npages);
	KUNIT_EXPECT_EQ(test, (unsigned int)s->nelems,
			(unsigned int)((s->npages << PAGE_SHIFT) / gom_classes[class].size));
	console_listen();
	console_clear();
	gom_report_forget();
	gom_free(s->base + s->nelems * gom_classes[class].size);
	KUNIT_EXPECT_TRUE(test, console_said("where no object begins"));
	KUNIT_EXPECT_EQ(test, gom_size(s->base + s->nelems * gom_classes[class].size), (size_t)0);
	console_unlisten();
	gom_free(p);
}

/* Tiny objects, those of named caches, and whatever is freed by other calls. */
static void every_call_knows_short_spans(struct kunit *test)
{
	struct gom_cache *cache = gom_cache_create("gom_short", 1500, 0, GOM_NO_MERGE, NULL);
	void *p[48], *q[48];
	unsigned int i;

	KUNIT_ASSERT_NOT_NULL(test, cache);
	fragment(0);
	KUNIT_EXPECT_TRUE(test, gom_malloc_bulk(1152, GFP_KERNEL, ARRAY_SIZE(p), p));
	KUNIT_EXPECT_TRUE(test, gom_cache_alloc_bulk(cache, GFP_KERNEL, ARRAY_SIZE(q), q));
	unfragment();
	for (i = 0; i < ARRAY_SIZE(p); i++) {
		memset(p[i], 1, 1152);
		memset(q[i], 2, 1500);
	}
	for (i = 0; i < ARRAY_SIZE(p); i++) {
		KUNIT_EXPECT_TRUE(test, all_bytes(p[i], 1, 1152));
		KUNIT_EXPECT_TRUE(test, all_bytes(q[i], 2, 1500));
		KUNIT_EXPECT_EQ(test, gom_size(p[i]), (size_t)1152);
	}
	gom_free_sized(p[0], 1152);
	gom_free_nolock(p[1]);
	p[2] = gom_realloc(p[2], 3000, GFP_KERNEL);
	gom_free(p[2]);
	gom_free_bulk(ARRAY_SIZE(p) - 3, p + 3);
	gom_free(q[0]);
	gom_cache_free_bulk(cache, ARRAY_SIZE(q) - 1, q + 1);
	fragment(0);
	for (i = 0; i < ARRAY_SIZE(p); i++)
		p[i] = gom_malloc_noscan(5, GFP_KERNEL);
	unfragment();
	gom_free_bulk(ARRAY_SIZE(p), p);
	gom_cache_destroy(cache);
	gom_nolock_drain();
}

#define NOLOCK_FREES	200U

/* No object of a short span has a finalizer because of that; so all can be freed at once. */
static void many_of_short_spans_are_freed_without_waiting(struct kunit *test)
{
	void **p = kunit_kcalloc(test, NOLOCK_FREES, sizeof(*p), GFP_KERNEL);
	unsigned long counted = gom_misuse_count(GOM_BAD_POINTER), flags;
	unsigned int i, shorter = 0;
	u64 before = live_objects();

	KUNIT_ASSERT_NOT_NULL(test, p);
	fragment(0);
	KUNIT_EXPECT_TRUE(test, gom_malloc_bulk(1152, GFP_KERNEL, NOLOCK_FREES, p));
	unfragment();
	for (i = 0; i < NOLOCK_FREES; i++)
		shorter += gom_entry_slot(gom_pagemap_entry(p[i])) == GOM_SLOT_ASK;
	KUNIT_EXPECT_GT(test, shorter, NOLOCK_FREES / 2);
	local_irq_save(flags);
	for (i = 0; i < NOLOCK_FREES; i++)
		gom_free_nolock(p[i]);
	local_irq_restore(flags);
	gom_nolock_drain();
	KUNIT_EXPECT_EQ(test, gom_misuse_count(GOM_BAD_POINTER), counted);
	KUNIT_EXPECT_EQ(test, live_objects(), before);
}

static struct kunit_case cases[] = {
	KUNIT_CASE(single_pages_are_enough),
	KUNIT_CASE(pairs_of_pages_are_enough),
	KUNIT_CASE(no_fail_takes_what_there_is),
	KUNIT_CASE(the_end_of_a_short_span_is_no_object),
	KUNIT_CASE(every_call_knows_short_spans),
	KUNIT_CASE(many_of_short_spans_are_freed_without_waiting),
	KUNIT_CASE(objects_of_each_class_are_disjoint),
	KUNIT_CASE(powers_of_two_are_aligned_to_their_size),
	{}
};

struct kunit_suite gomalloc_span_suite = {
	.name = "gomalloc_span",
	.init = heap_begin,
	.exit = live_end,
	.test_cases = cases,
};
