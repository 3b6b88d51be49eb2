/* SPDX-License-Identifier: GPL-2.0 */
/* Workers: one thread on each CPU, bound to it, all started together. */
#ifndef GOMALLOC_BENCH_WORKERS_H
#define GOMALLOC_BENCH_WORKERS_H

#include <linux/atomic.h>
#include <linux/completion.h>
#include <linux/cpumask.h>

struct bench_workers;

/* @rank is from 0 to @workers->size - 1.  Must end by itself. */
typedef int (*bench_work_fn)(struct bench_workers *workers, unsigned int rank);

struct bench_workers {
	bench_work_fn work;
	void *data;
	unsigned int size;
	struct bench_worker *worker;
	atomic_t ready;			/* workers that have started */
	atomic_t busy;			/* workers that have not finished */
	struct completion finished;	/* completed by the last one */
};

int bench_workers_start(struct bench_workers *workers, unsigned int max_size, bench_work_fn work,
			void *data);
int bench_workers_finish(struct bench_workers *workers);
int bench_workers_run(unsigned int max_size, bench_work_fn work, void *data);

#endif /* GOMALLOC_BENCH_WORKERS_H */
