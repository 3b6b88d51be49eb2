// SPDX-License-Identifier: GPL-2.0
/*
 * The scavenger releases idle pages to the page allocator, slowly, once they
 * have not been needed for a while.  (Step 4 of Go's free path, "return some to
 * the OS".  Go stamps each free run with the time when it became free.)
 *
 * Single runs are split and merged all the time, so the scavenger looks at
 * their sum.  Each heap keeps the low-water mark of its idle pages.  If it is n over
 * a delay of gom_scavenge_ms, the heap would have done without n pages: they
 * are its surplus.  The surplus is released in TICKS_PER_SECOND steps a second,
 * at most gom_scavenge_kb a second, from the end of the longest runs, which
 * best fit uses last.  It shrinks with the low-water mark when the heap needs
 * pages again.
 *
 * Context: one delayed work, queued as long as a heap has idle pages.  It takes
 * the heaps' locks for a few instructions.  A free may be called under any lock
 * and must neither arm a timer nor wake a task, so gom_scavenger_wake() only
 * tests whether the work is active and, if not, queues an irq_work that queues
 * it.
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

#define TICKS_PER_SECOND	10U			/* steps while pages are released */
#define MIN_IDLE_PAGES	(GOM_REGION_PAGES / 4)	/* fewer idle pages are not released */

unsigned int gom_scavenge_ms = GOM_SCAVENGE_MS;
unsigned int gom_scavenge_kb = GOM_SCAVENGE_KB;

static struct workqueue_struct *scavenger_wq;
static bool scavenger_running;			/* between init and exit */
static bool scavenger_awake;			/* a work is queued or running */

static void scavenger_work_fn(struct work_struct *work);
static DECLARE_DELAYED_WORK(scavenger_work, scavenger_work_fn);

/*
 * scavenger_running is written by init and exit; the parameters by module.c,
 * which then calls gom_scavenger_set().
 */
static bool scavenger_enabled(void)
{
	return READ_ONCE(scavenger_running) && READ_ONCE(gom_scavenge_ms) &&
	       READ_ONCE(gom_scavenge_kb);
}

static unsigned long scavenger_tick_pages(void)
{
	return max(1UL, ((unsigned long)READ_ONCE(gom_scavenge_kb) << 10 >> PAGE_SHIFT) /
			TICKS_PER_SECOND);
}

/*
 * One step for node @nid.  Without a surplus: set it to the low-water mark of
 * the past delay.  Else: release a part of it, at most *@share pages, and no
 * more than the low-water mark since the last step.  Returns the surplus that
 * is left.
 */
static unsigned long scavenger_node_release(int nid, unsigned long *share)
{
	struct gom_mheap *h = gom_mheaps[nid];
	unsigned long low = gom_mheap_idle_low(nid), now;

	if (!h->surplus) {
		h->surplus = low >= MIN_IDLE_PAGES ? low : 0;
		return h->surplus;
	}
	now = min3(h->surplus, low, *share);
	*share -= gom_mheap_release_node(nid, now);
	h->surplus = min(h->surplus, low) - now;
	gom_mheap_idle_low(nid);	/* restart the low-water mark without the released pages */
	return h->surplus;
}

/* Has any heap enough idle pages to release some?  Racy. */
static bool heaps_have_idle_pages(void)
{
	int nid;

	for_each_gom_node(nid)
		if (READ_ONCE(gom_mheaps[nid]->idle_pages) >= MIN_IDLE_PAGES)
			return true;
	return false;
}

static void scavenger_work_fn(struct work_struct *work)
{
	unsigned long share = scavenger_tick_pages(), surplus = 0;
	int nid;

	for_each_gom_node(nid)
		surplus += scavenger_node_release(nid, &share);
	if (scavenger_enabled() && (surplus || heaps_have_idle_pages())) {
		queue_delayed_work(scavenger_wq, &scavenger_work,
				   surplus ? HZ / TICKS_PER_SECOND :
					     msecs_to_jiffies(READ_ONCE(gom_scavenge_ms)));
		return;
	}
	gom_test_point(GOM_AT_SCAVENGER_END, 0, 0);
	WRITE_ONCE(scavenger_awake, false);
	/*
	 * A context that freed pages before this store saw scavenger_awake set
	 * and queued nothing: look again.  Pairs with smp_mb() in
	 * gom_scavenger_wake(): either it sees the store, or this sees its idle
	 * pages.
	 */
	smp_mb();
	gom_scavenger_wake();
}

/* Starts the delay after which the delayed work runs first. */
static void scavenger_irq_work_fn(struct irq_work *work)
{
	if (scavenger_enabled())
		queue_delayed_work(scavenger_wq, &scavenger_work,
				   msecs_to_jiffies(READ_ONCE(gom_scavenge_ms)));
	else
		WRITE_ONCE(scavenger_awake, false);
}

/* Hard: under PREEMPT_RT the thread that runs other irq_work may be starved. */
static struct irq_work scavenger_irq_work = IRQ_WORK_INIT_HARD(scavenger_irq_work_fn);

/*
 * A heap has got pages back: queue the work if it is not.  Any context but NMI.
 */
void gom_scavenger_wake(void)
{
	int nid;

	/*
	 * The caller's update of idle_pages comes before the load of
	 * scavenger_awake.  Pairs with smp_mb() in scavenger_work_fn().
	 */
	smp_mb();
	if (READ_ONCE(scavenger_awake) || !scavenger_enabled() || !heaps_have_idle_pages() ||
	    xchg(&scavenger_awake, true))
		return;
	for_each_gom_node(nid)
		gom_mheap_idle_low(nid);
	irq_work_queue(&scavenger_irq_work);
}

static void scavenger_stop(void)
{
	irq_work_sync(&scavenger_irq_work);
	cancel_delayed_work_sync(&scavenger_work);
}

/* The parameters have changed: start a new delay.  Context: task, may sleep. */
void gom_scavenger_set(void)
{
	int nid;

	scavenger_stop();
	for_each_gom_node(nid) {
		gom_mheaps[nid]->surplus = 0;
		gom_mheap_idle_low(nid);
	}
	WRITE_ONCE(scavenger_awake, false);
	gom_scavenger_wake();
}
GOM_EXPORT_FOR_TEST(gom_scavenger_set);
GOM_EXPORT_FOR_TEST(gom_scavenge_ms);
GOM_EXPORT_FOR_TEST(gom_scavenge_kb);

int gom_scavenger_init(void)
{
	scavenger_wq = alloc_workqueue("gomalloc_scavenger", WQ_UNBOUND | WQ_MEM_RECLAIM, 1);
	if (!scavenger_wq)
		return -ENOMEM;
	WRITE_ONCE(scavenger_running, true);
	return 0;
}

/*
 * Nothing can wake the scavenger after this: users, the shrinker and the
 * parameters are gone, and frees by module exit itself find scavenger_running
 * clear.
 */
void gom_scavenger_exit(void)
{
	WRITE_ONCE(scavenger_running, false);
	scavenger_stop();
	destroy_workqueue(scavenger_wq);
}
