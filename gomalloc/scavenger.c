// SPDX-License-Identifier: GPL-2.0
/*
 * The scavenger (step 4 of Go's free path, "return some to the OS"; Go has had one for
 * long, but stamps each run with the time when it became free): idle pages go back to
 * the page allocator when they have not been needed for a while, and slowly.
 *
 * What is not needed is not a matter of single runs, which are cut and merged all the
 * time, but of how many pages: each heap notes the least number of idle pages it had
 * since it was last asked.  If that is n over a whole delay, n pages were in nobody's
 * way: the heap could have done without.  They go back from the end of the longest runs,
 * which a best fit takes from last, a part in each tenth of a second, and no more of
 * them when the heap begins to need some again.
 *
 * Context: one delayed work, as long as a heap has idle pages; the heaps' locks are
 * taken for a few instructions.  Whoever frees pages only looks whether it is under way.
 */
#include <linux/jiffies.h>
#include <linux/minmax.h>
#include <linux/mm.h>
#include <linux/workqueue.h>

#include "compat.h"
#include "mheap.h"
#include "scavenger.h"

#define TICKS	10U			/* in a second, while pages go back */
#define LEAST	(GOM_REGION_PAGES / 4)	/* pages that are not worth it */

unsigned int gom_scavenge_ms = GOM_SCAVENGE_MS;
unsigned int gom_scavenge_kb = GOM_SCAVENGE_KB;

static struct workqueue_struct *wq;
static bool awake;			/* the work is under way or waits for its time */
static unsigned long surplus;		/* pages that may go back, if they stay idle */

static void scavenge(struct work_struct *work);
static DECLARE_DELAYED_WORK(scavenge_work, scavenge);

static bool is_on(void)
{
	return READ_ONCE(gom_scavenge_ms) && READ_ONCE(gom_scavenge_kb);
}

static unsigned long pages_per_tick(void)
{
	return max(1UL, ((unsigned long)READ_ONCE(gom_scavenge_kb) << 10 >> PAGE_SHIFT) / TICKS);
}

/* Give a tick's share back, but nothing that was needed since the last one. */
static void give_back(void)
{
	unsigned long low = gom_mheap_idle_low();
	unsigned long now = min3(surplus, low, pages_per_tick());

	gom_mheap_release(now);
	surplus = min(surplus, low) - now;
	gom_mheap_idle_low();		/* from here on, without what went */
}

static void scavenge(struct work_struct *work)
{
	unsigned long delay = msecs_to_jiffies(READ_ONCE(gom_scavenge_ms));

	if (surplus) {
		give_back();
	} else {
		surplus = gom_mheap_idle_low();
		if (surplus < LEAST)
			surplus = 0;
	}
	if (!is_on() || (!surplus && gom_mheap_idle_pages() < LEAST)) {
		WRITE_ONCE(awake, false);
		return;
	}
	queue_delayed_work(wq, &scavenge_work, surplus ? HZ / TICKS : delay);
}

/* A heap got pages back.  Any context but NMI. */
void gom_scavenger_wake(void)
{
	if (READ_ONCE(awake) || !is_on() || gom_mheap_idle_pages() < LEAST)
		return;
	if (!xchg(&awake, true)) {
		gom_mheap_idle_low();
		queue_delayed_work(wq, &scavenge_work, msecs_to_jiffies(gom_scavenge_ms));
	}
}

/* The parameters have changed: begin a delay anew.  Task, may sleep. */
void gom_scavenger_set(void)
{
	cancel_delayed_work_sync(&scavenge_work);
	surplus = 0;
	WRITE_ONCE(awake, false);
	gom_scavenger_wake();
}
GOM_EXPORT_FOR_TEST(gom_scavenger_set);
GOM_EXPORT_FOR_TEST(gom_scavenge_ms);
GOM_EXPORT_FOR_TEST(gom_scavenge_kb);

int gom_scavenger_init(void)
{
	wq = alloc_workqueue("gomalloc_scavenger", WQ_UNBOUND | WQ_MEM_RECLAIM, 1);
	return wq ? 0 : -ENOMEM;
}

/* Nobody frees any more. */
void gom_scavenger_exit(void)
{
	WRITE_ONCE(gom_scavenge_ms, 0);
	cancel_delayed_work_sync(&scavenge_work);
	destroy_workqueue(wq);
}
