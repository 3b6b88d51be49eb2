// SPDX-License-Identifier: GPL-2.0
/*
 * gom_realloc(): contents are kept, an object that fits is not moved, and the
 * result may be freed by the size of the last call.
 */
#include <linux/mm.h>

#include "base/compat.h"
#include "base/fault.h"
#include "base/report.h"
#include "gomalloc.h"
#include "heap/large.h"
#include "heap/pagemap.h"
#include "percpu/mcache.h"
#include "special/special.h"
#include "suites.h"

static void growing_keeps_contents(struct kunit *test)
{
	size_t size, next;
	void *p = gom_malloc(1, GFP_KERNEL);

	KUNIT_ASSERT_NOT_NULL(test, p);
	for (size = 1; size < 300000; size = next) {
		memset(p, 0xa5, size);
		next = size + size / 2 + 1;
		p = gom_realloc(p, next, GFP_KERNEL);
		KUNIT_ASSERT_NOT_NULL(test, p);
		KUNIT_EXPECT_TRUE(test, gomtest_all_bytes(p, 0xa5, size));
		KUNIT_EXPECT_GE(test, gom_size(p), next);
	}
	gom_free(p);
}

static void fitting_object_stays_in_place(struct kunit *test)
{
	void *p = gom_malloc(100, GFP_KERNEL), *q;

	KUNIT_ASSERT_NOT_NULL(test, p);
	memset(p, 0x11, 100);
	q = gom_realloc(p, gom_size(p), GFP_KERNEL);
	KUNIT_EXPECT_PTR_EQ(test, q, p);
	KUNIT_EXPECT_TRUE(test, gomtest_all_bytes(q, 0x11, 100));
	/* Bytes beyond the new size may be cleared or not. */
	q = gom_realloc(q, 97, GFP_KERNEL);
	KUNIT_EXPECT_PTR_EQ(test, q, p);
	KUNIT_EXPECT_TRUE(test, gomtest_all_bytes(q, 0x11, 97));
	gom_free(q);
}

/* === Sized frees of resized objects === */

/*
 * Free @p, which was resized to @size, by that size.  Then allocate objects of
 * @size: one of another class shows that @p went into the wrong slot.
 */
static void free_sized_check(struct kunit *test, void *p, size_t size)
{
	unsigned long counted = gom_misuse_count(GOM_BAD_FREE_SIZE);
	unsigned int class = gom_size_to_class(size), i;
	void *q[4];

	gom_free_sized(p, size);
	KUNIT_EXPECT_EQ(test, gom_misuse_count(GOM_BAD_FREE_SIZE), counted);
	for (i = 0; i < ARRAY_SIZE(q); i++) {
		q[i] = gom_malloc(size, GFP_KERNEL);
		KUNIT_ASSERT_NOT_NULL(test, q[i]);
		if (class && !gom_sbrk)
			KUNIT_EXPECT_EQ_MSG(test, gom_size(q[i]), (size_t)gom_classes[class].size,
					    "%zu bytes", size);
	}
	for (i = 0; i < ARRAY_SIZE(q); i++)
		gom_free(q[i]);
}

/* After this a sized free of @size can take the fast path. */
static void size_warm_up(struct kunit *test, size_t size)
{
	void *p = gom_malloc(size, GFP_KERNEL);

	KUNIT_ASSERT_NOT_NULL(test, p);
	gom_free(p);
}

static void resized_object_is_freed_by_size(struct kunit *test)
{
	static const size_t sizes[] = {
		1, 5, 8, 16, 100, 113, 1024, 1025, 5000, 32768, 40000, 100000, 131072, 200000,
		300000
	};
	unsigned int i, j;
	size_t size;
	void *p;

	for (i = 0; i < ARRAY_SIZE(sizes); i++) {
		for (j = 0; j < ARRAY_SIZE(sizes); j++) {
			size = sizes[j];
			OPTIMIZER_HIDE_VAR(size);
			size_warm_up(test, size);
			p = gom_malloc(sizes[i], GFP_KERNEL);
			KUNIT_ASSERT_NOT_NULL(test, p);
			memset(p, 0x3c, sizes[i]);
			p = gom_realloc(p, size, GFP_KERNEL);
			KUNIT_ASSERT_NOT_NULL(test, p);
			KUNIT_EXPECT_TRUE(test, gomtest_all_bytes(p, 0x3c, min(size, sizes[i])));
			free_sized_check(test, p, size);
		}
	}
}

/* All pairs of sizes, with an open block and with a closed one. */
static void resized_tiny_object_is_freed_by_size(struct kunit *test)
{
	size_t from, to;
	unsigned int closed;
	void *p, *before;

	for (closed = 0; closed < 2; closed++) {
		for (from = 1; from <= GOM_TINY_MAX; from++) {
			for (to = 1; to <= GOM_TINY_BLOCK; to++) {
				size_warm_up(test, to);
				before = gom_malloc_noscan(1, GFP_KERNEL);
				p = gom_malloc_noscan(from, GFP_KERNEL);
				KUNIT_ASSERT_NOT_NULL(test, p);
				if (closed)
					gom_mcache_flush_all();
				p = gom_realloc(p, to, GFP_KERNEL);
				KUNIT_ASSERT_NOT_NULL(test, p);
				/*
				 * Aligned as gom_malloc_noscan() promises for
				 * the new size.
				 */
				KUNIT_EXPECT_TRUE(test, IS_ALIGNED((unsigned long)p, to & -to));
				free_sized_check(test, p, to);
				gom_free(before);
			}
		}
	}
}

static void resized_cache_object_is_freed_by_size(struct kunit *test)
{
	static const size_t sizes[] = { 1, 100, 512, 520, 521, 5000 };
	struct gom_cache *c = gom_cache_create("test_resized", 520, 0, 0, NULL);
	unsigned int i;
	void *p;

	KUNIT_ASSERT_NOT_NULL(test, c);
	for (i = 0; i < ARRAY_SIZE(sizes); i++) {
		size_warm_up(test, sizes[i]);
		p = gom_cache_alloc(c, GFP_KERNEL);
		KUNIT_ASSERT_NOT_NULL(test, p);
		memset(p, 0x42, 520);
		p = gom_realloc(p, sizes[i], GFP_KERNEL);
		KUNIT_ASSERT_NOT_NULL(test, p);
		KUNIT_EXPECT_TRUE(test, gomtest_all_bytes(p, 0x42, min_t(size_t, sizes[i], 520)));
		free_sized_check(test, p, sizes[i]);
	}
	gom_cache_destroy(c);
}

static void no_finalizer(void *p, void *arg)
{
}

/* Like krealloc(); the sized free finds out that the object was resized. */
static void shrinking_does_not_fail(struct kunit *test)
{
	size_t size = 100;
	char *p;

	OPTIMIZER_HIDE_VAR(size);
	p = gom_malloc(1024, GFP_KERNEL);
	KUNIT_ASSERT_NOT_NULL(test, p);
	memset(p, 0x24, 1024);
	gom_release_memory();
	migrate_disable();
	/* Leaves one free record on this CPU. */
	KUNIT_EXPECT_EQ(test, gom_set_finalizer(p, no_finalizer, NULL), 0);
	KUNIT_EXPECT_EQ(test, gom_set_finalizer(p, NULL, NULL), 0);
	if (!gomtest_fail_after(0)) {
		migrate_enable();
		gom_free(p);
		kunit_skip(test, "this kernel has no fault injection");
	}
	KUNIT_EXPECT_PTR_EQ(test, gom_realloc(p, size, GFP_KERNEL), (void *)p);
	/* Growing may fail. */
	KUNIT_EXPECT_NULL(test, gom_realloc(p, 5000, GFP_KERNEL | __GFP_NOWARN));
	gomtest_fail_stop();
	migrate_enable();
	KUNIT_EXPECT_TRUE(test, gomtest_all_bytes(p, 0x24, size));
	KUNIT_EXPECT_TRUE(test, gom_special_maybe(p));
	size_warm_up(test, size);
	free_sized_check(test, p, size);
	/* Other objects in its page are not looked up any more. */
	KUNIT_EXPECT_FALSE(test, gom_special_maybe(p));
}

static bool records_deny(enum gom_test_point at, unsigned int arg, gfp_t gfp)
{
	return at == GOM_AT_SPECIAL;
}

/* Then sized frees look up all objects near it. */
static void resized_object_without_record_is_pinned(struct kunit *test)
{
	unsigned long counted = gom_misuse_count(GOM_BAD_FREE_SIZE);
	atomic_t *near;
	struct gom_place at;
	size_t size = 100;
	void *p;

	OPTIMIZER_HIDE_VAR(size);
	p = gom_malloc(1024, GFP_KERNEL);
	KUNIT_ASSERT_NOT_NULL(test, p);
	KUNIT_EXPECT_FALSE(test, gom_special_maybe(p));
	near = &gom_special_near[((unsigned long)p >> PAGE_SHIFT) % GOM_SPECIAL_NEAR];
	gom_pagemap_place(p, &at);
	WRITE_ONCE(gom_test_callback, records_deny);
	gom_special_note_resized(&at);
	WRITE_ONCE(gom_test_callback, NULL);
	KUNIT_EXPECT_EQ(test, gom_special_count(near), 0U);
	KUNIT_EXPECT_TRUE(test, gom_special_maybe(p));
	size_warm_up(test, size);
	free_sized_check(test, p, size);
	KUNIT_EXPECT_EQ(test, gom_misuse_count(GOM_BAD_FREE_SIZE), counted);
	atomic_andnot(GOM_NEAR_PINNED, near);
}

/* It would be scanned by kmemleak otherwise. */
static void moved_tiny_object_stays_noscan(struct kunit *test)
{
	void *p = gom_malloc_noscan(3, GFP_KERNEL), *neighbour = gom_malloc_noscan(1, GFP_KERNEL);
	struct gom_place at;
	void *q;

	KUNIT_ASSERT_NOT_NULL(test, p);
	KUNIT_ASSERT_NOT_NULL(test, neighbour);
	q = gom_realloc(p, GOM_TINY_MAX, GFP_KERNEL);
	KUNIT_ASSERT_NOT_NULL(test, q);
	KUNIT_EXPECT_PTR_NE(test, q, p);
	gom_pagemap_place(q, &at);
	KUNIT_EXPECT_EQ(test, (unsigned int)at.class, (unsigned int)GOM_CLASS_TINY);
	gom_free(q);
	gom_free(neighbour);
}

/*
 * Moved or not, a large object is aligned to the power of two that divides its
 * size.
 */
static void shrunk_large_object_is_aligned(struct kunit *test)
{
	static const size_t sizes[][2] = {
		{ 164 << 10, 160 << 10 }, { 3 << 20, 2 << 20 }, { 1540 << 10, 1 << 20 },
	};
	unsigned int i, j, misplaced = 0;
	void *p[4];
	size_t align;

	gom_release_memory();
	gom_free(gom_malloc(1 << 20, GFP_KERNEL));	/* so that the first ones are adjacent */
	for (i = 0; i < ARRAY_SIZE(sizes); i++) {
		align = sizes[i][1] & -sizes[i][1];
		/*
		 * Allocate all first: a shrunk one would be followed by the
		 * next.
		 */
		for (j = 0; j < ARRAY_SIZE(p); j++) {
			p[j] = gom_malloc(sizes[i][0], GFP_KERNEL);
			KUNIT_ASSERT_NOT_NULL(test, p[j]);
			misplaced += !IS_ALIGNED((unsigned long)p[j], align);
		}
		for (j = 0; j < ARRAY_SIZE(p); j++) {
			p[j] = gom_realloc(p[j], sizes[i][1], GFP_KERNEL);
			KUNIT_ASSERT_NOT_NULL(test, p[j]);
			KUNIT_EXPECT_TRUE(test, IS_ALIGNED((unsigned long)p[j], align));
		}
		for (j = 0; j < ARRAY_SIZE(p); j++)
			gom_free_sized(p[j], sizes[i][1]);
	}
	KUNIT_EXPECT_GT(test, misplaced, 0U);
}

/* Memory of a zone is not moved to another zone. */
static void dma_object_is_not_moved(struct kunit *test)
{
	void *p = gom_malloc(1000, GFP_KERNEL | GFP_DMA);

	KUNIT_ASSERT_NOT_NULL(test, p);
	KUNIT_EXPECT_PTR_EQ(test, gom_realloc(p, 100, GFP_KERNEL), p);
	gom_free(p);
}

static void large_object_shrinks_in_place(struct kunit *test)
{
	const size_t size = GOM_RUN_MAX_SIZE + 50 * PAGE_SIZE, keep = size - 40 * PAGE_SIZE;
	struct gom_large_stats before, after;
	char *p, *q;

	p = gom_malloc(size, GFP_KERNEL);
	KUNIT_ASSERT_NOT_NULL(test, p);
	memset(p, 0x77, size);
	gom_large_read(&before);
	q = gom_realloc(p, keep - 5, GFP_KERNEL);
	gom_large_read(&after);
	KUNIT_EXPECT_PTR_EQ(test, q, p);
	KUNIT_EXPECT_EQ(test, before.pages - after.pages, 40UL);
	KUNIT_EXPECT_EQ(test, gom_size(q), keep);
	KUNIT_EXPECT_TRUE(test, gomtest_all_bytes(q, 0x77, keep - 5));
	gom_free(q);
}

static void gfp_zero_clears_new_bytes(struct kunit *test)
{
	char *p = gom_zalloc(10, GFP_KERNEL);
	size_t size, old = 10;

	KUNIT_ASSERT_NOT_NULL(test, p);
	for (size = 12; size < 400000; size = size * 5 / 4) {
		memset(p, 0xee, old);
		p = gom_realloc(p, size, GFP_KERNEL | __GFP_ZERO);
		KUNIT_ASSERT_NOT_NULL(test, p);
		KUNIT_EXPECT_TRUE(test, gomtest_all_bytes(p, 0xee, old));
		KUNIT_EXPECT_TRUE_MSG(test, gomtest_all_bytes(p + old, 0, size - old), "size %zu",
				      size);
		old = size;
	}
	/* Shrink, then grow within the object: the bytes are new again. */
	size = old;
	memset(p, 0xee, size);
	p = gom_realloc(p, size - 100, GFP_KERNEL | __GFP_ZERO);
	p = gom_realloc(p, size, GFP_KERNEL | __GFP_ZERO);
	KUNIT_ASSERT_NOT_NULL(test, p);
	KUNIT_EXPECT_TRUE(test, gomtest_all_bytes(p + size - 100, 0, 100));
	gom_free(p);
}

static void null_allocates_and_zero_frees(struct kunit *test)
{
	u64 before = gomtest_live_objects();
	void *p = gom_realloc(NULL, 33, GFP_KERNEL);

	KUNIT_ASSERT_NOT_NULL(test, p);
	KUNIT_EXPECT_EQ(test, gomtest_live_objects(), before + 1);
	KUNIT_EXPECT_PTR_EQ(test, gom_realloc(p, 0, GFP_KERNEL), ZERO_SIZE_PTR);
	if (!gom_sbrk)
		KUNIT_EXPECT_EQ(test, gomtest_live_objects(), before);
	p = gom_realloc(ZERO_SIZE_PTR, 5, GFP_KERNEL);
	KUNIT_EXPECT_GE(test, gom_size(p), (size_t)5);
	gom_free(p);
}

static void failure_keeps_the_object(struct kunit *test)
{
	char *p = gom_malloc(200, GFP_KERNEL);

	KUNIT_ASSERT_NOT_NULL(test, p);
	memset(p, 0x42, 200);
	KUNIT_EXPECT_NULL(test, gom_realloc(p, GOM_MAX_SIZE + 1, GFP_KERNEL | __GFP_NOWARN));
	KUNIT_EXPECT_TRUE(test, gomtest_all_bytes(p, 0x42, 200));
	gom_free(p);
}

static struct kunit_case cases[] = {
	KUNIT_CASE(growing_keeps_contents),
	KUNIT_CASE(fitting_object_stays_in_place),
	KUNIT_CASE(resized_object_is_freed_by_size),
	KUNIT_CASE(resized_tiny_object_is_freed_by_size),
	KUNIT_CASE(resized_cache_object_is_freed_by_size),
	HEAP_CASE(shrinking_does_not_fail),
	HEAP_CASE(resized_object_without_record_is_pinned),
	HEAP_CASE(moved_tiny_object_stays_noscan),
	HEAP_CASE(shrunk_large_object_is_aligned),
	KUNIT_CASE(dma_object_is_not_moved),
	HEAP_CASE(large_object_shrinks_in_place),
	KUNIT_CASE(gfp_zero_clears_new_bytes),
	KUNIT_CASE(null_allocates_and_zero_frees),
	KUNIT_CASE(failure_keeps_the_object),
	{}
};

struct kunit_suite gomalloc_realloc_suite = {
	.name = "gomalloc_realloc",
	.init = gomtest_begin,
	.exit = gomtest_end,
	.test_cases = cases,
};
