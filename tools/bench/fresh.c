// SPDX-License-Identifier: GPL-2.0
/*
 * Zeroed-fresh: allocate a batch of zeroed objects from memory that the
 * allocator has just taken from the system; only the allocations are timed.
 *
 * An allocator that knows which of its memory is still zero need not clear it
 * again.  Between two samples everything is freed, and both allocators release
 * their idle memory; SLUB would keep some empty slabs otherwise.
 */
#include "allocators.h"
#include "bench.h"
#include "clock.h"

#define FRESH_LIVE		10000
#define FRESH_LIVE_BYTES	SZ_16M

/*
 * An emulator counts each step of a string instruction that clears memory.
 * This is still far more than the blocks in which either allocator grows.
 */
#define LIVE_BYTES_WHEN_COUNTED	SZ_4M

static __always_inline int fresh_loop(enum bench_allocator allocator, struct bench_sample *sample)
{
	void **live = sample->data;
	size_t size = sample->size;
	unsigned int i, got;
	u64 start;

	OPTIMIZER_HIDE_VAR(size);
	start = bench_cycles();
	for (got = 0; got < sample->ops; got++) {
		live[got] = bench_malloc(allocator, size, GFP_KERNEL | __GFP_ZERO);
		if (unlikely(!live[got]))
			break;
	}
	sample->cycles[0] = bench_cycles() - start;

	for (i = 0; i < got; i++)
		bench_free(allocator, live[i]);
	bench_release_idle();
	return got == sample->ops ? 0 : -ENOMEM;
}

BENCH_DEFINE_SAMPLE_FNS(fresh);

static int run_fresh(const struct bench_workload *workload, unsigned int size)
{
	const unsigned int bytes = bench_clock_counts_instructions ? LIVE_BYTES_WHEN_COUNTED :
								     FRESH_LIVE_BYTES;
	const unsigned int wanted = clamp_t(unsigned int, bytes / size, 1, FRESH_LIVE);
	struct bench_comparison cmp = {
		.name = workload->name,
		.size = size,
		.ops = bench_live_fit(wanted, size),
		.sample_fns = fresh_sample_fns,
	};
	int err;

	cmp.data = bench_live_alloc(cmp.ops);
	if (!cmp.data)
		return -ENOMEM;
	err = bench_comparison_run(&cmp);
	bench_live_free(cmp.data);
	return err;
}

static const unsigned int fresh_sizes[] = { 64, 256, 1024, 4096, 8192, 0 };

const struct bench_workload bench_fresh_workloads[] = {
	{ .name = "zeroed-fresh", .sizes = fresh_sizes, .run = run_fresh },
	{ }
};
