// SPDX-License-Identifier: GPL-2.0
/*
 * The per-CPU caches: refill and flush, their bound, and that nothing stays in
 * them on demand and when a CPU goes.
 */
#include <linux/completion.h>
#include <linux/cpu.h>
#include <linux/cpumask.h>
#include <linux/jiffies.h>
#include <linux/kthread.h>
#include <linux/mm.h>
#include <linux/topology.h>

#include "base/compat.h"
#include "central/mcentral.h"
#include "gomalloc.h"
#include "percpu/mcache.h"
#include "suites.h"

#define OBJECTS	2000U
#define EMPTIED_SIZE	8192U

/* Not with mcache_kb=0 or debug=1. */
static bool caching(void)
{
	return gom_mcache_kb && !(per_cpu(gom_mcache, 0).mallocing & GOM_MALLOCING_DEBUG);
}

static void **new_array(struct kunit *test)
{
	void **p = kunit_kzalloc(test, OBJECTS * sizeof(*p), GFP_KERNEL);

	KUNIT_ASSERT_NOT_NULL(test, p);
	return p;
}

static void fill(struct kunit *test, void **p, size_t size)
{
	unsigned int i;

	for (i = 0; i < OBJECTS; i++) {
		p[i] = gom_malloc(size, GFP_KERNEL);
		KUNIT_ASSERT_NOT_NULL(test, p[i]);
	}
}

static void empty(void **p)
{
	unsigned int i;

	for (i = 0; i < OBJECTS; i++)
		gom_free(p[i]);
}

static void refills_and_flushes_balance(struct kunit *test)
{
	unsigned int class = gom_size_to_slot(128) >> GOM_SLOT_SHIFT;
	struct gom_class_stats before, full, after;
	void **p = new_array(test);

	gom_class_read(class, &before);
	fill(test, p, 128);
	gom_class_read(class, &full);
	empty(p);
	gom_class_read(class, &after);

	KUNIT_EXPECT_EQ(test, full.mallocs - before.mallocs, (u64)OBJECTS);
	KUNIT_EXPECT_EQ(test, full.frees, before.frees);
	KUNIT_EXPECT_EQ(test, after.frees - before.frees, (u64)OBJECTS);
	if (caching()) {
		KUNIT_EXPECT_GT(test, full.refills, before.refills);
		KUNIT_EXPECT_GT(test, after.flushes, full.flushes);
		/* A magazine at a time: far fewer trips than objects. */
		KUNIT_EXPECT_LT(test, full.refills - before.refills, (u64)OBJECTS / 8);
	}
}

/* Use all classes heavily: they must share the room there is. */
static void caches_are_bounded(struct kunit *test)
{
	u64 held, most = (u64)gom_mcache_kb << 10;
	struct gom_mcache_stats stats;
	void **p = new_array(test);
	unsigned int class, i, n;
	int cpu;

	for (class = GOM_CLASS_TINY - 1; class; class--) {
		n = min(TIMES(400U, 130U), TIMES(SZ_256K, SZ_64K) / gom_classes[class].size + 1);
		for (i = 0; i < n; i++) {
			p[i] = gom_malloc(gom_classes[class].size, GFP_KERNEL);
			KUNIT_ASSERT_NOT_NULL(test, p[i]);
		}
		gom_free_bulk(n, p);
	}
	for_each_possible_cpu(cpu) {
		held = 0;
		for (class = 1; class < GOM_CLASS_TINY; class++) {
			gom_mcache_read(cpu, class, &stats);
			held += (u64)stats.held * gom_classes[class].size;
		}
		KUNIT_EXPECT_LE(test, held, most);
		KUNIT_EXPECT_LE(test, (u64)gom_mcache_bytes(cpu), most);
	}
}

/*
 * When all room is taken a class that wants some gets it, though not at the first
 * try: if classes took it from each other at each call nothing would be cached long
 * enough to be used.
 */
static void capacity_is_stolen_in_time(struct kunit *test)
{
	const unsigned int kb = gom_mcache_kb, class = gom_size_to_slot(2048) >> GOM_SLOT_SHIFT;
	struct gom_mcache_stats first, later;
	void **p = new_array(test);
	unsigned int i;

	if (!caching())
		kunit_skip(test, "nothing is cached");
	gom_mcache_flush_all();
	gom_mcache_kb = 32;
	migrate_disable();
	fill(test, p, 128);
	empty(p);
	/* What was refused before this, here or in an interrupt, does not count. */
	this_cpu_write(gom_mcache.capacity_misses, 0);
	gom_free(gom_malloc(2048, GFP_KERNEL));
	gom_mcache_read(raw_smp_processor_id(), class, &first);
	for (i = 0; i < 200; i++)
		gom_free(gom_malloc(2048, GFP_KERNEL));
	gom_mcache_read(raw_smp_processor_id(), class, &later);
	KUNIT_EXPECT_LE(test, gom_mcache_bytes(raw_smp_processor_id()), (size_t)32 << 10);
	migrate_enable();
	gom_mcache_kb = kb;
	KUNIT_EXPECT_EQ(test, first.limit, 0U);
	KUNIT_EXPECT_GT(test, later.limit, 0U);
}

/* A full magazine of the depot holds more than a cache that is small may take. */
static void a_full_magazine_does_not_exceed_the_bound(struct kunit *test)
{
	const unsigned int kb = gom_mcache_kb, class = gom_size_to_slot(1024) >> GOM_SLOT_SHIFT;
	struct gom_mcache_stats stats;
	struct gom_class_stats all;
	void **p = new_array(test);
	unsigned int i;

	if (!caching())
		kunit_skip(test, "nothing is cached");
	fill(test, p, 1024);
	empty(p);
	gom_mcache_flush_all();
	gom_class_read(class, &all);
	KUNIT_ASSERT_GT(test, all.depot, 100ULL);
	gom_mcache_kb = 32;
	migrate_disable();
	for (i = 0; i < 100; i++) {
		p[i] = gom_malloc(1024, GFP_KERNEL);
		gom_mcache_read(raw_smp_processor_id(), class, &stats);
		KUNIT_EXPECT_LE(test, stats.held, 32U);
		KUNIT_EXPECT_LE(test, stats.held, 2 * stats.limit);
		KUNIT_EXPECT_LE(test, gom_mcache_bytes(raw_smp_processor_id()), (size_t)32 << 10);
	}
	migrate_enable();
	gom_free_bulk(100, p);
	gom_mcache_kb = kb;
}

static u64 cached_in_all(void)
{
	struct gom_class_stats stats;
	unsigned int class;
	u64 n = 0;

	for (class = 1; class < GOM_CLASS_TINY; class++) {
		gom_class_read(class, &stats);
		n += stats.cached + stats.depot;
	}
	return n;
}

static void releasing_empties_everything(struct kunit *test)
{
	void **p = new_array(test);
	struct gom_memstats m;

	fill(test, p, 320);
	empty(p);
	if (caching())
		KUNIT_EXPECT_GT(test, cached_in_all(), 0ULL);
	gom_release_memory();
	KUNIT_EXPECT_EQ(test, cached_in_all(), 0ULL);
	gom_memstats_read(&m);
	KUNIT_EXPECT_EQ(test, m.heap_sys, 0ULL);
}

struct cache_user {
	void **p;
	struct completion done;
};

static __maybe_unused int use_cache(void *arg)
{
	struct cache_user *user = arg;
	unsigned int i;

	for (i = 0; i < OBJECTS; i++)
		user->p[i] = gom_malloc(96, GFP_KERNEL);
	empty(user->p);
	complete(&user->done);
	return 0;
}

static u64 cached_on(int cpu)
{
	struct gom_mcache_stats stats;
	unsigned int class;
	u64 n = 0;

	for (class = 1; class < GOM_CLASS_TINY; class++) {
		gom_mcache_read(cpu, class, &stats);
		n += stats.held;
	}
	return n;
}

static void a_cpu_that_goes_offline_leaves_nothing(struct kunit *test)
{
#ifdef CONFIG_HOTPLUG_CPU
	int err, cpu = cpumask_last(cpu_online_mask);
	struct task_struct *t;
	struct cache_user user;

	if (num_online_cpus() < 2)
		kunit_skip(test, "one CPU online");
	user.p = new_array(test);
	init_completion(&user.done);
	t = kthread_create(use_cache, &user, "gom_offline");
	KUNIT_ASSERT_FALSE(test, IS_ERR(t));
	kthread_bind(t, cpu);
	wake_up_process(t);
	wait_for_completion(&user.done);
	if (caching())
		KUNIT_EXPECT_GT(test, cached_on(cpu), 0ULL);
	err = remove_cpu(cpu);
	if (err)
		kunit_skip(test, "CPU %d cannot be taken offline here (%d)", cpu, err);
	KUNIT_EXPECT_EQ(test, cached_on(cpu), 0ULL);
	KUNIT_EXPECT_EQ(test, add_cpu(cpu), 0);
#else
	kunit_skip(test, "this kernel has no CPU hotplug");
#endif
}

struct hog {
	struct completion filled;
	struct completion done;
	bool stop;
	bool stopped;
};

/* Cache an object, then keep the CPU from everything but interrupts. */
static int keep_cpu(void *arg)
{
	unsigned long end = jiffies + 20 * HZ;
	struct hog *hog = arg;

	gom_free(gom_malloc(96, GFP_KERNEL));
	preempt_disable();
	complete(&hog->filled);
	while (!READ_ONCE(hog->stop) && time_before(jiffies, end))
		cpu_relax();
	hog->stopped = READ_ONCE(hog->stop);
	preempt_enable();
	complete(&hog->done);
	return 0;
}

/* No worker can run on a CPU that a real-time task keeps; its cache is flushed nevertheless. */
static void a_busy_cpu_is_flushed(struct kunit *test)
{
	int cpu = cpumask_last(cpu_online_mask);
	struct hog hog = { };
	struct task_struct *t;

	if (num_online_cpus() < 2)
		kunit_skip(test, "one CPU online");
	if (!caching())
		kunit_skip(test, "nothing is cached");
	init_completion(&hog.filled);
	init_completion(&hog.done);
	t = kthread_create(keep_cpu, &hog, "gom_hog");
	KUNIT_ASSERT_FALSE(test, IS_ERR(t));
	kthread_bind(t, cpu);
	wake_up_process(t);
	wait_for_completion(&hog.filled);
	KUNIT_EXPECT_GT(test, cached_on(cpu), 0ULL);
	gom_mcache_flush_all();
	KUNIT_EXPECT_EQ(test, cached_on(cpu), 0ULL);
	WRITE_ONCE(hog.stop, true);
	wait_for_completion(&hog.done);
	KUNIT_EXPECT_TRUE_MSG(test, hog.stopped, "the flush came when the CPU was free again");
}

/* Reclaim of a node takes what CPUs of that node hold, and nothing of others. */
static void reclaim_is_of_one_node(struct kunit *test)
{
	const int nid = numa_mem_id();
	u64 cached;

	if (!caching())
		kunit_skip(test, "nothing is cached");
	migrate_disable();
	gom_free(gom_malloc(96, GFP_KERNEL));
	cached = cached_on(raw_smp_processor_id());
	KUNIT_EXPECT_GT(test, cached, 0ULL);
	gom_mcache_reclaim(nid + 1);
	KUNIT_EXPECT_EQ(test, cached_on(raw_smp_processor_id()), cached);
	gom_mcache_reclaim(nid);
	KUNIT_EXPECT_EQ(test, cached_on(raw_smp_processor_id()), 0ULL);
	migrate_enable();
}

/* A CPU that holds nothing is not interrupted for a flush: it may be isolated. */
static void a_cpu_without_anything_is_left_alone(struct kunit *test)
{
	int cpu = cpumask_any_but(cpu_online_mask, raw_smp_processor_id());
	struct gom_mcache *c = per_cpu_ptr(&gom_mcache, cpu);
	struct gom_cache *cache;
	unsigned long asked;

	if (num_online_cpus() < 2)
		kunit_skip(test, "one CPU online");
	gom_mcache_flush_all();
	asked = READ_ONCE(c->asked);
	gom_mcache_flush_all();
	migrate_disable();
	if (raw_smp_processor_id() != cpu)
		gom_free(gom_malloc(96, GFP_KERNEL));
	cache = gom_cache_create("test_alone", 200, 0, GOM_NO_MERGE, NULL);
	if (raw_smp_processor_id() != cpu)
		gom_cache_free(cache, gom_cache_alloc(cache, GFP_KERNEL));
	migrate_enable();
	gom_cache_shrink(cache);
	gom_cache_destroy(cache);
	gom_mcache_flush_all();
	KUNIT_EXPECT_EQ(test, READ_ONCE(c->asked), asked);
}

/* Who takes single objects out of full magazines leaves no more empty ones than are kept. */
static void empty_magazines_are_bounded(struct kunit *test)
{
	const unsigned int class = gom_size_to_slot(EMPTIED_SIZE) >> GOM_SLOT_SHIFT;
	struct gom_mcentral *c = gom_mcentral_of(class, numa_mem_id());
	void **p = new_array(test);
	unsigned int round, n;

	needs_heap(test);
	if (!caching())
		kunit_skip(test, "nothing is cached");
	for (round = 0; round < 2 * c->max_full; round++) {
		p[0] = gom_malloc(EMPTIED_SIZE, GFP_KERNEL);
		gom_free(p[0]);
		gom_mcache_flush_all();	/* the magazine goes to the depot */
		for (n = 0; n < OBJECTS && c->nr_full; n++) {
			p[n] = gom_malloc_nolock(EMPTIED_SIZE, 0);
			if (!p[n])
				break;
		}
		KUNIT_EXPECT_LE(test, c->nr_empty, c->max_full);
		gom_free_bulk(n, p);
	}
}

static struct kunit_case cases[] = {
	KUNIT_CASE(refills_and_flushes_balance),
	KUNIT_CASE(caches_are_bounded),
	KUNIT_CASE(capacity_is_stolen_in_time),
	KUNIT_CASE(a_full_magazine_does_not_exceed_the_bound),
	KUNIT_CASE(a_busy_cpu_is_flushed),
	KUNIT_CASE(reclaim_is_of_one_node),
	KUNIT_CASE(a_cpu_without_anything_is_left_alone),
	KUNIT_CASE(releasing_empties_everything),
	KUNIT_CASE(a_cpu_that_goes_offline_leaves_nothing),
	HEAP_CASE(empty_magazines_are_bounded),
	{}
};

struct kunit_suite gomalloc_mcache_suite = {
	.name = "gomalloc_mcache",
	.init = heap_begin,
	.exit = live_end,
	.test_cases = cases,
};
