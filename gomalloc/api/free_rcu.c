// SPDX-License-Identifier: GPL-2.0
/*
 * Freeing after a grace period, many at a time.
 *
 * Each CPU gathers objects in a batch, an array.  A full batch waits for its grace
 * period with a callback of its own, which frees all of it in bulk.  If there is no
 * batch to be had, objects are linked through the one pointer that every kind of
 * head has, in a list of the CPU, which needs no memory at all.
 *
 * One more callback for each CPU, its flight, sees to the rest: the list, and a batch
 * that does not get full.  When its grace period is over it queues a work item, which
 * detaches the batch, frees the list that the flight waited for, sends the next list
 * on its way, and makes batches if there were too few.  A list may be of any length;
 * so it is freed by a worker, which reschedules, and not by the callback.
 *
 * Who may be in here
 * ------------------
 * gom_free_rcu() may be called wherever call_rcu() may: with raw locks held, the
 * run queue's or a task's pi_lock among them, with interrupts off, in a hardirq.
 * So it calls nothing but call_rcu(), and what waits for nobody and wakes nobody up:
 * no timer is armed, no work is queued, no page is asked for.  It runs with
 * preemption off for some instructions and call_rcu().
 *
 *   @busy	keeps an interrupt away from the batch that the code it interrupted
 *		on its CPU is just filling: it puts its object on @list, which is
 *		lock-free.  Nobody else looks at it.
 *   @cur	is filled by its CPU, and may be detached by anybody, with xchg().
 *		Who fills it has preemption off, which is a read-side section: when
 *		a grace period has passed since it was detached, nobody fills it any
 *		more.  Then begins the one that its objects wait for.
 *   @armed	whoever changes it from IDLE has the flight and @waiting, until the
 *		work item that ends it changes it back.
 *   freelist_lock  a raw lock with interrupts off, for some instructions.
 *
 * When @cur or @list is not empty, the flight is under way, or whoever made them so
 * is about to arm it, or the worker that ended the last one is about to look again.
 * Nothing of this has to be done by the CPU itself.  So nothing is asked of one that
 * is isolated and spins in a real-time task, and nothing has to be done when one
 * goes offline: RCU moves its callbacks to another one, and the flight empties it.
 */
#include <linux/atomic.h>
#include <linux/build_bug.h>
#include <linux/llist.h>
#include <linux/mutex.h>
#include <linux/percpu.h>
#include <linux/preempt.h>
#include <linux/rcupdate.h>
#include <linux/sched.h>
#include <linux/spinlock.h>
#include <linux/workqueue.h>

#include "api/efence.h"
#include "api/free_rcu.h"
#include "api/internal.h"
#include "api/sbrk.h"
#include "base/compat.h"
#include "base/fault.h"
#include "base/fixalloc.h"
#include "base/report.h"

#define BATCH_OBJECTS	125U		/* with the rest, a kilobyte */
#define BLOCK_OBJECTS	(8 * BATCH_OBJECTS)	/* batches come in blocks of at least eight */
#define BLOCKS_MAX	32U		/* of them at once */
#define LIST_AT_ONCE	64U		/* objects of a list freed in one go */

/**
 * struct batch - objects that wait together
 * @rcu: for their grace period
 * @nr: how many
 * @at: for each an address in it: where its head is
 */
struct batch {
	struct rcu_head rcu;
	unsigned int nr;
	void *at[BATCH_OBJECTS];
};

enum flight {
	IDLE,
	ARMING,		/* call_rcu() is about to be called */
	UNDER_WAY,
};

/**
 * struct gather - what one CPU gathers
 * @busy: the CPU is filling @cur; see above
 * @sending: its full batch is not @cur any more, and call_rcu() about to be called
 * @armed: enum flight
 * @cur: the batch that is filled, or NULL
 * @list: the heads of objects for which there was no batch
 * @waiting: those that the flight waits for
 * @rcu: the flight
 * @work: what it does in the end
 */
struct gather {
	u8 busy;
	u8 sending;
	int armed;
	struct batch *cur;
	struct llist_head list;
	struct llist_node *waiting;
	struct rcu_head rcu;
	struct work_struct work;
};

/* As Documentation/persistent.rst has it; lockdep's part of a work item is not in there. */
static_assert(BITS_PER_LONG < 64 || IS_ENABLED(CONFIG_LOCKDEP) || sizeof(struct gather) <= 80);

static DEFINE_PER_CPU(struct gather, gathers);
static DEFINE_RAW_SPINLOCK(freelist_lock);	/* protects freelist */
static struct gom_fixalloc freelist;
static struct workqueue_struct *wq;

/* === Batches === */

/* NULL if there is none, which is not for us to change: see above. */
static struct batch *take_batch(void)
{
	unsigned long flags;
	struct batch *b;

	raw_spin_lock_irqsave(&freelist_lock, flags);
	b = gom_fixalloc_take(&freelist);
	raw_spin_unlock_irqrestore(&freelist_lock, flags);
	if (b)
		b->nr = 0;
	return b;
}

static void give_batch(struct batch *b)
{
	unsigned long flags;

	raw_spin_lock_irqsave(&freelist_lock, flags);
	gom_fixalloc_give(&freelist, b);
	raw_spin_unlock_irqrestore(&freelist_lock, flags);
}

static bool have_batches(void)
{
	unsigned long flags;
	bool some;

	raw_spin_lock_irqsave(&freelist_lock, flags);
	some = freelist.free;
	raw_spin_unlock_irqrestore(&freelist_lock, flags);
	return some;
}

/* One block of batches more; false if there is no memory. */
static bool make_batches(gfp_t gfp)
{
	void *block = gom_fixalloc_block(&freelist, gfp | __GFP_NOWARN);
	unsigned long flags;

	if (!block)
		return false;
	raw_spin_lock_irqsave(&freelist_lock, flags);
	gom_fixalloc_carve(&freelist, block);
	raw_spin_unlock_irqrestore(&freelist_lock, flags);
	return true;
}

/* There were none for @objects: next time there shall be. */
static void make_batches_for(unsigned int objects)
{
	unsigned int blocks = min(DIV_ROUND_UP(objects, BLOCK_OBJECTS), BLOCKS_MAX);

	if (!objects || have_batches())
		return;
	while (blocks-- && make_batches(GFP_NOWAIT))
		;
}

/* === Freeing what has waited === */

/* The object that @at points into, as gom_object_at(), for most; NULL if there is none. */
static void *object_of(void *at)
{
	u32 entry = gom_pagemap_entry(at);
	u32 off = gom_entry_offset(entry, at);
	unsigned int slot = gom_entry_slot(entry);
	size_t size;

	if (likely(slot && slot < GOM_CLASS_TINY))
		return at - off + gom_class_index(&gom_classes[slot], off) *
				  gom_classes[slot].size;
	return gom_object_at(at, &size);
}

static void free_objects(unsigned int nr, void **at)
{
	unsigned int i, n = 0;
	void *p;

	for (i = 0; i < nr; i++) {
		p = object_of(at[i]);
		if (likely(p))
			at[n++] = p;
		else
			gom_report(GOM_BAD_DOUBLE_FREE, _RET_IP_,
				   "object at %p was freed before its grace period was over",
				   at[i]);
	}
	gom_free_bulk(n, at);
}

/* The grace period of a batch is over. */
static void free_batch(struct rcu_head *head)
{
	struct batch *b = container_of(head, struct batch, rcu);

	free_objects(b->nr, b->at);
	give_batch(b);
}

/* Nobody adds to it any more; now begins what its objects wait for. */
static void batch_detached(struct rcu_head *head)
{
	call_rcu(head, free_batch);
}

/* Returns how many they were. */
static unsigned int free_list(struct llist_node *node)
{
	void *at[LIST_AT_ONCE];
	unsigned int n, sum = 0;

	while (node) {
		for (n = 0; node && n < LIST_AT_ONCE; node = node->next)
			at[n++] = node;
		free_objects(n, at);
		sum += n;
		cond_resched();
	}
	return sum;
}

/* === Flights === */

static void flight_over(struct rcu_head *head)
{
	queue_work(wq, &container_of(head, struct gather, rcu)->work);
}

/*
 * Send the flight off, unless it is under way.  With preemption off: so it is not
 * over before it is marked as under way.  cmpxchg() pairs with end_flight().
 */
static void arm(struct gather *g)
{
	if (READ_ONCE(g->armed) != IDLE || cmpxchg(&g->armed, IDLE, ARMING) != IDLE)
		return;
	g->waiting = llist_del_all(&g->list);
	call_rcu(&g->rcu, flight_over);
	smp_store_release(&g->armed, UNDER_WAY);	/* pairs with wait_for_adders() */
}

/* Any CPU's batch, to go as it is. */
static void detach_batch(struct gather *g)
{
	struct batch *b = xchg(&g->cur, NULL);

	if (b) {
		gom_test_point(GOM_AT_DETACHED_BATCH, 0, 0);
		call_rcu(&b->rcu, batch_detached);
	}
}

static void end_flight(struct work_struct *work)
{
	struct gather *g = container_of(work, struct gather, work);
	struct llist_node *done = g->waiting, *next;

	detach_batch(g);
	next = llist_del_all(&g->list);
	if (next) {
		g->waiting = next;
		call_rcu(&g->rcu, flight_over);
	} else {
		WRITE_ONCE(g->armed, IDLE);
		/*
		 * Pairs with llist_add() in add_to_list() and with the barrier in
		 * open_batch(): they see IDLE or we see what they added.
		 */
		smp_mb();
		if (!llist_empty(&g->list) || READ_ONCE(g->cur)) {
			preempt_disable();
			arm(g);
			preempt_enable();
		}
	}
	make_batches_for(free_list(done));
}

/* === Gathering; with preemption off === */

static noinline struct batch *open_batch(struct gather *g)
{
	struct batch *b = take_batch();

	if (b) {
		WRITE_ONCE(g->cur, b);
		smp_mb();	/* pairs with end_flight() */
		arm(g);
	}
	return b;
}

/* Unless somebody has detached it.  Who finds it gone, with xchg(), finds @sending set. */
static noinline void send_full(struct gather *g, struct batch *b)
{
	WRITE_ONCE(g->sending, 1);
	if (cmpxchg(&g->cur, b, NULL) == b) {
		gom_test_point(GOM_AT_FULL_BATCH, 0, 0);
		call_rcu(&b->rcu, free_batch);
	}
	smp_store_release(&g->sending, 0);	/* pairs with wait_for_adders() */
}

/* Put an address in an object into this CPU's batch; false if there is none. */
static __always_inline bool add(struct gather *g, void *at)
{
	struct batch *b;

	if (unlikely(g->busy))
		return false;
	WRITE_ONCE(g->busy, 1);
	barrier();
	b = READ_ONCE(g->cur);
	if (unlikely(!b))
		b = open_batch(g);
	if (likely(b)) {
		b->at[b->nr++] = at;
		if (unlikely(b->nr == BATCH_OBJECTS))
			send_full(g, b);
	}
	barrier();
	WRITE_ONCE(g->busy, 0);
	return b;
}

static noinline void add_to_list(struct gather *g, struct llist_node *node)
{
	llist_add(node, &g->list);
	arm(g);
}

/* Is @at something we may write to?  What is wrong with it otherwise is seen later. */
static __always_inline bool may_be_ours(const void *at)
{
	unsigned int slot = gom_entry_slot(gom_pagemap_entry(at));
	size_t size;

	if (likely(slot))
		return slot != GOM_SLOT_IDLE;
	return gom_efence && gom_object_at(at, &size);
}

static noinline void refuse(const void *at, unsigned long caller)
{
	if (!gom_sbrk)
		gom_report(GOM_BAD_FREE_FOREIGN, caller,
			   "free after a grace period of %p, which is not gomalloc's", at);
}

/* gom_free_rcu(): @head lies somewhere in the object, and has room for one pointer. */
void __gom_free_rcu(void *head)
{
	struct gather *g;

	if (unlikely(!may_be_ours(head)))
		return refuse(head, _RET_IP_);
	preempt_disable();
	g = this_cpu_ptr(&gathers);
	if (unlikely(!add(g, head)))
		add_to_list(g, head);
	preempt_enable();
}
EXPORT_SYMBOL_GPL(__gom_free_rcu);

/* The same for what has no head; false if there is no batch. */
static bool add_headless(void *p)
{
	bool added;

	preempt_disable();
	added = add(this_cpu_ptr(&gathers), p);
	preempt_enable();
	return added;
}

/**
 * gom_free_rcu_mightsleep - free an object without a head after a grace period
 * @p: what any allocation here returned; NULL and ZERO_SIZE_PTR are fine
 *
 * It is gathered as by gom_free_rcu().  Without memory for that it waits for the grace
 * period itself.
 *
 * Context: task, may sleep.
 */
void gom_free_rcu_mightsleep(const void *p)
{
	might_sleep();
	if (ZERO_OR_NULL_PTR(p))
		return;
	if (!may_be_ours(p))
		return refuse(p, _RET_IP_);
	if (add_headless((void *)p))
		return;
	/* As kvfree_rcu(): neither the reserves nor an OOM kill for this. */
	if (make_batches(GFP_KERNEL | __GFP_NORETRY | __GFP_NOMEMALLOC) && add_headless((void *)p))
		return;
	synchronize_rcu();
	gom_free_slow(p, _RET_IP_);
}
EXPORT_SYMBOL_GPL(gom_free_rcu_mightsleep);

/* === Waiting for all of it === */

/*
 * Whoever is adding has called call_rcu() when this returns.  They have preemption off,
 * so that is soon, and with one CPU at once.
 */
static void wait_for_adders(struct gather *g)
{
	/* Pair with the releases in send_full() and in arm(). */
	while (smp_load_acquire(&g->sending) || smp_load_acquire(&g->armed) == ARMING)
		cpu_relax();
}

static void flush_works(void)
{
	int cpu;

	for_each_possible_cpu(cpu)
		flush_work(&per_cpu_ptr(&gathers, cpu)->work);
}

/**
 * gom_free_rcu_barrier - wait for all that was given to gom_free_rcu()
 *
 * And to gom_free_rcu_mightsleep().
 *
 * Context: task, may sleep.
 */
void gom_free_rcu_barrier(void)
{
	/* What another barrier has detached and not yet given to RCU would be missed. */
	static DEFINE_MUTEX(one_at_a_time);
	struct gather *g;
	int cpu;

	mutex_lock(&one_at_a_time);
	for_each_possible_cpu(cpu) {
		g = per_cpu_ptr(&gathers, cpu);
		detach_batch(g);
		wait_for_adders(g);
	}
	/*
	 * What was on a list may have to wait for a flight to end before one of its
	 * own, and who ends one may be about to call call_rcu().  What was in a batch
	 * waits twice after it was detached.
	 */
	flush_works();
	rcu_barrier();
	flush_works();
	rcu_barrier();
	flush_works();
	mutex_unlock(&one_at_a_time);
}
EXPORT_SYMBOL_GPL(gom_free_rcu_barrier);

/* For tests: as if this CPU were filling its batch, or not.  With preemption off. */
void gom_rcufree_pretend(bool inside)
{
	WRITE_ONCE(this_cpu_ptr(&gathers)->busy, inside);
}
GOM_EXPORT_FOR_TEST(gom_rcufree_pretend);

int gom_rcufree_init(void)
{
	struct gather *g;
	int cpu;

	gom_fixalloc_init(&freelist, sizeof(struct batch), GOM_OTHER_SYS);
	for_each_possible_cpu(cpu) {
		g = per_cpu_ptr(&gathers, cpu);
		init_llist_head(&g->list);
		INIT_WORK(&g->work, end_flight);
	}
	/* Unbound: a flight is not to wait for a CPU that is kept busy. */
	wq = alloc_workqueue("gomalloc_rcu", WQ_UNBOUND | WQ_MEM_RECLAIM, 0);
	return wq ? 0 : -ENOMEM;
}

/* Nobody frees any more; what was freed has been waited for. */
void gom_rcufree_exit(void)
{
	destroy_workqueue(wq);
}
