// SPDX-License-Identifier: GPL-2.0
/*
 * RCU: objects of a named cache freed after a grace period, 20,000 at a time.
 *
 *   rcu-call	the calls of kfree_rcu() or gom_free_rcu()
 *   rcu-free	what all CPUs did besides until the last object was free: the
 *		frees themselves, in softirqs, threads and workers, and the
 *		grace periods
 *   rcu	both: nothing is left over for the other one's turn
 *
 * Waiting is not work: how often a barrier waits for a grace period says nothing
 * of the cost of a free.  So a thread of the lowest priority runs on each CPU
 * meanwhile and takes what time is left; a step of its loop that takes long was
 * interrupted.  All time but its own is somebody's work.  Not on UML, whose host
 * takes time that cannot be told from work; where instructions are counted it is
 * exact.
 */
#include <linux/rcupdate.h>
#include <linux/sched.h>

#include "allocators.h"
#include "bench.h"
#include "clock.h"
#include "compat.h"
#include "crew.h"

#define RCU_OBJECTS	20000U
#define SHORT_STEP	500U	/* cycles or instructions; the loop takes a tenth */

struct headed {
	struct rcu_head rcu;
};

struct rcu_bench {
	struct bench_crew idlers;
	bool stop;			/* for them */
	u64 *idle;			/* cycles, by rank */
	struct kmem_cache *slub;
	struct gom_cache *gom;
	void **live;
};

/* === What is left of the CPUs' time === */

static int idle_away(struct bench_crew *crew, unsigned int rank)
{
	struct rcu_bench *bench = crew->data;
	u64 now, last = bench_cycles();

	set_user_nice(current, MAX_NICE);
	while (!READ_ONCE(bench->stop)) {
		now = bench_cycles();
		if (now - last < SHORT_STEP)
			WRITE_ONCE(bench->idle[rank], bench->idle[rank] + now - last);
		last = now;
		cond_resched();
	}
	return 0;
}

static u64 idle_cycles(const struct rcu_bench *bench)
{
	unsigned int i;
	u64 sum = 0;

	for (i = 0; i < bench->idlers.size; i++)
		sum += READ_ONCE(bench->idle[i]);
	return sum;
}

/* === A timing === */

static __always_inline void free_later(enum bench_allocator allocator, struct headed *p)
{
	if (allocator == BENCH_SLUB)
		kfree_rcu(p, rcu);
	else
		gom_free_rcu(p, rcu);
}

/* @cache: SLUB's, for this timing. */
static __always_inline void free_all(enum bench_allocator allocator, struct bench_shot *shot,
				     struct kmem_cache *cache, unsigned int nr)
{
	struct rcu_bench *bench = shot->data;
	const u64 idle = idle_cycles(bench), start = bench_cycles();
	unsigned int i;
	u64 all;

	for (i = 0; i < nr; i++)
		free_later(allocator, bench->live[i]);
	shot->cycles[0] = bench_cycles() - start;
	if (allocator == BENCH_SLUB)
		kmem_cache_destroy(cache);
	else
		gom_free_rcu_barrier();
	all = (bench_cycles() - start) * bench->idlers.size - (idle_cycles(bench) - idle);
	shot->cycles[1] = max(all, shot->cycles[0]) - shot->cycles[0];
}

/*
 * kvfree_rcu_barrier() is not for modules, but the end of a cache waits for all
 * frees of its objects.  This one is merged with bench->slub: its end does
 * nothing else.  Where caches are not merged, it gives its memory back as well.
 */
static int rcu_slub(struct bench_shot *shot)
{
	struct kmem_cache *cache = kmem_cache_create("gomalloc_bench_rcu", shot->size, 0, 0, NULL);
	struct rcu_bench *bench = shot->data;
	unsigned int got;

	if (!cache)
		return -ENOMEM;
	for (got = 0; got < shot->ops; got++) {
		bench->live[got] = kmem_cache_alloc(cache, GFP_KERNEL);
		if (!bench->live[got])
			break;
	}
	free_all(BENCH_SLUB, shot, cache, got);
	return got == shot->ops ? 0 : -ENOMEM;
}

static int rcu_gomalloc(struct bench_shot *shot)
{
	struct rcu_bench *bench = shot->data;
	unsigned int got;

	for (got = 0; got < shot->ops; got++) {
		bench->live[got] = gom_cache_alloc(bench->gom, GFP_KERNEL);
		if (!bench->live[got])
			break;
	}
	free_all(BENCH_GOMALLOC, shot, NULL, got);
	return got == shot->ops ? 0 : -ENOMEM;
}

static const bench_shot_fn rcu_shots[BENCH_NR_ALLOCATORS] = {
	[BENCH_SLUB] = rcu_slub,
	[BENCH_GOMALLOC] = rcu_gomalloc,
};

/* === Running === */

static int contend(const struct bench_workload *workload, unsigned int size,
		   struct rcu_bench *bench)
{
	static const char * const parts[] = { "-call", "-free" };
	int err, idlers_err;

	err = bench_crew_start(&bench->idlers, UINT_MAX, idle_away, bench);
	if (err)
		return err;
	err = bench_contest_run(&(struct bench_contest) {
		.name = workload->name,
		.size = size,
		.ops = bench_live_fit(RCU_OBJECTS, size),
		.split = true,
		.part_names = parts,
		.shots = rcu_shots,
		.data = bench,
	});
	WRITE_ONCE(bench->stop, true);
	idlers_err = bench_crew_finish(&bench->idlers);
	return err ?: idlers_err;
}

static const char *why_not(unsigned int size)
{
	if (IS_ENABLED(CONFIG_UML))
		return "UML's host takes time from it";
	if (!BENCH_CACHE_END_WAITS_FOR_RCU)
		return "nothing waits for kfree_rcu() on this kernel";
	if (size < sizeof(struct headed))
		return "an rcu_head is larger";
	return NULL;
}

static int run_rcu(const struct bench_workload *workload, unsigned int size)
{
	struct rcu_bench bench = {};
	const char *why = why_not(size);
	int err = -ENOMEM;

	if (why) {
		pr_notice("%s %u: left out, %s\n", workload->name, size, why);
		return 0;
	}
	bench.idle = kcalloc(nr_cpu_ids, sizeof(*bench.idle), GFP_KERNEL);
	bench.slub = kmem_cache_create("gomalloc_bench", size, 0, 0, NULL);
	bench.gom = gom_cache_create("gomalloc_bench", size, 0, 0, NULL);
	bench.live = bench_live_alloc(RCU_OBJECTS);
	if (bench.idle && bench.slub && bench.gom && bench.live)
		err = contend(workload, size, &bench);
	bench_live_free(bench.live);
	gom_cache_destroy(bench.gom);
	kmem_cache_destroy(bench.slub);
	kfree(bench.idle);
	return err;
}

static const unsigned int rcu_sizes[] = { 64, 0 };

const struct bench_workload bench_rcu_workloads[] = {
	{ .name = "rcu", .sizes = rcu_sizes, .run = run_rcu },
	{ }
};
