// SPDX-License-Identifier: GPL-2.0
/* efence mode: what lies behind an object, and what is left of one that was freed. */
#include <linux/irqflags.h>
#include <linux/mm.h>
#include <linux/preempt.h>
#include <linux/uaccess.h>
#include <linux/vmalloc.h>

#include "api/efence.h"
#include "base/compat.h"
#include "base/report.h"
#include "base/trace.h"
#include "console.h"
#include "gomalloc.h"
#include "sched_lock.h"
#include "suites.h"

static const size_t sizes[] = { 1, 7, 8, 24, 100, 1000, 4088, 4096, 4104, 12345, 100000, 300000 };

/*
 * Can the byte at @p be reached?  If not the read faults, and is told so; but not under
 * UML, which takes each fault there for one that it can mend, and tries for ever.  It
 * is asked whether a page is mapped; workload "efence" of the benchmark module tries.
 */
static bool reachable(void *p)
{
	u8 byte;

	if (IS_ENABLED(CONFIG_UML))
		return vmalloc_to_page(p);
	return !copy_from_kernel_nofault(&byte, p, 1);
}

/* From the object's end to the fence there are less than 8 bytes. */
static void an_overrun_faults(struct kunit *test)
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

static void a_use_after_the_free_faults(struct kunit *test)
{
	unsigned int i;
	char *p;

	for (i = 0; i < ARRAY_SIZE(sizes); i++) {
		p = gom_malloc(sizes[i], GFP_KERNEL);
		KUNIT_ASSERT_NOT_NULL(test, p);
		gom_free(p);
		if (!IS_ENABLED(CONFIG_PREEMPT_COUNT))
			gom_efence_sync();	/* nobody could tell that we may sleep */
		KUNIT_EXPECT_FALSE_MSG(test, reachable(p), "%zu bytes", sizes[i]);
		KUNIT_EXPECT_FALSE_MSG(test, reachable(p + sizes[i] - 1), "%zu bytes", sizes[i]);
	}
}

static void addresses_are_not_used_again_soon(struct kunit *test)
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

/* Where nothing can be mapped or unmapped: from what is ready, and unmapped later. */
static void also_where_nobody_may_sleep(struct kunit *test)
{
	struct gom_efence_stats before, after;
	unsigned long flags;
	char *p, *q;

	gom_efence_read(&before);
	local_irq_save(flags);
	p = gom_malloc(200, GFP_ATOMIC);
	q = gom_malloc(20000, GFP_ATOMIC);	/* an ordinary one: nothing of that length is ready */
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

static void a_free_wakes_no_task(struct kunit *test)
{
	void *p = gom_malloc(200, GFP_KERNEL);

	KUNIT_ASSERT_NOT_NULL(test, p);
	gom_efence_sync();		/* so that this free is the first of its batch */
	free_with_scheduler_lock(test, p);
	gom_efence_sync();
	KUNIT_EXPECT_FALSE(test, reachable(p));
}

static void note(void *p, void *arg)
{
	*(void **)arg = p;
}

static void the_rest_of_the_interface(struct kunit *test)
{
	struct gom_cache *cache = gom_cache_create("gom_efence", 60, 0, 0, NULL);
	struct { char c[90]; struct rcu_head rcu; } *r;
	void *p, *q, *seen = NULL;

	KUNIT_ASSERT_NOT_NULL(test, cache);
	p = gom_cache_zalloc(cache, GFP_KERNEL);
	KUNIT_ASSERT_NOT_NULL(test, p);
	KUNIT_EXPECT_TRUE(test, all_bytes(p, 0, 60));
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
	KUNIT_ASSERT_EQ(test, gom_set_finalizer(p, note, &seen), 0);
	gom_free(p);
	gom_finalizer_barrier();
	KUNIT_EXPECT_PTR_EQ(test, seen, p);
	gom_free_rcu_barrier();
}

/* What has no fence is an ordinary object, whose class a sized free goes by. */
static void what_has_no_fence_is_resized_as_always(struct kunit *test)
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

/* Whose class is larger than they are, as many are above 47 KiB: nothing is written behind them. */
static void large_objects_of_caches_end_at_the_guard_page(struct kunit *test)
{
	struct gom_cache *cache = gom_cache_create("gom_efence_large", 100000, 0, 0, NULL);
	void *p;

	KUNIT_ASSERT_NOT_NULL(test, cache);
	p = gom_cache_zalloc(cache, GFP_KERNEL);
	KUNIT_ASSERT_NOT_NULL(test, p);
	KUNIT_EXPECT_TRUE(test, all_bytes(p, 0, 100000));
	KUNIT_EXPECT_FALSE(test, reachable(p + 100000));
	gom_cache_free(cache, p);
	gom_cache_destroy(cache);
}

static const void *heard;

static void hear_free(void *data, unsigned long caller, const void *ptr, unsigned int class)
{
	heard = ptr;
}

static void frees_are_heard(struct kunit *test)
{
	struct gom_cache *cache = gom_cache_create("gom_heard", 60, 0, 0, NULL);
	void *p = gom_malloc(100, GFP_KERNEL), *q = gom_cache_alloc(cache, GFP_KERNEL);

	if (!IS_ENABLED(CONFIG_TRACEPOINTS))
		kunit_skip(test, "this kernel has no tracepoints");
	KUNIT_ASSERT_EQ(test, register_trace_gom_free(hear_free, NULL), 0);
	gom_free(p);
	KUNIT_EXPECT_PTR_EQ(test, heard, (const void *)p);
	gom_cache_free(cache, q);
	KUNIT_EXPECT_PTR_EQ(test, heard, (const void *)q);
	unregister_trace_gom_free(hear_free, NULL);
	tracepoint_synchronize_unregister();
	gom_cache_destroy(cache);
}

static void wrong_frees_are_seen(struct kunit *test)
{
	char *p = gom_malloc(100, GFP_KERNEL);

	may_misuse(test);
	KUNIT_ASSERT_NOT_NULL(test, p);
	KUNIT_ASSERT_EQ(test, console_listen(), 0);
	console_clear();
	gom_free(p + 8);
	KUNIT_EXPECT_TRUE(test, console_said("where no object begins"));
	gom_free(p);
	gom_free(p);
	KUNIT_EXPECT_TRUE(test, console_said("where no object is, any more"));
	console_unlisten();
}

static int efence_begin(struct kunit *test)
{
	if (!gom_efence)
		kunit_skip(test, "gomalloc was not loaded with efence=1");
	return counted_begin(test);
}

static void efence_end(struct kunit *test)
{
	gom_efence_sync();
	live_end(test);
}

static struct kunit_case cases[] = {
	KUNIT_CASE(an_overrun_faults),
	KUNIT_CASE(a_use_after_the_free_faults),
	KUNIT_CASE(addresses_are_not_used_again_soon),
	KUNIT_CASE(also_where_nobody_may_sleep),
	KUNIT_CASE(a_free_wakes_no_task),
	KUNIT_CASE(the_rest_of_the_interface),
	KUNIT_CASE(what_has_no_fence_is_resized_as_always),
	KUNIT_CASE(large_objects_of_caches_end_at_the_guard_page),
	KUNIT_CASE(frees_are_heard),
	KUNIT_CASE(wrong_frees_are_seen),
	{}
};

struct kunit_suite gomalloc_efence_suite = {
	.name = "gomalloc_efence",
	.init = efence_begin,
	.exit = efence_end,
	.test_cases = cases,
};
