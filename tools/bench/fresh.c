// SPDX-License-Identifier: GPL-2.0
/*
 * Zeroed-fresh: a batch of zeroed objects out of memory the allocator has
 * just taken from the system; only allocating is timed.
 *
 * An allocator that knows which of its memory is still zero need not clear it
 * a second time.  Between two timings everything is freed and both give their
 * idle memory back: without being asked, SLUB keeps some empty slabs.
 */
#include "allocators.h"
#include "bench.h"
#include "clock.h"

#define FRESH_LIVE		10000
#define FRESH_LIVE_BYTES	SZ_16M

/*
 * Zeroing by a string instruction counts one for each step of it.  Still far
 * above the size of the blocks in which either allocator grows.
 */
#define LIVE_BYTES_WHEN_COUNTED	SZ_4M

static __always_inline int fresh_loop(enum bench_allocator allocator, struct bench_shot *shot)
{
	void **live = shot->data;
	size_t size = shot->size;
	unsigned int i, got;
	u64 start;

	OPTIMIZER_HIDE_VAR(size);
	start = bench_cycles();
	for (got = 0; got < shot->ops; got++) {
		live[got] = bench_malloc(allocator, size, GFP_KERNEL | __GFP_ZERO);
		if (unlikely(!live[got]))
			break;
	}
	shot->cycles[0] = bench_cycles() - start;

	for (i = 0; i < got; i++)
		bench_free(allocator, live[i]);
	bench_give_idle_memory_back();
	return got == shot->ops ? 0 : -ENOMEM;
}

BENCH_DEFINE_SHOTS(fresh);

static int run_fresh(const struct bench_workload *workload, unsigned int size)
{
	const unsigned int bytes = bench_clock_counts_instructions ? LIVE_BYTES_WHEN_COUNTED :
								     FRESH_LIVE_BYTES;
	const unsigned int wanted = clamp_t(unsigned int, bytes / size, 1, FRESH_LIVE);
	struct bench_contest contest = {
		.name = workload->name,
		.size = size,
		.ops = bench_live_fit(wanted, size),
		.shots = fresh_shots,
	};
	int err;

	contest.data = bench_live_alloc(contest.ops);
	if (!contest.data)
		return -ENOMEM;
	err = bench_contest_run(&contest);
	bench_live_free(contest.data);
	return err;
}

static const unsigned int fresh_sizes[] = { 64, 256, 1024, 4096, 8192, 0 };

const struct bench_workload bench_fresh_workloads[] = {
	{ .name = "zeroed-fresh", .sizes = fresh_sizes, .run = run_fresh },
	{ }
};
