// SPDX-License-Identifier: GPL-2.0
/*
 * Calls that never wait: they meet locks that are held and a cache that is in
 * use.
 */
#include <linux/jump_label.h>
#include <linux/mm.h>

#include "api/nolock.h"
#include "base/compat.h"
#include "base/report.h"
#include "central/mcentral.h"
#include "gomalloc.h"
#include "percpu/mcache.h"
#include "suites.h"

#define SIZE	176U

/*
 * The state that an NMI may find: mcentral locked, and its CPU inside the
 * cache.
 */
static struct gom_mcentral *central_block(unsigned int class, unsigned long *flags)
{
	struct gom_mcentral *central;

	preempt_disable();
	central = gom_mcentral_of(class, numa_mem_id());
	spin_lock_irqsave(&central->lock, *flags);
	this_cpu_ptr(&gom_mcache)->mallocing |= GOM_MALLOCING;
	return central;
}

static void central_unblock(struct gom_mcentral *central, unsigned long flags)
{
	this_cpu_ptr(&gom_mcache)->mallocing &= ~GOM_MALLOCING;
	spin_unlock_irqrestore(&central->lock, flags);
	preempt_enable();
}

static void held_locks_are_not_waited_for(struct kunit *test)
{
	unsigned int class = gom_size_to_class(SIZE);
	u64 before = gomtest_live_objects(), barred_frees, central_frees;
	struct gom_mcentral *central;
	unsigned long flags;
	void *warm, *p, *q;

	warm = gom_malloc(SIZE, GFP_KERNEL);
	KUNIT_ASSERT_NOT_NULL(test, warm);
	p = gom_malloc_nolock(SIZE, 0);
	KUNIT_ASSERT_NOT_NULL(test, p);
	KUNIT_EXPECT_EQ(test, gomtest_live_objects(), before + 2);

	central = central_block(class, &flags);
	central_frees = central->frees;
	q = gom_malloc_nolock(SIZE, 0);
	gom_free_nolock(p);
	barred_frees = central->frees - central_frees;
	central_unblock(central, flags);

	KUNIT_EXPECT_NULL(test, q);
	KUNIT_EXPECT_EQ(test, barred_frees, 0ULL);
	gom_nolock_drain();	/* frees what was queued */
	KUNIT_EXPECT_EQ(test, gomtest_live_objects(), before + 1);
	gom_free(warm);
}

/*
 * With the cache in use, but no lock held, objects are freed without queueing.
 */
static void cache_in_use_is_bypassed(struct kunit *test)
{
	const u64 now = IS_ENABLED(CONFIG_DEBUG_KMEMLEAK) ? 0 : 1;	/* else queued */
	struct gom_mcentral *central;
	struct gom_mcache *c;
	u64 mallocs, frees;
	void *p, *q;

	gom_free(gom_malloc(SIZE, GFP_KERNEL));
	p = gom_malloc_nolock(SIZE, 0);
	KUNIT_ASSERT_NOT_NULL(test, p);
	preempt_disable();
	central = gom_mcentral_of(gom_size_to_class(SIZE), numa_mem_id());
	mallocs = central->mallocs;
	frees = central->frees;
	c = this_cpu_ptr(&gom_mcache);
	c->mallocing |= GOM_MALLOCING;
	q = gom_malloc_nolock(SIZE, 0);
	gom_free_nolock(q);
	gom_free_nolock(p);
	c->mallocing &= ~GOM_MALLOCING;
	mallocs = central->mallocs - mallocs;
	frees = central->frees - frees;
	preempt_enable();

	KUNIT_EXPECT_EQ(test, mallocs, (u64)!!q);
	KUNIT_EXPECT_EQ(test, frees, now * (1 + (u64)!!q));
	gom_nolock_drain();
}

static void every_small_object_is_freed(struct kunit *test)
{
	u64 before = gomtest_live_objects();
	size_t size;
	void *p;

	for (size = GOM_TINY_MAX + 1; size <= GOM_RUN_MAX_SIZE; size = size * 2 + 1) {
		p = gom_malloc(size, GFP_KERNEL);
		KUNIT_ASSERT_NOT_NULL(test, p);
		gom_free_nolock(p);
		gom_nolock_drain();
		KUNIT_EXPECT_EQ(test, gomtest_live_objects(), before);
		p = gom_malloc(size, GFP_KERNEL);
		gom_free(p);
	}
}

static void init_on_free_is_honoured(struct kunit *test)
{
	const bool was = want_init_on_free();
	void *p;

	if (IS_ENABLED(CONFIG_KASAN) && !was)
		kunit_skip(test, "with KASAN, SLUB does not support a change of init_on_free");
	p = gom_malloc_nolock(SIZE, 0);
	if (!p) {
		gom_free(gom_malloc(SIZE, GFP_KERNEL));
		p = gom_malloc_nolock(SIZE, 0);
	}
	KUNIT_ASSERT_NOT_NULL(test, p);
	memset(p, 0x77, SIZE);
	if (!was)
		static_branch_enable(&init_on_free);
	gom_free_nolock(p);
	gom_nolock_drain();
	if (!was)
		static_branch_disable(&init_on_free);
	/* No other task allocates, so the memory is still there. */
	KUNIT_EXPECT_TRUE(test, gomtest_all_bytes(p, 0, SIZE));
}

static void double_free_is_reported(struct kunit *test)
{
	unsigned long counted = gom_misuse_count(GOM_BAD_DOUBLE_FREE);
	void *p;

	gomtest_expect_misuse(test);
	gom_free(gom_malloc(SIZE, GFP_KERNEL));
	preempt_disable();
	p = gom_malloc_nolock(SIZE, 0);
	gom_free_nolock(p);
	gom_free_nolock(p);
	preempt_enable();
	gom_nolock_drain();
	KUNIT_ASSERT_NOT_NULL(test, p);
	KUNIT_EXPECT_EQ(test, gom_misuse_count(GOM_BAD_DOUBLE_FREE), counted + 1);
}

static void cached_objects_are_allocated(struct kunit *test)
{
	void *p[20];
	unsigned int i, n = 0;

	for (i = 0; i < ARRAY_SIZE(p); i++) {	/* some in the cache or in mcentral */
		p[i] = gom_malloc(SIZE, GFP_KERNEL);
		KUNIT_ASSERT_NOT_NULL(test, p[i]);
		memset(p[i], 0x99, SIZE);
	}
	for (i = 0; i < ARRAY_SIZE(p); i++)
		gom_free(p[i]);
	for (i = 0; i < ARRAY_SIZE(p); i++) {
		p[i] = gom_malloc_nolock(SIZE, __GFP_ZERO);
		if (!p[i])
			continue;
		n++;
		KUNIT_EXPECT_TRUE(test, gomtest_all_bytes(p[i], 0, SIZE));
		memset(p[i], i + 1, SIZE);
	}
	KUNIT_EXPECT_GT(test, n, 0U);
	for (i = 0; i < ARRAY_SIZE(p); i++) {
		if (p[i])
			KUNIT_EXPECT_TRUE(test, gomtest_all_bytes(p[i], i + 1, SIZE));
		gom_free_nolock(p[i]);
	}
	gom_nolock_drain();
	KUNIT_EXPECT_PTR_EQ(test, gom_malloc_nolock(0, 0), ZERO_SIZE_PTR);
	KUNIT_EXPECT_NULL(test, gom_malloc_nolock(300000, 0));
}

static void other_objects_are_refused(struct kunit *test)
{
	unsigned long counted = gom_misuse_count(GOM_BAD_POINTER);
	struct gom_cache *c;
	void *p[4];
	unsigned int i;

	gomtest_expect_misuse(test);
	c = gom_cache_create("test_nolock", 72, 0, GOM_NO_MERGE, NULL);
	KUNIT_ASSERT_NOT_NULL(test, c);
	p[0] = gom_malloc(300000, GFP_KERNEL);
	p[1] = gom_cache_alloc(c, GFP_KERNEL);
	p[2] = gom_malloc_noscan(3, GFP_KERNEL);
	p[3] = gom_malloc(SIZE, GFP_KERNEL);
	for (i = 0; i < ARRAY_SIZE(p); i++) {
		KUNIT_ASSERT_NOT_NULL(test, p[i]);
		gom_free_nolock(p[i] + (i == 3) * 8);	/* inside the last object */
	}
	gom_free_nolock(&counted);
	KUNIT_EXPECT_EQ(test, gom_misuse_count(GOM_BAD_POINTER), counted + ARRAY_SIZE(p) + 1);
	gom_free_nolock(NULL);
	gom_free_nolock(ZERO_SIZE_PTR);
	KUNIT_EXPECT_EQ(test, gom_misuse_count(GOM_BAD_POINTER), counted + ARRAY_SIZE(p) + 1);
	gom_free_bulk(ARRAY_SIZE(p), p);
	gom_cache_destroy(c);
}

static struct kunit_case cases[] = {
	HEAP_CASE(held_locks_are_not_waited_for),
	HEAP_CASE(cache_in_use_is_bypassed),
	HEAP_CASE(every_small_object_is_freed),
	HEAP_CASE(init_on_free_is_honoured),
	HEAP_CASE(double_free_is_reported),
	HEAP_CASE(cached_objects_are_allocated),
	HEAP_CASE(other_objects_are_refused),
	{}
};

struct kunit_suite gomalloc_nolock_suite = {
	.name = "gomalloc_nolock",
	.init = gomtest_begin,
	.exit = gomtest_end,
	.test_cases = cases,
};
