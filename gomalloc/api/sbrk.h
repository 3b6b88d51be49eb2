/* SPDX-License-Identifier: GPL-2.0 */
/*
 * sbrk mode (Go: GODEBUG=sbrk=1, 2015): the module parameter sbrk=1 replaces the
 * whole allocator by a pointer that moves up.  Every allocation comes from the
 * persistent chunks, nothing is ever freed, and all of it goes back when the
 * module does.  It answers what it costs to be an allocator at all.
 */
#ifndef GOM_SBRK_H
#define GOM_SBRK_H

#include <linux/types.h>

#include "base/mode.h"

#define GOM_SBRK_ALIGN	16		/* bytes, of every object, as in Go */

/**
 * struct gom_sbrk_stats - what the mode has used
 * @mallocs: objects
 * @bytes: cut for them, with a header for each
 */
struct gom_sbrk_stats {
	u64 mallocs;
	u64 bytes;
};

void gom_sbrk_init(void);
void *gom_sbrk_alloc(size_t size, size_t align, gfp_t gfp, unsigned long caller);
size_t gom_sbrk_size(const void *p);
void gom_sbrk_read(struct gom_sbrk_stats *stats);

#endif /* GOM_SBRK_H */
