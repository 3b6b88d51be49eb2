// SPDX-License-Identifier: GPL-2.0
/*
 * Remote: objects allocated on one CPU and freed on another.
 *
 * Two threads, each bound to a CPU.  One fills crates of objects, the other
 * empties them; full crates pass through a small ring without a lock.  Both
 * run at the same time, so that what the allocators' CPUs have to tell each
 * other is in the figures, but only the calls are timed, never the waiting for
 * a crate.  As in pair.c, the objects are not touched, on any side.
 *
 * There is no floor: its array belongs to one CPU.
 */
#include <linux/processor.h>
#include <linux/sched.h>
#include <linux/vmalloc.h>

#include "allocators.h"
#include "bench.h"
#include "clock.h"
#include "crew.h"

#define CRATE_OBJECTS	128
#define RING_CRATES	8	/* a power of two */

enum rank { RANK_PRODUCER, RANK_CONSUMER, NR_RANKS };

struct crate {
	unsigned int nr;
	void *objects[CRATE_OBJECTS];
};

struct remote {
	struct bench_shot *shot;
	unsigned int crates;	/* to go from end to end */
	unsigned int filled ____cacheline_aligned_in_smp;	/* producer writes */
	unsigned int emptied ____cacheline_aligned_in_smp;	/* consumer writes */
	struct crate ring[RING_CRATES];
};

static struct crate *crate_at(struct remote *remote, unsigned int position)
{
	return &remote->ring[position % RING_CRATES];
}

static void wait_for_empty_crate(const struct remote *remote)
{
	/* Pairs with crate_emptied(): the consumer has read all of it. */
	while (remote->filled - smp_load_acquire(&remote->emptied) == RING_CRATES) {
		cpu_relax();
		cond_resched();
	}
}

static void wait_for_full_crate(const struct remote *remote)
{
	/* Pairs with crate_filled(): the producer has written all of it. */
	while (smp_load_acquire(&remote->filled) == remote->emptied) {
		cpu_relax();
		cond_resched();
	}
}

static void crate_filled(struct remote *remote)
{
	/* Pairs with wait_for_full_crate(). */
	smp_store_release(&remote->filled, remote->filled + 1);
}

static void crate_emptied(struct remote *remote)
{
	/* Pairs with wait_for_empty_crate(). */
	smp_store_release(&remote->emptied, remote->emptied + 1);
}

/* On failure an incomplete crate goes on, so that the consumer ends as well. */
static __always_inline int produce(enum bench_allocator allocator, struct remote *remote)
{
	size_t size = remote->shot->size;
	u64 start, cycles = 0;
	int err = 0;

	OPTIMIZER_HIDE_VAR(size);
	while (remote->filled != remote->crates) {
		struct crate *crate = crate_at(remote, remote->filled);
		unsigned int nr;

		wait_for_empty_crate(remote);
		start = bench_cycles();
		for (nr = 0; nr < CRATE_OBJECTS; nr++) {
			crate->objects[nr] = bench_malloc(allocator, size, GFP_KERNEL);
			if (unlikely(!crate->objects[nr]))
				break;
		}
		cycles += bench_cycles() - start;
		if (nr < CRATE_OBJECTS)
			err = -ENOMEM;
		crate->nr = nr;
		crate_filled(remote);
		cond_resched();
	}
	remote->shot->cycles[0] = cycles;
	return err;
}

static __always_inline int consume(enum bench_allocator allocator, struct remote *remote)
{
	u64 start, cycles = 0;

	while (remote->emptied != remote->crates) {
		struct crate *crate = crate_at(remote, remote->emptied);
		unsigned int i;

		wait_for_full_crate(remote);
		start = bench_cycles();
		for (i = 0; i < crate->nr; i++)
			bench_free(allocator, crate->objects[i]);
		cycles += bench_cycles() - start;
		crate_emptied(remote);
		cond_resched();
	}
	remote->shot->cycles[1] = cycles;
	return 0;
}

/* One CPU may have gone since main.c looked. */
static bool crew_complete(const struct bench_crew *crew)
{
	return crew->size == NR_RANKS;
}

static int work_slub(struct bench_crew *crew, unsigned int rank)
{
	if (!crew_complete(crew))
		return -ENODEV;
	return rank == RANK_PRODUCER ? produce(BENCH_SLUB, crew->data) :
				       consume(BENCH_SLUB, crew->data);
}

static int work_gomalloc(struct bench_crew *crew, unsigned int rank)
{
	if (!crew_complete(crew))
		return -ENODEV;
	return rank == RANK_PRODUCER ? produce(BENCH_GOMALLOC, crew->data) :
				       consume(BENCH_GOMALLOC, crew->data);
}

static int hand_over(struct bench_shot *shot, bench_crew_work work)
{
	struct remote *remote = shot->data;

	remote->shot = shot;
	remote->crates = shot->ops / CRATE_OBJECTS;
	remote->filled = 0;
	remote->emptied = 0;
	return bench_crew_run(NR_RANKS, work, remote);
}

static int remote_slub(struct bench_shot *shot)
{
	return hand_over(shot, work_slub);
}

static int remote_gomalloc(struct bench_shot *shot)
{
	return hand_over(shot, work_gomalloc);
}

static const bench_shot_fn remote_shots[BENCH_NR_ALLOCATORS] = {
	[BENCH_SLUB] = remote_slub,
	[BENCH_GOMALLOC] = remote_gomalloc,
};

static int run_remote(const struct bench_workload *workload, unsigned int size)
{
	struct bench_contest contest = {
		.name = workload->name,
		.size = size,
		.multiple = CRATE_OBJECTS,
		.split = true,
		.shots = remote_shots,
	};
	struct remote *remote;
	int err;

	remote = vzalloc(sizeof(*remote));
	if (!remote)
		return -ENOMEM;
	contest.data = remote;
	err = bench_contest_run(&contest);
	vfree(remote);
	return err;
}

static const unsigned int remote_sizes[] = { 8, 64, 256, 1024, 4096, 0 };

const struct bench_workload bench_remote_workloads[] = {
	{ .name = "remote", .sizes = remote_sizes, .run = run_remote,
	  .min_cpus = NR_RANKS },
	{ }
};
