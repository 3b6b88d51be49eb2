// SPDX-License-Identifier: GPL-2.0
/*
 * Allocation for contexts that may have interrupted anything, the allocator itself
 * included: NMIs, kprobes, tracing programs.  Nothing in here waits.
 *
 * The per-CPU cache is right for them as it is: whoever finds its CPU inside stays
 * out, and whoever finds it outside is done before the interrupted code goes on
 * (mcache.h).  What is not in the cache is asked of mcentral, if its lock can be had
 * at once.  Frees go the same ways.  One that finds both barred is put aside, linked
 * through the object, which nobody needs any more, and done by an irq_work with the
 * next tick.  Not at once: whoever is called from inside the allocator and
 * frees aside each time he is would keep the CPU busy with that alone.
 *
 * Under PREEMPT_RT mcentral's lock is one that sleeps: it is not tried in interrupts.
 */
#include <linux/irq_work.h>
#include <linux/irqflags.h>
#include <linux/llist.h>
#include <linux/mm.h>
#include <linux/percpu.h>
#include <linux/preempt.h>
#include <linux/string.h>
#include <linux/topology.h>

#include "compat.h"
#include "malloc.h"
#include "mcache.h"
#include "mcentral.h"
#include "pagemap.h"
#include "report.h"
#include "sbrk.h"
#include "special.h"

static void free_aside(struct irq_work *work);

/* Objects to be freed when it can be done. */
struct aside {
	struct llist_head list;
	struct irq_work work;
};

static DEFINE_PER_CPU(struct aside, asides);

static void free_aside(struct irq_work *work)
{
	struct aside *a = container_of(work, struct aside, work);
	struct llist_node *node, *next;

	llist_for_each_safe(node, next, llist_del_all(&a->list))
		gom_free(node);
}

/*
 * With one CPU a spinlock is nothing but interrupts switched off, and trying it
 * tells nothing: whoever runs with interrupts off may have interrupted its holder.
 */
static bool may_try_lock(void)
{
	if (!IS_ENABLED(CONFIG_SMP))
		return !irqs_disabled() && !in_nmi();
	return !IS_ENABLED(CONFIG_PREEMPT_RT) || !(in_nmi() || in_hardirq());
}

static void *take_cached(unsigned int slot)
{
	struct gom_mcache *c = gom_mcache_enter_slow();
	void *p;

	if (!c)
		return NULL;
	p = gom_mcache_pop(c, slot >> GOM_SLOT_SHIFT);
	gom_mcache_leave_slow(c);
	return p;
}

/**
 * gom_malloc_nolock - allocate without ever waiting
 * @size: bytes wanted, up to 128 KiB
 * @gfp: only __GFP_ZERO matters
 *
 * Takes what the CPU's cache has, or what mcentral has if its lock is free; asks
 * nobody for pages.  kmemleak is not told.
 *
 * Context: any, NMI included.
 * Return: the memory, for gom_free_nolock(); NULL if there is none at hand.
 */
void *gom_malloc_nolock(size_t size, gfp_t gfp)
{
	unsigned int slot = gom_size_to_slot(size), class = slot >> GOM_SLOT_SHIFT;
	void *p;

	if (!slot || gom_sbrk)
		return NULL;
	p = take_cached(slot);
	if (!p && may_try_lock())
		p = gom_mcentral_try_alloc(class, numa_mem_id());
	if (p && want_init_on_alloc(gfp))
		memset(p, 0, gom_classes[class].size);
	return p;
}
EXPORT_SYMBOL_GPL(gom_malloc_nolock);

static bool put_cached(unsigned int slot, const void *p, unsigned long caller)
{
	struct gom_mcache *c = gom_mcache_enter_slow();
	bool done, twice;

	if (!c)
		return false;
	twice = *gom_mcache_slot(c, slot)->top == p;
	done = twice || gom_slot_push(gom_mcache_slot(c, slot), p);
	gom_mcache_leave_slow(c);
	if (twice)
		gom_report(GOM_BAD_FREE_TWICE, caller, "object %p was freed twice", p);
	return done;
}

/**
 * gom_free_nolock - free without ever waiting
 * @p: what gom_malloc_nolock() gave; NULL is fine
 *
 * Anything else is reported and not freed.
 *
 * Context: any, NMI included.
 */
void gom_free_nolock(const void *p)
{
	u32 entry = gom_pagemap_entry(p);
	unsigned int slot = gom_entry_slot(entry), class = gom_class_at(p, slot);
	struct aside *a;

	if (ZERO_OR_NULL_PTR(p))
		return;
	if (!slot || class >= GOM_CLASS_TINY ||
	    !gom_class_begins(&gom_classes[class], gom_entry_offset(entry, p))) {
		gom_report(GOM_BAD_POINTER, _RET_IP_, "free without waiting of %p, not of that kind",
			   p);
		return;
	}
	/* What is tied to it is under a lock. */
	if (!gom_special_maybe(p) &&
	    (put_cached(GOM_SLOT_OF(class), p, _RET_IP_) ||
	     (may_try_lock() && gom_mcentral_try_free(class, p, _RET_IP_))))
		return;
	preempt_disable();
	a = this_cpu_ptr(&asides);
	if (llist_add((struct llist_node *)p, &a->list))
		irq_work_queue(&a->work);
	preempt_enable();
}
EXPORT_SYMBOL_GPL(gom_free_nolock);

void gom_nolock_init(void)
{
	struct aside *a;
	int cpu;

	for_each_possible_cpu(cpu) {
		a = per_cpu_ptr(&asides, cpu);
		init_llist_head(&a->list);
		a->work = IRQ_WORK_INIT_LAZY(free_aside);
	}
}

/* Wait until what was put aside has been freed. */
void gom_nolock_sync(void)
{
	int cpu;

	for_each_possible_cpu(cpu)
		irq_work_sync(&per_cpu_ptr(&asides, cpu)->work);
}
GOM_EXPORT_FOR_TEST(gom_nolock_sync);
