/* SPDX-License-Identifier: GPL-2.0 */
/* The drop-in's functions that are given a node, for numa.c. */
#ifndef GOMALLOC_BENCH_NUMA_OVER_H
#define GOMALLOC_BENCH_NUMA_OVER_H

#include <linux/types.h>

/**
 * struct numa_form - a function that allocates on a node
 * @name: for messages, before "node 1"
 * @alloc: calls it
 * @size: the only size that it allocates; 0: any
 */
struct numa_form {
	const char *name;
	void *(*alloc)(unsigned int size, gfp_t gfp, int nid);
	unsigned int size;
};

extern const struct numa_form numa_over_forms[];	/* the last one has no name */

int numa_over_begin(void);
void numa_over_end(void);
void numa_over_free(const void *p);

#endif /* GOMALLOC_BENCH_NUMA_OVER_H */
