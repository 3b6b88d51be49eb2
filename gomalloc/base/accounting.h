/* SPDX-License-Identifier: GPL-2.0 */
/*
 * Accounting: bytes taken from the system, each under one name (enum gom_stat).  What the
 * persistent allocator has taken it accounts for itself.
 */
#ifndef GOM_ACCOUNTING_H
#define GOM_ACCOUNTING_H

#include <linux/minmax.h>
#include <linux/types.h>

#include "gomalloc.h"

extern const char * const gom_stat_names[GOM_NR_STATS];

/* Begin two counters anew, by as much as is counted in both: live objects stay. */
static inline void gom_stats_forget(u64 *mallocs, u64 *frees)
{
	u64 n = min(*mallocs, *frees);

	*mallocs -= n;
	*frees -= n;
}

void gom_stat_add(enum gom_stat stat, size_t bytes);
size_t gom_stat_bytes(enum gom_stat stat);

#endif /* GOM_ACCOUNTING_H */
