// SPDX-License-Identifier: GPL-2.0
/*
 * Parallel: the pairs of pair.c on every CPU at once.  A figure is the mean
 * over the CPUs of what one pair cost there; beside the pair workload's it
 * tells whether CPUs get into each other's way.
 */
#include <linux/atomic.h>
#include <linux/cpumask.h>
#include <linux/math64.h>

#include "bench.h"
#include "crew.h"
#include "pair.h"

struct parallel {
	bench_shot_fn fn;
	const struct bench_shot *shot;
	atomic64_t cycles;		/* of all CPUs together */
};

static int work(struct bench_crew *crew, unsigned int rank)
{
	struct parallel *parallel = crew->data;
	struct bench_shot shot = *parallel->shot;
	int err = parallel->fn(&shot);

	atomic64_add(shot.cycles[0], &parallel->cycles);
	return err;
}

static int everywhere(struct bench_shot *shot, enum bench_allocator allocator)
{
	struct parallel parallel = {
		.fn = bench_pair_shot(allocator),
		.shot = shot,
		.cycles = ATOMIC64_INIT(0),
	};
	int err = bench_crew_run(UINT_MAX, work, &parallel);

	shot->cycles[0] = div_u64(atomic64_read(&parallel.cycles), num_online_cpus());
	return err;
}

static int parallel_slub(struct bench_shot *shot)
{
	return everywhere(shot, BENCH_SLUB);
}

static int parallel_gomalloc(struct bench_shot *shot)
{
	return everywhere(shot, BENCH_GOMALLOC);
}

static int parallel_floor(struct bench_shot *shot)
{
	return everywhere(shot, BENCH_FLOOR);
}

static const bench_shot_fn parallel_shots[BENCH_NR_ALLOCATORS] = {
	[BENCH_SLUB] = parallel_slub,
	[BENCH_GOMALLOC] = parallel_gomalloc,
	[BENCH_FLOOR] = parallel_floor,
};

static int run_parallel(const struct bench_workload *workload, unsigned int size)
{
	return bench_contest_run(&(struct bench_contest) {
		.name = workload->name,
		.size = size,
		.shots = parallel_shots,
	});
}

static const unsigned int parallel_sizes[] = { 8, 64, 256, 1024, 4096, 0 };

const struct bench_workload bench_parallel_workloads[] = {
	{ .name = "parallel", .sizes = parallel_sizes, .run = run_parallel,
	  .min_cpus = 2 },
	{ }
};
