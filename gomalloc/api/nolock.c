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
 * A finalizer was promised the object as it was when it was freed.  Whether there is
 * one is known under a lock only.  An object that has one, or that may have one as the
 * lock cannot be had, is put aside without being touched, in an array.  Half of it is left when an irq_work that does
 * not wait for the tick is queued, unless one is running.  With the array full nothing
 * can be done that keeps the promise: that is reported, and the object not freed.
 *
 * Under PREEMPT_RT mcentral's lock is one that sleeps: it is not tried in interrupts.
 */
#include <linux/build_bug.h>
#include <linux/irq_work.h>
#include <linux/irqflags.h>
#include <linux/llist.h>
#include <linux/mm.h>
#include <linux/percpu.h>
#include <linux/poison.h>
#include <linux/preempt.h>
#include <linux/sched.h>
#include <linux/string.h>
#include <linux/topology.h>

#include "api/internal.h"
#include "api/nolock.h"
#include "api/sbrk.h"
#include "base/compat.h"
#include "base/report.h"
#include "central/mcentral.h"
#include "heap/pagemap.h"
#include "percpu/mcache.h"
#include "special/special.h"

#define KEPT_MAX	64U

/**
 * struct aside - objects to be freed when it can be done
 * @list: linked through themselves
 * @kept: as they are
 * @work: frees them with the next tick
 * @hurry: frees them as soon as interrupts are on
 * @freeing: how many are doing that
 */
struct aside {
	struct llist_head list;
	void *kept[KEPT_MAX];
	struct irq_work work;
	struct irq_work hurry;
	atomic_t freeing;
};

/* As Documentation/persistent.rst has it. */
static_assert(BITS_PER_LONG < 64 || sizeof(struct aside) <= 592);

static DEFINE_PER_CPU(struct aside, asides);

/* For the CPU of @a, or for whoever cannot wait until that has time. */
static void free_all(struct aside *a)
{
	struct llist_node *node, *next;
	unsigned int i;
	void *p;

	/* Whoever finds nothing left sees that somebody is freeing it: pairs with drain(). */
	atomic_inc(&a->freeing);
	smp_mb__after_atomic();
	node = llist_del_all(&a->list);
	while (node) {
		next = node->next;
		if (next == LIST_POISON1) {
			/* It was here already: the list goes in a circle. */
			gom_report(GOM_BAD_DOUBLE_FREE, _RET_IP_, "double free of object %p",
				   node);
			break;
		}
		node->next = LIST_POISON1;
		gom_free(node);
		node = next;
	}
	for (i = 0; i < KEPT_MAX; i++) {
		p = READ_ONCE(a->kept[i]) ? xchg(&a->kept[i], NULL) : NULL;
		if (p)
			gom_free(p);
	}
	smp_mb__before_atomic();
	atomic_dec(&a->freeing);
}

static void free_aside(struct irq_work *work)
{
	free_all(container_of(work, struct aside, work));
}

static void free_in_a_hurry(struct irq_work *work)
{
	free_all(container_of(work, struct aside, hurry));
}

static void put_aside(const void *p)
{
	struct aside *a;

	preempt_disable();
	a = this_cpu_ptr(&asides);
	if (llist_add((struct llist_node *)p, &a->list))
		irq_work_queue(&a->work);
	preempt_enable();
}

/* The same without a touch.  An NMI may come into the middle; each takes a place of its own. */
static bool keep_aside(const void *p)
{
	struct aside *a;
	unsigned int i;

	preempt_disable();
	a = this_cpu_ptr(&asides);
	for (i = 0; i < KEPT_MAX; i++)
		if (!READ_ONCE(a->kept[i]) && !cmpxchg(&a->kept[i], NULL, (void *)p))
			break;
	irq_work_queue(i < KEPT_MAX / 2 || atomic_read(&a->freeing) ? &a->work : &a->hurry);
	preempt_enable();
	return i < KEPT_MAX;
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
	struct gom_mcache *c = gom_mcache_tryenter_slow();
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
	struct gom_mcache *c = gom_mcache_tryenter_slow();
	bool done, twice;

	if (!c)
		return false;
	twice = *gom_mcache_slot(c, slot)->top == p;
	done = twice || gom_slot_push(gom_mcache_slot(c, slot), p);
	gom_mcache_leave_slow(c);
	if (twice)
		gom_report(GOM_BAD_DOUBLE_FREE, caller, "double free of object %p", p);
	return done;
}

/*
 * What specials @p has.  Only its owner adds one, so a look without a lock shows if it has
 * none.  Pages are marked to be asked for other reasons as well, as those of short spans are.
 */
static enum gom_special_look look_for_specials(const void *p, unsigned int slot)
{
	if (slot != GOM_SLOT_ASK || !gom_special_maybe(p) ||
	    !gom_span_has_specials(gom_pagemap_span(p)))
		return GOM_SPECIAL_NONE;
	return may_try_lock() ? gom_special_try_look(p) : GOM_SPECIAL_UNKNOWN;
}

/* What it takes to free @p at once; false if that cannot be done now. */
static bool free_at_once(unsigned int class, const void *p, unsigned long caller)
{
	/* kmemleak may know of it, and is not told here. */
	if (IS_ENABLED(CONFIG_DEBUG_KMEMLEAK))
		return false;
	if (want_init_on_free())
		memset((void *)p, 0, gom_classes[class].size);
	return put_cached(GOM_SLOT_OF(class), p, caller) ||
	       (may_try_lock() && gom_mcentral_try_free(class, p, caller));
}

/**
 * gom_free_nolock - free without ever waiting
 * @p: an object of up to 128 KiB, from gom_malloc_nolock() or any other allocation
 *	that is neither of a named cache nor combined with others
 *	(gom_malloc_noscan() of up to GOM_TINY_MAX bytes); NULL is fine
 *
 * Anything else is reported and not freed.  So is an object that may have a finalizer,
 * when 64 of that kind wait on this CPU because interrupts have been off, or an NMI
 * frees so many.
 *
 * Context: any, NMI included.
 */
void gom_free_nolock(const void *p)
{
	u32 entry = gom_pagemap_entry(p);
	unsigned int slot = gom_entry_slot(entry), class = gom_class_at(p, slot);
	enum gom_special_look look;

	if (ZERO_OR_NULL_PTR(p) || gom_sbrk)
		return;
	if (!slot || class >= GOM_CLASS_TINY ||
	    !gom_object_begins(p, slot, class, gom_entry_offset(entry, p))) {
		gom_report(GOM_BAD_POINTER, _RET_IP_, "free without waiting of %p, not of that kind",
			   p);
		return;
	}
	look = look_for_specials(p, slot);
	if (look == GOM_SPECIAL_NONE && free_at_once(class, p, _RET_IP_))
		return;
	if (look == GOM_SPECIAL_NONE || look == GOM_SPECIAL_NO_FINALIZER)
		put_aside(p);
	else if (!keep_aside(p))
		gom_report(GOM_BAD_POINTER, _RET_IP_,
			   "free without waiting of %p, which may have a finalizer: too many at once",
			   p);
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
		a->hurry = IRQ_WORK_INIT(free_in_a_hurry);
	}
}

/**
 * gom_nolock_drain - free what was put aside
 *
 * Here, and not on the CPUs that put it aside: under PREEMPT_RT one that is kept busy by a
 * real-time task would not come to it.
 *
 * Context: task, may sleep.
 */
void gom_nolock_drain(void)
{
	struct aside *a;
	int cpu;

	for_each_possible_cpu(cpu) {
		a = per_cpu_ptr(&asides, cpu);
		free_all(a);
		smp_mb();	/* pairs with free_all() */
		while (atomic_read(&a->freeing))
			schedule_timeout_uninterruptible(1);
	}
}
GOM_EXPORT_FOR_TEST(gom_nolock_drain);

/* Nobody frees any more: nothing is under way either. */
void gom_nolock_exit(void)
{
	struct aside *a;
	int cpu;

	for_each_possible_cpu(cpu) {
		a = per_cpu_ptr(&asides, cpu);
		irq_work_sync(&a->work);
		irq_work_sync(&a->hurry);
	}
}
