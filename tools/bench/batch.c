// SPDX-License-Identifier: GPL-2.0
/*
 * Batch: 10,000 objects allocated (fewer where memory or an emulator's patience
 * ends, which the log then tells), then freed in the order in which they came
 * (fifo), in reverse (lifo) or at random.  Allocating and freeing are timed
 * apart.  The live set is larger than any per-CPU cache, so that refills and
 * flushes are in the figures.
 *
 * The array of pointers is put into the order of freeing between the two
 * timings: all orders are freed by the same loop.  As in pair.c, the objects
 * are not touched, on any side.
 */
#include <linux/prandom.h>

#include "allocators.h"
#include "bench.h"
#include "clock.h"

#define BATCH_LIVE		10000

/*
 * Where instructions are counted, clearing a page is some five hundred of them
 * with init_on_alloc, and 10,000 large objects would take minutes to emulate.
 * This many bytes are still far more than either allocator keeps at hand.
 */
#define LIVE_BYTES_WHEN_COUNTED	SZ_8M

enum order { ORDER_FIFO, ORDER_LIFO, ORDER_RANDOM };

struct batch {
	enum order order;
	void **live;
};

static void shuffle(void **live, unsigned int nr)
{
	struct rnd_state rnd;
	unsigned int i, other;

	prandom_seed_state(&rnd, 1);	/* the same order in every round */
	for (i = 1; i < nr; i++) {
		other = prandom_u32_state(&rnd) % (i + 1);
		swap(live[i], live[other]);
	}
}

static void put_in_order(const struct batch *batch, unsigned int nr)
{
	unsigned int i;

	switch (batch->order) {
	case ORDER_FIFO:
		break;
	case ORDER_LIFO:
		for (i = 0; i < nr / 2; i++)
			swap(batch->live[i], batch->live[nr - 1 - i]);
		break;
	case ORDER_RANDOM:
		shuffle(batch->live, nr);
		break;
	}
}

static __always_inline int batch_loop(enum bench_allocator allocator, struct bench_shot *shot)
{
	const struct batch *batch = shot->data;
	const unsigned int nr = shot->ops;
	void **live = batch->live;
	size_t size = shot->size;
	unsigned int i, got;
	u64 start;

	OPTIMIZER_HIDE_VAR(size);
	start = bench_cycles();
	for (got = 0; got < nr; got++) {
		live[got] = bench_malloc(allocator, size, GFP_KERNEL);
		if (unlikely(!live[got]))
			break;
	}
	shot->cycles[0] = bench_cycles() - start;

	put_in_order(batch, got);

	start = bench_cycles();
	for (i = 0; i < got; i++)
		bench_free(allocator, live[i]);
	shot->cycles[1] = bench_cycles() - start;
	return got == nr ? 0 : -ENOMEM;
}

BENCH_DEFINE_SHOTS(batch);

static unsigned int live_here(unsigned int size)
{
	unsigned int nr = BATCH_LIVE;

	if (bench_clock_counts_instructions)
		nr = clamp_t(unsigned int, LIVE_BYTES_WHEN_COUNTED / size, 1, nr);
	return bench_live_fit(nr, size);
}

static int run_batch(const struct bench_workload *workload, unsigned int size)
{
	struct batch batch = { .order = workload->arg };
	struct bench_contest contest = {
		.name = workload->name,
		.size = size,
		.ops = live_here(size),
		.split = true,
		.shots = batch_shots,
		.data = &batch,
	};
	int err;

	if (contest.ops < BATCH_LIVE)
		pr_notice("%s %u: %u objects live, not %u\n",
			  workload->name, size, contest.ops, BATCH_LIVE);
	batch.live = bench_live_alloc(contest.ops);
	if (!batch.live)
		return -ENOMEM;
	err = bench_contest_run(&contest);
	bench_live_free(batch.live);
	return err;
}

static const unsigned int batch_sizes[] = {
	8, 16, 32, 64, 96, 128, 192, 256, 512, 1024, 2048, 4096, 8192, 16384, 32768, 0
};

const struct bench_workload bench_batch_workloads[] = {
	{ .name = "batch-fifo", .sizes = batch_sizes, .arg = ORDER_FIFO, .run = run_batch },
	{ .name = "batch-lifo", .sizes = batch_sizes, .arg = ORDER_LIFO, .run = run_batch },
	{ .name = "batch-random", .sizes = batch_sizes, .arg = ORDER_RANDOM, .run = run_batch },
	{ }
};
