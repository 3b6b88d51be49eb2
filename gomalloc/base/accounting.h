/* SPDX-License-Identifier: GPL-2.0 */
/*
 * Accounting: bytes taken from the system, each under one name (enum
 * gom_stat).  The persistent allocator keeps counters of its own
 * (persistent.h).
 *
 * The counters are atomic; no lock.  Any context.
 */
#ifndef GOM_ACCOUNTING_H
#define GOM_ACCOUNTING_H

#include <linux/minmax.h>
#include <linux/types.h>

#include "gomalloc.h"

extern const char * const gom_stat_names[GOM_NR_STATS];

/*
 * Reset a pair of counters: subtract the smaller from both, so that their
 * difference, the number of live objects, stays the same.
 */
static inline void gom_stats_reset_pair(u64 *mallocs, u64 *frees)
{
	u64 n = min(*mallocs, *frees);

	*mallocs -= n;
	*frees -= n;
}

void gom_stat_add(enum gom_stat stat, size_t bytes);
size_t gom_stat_bytes(enum gom_stat stat);

#endif /* GOM_ACCOUNTING_H */
