// SPDX-License-Identifier: GPL-2.0
/*
 * Freeing after a grace period, many at a time.
 *
 * Each CPU gathers objects in a batch, an array, which waits for its grace period
 * as one when it is full or has been open for a while.  One callback then frees all
 * of it in bulk, instead of one for each object.
 *
 * Who may be in here: a CPU's batch is used by that CPU alone, with preemption off
 * and @busy set.  An interrupt that finds @busy set came in the middle and is told
 * no; its object then waits by itself, with the rcu_head it has.  Batches are made
 * and given back outside, under a lock with interrupts off that is held for a few
 * instructions.
 */
#include <linux/cpu.h>
#include <linux/percpu.h>
#include <linux/preempt.h>
#include <linux/rcupdate.h>
#include <linux/spinlock.h>
#include <linux/workqueue.h>

#include "compat.h"
#include "fixalloc.h"
#include "malloc.h"
#include "rcufree.h"
#include "report.h"
#include "sbrk.h"

#define BATCH_OBJECTS	125U		/* with the rest, a kilobyte */
#define OPEN_FOR	(HZ / 50 ?: 1)	/* jiffies until a batch that is not full goes */

struct batch {
	struct rcu_head rcu;
	unsigned int nr;
	void *obj[BATCH_OBJECTS];
};

/* What one CPU gathers, and a batch to go on with. */
struct gather {
	struct batch *cur;
	struct batch *spare;
	struct delayed_work work;
	int cpu;
	u8 busy;
};

static DEFINE_PER_CPU(struct gather, gathers);
static DEFINE_SPINLOCK(supply_lock);		/* protects supply */
static struct gom_fixalloc supply;
static struct workqueue_struct *wq;

/* === Batches === */

static struct batch *take_batch(void *block)
{
	unsigned long flags;
	struct batch *b;

	spin_lock_irqsave(&supply_lock, flags);
	if (block)
		gom_fixalloc_carve(&supply, block);
	b = gom_fixalloc_take(&supply);
	spin_unlock_irqrestore(&supply_lock, flags);
	return b;
}

static struct batch *new_batch(void)
{
	struct batch *b = take_batch(NULL);
	void *block;

	if (!b) {
		block = gom_fixalloc_block(&supply, GFP_NOWAIT | __GFP_NOWARN);
		b = block ? take_batch(block) : NULL;
	}
	if (b)
		b->nr = 0;
	return b;
}

static void give_batch(struct batch *b)
{
	unsigned long flags;

	spin_lock_irqsave(&supply_lock, flags);
	gom_fixalloc_give(&supply, b);
	spin_unlock_irqrestore(&supply_lock, flags);
}

/* === Gathering === */

static struct gather *enter(void)
{
	struct gather *g;

	preempt_disable();
	g = this_cpu_ptr(&gathers);
	if (g->busy) {
		preempt_enable();
		return NULL;
	}
	WRITE_ONCE(g->busy, 1);
	barrier();
	return g;
}

static void leave(struct gather *g)
{
	barrier();
	WRITE_ONCE(g->busy, 0);
	preempt_enable();
}

/* The grace period is over: free what is in it, and keep it if we have none. */
static void free_batch(struct rcu_head *head)
{
	struct batch *b = container_of(head, struct batch, rcu);
	struct gather *g;

	gom_free_bulk(b->nr, b->obj);
	b->nr = 0;
	g = enter();
	if (g) {
		swap(g->spare, b);
		leave(g);
	}
	if (b)
		give_batch(b);
}

/* Close this CPU's batch, if it has one. */
static void close_batch(void)
{
	struct gather *g = enter();
	struct batch *b;

	if (!g)		/* not in a task */
		return;
	b = g->cur;
	g->cur = NULL;
	leave(g);
	if (b)
		call_rcu(&b->rcu, free_batch);
}

static void close_in_time(struct work_struct *work)
{
	struct gather *g = container_of(to_delayed_work(work), struct gather, work);

	/*
	 * A CPU that has gone has left nothing: gom_rcufree_flush_dead().  If it has
	 * come back meanwhile its batch is for another time.
	 */
	if (g->cpu == raw_smp_processor_id())
		close_batch();
	else if (READ_ONCE(g->cur))
		queue_delayed_work_on(g->cpu, wq, &g->work, OPEN_FOR);
}

/* A CPU on which nothing runs any more. */
void gom_rcufree_flush_dead(int cpu)
{
	struct gather *g = per_cpu_ptr(&gathers, cpu);
	struct batch *b = g->cur;

	g->cur = NULL;
	if (b)
		call_rcu(&b->rcu, free_batch);
}

/*
 * Gather @p, an object of ours.  False if it cannot be: an interrupt came into the
 * middle, or there is no memory.
 */
static bool add(void *p)
{
	struct batch *b, *fresh = NULL;
	struct gather *g;
	bool first = false;
	int cpu;

	for (;;) {
		g = enter();
		if (!g)
			break;
		if (!g->cur && (fresh || g->spare)) {
			swap(g->cur, *(fresh ? &fresh : &g->spare));
			first = true;
		}
		b = g->cur;
		if (b)
			break;
		leave(g);
		fresh = new_batch();
		if (!fresh)
			return false;
	}
	if (g) {
		cpu = g->cpu;
		b->obj[b->nr++] = p;
		if (b->nr < BATCH_OBJECTS)
			b = NULL;
		else
			g->cur = NULL;
		leave(g);
		if (b)
			call_rcu(&b->rcu, free_batch);
		else if (first)
			queue_delayed_work_on(cpu, wq, &per_cpu_ptr(&gathers, cpu)->work, OPEN_FOR);
	}
	if (fresh)
		give_batch(fresh);
	return g;
}

static void free_rcu_callback(struct rcu_head *head)
{
	size_t size;

	gom_free(gom_object_at(head, &size));
}

static noinline void free_rcu_slow(const void *p, struct rcu_head *head, unsigned long caller)
{
	if (p)
		call_rcu(head, free_rcu_callback);
	else if (!gom_sbrk)
		gom_report(GOM_BAD_FREE_FOREIGN, caller,
			   "free after a grace period of %p, which is not gomalloc's", head);
}

/* gom_free_rcu(): @head lies somewhere in the object, which the page map finds. */
void __gom_free_rcu(struct rcu_head *head)
{
	u32 entry = gom_pagemap_entry(head);
	u32 off = gom_entry_offset(entry, head);
	unsigned int slot = gom_entry_slot(entry);
	size_t size;
	void *p;

	if (likely(slot && slot < GOM_CLASS_TINY))	/* as gom_object_at(), for most */
		p = (void *)head - off + gom_class_index(&gom_classes[slot], off) *
					 gom_classes[slot].size;
	else
		p = gom_sbrk ? NULL : gom_object_at(head, &size);
	if (likely(p && add(p)))
		return;
	free_rcu_slow(p, head, _RET_IP_);
}
EXPORT_SYMBOL_GPL(__gom_free_rcu);

/**
 * gom_free_rcu_barrier - wait for all that was given to gom_free_rcu()
 *
 * Context: task, may sleep.
 */
void gom_free_rcu_barrier(void)
{
	int cpu;

	cpus_read_lock();
	for_each_online_cpu(cpu)
		mod_delayed_work_on(cpu, wq, &per_cpu_ptr(&gathers, cpu)->work, 0);
	for_each_online_cpu(cpu)
		flush_delayed_work(&per_cpu_ptr(&gathers, cpu)->work);
	cpus_read_unlock();
	rcu_barrier();
}
EXPORT_SYMBOL_GPL(gom_free_rcu_barrier);

int gom_rcufree_init(void)
{
	struct gather *g;
	int cpu;

	gom_fixalloc_init(&supply, sizeof(struct batch), GOM_OTHER_SYS);
	for_each_possible_cpu(cpu) {
		g = per_cpu_ptr(&gathers, cpu);
		g->cpu = cpu;
		INIT_DELAYED_WORK(&g->work, close_in_time);
	}
	wq = alloc_workqueue("gomalloc_rcu", WQ_MEM_RECLAIM | GOM_WQ_PERCPU, 0);
	return wq ? 0 : -ENOMEM;
}

/* Nobody frees any more; what was freed has been waited for. */
void gom_rcufree_exit(void)
{
	int cpu;

	for_each_possible_cpu(cpu)
		cancel_delayed_work_sync(&per_cpu_ptr(&gathers, cpu)->work);
	destroy_workqueue(wq);
}
