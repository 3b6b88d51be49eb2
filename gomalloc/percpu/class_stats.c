// SPDX-License-Identifier: GPL-2.0
/*
 * Statistics of one class, summed over the per-CPU caches and the mcentrals of
 * all nodes.  For the layers above: api, debug.
 *
 * Context: any but NMI; takes the lock of each mcentral, one at a time.  The
 * sums are exact if nobody allocates or frees meanwhile.
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

static void stats_add_central(struct gom_mcentral *c, struct gom_class_stats *stats)
{
	const struct gom_magazine *mag;
	unsigned long flags;

	stats->spans += atomic_long_read(&c->nr_spans);
	stats->pages += atomic_long_read(&c->nr_pages);
	spin_lock_irqsave(&c->lock, flags);
	stats->mallocs += c->mallocs;
	stats->frees += c->frees - c->double_frees;
	for (mag = c->full; mag; mag = mag->next)
		stats->depot += mag->nr;
	spin_unlock_irqrestore(&c->lock, flags);
}

/* Statistics of one class. */
void gom_class_read(unsigned int class, struct gom_class_stats *stats)
{
	struct gom_mcache_stats cpu_stats;
	int i;

	*stats = (struct gom_class_stats) { };
	for_each_possible_cpu(i) {
		gom_mcache_read(i, class, &cpu_stats);
		stats->mallocs += cpu_stats.mallocs;
		stats->frees += cpu_stats.frees;
		stats->cached += cpu_stats.held;
		stats->refills += cpu_stats.refills;
		stats->flushes += cpu_stats.flushes;
	}
	for_each_gom_node(i)
		stats_add_central(gom_mcentral_of(class, i), stats);
}
GOM_EXPORT_FOR_TEST(gom_class_read);
