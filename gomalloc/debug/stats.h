/* SPDX-License-Identifier: GPL-2.0 */
/* Statistics: sums of everything, over CPUs and nodes. */
#ifndef GOM_STATS_H
#define GOM_STATS_H

#include <linux/types.h>

#include "base/accounting.h"
#include "percpu/class_stats.h"

/**
 * struct gom_memstats - everything, in bytes and objects; names as in Go
 * @alloc: bytes of live objects, rounded up to their classes and pages
 * @mallocs: objects allocated since load
 * @frees: objects freed since load
 * @sys: bytes taken from the system, all that follow with _sys
 * @heap_sys: bytes of pages in heaps
 * @heap_idle: of these, in free runs
 * @heap_inuse: of these, in spans
 * @heap_released: bytes of pages given back since load
 * @heap_refaults: of these, bytes taken again within a second
 * @mspan_inuse: bytes of span records in use
 * @mcache_inuse: bytes of magazines in use
 * @stat: bytes by enum gom_stat
 */
struct gom_memstats {
	u64 alloc;
	u64 mallocs;
	u64 frees;
	u64 sys;
	u64 heap_sys;
	u64 heap_idle;
	u64 heap_inuse;
	u64 heap_released;
	u64 heap_refaults;
	u64 mspan_inuse;
	u64 mcache_inuse;
	u64 stat[GOM_NR_STATS];
};

void gom_memstats_read(struct gom_memstats *m);
void gom_stats_reset(void);
u64 gom_stats_report_live(void);

#endif /* GOM_STATS_H */
