// SPDX-License-Identifier: GPL-2.0
/*
 * Remote: objects allocated on one CPU and freed on another.
 *
 * Two threads are bound to a CPU each.  The producer allocates batches of
 * objects and passes them through a lockless ring to the consumer, which frees
 * them.  Both run at the same time, so the results include the traffic between
 * the CPUs.  Only the calls are timed, never the waiting for a batch.  As in
 * pair.c, the objects are never accessed.
 *
 * There is no floor: its array belongs to one CPU.
 */
#include <linux/processor.h>
#include <linux/sched.h>
#include <linux/vmalloc.h>

#include "allocators.h"
#include "bench.h"
#include "clock.h"
#include "workers.h"

#define BATCH_OBJECTS	128
#define RING_BATCHES	8	/* a power of two */

enum rank { RANK_PRODUCER, RANK_CONSUMER, NR_RANKS };

struct batch {
	unsigned int nr;
	void *objects[BATCH_OBJECTS];
};

struct remote {
	struct bench_sample *sample;
	unsigned int batches;	/* number of batches of the sample */
	unsigned int filled ____cacheline_aligned_in_smp;	/* producer writes */
	unsigned int emptied ____cacheline_aligned_in_smp;	/* consumer writes */
	struct batch ring[RING_BATCHES];
};

static struct batch *batch_at(struct remote *remote, unsigned int position)
{
	return &remote->ring[position % RING_BATCHES];
}

static void batch_wait_empty(const struct remote *remote)
{
	/* Pairs with batch_emptied(): the consumer has read all of it. */
	while (remote->filled - smp_load_acquire(&remote->emptied) == RING_BATCHES) {
		cpu_relax();
		cond_resched();
	}
}

static void batch_wait_full(const struct remote *remote)
{
	/* Pairs with batch_filled(): the producer has written all of it. */
	while (smp_load_acquire(&remote->filled) == remote->emptied) {
		cpu_relax();
		cond_resched();
	}
}

static void batch_filled(struct remote *remote)
{
	/* Pairs with batch_wait_full(). */
	smp_store_release(&remote->filled, remote->filled + 1);
}

static void batch_emptied(struct remote *remote)
{
	/* Pairs with batch_wait_empty(). */
	smp_store_release(&remote->emptied, remote->emptied + 1);
}

/*
 * After a failure the batches are incomplete, so that the consumer ends as
 * well.
 */
static __always_inline int produce(enum bench_allocator allocator, struct remote *remote)
{
	size_t size = remote->sample->size;
	u64 start, cycles = 0;
	int err = 0;

	OPTIMIZER_HIDE_VAR(size);
	while (remote->filled != remote->batches) {
		struct batch *batch = batch_at(remote, remote->filled);
		unsigned int nr;

		batch_wait_empty(remote);
		start = bench_cycles();
		for (nr = 0; nr < BATCH_OBJECTS; nr++) {
			batch->objects[nr] = bench_malloc(allocator, size, GFP_KERNEL);
			if (unlikely(!batch->objects[nr]))
				break;
		}
		cycles += bench_cycles() - start;
		if (nr < BATCH_OBJECTS)
			err = -ENOMEM;
		batch->nr = nr;
		batch_filled(remote);
		cond_resched();
	}
	remote->sample->cycles[0] = cycles;
	return err;
}

static __always_inline int consume(enum bench_allocator allocator, struct remote *remote)
{
	u64 start, cycles = 0;

	while (remote->emptied != remote->batches) {
		struct batch *batch = batch_at(remote, remote->emptied);
		unsigned int i;

		batch_wait_full(remote);
		start = bench_cycles();
		for (i = 0; i < batch->nr; i++)
			bench_free(allocator, batch->objects[i]);
		cycles += bench_cycles() - start;
		batch_emptied(remote);
		cond_resched();
	}
	remote->sample->cycles[1] = cycles;
	return 0;
}

/* A CPU may have gone offline since main.c checked min_cpus. */
static bool workers_complete(const struct bench_workers *workers)
{
	return workers->size == NR_RANKS;
}

static int work_slub(struct bench_workers *workers, unsigned int rank)
{
	if (!workers_complete(workers))
		return -ENODEV;
	return rank == RANK_PRODUCER ? produce(BENCH_SLUB, workers->data) :
				       consume(BENCH_SLUB, workers->data);
}

static int work_gomalloc(struct bench_workers *workers, unsigned int rank)
{
	if (!workers_complete(workers))
		return -ENODEV;
	return rank == RANK_PRODUCER ? produce(BENCH_GOMALLOC, workers->data) :
				       consume(BENCH_GOMALLOC, workers->data);
}

static int remote_sample(struct bench_sample *sample, bench_work_fn work)
{
	struct remote *remote = sample->data;

	remote->sample = sample;
	remote->batches = sample->ops / BATCH_OBJECTS;
	remote->filled = 0;
	remote->emptied = 0;
	return bench_workers_run(NR_RANKS, work, remote);
}

static int remote_slub(struct bench_sample *sample)
{
	return remote_sample(sample, work_slub);
}

static int remote_gomalloc(struct bench_sample *sample)
{
	return remote_sample(sample, work_gomalloc);
}

static const bench_sample_fn remote_sample_fns[BENCH_NR_ALLOCATORS] = {
	[BENCH_SLUB] = remote_slub,
	[BENCH_GOMALLOC] = remote_gomalloc,
};

static int run_remote(const struct bench_workload *workload, unsigned int size)
{
	struct bench_comparison cmp = {
		.name = workload->name,
		.size = size,
		.multiple = BATCH_OBJECTS,
		.split = true,
		.sample_fns = remote_sample_fns,
	};
	struct remote *remote;
	int err;

	remote = vzalloc(sizeof(*remote));
	if (!remote)
		return -ENOMEM;
	cmp.data = remote;
	err = bench_comparison_run(&cmp);
	vfree(remote);
	return err;
}

static const unsigned int remote_sizes[] = { 8, 64, 256, 1024, 4096, 0 };

const struct bench_workload bench_remote_workloads[] = {
	{ .name = "remote", .sizes = remote_sizes, .run = run_remote,
	  .min_cpus = NR_RANKS },
	{ }
};
