// SPDX-License-Identifier: GPL-2.0
/* Accounting of memory from the system; see accounting.h.  Any context. */
#include <linux/atomic.h>

#include "base/accounting.h"

const char * const gom_stat_names[GOM_NR_STATS] = {
	[GOM_OTHER_SYS]		= "other_sys",
	[GOM_MSPAN_SYS]		= "mspan_sys",
	[GOM_MCACHE_SYS]	= "mcache_sys",
	[GOM_MCENTRAL_SYS]	= "mcentral_sys",
	[GOM_MHEAP_SYS]		= "mheap_sys",
	[GOM_PAGEMAP_SYS]	= "pagemap_sys",
	[GOM_SBRK_SYS]		= "sbrk_sys",
	[GOM_EFENCE_SYS]	= "efence_sys",
	[GOM_SPECIAL_SYS]	= "special_sys",
	[GOM_BUCKHASH_SYS]	= "buckhash_sys",
};

static atomic_long_t accounted[GOM_NR_STATS];

/*
 * Account @bytes of memory from outside the persistent allocator under @stat; a
 * negative count gives them back.
 */
void gom_stat_add(enum gom_stat stat, size_t bytes)
{
	atomic_long_add(bytes, &accounted[stat]);
}

/* Bytes that gom_stat_add() has accounted under @stat. */
size_t gom_stat_bytes(enum gom_stat stat)
{
	return atomic_long_read(&accounted[stat]);
}
