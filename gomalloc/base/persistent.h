/* SPDX-License-Identifier: GPL-2.0 */
/*
 * The persistent allocator: small blocks cut off chunks, never freed before
 * the module goes.  All of gomalloc's own metadata lives on it.
 */
#ifndef GOM_PERSISTENT_H
#define GOM_PERSISTENT_H

#include <linux/gfp.h>
#include <linux/types.h>

#include "base/compat.h"
#include "gomalloc.h"

#define GOM_PERSISTENT_MAX_BLOCK	(64 << 10)	/* bytes; Go's maxBlock */
#define GOM_PERSISTENT_ALIGN		8		/* if the caller says 0 */

/*
 * @gfp for memory that nobody depends on, to grow by more than must be: nobody waits
 * for it, reserves are not touched, by whomever it is wanted, kswapd is not woken, and
 * no node gives memory but the one that is asked.
 */
static inline gfp_t gom_gfp_polite(gfp_t gfp)
{
	return (gfp & ~(__GFP_RECLAIM | __GFP_NOFAIL | __GFP_RETRY_MAYFAIL | __GFP_HIGH |
			__GFP_MEMALLOC | GOM_GFP_ATOMIC)) |
	       __GFP_NOMEMALLOC | __GFP_NORETRY | __GFP_NOWARN | __GFP_THISNODE;
}

extern unsigned int gom_persistent_chunk_kb;

/**
 * struct gom_persistent_info - what the chunks of one CPU, or all, hold
 * @chunks: chunks and direct blocks taken
 * @bytes: their bytes
 * @used: bytes handed out
 * @wasted: bytes lost to alignment and at the ends of chunks given up
 */
struct gom_persistent_info {
	u64 chunks;
	u64 bytes;
	u64 used;
	u64 wasted;
};

/**
 * struct gom_call_site - a place in the code that asked for memory
 * @caller: the place; 0 for all that came when there was no room for another
 * @stat: the name it asked under
 * @requests: how often
 * @bytes: how much
 */
struct gom_call_site {
	unsigned long caller;
	enum gom_stat stat;
	u64 requests;
	u64 bytes;
};

void *gom_persistent_alloc_gfp(size_t size, size_t align, enum gom_stat stat, gfp_t gfp);
void *gom_persistent_bump(size_t size, size_t align, enum gom_stat stat, gfp_t gfp);
bool gom_persistent_read_site(unsigned int nr, struct gom_call_site *who);
void gom_persistent_read_stat(enum gom_stat stat, struct gom_call_site *sum);
u64 gom_persistent_bytes(void);
void gom_persistent_set_busy(bool busy);
struct gom_persistent_info *gom_persistent_info_of(int cpu);
/* Says what is wrong, in words. */
typedef void (*gom_wrong_fn)(const char *fmt, ...) __printf(1, 2);

void gom_persistent_check(gom_wrong_fn wrong);
void gom_persistent_info(int cpu, struct gom_persistent_info *info);
void gom_persistent_free_all(void);

#endif /* GOM_PERSISTENT_H */
