// SPDX-License-Identifier: GPL-2.0
/*
 * Zeroing: memory that is requested zeroed is zero, also when it is reused.
 */
#include <linux/jump_label.h>
#include <linux/mm.h>
#include <linux/slab.h>

#include "base/compat.h"
#include "base/report.h"
#include "base/sizeclass.h"
#include "gomalloc.h"
#include "percpu/mcache.h"
#include "suites.h"

#define OBJECTS	TIMES(40U, 12U)

static void size_check_reuse(struct kunit *test, size_t size)
{
	/* Fewer large objects, as sbrk mode frees nothing. */
	const unsigned int n = size > SZ_8K ? 6 : OBJECTS;
	void *p[OBJECTS];
	unsigned int i;

	for (i = 0; i < n; i++) {
		p[i] = gom_malloc(size, GFP_KERNEL);
		KUNIT_ASSERT_NOT_NULL(test, p[i]);
		memset(p[i], 0xff, gom_size(p[i]));
	}
	gom_free_bulk(n, p);
	for (i = 0; i < n; i++) {
		p[i] = gom_zalloc(size, GFP_KERNEL);
		KUNIT_ASSERT_NOT_NULL(test, p[i]);
		if (!gomtest_all_bytes(p[i], 0, gom_size(p[i])))
			KUNIT_FAIL(test, "size %zu: object %u is not zero", size, i);
	}
	gom_free_bulk(n, p);
	KUNIT_ASSERT_TRUE(test, gom_malloc_bulk(size, GFP_KERNEL | __GFP_ZERO, n, p));
	for (i = 0; i < n; i++) {
		if (!gomtest_all_bytes(p[i], 0, gom_size(p[i])))
			KUNIT_FAIL(test, "size %zu: object %u of a bulk is not zero", size, i);
		memset(p[i], 0xff, gom_size(p[i]));
	}
	gom_free_bulk(n, p);
}

static void every_class_is_zero_after_reuse(struct kunit *test)
{
	unsigned int class;

	for (class = 1; class < GOM_CLASS_TINY; class++)
		size_check_reuse(test, gom_classes[class].size);
}

static void large_objects_are_zero_after_reuse(struct kunit *test)
{
	size_check_reuse(test, 40000);
	size_check_reuse(test, 100000);
	size_check_reuse(test, 200000);
}

static void constant_sizes_are_zero_too(struct kunit *test)
{
	char *p = gom_malloc(64, GFP_KERNEL);

	KUNIT_ASSERT_NOT_NULL(test, p);
	memset(p, 0xff, 64);
	gom_free_sized(p, 64);
	p = gom_zalloc(64, GFP_KERNEL);
	KUNIT_ASSERT_NOT_NULL(test, p);
	KUNIT_EXPECT_TRUE(test, gomtest_all_bytes(p, 0, 64));
	gom_free_sized(p, 64);
}

static void size_zero_returns_zero_size_ptr(struct kunit *test)
{
	size_t zero = 0;

	OPTIMIZER_HIDE_VAR(zero);
	KUNIT_EXPECT_PTR_EQ(test, gom_malloc(zero, GFP_KERNEL), ZERO_SIZE_PTR);
	KUNIT_EXPECT_PTR_EQ(test, gom_malloc(0, GFP_KERNEL), ZERO_SIZE_PTR);
	KUNIT_EXPECT_PTR_EQ(test, gom_malloc_array(5, zero, GFP_KERNEL), ZERO_SIZE_PTR);
	gom_free_sensitive(NULL);
	KUNIT_EXPECT_EQ(test, gom_size(ZERO_SIZE_PTR), (size_t)0);
	KUNIT_EXPECT_EQ(test, gom_size(NULL), (size_t)0);
}

/*
 * NULL and ZERO_SIZE_PTR, as constants, hidden from the compiler, and by a
 * pointer.
 */
static void null_can_be_freed(struct kunit *test)
{
	static const void * const nothings[] = { NULL, ZERO_SIZE_PTR };
	struct gom_cache *c = gom_cache_create("test_nothing", 64, 0, 0, NULL);
	unsigned long counted = gomtest_misuses();
	void (*fn)(const void *p) = gom_free;
	const void *p;
	unsigned int i;

	KUNIT_ASSERT_NOT_NULL(test, c);
	gom_free(NULL);
	gom_free(ZERO_SIZE_PTR);
	OPTIMIZER_HIDE_VAR(fn);
	for (i = 0; i < ARRAY_SIZE(nothings); i++) {
		p = nothings[i];
		OPTIMIZER_HIDE_VAR(p);
		gom_free(p);
		fn(p);
		gom_free_sized(p, 5);
		gom_free_sized(p, 64);
		gom_free_sized(p, 300000);
		gom_cache_free(c, p);
		gom_free_nolock(p);
		gom_free_bulk(1, (void **)&p);
	}
	KUNIT_EXPECT_EQ(test, gomtest_misuses(), counted);
	gom_cache_destroy(c);
}

/* A neighbour keeps the span alive, so the memory can still be read. */
static void sensitive_memory_is_cleared(struct kunit *test)
{
	char *neighbour = gom_malloc(256, GFP_KERNEL);
	char *p = gom_malloc(256, GFP_KERNEL);

	KUNIT_ASSERT_NOT_NULL(test, neighbour);
	KUNIT_ASSERT_NOT_NULL(test, p);
	memset(p, 0x99, 256);
	gom_free_sensitive(p);
	KUNIT_EXPECT_TRUE(test, gomtest_all_bytes(p, 0, 256));
	gom_free(neighbour);
}

/* === init_on_free and init_on_alloc === */

static void init_on_free_check_kernel(struct kunit *test)
{
	if (IS_ENABLED(CONFIG_KASAN) && !want_init_on_free())
		kunit_skip(test, "with KASAN, SLUB does not support a change of init_on_free");
}

/* Fill @p and free it with init_on_free=1, which takes the slow path. */
static void init_on_free_apply(void *p, size_t size)
{
	const bool was = want_init_on_free();

	memset(p, 0x77, size);
	if (!was)
		static_branch_enable(&init_on_free);
	gom_mcache_force_slow(1);
	gom_free(p);
	gom_mcache_force_slow(-1);
	if (!was)
		static_branch_disable(&init_on_free);
}

/* No other task allocates, so the memory is still there. */
static void init_on_free_clears_objects(struct kunit *test)
{
	static const size_t sizes[] = { 40, 1000, 40000, 200000 };
	unsigned int i;
	void *p;

	init_on_free_check_kernel(test);
	for (i = 0; i < ARRAY_SIZE(sizes); i++) {
		p = gom_malloc(sizes[i], GFP_KERNEL);
		KUNIT_ASSERT_NOT_NULL(test, p);
		init_on_free_apply(p, sizes[i]);
		KUNIT_EXPECT_TRUE_MSG(test, gomtest_all_bytes(p, 0, sizes[i]), "%zu bytes",
				      sizes[i]);
	}
}

static void nothing_construct(void *p)
{
}

/* Free an object of @c with init_on_free=1: @byte is what it holds then. */
static void cache_check_init_on_free(struct kunit *test, struct gom_cache *c, u8 byte)
{
	void *p;

	KUNIT_ASSERT_NOT_NULL(test, c);
	p = gom_cache_alloc(c, GFP_KERNEL);
	KUNIT_ASSERT_NOT_NULL(test, p);
	init_on_free_apply(p, 200);
	KUNIT_EXPECT_TRUE(test, gomtest_all_bytes(p, byte, 200));
	gom_cache_destroy(c);
}

/* What a constructor set is kept, and what RCU readers may still read. */
static void init_on_free_keeps_constructed_objects(struct kunit *test)
{
	init_on_free_check_kernel(test);
	cache_check_init_on_free(test, gom_cache_create("test_plain", 200, 0, 0, NULL), 0);
	cache_check_init_on_free(test, gom_cache_create("test_ctor", 200, 0, 0,
							nothing_construct), 0x77);
	cache_check_init_on_free(test, gom_cache_create("test_rcu", 200, 0,
							SLAB_TYPESAFE_BY_RCU, NULL), 0x77);
}

/* Reuse an object of @c with init_on_alloc=1: @byte is what it holds then. */
static void cache_check_init_on_alloc(struct kunit *test, struct gom_cache *c, u8 byte)
{
	const bool was = want_init_on_alloc(0);
	void *p, *q;

	KUNIT_ASSERT_NOT_NULL(test, c);
	gom_mcache_flush_all();		/* so that there is capacity for its class */
	migrate_disable();
	p = gom_cache_alloc(c, GFP_KERNEL);
	KUNIT_ASSERT_NOT_NULL(test, p);
	memset(p, 0x77, 200);
	gom_cache_free(c, p);
	if (!was)
		static_branch_enable(&init_on_alloc);
	q = gom_cache_alloc(c, GFP_KERNEL);
	if (!was)
		static_branch_disable(&init_on_alloc);
	migrate_enable();
	KUNIT_EXPECT_PTR_EQ(test, q, p);
	KUNIT_EXPECT_TRUE(test, gomtest_all_bytes(p, byte, 200));
	gom_cache_free(c, q);
	gom_cache_destroy(c);
}

static void init_on_alloc_keeps_typesafe_objects(struct kunit *test)
{
	if (want_init_on_free())
		kunit_skip(test, "with init_on_free=1 freed objects are cleared");
	cache_check_init_on_alloc(test, gom_cache_create("test_plain", 200, 0, 0, NULL), 0);
	cache_check_init_on_alloc(test, gom_cache_create("test_rcu", 200, 0,
							 SLAB_TYPESAFE_BY_RCU, NULL), 0x77);
}

static struct kunit_case cases[] = {
	KUNIT_CASE(every_class_is_zero_after_reuse),
	KUNIT_CASE(large_objects_are_zero_after_reuse),
	KUNIT_CASE(constant_sizes_are_zero_too),
	KUNIT_CASE(size_zero_returns_zero_size_ptr),
	KUNIT_CASE(null_can_be_freed),
	KUNIT_CASE(sensitive_memory_is_cleared),
	HEAP_CASE(init_on_free_clears_objects),
	HEAP_CASE(init_on_free_keeps_constructed_objects),
	HEAP_CASE(init_on_alloc_keeps_typesafe_objects),
	{}
};

struct kunit_suite gomalloc_zero_suite = {
	.name = "gomalloc_zero",
	.init = gomtest_begin,
	.exit = gomtest_end,
	.test_cases = cases,
};
