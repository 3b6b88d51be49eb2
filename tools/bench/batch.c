// SPDX-License-Identifier: GPL-2.0
/*
 * Batch: allocate 10,000 objects, then free them in the order of allocation
 * (fifo), in reverse (lifo) or at random.  Allocations and frees are timed
 * separately.  The live set is larger than any per-CPU cache, so the results
 * include refills and flushes.  With little memory, or under an emulator, there
 * are fewer objects; the log says so.
 *
 * The array of pointers is sorted into the order of the frees between the two
 * timings, so all orders are freed by the same loop.  As in pair.c, the objects
 * are never accessed.
 */
#include <linux/prandom.h>

#include "allocators.h"
#include "bench.h"
#include "clock.h"

#define BATCH_LIVE		10000

/*
 * Under an emulator 10,000 large objects would take minutes, most of it for
 * init_on_alloc.  This many bytes are still far more than either allocator
 * caches.
 */
#define LIVE_BYTES_WHEN_COUNTED	SZ_8M

enum order { ORDER_FIFO, ORDER_LIFO, ORDER_RANDOM };

struct batch {
	enum order order;
	void **live;
};

static void batch_shuffle(void **live, unsigned int nr)
{
	struct rnd_state rnd;
	unsigned int i, other;

	prandom_seed_state(&rnd, 1);	/* the same order in every round */
	for (i = 1; i < nr; i++) {
		other = prandom_u32_state(&rnd) % (i + 1);
		swap(live[i], live[other]);
	}
}

static void batch_sort(const struct batch *batch, unsigned int nr)
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
		batch_shuffle(batch->live, nr);
		break;
	}
}

static __always_inline int batch_loop(enum bench_allocator allocator, struct bench_sample *sample)
{
	const struct batch *batch = sample->data;
	const unsigned int nr = sample->ops;
	void **live = batch->live;
	size_t size = sample->size;
	unsigned int i, got;
	u64 start;

	OPTIMIZER_HIDE_VAR(size);
	start = bench_cycles();
	for (got = 0; got < nr; got++) {
		live[got] = bench_malloc(allocator, size, GFP_KERNEL);
		if (unlikely(!live[got]))
			break;
	}
	sample->cycles[0] = bench_cycles() - start;

	batch_sort(batch, got);

	start = bench_cycles();
	for (i = 0; i < got; i++)
		bench_free(allocator, live[i]);
	sample->cycles[1] = bench_cycles() - start;
	return got == nr ? 0 : -ENOMEM;
}

BENCH_DEFINE_SAMPLE_FNS(batch);

static unsigned int batch_live(unsigned int size)
{
	unsigned int nr = BATCH_LIVE;

	if (bench_clock_counts_instructions)
		nr = clamp_t(unsigned int, LIVE_BYTES_WHEN_COUNTED / size, 1, nr);
	return bench_live_fit(nr, size);
}

static int run_batch(const struct bench_workload *workload, unsigned int size)
{
	struct batch batch = { .order = workload->arg };
	struct bench_comparison cmp = {
		.name = workload->name,
		.size = size,
		.ops = batch_live(size),
		.split = true,
		.sample_fns = batch_sample_fns,
		.data = &batch,
	};
	int err;

	if (cmp.ops < BATCH_LIVE)
		pr_notice("%s %u: %u objects live, not %u\n",
			  workload->name, size, cmp.ops, BATCH_LIVE);
	batch.live = bench_live_alloc(cmp.ops);
	if (!batch.live)
		return -ENOMEM;
	err = bench_comparison_run(&cmp);
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
