/* SPDX-License-Identifier: GPL-2.0 */
/* Statistics of one class, summed over all per-CPU caches and all mcentrals. */
#ifndef GOM_CLASS_STATS_H
#define GOM_CLASS_STATS_H

#include <linux/types.h>

/**
 * struct gom_class_stats - one size class, summed over CPUs and nodes
 * @mallocs: objects allocated since load
 * @frees: objects freed since load
 * @cached: free objects in per-CPU caches
 * @depot: free objects in magazines of mcentral's depots
 * @refills: magazines brought into per-CPU caches
 * @flushes: magazines taken out of per-CPU caches
 * @spans: spans of the class
 * @pages: pages of these spans
 */
struct gom_class_stats {
	u64 mallocs;
	u64 frees;
	u64 cached;
	u64 depot;
	u64 refills;
	u64 flushes;
	unsigned long spans;
	unsigned long pages;
};

void gom_class_read(unsigned int class, struct gom_class_stats *stats);

#endif /* GOM_CLASS_STATS_H */
