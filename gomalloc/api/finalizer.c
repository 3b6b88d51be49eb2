// SPDX-License-Identifier: GPL-2.0
/*
 * Finalizers (Go: SetFinalizer(), addfinalizer() and queuefinalizer() of 2014):
 * a function that runs once, in process context, after an object was freed and
 * before its memory is reused.
 *
 * A finalizer is a special of its object (special.h).  A free of the object, in
 * any context, only queues the finalizer.  One worker runs the queued
 * finalizers in the order of the frees.  It then frees the object itself.
 * Until then the special stays with the object, marked as queued, so a double
 * free is detected.  A finalizer may set a finalizer again, also for its own
 * object: then the object waits for that one as well.
 *
 * Locks: none; the queue is lock-free.  The worker calls finalizers without a
 * lock and with interrupts and preemption on.
 */
#include <linux/atomic.h>
#include <linux/llist.h>
#include <linux/mm.h>
#include <linux/sched.h>
#include <linux/workqueue.h>

#include "api/finalizer.h"
#include "api/internal.h"
#include "api/nolock.h"
#include "base/compat.h"
#include "base/report.h"
#include "base/work.h"
#include "heap/mheap.h"
#include "heap/pagemap.h"
#include "special/special.h"

static LLIST_HEAD(queue);
static struct gom_work finalizer_work;
static atomic_long_t nr_set, nr_queued, nr_run;

static void finalizer_run(struct gom_special *sp)
{
	void *p = sp->p;
	struct gom_place at;

	sp->fn(p, sp->arg);
	atomic_long_inc(&nr_run);
	atomic_long_dec(&nr_queued);
	gom_resolve(p, &at);
	gom_special_delete(gom_special_remove(&at, GOM_SPECIAL_QUEUED));
	gom_free_place(&at, _RET_IP_);
	cond_resched();
}

static void finalizer_work_fn(struct work_struct *work)
{
	struct gom_special *sp, *next;

	llist_for_each_entry_safe(sp, next, llist_reverse_order(llist_del_all(&queue)), node)
		finalizer_run(sp);
}

/* Queue the finalizer @sp, whose object was freed.  The caller wakes the worker. */
void gom_finalizer_add(struct gom_special *sp)
{
	atomic_long_dec(&nr_set);
	atomic_long_inc(&nr_queued);
	llist_add(&sp->node, &queue);
}
GOM_EXPORT_FOR_TEST(gom_finalizer_add);

static void finalizer_queue(struct gom_special *sp)
{
	/*
	 * Not only if the queue was empty: whoever added the first may have been
	 * preempted before it got here.
	 */
	gom_finalizer_add(sp);
	gom_work_queue(&finalizer_work);
}

static int finalizer_clear(const struct gom_place *at)
{
	struct gom_special *sp = gom_special_remove(at, GOM_SPECIAL_FINALIZER);

	if (sp) {
		atomic_long_dec(&nr_set);
		gom_special_delete(sp);
	}
	return 0;
}

static int finalizer_set(const struct gom_place *at, void (*fn)(void *p, void *arg), void *arg)
{
	struct gom_special *sp = gom_special_new(GFP_ATOMIC | __GFP_NOWARN);

	if (!sp)
		return -ENOMEM;
	sp->kind = GOM_SPECIAL_FINALIZER;
	sp->fn = fn;
	sp->arg = arg;
	sp->p = (void *)at->p;
	if (!gom_special_add(at, sp)) {
		gom_special_delete(sp);
		return -EEXIST;
	}
	atomic_long_inc(&nr_set);
	return 0;
}

/**
 * gom_set_finalizer - set a function to call after an object was freed
 * @p: the object, from any gomalloc allocation, tiny objects included
 * @fn: the finalizer, called once as @fn(@p, @arg) by a worker, after @p was
 *	freed and before its memory is reused; the contents of @p are those at
 *	the free.  It may sleep, allocate, free, and set finalizers, also for
 *	@p.  NULL removes the finalizer of @p
 * @arg: second argument for @fn
 *
 * Finalizers run one at a time, in the order of the frees.  gom_realloc() that
 * moves an object frees the old one.  The finalizer of an object that is never
 * freed does not run, not even when gomalloc is unloaded.  With sbrk=1 nothing
 * is freed, so no finalizer runs.  A module that contains @fn must call
 * gom_finalizer_barrier() before it is unloaded.
 *
 * Context: any but NMI.  Only the owner of @p may call it.
 * Return: 0; -EEXIST if @p has a finalizer; -ENOMEM; -EINVAL, with a report, if
 * no object begins at @p.  The object itself is not changed.
 */
int gom_set_finalizer(void *p, void (*fn)(void *p, void *arg), void *arg)
{
	struct gom_place at;
	size_t size;

	gom_resolve(p, &at);
	if (ZERO_OR_NULL_PTR(p) || gom_object_of(&at, &size) != p) {
		gom_report(GOM_BAD_POINTER, _RET_IP_,
			   "finalizer for %p, where no object begins", p);
		return -EINVAL;
	}
	if (gom_backend_only())
		return 0;
	return fn ? finalizer_set(&at, fn, arg) : finalizer_clear(&at);
}
EXPORT_SYMBOL_GPL(gom_set_finalizer);

/**
 * gom_finalizer_barrier - wait for the finalizers of all objects freed so far
 *
 * That includes objects freed by gom_free_nolock().  For objects freed by
 * gom_free_rcu(), call gom_free_rcu_barrier() first.  Objects that these
 * finalizers free are not waited for.
 *
 * Context: task, may sleep.  Not from a finalizer, which would wait for itself:
 * this is reported, and returns at once.
 */
void gom_finalizer_barrier(void)
{
	if (current_work() == &finalizer_work.work) {
		gom_report(GOM_BAD_POINTER, _RET_IP_, "a finalizer waits for finalizers");
		return;
	}
	gom_nolock_drain();
	gom_work_flush(&finalizer_work);
}
EXPORT_SYMBOL_GPL(gom_finalizer_barrier);

void gom_finalizer_reset(void)
{
	atomic_long_set(&nr_run, 0);
}

void gom_finalizer_read(struct gom_finalizer_stats *stats)
{
	stats->set = atomic_long_read(&nr_set);
	stats->queued = atomic_long_read(&nr_queued);
	stats->run = atomic_long_read(&nr_run);
}
GOM_EXPORT_FOR_TEST(gom_finalizer_read);

static void finalizer_show_one(const struct gom_special *sp, void *m)
{
	if (sp->kind == GOM_SPECIAL_FINALIZER || sp->kind == GOM_SPECIAL_QUEUED)
		seq_printf(m, "%-6s %p %ps\n", sp->kind == GOM_SPECIAL_QUEUED ? "queued" : "set",
			   sp->p, sp->fn);
}

/* The lines of debugfs finalizers: one for each finalizer.  May sleep. */
void gom_finalizer_show(struct seq_file *m)
{
	struct gom_region *r;
	struct gom_span *s;
	unsigned int i;

	seq_puts(m, "state  object function\n");
	for (r = gom_pagemap_regions(); r; r = r->next) {
		for (i = 0; i < GOM_REGION_PAGES; i++) {
			s = READ_ONCE(r->span[i]);
			if (s && gom_span_has_specials(s))
				gom_special_visit(s, finalizer_show_one, m);
		}
		cond_resched();
	}
}
GOM_EXPORT_FOR_TEST(gom_finalizer_show);

int gom_finalizer_init(void)
{
	gom_special_freed[GOM_SPECIAL_FINALIZER] = finalizer_queue;
	return gom_work_init(&finalizer_work, "gomalloc_fin", WQ_MEM_RECLAIM, finalizer_work_fn);
}

/* On unload, after gom_finalizer_barrier(), when nobody frees any more. */
void gom_finalizer_exit(void)
{
	if (atomic_long_read(&nr_set))
		pr_warn("%ld finalizers never ran: their objects were not freed\n",
			atomic_long_read(&nr_set));
	gom_work_exit(&finalizer_work);
}
