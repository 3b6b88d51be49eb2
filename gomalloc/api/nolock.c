// SPDX-License-Identifier: GPL-2.0
/*
 * gom_malloc_nolock() and gom_free_nolock(), for contexts that may have
 * interrupted anything, the allocator itself included: NMIs, kprobes, BPF
 * programs.  Nothing in here waits for a lock.
 *
 * The per-CPU cache needs no change for these contexts: if they interrupted
 * code inside the cache, they find the flag set and bypass it; if not, they
 * finish before the interrupted code continues (mcache.h).  If the cache cannot
 * serve the call, mcentral is tried, with a trylock.
 *
 * If neither can take a free, it is deferred: the object goes on a lock-free
 * list of the CPU, linked through its own first word, and an irq_work frees it
 * on the next tick.  The irq_work is lazy on purpose.  A callback that runs
 * inside the allocator and frees an object on each call would otherwise raise an
 * irq_work for each free.
 *
 * An object with a finalizer must not be written, since the finalizer sees the
 * contents at the free.  Looking for a finalizer takes a lock.  If there is
 * one, or if the trylock failed, the object is deferred in an array of the CPU,
 * untouched.  When half of the array is in use, an urgent irq_work is queued,
 * unless the CPU's irq_work is freeing the objects already.  If the array is
 * full, the object is leaked, with a report.
 *
 * Under PREEMPT_RT mcentral's lock is a sleeping lock: its release may wake a
 * task.  So it is tried only where a task could sleep, and not in interrupts,
 * nor with a raw lock held, such as one of the scheduler.  There deferred
 * objects are freed by an unbound worker (work.h): a thread of the CPU could be
 * starved by a real-time task.
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

#include "api/internal.h"
#include "api/object_debug.h"
#include "api/nolock.h"
#include "base/compat.h"
#include "base/fault.h"
#include "base/node.h"
#include "base/report.h"
#include "base/work.h"
#include "central/mcentral.h"
#include "heap/pagemap.h"
#include "percpu/mcache.h"
#include "special/special.h"

#define UNTOUCHED_MAX	64U

/**
 * struct deferred - objects of one CPU whose free is deferred
 * @list: objects linked through their first word
 * @untouched: objects that must not be written
 * @lazy: irq_work that frees both on the next tick; not under PREEMPT_RT
 * @urgent: irq_work that frees both as soon as interrupts are on; likewise
 * @in_irq_work: one of these is running; written and read by their CPU only
 * @freeing: number of contexts that are freeing them now
 */
struct deferred {
	struct llist_head list;
	void *untouched[UNTOUCHED_MAX];
	struct irq_work lazy;
	struct irq_work urgent;
	bool in_irq_work;
	atomic_t freeing;
};

/* The size given in Documentation/persistent.rst. */
static_assert(BITS_PER_LONG < 64 || sizeof(struct deferred) <= 592);

static DEFINE_PER_CPU(struct deferred, deferred_cpus);
static struct gom_work deferred_work;	/* PREEMPT_RT only */

static void deferred_free(const void *p)
{
	gom_debug_undefer(p);
	gom_free(p);
}

/*
 * Free the deferred objects of a CPU; runs on that CPU, in the worker, or in
 * gom_nolock_drain().
 */
static void deferred_free_all(struct deferred *a)
{
	struct llist_node *node, *next;
	unsigned int i;
	void *p;

	atomic_inc(&a->freeing);
	/*
	 * A context that finds the list and the array empty sees @freeing above
	 * 0 until the objects are freed.  Pairs with smp_mb() in
	 * gom_nolock_drain().
	 */
	smp_mb__after_atomic();
	gom_test_point(GOM_AT_DEFERRED, 0, 0);
	node = llist_del_all(&a->list);
	while (node) {
		next = node->next;
		if (next == LIST_POISON1) {
			/*
			 * The object was added twice, which made the list
			 * circular.
			 */
			gom_report(GOM_BAD_DOUBLE_FREE, _RET_IP_, "double free of object %p",
				   node);
			break;
		}
		node->next = LIST_POISON1;
		deferred_free(node);
		node = next;
	}
	/* xchg() pairs with cmpxchg() in object_defer_untouched(). */
	for (i = 0; i < UNTOUCHED_MAX; i++) {
		p = READ_ONCE(a->untouched[i]) ? xchg(&a->untouched[i], NULL) : NULL;
		if (p)
			deferred_free(p);
	}
	/*
	 * The frees come before @freeing drops; pairs with gom_nolock_drain().
	 */
	smp_mb__before_atomic();
	atomic_dec(&a->freeing);
}

static void deferred_irq_work_fn(struct irq_work *work)
{
	struct deferred *a = this_cpu_ptr(&deferred_cpus);

	WRITE_ONCE(a->in_irq_work, true);
	deferred_free_all(a);
	WRITE_ONCE(a->in_irq_work, false);
}

static void deferred_work_fn(struct work_struct *work)
{
	int cpu;

	for_each_possible_cpu(cpu)
		deferred_free_all(per_cpu_ptr(&deferred_cpus, cpu));
}

/*
 * Have the objects of @a, this CPU's, freed: as soon as interrupts are on if
 * @urgent, else on the next tick.  Under PREEMPT_RT both are left to the
 * worker.
 */
static void deferred_wake(struct deferred *a, bool urgent)
{
	gom_test_point(GOM_AT_DEFERRED_WAKE, urgent, 0);
	if (IS_ENABLED(CONFIG_PREEMPT_RT))
		gom_work_queue(&deferred_work);
	else
		irq_work_queue(urgent ? &a->urgent : &a->lazy);
}

/* Defer the free of @p, whose first word is overwritten. */
static void object_defer(const void *p)
{
	struct deferred *a;

	preempt_disable();
	a = this_cpu_ptr(&deferred_cpus);
	if (llist_add((struct llist_node *)p, &a->list))
		deferred_wake(a, false);
	preempt_enable();
}

/*
 * Defer the free of @p without writing to it; false if the array is full.  An
 * NMI may interrupt this, so entries are claimed with cmpxchg(), which pairs
 * with xchg() in deferred_free_all().
 */
static bool object_defer_untouched(const void *p)
{
	struct deferred *a;
	unsigned int i;

	preempt_disable();
	a = this_cpu_ptr(&deferred_cpus);
	for (i = 0; i < UNTOUCHED_MAX; i++)
		if (!READ_ONCE(a->untouched[i]) && !cmpxchg(&a->untouched[i], NULL, (void *)p))
			break;
	deferred_wake(a, i >= UNTOUCHED_MAX / 2 && !READ_ONCE(a->in_irq_work));
	preempt_enable();
	return i < UNTOUCHED_MAX;
}

/*
 * May spin_trylock() be used here?  Without CONFIG_SMP a spinlock only disables
 * interrupts and a trylock always succeeds, even if this context interrupted
 * the holder.  So interrupts must be on.  Under PREEMPT_RT the unlock takes the
 * scheduler's locks if there are waiters, which this context may hold; none are
 * held with preemption and interrupts on.
 */
static bool trylock_allowed(void)
{
	if (!IS_ENABLED(CONFIG_SMP))
		return !irqs_disabled() && !in_nmi();
	return !IS_ENABLED(CONFIG_PREEMPT_RT) || preemptible();
}

static void *cache_pop(unsigned int slot_off)
{
	struct gom_mcache *c = gom_mcache_tryenter_slow();
	void *p;

	if (!c)
		return NULL;
	p = gom_mcache_pop(c, slot_off >> GOM_SLOT_SHIFT);
	gom_mcache_leave_slow(c);
	return p;
}

/**
 * gom_malloc_nolock - allocate memory without waiting for a lock
 * @size: bytes requested, up to 128 KiB; 0 returns ZERO_SIZE_PTR
 * @gfp: only __GFP_ZERO is used
 *
 * Allocates from the CPU's cache, or from mcentral if its lock is free.  Does
 * not call the page allocator, and does not register the object with kmemleak.
 *
 * Context: any, NMI included.
 * Return: the memory, for gom_free_nolock() or any other free; NULL if neither
 * has a free object.
 */
void *gom_malloc_nolock(size_t size, gfp_t gfp)
{
	unsigned int slot_off = gom_size_to_slot_off(size), class = slot_off >> GOM_SLOT_SHIFT;
	void *p;

	if (!size)
		return ZERO_SIZE_PTR;
	if (!slot_off)
		return NULL;
	p = cache_pop(slot_off);
	if (!p && trylock_allowed())
		p = gom_mcentral_try_alloc(class, gom_mem_node());
	if (p && want_init_on_alloc(gfp))
		memset(p, 0, gom_classes[class].size);
	return p;
}
EXPORT_SYMBOL_GPL(gom_malloc_nolock);

static bool cache_push(const struct gom_place *at, unsigned long caller)
{
	struct gom_mcache *c = gom_mcache_tryenter_slow();
	const unsigned int slot_off = GOM_SLOT_OFF(at->class);
	const void *p = at->p;
	bool done, double_free;

	if (!c)
		return false;
	double_free = *gom_mcache_slot(c, slot_off)->top == p;
	done = double_free || gom_slot_push(gom_mcache_slot(c, slot_off), p);
	gom_mcache_leave_slow(c);
	if (double_free)
		gom_report(GOM_BAD_DOUBLE_FREE, caller, "double free of object %p", p);
	return done;
}

/*
 * Which specials has @at?  Only the owner of an object adds specials to it, so
 * "none" can be seen without the lock.  GOM_SLOT_ASK has other reasons too
 * (short spans).
 */
static enum gom_special_found specials_try_find(const struct gom_place *at)
{
	if (at->slot != GOM_SLOT_ASK || !gom_special_maybe(at->p) ||
	    !gom_span_has_specials(at->span))
		return GOM_SPECIAL_NONE;
	return gom_special_try_find(at);
}

/* Free @at now; false if that is not possible in this context. */
static bool object_try_free(const struct gom_place *at, unsigned long caller)
{
	/*
	 * If kmemleak knows the object, it must be told; that is not possible
	 * here.
	 */
	if (IS_ENABLED(CONFIG_DEBUG_KMEMLEAK))
		return false;
	if (want_init_on_free())
		memset((void *)at->p, 0, gom_classes[at->class].size);
	return cache_push(at, caller) ||
	       (trylock_allowed() && gom_mcentral_try_free(at, caller));
}

/* Free @p later, without a write to it.  @why says why it is not freed now. */
static void object_defer_or_report(const void *p, const char *why, unsigned long caller)
{
	if (!object_defer_untouched(p))
		gom_report(GOM_BAD_POINTER, caller,
			   "free without waiting of %p, which %s: too many at once", p, why);
}

/*
 * With efence=1: free an object with a guard page.  That cannot be done here,
 * nor may its first word be written, which can lie behind its end.  False if
 * @p is no such object.
 */
static bool guarded_free_nolock(const void *p, unsigned long caller)
{
	size_t size;

	if (likely(!gom_backend) || gom_backend->object(p, &size) != p)
		return false;
	object_defer_or_report(p, "has a guard page", caller);
	return true;
}

/*
 * Free a debugged object later: its checks take too long here.  A shorter one
 * than a link cannot be linked, as its red zone must not be written.
 */
static void debugged_free_nolock(const struct gom_place *at, unsigned long caller)
{
	size_t size;

	if (gom_debug_object_of(at, &size) != at->p)
		gom_report(GOM_BAD_POINTER, caller,
			   "free without waiting of %p, where no object begins", at->p);
	else if (!gom_debug_defer(at, caller))
		return;
	else if (size >= sizeof(struct llist_node))
		object_defer(at->p);
	else
		object_defer_or_report(at->p, "is debugged", caller);
}

/**
 * gom_free_nolock - free memory without waiting for a lock
 * @p: an object of up to 128 KiB, from gom_malloc_nolock() or another
 *	allocation function; may be NULL.  Not an object of a named cache, and
 *	not a tiny one (gom_malloc_noscan() of up to GOM_TINY_MAX bytes)
 *
 * Other pointers are reported and not freed.  An object that may have a
 * finalizer, has a guard page (efence=1), or is debugged (debug=) and shorter
 * than a pointer, is reported and leaked if 64 such
 * objects are deferred on this CPU already; they are freed when interrupts are
 * on, under PREEMPT_RT by a worker.
 *
 * Context: any, NMI included.
 */
void gom_free_nolock(const void *p)
{
	enum gom_special_found found;
	struct gom_place at;

	if (ZERO_OR_NULL_PTR(p) || gom_backend_only())
		return;
	gom_pagemap_place(p, &at);
	if (!at.slot && guarded_free_nolock(p, _RET_IP_))
		return;
	if (gom_class_debug(at.class)) {
		debugged_free_nolock(&at, _RET_IP_);
		return;
	}
	if (!at.class || at.class >= GOM_CLASS_TINY || !gom_place_is_object(&at)) {
		gom_report(GOM_BAD_POINTER, _RET_IP_, "free without waiting of %p, not of that kind",
			   p);
		return;
	}
	found = specials_try_find(&at);
	if (found == GOM_SPECIAL_NONE && object_try_free(&at, _RET_IP_))
		return;
	if (found == GOM_SPECIAL_NONE || found == GOM_SPECIAL_NO_FINALIZER)
		object_defer(p);
	else
		object_defer_or_report(p, "may have a finalizer", _RET_IP_);
}
EXPORT_SYMBOL_GPL(gom_free_nolock);

int gom_nolock_init(void)
{
	struct deferred *a;
	int cpu;

	for_each_possible_cpu(cpu) {
		a = per_cpu_ptr(&deferred_cpus, cpu);
		init_llist_head(&a->list);
		a->lazy = IRQ_WORK_INIT_LAZY(deferred_irq_work_fn);
		a->urgent = IRQ_WORK_INIT(deferred_irq_work_fn);
	}
	return IS_ENABLED(CONFIG_PREEMPT_RT) ?
	       gom_work_init(&deferred_work, "gomalloc_nolock", WQ_MEM_RECLAIM,
			     deferred_work_fn) : 0;
}

/**
 * gom_nolock_drain - free all deferred objects
 *
 * Frees the objects of all CPUs on this CPU, without waiting for their
 * irq_works.
 *
 * Context: task, may sleep.
 */
void gom_nolock_drain(void)
{
	struct deferred *a;
	int cpu;

	for_each_possible_cpu(cpu) {
		a = per_cpu_ptr(&deferred_cpus, cpu);
		deferred_free_all(a);
		smp_mb();	/* pairs with smp_mb__after_atomic() in deferred_free_all() */
		while (atomic_read(&a->freeing))
			schedule_timeout_uninterruptible(1);
	}
}
GOM_EXPORT_FOR_TEST(gom_nolock_drain);

/*
 * On unload, when nobody frees any more: wait for the irq_works and the worker.
 */
void gom_nolock_exit(void)
{
	struct deferred *a;
	int cpu;

	for_each_possible_cpu(cpu) {
		a = per_cpu_ptr(&deferred_cpus, cpu);
		irq_work_sync(&a->lazy);
		irq_work_sync(&a->urgent);
	}
	if (IS_ENABLED(CONFIG_PREEMPT_RT))
		gom_work_exit(&deferred_work);
}
