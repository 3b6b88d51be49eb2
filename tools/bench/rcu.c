// SPDX-License-Identifier: GPL-2.0
/*
 * RCU: objects of a named cache freed after a grace period, 20,000 at a time.
 *
 *   rcu-call	the calls of kfree_rcu() or gom_free_rcu()
 *   rcu-free	all other work of the CPUs until the last object was freed: the
 *		frees themselves, in softirqs, threads and workers, and the
 *		grace periods
 *   rcu	both; nothing is deferred beyond the sample
 *
 * Time spent waiting for grace periods must not count.  So a thread of the
 * lowest priority runs on each CPU and measures the idle time: an iteration of
 * its loop that takes long was interrupted.  All other time is work.  This is
 * exact where instructions are counted.  It does not work on UML, whose host
 * takes time that looks like work.
 */
#include <linux/rcupdate.h>
#include <linux/sched.h>

#include "allocators.h"
#include "bench.h"
#include "clock.h"
#include "compat.h"
#include "workers.h"

#define RCU_OBJECTS	20000U
#define SHORT_STEP	500U	/* cycles or instructions; an iteration takes a tenth of it */

struct headed {
	struct rcu_head rcu;
};

struct rcu_bench {
	struct bench_workers idlers;
	bool stop;			/* tells the idlers to end */
	u64 *idle;			/* idle cycles, by rank */
	struct kmem_cache *slub;
	struct gom_cache *gom;
	void **live;
};

/* === Idle time === */

static int idler_work(struct bench_workers *workers, unsigned int rank)
{
	struct rcu_bench *bench = workers->data;
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

/* === A sample === */

static __always_inline void object_free_rcu(enum bench_allocator allocator, struct headed *p)
{
	if (allocator == BENCH_SLUB)
		kfree_rcu(p, rcu);
	else
		gom_free_rcu(p, rcu);
}

/* @cache: cache of this sample, for SLUB. */
static __always_inline void free_all(enum bench_allocator allocator, struct bench_sample *sample,
				     struct kmem_cache *cache, unsigned int nr)
{
	struct rcu_bench *bench = sample->data;
	const u64 idle = idle_cycles(bench), start = bench_cycles();
	unsigned int i;
	u64 all;

	for (i = 0; i < nr; i++)
		object_free_rcu(allocator, bench->live[i]);
	sample->cycles[0] = bench_cycles() - start;
	if (allocator == BENCH_SLUB)
		kmem_cache_destroy(cache);
	else
		gom_free_rcu_barrier();
	all = (bench_cycles() - start) * bench->idlers.size - (idle_cycles(bench) - idle);
	sample->cycles[1] = max(all, sample->cycles[0]) - sample->cycles[0];
}

/*
 * kvfree_rcu_barrier() is not exported, but kmem_cache_destroy() waits for all
 * deferred frees of the cache.  This cache is merged with bench->slub, so
 * destroying it does little else.  If caches are not merged, it also frees the
 * slabs.
 */
static int rcu_slub(struct bench_sample *sample)
{
	struct kmem_cache *cache = kmem_cache_create("gomalloc_bench_rcu", sample->size, 0, 0, NULL);
	struct rcu_bench *bench = sample->data;
	unsigned int got;

	if (!cache)
		return -ENOMEM;
	for (got = 0; got < sample->ops; got++) {
		bench->live[got] = kmem_cache_alloc(cache, GFP_KERNEL);
		if (!bench->live[got])
			break;
	}
	free_all(BENCH_SLUB, sample, cache, got);
	return got == sample->ops ? 0 : -ENOMEM;
}

static int rcu_gomalloc(struct bench_sample *sample)
{
	struct rcu_bench *bench = sample->data;
	unsigned int got;

	for (got = 0; got < sample->ops; got++) {
		bench->live[got] = gom_cache_alloc(bench->gom, GFP_KERNEL);
		if (!bench->live[got])
			break;
	}
	free_all(BENCH_GOMALLOC, sample, NULL, got);
	return got == sample->ops ? 0 : -ENOMEM;
}

static const bench_sample_fn rcu_sample_fns[BENCH_NR_ALLOCATORS] = {
	[BENCH_SLUB] = rcu_slub,
	[BENCH_GOMALLOC] = rcu_gomalloc,
};

/* === Running === */

static int rcu_compare(const struct bench_workload *workload, unsigned int size,
		       struct rcu_bench *bench)
{
	static const char * const parts[] = { "-call", "-free" };
	int err, idlers_err;

	err = bench_workers_start(&bench->idlers, UINT_MAX, idler_work, bench);
	if (err)
		return err;
	err = bench_comparison_run(&(struct bench_comparison) {
		.name = workload->name,
		.size = size,
		.ops = bench_live_fit(RCU_OBJECTS, size),
		.split = true,
		.part_names = parts,
		.sample_fns = rcu_sample_fns,
		.data = bench,
	});
	WRITE_ONCE(bench->stop, true);
	idlers_err = bench_workers_finish(&bench->idlers);
	return err ?: idlers_err;
}

static const char *skip_reason(unsigned int size)
{
	if (IS_ENABLED(CONFIG_UML))
		return "UML's host takes time that looks like work";
	if (!BENCH_CACHE_DESTROY_WAITS_FOR_RCU)
		return "this kernel has no way to wait for kfree_rcu()";
	if (size < sizeof(struct headed))
		return "the size is below that of an rcu_head";
	return NULL;
}

static int run_rcu(const struct bench_workload *workload, unsigned int size)
{
	struct rcu_bench bench = {};
	const char *why = skip_reason(size);
	int err = -ENOMEM;

	if (why) {
		pr_notice("%s %u: skipped, %s\n", workload->name, size, why);
		return 0;
	}
	bench.idle = kcalloc(nr_cpu_ids, sizeof(*bench.idle), GFP_KERNEL);
	bench.slub = kmem_cache_create("gomalloc_bench", size, 0, 0, NULL);
	bench.gom = gom_cache_create("gomalloc_bench", size, 0, 0, NULL);
	bench.live = bench_live_alloc(RCU_OBJECTS);
	if (bench.idle && bench.slub && bench.gom && bench.live)
		err = rcu_compare(workload, size, &bench);
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
