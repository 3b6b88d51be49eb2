/* SPDX-License-Identifier: GPL-2.0 */
/* The least that an allocator can cost: see floor.c. */
#ifndef GOMALLOC_BENCH_FLOOR_H
#define GOMALLOC_BENCH_FLOOR_H

#include <linux/types.h>

void *bench_floor_pop(size_t size, gfp_t gfp);
void bench_floor_push(const void *p);
void bench_floor_init(void);

#endif /* GOMALLOC_BENCH_FLOOR_H */
