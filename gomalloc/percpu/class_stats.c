// SPDX-License-Identifier: GPL-2.0
/*
 * Statistics of one class: see class_stats.h.  Context: task or interrupt, not NMI; takes
 * the mcentrals' locks, one after the other.  Exact if nobody allocates.
 */
#include <linux/atomic.h>
#include <linux/cpumask.h>
#include <linux/spinlock.h>

#include "base/compat.h"
#include "central/magazine.h"
#include "central/mcentral.h"
#include "heap/mheap.h"
#include "percpu/class_stats.h"
#include "percpu/mcache.h"

static void add_central(struct gom_mcentral *c, struct gom_class_figures *fig)
{
	const struct gom_magazine *mag;
	unsigned long flags;

	fig->spans += atomic_long_read(&c->nr_spans);
	fig->pages += atomic_long_read(&c->nr_pages);
	spin_lock_irqsave(&c->lock, flags);
	fig->mallocs += c->mallocs;
	fig->frees += c->frees - c->double_frees;
	for (mag = c->full; mag; mag = mag->next)
		fig->depot += mag->nr;
	spin_unlock_irqrestore(&c->lock, flags);
}

/* Figures of one class. */
void gom_class_read(unsigned int class, struct gom_class_figures *fig)
{
	struct gom_mcache_figures cpu_fig;
	int i;

	*fig = (struct gom_class_figures) { };
	for_each_possible_cpu(i) {
		gom_mcache_read(i, class, &cpu_fig);
		fig->mallocs += cpu_fig.mallocs;
		fig->frees += cpu_fig.frees;
		fig->cached += cpu_fig.held;
		fig->refills += cpu_fig.refills;
		fig->flushes += cpu_fig.flushes;
	}
	for_each_gom_node(i)
		add_central(gom_mcentral_of(class, i), fig);
}
GOM_EXPORT_FOR_TEST(gom_class_read);
