// SPDX-License-Identifier: GPL-2.0
/* The scavenger: memory that is idle for a while is released. */
#include <linux/delay.h>
#include <linux/jiffies.h>
#include <linux/mm.h>

#include "base/compat.h"
#include "base/fault.h"
#include "gomalloc.h"
#include "heap/mheap.h"
#include "heap/scavenger.h"
#include "suites.h"

#define SIZE	20000U
#define BYTES	TIMES(256UL << 20, 32UL << 20)
#define OBJECTS	(BYTES / (5 * 4096))

static void scavenger_configure(unsigned int ms, unsigned int kb)
{
	gom_scavenge_ms = ms;
	gom_scavenge_kb = kb;
	gom_scavenger_set();
}

/* Wait until at most @least bytes are idle, or @seconds are over. */
static u64 idle_wait(u64 least, unsigned int seconds)
{
	unsigned long end = jiffies + seconds * HZ;
	struct gom_memstats m;

	do {
		msleep(20);
		gom_memstats_read(&m);
	} while (m.heap_idle > least && time_before(jiffies, end));
	return m.heap_idle;
}

/* Allocate objects into @p as far as memory allows; returns their number. */
static unsigned long objects_alloc(void **p)
{
	unsigned long n;

	for (n = 0; n < OBJECTS; n++) {
		p[n] = gom_malloc(SIZE, GFP_KERNEL | __GFP_NORETRY | __GFP_NOWARN);
		if (!p[n])
			break;
	}
	return n;
}

static void idle_heap_is_released(struct kunit *test)
{
	void **p = kvmalloc_array(OBJECTS, sizeof(*p), GFP_KERNEL);
	unsigned long before, after, n;
	struct gom_memstats m;

	KUNIT_ASSERT_NOT_NULL(test, p);
	gom_release_memory();
	before = global_zone_page_state(NR_FREE_PAGES);
	scavenger_configure(0, 0);
	n = objects_alloc(p);
	KUNIT_EXPECT_EQ(test, n, OBJECTS);
	gom_free_bulk(n, p);
	gom_memstats_read(&m);
	KUNIT_EXPECT_GT(test, m.heap_idle, BYTES / 2);
	scavenger_configure(100, 4 << 20);
	KUNIT_EXPECT_LT(test, idle_wait(2 << 20, 20), 2ULL << 20);
	after = global_zone_page_state(NR_FREE_PAGES);
	/*
	 * The page allocator keeps some thousand in lists of the CPUs, which it
	 * does not count as free, and kmemleak keeps slabs of records.
	 */
	KUNIT_EXPECT_GE(test, after + BYTES / 4 / PAGE_SIZE, before);
	kvfree(p);
}

static void nothing_is_released_early(struct kunit *test)
{
	struct gom_memstats before, after;
	void *p = gom_malloc(3 << 20, GFP_KERNEL);

	KUNIT_ASSERT_NOT_NULL(test, p);
	gom_free(p);
	scavenger_configure(60000, 4 << 20);
	gom_memstats_read(&before);
	msleep(300);
	gom_memstats_read(&after);
	KUNIT_EXPECT_EQ(test, after.heap_released, before.heap_released);
	KUNIT_EXPECT_GE(test, after.heap_idle, 3ULL << 20);
	scavenger_configure(0, 4 << 20);
	msleep(100);
	scavenger_configure(10, 0);
	msleep(100);
	gom_memstats_read(&after);
	KUNIT_EXPECT_EQ(test, after.heap_released, before.heap_released);
}

/* A low rate is honoured, also for a fraction of a second. */
static void rate_limit_is_honoured(struct kunit *test)
{
	void *p[4] = { };
	struct gom_memstats before, after;
	unsigned int i;
	unsigned long start;

	for (i = 0; i < ARRAY_SIZE(p); i++)
		p[i] = gom_malloc(4 << 20, GFP_KERNEL);
	for (i = 0; i < ARRAY_SIZE(p); i++)
		gom_free(p[i]);
	gom_memstats_read(&before);
	scavenger_configure(20, 4096);
	start = jiffies;
	idle_wait(before.heap_idle - (2 << 20), 10);
	gom_memstats_read(&after);
	KUNIT_EXPECT_GE(test, after.heap_released - before.heap_released, 2ULL << 20);
	/* Plus a tick of the clock, and a tick of the scavenger in progress. */
	KUNIT_EXPECT_LE(test, after.heap_released - before.heap_released,
			(4096ULL << 10) * (jiffies - start + HZ / 5) / HZ);
}

/* A heap in use keeps the memory that it is about to use again. */
static void heap_in_use_is_not_released(struct kunit *test)
{
	unsigned long end;
	struct gom_memstats before, after;
	void *p;

	gom_release_memory();
	gom_free(gom_malloc(4 << 20, GFP_KERNEL));
	msleep(1100);			/* after a second releases are no refaults any more */
	gom_memstats_read(&before);
	scavenger_configure(200, 4 << 20);
	end = jiffies + HZ;
	while (time_before(jiffies, end)) {
		p = gom_malloc(4 << 20, GFP_KERNEL);
		KUNIT_ASSERT_NOT_NULL(test, p);
		gom_free(p);
		msleep(20);		/* idle at the moment, but needed again */
	}
	gom_memstats_read(&after);
	KUNIT_EXPECT_EQ(test, after.heap_refaults, before.heap_refaults);
	KUNIT_EXPECT_LE(test, after.heap_released - before.heap_released, 1ULL << 20);
}

static void refaults_are_counted(struct kunit *test)
{
	struct gom_memstats before, after;

	gom_release_memory();
	gom_free(gom_malloc(2 << 20, GFP_KERNEL));
	gom_memstats_read(&before);
	gom_mheap_release(512);
	gom_free(gom_malloc(2 << 20, GFP_KERNEL));
	gom_memstats_read(&after);
	KUNIT_EXPECT_GE(test, after.heap_refaults - before.heap_refaults, 1ULL << 20);
	gom_mheap_release(512);
	msleep(1100);
	gom_memstats_read(&before);
	gom_free(gom_malloc(2 << 20, GFP_KERNEL));
	gom_memstats_read(&after);
	KUNIT_EXPECT_EQ(test, after.heap_refaults, before.heap_refaults);
}

static void *pending;

/* Free an object just after the scavenger found nothing idle. */
static bool pending_free(enum gom_test_point at, unsigned int arg, gfp_t gfp)
{
	void *p;

	if (at == GOM_AT_SCAVENGER_END) {
		p = xchg(&pending, NULL);
		gom_free(p);
	}
	return false;
}

static void free_before_sleep_is_not_missed(struct kunit *test)
{
	unsigned long end = jiffies + 10 * HZ;

	pending = gom_malloc(4 << 20, GFP_KERNEL);
	KUNIT_ASSERT_NOT_NULL(test, pending);
	gom_release_memory();
	WRITE_ONCE(gom_test_callback, pending_free);
	scavenger_configure(10, 4 << 20);
	gom_free(gom_malloc(3 << 20, GFP_KERNEL));	/* wakes the scavenger */
	while (READ_ONCE(pending) && time_before(jiffies, end))
		msleep(20);
	KUNIT_EXPECT_NULL_MSG(test, pending, "the scavenger never went to sleep");
	KUNIT_EXPECT_LT(test, idle_wait(1 << 20, 10), 1ULL << 20);
	WRITE_ONCE(gom_test_callback, NULL);
	gom_free(xchg(&pending, NULL));
}

static unsigned int ms_before, kb_before;

/* The tail that gom_realloc() frees is idle memory like any other. */
static void trimmed_tails_are_released(struct kunit *test)
{
	void *p[4], *q;
	unsigned int i;

	scavenger_configure(100, 4 << 20);
	for (i = 0; i < ARRAY_SIZE(p); i++) {
		p[i] = gom_malloc(4 << 20, GFP_KERNEL);
		KUNIT_ASSERT_NOT_NULL(test, p[i]);
	}
	/* Without idle memory the scavenger sleeps. */
	gom_release_memory();
	gom_scavenger_set();
	for (i = 0; i < ARRAY_SIZE(p); i++) {
		q = gom_realloc(p[i], 200000, GFP_KERNEL);
		KUNIT_EXPECT_PTR_EQ(test, p[i], q);
	}
	KUNIT_EXPECT_LT(test, idle_wait(2 << 20, 20), 2ULL << 20);
	gom_free_bulk(ARRAY_SIZE(p), p);
}

static int scavenger_begin(struct kunit *test)
{
	ms_before = gom_scavenge_ms;
	kb_before = gom_scavenge_kb;
	return gomtest_begin_heap(test);
}

static void scavenger_end(struct kunit *test)
{
	scavenger_configure(ms_before, kb_before);
	gomtest_end(test);
}

static struct kunit_case cases[] = {
	KUNIT_CASE(idle_heap_is_released),
	KUNIT_CASE(nothing_is_released_early),
	KUNIT_CASE(rate_limit_is_honoured),
	KUNIT_CASE(heap_in_use_is_not_released),
	KUNIT_CASE(refaults_are_counted),
	KUNIT_CASE(free_before_sleep_is_not_missed),
	KUNIT_CASE(trimmed_tails_are_released),
	{}
};

struct kunit_suite gomalloc_scavenger_suite = {
	.name = "gomalloc_scavenger",
	.init = scavenger_begin,
	.exit = scavenger_end,
	.test_cases = cases,
};
