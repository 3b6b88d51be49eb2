/* SPDX-License-Identifier: GPL-2.0 */
/*
 * The shadow memory of generic KASAN, which has a byte for each granule of 8
 * bytes: 0, all may be accessed; 1 to 7, so many of the first; else none, and
 * the value says why.  On kernels without it nothing is done.
 *
 * The kernel's own functions for it are not exported.  Context: any; the caller
 * owns the memory.
 */
#ifndef GOM_SHADOW_H
#define GOM_SHADOW_H

#include <linux/kasan.h>
#include <linux/types.h>

#ifdef CONFIG_KASAN_GENERIC
/* Values that KASAN's reports name (mm/kasan/kasan.h), the same since 5.11. */
#define GOM_SHADOW_REDZONE	0xfc	/* slab-out-of-bounds */
#define GOM_SHADOW_FREE		0xfb	/* slab-use-after-free */

void gom_shadow_poison(const void *p, size_t bytes, u8 value);
void gom_shadow_unpoison(const void *p, size_t bytes);
#else
#define GOM_SHADOW_REDZONE	0
#define GOM_SHADOW_FREE		0

static inline void gom_shadow_poison(const void *p, size_t bytes, u8 value)
{
}

static inline void gom_shadow_unpoison(const void *p, size_t bytes)
{
}
#endif

#endif /* GOM_SHADOW_H */
