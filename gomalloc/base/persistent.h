/* SPDX-License-Identifier: GPL-2.0 */
/*
 * The persistent allocator: small blocks cut off per-CPU chunks, freed only
 * when the module is unloaded.  All metadata of gomalloc lives there.
 */
#ifndef GOM_PERSISTENT_H
#define GOM_PERSISTENT_H

#include <linux/gfp.h>
#include <linux/types.h>

#include "base/compat.h"
#include "gomalloc.h"

#define GOM_PERSISTENT_MAX_BLOCK	(64 << 10)	/* bytes; Go's maxBlock */
#define GOM_PERSISTENT_ALIGN		8		/* bytes, if the caller passes 0 */

/*
 * @gfp for optional memory, as for growing by more than is needed.  The request
 * does not reclaim, does not touch reserves, not even those of the current
 * task, does not wake kswapd, and stays on its node.
 */
static inline gfp_t gom_gfp_light(gfp_t gfp)
{
	return (gfp & ~(__GFP_RECLAIM | __GFP_NOFAIL | __GFP_RETRY_MAYFAIL | __GFP_HIGH |
			__GFP_MEMALLOC | GOM_GFP_ATOMIC)) |
	       __GFP_NOMEMALLOC | __GFP_NORETRY | __GFP_NOWARN | __GFP_THISNODE;
}

extern unsigned int gom_persistent_chunk_kb;

/**
 * struct gom_persistent_info - counters of a bump allocator, or direct blocks
 * @chunks: chunks, or direct blocks, allocated
 * @bytes: bytes in them
 * @used: bytes handed out, headers of chunks included
 * @wasted: bytes lost to alignment and at the ends of dropped chunks
 *
 * bytes == used + wasted + what is left of the current chunk
 */
struct gom_persistent_info {
	u64 chunks;
	u64 bytes;
	u64 used;
	u64 wasted;
};

/**
 * struct gom_call_site - a call site and what it has allocated
 * @caller: address of the call; 0 for all callers that are not recorded
 * @stat: name under which the bytes are accounted
 * @requests: number of requests
 * @bytes: bytes handed out
 */
struct gom_call_site {
	unsigned long caller;
	enum gom_stat stat;
	u64 requests;
	u64 bytes;
};

void *gom_persistent_alloc_gfp(size_t size, size_t align, enum gom_stat stat, gfp_t gfp);
void *gom_persistent_bump(size_t size, size_t align, enum gom_stat stat, gfp_t gfp);
bool gom_persistent_read_site(unsigned int nr, struct gom_call_site *site);
void gom_persistent_read_stat(enum gom_stat stat, struct gom_call_site *sum);
u64 gom_persistent_bytes(void);
void gom_persistent_set_busy(bool busy);
struct gom_persistent_info *gom_persistent_info_of(int cpu);
/* Takes one mismatch, in words. */
typedef void (*gom_mismatch_fn)(void *ctx, const char *fmt, ...) __printf(2, 3);

void gom_persistent_check(gom_mismatch_fn report, void *ctx);
void gom_persistent_info(int cpu, struct gom_persistent_info *info);
void gom_persistent_free_all(void);

#endif /* GOM_PERSISTENT_H */
