// SPDX-License-Identifier: GPL-2.0
/* efence mode: guard pages behind objects, and faults on use after free. */
#include <linux/irqflags.h>
#include <linux/mm.h>
#include <linux/preempt.h>
#include <linux/uaccess.h>
#include <linux/vmalloc.h>

#include "api/efence.h"
#include "base/compat.h"
#include "base/fault.h"
#include "base/report.h"
#include "base/trace.h"
#include "gomalloc.h"
#include "log.h"
#include "sched_lock.h"
#include "suites.h"

static const size_t sizes[] = { 1, 7, 8, 24, 100, 1000, 4088, 4096, 4104, 12345, 100000, 300000 };

/*
 * Whether the byte at @p can be read.  Under UML a fault in the vmalloc area
 * would be retried for ever, so this looks for a mapped page; the workload
 * "efence" of the benchmark module reads on other machines.
 */
static bool reachable(void *p)
{
	u8 byte;

	if (IS_ENABLED(CONFIG_UML))
		return vmalloc_to_page(p);
	return !copy_from_kernel_nofault(&byte, p, 1);
}

/* Less than 8 bytes are between the end of an object and its guard page. */
static void overrun_faults(struct kunit *test)
{
	unsigned int i;
	size_t end;
	char *p;

	for (i = 0; i < ARRAY_SIZE(sizes); i++) {
		p = gom_malloc(sizes[i], GFP_KERNEL);
		KUNIT_ASSERT_NOT_NULL(test, p);
		memset(p, 0x11, sizes[i]);
		KUNIT_EXPECT_EQ(test, gom_size(p), sizes[i]);
		KUNIT_EXPECT_TRUE(test, reachable(p));
		KUNIT_EXPECT_TRUE(test, reachable(p + sizes[i] - 1));
		end = ALIGN(sizes[i], 8);
		KUNIT_EXPECT_FALSE_MSG(test, reachable(p + end), "behind %zu bytes", sizes[i]);
		KUNIT_EXPECT_FALSE_MSG(test, reachable(p + end + PAGE_SIZE - 8), "behind %zu bytes",
				       sizes[i]);
		gom_free(p);
	}
}

static void use_after_free_faults(struct kunit *test)
{
	unsigned int i;
	char *p;

	for (i = 0; i < ARRAY_SIZE(sizes); i++) {
		p = gom_malloc(sizes[i], GFP_KERNEL);
		KUNIT_ASSERT_NOT_NULL(test, p);
		gom_free(p);
		if (!IS_ENABLED(CONFIG_PREEMPT_COUNT))
			gom_efence_sync();	/* gom_free() could not tell that it may sleep */
		KUNIT_EXPECT_FALSE_MSG(test, reachable(p), "%zu bytes", sizes[i]);
		KUNIT_EXPECT_FALSE_MSG(test, reachable(p + sizes[i] - 1), "%zu bytes", sizes[i]);
	}
}

static void addresses_are_not_reused_soon(struct kunit *test)
{
	void *p[40];
	unsigned int i, j;

	for (i = 0; i < ARRAY_SIZE(p); i++) {
		p[i] = gom_malloc(64, GFP_KERNEL);
		KUNIT_ASSERT_NOT_NULL(test, p[i]);
		gom_free(p[i]);
		gom_efence_sync();
		for (j = 0; j < i; j++)
			KUNIT_EXPECT_PTR_NE(test, p[i], p[j]);
	}
}

/* In atomic context objects are mapped in advance, and unmapped later. */
static void atomic_context_is_served(struct kunit *test)
{
	struct gom_efence_stats before, after;
	unsigned long flags;
	char *p, *q;

	gom_efence_read(&before);
	local_irq_save(flags);
	p = gom_malloc(200, GFP_ATOMIC);
	/* Without guard page: no mapping of that length is ready. */
	q = gom_malloc(20000, GFP_ATOMIC);
	local_irq_restore(flags);
	KUNIT_ASSERT_NOT_NULL(test, p);
	KUNIT_ASSERT_NOT_NULL(test, q);
	gom_efence_read(&after);
	KUNIT_EXPECT_EQ(test, after.mallocs - before.mallocs, 1ULL);
	KUNIT_EXPECT_EQ(test, after.missed - before.missed, 1ULL);
	KUNIT_EXPECT_FALSE(test, reachable(p + 200));
	memset(q, 1, 20000);
	local_irq_save(flags);
	gom_free(p);
	gom_free(q);
	local_irq_restore(flags);
	gom_efence_sync();
	KUNIT_EXPECT_FALSE(test, reachable(p));
	gom_efence_read(&after);
	KUNIT_EXPECT_EQ(test, after.frees - before.frees, 1ULL);
}

static void free_wakes_no_task(struct kunit *test)
{
	void *p = gom_malloc(200, GFP_KERNEL);

	KUNIT_ASSERT_NOT_NULL(test, p);
	gom_efence_sync();		/* so that this free is the first of its batch */
	free_with_scheduler_lock(test, p);
	gom_efence_sync();
	KUNIT_EXPECT_FALSE(test, reachable(p));
}

static void finalizer_note(void *p, void *arg)
{
	*(void **)arg = p;
}

static void other_calls_have_guard_pages(struct kunit *test)
{
	struct gom_cache *cache = gom_cache_create("gom_efence", 60, 0, 0, NULL);
	struct { char c[90]; struct rcu_head rcu; } *r;
	void *p, *q, *seen = NULL;

	KUNIT_ASSERT_NOT_NULL(test, cache);
	p = gom_cache_zalloc(cache, GFP_KERNEL);
	KUNIT_ASSERT_NOT_NULL(test, p);
	KUNIT_EXPECT_TRUE(test, gomtest_all_bytes(p, 0, 60));
	KUNIT_EXPECT_FALSE(test, reachable(p + 64));
	gom_cache_free(cache, p);
	gom_cache_destroy(cache);
	p = gom_malloc_noscan(3, GFP_KERNEL);
	KUNIT_ASSERT_NOT_NULL(test, p);
	KUNIT_EXPECT_FALSE(test, reachable(p + 8));
	q = gom_realloc(p, 5000, GFP_KERNEL);
	KUNIT_ASSERT_NOT_NULL(test, q);
	q = gom_realloc(q, 700, GFP_KERNEL);
	KUNIT_ASSERT_NOT_NULL(test, q);
	gom_free_sized(q, 700);
	r = gom_malloc(sizeof(*r), GFP_KERNEL);
	KUNIT_ASSERT_NOT_NULL(test, r);
	gom_free_rcu(r, rcu);
	p = gom_malloc(70, GFP_KERNEL);
	KUNIT_ASSERT_EQ(test, gom_set_finalizer(p, finalizer_note, &seen), 0);
	gom_free(p);
	gom_finalizer_barrier();
	KUNIT_EXPECT_PTR_EQ(test, seen, p);
	gom_free_rcu_barrier();
}

/* An object without guard page has a class, which a sized free compares. */
static void object_without_guard_page_is_resized(struct kunit *test)
{
	unsigned long counted = gom_misuse_count(GOM_BAD_FREE_SIZE), flags;
	void *p, *q;

	local_irq_save(flags);
	p = gom_malloc(20000, GFP_ATOMIC);
	local_irq_restore(flags);
	KUNIT_ASSERT_NOT_NULL(test, p);
	KUNIT_ASSERT_FALSE(test, is_vmalloc_addr(p));
	q = gom_realloc(p, 100, GFP_KERNEL);
	KUNIT_ASSERT_NOT_NULL(test, q);
	gom_free_sized(q, 100);
	KUNIT_EXPECT_EQ(test, gom_misuse_count(GOM_BAD_FREE_SIZE), counted);
}

/*
 * Classes above 47 KiB may be larger than the object: nothing is written behind
 * it.
 */
static void large_cache_objects_end_at_guard_page(struct kunit *test)
{
	struct gom_cache *cache = gom_cache_create("gom_efence_large", 100000, 0, 0, NULL);
	void *p;

	KUNIT_ASSERT_NOT_NULL(test, cache);
	p = gom_cache_zalloc(cache, GFP_KERNEL);
	KUNIT_ASSERT_NOT_NULL(test, p);
	KUNIT_EXPECT_TRUE(test, gomtest_all_bytes(p, 0, 100000));
	KUNIT_EXPECT_FALSE(test, reachable(p + 100000));
	gom_cache_free(cache, p);
	gom_cache_destroy(cache);
}

static const void *traced;

static void trace_free(void *data, unsigned long caller, const void *ptr, unsigned int class)
{
	traced = ptr;
}

static void frees_are_traced(struct kunit *test)
{
	struct gom_cache *cache = gom_cache_create("gom_heard", 60, 0, 0, NULL);
	void *p = gom_malloc(100, GFP_KERNEL), *q = gom_cache_alloc(cache, GFP_KERNEL);

	if (!IS_ENABLED(CONFIG_TRACEPOINTS))
		kunit_skip(test, "this kernel has no tracepoints");
	KUNIT_ASSERT_EQ(test, register_trace_gom_free(trace_free, NULL), 0);
	gom_free(p);
	KUNIT_EXPECT_PTR_EQ(test, traced, (const void *)p);
	gom_cache_free(cache, q);
	KUNIT_EXPECT_PTR_EQ(test, traced, (const void *)q);
	unregister_trace_gom_free(trace_free, NULL);
	tracepoint_synchronize_unregister();
	gom_cache_destroy(cache);
}

static void invalid_frees_are_reported(struct kunit *test)
{
	char *p = gom_malloc(100, GFP_KERNEL);

	gomtest_expect_misuse(test);
	KUNIT_ASSERT_NOT_NULL(test, p);
	KUNIT_ASSERT_EQ(test, gomtest_log_capture(), 0);
	gomtest_log_clear();
	gom_free(p + 8);
	KUNIT_EXPECT_TRUE(test, gomtest_log_contains("where no object begins"));
	gom_free(p);
	gom_free(p);
	KUNIT_EXPECT_TRUE(test, gomtest_log_contains("where no object is, any more"));
	gomtest_log_release();
}

static int efence_begin(struct kunit *test)
{
	if (!gom_efence)
		kunit_skip(test, "gomalloc was not loaded with efence=1");
	return gomtest_begin_any(test);
}

static void nolock_frees_are_deferred(struct kunit *test)
{
	struct gom_efence_stats before, after;
	char *p = gom_malloc(200, GFP_KERNEL), *q = gom_malloc(1, GFP_KERNEL);

	KUNIT_ASSERT_NOT_NULL(test, p);
	KUNIT_ASSERT_NOT_NULL(test, q);
	gom_efence_read(&before);
	gom_free_nolock(p);
	gom_free_nolock(q);		/* its first word would end behind the guard page */
	gom_finalizer_barrier();
	gom_efence_sync();
	gom_efence_read(&after);
	KUNIT_EXPECT_EQ(test, after.frees - before.frees, 2ULL);
	KUNIT_EXPECT_FALSE(test, reachable(p));
	KUNIT_EXPECT_FALSE(test, reachable(q));
}

static bool index_deny(enum gom_test_point at, unsigned int order, gfp_t gfp)
{
	return at == GOM_AT_GUARDED;
}

/* An allocation that fails leaves the worker to be woken by the next free. */
static void failed_allocation_does_not_delay_frees(struct kunit *test)
{
	char *p = gom_malloc(200, GFP_KERNEL), *q;
	unsigned long flags, end = jiffies + 10 * HZ;

	KUNIT_ASSERT_NOT_NULL(test, p);
	gom_efence_sync();
	WRITE_ONCE(gom_test_callback, index_deny);
	q = gom_malloc(200, GFP_KERNEL);
	WRITE_ONCE(gom_test_callback, NULL);
	local_irq_save(flags);
	gom_free(p);
	local_irq_restore(flags);
	while (reachable(p) && time_before(jiffies, end))
		cond_resched();
	KUNIT_EXPECT_FALSE(test, reachable(p));
	gom_free(q);
}

static void efence_end(struct kunit *test)
{
	gom_efence_sync();
	gomtest_end(test);
}

/* With efence_module only objects of that module get guard pages. */
static void one_module_is_guarded(struct kunit *test)
{
	static const char * const names[] = { "gomalloc-kunit", "another", "" };
	struct gom_efence_stats before, after;
	bool guarded[3];
	unsigned int i;
	void *p, *tiny;

	for (i = 0; i < ARRAY_SIZE(names); i++) {
		KUNIT_ASSERT_EQ(test, gom_client_filter_set(&gom_efence_module, names[i]), 0);
		gom_efence_read(&before);
		p = gom_malloc(100, GFP_KERNEL);
		tiny = gom_malloc_noscan(3, GFP_KERNEL);
		gom_efence_read(&after);
		guarded[i] = is_vmalloc_addr(p) && is_vmalloc_addr(tiny);
		KUNIT_EXPECT_EQ(test, after.mallocs - before.mallocs, guarded[i] ? 2ULL : 0);
		KUNIT_EXPECT_EQ(test, after.missed, before.missed);
		/* What the filter was when an object was allocated is no matter. */
		gom_client_filter_set(&gom_efence_module, i ? "gomalloc_kunit" : "another");
		gom_free(p);
		gom_free(tiny);
	}
	gom_client_filter_set(&gom_efence_module, "");
	KUNIT_EXPECT_TRUE(test, guarded[0]);
	KUNIT_EXPECT_FALSE(test, guarded[1]);
	KUNIT_EXPECT_TRUE(test, guarded[2]);
	KUNIT_EXPECT_EQ(test, gom_client_filter_set(&gom_efence_module,
		"a_name_that_is_longer_than_that_of_any_module_can_be_in_the_kernel"), -EINVAL);
}

static struct kunit_case cases[] = {
	KUNIT_CASE(overrun_faults),
	KUNIT_CASE(use_after_free_faults),
	KUNIT_CASE(addresses_are_not_reused_soon),
	KUNIT_CASE(atomic_context_is_served),
	KUNIT_CASE(one_module_is_guarded),
	KUNIT_CASE(free_wakes_no_task),
	KUNIT_CASE(other_calls_have_guard_pages),
	KUNIT_CASE(object_without_guard_page_is_resized),
	KUNIT_CASE(large_cache_objects_end_at_guard_page),
	KUNIT_CASE(frees_are_traced),
	KUNIT_CASE(invalid_frees_are_reported),
	KUNIT_CASE(nolock_frees_are_deferred),
	KUNIT_CASE(failed_allocation_does_not_delay_frees),
	{}
};

struct kunit_suite gomalloc_efence_suite = {
	.name = "gomalloc_efence",
	.init = efence_begin,
	.exit = efence_end,
	.test_cases = cases,
};
