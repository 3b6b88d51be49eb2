// SPDX-License-Identifier: GPL-2.0
/*
 * Parallel: the pairs of pair.c on all CPUs at once.  A result is the mean cost
 * of a pair over the CPUs.  Compared with the pair workload, it shows whether
 * CPUs slow each other down.
 */
#include <linux/atomic.h>
#include <linux/cpumask.h>
#include <linux/math64.h>

#include "bench.h"
#include "pair.h"
#include "workers.h"

struct parallel {
	bench_sample_fn fn;
	const struct bench_sample *sample;
	atomic64_t cycles;		/* of all CPUs together */
};

static int parallel_work(struct bench_workers *workers, unsigned int rank)
{
	struct parallel *parallel = workers->data;
	struct bench_sample sample = *parallel->sample;
	int err = parallel->fn(&sample);

	atomic64_add(sample.cycles[0], &parallel->cycles);
	return err;
}

static int parallel_sample(struct bench_sample *sample, enum bench_allocator allocator)
{
	struct parallel parallel = {
		.fn = bench_pair_sample_fn(allocator),
		.sample = sample,
		.cycles = ATOMIC64_INIT(0),
	};
	int err = bench_workers_run(UINT_MAX, parallel_work, &parallel);

	sample->cycles[0] = div_u64(atomic64_read(&parallel.cycles), num_online_cpus());
	return err;
}

static int parallel_slub(struct bench_sample *sample)
{
	return parallel_sample(sample, BENCH_SLUB);
}

static int parallel_gomalloc(struct bench_sample *sample)
{
	return parallel_sample(sample, BENCH_GOMALLOC);
}

static int parallel_floor(struct bench_sample *sample)
{
	return parallel_sample(sample, BENCH_FLOOR);
}

static const bench_sample_fn parallel_sample_fns[BENCH_NR_ALLOCATORS] = {
	[BENCH_SLUB] = parallel_slub,
	[BENCH_GOMALLOC] = parallel_gomalloc,
	[BENCH_FLOOR] = parallel_floor,
};

static int run_parallel(const struct bench_workload *workload, unsigned int size)
{
	return bench_comparison_run(&(struct bench_comparison) {
		.name = workload->name,
		.size = size,
		.sample_fns = parallel_sample_fns,
	});
}

static const unsigned int parallel_sizes[] = { 8, 64, 256, 1024, 4096, 0 };

const struct bench_workload bench_parallel_workloads[] = {
	{ .name = "parallel", .sizes = parallel_sizes, .run = run_parallel,
	  .min_cpus = 2 },
	{ }
};
