// SPDX-License-Identifier: GPL-2.0
/*
 * Pair: allocate an object and free it at once; the size is not a constant.
 *
 * This measures the fast paths only: it is always the same object.  Its memory
 * is never accessed, so the result is the allocator's own cost.  In the zeroed
 * workload the allocator clears it.
 */
#include "allocators.h"
#include "bench.h"
#include "clock.h"
#include "pair.h"

static __always_inline int pair_gfp_loop(enum bench_allocator allocator,
					 struct bench_sample *sample, gfp_t gfp)
{
	size_t size = sample->size;
	unsigned int i;
	u64 start;
	void *p;

	OPTIMIZER_HIDE_VAR(size);
	start = bench_cycles();
	for (i = sample->ops; i; i--) {
		p = bench_malloc(allocator, size, gfp);
		if (unlikely(!p))
			return -ENOMEM;
		bench_free(allocator, p);
	}
	sample->cycles[0] = bench_cycles() - start;
	return 0;
}

static __always_inline int pair_loop(enum bench_allocator allocator, struct bench_sample *sample)
{
	return pair_gfp_loop(allocator, sample, GFP_KERNEL);
}

BENCH_DEFINE_SAMPLE_FNS(pair);

static __always_inline int zeroed_loop(enum bench_allocator allocator, struct bench_sample *sample)
{
	return pair_gfp_loop(allocator, sample, GFP_KERNEL | __GFP_ZERO);
}

BENCH_DEFINE_SAMPLE_FNS(zeroed);

/* For parallel.c, which runs the same loops on all CPUs at once. */
bench_sample_fn bench_pair_sample_fn(enum bench_allocator allocator)
{
	return pair_sample_fns[allocator];
}

static int run_pair(const struct bench_workload *workload, unsigned int size)
{
	return bench_comparison_run(&(struct bench_comparison) {
		.name = workload->name,
		.size = size,
		.sample_fns = pair_sample_fns,
	});
}

/* The floor does not zero: it is still the cost of the two calls. */
static int run_zeroed(const struct bench_workload *workload, unsigned int size)
{
	return bench_comparison_run(&(struct bench_comparison) {
		.name = workload->name,
		.size = size,
		.sample_fns = zeroed_sample_fns,
	});
}

const unsigned int bench_pair_sizes[] = {
	8, 16, 32, 64, 96, 128, 192, 256, 512, 1024, 2048, 4096, 8192, 16384, 32768, 0
};

/*
 * Above SLUB's caches.  For gomalloc page runs, and above 128 KiB large
 * objects.
 */
static const unsigned int large_sizes[] = { 9216, 40000, 65536, 98304, 131072, 262144, 0 };

static const unsigned int zeroed_sizes[] = { 64, 256, 1024, 4096, 8192, 0 };

const struct bench_workload bench_pair_workloads[] = {
	{ .name = "pair", .sizes = bench_pair_sizes, .run = run_pair },
	{ .name = "large", .sizes = large_sizes, .run = run_pair },
	{ .name = "zeroed", .sizes = zeroed_sizes, .run = run_zeroed },
	{ }
};
