/* SPDX-License-Identifier: GPL-2.0 */
/* The loops of over_loops.h, for over.c. */
#ifndef GOMALLOC_BENCH_OVER_H
#define GOMALLOC_BENCH_OVER_H

struct bench_sample;

#define OVER_CONST_SIZE	64

#define OVER_DECLARE(side)						\
int over_##side##_pair(struct bench_sample *sample);			\
int over_##side##_const(struct bench_sample *sample);			\
int over_##side##_cache_create(unsigned int size);			\
void over_##side##_cache_destroy(void);					\
int over_##side##_cache(struct bench_sample *sample);			\
int over_##side##_null(struct bench_sample *sample);			\
int over_##side##_foreign(struct bench_sample *sample)

OVER_DECLARE(slub);
OVER_DECLARE(gomalloc);

#endif /* GOMALLOC_BENCH_OVER_H */
