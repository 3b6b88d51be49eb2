// SPDX-License-Identifier: GPL-2.0
/* A work item that any context may queue; see work.h. */
#include <linux/container_of.h>
#include <linux/errno.h>
#include <linux/rcupdate.h>

#include "base/work.h"

static void work_irq_fn(struct irq_work *irq)
{
	struct gom_work *w = container_of(irq, struct gom_work, irq);

	queue_work(w->wq, &w->work);
}

/*
 * Initialize @w with the function @fn on a workqueue @name with WQ_ @flags.
 * Returns 0 or -ENOMEM.  Context: task, may sleep.
 */
int gom_work_init(struct gom_work *w, const char *name, unsigned int flags, work_func_t fn)
{
	w->irq = IRQ_WORK_INIT_HARD(work_irq_fn);
	INIT_WORK(&w->work, fn);
	w->wq = alloc_workqueue("%s", WQ_UNBOUND | flags, 1, name);
	return w->wq ? 0 : -ENOMEM;
}

/*
 * Run the work item once more, and wait for its end.  It is queued here, not
 * only waited for: a context on another CPU may have added something and not
 * queued the irq_work yet.  Context: task, may sleep; not from the work item.
 */
void gom_work_flush(struct gom_work *w)
{
	queue_work(w->wq, &w->work);
	flush_work(&w->work);
}

/*
 * Undo gom_work_init(), when nobody queues @w any more.  A work item that is
 * queued still runs.  Context: task, may sleep.
 */
void gom_work_exit(struct gom_work *w)
{
	irq_work_sync(&w->irq);
	synchronize_rcu();	/* it may run on two CPUs at once, and then waits for one only */
	destroy_workqueue(w->wq);
}
