/* SPDX-License-Identifier: GPL-2.0 */
/*
 * A crew: one thread per CPU, each bound to its own, let go together.
 */
#ifndef GOMALLOC_BENCH_CREW_H
#define GOMALLOC_BENCH_CREW_H

#include <linux/atomic.h>
#include <linux/completion.h>
#include <linux/cpumask.h>

struct bench_crew;

/* @rank counts from 0 to the crew's size - 1.  Must come to an end by itself. */
typedef int (*bench_crew_work)(struct bench_crew *crew, unsigned int rank);

struct bench_crew {
	bench_crew_work work;
	void *data;
	unsigned int size;
	struct crew_member *members;
	atomic_t ready;			/* members that stand at the start */
	atomic_t busy;			/* members that have not finished */
	struct completion finished;	/* the last one has */
};

int bench_crew_start(struct bench_crew *crew, unsigned int max_size,
		     bench_crew_work work, void *data);
int bench_crew_finish(struct bench_crew *crew);
int bench_crew_run(unsigned int max_size, bench_crew_work work, void *data);

#endif /* GOMALLOC_BENCH_CREW_H */
