// SPDX-License-Identifier: GPL-2.0
/*
 * The per-CPU caches: refill, flush and bounds; they are emptied on demand and
 * when a CPU goes offline.
 */
#include <linux/completion.h>
#include <linux/cpu.h>
#include <linux/cpumask.h>
#include <linux/delay.h>
#include <linux/jiffies.h>
#include <linux/kthread.h>
#include <linux/mm.h>
#include <linux/topology.h>

#include "base/compat.h"
#include "base/fault.h"
#include "central/mcentral.h"
#include "gomalloc.h"
#include "percpu/mcache.h"
#include "suites.h"

#define OBJECTS	2000U
#define EMPTIED_SIZE	8192U

/* False with mcache_kb=0 or debug=. */
static bool mcache_enabled(void)
{
	return gom_mcache_kb && !(per_cpu(gom_mcache, 0).mallocing & GOM_MALLOCING_DEBUG);
}

static void **array_alloc(struct kunit *test)
{
	void **p = kunit_kzalloc(test, OBJECTS * sizeof(*p), GFP_KERNEL);

	KUNIT_ASSERT_NOT_NULL(test, p);
	return p;
}

static void objects_alloc(struct kunit *test, void **p, size_t size)
{
	unsigned int i;

	for (i = 0; i < OBJECTS; i++) {
		p[i] = gom_malloc(size, GFP_KERNEL);
		KUNIT_ASSERT_NOT_NULL(test, p[i]);
	}
}

static void objects_free(void **p)
{
	unsigned int i;

	for (i = 0; i < OBJECTS; i++)
		gom_free(p[i]);
}

static void refills_and_flushes_balance(struct kunit *test)
{
	unsigned int class = gom_size_to_class(128);
	struct gom_class_stats before, full, after;
	void **p = array_alloc(test);

	gom_class_read(class, &before);
	objects_alloc(test, p, 128);
	gom_class_read(class, &full);
	objects_free(p);
	gom_class_read(class, &after);

	KUNIT_EXPECT_EQ(test, full.mallocs - before.mallocs, (u64)OBJECTS);
	KUNIT_EXPECT_EQ(test, full.frees, before.frees);
	KUNIT_EXPECT_EQ(test, after.frees - before.frees, (u64)OBJECTS);
	if (mcache_enabled()) {
		KUNIT_EXPECT_GT(test, full.refills, before.refills);
		KUNIT_EXPECT_GT(test, after.flushes, full.flushes);
		/* Magazines are exchanged: far fewer refills than objects. */
		KUNIT_EXPECT_LT(test, full.refills - before.refills, (u64)OBJECTS / 8);
	}
}

/* Use all classes, which must share mcache_kb. */
static void caches_are_bounded(struct kunit *test)
{
	u64 held, most = (u64)gom_mcache_kb << 10;
	struct gom_mcache_stats stats;
	void **p = array_alloc(test);
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
 * When mcache_kb is used up, a class steals capacity from another one, but only
 * after several capacity misses: else classes would flush each other in turns.
 */
static void capacity_is_stolen_after_misses(struct kunit *test)
{
	const unsigned int kb = gom_mcache_kb, class = gom_size_to_class(2048);
	struct gom_mcache_stats first, later;
	void **p = array_alloc(test);
	unsigned int i;

	if (!mcache_enabled())
		kunit_skip(test, "this needs per-CPU caches");
	gom_mcache_flush_all();
	gom_mcache_kb = 32;
	migrate_disable();
	objects_alloc(test, p, 128);
	objects_free(p);
	/* Earlier capacity misses do not count. */
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

/* A full magazine of the depot may be too large for a small cache. */
static void full_magazine_respects_the_bound(struct kunit *test)
{
	const unsigned int kb = gom_mcache_kb, class = gom_size_to_class(1024);
	struct gom_mcache_stats stats;
	struct gom_class_stats all;
	void **p = array_alloc(test);
	unsigned int i;

	if (!mcache_enabled())
		kunit_skip(test, "this needs per-CPU caches");
	objects_alloc(test, p, 1024);
	objects_free(p);
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

static u64 cached_objects(void)
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

static void release_empties_all_caches(struct kunit *test)
{
	void **p = array_alloc(test);
	struct gom_memstats m;

	objects_alloc(test, p, 320);
	objects_free(p);
	if (mcache_enabled())
		KUNIT_EXPECT_GT(test, cached_objects(), 0ULL);
	gom_release_memory();
	KUNIT_EXPECT_EQ(test, cached_objects(), 0ULL);
	gom_memstats_read(&m);
	KUNIT_EXPECT_EQ(test, m.heap_sys, 0ULL);
}

struct cache_user {
	void **p;
	struct completion done;
};

static __maybe_unused int cache_user_main(void *arg)
{
	struct cache_user *user = arg;
	unsigned int i;

	for (i = 0; i < OBJECTS; i++)
		user->p[i] = gom_malloc(96, GFP_KERNEL);
	objects_free(user->p);
	complete(&user->done);
	return 0;
}

static u64 cpu_cached(int cpu)
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

static void offline_cpu_is_flushed(struct kunit *test)
{
#ifdef CONFIG_HOTPLUG_CPU
	int err, cpu = cpumask_last(cpu_online_mask);
	struct task_struct *t;
	struct cache_user user;

	if (num_online_cpus() < 2)
		kunit_skip(test, "needs two CPUs online");
	user.p = array_alloc(test);
	init_completion(&user.done);
	t = kthread_create(cache_user_main, &user, "gom_offline");
	KUNIT_ASSERT_FALSE(test, IS_ERR(t));
	kthread_bind(t, cpu);
	wake_up_process(t);
	wait_for_completion(&user.done);
	if (mcache_enabled())
		KUNIT_EXPECT_GT(test, cpu_cached(cpu), 0ULL);
	err = remove_cpu(cpu);
	if (err)
		kunit_skip(test, "CPU %d cannot be taken offline here (%d)", cpu, err);
	KUNIT_EXPECT_EQ(test, cpu_cached(cpu), 0ULL);
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

/* Cache an object, then run with preemption disabled. */
static int hog_main(void *arg)
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

/* A CPU on which no other task can run is flushed by an interrupt. */
static void busy_cpu_is_flushed(struct kunit *test)
{
	int cpu = cpumask_last(cpu_online_mask);
	struct hog hog = { };
	struct task_struct *t;

	if (num_online_cpus() < 2)
		kunit_skip(test, "needs two CPUs online");
	if (!mcache_enabled())
		kunit_skip(test, "this needs per-CPU caches");
	init_completion(&hog.filled);
	init_completion(&hog.done);
	t = kthread_create(hog_main, &hog, "gom_hog");
	KUNIT_ASSERT_FALSE(test, IS_ERR(t));
	kthread_bind(t, cpu);
	wake_up_process(t);
	wait_for_completion(&hog.filled);
	KUNIT_EXPECT_GT(test, cpu_cached(cpu), 0ULL);
	gom_mcache_flush_all();
	KUNIT_EXPECT_EQ(test, cpu_cached(cpu), 0ULL);
	WRITE_ONCE(hog.stop, true);
	wait_for_completion(&hog.done);
	KUNIT_EXPECT_TRUE_MSG(test, hog.stopped, "the flush did not end while the CPU was busy");
}

/* Reclaim of a node flushes the CPUs of that node, and no others. */
static void reclaim_flushes_one_node(struct kunit *test)
{
	const int nid = numa_mem_id();
	u64 cached;

	if (!mcache_enabled())
		kunit_skip(test, "this needs per-CPU caches");
	migrate_disable();
	gom_free(gom_malloc(96, GFP_KERNEL));
	cached = cpu_cached(raw_smp_processor_id());
	KUNIT_EXPECT_GT(test, cached, 0ULL);
	gom_mcache_reclaim(nid + 1);
	KUNIT_EXPECT_EQ(test, cpu_cached(raw_smp_processor_id()), cached);
	gom_mcache_reclaim(nid);
	KUNIT_EXPECT_EQ(test, cpu_cached(raw_smp_processor_id()), 0ULL);
	migrate_enable();
}

/*
 * A CPU without cached objects is not interrupted for a flush: it may be
 * isolated.
 */
static void empty_cpu_is_not_interrupted(struct kunit *test)
{
	int cpu = cpumask_any_but(cpu_online_mask, raw_smp_processor_id());
	struct gom_mcache *c = per_cpu_ptr(&gom_mcache, cpu);
	struct gom_cache *cache;
	unsigned long asked;

	if (num_online_cpus() < 2)
		kunit_skip(test, "needs two CPUs online");
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

/*
 * Allocating single objects from full magazines leaves a bounded number of
 * empty ones.
 */
static void empty_magazines_are_bounded(struct kunit *test)
{
	const unsigned int class = gom_size_to_class(EMPTIED_SIZE);
	struct gom_mcentral *c = gom_mcentral_of(class, numa_mem_id());
	void **p = array_alloc(test);
	unsigned int round, n;

	if (!mcache_enabled())
		kunit_skip(test, "this needs per-CPU caches");
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

static struct {
	int nid;
	bool nested;
	unsigned int flushes;		/* of @nid */
	unsigned int flushes_other;	/* of another node */
	unsigned int flushes_all;
	u64 cached;			/* after a second reclaim of @nid inside the first */
	u64 cached_all;			/* after a reclaim of all nodes inside it */
} reclaims;

/* Reclaim again, as other tasks may, while the caches of a node are flushed. */
static bool reclaim_nested(enum gom_test_point at, unsigned int arg, gfp_t gfp)
{
	if (at != GOM_AT_RECLAIM)
		return false;
	reclaims.flushes += (int)arg == reclaims.nid;
	reclaims.flushes_other += (int)arg == reclaims.nid + 1;
	reclaims.flushes_all += (int)arg == NUMA_NO_NODE;
	if (reclaims.nested)
		return false;
	reclaims.nested = true;
	gom_mcache_reclaim(reclaims.nid);
	reclaims.cached = cpu_cached(raw_smp_processor_id());
	gom_mcache_reclaim(reclaims.nid + 1);
	gom_mcache_reclaim(NUMA_NO_NODE);
	reclaims.cached_all = cpu_cached(raw_smp_processor_id());
	return false;
}

/*
 * One task flushes the caches of a node.  Reclaim of another node, and of all
 * nodes before an OOM kill, does not depend on it.
 */
static void node_is_reclaimed_by_one_task(struct kunit *test)
{
	u64 cached;

	if (!mcache_enabled())
		kunit_skip(test, "nothing is cached");
	memset(&reclaims, 0, sizeof(reclaims));
	reclaims.nid = numa_mem_id();
	migrate_disable();
	gom_free(gom_malloc(96, GFP_KERNEL));
	cached = cpu_cached(raw_smp_processor_id());
	WRITE_ONCE(gom_test_callback, reclaim_nested);
	gom_mcache_reclaim(reclaims.nid);
	KUNIT_EXPECT_EQ(test, reclaims.flushes, 1U);
	gom_mcache_reclaim(reclaims.nid);
	WRITE_ONCE(gom_test_callback, NULL);
	migrate_enable();
	KUNIT_EXPECT_GT(test, cached, 0ULL);
	KUNIT_EXPECT_EQ(test, reclaims.cached, cached);
	KUNIT_EXPECT_EQ(test, reclaims.cached_all, 0ULL);
	KUNIT_EXPECT_EQ(test, reclaims.flushes, 2U);
	KUNIT_EXPECT_EQ(test, reclaims.flushes_other, 1U);
	KUNIT_EXPECT_EQ(test, reclaims.flushes_all, 1U);
}

struct counting {
	struct task_struct *task;
	struct completion done;
	bool early;			/* done before the intervals were drawn */
};

static struct {
	struct counting rate;
	struct counting reset;
	bool woken;
} counters;

static int rate_set(void *unused)
{
	gom_mcache_set_profile_rate(0);
	complete(&counters.rate.done);
	return 0;
}

static int counts_reset(void *unused)
{
	gom_mcache_reset();
	complete(&counters.reset.done);
	return 0;
}

static bool counting_prepare(struct counting *c, int (*fn)(void *), const char *name)
{
	init_completion(&c->done);
	c->task = kthread_create(fn, NULL, "%s", name);
	return !IS_ERR(c->task);
}

/*
 * Start both tasks when the sample intervals of a new class are about to be
 * drawn.
 */
static bool counting_start(enum gom_test_point at, unsigned int arg, gfp_t gfp)
{
	if (at != GOM_AT_DRAW || counters.woken)
		return false;
	counters.woken = true;
	wake_up_process(counters.rate.task);
	wake_up_process(counters.reset.task);
	counters.rate.early = wait_for_completion_timeout(&counters.rate.done, HZ / 5);
	counters.reset.early = try_wait_for_completion(&counters.reset.done);
	return false;
}

/*
 * A new class has its intervals drawn for all CPUs from one of them.  Setting
 * the rate and resetting statistics change the same counters in an IPI.
 */
static void rate_and_reset_wait_for_a_new_class(struct kunit *test)
{
	struct gom_cache *cache;

	memset(&counters, 0, sizeof(counters));
	KUNIT_ASSERT_TRUE(test, counting_prepare(&counters.rate, rate_set, "gom_rate"));
	KUNIT_ASSERT_TRUE(test, counting_prepare(&counters.reset, counts_reset, "gom_reset"));
	WRITE_ONCE(gom_test_callback, counting_start);
	cache = gom_cache_create("test_class", 200, 0, GOM_NO_MERGE, NULL);
	WRITE_ONCE(gom_test_callback, NULL);
	KUNIT_ASSERT_NOT_NULL(test, cache);
	KUNIT_ASSERT_TRUE(test, counters.woken);
	if (!counters.rate.early)
		wait_for_completion(&counters.rate.done);
	if (!counters.reset.early)
		wait_for_completion(&counters.reset.done);
	gom_cache_destroy(cache);
	KUNIT_EXPECT_FALSE(test, counters.rate.early);
	KUNIT_EXPECT_FALSE(test, counters.reset.early);
}

/* First guard of the bound: a magazine of more objects stays in the depot. */
static void refill_respects_the_limit(struct kunit *test)
{
	const unsigned int class = gom_size_to_class(1024);
	struct gom_mcentral *c = gom_mcentral_of(class, numa_mem_id());
	struct gom_magazine *mag;
	void **p = array_alloc(test);
	unsigned int nr;

	if (!mcache_enabled())
		kunit_skip(test, "nothing is cached");
	objects_alloc(test, p, 1024);
	objects_free(p);
	gom_mcache_flush_all();
	KUNIT_ASSERT_NOT_NULL(test, c->full);
	nr = c->full->nr;
	KUNIT_ASSERT_GT(test, nr, 3U);
	mag = gom_mcentral_refill(gom_magazine_new(class, GFP_KERNEL), 3, numa_mem_id(),
				  GFP_KERNEL);
	KUNIT_ASSERT_NOT_NULL(test, mag);
	KUNIT_EXPECT_EQ(test, (unsigned int)mag->nr, 3U);
	KUNIT_EXPECT_EQ(test, (unsigned int)c->full->nr, nr - 3);
	gom_mcentral_return(mag);
}

static struct {
	unsigned int kb;		/* new capacity */
	bool flushed;
} during_refill;

static bool caches_flush_meanwhile(enum gom_test_point at, unsigned int arg, gfp_t gfp)
{
	if (at != GOM_AT_BLOCK || during_refill.flushed)
		return false;
	during_refill.flushed = true;
	gom_mcache_flush_all();
	gom_mcache_kb = during_refill.kb;
	return false;
}

/*
 * Allocate an object by a refill.  During it all caches are flushed, and their
 * capacity is set to @kb.
 */
static void refill_while_flushed(struct kunit *test, unsigned int kb, struct gom_mcache_stats *stats)
{
	const unsigned int before = gom_mcache_kb;
	void *p;

	gom_release_memory();
	during_refill.kb = kb;
	during_refill.flushed = false;
	migrate_disable();
	WRITE_ONCE(gom_test_callback, caches_flush_meanwhile);
	p = gom_malloc(64, GFP_KERNEL);
	WRITE_ONCE(gom_test_callback, NULL);
	gom_mcache_read(raw_smp_processor_id(), gom_size_to_class(64), stats);
	KUNIT_EXPECT_LE(test, gom_mcache_bytes(raw_smp_processor_id()), (size_t)gom_mcache_kb << 10);
	migrate_enable();
	gom_mcache_kb = before;
	KUNIT_EXPECT_TRUE(test, during_refill.flushed);
	KUNIT_EXPECT_NOT_NULL(test, p);
	KUNIT_EXPECT_LE(test, stats->held, 2 * stats->limit);
	gom_free(p);
}

/* Second guard: the limit was lowered while the magazine was fetched. */
static void magazine_above_the_limit_is_returned(struct kunit *test)
{
	struct gom_mcache_stats stats;

	if (!mcache_enabled())
		kunit_skip(test, "nothing is cached");
	refill_while_flushed(test, gom_mcache_kb, &stats);
	KUNIT_EXPECT_GT(test, stats.held, 0U);
	refill_while_flushed(test, 0, &stats);
	KUNIT_EXPECT_EQ(test, stats.held, 0U);
}

#define BOTH_SIZE	1024U

static struct {
	void **p;
	unsigned int allocated;		/* objects in @p */
	bool freed;
	struct gom_magazine *spare;	/* after they were freed */
	u64 held;
	u64 live;
} both;

/* Free all objects, so that the cache gets a loaded magazine and a spare. */
static bool caches_fill_meanwhile(enum gom_test_point at, unsigned int arg, gfp_t gfp)
{
	const unsigned int class = gom_size_to_class(BOTH_SIZE);
	struct gom_mcache_stats stats;

	if (at != GOM_AT_BLOCK || both.freed || both.allocated < OBJECTS / 4)
		return false;
	both.freed = true;
	gom_free_bulk(both.allocated, both.p);
	gom_mcache_read(raw_smp_processor_id(), class, &stats);
	both.held = stats.held;
	both.spare = this_cpu_ptr(&gom_mcache)->class[class].spare;
	both.live = gomtest_live_objects();
	return false;
}

/* A refill that finds both magazines in use returns its own to the depot. */
static void refill_keeps_the_spare(struct kunit *test)
{
	const unsigned int class = gom_size_to_class(BOTH_SIZE);
	struct gom_magazine *spare;
	void *p = NULL;
	u64 live;

	if (!mcache_enabled())
		kunit_skip(test, "nothing is cached");
	memset(&both, 0, sizeof(both));
	both.p = array_alloc(test);
	gom_release_memory();
	migrate_disable();
	WRITE_ONCE(gom_test_callback, caches_fill_meanwhile);
	while (both.allocated < OBJECTS) {
		p = gom_malloc(BOTH_SIZE, GFP_KERNEL);
		if (!p || both.freed)
			break;
		both.p[both.allocated++] = p;
	}
	WRITE_ONCE(gom_test_callback, NULL);
	spare = this_cpu_ptr(&gom_mcache)->class[class].spare;
	live = gomtest_live_objects();
	migrate_enable();
	KUNIT_EXPECT_TRUE(test, both.freed);
	KUNIT_EXPECT_NOT_NULL(test, both.spare);
	if (both.spare)
		KUNIT_EXPECT_GT(test, both.held, (u64)both.spare->nr);
	KUNIT_EXPECT_PTR_EQ(test, spare, both.spare);
	KUNIT_EXPECT_EQ(test, live, both.live + 1);
	gom_free(p);
}

struct insider {
	const u8 *flag;			/* of the CPU that forces the slow path */
	struct completion done;
	bool inside;
};

/*
 * Stay inside the cache, as between gom_mcache_enter() and gom_mcache_leave(),
 * until the IPI was sent.
 */
static int insider_main(void *arg)
{
	unsigned long end = jiffies + 5 * HZ;
	struct insider *insider = arg;
	struct gom_mcache *c;

	preempt_disable();
	c = this_cpu_ptr(&gom_mcache);
	WRITE_ONCE(c->mallocing, GOM_MALLOCING);
	WRITE_ONCE(insider->inside, true);
	while (!(READ_ONCE(*insider->flag) & GOM_MALLOCING_SLOW) && time_before(jiffies, end))
		cpu_relax();
	mdelay(20);
	WRITE_ONCE(c->mallocing, 0);
	preempt_enable();
	complete(&insider->done);
	return 0;
}

/* A leave overwrites what the IPI stored, so it is sent again. */
static void cpu_inside_is_forced_to_the_slow_path(struct kunit *test)
{
	struct insider insider = { };
	struct task_struct *t;
	int this_cpu, cpu;
	u8 flag;

	if (num_online_cpus() < 2)
		kunit_skip(test, "needs two CPUs online");
	if (per_cpu(gom_mcache, 0).mallocing)
		kunit_skip(test, "every call takes the slow path already");
	init_completion(&insider.done);
	migrate_disable();
	this_cpu = raw_smp_processor_id();
	cpu = cpumask_any_but(cpu_online_mask, this_cpu);
	insider.flag = &per_cpu_ptr(&gom_mcache, this_cpu)->mallocing;
	t = kthread_create(insider_main, &insider, "gom_insider");
	if (!IS_ERR(t)) {
		kthread_bind(t, cpu);
		wake_up_process(t);
		while (!READ_ONCE(insider.inside))
			cond_resched();
		gom_mcache_force_slow(1);
	}
	migrate_enable();
	KUNIT_ASSERT_FALSE(test, IS_ERR(t));
	flag = READ_ONCE(per_cpu_ptr(&gom_mcache, cpu)->mallocing);
	wait_for_completion(&insider.done);
	gom_mcache_force_slow(-1);
	KUNIT_EXPECT_EQ(test, flag, (u8)GOM_MALLOCING_SLOW);
}

static void reset_clears_calls_found_inside(struct kunit *test)
{
	struct gom_mcache *c, *entered;

	preempt_disable();
	c = this_cpu_ptr(&gom_mcache);
	c->mallocing |= GOM_MALLOCING;
	entered = gom_mcache_tryenter_slow();
	c->mallocing &= ~GOM_MALLOCING;
	preempt_enable();
	KUNIT_EXPECT_NULL(test, entered);
	KUNIT_EXPECT_GT(test, gom_mcache_inside(), 0UL);
	gom_mcache_reset();
	KUNIT_EXPECT_EQ(test, gom_mcache_inside(), 0UL);
}

/*
 * Nothing runs on an offline CPU: another one changes its cache.  The CPU has
 * not been online since boot, so this needs no CPU hotplug.
 */
static void offline_cpu_is_called(struct kunit *test)
{
	const unsigned int class = gom_size_to_class(96);
	int cpu = cpumask_next_zero(-1, cpu_online_mask);
	struct gom_magazine *mag;
	struct gom_mcache *c;

	if (cpu >= nr_cpu_ids || !cpu_possible(cpu))
		kunit_skip(test, "all possible CPUs are online; boot with maxcpus=1");
	if (!mcache_enabled())
		kunit_skip(test, "nothing is cached");
	c = per_cpu_ptr(&gom_mcache, cpu);
	c->inside = 1;
	gom_mcache_reset();
	KUNIT_EXPECT_EQ(test, c->inside, 0UL);
	gom_mcache_set_profile_rate(1);
	KUNIT_EXPECT_EQ(test, c->slot[class].sample_left, 0LL);
	gom_mcache_set_profile_rate(0);
	KUNIT_EXPECT_GT(test, c->slot[class].sample_left, 0LL);
	mag = gom_magazine_new(class, GFP_KERNEL);
	KUNIT_ASSERT_NOT_NULL(test, mag);
	c->class[class].spare = mag;
	gom_mcache_flush_all();
	KUNIT_EXPECT_NULL(test, c->class[class].spare);
}

static struct kunit_case cases[] = {
	KUNIT_CASE(refills_and_flushes_balance),
	KUNIT_CASE(caches_are_bounded),
	KUNIT_CASE(capacity_is_stolen_after_misses),
	KUNIT_CASE(full_magazine_respects_the_bound),
	KUNIT_CASE(refill_respects_the_limit),
	KUNIT_CASE(magazine_above_the_limit_is_returned),
	KUNIT_CASE(busy_cpu_is_flushed),
	KUNIT_CASE(reclaim_flushes_one_node),
	KUNIT_CASE(node_is_reclaimed_by_one_task),
	KUNIT_CASE(empty_cpu_is_not_interrupted),
	KUNIT_CASE(rate_and_reset_wait_for_a_new_class),
	KUNIT_CASE(release_empties_all_caches),
	KUNIT_CASE(offline_cpu_is_flushed),
	KUNIT_CASE(offline_cpu_is_called),
	KUNIT_CASE(refill_keeps_the_spare),
	KUNIT_CASE(cpu_inside_is_forced_to_the_slow_path),
	KUNIT_CASE(reset_clears_calls_found_inside),
	HEAP_CASE(empty_magazines_are_bounded),
	{}
};

struct kunit_suite gomalloc_mcache_suite = {
	.name = "gomalloc_mcache",
	.init = gomtest_begin_heap,
	.exit = gomtest_end,
	.test_cases = cases,
};
