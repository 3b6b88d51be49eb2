// SPDX-License-Identifier: GPL-2.0
/*
 * KASAN sees invalid accesses to gomalloc's objects, names them as it names
 * those to SLUB's, and gomalloc says which object it was.
 *
 * Among the last suites: lockdep is off after a report of KASAN.  KASAN reports
 * more than one access only with kasan_multi_shot on the kernel's command line.
 */
#include <linux/slab.h>
#include <linux/workqueue.h>

#include "api/cache.h"
#include "base/compat.h"
#include "log.h"
#include "suites.h"

#ifdef CONFIG_KASAN_GENERIC

#define SIZE	60U

static struct gom_cache *cache;

/* An access that KASAN checks, and that the compiler cannot foresee. */
static noinline void byte_read(const u8 *p)
{
	OPTIMIZER_HIDE_VAR(p);
	READ_ONCE(*p);
}

static u8 *object_new(struct kunit *test)
{
	u8 *p = gom_cache_alloc(cache, GFP_KERNEL);

	KUNIT_ASSERT_NOT_NULL(test, p);
	return p;
}

struct access {
	struct work_struct work;
	const u8 *p;
};

static void access_work(struct work_struct *work)
{
	byte_read(container_of(work, struct access, work)->p);
}

/* Read @p in another task: KASAN lets the test fail in whose task it reports. */
static void other_task_reads(const u8 *p)
{
	struct access access = { .p = p };

	INIT_WORK_ONSTACK(&access.work, access_work);
	schedule_work(&access.work);
	flush_work(&access.work);
	destroy_work_on_stack(&access.work);
}

/* Read @p; KASAN must report it with @bug, and gomalloc with @words. */
static void expect_report(struct kunit *test, const u8 *p, const char *bug, const char *words)
{
	gomtest_log_match("BUG: KASAN: ");
	other_task_reads(p);
	KUNIT_EXPECT_TRUE_MSG(test, gomtest_log_contains(bug), "no report of %s", bug);
	gomtest_log_match("gomalloc: ");
	other_task_reads(p);
	KUNIT_EXPECT_TRUE_MSG(test, gomtest_log_contains(words), "no line with %s", words);
	KUNIT_EXPECT_TRUE(test, gomtest_log_contains("cache test_kasan"));
	KUNIT_EXPECT_TRUE(test, gomtest_log_contains("Allocated in "));
}

static void byte_after_the_object_is_reported(struct kunit *test)
{
	u8 *p = object_new(test);

	expect_report(test, p + SIZE, "slab-out-of-bounds", "is byte 60 of the live object");
	gom_cache_free(cache, p);
}

static void freed_object_is_reported(struct kunit *test)
{
	u8 *p = object_new(test);

	gom_cache_free(cache, p);
	expect_report(test, p + 8, "slab-use-after-free", "is byte 8 of the free object");
	KUNIT_EXPECT_TRUE(test, gomtest_log_contains("Freed in "));
}

static void correct_accesses_are_not_reported(struct kunit *test)
{
	u8 *p = object_new(test);
	unsigned int i;

	gomtest_log_match("BUG: KASAN: ");
	for (i = 0; i < SIZE; i++)
		byte_read(p + i);
	gom_cache_free(cache, p);
	p = gom_cache_zalloc(cache, GFP_KERNEL);
	KUNIT_ASSERT_NOT_NULL(test, p);
	KUNIT_EXPECT_TRUE(test, gomtest_all_bytes(p, 0, SIZE));
	gom_cache_free(cache, p);
	KUNIT_EXPECT_EQ(test, gomtest_log_lines(), 0U);
}

/* The pages of a cache that was destroyed belong to others. */
static void pages_are_accessible_again(struct kunit *test)
{
	struct gom_cache *c = gom_cache_create("test_kasan_pages", SIZE, 0, SLAB_STORE_USER, NULL);
	struct gom_cache *plain;
	unsigned int i;
	u8 *p[64];

	KUNIT_ASSERT_NOT_NULL(test, c);
	KUNIT_ASSERT_TRUE(test, gom_cache_alloc_bulk(c, GFP_KERNEL, ARRAY_SIZE(p), (void **)p));
	gom_cache_free_bulk(c, ARRAY_SIZE(p), (void **)p);
	gom_cache_destroy(c);
	plain = gom_cache_create("test_kasan_plain", 96, 0, 0, NULL);
	KUNIT_ASSERT_NOT_NULL(test, plain);
	gomtest_log_match("BUG: KASAN: ");
	KUNIT_ASSERT_TRUE(test, gom_cache_alloc_bulk(plain, GFP_KERNEL, ARRAY_SIZE(p), (void **)p));
	for (i = 0; i < ARRAY_SIZE(p); i++)
		memset(p[i], i, 96);
	gom_cache_free_bulk(plain, ARRAY_SIZE(p), (void **)p);
	gom_cache_destroy(plain);
	KUNIT_EXPECT_EQ(test, gomtest_log_lines(), 0U);
}

static int kasan_begin(struct kunit *test)
{
	cache = gom_cache_create("test_kasan", SIZE, 0, SLAB_STORE_USER, NULL);
	return cache ? gomtest_log_capture() : -ENOMEM;
}

static void kasan_end(struct kunit *test)
{
	gomtest_log_release();
	gom_cache_destroy(cache);
}

static struct kunit_case cases[] = {
	KUNIT_CASE(correct_accesses_are_not_reported),
	KUNIT_CASE(pages_are_accessible_again),
	KUNIT_CASE(byte_after_the_object_is_reported),
	KUNIT_CASE(freed_object_is_reported),
	{}
};

#else

static void kasan_knows_objects(struct kunit *test)
{
	kunit_skip(test, "this kernel has no generic KASAN");
}

static int kasan_begin(struct kunit *test)
{
	return 0;
}

static void kasan_end(struct kunit *test)
{
}

static struct kunit_case cases[] = {
	KUNIT_CASE(kasan_knows_objects),
	{}
};

#endif

struct kunit_suite gomalloc_kasan_suite = {
	.name = "gomalloc_kasan",
	.suite_init = gomtest_kernel_reports_begin,
	.suite_exit = gomtest_kernel_reports_end,
	.init = kasan_begin,
	.exit = kasan_end,
	.test_cases = cases,
};
