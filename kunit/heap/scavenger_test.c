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

static void scavenge_after(unsigned int ms, unsigned int kb)
{
	gom_scavenge_ms = ms;
	gom_scavenge_kb = kb;
	gom_scavenger_set();
}

/* Wait until there is no more to come back, but not for ever. */
static u64 wait_for_idle(u64 least, unsigned int seconds)
{
	unsigned long end = jiffies + seconds * HZ;
	struct gom_memstats m;

	do {
		msleep(20);
		gom_memstats_read(&m);
	} while (m.heap_idle > least && time_before(jiffies, end));
	return m.heap_idle;
}

/* Fill @p as far as memory goes without using up the machine; how many. */
static unsigned long fill(void **p)
{
	unsigned long n;

	for (n = 0; n < OBJECTS; n++) {
		p[n] = gom_malloc(SIZE, GFP_KERNEL | __GFP_NORETRY | __GFP_NOWARN);
		if (!p[n])
			break;
	}
	return n;
}

static void a_heap_left_alone_comes_back(struct kunit *test)
{
	void **p = kvmalloc_array(OBJECTS, sizeof(*p), GFP_KERNEL);
	unsigned long before, after, n;
	struct gom_memstats m;

	KUNIT_ASSERT_NOT_NULL(test, p);
	gom_release_memory();
	before = global_zone_page_state(NR_FREE_PAGES);
	scavenge_after(0, 0);
	n = fill(p);
	KUNIT_EXPECT_EQ(test, n, OBJECTS);
	gom_free_bulk(n, p);
	gom_memstats_read(&m);
	KUNIT_EXPECT_GT(test, m.heap_idle, BYTES / 2);
	scavenge_after(100, 4 << 20);
	KUNIT_EXPECT_LT(test, wait_for_idle(2 << 20, 20), 2ULL << 20);
	after = global_zone_page_state(NR_FREE_PAGES);
	/* Within 1%; kmemleak keeps slabs of records of its own. */
	KUNIT_EXPECT_GE(test, after + totalram_pages() / TIMES(100, 50), before);
	kvfree(p);
}

static void not_before_its_time(struct kunit *test)
{
	struct gom_memstats before, after;
	void *p = gom_malloc(3 << 20, GFP_KERNEL);

	KUNIT_ASSERT_NOT_NULL(test, p);
	gom_free(p);
	scavenge_after(60000, 4 << 20);
	gom_memstats_read(&before);
	msleep(300);
	gom_memstats_read(&after);
	KUNIT_EXPECT_EQ(test, after.heap_released, before.heap_released);
	KUNIT_EXPECT_GE(test, after.heap_idle, 3ULL << 20);
	scavenge_after(0, 4 << 20);
	msleep(100);
	scavenge_after(10, 0);
	msleep(100);
	gom_memstats_read(&after);
	KUNIT_EXPECT_EQ(test, after.heap_released, before.heap_released);
}

/* A slow rate is kept: a tenth of a second brings no more than its share. */
static void no_faster_than_it_may(struct kunit *test)
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
	scavenge_after(20, 4096);
	start = jiffies;
	wait_for_idle(before.heap_idle - (2 << 20), 10);
	gom_memstats_read(&after);
	KUNIT_EXPECT_GE(test, after.heap_released - before.heap_released, 2ULL << 20);
	/* A tick more than time has passed, and one that was under way. */
	KUNIT_EXPECT_LE(test, after.heap_released - before.heap_released,
			(4096ULL << 10) * (jiffies - start + HZ / 5) / HZ);
}

/* A heap that takes and gives all the time keeps what it is about to take. */
static void a_busy_heap_is_not_robbed(struct kunit *test)
{
	unsigned long end;
	struct gom_memstats before, after;
	void *p;

	gom_release_memory();
	gom_free(gom_malloc(4 << 20, GFP_KERNEL));
	msleep(1100);			/* what went before is no refault any more */
	gom_memstats_read(&before);
	scavenge_after(200, 4 << 20);
	end = jiffies + HZ;
	while (time_before(jiffies, end)) {
		p = gom_malloc(4 << 20, GFP_KERNEL);
		KUNIT_ASSERT_NOT_NULL(test, p);
		gom_free(p);
		msleep(20);		/* idle whenever somebody looks, but needed */
	}
	gom_memstats_read(&after);
	KUNIT_EXPECT_EQ(test, after.heap_refaults, before.heap_refaults);
	KUNIT_EXPECT_LE(test, after.heap_released - before.heap_released, 1ULL << 20);
}

static void what_went_too_early_is_counted(struct kunit *test)
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

static void *to_free;

/* A heap gets pages back when the scavenger has just seen that there are none. */
static bool free_now(enum gom_test_point at, unsigned int order, gfp_t gfp)
{
	void *p;

	if (at == GOM_AT_SCAVENGER_END) {
		p = xchg(&to_free, NULL);
		gom_free(p);
	}
	return false;
}

static void what_is_freed_as_it_goes_to_sleep_comes_back(struct kunit *test)
{
	unsigned long end = jiffies + 10 * HZ;

	to_free = gom_malloc(4 << 20, GFP_KERNEL);
	KUNIT_ASSERT_NOT_NULL(test, to_free);
	gom_release_memory();
	WRITE_ONCE(gom_test_hook, free_now);
	scavenge_after(10, 4 << 20);
	gom_free(gom_malloc(3 << 20, GFP_KERNEL));	/* to wake it */
	while (READ_ONCE(to_free) && time_before(jiffies, end))
		msleep(20);
	KUNIT_EXPECT_NULL_MSG(test, to_free, "it never went to sleep");
	KUNIT_EXPECT_LT(test, wait_for_idle(1 << 20, 10), 1ULL << 20);
	WRITE_ONCE(gom_test_hook, NULL);
	gom_free(xchg(&to_free, NULL));
}

static unsigned int ms_before, kb_before;

static int scavenger_begin(struct kunit *test)
{
	ms_before = gom_scavenge_ms;
	kb_before = gom_scavenge_kb;
	return heap_begin(test);
}

static void scavenger_end(struct kunit *test)
{
	scavenge_after(ms_before, kb_before);
	live_end(test);
}

static struct kunit_case cases[] = {
	KUNIT_CASE(a_heap_left_alone_comes_back),
	KUNIT_CASE(not_before_its_time),
	KUNIT_CASE(no_faster_than_it_may),
	KUNIT_CASE(a_busy_heap_is_not_robbed),
	KUNIT_CASE(what_went_too_early_is_counted),
	KUNIT_CASE(what_is_freed_as_it_goes_to_sleep_comes_back),
	{}
};

struct kunit_suite gomalloc_scavenger_suite = {
	.name = "gomalloc_scavenger",
	.init = scavenger_begin,
	.exit = scavenger_end,
	.test_cases = cases,
};
