// SPDX-License-Identifier: GPL-2.0
/*
 * gom_realloc(): contents stay, the object stays where it is when it can, and what comes
 * back may be freed by the size of the last call.
 */
#include <linux/mm.h>

#include "base/compat.h"
#include "base/report.h"
#include "gomalloc.h"
#include "heap/large.h"
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
		KUNIT_EXPECT_TRUE(test, all_bytes(p, 0xa5, size));
		KUNIT_EXPECT_GE(test, gom_size(p), next);
	}
	gom_free(p);
}

static void what_fits_stays_in_place(struct kunit *test)
{
	void *p = gom_malloc(100, GFP_KERNEL), *q;

	KUNIT_ASSERT_NOT_NULL(test, p);
	memset(p, 0x11, 100);
	q = gom_realloc(p, gom_size(p), GFP_KERNEL);
	KUNIT_EXPECT_PTR_EQ(test, q, p);
	KUNIT_EXPECT_TRUE(test, all_bytes(q, 0x11, 100));
	/* What lies beyond the new size may be cleared at once, or not. */
	q = gom_realloc(q, 97, GFP_KERNEL);
	KUNIT_EXPECT_PTR_EQ(test, q, p);
	KUNIT_EXPECT_TRUE(test, all_bytes(q, 0x11, 97));
	gom_free(q);
}

/* === Freed by the size of the last call === */

/*
 * @p, resized to @size, is freed by that size.  What comes back for that size afterwards is
 * an object of its class: of the slot that @p went to, the first is what was put in last.
 */
static void free_by_size(struct kunit *test, void *p, size_t size)
{
	unsigned long counted = gom_misuse_count(GOM_BAD_FREE_SIZE);
	unsigned int class = gom_size_to_slot(size) >> GOM_SLOT_SHIFT, i;
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

/* So that a free of @size goes straight through, if it is let. */
static void warm_up(struct kunit *test, size_t size)
{
	void *p = gom_malloc(size, GFP_KERNEL);

	KUNIT_ASSERT_NOT_NULL(test, p);
	gom_free(p);
}

static void a_resized_object_is_freed_by_its_size(struct kunit *test)
{
	static const size_t sizes[] = { 1, 5, 8, 16, 100, 113, 1024, 1025, 5000, 32768, 40000, 100000,
					131072, 200000, 300000 };
	unsigned int i, j;
	size_t size;
	void *p;

	for (i = 0; i < ARRAY_SIZE(sizes); i++) {
		for (j = 0; j < ARRAY_SIZE(sizes); j++) {
			size = sizes[j];
			OPTIMIZER_HIDE_VAR(size);
			warm_up(test, size);
			p = gom_malloc(sizes[i], GFP_KERNEL);
			KUNIT_ASSERT_NOT_NULL(test, p);
			memset(p, 0x3c, sizes[i]);
			p = gom_realloc(p, size, GFP_KERNEL);
			KUNIT_ASSERT_NOT_NULL(test, p);
			KUNIT_EXPECT_TRUE(test, all_bytes(p, 0x3c, min(size, sizes[i])));
			free_by_size(test, p, size);
		}
	}
}

/* Each way from one size to another, with a block that is open and one that is closed. */
static void a_resized_tiny_object_is_freed_by_its_size(struct kunit *test)
{
	size_t from, to;
	unsigned int closed;
	void *p, *before;

	for (closed = 0; closed < 2; closed++) {
		for (from = 1; from <= GOM_TINY_MAX; from++) {
			for (to = 1; to <= GOM_TINY_BLOCK; to++) {
				warm_up(test, to);
				before = gom_malloc_noscan(1, GFP_KERNEL);
				p = gom_malloc_noscan(from, GFP_KERNEL);
				KUNIT_ASSERT_NOT_NULL(test, p);
				if (closed)
					gom_mcache_flush_all();
				p = gom_realloc(p, to, GFP_KERNEL);
				KUNIT_ASSERT_NOT_NULL(test, p);
				/* Aligned as gom_malloc_noscan() promises for the new size. */
				KUNIT_EXPECT_TRUE(test, IS_ALIGNED((unsigned long)p, to & -to));
				free_by_size(test, p, to);
				gom_free(before);
			}
		}
	}
}

static void a_resized_object_of_a_cache_is_freed_by_its_size(struct kunit *test)
{
	static const size_t sizes[] = { 1, 100, 512, 520, 521, 5000 };
	struct gom_cache *c = gom_cache_create("test_resized", 520, 0, 0, NULL);
	unsigned int i;
	void *p;

	KUNIT_ASSERT_NOT_NULL(test, c);
	for (i = 0; i < ARRAY_SIZE(sizes); i++) {
		warm_up(test, sizes[i]);
		p = gom_cache_alloc(c, GFP_KERNEL);
		KUNIT_ASSERT_NOT_NULL(test, p);
		memset(p, 0x42, 520);
		p = gom_realloc(p, sizes[i], GFP_KERNEL);
		KUNIT_ASSERT_NOT_NULL(test, p);
		KUNIT_EXPECT_TRUE(test, all_bytes(p, 0x42, min_t(size_t, sizes[i], 520)));
		free_by_size(test, p, sizes[i]);
	}
	gom_cache_destroy(c);
}

static void no_finalizer(void *p, void *arg)
{
}

/* As krealloc() never does; the free by size then looks. */
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
	/* There is one record for it on this CPU. */
	KUNIT_EXPECT_EQ(test, gom_set_finalizer(p, no_finalizer, NULL), 0);
	KUNIT_EXPECT_EQ(test, gom_set_finalizer(p, NULL, NULL), 0);
	if (!fail_after(0)) {
		migrate_enable();
		gom_free(p);
		kunit_skip(test, "this kernel has no fault injection");
	}
	KUNIT_EXPECT_PTR_EQ(test, gom_realloc(p, size, GFP_KERNEL), (void *)p);
	/* Growing may fail. */
	KUNIT_EXPECT_NULL(test, gom_realloc(p, 5000, GFP_KERNEL | __GFP_NOWARN));
	fail_no_more();
	migrate_enable();
	KUNIT_EXPECT_TRUE(test, all_bytes(p, 0x24, size));
	KUNIT_EXPECT_TRUE(test, gom_special_maybe(p));
	warm_up(test, size);
	free_by_size(test, p, size);
	/* And with it goes that others in its page are looked up. */
	KUNIT_EXPECT_FALSE(test, gom_special_maybe(p));
}

/* In place or not, a large object is aligned to what divides its size. */
static void a_shorter_large_object_is_aligned_as_always(struct kunit *test)
{
	static const size_t sizes[][2] = {
		{ 164 << 10, 160 << 10 }, { 3 << 20, 2 << 20 }, { 1540 << 10, 1 << 20 },
	};
	unsigned int i, j, misplaced = 0;
	void *p[4];
	size_t align;

	gom_release_memory();
	gom_free(gom_malloc(1 << 20, GFP_KERNEL));	/* the first ones will lie side by side */
	for (i = 0; i < ARRAY_SIZE(sizes); i++) {
		align = sizes[i][1] & -sizes[i][1];
		/* All before any gets shorter: the next one would begin where that ends. */
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

/* Memory of a zone is not moved to another. */
static void what_is_for_dma_stays(struct kunit *test)
{
	void *p = gom_malloc(1000, GFP_KERNEL | GFP_DMA);

	KUNIT_ASSERT_NOT_NULL(test, p);
	KUNIT_EXPECT_PTR_EQ(test, gom_realloc(p, 100, GFP_KERNEL), p);
	gom_free(p);
}

static void a_large_object_shrinks_in_place(struct kunit *test)
{
	const size_t size = GOM_RUN_MAX_SIZE + 50 * PAGE_SIZE, keep = size - 40 * PAGE_SIZE;
	struct gom_large_stats before, after;
	char *p, *q;

	needs_heap(test);
	p = gom_malloc(size, GFP_KERNEL);
	KUNIT_ASSERT_NOT_NULL(test, p);
	memset(p, 0x77, size);
	gom_large_read(&before);
	q = gom_realloc(p, keep - 5, GFP_KERNEL);
	gom_large_read(&after);
	KUNIT_EXPECT_PTR_EQ(test, q, p);
	KUNIT_EXPECT_EQ(test, before.pages - after.pages, 40UL);
	KUNIT_EXPECT_EQ(test, gom_size(q), keep);
	KUNIT_EXPECT_TRUE(test, all_bytes(q, 0x77, keep - 5));
	gom_free(q);
}

static void new_bytes_are_zero_if_asked_for(struct kunit *test)
{
	char *p = gom_zalloc(10, GFP_KERNEL);
	size_t size, old = 10;

	KUNIT_ASSERT_NOT_NULL(test, p);
	for (size = 12; size < 400000; size = size * 5 / 4) {
		memset(p, 0xee, old);
		p = gom_realloc(p, size, GFP_KERNEL | __GFP_ZERO);
		KUNIT_ASSERT_NOT_NULL(test, p);
		KUNIT_EXPECT_TRUE(test, all_bytes(p, 0xee, old));
		KUNIT_EXPECT_TRUE_MSG(test, all_bytes(p + old, 0, size - old), "size %zu", size);
		old = size;
	}
	/* Shrink, then grow within the object: the bytes between are new again. */
	size = old;
	memset(p, 0xee, size);
	p = gom_realloc(p, size - 100, GFP_KERNEL | __GFP_ZERO);
	p = gom_realloc(p, size, GFP_KERNEL | __GFP_ZERO);
	KUNIT_ASSERT_NOT_NULL(test, p);
	KUNIT_EXPECT_TRUE(test, all_bytes(p + size - 100, 0, 100));
	gom_free(p);
}

static void null_allocates_and_zero_frees(struct kunit *test)
{
	u64 before = live_objects();
	void *p = gom_realloc(NULL, 33, GFP_KERNEL);

	KUNIT_ASSERT_NOT_NULL(test, p);
	KUNIT_EXPECT_EQ(test, live_objects(), before + 1);
	KUNIT_EXPECT_PTR_EQ(test, gom_realloc(p, 0, GFP_KERNEL), ZERO_SIZE_PTR);
	if (!gom_sbrk)
		KUNIT_EXPECT_EQ(test, live_objects(), before);
	p = gom_realloc(ZERO_SIZE_PTR, 5, GFP_KERNEL);
	KUNIT_EXPECT_GE(test, gom_size(p), (size_t)5);
	gom_free(p);
}

static void a_failure_leaves_the_object_alone(struct kunit *test)
{
	char *p = gom_malloc(200, GFP_KERNEL);

	KUNIT_ASSERT_NOT_NULL(test, p);
	memset(p, 0x42, 200);
	KUNIT_EXPECT_NULL(test, gom_realloc(p, GOM_MAX_SIZE + 1, GFP_KERNEL | __GFP_NOWARN));
	KUNIT_EXPECT_TRUE(test, all_bytes(p, 0x42, 200));
	gom_free(p);
}

static struct kunit_case cases[] = {
	KUNIT_CASE(growing_keeps_contents),
	KUNIT_CASE(what_fits_stays_in_place),
	KUNIT_CASE(a_resized_object_is_freed_by_its_size),
	KUNIT_CASE(a_resized_tiny_object_is_freed_by_its_size),
	KUNIT_CASE(a_resized_object_of_a_cache_is_freed_by_its_size),
	HEAP_CASE(shrinking_does_not_fail),
	HEAP_CASE(a_shorter_large_object_is_aligned_as_always),
	KUNIT_CASE(what_is_for_dma_stays),
	HEAP_CASE(a_large_object_shrinks_in_place),
	KUNIT_CASE(new_bytes_are_zero_if_asked_for),
	KUNIT_CASE(null_allocates_and_zero_frees),
	KUNIT_CASE(a_failure_leaves_the_object_alone),
	{}
};

struct kunit_suite gomalloc_realloc_suite = {
	.name = "gomalloc_realloc",
	.init = live_begin,
	.exit = live_end,
	.test_cases = cases,
};
