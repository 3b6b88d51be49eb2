/* SPDX-License-Identifier: GPL-2.0 */
/* Large objects: whole pages from the heap (Go: largeAlloc); see large.c. */
#ifndef GOM_LARGE_H
#define GOM_LARGE_H

#include <linux/gfp.h>
#include <linux/types.h>

#include "base/compat.h"
#include "heap/pagemap.h"
#include "heap/span.h"

#define GOM_MAX_SIZE	((size_t)PAGE_SIZE << MAX_PAGE_ORDER)	/* as kmalloc() */

/**
 * struct gom_large_stats - statistics of large objects, all nodes together
 * @mallocs: objects allocated since load
 * @frees: objects freed since load
 * @pages: pages in use now
 */
struct gom_large_stats {
	u64 mallocs;
	u64 frees;
	unsigned long pages;
};

bool gom_size_possible(size_t size, gfp_t gfp, unsigned long caller);
void *gom_large_alloc(size_t size, gfp_t gfp, int nid, unsigned long caller);
void gom_large_free(const struct gom_place *at, unsigned long caller);
bool gom_large_aligned(const void *p, size_t size);
bool gom_large_shrink(struct gom_span *s, size_t new_size, gfp_t gfp);
void gom_large_read(struct gom_large_stats *stats);

#endif /* GOM_LARGE_H */
