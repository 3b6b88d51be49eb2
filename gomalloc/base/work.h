/* SPDX-License-Identifier: GPL-2.0 */
/*
 * A work item that any context may queue.
 *
 * queue_work() wakes a worker.  Frees must not: they may hold a lock of the
 * scheduler (pi_lock, a runqueue's lock), and the wake-up takes the same locks.
 * So a hard irq_work queues the work item as soon as interrupts are on.  Hard,
 * because under PREEMPT_RT other irq_work runs in a thread of its CPU, which a
 * real-time task can starve.
 *
 * The workqueue is unbound, so that the work item does not depend on the CPU
 * that queued it either.
 */
#ifndef GOM_WORK_H
#define GOM_WORK_H

#include <linux/irq_work.h>
#include <linux/workqueue.h>

/**
 * struct gom_work - a work item that any context may queue
 * @irq: queues @work
 * @work: the work item; never runs twice at once
 * @wq: its workqueue
 */
struct gom_work {
	struct irq_work irq;
	struct work_struct work;
	struct workqueue_struct *wq;
};

int gom_work_init(struct gom_work *w, const char *name, unsigned int flags, work_func_t fn);
void gom_work_exit(struct gom_work *w);
void gom_work_flush(struct gom_work *w);

/* Run the work item soon.  Context: any, NMI included. */
static inline void gom_work_queue(struct gom_work *w)
{
	irq_work_queue(&w->irq);
}

#endif /* GOM_WORK_H */
