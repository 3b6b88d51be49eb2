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
 * taken for a few instructions.  Whoever frees pages only looks whether it is under
 * way, and if not queues an irq_work that starts it: a free may come from under any
 * lock, and neither arms a timer nor wakes a task.
 */
#include <linux/irq_work.h>
#include <linux/jiffies.h>
#include <linux/minmax.h>
#include <linux/mm.h>
#include <linux/workqueue.h>

#include "base/compat.h"
#include "base/fault.h"
#include "heap/mheap.h"
#include "heap/scavenger.h"

#define TICKS	10U			/* in a second, while pages go back */
#define LEAST	(GOM_REGION_PAGES / 4)	/* pages that are not worth it */

unsigned int gom_scavenge_ms = GOM_SCAVENGE_MS;
unsigned int gom_scavenge_kb = GOM_SCAVENGE_KB;

static struct workqueue_struct *wq;
static bool running;			/* there is a workqueue */
static bool awake;			/* the work is under way or waits for its time */

static void scavenge(struct work_struct *work);
static DECLARE_DELAYED_WORK(scavenge_work, scavenge);

static bool is_on(void)
{
	return READ_ONCE(running) && READ_ONCE(gom_scavenge_ms) && READ_ONCE(gom_scavenge_kb);
}

static unsigned long pages_per_tick(void)
{
	return max(1UL, ((unsigned long)READ_ONCE(gom_scavenge_kb) << 10 >> PAGE_SHIFT) / TICKS);
}

/*
 * Give pages of node @nid back, at most *@share, but nothing that was needed since the
 * last tick; or see how many pages nobody needed for a whole delay.  Returns how many
 * may go back in the next ticks.
 */
static unsigned long scavenge_node(int nid, unsigned long *share)
{
	struct gom_mheap *h = gom_mheaps[nid];
	unsigned long low = gom_mheap_idle_low(nid), now;

	if (!h->surplus) {
		h->surplus = low >= LEAST ? low : 0;
		return h->surplus;
	}
	now = min3(h->surplus, low, *share);
	*share -= gom_mheap_release_node(nid, now);
	h->surplus = min(h->surplus, low) - now;
	gom_mheap_idle_low(nid);	/* from here on, without what went */
	return h->surplus;
}

/* Has a heap idle pages that are worth it? */
static bool worth_it(void)
{
	int nid;

	for_each_gom_node(nid)
		if (READ_ONCE(gom_mheaps[nid]->idle_pages) >= LEAST)
			return true;
	return false;
}

static void scavenge(struct work_struct *work)
{
	unsigned long share = pages_per_tick(), surplus = 0;
	int nid;

	for_each_gom_node(nid)
		surplus += scavenge_node(nid, &share);
	if (is_on() && (surplus || worth_it())) {
		queue_delayed_work(wq, &scavenge_work,
				   surplus ? HZ / TICKS :
					     msecs_to_jiffies(READ_ONCE(gom_scavenge_ms)));
		return;
	}
	gom_test_point(GOM_AT_SCAVENGER_END, 0, 0);
	WRITE_ONCE(awake, false);
	/* Who freed pages until now saw us awake: pairs with gom_scavenger_wake(). */
	smp_mb();
	gom_scavenger_wake();
}

static void start(struct irq_work *work)
{
	if (is_on())
		queue_delayed_work(wq, &scavenge_work, msecs_to_jiffies(READ_ONCE(gom_scavenge_ms)));
	else
		WRITE_ONCE(awake, false);
}

/* Hard: under PREEMPT_RT a thread of this CPU might not run for long. */
static struct irq_work start_work = IRQ_WORK_INIT_HARD(start);

/* A heap got pages back.  Any context but NMI. */
void gom_scavenger_wake(void)
{
	int nid;

	/* Idle pages are counted before we look: pairs with scavenge(). */
	smp_mb();
	if (READ_ONCE(awake) || !is_on() || !worth_it() || xchg(&awake, true))
		return;
	for_each_gom_node(nid)
		gom_mheap_idle_low(nid);
	irq_work_queue(&start_work);
}

static void stop(void)
{
	irq_work_sync(&start_work);
	cancel_delayed_work_sync(&scavenge_work);
}

/* The parameters have changed: begin a delay anew.  Task, may sleep. */
void gom_scavenger_set(void)
{
	int nid;

	stop();
	for_each_gom_node(nid) {
		gom_mheaps[nid]->surplus = 0;
		gom_mheap_idle_low(nid);
	}
	WRITE_ONCE(awake, false);
	gom_scavenger_wake();
}
GOM_EXPORT_FOR_TEST(gom_scavenger_set);
GOM_EXPORT_FOR_TEST(gom_scavenge_ms);
GOM_EXPORT_FOR_TEST(gom_scavenge_kb);

int gom_scavenger_init(void)
{
	wq = alloc_workqueue("gomalloc_scavenger", WQ_UNBOUND | WQ_MEM_RECLAIM, 1);
	if (!wq)
		return -ENOMEM;
	WRITE_ONCE(running, true);
	return 0;
}

/*
 * Nobody else frees any more: neither users nor the shrinker nor a parameter can wake
 * us, and what the module itself frees from here on finds nobody running.
 */
void gom_scavenger_exit(void)
{
	WRITE_ONCE(running, false);
	stop();
	destroy_workqueue(wq);
}
