// SPDX-License-Identifier: GPL-2.0
/*
 * The drop-in: the same code, which calls kmalloc() and kfree(), built as it is
 * and with as_slab.h.
 *
 *   over-pair     allocate an object and free it at once; size not constant
 *   over-const    the same, of a constant size
 *   over-cache    the same from a named cache
 *   over-null     free NULL
 *   over-foreign  free an object that the kernel allocated (kmemdup()); the
 *                 difference is the cost of finding out whose it is
 */
#include "bench.h"
#include "over.h"

enum { OVER_PAIR, OVER_CONST, OVER_CACHE, OVER_NULL, OVER_FOREIGN };

static const bench_sample_fn sample_fns[][BENCH_NR_ALLOCATORS] = {
	[OVER_PAIR]	= { [BENCH_SLUB] = over_slub_pair, [BENCH_GOMALLOC] = over_gomalloc_pair },
	[OVER_CONST]	= { [BENCH_SLUB] = over_slub_const, [BENCH_GOMALLOC] = over_gomalloc_const },
	[OVER_CACHE]	= { [BENCH_SLUB] = over_slub_cache, [BENCH_GOMALLOC] = over_gomalloc_cache },
	[OVER_NULL]	= { [BENCH_SLUB] = over_slub_null, [BENCH_GOMALLOC] = over_gomalloc_null },
	[OVER_FOREIGN]	= { [BENCH_SLUB] = over_slub_foreign,
			    [BENCH_GOMALLOC] = over_gomalloc_foreign },
};

static int run_over(const struct bench_workload *workload, unsigned int size)
{
	return bench_comparison_run(&(struct bench_comparison) {
		.name = workload->name,
		.size = size,
		.sample_fns = sample_fns[workload->arg],
	});
}

static int run_over_cache(const struct bench_workload *workload, unsigned int size)
{
	int err = over_slub_cache_create(size) ?: over_gomalloc_cache_create(size);

	if (!err)
		err = run_over(workload, size);
	over_gomalloc_cache_destroy();
	over_slub_cache_destroy();
	return err;
}

static const unsigned int some_sizes[] = { 8, 64, 256, 1024, 8192, 0 };
static const unsigned int one_size[] = { OVER_CONST_SIZE, 0 };

const struct bench_workload bench_over_workloads[] = {
	{ .name = "over-pair", .sizes = some_sizes, .arg = OVER_PAIR, .run = run_over },
	{ .name = "over-const", .sizes = one_size, .arg = OVER_CONST, .run = run_over },
	{ .name = "over-cache", .sizes = some_sizes, .arg = OVER_CACHE,
	  .run = run_over_cache },
	{ .name = "over-null", .arg = OVER_NULL, .run = run_over },
	{ .name = "over-foreign", .arg = OVER_FOREIGN, .run = run_over },
	{ }
};
