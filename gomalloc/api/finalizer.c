// SPDX-License-Identifier: GPL-2.0
/*
 * Finalizers (Go: SetFinalizer(), addfinalizer() and queuefinalizer() of 2014): a
 * function that runs once, in process context, when an object has been freed, and
 * before its memory is used again.
 *
 * A finalizer is a special of its object (special.h).  Freeing the object queues it,
 * from whatever context; one worker runs them in the order in which the objects were
 * freed, and then frees the object indeed.  Until that a double free is seen, as the
 * special stays where it is, marked as queued.  A finalizer may set another one, for its
 * own object too: then the object waits once more.
 *
 * Context: the queue is lock-free; the worker holds no lock and has interrupts and
 * preemption on when it calls.
 */
#include <linux/atomic.h>
#include <linux/irq_work.h>
#include <linux/llist.h>
#include <linux/mm.h>
#include <linux/sched.h>
#include <linux/workqueue.h>

#include "api/finalizer.h"
#include "api/internal.h"
#include "api/nolock.h"
#include "api/sbrk.h"
#include "base/compat.h"
#include "base/report.h"
#include "heap/mheap.h"
#include "heap/pagemap.h"
#include "special/special.h"

static LLIST_HEAD(queue);
static struct workqueue_struct *wq;
static atomic_long_t nr_set, nr_queued, nr_run;

static void run_one(struct gom_special *sp)
{
	void *p = sp->p;

	sp->fn(p, sp->arg);
	atomic_long_inc(&nr_run);
	atomic_long_dec(&nr_queued);
	gom_special_delete(gom_special_remove(p, GOM_SPECIAL_QUEUED));
	gom_free_slow(p, _RET_IP_);
	cond_resched();
}

static void run_queue(struct work_struct *work)
{
	struct gom_special *sp, *next;

	llist_for_each_entry_safe(sp, next, llist_reverse_order(llist_del_all(&queue)), node)
		run_one(sp);
}

static DECLARE_WORK(run_work, run_queue);

/* Calls the worker: a free may come from under a lock of the scheduler, and wakes nobody. */
static void call_worker(struct irq_work *work)
{
	queue_work(wq, &run_work);
}

static struct irq_work call_work = IRQ_WORK_INIT_HARD(call_worker);

/*
 * The object of @sp, which is QUEUED now, was freed.  Returns whether the worker is to be
 * called; if not somebody else is about to call it.
 */
bool gom_finalizer_add(struct gom_special *sp)
{
	atomic_long_dec(&nr_set);
	atomic_long_inc(&nr_queued);
	return llist_add(&sp->node, &queue);
}
GOM_EXPORT_FOR_TEST(gom_finalizer_add);

static void queue_finalizer(struct gom_special *sp)
{
	if (gom_finalizer_add(sp))
		irq_work_queue(&call_work);
}

static int clear(void *p)
{
	struct gom_special *sp = gom_special_remove(p, GOM_SPECIAL_FINALIZER);

	if (sp) {
		atomic_long_dec(&nr_set);
		gom_special_delete(sp);
	}
	return 0;
}

static int set(void *p, void (*fn)(void *p, void *arg), void *arg)
{
	struct gom_special *sp = gom_special_new(GFP_ATOMIC | __GFP_NOWARN);

	if (!sp)
		return -ENOMEM;
	sp->kind = GOM_SPECIAL_FINALIZER;
	sp->fn = fn;
	sp->arg = arg;
	sp->p = p;
	if (!gom_special_add(p, sp)) {
		gom_special_delete(sp);
		return -EEXIST;
	}
	atomic_long_inc(&nr_set);
	return 0;
}

/**
 * gom_set_finalizer - have a function called when an object has been freed
 * @p: the object, of any gomalloc allocation, tiny ones included
 * @fn: called as @fn(@p, @arg), once, by a worker, after the caller or anybody has freed
 *	@p and before its memory is used again: the object is as it was when it was
 *	freed.  It may sleep, allocate, free, and set finalizers, of @p too, which
 *	then waits for that one as well.  NULL: clear what was set
 * @arg: for @fn
 *
 * Finalizers run one after the other, in the order of the frees.  gom_realloc() that moves
 * an object frees the old one.  If the object is never freed, not even when the module
 * is unloaded, its finalizer does not run; nor does any with sbrk=1, where nothing is
 * ever freed.  Whoever has @fn in a module calls gom_finalizer_barrier() before that goes.
 *
 * Context: any but NMI.  For the owner of @p.
 * Return: 0; -EEXIST if @p has a finalizer; -ENOMEM; -EINVAL, with a report, if no
 * object begins at @p.  The object is as it was in any case.
 */
int gom_set_finalizer(void *p, void (*fn)(void *p, void *arg), void *arg)
{
	size_t size;

	if (ZERO_OR_NULL_PTR(p) || gom_object_at(p, &size) != p) {
		gom_report(GOM_BAD_POINTER, _RET_IP_,
			   "finalizer for %p, where no object begins", p);
		return -EINVAL;
	}
	if (gom_sbrk)
		return 0;
	return fn ? set(p, fn, arg) : clear(p);
}
EXPORT_SYMBOL_GPL(gom_set_finalizer);

/**
 * gom_finalizer_barrier - wait for the finalizers of all objects freed so far
 *
 * That includes objects freed by gom_free_nolock().  Those freed by gom_free_rcu() are freed
 * after their grace period: gom_free_rcu_barrier() comes first.  What these finalizers
 * bring about is not waited for.
 *
 * Context: task, may sleep; not from a finalizer, which would wait for itself: that
 * is reported.
 */
void gom_finalizer_barrier(void)
{
	if (current_work() == &run_work) {
		gom_report(GOM_BAD_POINTER, _RET_IP_, "a finalizer waits for finalizers");
		return;
	}
	gom_nolock_drain();
	/* Who is to call the worker may have been preempted: queue_finalizer(). */
	queue_work(wq, &run_work);
	flush_work(&run_work);
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

static void show(const struct gom_special *sp, void *m)
{
	if (sp->kind == GOM_SPECIAL_FINALIZER || sp->kind == GOM_SPECIAL_QUEUED)
		seq_printf(m, "%-6s %p %ps\n", sp->kind == GOM_SPECIAL_QUEUED ? "queued" : "set",
			   sp->p, sp->fn);
}

/* A line for each finalizer. */
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
				gom_special_visit(s, show, m);
		}
		cond_resched();
	}
}

int gom_finalizer_init(void)
{
	wq = alloc_ordered_workqueue("gomalloc_fin", WQ_MEM_RECLAIM);
	gom_special_freed[GOM_SPECIAL_FINALIZER] = queue_finalizer;
	return wq ? 0 : -ENOMEM;
}

/* Nobody frees any more: run what is queued, and what that brings about. */
void gom_finalizer_exit(void)
{
	if (atomic_long_read(&nr_set))
		pr_warn("gomalloc: %ld finalizers never ran: their objects were not freed\n",
			atomic_long_read(&nr_set));
	irq_work_sync(&call_work);
	destroy_workqueue(wq);
}
