// SPDX-License-Identifier: GPL-2.0
/*
 * Finalizers: run once for each object, after its free and before its memory is
 * reused, for all calls that allocate and free.
 */
#include <linux/completion.h>
#include <linux/irq_work.h>
#include <linux/kthread.h>
#include <linux/mm.h>
#include <linux/rcupdate.h>
#include <linux/seq_file.h>

#include "api/finalizer.h"
#include "api/internal.h"
#include "api/nolock.h"
#include "base/compat.h"
#include "base/fault.h"
#include "base/report.h"
#include "gomalloc.h"
#include "log.h"
#include "percpu/mcache.h"
#include "sched_lock.h"
#include "special/special.h"
#include "suites.h"

#define MANY	300U

static void *many[MANY];

/* Records the run of a finalizer. */
struct seen {
	unsigned int runs;
	void *p;
	bool in_task;
};

static void seen_note(void *p, void *arg)
{
	struct seen *seen = arg;

	seen->runs++;
	seen->p = p;
	seen->in_task = in_task() && !irqs_disabled() && !(IS_ENABLED(CONFIG_PREEMPT_COUNT) &&
							 preempt_count());
}

/* Wait for all finalizers, including those that finalizers set. */
static void finalizers_wait(void)
{
	struct gom_finalizer_stats stats;

	do {
		gom_free_rcu_barrier();
		gom_finalizer_barrier();
		gom_finalizer_read(&stats);
	} while (stats.queued);
}

static void *finalizer_attach(struct kunit *test, void *p, struct seen *seen)
{
	KUNIT_ASSERT_NOT_NULL(test, p);
	*seen = (struct seen) { };
	KUNIT_ASSERT_EQ(test, gom_set_finalizer(p, seen_note, seen), 0);
	return p;
}

#define EXPECT_ONE_RUN(test, seen, object)				\
do {									\
	finalizers_wait();							\
	KUNIT_EXPECT_EQ(test, (seen)->runs, 1U);			\
	KUNIT_EXPECT_PTR_EQ(test, (seen)->p, (void *)(object));		\
	KUNIT_EXPECT_TRUE(test, (seen)->in_task);			\
} while (0)

/* === The test that came with the tiny allocator (Go, 2014: tinyfin) === */

#define TINY	100U

static unsigned int values[TINY];

static void value_check(void *p, void *arg)
{
	u32 i = *(u32 *)p;

	if (i < TINY && (unsigned long)arg == i)
		values[i]++;
}

static void tiny_objects_have_their_own_finalizers(struct kunit *test)
{
	u32 *p[TINY];
	unsigned int i;

	memset(values, 0, sizeof(values));
	for (i = 0; i < TINY; i++) {
		p[i] = gom_malloc_noscan(sizeof(*p[i]), GFP_KERNEL);
		KUNIT_ASSERT_NOT_NULL(test, p[i]);
		*p[i] = i;
		KUNIT_ASSERT_EQ(test,
				gom_set_finalizer(p[i], value_check, (void *)(unsigned long)i), 0);
	}
	KUNIT_EXPECT_EQ(test, (unsigned long)p[1] / GOM_TINY_BLOCK,
			(unsigned long)p[2] / GOM_TINY_BLOCK + (p[1] > p[2]));
	for (i = 0; i < TINY; i += 2)
		gom_free(p[i]);
	for (i = 1; i < TINY; i += 2)
		gom_free(p[TINY - i]);
	finalizers_wait();
	for (i = 0; i < TINY; i++)
		KUNIT_EXPECT_EQ_MSG(test, values[i], 1U, "the finalizer of object %u", i);
}

/* === Order === */

static void finalizer_runs_after_the_free(struct kunit *test)
{
	struct gom_finalizer_stats before, after;
	struct seen seen;
	void *p;

	gom_finalizer_read(&before);
	p = finalizer_attach(test, gom_malloc(100, GFP_KERNEL), &seen);
	finalizers_wait();
	KUNIT_EXPECT_EQ(test, seen.runs, 0U);
	gom_finalizer_read(&after);
	KUNIT_EXPECT_EQ(test, after.set - before.set, 1UL);
	gom_free(p);
	EXPECT_ONE_RUN(test, &seen, p);
	gom_finalizer_read(&after);
	KUNIT_EXPECT_EQ(test, after.set, before.set);
	KUNIT_EXPECT_EQ(test, after.run - before.run, 1UL);
}

static void completion_wait(void *p, void *arg)
{
	wait_for_completion(arg);
}

#define CLASS_SIZE	2048U

/* While the worker is blocked, the object's memory is not reused. */
static void memory_is_not_reused_before_the_finalizer(struct kunit *test)
{
	DECLARE_COMPLETION_ONSTACK(go_on);
	void *first, *p, *others[64];
	u64 before = gomtest_live_objects();
	struct seen seen;
	unsigned int i;

	first = gom_malloc(CLASS_SIZE, GFP_KERNEL);
	KUNIT_ASSERT_NOT_NULL(test, first);
	KUNIT_ASSERT_EQ(test, gom_set_finalizer(first, completion_wait, &go_on), 0);
	p = finalizer_attach(test, gom_malloc(CLASS_SIZE, GFP_KERNEL), &seen);
	memset(p, 0x5a, CLASS_SIZE);
	gom_free(first);
	gom_free(p);
	for (i = 0; i < ARRAY_SIZE(others); i++) {
		others[i] = gom_malloc(CLASS_SIZE, GFP_KERNEL | __GFP_ZERO);
		KUNIT_EXPECT_PTR_NE(test, others[i], p);
		KUNIT_EXPECT_PTR_NE(test, others[i], first);
	}
	KUNIT_EXPECT_EQ(test, seen.runs, 0U);
	KUNIT_EXPECT_EQ(test, gomtest_live_objects(), before + ARRAY_SIZE(others) + 2);
	KUNIT_EXPECT_TRUE(test, gomtest_all_bytes(p, 0x5a, CLASS_SIZE));
	complete(&go_on);
	EXPECT_ONE_RUN(test, &seen, p);
	gom_free_bulk(ARRAY_SIZE(others), others);
}

static void *order[8];
static unsigned int nr_order;

static void order_note(void *p, void *arg)
{
	if (nr_order < ARRAY_SIZE(order))
		order[nr_order++] = p;
}

static void finalizers_run_in_order(struct kunit *test)
{
	DECLARE_COMPLETION_ONSTACK(go_on);
	void *first, *p[ARRAY_SIZE(order)];
	unsigned int i;

	nr_order = 0;
	first = gom_malloc(CLASS_SIZE, GFP_KERNEL);
	KUNIT_ASSERT_NOT_NULL(test, first);
	KUNIT_ASSERT_EQ(test, gom_set_finalizer(first, completion_wait, &go_on), 0);
	for (i = 0; i < ARRAY_SIZE(p); i++) {
		p[i] = gom_malloc(40, GFP_KERNEL);
		KUNIT_ASSERT_NOT_NULL(test, p[i]);
		KUNIT_ASSERT_EQ(test, gom_set_finalizer(p[i], order_note, NULL), 0);
	}
	gom_free(first);
	for (i = 0; i < ARRAY_SIZE(p); i++)
		gom_free(p[i]);
	complete(&go_on);
	finalizers_wait();
	KUNIT_EXPECT_EQ(test, nr_order, (unsigned int)ARRAY_SIZE(p));
	for (i = 0; i < nr_order; i++)
		KUNIT_EXPECT_PTR_EQ(test, order[i], p[i]);
}

/* A double free is reported, also before the finalizer has run. */
static void double_free_of_queued_object_is_reported(struct kunit *test)
{
	DECLARE_COMPLETION_ONSTACK(go_on);
	void *p = gom_malloc(CLASS_SIZE, GFP_KERNEL);
	unsigned long counted;

	gomtest_expect_misuse(test);
	KUNIT_ASSERT_NOT_NULL(test, p);
	KUNIT_ASSERT_EQ(test, gomtest_log_capture(), 0);
	gom_report_again();
	counted = gom_misuse_count(GOM_BAD_DOUBLE_FREE);
	KUNIT_ASSERT_EQ(test, gom_set_finalizer(p, completion_wait, &go_on), 0);
	gom_free(p);
	gom_free_sized(p, CLASS_SIZE);
	KUNIT_EXPECT_EQ(test, gom_misuse_count(GOM_BAD_DOUBLE_FREE) - counted, 1UL);
	KUNIT_EXPECT_TRUE(test, gomtest_log_contains("whose finalizer is queued"));
	gomtest_log_release();
	complete(&go_on);
	finalizers_wait();
}

/* Like gom_free() of a task that is preempted before it starts the worker. */
static bool free_without_worker(void *p)
{
	struct gom_special *sp;
	struct gom_place at;

	gom_pagemap_place(p, &at);
	sp = gom_special_remove(&at, GOM_SPECIAL_FINALIZER);
	if (!sp)
		return false;
	sp->kind = GOM_SPECIAL_QUEUED;
	if (!gom_special_add(&at, sp))
		return false;
	gom_finalizer_add(sp);
	return true;
}

/* The barrier does not depend on an incomplete free to start the worker. */
static void barrier_starts_the_worker(struct kunit *test)
{
	struct seen first, second;
	unsigned int i;
	void *p, *q;

	finalizers_wait();
	p = finalizer_attach(test, gom_malloc(72, GFP_KERNEL), &first);
	q = finalizer_attach(test, gom_malloc(72, GFP_KERNEL), &second);
	KUNIT_ASSERT_TRUE(test, free_without_worker(p));
	KUNIT_EXPECT_EQ(test, first.runs, 0U);
	gom_finalizer_barrier();
	KUNIT_EXPECT_EQ(test, first.runs, 1U);
	/* Nor does the next free. */
	first.runs = 0;
	p = finalizer_attach(test, gom_malloc(72, GFP_KERNEL), &first);
	KUNIT_ASSERT_TRUE(test, free_without_worker(p));
	gom_free(q);
	for (i = 0; i < 100 && !READ_ONCE(first.runs); i++)
		schedule_timeout_uninterruptible(1);
	KUNIT_EXPECT_EQ(test, first.runs, 1U);
	gom_finalizer_barrier();
	KUNIT_EXPECT_EQ(test, second.runs, 1U);
}

/* === Both barriers === */

#define STREAM	TIMES(3000U, 600U)

struct stream {
	struct completion done;
	unsigned int freed;	/* number of frees that have returned */
	atomic_t run;
	bool failed;
};

static void stream_count(void *p, void *arg)
{
	atomic_inc(&((struct stream *)arg)->run);
}

static int stream_main(void *arg)
{
	struct stream *st = arg;
	struct deferred_head {
		struct rcu_head rcu;
		char rest[40];
	} *p;
	unsigned int i;

	for (i = 0; i < STREAM; i++) {
		p = gom_malloc(sizeof(*p), GFP_KERNEL);
		if (!p || gom_set_finalizer(p, stream_count, st)) {
			gom_free(p);
			st->failed = true;
			break;
		}
		gom_free_rcu(p, rcu);
		/* Pairs with the load in barriers_wait_for_all_frees(). */
		smp_store_release(&st->freed, i + 1);
		cond_resched();
	}
	complete(&st->done);
	return 0;
}

/* After the barriers all earlier frees of another task are complete. */
static void barriers_wait_for_all_frees(struct kunit *test)
{
	struct stream st = { };
	struct task_struct *t;
	unsigned int freed, missed = 0;
	bool done;

	init_completion(&st.done);
	t = kthread_run(stream_main, &st, "gom_stream");
	KUNIT_ASSERT_FALSE(test, IS_ERR(t));
	do {
		done = try_wait_for_completion(&st.done);
		/* Pairs with stream_main(). */
		freed = smp_load_acquire(&st.freed);
		gom_free_rcu_barrier();
		gom_finalizer_barrier();
		missed += atomic_read(&st.run) < freed;
	} while (!done);
	KUNIT_EXPECT_FALSE(test, st.failed);
	KUNIT_EXPECT_EQ(test, missed, 0U);
	KUNIT_EXPECT_EQ(test, (unsigned int)atomic_read(&st.run), STREAM);
}

/* === Setting === */

static void second_finalizer_is_refused(struct kunit *test)
{
	struct seen seen, other = { };
	void *p = finalizer_attach(test, gom_malloc(64, GFP_KERNEL), &seen);

	KUNIT_EXPECT_EQ(test, gom_set_finalizer(p, seen_note, &other), -EEXIST);
	gom_free(p);
	EXPECT_ONE_RUN(test, &seen, p);
	KUNIT_EXPECT_EQ(test, other.runs, 0U);

	/* Clear it, and set another. */
	p = finalizer_attach(test, gom_malloc(64, GFP_KERNEL), &seen);
	KUNIT_EXPECT_EQ(test, gom_set_finalizer(p, NULL, NULL), 0);
	KUNIT_EXPECT_EQ(test, gom_set_finalizer(p, NULL, NULL), 0);
	KUNIT_EXPECT_EQ(test, gom_set_finalizer(p, seen_note, &other), 0);
	gom_free(p);
	EXPECT_ONE_RUN(test, &other, p);
	KUNIT_EXPECT_EQ(test, seen.runs, 0U);

	p = finalizer_attach(test, gom_malloc(64, GFP_KERNEL), &seen);
	KUNIT_EXPECT_EQ(test, gom_set_finalizer(p, NULL, NULL), 0);
	gom_free(p);
	finalizers_wait();
	KUNIT_EXPECT_EQ(test, seen.runs, 0U);
}

/* A finalizer that sets one on its own object again, and on a new object. */
struct again {
	struct seen own;
	struct seen new;
	bool failed;
};

static void again_set(void *p, void *arg)
{
	struct again *again = arg;
	void *q = gom_malloc(300, GFP_KERNEL);

	gom_free(gom_malloc(40000, GFP_KERNEL));
	if (gom_set_finalizer(p, seen_note, &again->own) ||
	    gom_set_finalizer(q, seen_note, &again->new))
		again->failed = true;
	gom_free(q);
}

static void finalizer_may_use_the_allocator(struct kunit *test)
{
	struct again again = { };
	void *p = gom_malloc(64, GFP_KERNEL);

	KUNIT_ASSERT_NOT_NULL(test, p);
	KUNIT_ASSERT_EQ(test, gom_set_finalizer(p, again_set, &again), 0);
	gom_free(p);
	finalizers_wait();
	KUNIT_EXPECT_FALSE(test, again.failed);
	KUNIT_EXPECT_EQ(test, again.own.runs, 1U);
	KUNIT_EXPECT_PTR_EQ(test, again.own.p, p);
	KUNIT_EXPECT_EQ(test, again.new.runs, 1U);
}

static void setting_without_memory_fails(struct kunit *test)
{
	struct seen seen = { }, ignored = { };
	unsigned int i, n;
	int err = 0;
	void *p;

	if (!gomtest_fail_after(0))
		kunit_skip(test, "this kernel has no fault injection");
	gomtest_fail_stop();
	p = gom_malloc(64, GFP_KERNEL);
	KUNIT_ASSERT_NOT_NULL(test, p);
	for (n = 0; n < MANY; n++) {
		many[n] = gom_malloc(64, GFP_KERNEL);
		KUNIT_ASSERT_NOT_NULL(test, many[n]);
	}
	/* First use up the free records. */
	gomtest_fail_after(0);
	for (i = 0; i < n && !err; i++)
		err = gom_set_finalizer(many[i], seen_note, &ignored);
	if (!err)
		err = gom_set_finalizer(p, seen_note, &seen);
	gomtest_fail_stop();
	KUNIT_EXPECT_EQ(test, err, -ENOMEM);
	KUNIT_EXPECT_EQ(test, gom_set_finalizer(p, seen_note, &seen), 0);
	gom_free_bulk(n, many);
	gom_free(p);
	EXPECT_ONE_RUN(test, &seen, p);
	KUNIT_EXPECT_EQ(test, ignored.runs, i - 1);
}

/* === Every way to allocate and to free === */

struct with_head {
	struct rcu_head rcu;
	char rest[100];
};

static void every_free_call_runs_the_finalizer(struct kunit *test)
{
	struct with_head *h;
	struct seen seen;
	void *p, *q;

	p = finalizer_attach(test, gom_malloc(96, GFP_KERNEL), &seen);
	gom_free(p);
	EXPECT_ONE_RUN(test, &seen, p);
	p = finalizer_attach(test, gom_malloc(96, GFP_KERNEL), &seen);
	gom_free_sized(p, 96);
	EXPECT_ONE_RUN(test, &seen, p);
	p = finalizer_attach(test, gom_malloc(96, GFP_KERNEL), &seen);
	gom_free_sensitive(p);
	EXPECT_ONE_RUN(test, &seen, p);
	p = finalizer_attach(test, gom_malloc(96, GFP_KERNEL), &seen);
	gom_free_bulk(1, &p);
	EXPECT_ONE_RUN(test, &seen, p);
	h = finalizer_attach(test, gom_malloc(sizeof(*h), GFP_KERNEL), &seen);
	gom_free_rcu(h, rcu);
	EXPECT_ONE_RUN(test, &seen, h);
	p = finalizer_attach(test, gom_malloc(96, GFP_KERNEL), &seen);
	q = gom_realloc(p, 5000, GFP_KERNEL);
	KUNIT_EXPECT_NOT_NULL(test, q);
	EXPECT_ONE_RUN(test, &seen, p);
	gom_free(q);
	p = gom_malloc_nolock(96, 0);
	if (p) {
		finalizer_attach(test, p, &seen);
		gom_free_nolock(p);
		/* It runs with the next tick, or in the barrier. */
		gom_finalizer_barrier();
		KUNIT_EXPECT_EQ(test, seen.runs, 1U);
	}
}

static void free_wakes_no_task(struct kunit *test)
{
	struct seen seen;
	void *p = finalizer_attach(test, gom_malloc(96, GFP_KERNEL), &seen);

	finalizers_wait();		/* so that this free is the first of its batch */
	free_with_scheduler_lock(test, p);
	finalizers_wait();
	EXPECT_ONE_RUN(test, &seen, p);
}

#define NEIGHBOURS	200U

/* In a span with specials, objects without a finalizer are freed at once. */
static void neighbours_are_freed_nolock(struct kunit *test)
{
	void **p = kunit_kcalloc(test, NEIGHBOURS, sizeof(*p), GFP_KERNEL);
	unsigned long counted = gom_misuse_count(GOM_BAD_POINTER), flags;
	u64 before = gomtest_live_objects();
	unsigned int i, marked = 0;
	struct gom_place at;

	KUNIT_ASSERT_NOT_NULL(test, p);
	for (i = 0; i < NEIGHBOURS; i++) {
		p[i] = gom_malloc(16, GFP_KERNEL);
		KUNIT_ASSERT_NOT_NULL(test, p[i]);
	}
	for (i = 0; i < NEIGHBOURS; i += 2) {	/* more than can be queued untouched */
		gom_pagemap_place(p[i], &at);
		gom_special_note_resized(&at);
	}
	for (i = 0; i < NEIGHBOURS; i++) {
		gom_pagemap_place(p[i], &at);
		marked += at.slot == GOM_SLOT_ASK;
	}
	KUNIT_EXPECT_GT(test, marked, 64U);
	local_irq_save(flags);
	for (i = 0; i < NEIGHBOURS; i++)
		gom_free_nolock(p[i]);
	local_irq_restore(flags);
	gom_nolock_drain();
	KUNIT_EXPECT_EQ(test, gom_misuse_count(GOM_BAD_POINTER), counted);
	KUNIT_EXPECT_EQ(test, gomtest_live_objects(), before);
}

static void seen_note_intact(void *p, void *arg)
{
	struct seen *seen = arg;

	seen->runs += gomtest_all_bytes(p, gomtest_pattern(p), 96);
}

/*
 * Objects that do not fit into the queue are not freed, but not touched either.
 */
static void nolock_frees_keep_the_contents(struct kunit *test)
{
	unsigned long counted = gom_misuse_count(GOM_BAD_POINTER);
	struct seen *seen = kunit_kcalloc(test, MANY, sizeof(*seen), GFP_KERNEL);
	unsigned int i, runs = 0;

	gomtest_expect_misuse(test);
	KUNIT_ASSERT_NOT_NULL(test, seen);
	for (i = 0; i < MANY; i++) {
		many[i] = gom_malloc(96, GFP_KERNEL);
		KUNIT_ASSERT_NOT_NULL(test, many[i]);
		memset(many[i], gomtest_pattern(many[i]), 96);
		KUNIT_ASSERT_EQ(test, gom_set_finalizer(many[i], seen_note_intact, &seen[i]), 0);
	}
	local_irq_disable();
	for (i = 0; i < MANY; i++)
		gom_free_nolock(many[i]);
	local_irq_enable();
	gom_nolock_drain();
	finalizers_wait();
	for (i = 0; i < MANY; i++)
		runs += seen[i].runs;
	KUNIT_EXPECT_GE(test, runs, 64U);
	KUNIT_EXPECT_EQ(test, gom_misuse_count(GOM_BAD_POINTER) - counted,
			(unsigned long)MANY - runs);
	for (i = 0; i < MANY; i++)
		if (!seen[i].runs)
			gom_free(many[i]);
	finalizers_wait();
	for (i = 0; i < MANY; i++)
		KUNIT_EXPECT_EQ(test, seen[i].runs, 1U);
}

#define HALF	33U		/* more than half of what one CPU can defer untouched */

/* Frees at a test point: deferred objects are about to be freed. */
static struct {
	unsigned int turn;	/* free at the n-th test point from now */
	bool in_irq_work;	/* free if an irq_work is at the test point, else not */
	bool freed;
	bool urgent;		/* the urgent irq_work was queued for these frees */
} amid;

static bool drain_callback_free(enum gom_test_point at, unsigned int arg, gfp_t gfp)
{
	unsigned long flags;
	unsigned int i;

	if (at == GOM_AT_DEFERRED_WAKE && arg && amid.freed)
		amid.urgent = true;
	if (at != GOM_AT_DEFERRED || amid.freed || amid.in_irq_work != !!in_hardirq() ||
	    amid.turn--)
		return false;
	amid.freed = true;
	local_irq_save(flags);
	for (i = 0; i < HALF; i++)
		gom_free_nolock(many[i]);
	local_irq_restore(flags);
	return false;
}

static void drain_objects_alloc(struct kunit *test, struct seen *seen)
{
	unsigned int i;

	gom_finalizer_barrier();
	for (i = 0; i < HALF; i++) {
		many[i] = gom_malloc(96, GFP_KERNEL);
		KUNIT_ASSERT_NOT_NULL(test, many[i]);
		KUNIT_ASSERT_EQ(test, gom_set_finalizer(many[i], seen_note, &seen[i]), 0);
	}
	memset(&amid, 0, sizeof(amid));
}

/*
 * A drain, which may run on another CPU, does not keep this CPU from queueing
 * the urgent irq_work.  Otherwise its array could overflow with interrupts on.
 */
static void drain_does_not_delay_the_irq_work(struct kunit *test)
{
	struct seen *seen = kunit_kcalloc(test, HALF, sizeof(*seen), GFP_KERNEL);

	KUNIT_ASSERT_NOT_NULL(test, seen);
	drain_objects_alloc(test, seen);
	migrate_disable();
	amid.turn = raw_smp_processor_id();	/* the drain visits the CPUs in order */
	WRITE_ONCE(gom_test_callback, drain_callback_free);
	gom_nolock_drain();
	WRITE_ONCE(gom_test_callback, NULL);
	migrate_enable();
	gom_finalizer_barrier();
	KUNIT_EXPECT_TRUE(test, amid.freed);
	KUNIT_EXPECT_TRUE(test, amid.urgent);
}

/* The irq_work itself does not queue the urgent one, which would never end. */
static void irq_work_does_not_queue_itself(struct kunit *test)
{
	struct seen *seen = kunit_kcalloc(test, HALF + 1, sizeof(*seen), GFP_KERNEL);
	void *p = gom_malloc(96, GFP_KERNEL);

	if (IS_ENABLED(CONFIG_PREEMPT_RT))
		kunit_skip(test, "a worker frees deferred objects under PREEMPT_RT");
	KUNIT_ASSERT_NOT_NULL(test, seen);
	KUNIT_ASSERT_NOT_NULL(test, p);
	KUNIT_ASSERT_EQ(test, gom_set_finalizer(p, seen_note, &seen[HALF]), 0);
	drain_objects_alloc(test, seen);
	amid.in_irq_work = true;
	WRITE_ONCE(gom_test_callback, drain_callback_free);
	gom_free_nolock(p);
	while (!READ_ONCE(amid.freed))
		cond_resched();
	gom_finalizer_barrier();
	WRITE_ONCE(gom_test_callback, NULL);
	KUNIT_EXPECT_FALSE(test, amid.urgent);
}

static void objects_of_every_size(struct kunit *test)
{
	struct seen seen;
	size_t size;
	void *p;

	for (size = 1; size < 500000; size = size * 3 / 2 + 1) {
		p = finalizer_attach(test, gom_malloc(size, GFP_KERNEL), &seen);
		gom_free(p);
		EXPECT_ONE_RUN(test, &seen, p);
		p = finalizer_attach(test, gom_malloc(size, GFP_KERNEL), &seen);
		gom_free_sized(p, size);
		EXPECT_ONE_RUN(test, &seen, p);
	}
}

static void objects_of_caches(struct kunit *test)
{
	struct gom_cache *cache = gom_cache_create("gom_finalizer", 120, 0, GOM_NO_MERGE, NULL);
	struct seen seen, bulk[3];
	void *p, *q[10];
	unsigned int i;

	KUNIT_ASSERT_NOT_NULL(test, cache);
	p = finalizer_attach(test, gom_cache_alloc(cache, GFP_KERNEL), &seen);
	gom_cache_free(cache, p);
	EXPECT_ONE_RUN(test, &seen, p);
	p = finalizer_attach(test, gom_cache_alloc(cache, GFP_KERNEL), &seen);
	gom_free(p);
	EXPECT_ONE_RUN(test, &seen, p);
	KUNIT_ASSERT_TRUE(test, gom_cache_alloc_bulk(cache, GFP_KERNEL, ARRAY_SIZE(q), q));
	for (i = 0; i < ARRAY_SIZE(bulk); i++)
		finalizer_attach(test, q[3 * i], &bulk[i]);
	gom_cache_free_bulk(cache, ARRAY_SIZE(q), q);
	for (i = 0; i < ARRAY_SIZE(bulk); i++)
		EXPECT_ONE_RUN(test, &bulk[i], q[3 * i]);
	/* Destroying the cache runs queued finalizers first. */
	p = finalizer_attach(test, gom_cache_alloc(cache, GFP_KERNEL), &seen);
	gom_cache_free(cache, p);
	gom_cache_destroy(cache);
	KUNIT_EXPECT_EQ(test, seen.runs, 1U);
}

struct in_irq {
	struct irq_work work;
	void *p;
};

static void free_in_irq(struct irq_work *work)
{
	gom_free(container_of(work, struct in_irq, work)->p);
}

static void free_in_hardirq(struct kunit *test)
{
	struct in_irq in = { };
	struct seen seen;

	in.p = finalizer_attach(test, gom_malloc(64, GFP_KERNEL), &seen);
	init_irq_work(&in.work, free_in_irq);
	irq_work_queue(&in.work);
	irq_work_sync(&in.work);
	EXPECT_ONE_RUN(test, &seen, in.p);
}

/* === Neighbours === */

/* All pages of a span are marked while it has a special. */
static void neighbours_are_freed_at_once(struct kunit *test)
{
	void **p = many, *fin[MANY / 15];
	struct seen seen[MANY / 15];
	unsigned int i, n = 0, slot;

	for (i = 0; i < MANY; i++) {
		p[i] = gom_malloc(80, GFP_KERNEL);
		KUNIT_ASSERT_NOT_NULL(test, p[i]);
		memset(p[i], gomtest_pattern(p[i]), 80);
	}
	slot = gom_entry_slot(gom_pagemap_entry(p[0]));
	for (i = 0; i < MANY; i += 15)
		fin[n] = finalizer_attach(test, p[i], &seen[n]), n++;
	KUNIT_EXPECT_EQ(test, gom_entry_slot(gom_pagemap_entry(p[0])), (unsigned int)GOM_SLOT_ASK);
	KUNIT_EXPECT_EQ(test, gom_size(p[1]), (size_t)80);
	for (i = 0; i < MANY; i++) {
		KUNIT_EXPECT_TRUE(test, gomtest_all_bytes(p[i], gomtest_pattern(p[i]), 80));
		if (i % 15)
			gom_free(p[i]);
	}
	finalizers_wait();
	for (i = 0; i < n; i++)
		KUNIT_EXPECT_EQ(test, seen[i].runs, 0U);
	gom_free(p[0]);
	finalizers_wait();
	gom_free_bulk(n - 1, fin + 1);
	for (i = 0; i < n; i++)
		EXPECT_ONE_RUN(test, &seen[i], fin[i]);
	p[0] = gom_malloc(80, GFP_KERNEL);
	KUNIT_EXPECT_EQ(test, gom_entry_slot(gom_pagemap_entry(p[0])), slot);
	KUNIT_EXPECT_FALSE(test, gom_special_maybe(p[0]));
	gom_free(p[0]);
}

#define SHOWN	40U

/* debugfs finalizers has a line for each, also if one span has many. */
static void every_finalizer_is_shown(struct kunit *test)
{
	struct seq_file m = { .size = 32 * PAGE_SIZE };
	struct seen *seen = kunit_kcalloc(test, SHOWN, sizeof(*seen), GFP_KERNEL);
	unsigned int i, lines = 0;
	size_t at;

	m.buf = kunit_kzalloc(test, m.size, GFP_KERNEL);
	KUNIT_ASSERT_NOT_NULL(test, m.buf);
	KUNIT_ASSERT_NOT_NULL(test, seen);
	for (i = 0; i < SHOWN; i++)
		many[i] = finalizer_attach(test, gom_malloc(64, GFP_KERNEL), &seen[i]);
	gom_finalizer_show(&m);
	for (at = 0; at < m.count; at++)
		lines += m.buf[at] == '\n';
	KUNIT_EXPECT_EQ(test, lines, 1 + SHOWN);
	gom_free_bulk(SHOWN, many);
}

static void sbrk_mode_runs_no_finalizer(struct kunit *test)
{
	struct seen seen;
	void *p;

	gomtest_needs_sbrk(test);
	p = finalizer_attach(test, gom_malloc(64, GFP_KERNEL), &seen);
	gom_free(p);
	finalizers_wait();
	KUNIT_EXPECT_EQ(test, seen.runs, 0U);
	KUNIT_EXPECT_EQ(test, gom_set_finalizer(p, NULL, NULL), 0);
}

static int finalizer_begin(struct kunit *test)
{
	return gomtest_begin(test);
}

static void finalizer_end(struct kunit *test)
{
	finalizers_wait();
	gomtest_end(test);
}

static struct kunit_case cases[] = {
	HEAP_CASE(tiny_objects_have_their_own_finalizers),
	HEAP_CASE(finalizer_runs_after_the_free),
	HEAP_CASE(memory_is_not_reused_before_the_finalizer),
	HEAP_CASE(finalizers_run_in_order),
	HEAP_CASE(double_free_of_queued_object_is_reported),
	HEAP_CASE(barrier_starts_the_worker),
	HEAP_CASE(second_finalizer_is_refused),
	HEAP_CASE(finalizer_may_use_the_allocator),
	/* Before tests that leave more free records than it has objects. */
	HEAP_CASE(setting_without_memory_fails),
	HEAP_CASE(barriers_wait_for_all_frees),
	HEAP_CASE(every_free_call_runs_the_finalizer),
	HEAP_CASE(nolock_frees_keep_the_contents),
	HEAP_CASE(drain_does_not_delay_the_irq_work),
	HEAP_CASE(irq_work_does_not_queue_itself),
	HEAP_CASE(free_wakes_no_task),
	HEAP_CASE(neighbours_are_freed_nolock),
	HEAP_CASE(objects_of_every_size),
	HEAP_CASE(objects_of_caches),
	HEAP_CASE(free_in_hardirq),
	HEAP_CASE(neighbours_are_freed_at_once),
	HEAP_CASE(every_finalizer_is_shown),
	SBRK_CASE(sbrk_mode_runs_no_finalizer),
	{}
};

struct kunit_suite gomalloc_finalizer_suite = {
	.name = "gomalloc_finalizer",
	.init = finalizer_begin,
	.exit = finalizer_end,
	.test_cases = cases,
};
