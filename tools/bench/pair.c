// SPDX-License-Identifier: GPL-2.0
/*
 * Pair: allocate one object and free it at once, the size not a constant.
 *
 * The fast path of either allocator and nothing else: one object goes round.
 * Its memory is not touched, on any side, so that a figure is the allocator's
 * own cost; with zeroing (the zeroed workload) the allocator touches it.
 */
#include "allocators.h"
#include "bench.h"
#include "clock.h"
#include "pair.h"

static __always_inline int loop(enum bench_allocator allocator, struct bench_shot *shot,
				gfp_t gfp)
{
	size_t size = shot->size;
	unsigned int i;
	u64 start;
	void *p;

	OPTIMIZER_HIDE_VAR(size);
	start = bench_cycles();
	for (i = shot->ops; i; i--) {
		p = bench_malloc(allocator, size, gfp);
		if (unlikely(!p))
			return -ENOMEM;
		bench_free(allocator, p);
	}
	shot->cycles[0] = bench_cycles() - start;
	return 0;
}

static __always_inline int pair_loop(enum bench_allocator allocator, struct bench_shot *shot)
{
	return loop(allocator, shot, GFP_KERNEL);
}

BENCH_DEFINE_SHOTS(pair);

static __always_inline int zeroed_loop(enum bench_allocator allocator, struct bench_shot *shot)
{
	return loop(allocator, shot, GFP_KERNEL | __GFP_ZERO);
}

BENCH_DEFINE_SHOTS(zeroed);

/* For parallel.c, which runs the same loops on all CPUs at once. */
bench_shot_fn bench_pair_shot(enum bench_allocator allocator)
{
	return pair_shots[allocator];
}

static int run_pair(const struct bench_workload *workload, unsigned int size)
{
	return bench_contest_run(&(struct bench_contest) {
		.name = workload->name,
		.size = size,
		.shots = pair_shots,
	});
}

/* The floor does not know how to zero: it stays the cost of the two calls. */
static int run_zeroed(const struct bench_workload *workload, unsigned int size)
{
	return bench_contest_run(&(struct bench_contest) {
		.name = workload->name,
		.size = size,
		.shots = zeroed_shots,
	});
}

const unsigned int bench_pair_sizes[] = {
	8, 16, 32, 64, 96, 128, 192, 256, 512, 1024, 2048, 4096, 8192, 16384, 32768, 0
};

/* Above SLUB's caches; page runs, and in the end large objects, to gomalloc. */
static const unsigned int large_sizes[] = { 9216, 40000, 65536, 98304, 131072, 262144, 0 };

static const unsigned int zeroed_sizes[] = { 64, 256, 1024, 4096, 8192, 0 };

const struct bench_workload bench_pair_workloads[] = {
	{ .name = "pair", .sizes = bench_pair_sizes, .run = run_pair },
	{ .name = "large", .sizes = large_sizes, .run = run_pair },
	{ .name = "zeroed", .sizes = zeroed_sizes, .run = run_zeroed },
	{ }
};
