/* SPDX-License-Identifier: GPL-2.0 */
/* The loops and sizes of pair.c, for const.c and parallel.c. */
#ifndef GOMALLOC_BENCH_PAIR_H
#define GOMALLOC_BENCH_PAIR_H

#include "bench.h"

extern const unsigned int bench_pair_sizes[];

bench_sample_fn bench_pair_sample_fn(enum bench_allocator allocator);

#endif /* GOMALLOC_BENCH_PAIR_H */
