// SPDX-License-Identifier: GPL-2.0
/*
 * Spans: objects are disjoint, inside their span, aligned, and keep their
 * contents; spans of fewer pages where memory is fragmented.
 */
#include <linux/log2.h>
#include <linux/mm.h>

#include "api/nolock.h"
#include "base/compat.h"
#include "base/fault.h"
#include "base/report.h"
#include "gomalloc.h"
#include "heap/mheap.h"
#include "heap/pagemap.h"
#include "log.h"
#include "percpu/mcache.h"
#include "suites.h"

static void object_check(struct kunit *test, const void *p, unsigned int class)
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

/*
 * More objects than a span holds.  Overlapping ones would overwrite each
 * other's pattern.
 */
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
			memset(p[i], gomtest_pattern(p[i]), gom_classes[class].size);
		}
		for (i = 0; i < n; i++) {
			object_check(test, p[i], class);
			if (!gomtest_all_bytes(p[i], gomtest_pattern(p[i]),
					       gom_classes[class].size))
				KUNIT_FAIL(test, "class %u: object %u was overwritten", class, i);
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
			break;		/* memory may be fragmented */
		KUNIT_ASSERT_NOT_NULL(test, p);
		KUNIT_EXPECT_TRUE_MSG(test, IS_ALIGNED((unsigned long)p, size), "size %zu", size);
		gom_free(p);
	}
}

/* === Fragmented memory === */

#define OBJECTS	2000U

/* Empty the heap, and limit it to blocks of 2^@order pages. */
static void heap_limit_blocks(unsigned int order)
{
	gom_release_memory();
	gom_heap_max_order = order;
}

static void heap_unlimit_blocks(void)
{
	gom_heap_max_order = MAX_PAGE_ORDER;
}

static void objects_alloc_check(struct kunit *test, void **p, size_t size, gfp_t gfp)
{
	unsigned int i;

	for (i = 0; i < OBJECTS; i++) {
		p[i] = gom_malloc(size, gfp);
		if (!p[i])
			break;
		memset(p[i], gomtest_pattern(p[i]), size);
	}
	KUNIT_EXPECT_EQ_MSG(test, i, OBJECTS, "objects of %zu bytes", size);
	while (i--) {
		if (!gomtest_all_bytes(p[i], gomtest_pattern(p[i]), size))
			KUNIT_FAIL(test, "size %zu: object %u was overwritten", size, i);
		gom_free(p[i]);
	}
}

/* Spans of single pages are used if there are no larger blocks. */
static void single_pages_are_enough(struct kunit *test)
{
	static const size_t sizes[] = { 8, 48, 1024, 1152, 2048, 2304, 4096 };
	void **p = kvmalloc_array(OBJECTS, sizeof(*p), GFP_KERNEL);
	unsigned int i;

	KUNIT_ASSERT_NOT_NULL(test, p);
	heap_limit_blocks(0);
	for (i = 0; i < ARRAY_SIZE(sizes); i++)
		objects_alloc_check(test, p, sizes[i], GFP_NOWAIT | __GFP_NOWARN);
	heap_unlimit_blocks();
	kvfree(p);
}

static void pairs_of_pages_are_enough(struct kunit *test)
{
	void **p = kvmalloc_array(OBJECTS, sizeof(*p), GFP_KERNEL);

	KUNIT_ASSERT_NOT_NULL(test, p);
	heap_limit_blocks(1);
	objects_alloc_check(test, p, 8192, GFP_NOWAIT | __GFP_NOWARN);
	objects_alloc_check(test, p, 5376, GFP_NOWAIT | __GFP_NOWARN);
	heap_unlimit_blocks();
	kvfree(p);
}

/* __GFP_NOFAIL waits for a page, not for a larger block. */
static void nofail_uses_single_pages(struct kunit *test)
{
	void *p;

	heap_limit_blocks(0);
	p = gom_malloc(4096, GFP_KERNEL | __GFP_NOFAIL);
	KUNIT_EXPECT_NOT_NULL(test, p);
	heap_unlimit_blocks();
	gom_free(p);
}

/* The unused end of a short span may be as large as an object. */
static void end_of_short_span_is_no_object(struct kunit *test)
{
	const unsigned int class = gom_size_to_class(1152);
	struct gom_span *s;
	void *p;

	gomtest_expect_misuse(test);
	heap_limit_blocks(0);
	p = gom_malloc(1152, GFP_KERNEL);
	heap_unlimit_blocks();
	KUNIT_ASSERT_NOT_NULL(test, p);
	s = gom_pagemap_span(p);
	KUNIT_ASSERT_NOT_NULL(test, s);
	KUNIT_EXPECT_LT(test, s->npages, (unsigned int)gom_classes[class].npages);
	KUNIT_EXPECT_EQ(test, (unsigned int)s->nelems,
			(unsigned int)((s->npages << PAGE_SHIFT) / gom_classes[class].size));
	gomtest_log_capture();
	gomtest_log_clear();
	gom_report_again();
	gom_free(s->base + s->nelems * gom_classes[class].size);
	KUNIT_EXPECT_TRUE(test, gomtest_log_contains("where no object begins"));
	KUNIT_EXPECT_EQ(test, gom_size(s->base + s->nelems * gom_classes[class].size), (size_t)0);
	gomtest_log_release();
	gom_free(p);
}

/* Tiny objects, objects of named caches, and all calls that free. */
static void every_call_handles_short_spans(struct kunit *test)
{
	struct gom_cache *cache = gom_cache_create("gom_short", 1500, 0, GOM_NO_MERGE, NULL);
	void *p[48], *q[48];
	unsigned int i;

	KUNIT_ASSERT_NOT_NULL(test, cache);
	heap_limit_blocks(0);
	KUNIT_EXPECT_TRUE(test, gom_malloc_bulk(1152, GFP_KERNEL, ARRAY_SIZE(p), p));
	KUNIT_EXPECT_TRUE(test, gom_cache_alloc_bulk(cache, GFP_KERNEL, ARRAY_SIZE(q), q));
	heap_unlimit_blocks();
	for (i = 0; i < ARRAY_SIZE(p); i++) {
		memset(p[i], 1, 1152);
		memset(q[i], 2, 1500);
	}
	for (i = 0; i < ARRAY_SIZE(p); i++) {
		KUNIT_EXPECT_TRUE(test, gomtest_all_bytes(p[i], 1, 1152));
		KUNIT_EXPECT_TRUE(test, gomtest_all_bytes(q[i], 2, 1500));
		KUNIT_EXPECT_EQ(test, gom_size(p[i]), (size_t)1152);
	}
	gom_free_sized(p[0], 1152);
	gom_free_nolock(p[1]);
	p[2] = gom_realloc(p[2], 3000, GFP_KERNEL);
	gom_free(p[2]);
	gom_free_bulk(ARRAY_SIZE(p) - 3, p + 3);
	gom_free(q[0]);
	gom_cache_free_bulk(cache, ARRAY_SIZE(q) - 1, q + 1);
	heap_limit_blocks(0);
	for (i = 0; i < ARRAY_SIZE(p); i++)
		p[i] = gom_malloc_noscan(5, GFP_KERNEL);
	heap_unlimit_blocks();
	gom_free_bulk(ARRAY_SIZE(p), p);
	gom_cache_destroy(cache);
	gom_nolock_drain();
}

#define NOLOCK_FREES	200U

/* The mark of a short span does not mean that an object has a finalizer. */
static void short_span_objects_are_freed_nolock(struct kunit *test)
{
	void **p = kunit_kcalloc(test, NOLOCK_FREES, sizeof(*p), GFP_KERNEL);
	unsigned long counted = gom_misuse_count(GOM_BAD_POINTER), flags;
	unsigned int i, shorter = 0;
	u64 before = gomtest_live_objects();

	KUNIT_ASSERT_NOT_NULL(test, p);
	heap_limit_blocks(0);
	KUNIT_EXPECT_TRUE(test, gom_malloc_bulk(1152, GFP_KERNEL, NOLOCK_FREES, p));
	heap_unlimit_blocks();
	for (i = 0; i < NOLOCK_FREES; i++)
		shorter += gom_entry_slot(gom_pagemap_entry(p[i])) == GOM_SLOT_ASK;
	KUNIT_EXPECT_GT(test, shorter, NOLOCK_FREES / 2);
	local_irq_save(flags);
	for (i = 0; i < NOLOCK_FREES; i++)
		gom_free_nolock(p[i]);
	local_irq_restore(flags);
	gom_nolock_drain();
	KUNIT_EXPECT_EQ(test, gom_misuse_count(GOM_BAD_POINTER), counted);
	KUNIT_EXPECT_EQ(test, gomtest_live_objects(), before);
}

static struct kunit_case cases[] = {
	KUNIT_CASE(single_pages_are_enough),
	KUNIT_CASE(pairs_of_pages_are_enough),
	KUNIT_CASE(nofail_uses_single_pages),
	KUNIT_CASE(end_of_short_span_is_no_object),
	KUNIT_CASE(every_call_handles_short_spans),
	KUNIT_CASE(short_span_objects_are_freed_nolock),
	KUNIT_CASE(objects_of_each_class_are_disjoint),
	KUNIT_CASE(powers_of_two_are_aligned_to_their_size),
	{}
};

struct kunit_suite gomalloc_span_suite = {
	.name = "gomalloc_span",
	.init = gomtest_begin_heap,
	.exit = gomtest_end,
	.test_cases = cases,
};
