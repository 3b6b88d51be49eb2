/* SPDX-License-Identifier: GPL-2.0 */
/*
 * sbrk mode (Go: GODEBUG=sbrk=1, 2015): with the module parameter sbrk=1 an
 * allocation only moves a pointer up in the persistent chunks.  Nothing is
 * freed before the module is unloaded.  The mode is the lower bound of what an
 * allocation can cost, for comparisons.
 */
#ifndef GOM_SBRK_H
#define GOM_SBRK_H

#include <linux/types.h>

#include "base/mode.h"

#define GOM_SBRK_ALIGN	16		/* alignment of objects in bytes, as in Go */

/**
 * struct gom_sbrk_stats - statistics of the mode
 * @mallocs: objects allocated
 * @bytes: bytes used for them, headers included
 */
struct gom_sbrk_stats {
	u64 mallocs;
	u64 bytes;
};

void gom_sbrk_init(void);
void gom_sbrk_read(struct gom_sbrk_stats *stats);

#endif /* GOM_SBRK_H */
