/* SPDX-License-Identifier: GPL-2.0 */
/* Statistics of the whole allocator, summed over CPUs and nodes. */
#ifndef GOM_STATS_H
#define GOM_STATS_H

#include <linux/types.h>

#include "base/accounting.h"
#include "percpu/class_stats.h"

/**
 * struct gom_memstats - statistics of the allocator; names as in Go's MemStats
 * @alloc: bytes of live objects, rounded up to classes or pages
 * @mallocs: objects allocated since load
 * @frees: objects freed since load
 * @sys: bytes obtained from the system: @heap_sys plus all of @stat
 * @heap_sys: bytes of pages held by the heaps
 * @heap_idle: of @heap_sys, bytes in idle runs
 * @heap_inuse: of @heap_sys, bytes in spans
 * @heap_released: bytes returned to the page allocator since load
 * @heap_refaults: of @heap_released, bytes allocated again within a second
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
