// SPDX-License-Identifier: GPL-2.0
/*
 * Finalizers: one run for each object, after its free and before its memory is used
 * again, however it was allocated and freed.
 */
#include <linux/completion.h>
#include <linux/irq_work.h>
#include <linux/kthread.h>
#include <linux/mm.h>
#include <linux/rcupdate.h>

#include "api/finalizer.h"
#include "api/internal.h"
#include "api/nolock.h"
#include "base/compat.h"
#include "base/fault.h"
#include "base/report.h"
#include "console.h"
#include "gomalloc.h"
#include "percpu/mcache.h"
#include "sched_lock.h"
#include "special/special.h"
#include "suites.h"

#define MANY	300U

static void *many[MANY];

/* What a finalizer saw. */
struct seen {
	unsigned int runs;
	void *p;
	bool in_task;
};

static void note(void *p, void *arg)
{
	struct seen *seen = arg;

	seen->runs++;
	seen->p = p;
	seen->in_task = in_task() && !irqs_disabled() && !(IS_ENABLED(CONFIG_PREEMPT_COUNT) &&
							 preempt_count());
}

/* Wait for all finalizers, those of finalizers included. */
static void settle(void)
{
	struct gom_finalizer_stats stats;

	do {
		gom_free_rcu_barrier();
		gom_finalizer_barrier();
		gom_finalizer_read(&stats);
	} while (stats.queued);
}

static void *with_finalizer(struct kunit *test, void *p, struct seen *seen)
{
	KUNIT_ASSERT_NOT_NULL(test, p);
	*seen = (struct seen) { };
	KUNIT_ASSERT_EQ(test, gom_set_finalizer(p, note, seen), 0);
	return p;
}

#define EXPECT_ONE_RUN(test, seen, object)				\
do {									\
	settle();							\
	KUNIT_EXPECT_EQ(test, (seen)->runs, 1U);			\
	KUNIT_EXPECT_PTR_EQ(test, (seen)->p, (void *)(object));		\
	KUNIT_EXPECT_TRUE(test, (seen)->in_task);			\
} while (0)

/* === The test that came with the tiny allocator (Go, 2014: tinyfin) === */

#define TINY	100U

static unsigned int values[TINY];

static void check_value(void *p, void *arg)
{
	u32 i = *(u32 *)p;

	if (i < TINY && (unsigned long)arg == i)
		values[i]++;
}

static void a_tiny_object_is_seen_by_its_own_finalizer(struct kunit *test)
{
	u32 *p[TINY];
	unsigned int i;

	memset(values, 0, sizeof(values));
	for (i = 0; i < TINY; i++) {
		p[i] = gom_malloc_noscan(sizeof(*p[i]), GFP_KERNEL);
		KUNIT_ASSERT_NOT_NULL(test, p[i]);
		*p[i] = i;
		KUNIT_ASSERT_EQ(test, gom_set_finalizer(p[i], check_value, (void *)(unsigned long)i),
				0);
	}
	KUNIT_EXPECT_EQ(test, (unsigned long)p[1] / GOM_TINY_BLOCK,
			(unsigned long)p[2] / GOM_TINY_BLOCK + (p[1] > p[2]));
	for (i = 0; i < TINY; i += 2)
		gom_free(p[i]);
	for (i = 1; i < TINY; i += 2)
		gom_free(p[TINY - i]);
	settle();
	for (i = 0; i < TINY; i++)
		KUNIT_EXPECT_EQ_MSG(test, values[i], 1U, "the finalizer of object %u", i);
}

/* === When === */

static void not_before_the_object_is_freed(struct kunit *test)
{
	struct gom_finalizer_stats before, after;
	struct seen seen;
	void *p;

	gom_finalizer_read(&before);
	p = with_finalizer(test, gom_malloc(100, GFP_KERNEL), &seen);
	settle();
	KUNIT_EXPECT_EQ(test, seen.runs, 0U);
	gom_finalizer_read(&after);
	KUNIT_EXPECT_EQ(test, after.set - before.set, 1UL);
	gom_free(p);
	EXPECT_ONE_RUN(test, &seen, p);
	gom_finalizer_read(&after);
	KUNIT_EXPECT_EQ(test, after.set, before.set);
	KUNIT_EXPECT_EQ(test, after.run - before.run, 1UL);
}

static void wait_for(void *p, void *arg)
{
	wait_for_completion(arg);
}

#define CLASS_SIZE	2048U

/* The worker is held up; meanwhile the object's memory is nobody else's. */
static void memory_is_not_used_before_the_finalizer_ran(struct kunit *test)
{
	DECLARE_COMPLETION_ONSTACK(go_on);
	void *first, *p, *others[64];
	u64 before = live_objects();
	struct seen seen;
	unsigned int i;

	first = gom_malloc(CLASS_SIZE, GFP_KERNEL);
	KUNIT_ASSERT_NOT_NULL(test, first);
	KUNIT_ASSERT_EQ(test, gom_set_finalizer(first, wait_for, &go_on), 0);
	p = with_finalizer(test, gom_malloc(CLASS_SIZE, GFP_KERNEL), &seen);
	memset(p, 0x5a, CLASS_SIZE);
	gom_free(first);
	gom_free(p);
	for (i = 0; i < ARRAY_SIZE(others); i++) {
		others[i] = gom_malloc(CLASS_SIZE, GFP_KERNEL | __GFP_ZERO);
		KUNIT_EXPECT_PTR_NE(test, others[i], p);
		KUNIT_EXPECT_PTR_NE(test, others[i], first);
	}
	KUNIT_EXPECT_EQ(test, seen.runs, 0U);
	KUNIT_EXPECT_EQ(test, live_objects(), before + ARRAY_SIZE(others) + 2);
	KUNIT_EXPECT_TRUE(test, all_bytes(p, 0x5a, CLASS_SIZE));
	complete(&go_on);
	EXPECT_ONE_RUN(test, &seen, p);
	gom_free_bulk(ARRAY_SIZE(others), others);
}

static void *order[8];
static unsigned int nr_order;

static void note_order(void *p, void *arg)
{
	if (nr_order < ARRAY_SIZE(order))
		order[nr_order++] = p;
}

static void in_the_order_of_the_frees(struct kunit *test)
{
	DECLARE_COMPLETION_ONSTACK(go_on);
	void *first, *p[ARRAY_SIZE(order)];
	unsigned int i;

	nr_order = 0;
	first = gom_malloc(CLASS_SIZE, GFP_KERNEL);
	KUNIT_ASSERT_NOT_NULL(test, first);
	KUNIT_ASSERT_EQ(test, gom_set_finalizer(first, wait_for, &go_on), 0);
	for (i = 0; i < ARRAY_SIZE(p); i++) {
		p[i] = gom_malloc(40, GFP_KERNEL);
		KUNIT_ASSERT_NOT_NULL(test, p[i]);
		KUNIT_ASSERT_EQ(test, gom_set_finalizer(p[i], note_order, NULL), 0);
	}
	gom_free(first);
	for (i = 0; i < ARRAY_SIZE(p); i++)
		gom_free(p[i]);
	complete(&go_on);
	settle();
	KUNIT_EXPECT_EQ(test, nr_order, (unsigned int)ARRAY_SIZE(p));
	for (i = 0; i < nr_order; i++)
		KUNIT_EXPECT_PTR_EQ(test, order[i], p[i]);
}

/* Of two frees the second comes too late, also while the finalizer has not run yet. */
static void a_double_free_meanwhile_is_seen(struct kunit *test)
{
	DECLARE_COMPLETION_ONSTACK(go_on);
	void *p = gom_malloc(CLASS_SIZE, GFP_KERNEL);
	unsigned long counted;

	may_misuse(test);
	KUNIT_ASSERT_NOT_NULL(test, p);
	KUNIT_ASSERT_EQ(test, console_listen(), 0);
	gom_report_forget();
	counted = gom_misuse_count(GOM_BAD_DOUBLE_FREE);
	KUNIT_ASSERT_EQ(test, gom_set_finalizer(p, wait_for, &go_on), 0);
	gom_free(p);
	gom_free_sized(p, CLASS_SIZE);
	KUNIT_EXPECT_EQ(test, gom_misuse_count(GOM_BAD_DOUBLE_FREE) - counted, 1UL);
	KUNIT_EXPECT_TRUE(test, console_said("whose finalizer is queued"));
	console_unlisten();
	complete(&go_on);
	settle();
}

/* As gom_free(), whose task is preempted before it calls the worker. */
static bool free_half(void *p)
{
	struct gom_special *sp;
	struct gom_place at;

	gom_pagemap_place(p, &at);
	sp = gom_special_remove(&at, GOM_SPECIAL_FINALIZER);
	if (!sp)
		return false;
	sp->kind = GOM_SPECIAL_QUEUED;
	return gom_special_add(&at, sp) && gom_finalizer_add(sp);
}

/* A free that is done is waited for, though one before it that is not is to call the worker. */
static void the_barrier_needs_nobody(struct kunit *test)
{
	struct seen first, second;
	void *p, *q;

	settle();
	p = with_finalizer(test, gom_malloc(72, GFP_KERNEL), &first);
	q = with_finalizer(test, gom_malloc(72, GFP_KERNEL), &second);
	KUNIT_ASSERT_TRUE(test, free_half(p));
	gom_free(q);
	KUNIT_EXPECT_EQ(test, second.runs, 0U);
	gom_finalizer_barrier();
	KUNIT_EXPECT_EQ(test, first.runs, 1U);
	KUNIT_EXPECT_EQ(test, second.runs, 1U);
}

/* === Both barriers === */

#define STREAM	TIMES(3000U, 600U)

struct stream {
	struct completion done;
	unsigned int freed;	/* calls that have returned */
	atomic_t run;
	bool failed;
};

static void count_run(void *p, void *arg)
{
	atomic_inc(&((struct stream *)arg)->run);
}

static int free_stream(void *arg)
{
	struct stream *st = arg;
	struct deferred_head {
		struct rcu_head rcu;
		char rest[40];
	} *p;
	unsigned int i;

	for (i = 0; i < STREAM; i++) {
		p = gom_malloc(sizeof(*p), GFP_KERNEL);
		if (!p || gom_set_finalizer(p, count_run, st)) {
			gom_free(p);
			st->failed = true;
			break;
		}
		gom_free_rcu(p, rcu);
		smp_store_release(&st->freed, i + 1);	/* pairs with the reader's below */
		cond_resched();
	}
	complete(&st->done);
	return 0;
}

/* Whatever another task is doing, what it has freed so far is gone after the barriers. */
static void barriers_wait_for_all_that_was_freed(struct kunit *test)
{
	struct stream st = { };
	struct task_struct *t;
	unsigned int freed, missed = 0;
	bool done;

	init_completion(&st.done);
	t = kthread_run(free_stream, &st, "gom_stream");
	KUNIT_ASSERT_FALSE(test, IS_ERR(t));
	do {
		done = try_wait_for_completion(&st.done);
		freed = smp_load_acquire(&st.freed);	/* pairs with free_stream() */
		gom_free_rcu_barrier();
		gom_finalizer_barrier();
		missed += atomic_read(&st.run) < freed;
	} while (!done);
	KUNIT_EXPECT_FALSE(test, st.failed);
	KUNIT_EXPECT_EQ(test, missed, 0U);
	KUNIT_EXPECT_EQ(test, (unsigned int)atomic_read(&st.run), STREAM);
}

/* === Setting === */

static void one_at_a_time(struct kunit *test)
{
	struct seen seen, other = { };
	void *p = with_finalizer(test, gom_malloc(64, GFP_KERNEL), &seen);

	KUNIT_EXPECT_EQ(test, gom_set_finalizer(p, note, &other), -EEXIST);
	gom_free(p);
	EXPECT_ONE_RUN(test, &seen, p);
	KUNIT_EXPECT_EQ(test, other.runs, 0U);

	/* Cleared, and set again. */
	p = with_finalizer(test, gom_malloc(64, GFP_KERNEL), &seen);
	KUNIT_EXPECT_EQ(test, gom_set_finalizer(p, NULL, NULL), 0);
	KUNIT_EXPECT_EQ(test, gom_set_finalizer(p, NULL, NULL), 0);
	KUNIT_EXPECT_EQ(test, gom_set_finalizer(p, note, &other), 0);
	gom_free(p);
	EXPECT_ONE_RUN(test, &other, p);
	KUNIT_EXPECT_EQ(test, seen.runs, 0U);

	p = with_finalizer(test, gom_malloc(64, GFP_KERNEL), &seen);
	KUNIT_EXPECT_EQ(test, gom_set_finalizer(p, NULL, NULL), 0);
	gom_free(p);
	settle();
	KUNIT_EXPECT_EQ(test, seen.runs, 0U);
}

/* It allocates, frees, and has its own object finalized once more, and a new one. */
struct again {
	struct seen own;
	struct seen new;
	bool failed;
};

static void set_others(void *p, void *arg)
{
	struct again *again = arg;
	void *q = gom_malloc(300, GFP_KERNEL);

	gom_free(gom_malloc(40000, GFP_KERNEL));
	if (gom_set_finalizer(p, note, &again->own) ||
	    gom_set_finalizer(q, note, &again->new))
		again->failed = true;
	gom_free(q);
}

static void a_finalizer_may_do_anything(struct kunit *test)
{
	struct again again = { };
	void *p = gom_malloc(64, GFP_KERNEL);

	KUNIT_ASSERT_NOT_NULL(test, p);
	KUNIT_ASSERT_EQ(test, gom_set_finalizer(p, set_others, &again), 0);
	gom_free(p);
	settle();
	KUNIT_EXPECT_FALSE(test, again.failed);
	KUNIT_EXPECT_EQ(test, again.own.runs, 1U);
	KUNIT_EXPECT_PTR_EQ(test, again.own.p, p);
	KUNIT_EXPECT_EQ(test, again.new.runs, 1U);
}

static void no_memory_to_set_one(struct kunit *test)
{
	struct seen seen = { }, ignored = { };
	unsigned int i, n;
	int err = 0;
	void *p;

	if (!fail_after(0))
		kunit_skip(test, "this kernel has no fault injection");
	fail_no_more();
	p = gom_malloc(64, GFP_KERNEL);
	KUNIT_ASSERT_NOT_NULL(test, p);
	for (n = 0; n < MANY; n++) {
		many[n] = gom_malloc(64, GFP_KERNEL);
		KUNIT_ASSERT_NOT_NULL(test, many[n]);
	}
	/* Records that there are already go first. */
	fail_after(0);
	for (i = 0; i < n && !err; i++)
		err = gom_set_finalizer(many[i], note, &ignored);
	if (!err)
		err = gom_set_finalizer(p, note, &seen);
	fail_no_more();
	KUNIT_EXPECT_EQ(test, err, -ENOMEM);
	KUNIT_EXPECT_EQ(test, gom_set_finalizer(p, note, &seen), 0);
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

static void every_way_to_free(struct kunit *test)
{
	struct with_head *h;
	struct seen seen;
	void *p, *q;

	p = with_finalizer(test, gom_malloc(96, GFP_KERNEL), &seen);
	gom_free(p);
	EXPECT_ONE_RUN(test, &seen, p);
	p = with_finalizer(test, gom_malloc(96, GFP_KERNEL), &seen);
	gom_free_sized(p, 96);
	EXPECT_ONE_RUN(test, &seen, p);
	p = with_finalizer(test, gom_malloc(96, GFP_KERNEL), &seen);
	gom_free_sensitive(p);
	EXPECT_ONE_RUN(test, &seen, p);
	p = with_finalizer(test, gom_malloc(96, GFP_KERNEL), &seen);
	gom_free_bulk(1, &p);
	EXPECT_ONE_RUN(test, &seen, p);
	h = with_finalizer(test, gom_malloc(sizeof(*h), GFP_KERNEL), &seen);
	gom_free_rcu(h, rcu);
	EXPECT_ONE_RUN(test, &seen, h);
	p = with_finalizer(test, gom_malloc(96, GFP_KERNEL), &seen);
	q = gom_realloc(p, 5000, GFP_KERNEL);
	KUNIT_EXPECT_NOT_NULL(test, q);
	EXPECT_ONE_RUN(test, &seen, p);
	gom_free(q);
	p = gom_malloc_nolock(96, 0);
	if (p) {
		with_finalizer(test, p, &seen);
		gom_free_nolock(p);
		/* With the next tick, or when somebody waits. */
		gom_finalizer_barrier();
		KUNIT_EXPECT_EQ(test, seen.runs, 1U);
	}
}

static void a_free_wakes_no_task(struct kunit *test)
{
	struct seen seen;
	void *p = with_finalizer(test, gom_malloc(96, GFP_KERNEL), &seen);

	settle();			/* so that this free is the first of its batch */
	free_with_scheduler_lock(test, p);
	settle();
	EXPECT_ONE_RUN(test, &seen, p);
}

#define NEIGHBOURS	200U

/* Of a span with a special, here of a sample, those that have no finalizer are freed at once. */
static void neighbours_are_freed_without_waiting(struct kunit *test)
{
	void **p = kunit_kcalloc(test, NEIGHBOURS, sizeof(*p), GFP_KERNEL);
	unsigned long counted = gom_misuse_count(GOM_BAD_POINTER), flags;
	u64 before = live_objects();
	unsigned int i, marked = 0;
	struct gom_place at;

	KUNIT_ASSERT_NOT_NULL(test, p);
	for (i = 0; i < NEIGHBOURS; i++) {
		p[i] = gom_malloc(16, GFP_KERNEL);
		KUNIT_ASSERT_NOT_NULL(test, p[i]);
	}
	for (i = 0; i < NEIGHBOURS; i += 2) {	/* more than may be set aside untouched */
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
	KUNIT_EXPECT_EQ(test, live_objects(), before);
}

static void note_intact(void *p, void *arg)
{
	struct seen *seen = arg;

	seen->runs += all_bytes(p, pattern_of(p), 96);
}

/* Also those that are more than can be put aside are not touched, but are not freed. */
static void freed_without_waiting_they_stay_intact(struct kunit *test)
{
	unsigned long counted = gom_misuse_count(GOM_BAD_POINTER);
	struct seen *seen = kunit_kcalloc(test, MANY, sizeof(*seen), GFP_KERNEL);
	unsigned int i, runs = 0;

	may_misuse(test);
	KUNIT_ASSERT_NOT_NULL(test, seen);
	for (i = 0; i < MANY; i++) {
		many[i] = gom_malloc(96, GFP_KERNEL);
		KUNIT_ASSERT_NOT_NULL(test, many[i]);
		memset(many[i], pattern_of(many[i]), 96);
		KUNIT_ASSERT_EQ(test, gom_set_finalizer(many[i], note_intact, &seen[i]), 0);
	}
	local_irq_disable();
	for (i = 0; i < MANY; i++)
		gom_free_nolock(many[i]);
	local_irq_enable();
	gom_nolock_drain();
	settle();
	for (i = 0; i < MANY; i++)
		runs += seen[i].runs;
	KUNIT_EXPECT_GE(test, runs, 64U);
	KUNIT_EXPECT_EQ(test, gom_misuse_count(GOM_BAD_POINTER) - counted, (unsigned long)MANY - runs);
	for (i = 0; i < MANY; i++)
		if (!seen[i].runs)
			gom_free(many[i]);
	settle();
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

static bool free_amid(enum gom_test_point at, unsigned int order, gfp_t gfp)
{
	unsigned long flags;
	unsigned int i;

	if (at == GOM_AT_DEFERRED_WAKE && order && amid.freed)
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

static void allocate_for_amid(struct kunit *test, struct seen *seen)
{
	unsigned int i;

	gom_finalizer_barrier();
	for (i = 0; i < HALF; i++) {
		many[i] = gom_malloc(96, GFP_KERNEL);
		KUNIT_ASSERT_NOT_NULL(test, many[i]);
		KUNIT_ASSERT_EQ(test, gom_set_finalizer(many[i], note, &seen[i]), 0);
	}
	memset(&amid, 0, sizeof(amid));
}

/*
 * A drain, which may run on another CPU, does not keep this CPU from queueing the
 * urgent irq_work.  Otherwise its array could overflow with interrupts on.
 */
static void a_drain_does_not_delay_the_irq_work(struct kunit *test)
{
	struct seen *seen = kunit_kcalloc(test, HALF, sizeof(*seen), GFP_KERNEL);

	KUNIT_ASSERT_NOT_NULL(test, seen);
	allocate_for_amid(test, seen);
	migrate_disable();
	amid.turn = raw_smp_processor_id();	/* the drain visits the CPUs in order */
	WRITE_ONCE(gom_test_hook, free_amid);
	gom_nolock_drain();
	WRITE_ONCE(gom_test_hook, NULL);
	migrate_enable();
	gom_finalizer_barrier();
	KUNIT_EXPECT_TRUE(test, amid.freed);
	KUNIT_EXPECT_TRUE(test, amid.urgent);
}

/* The irq_work itself does not queue the urgent one, which would never end. */
static void the_irq_work_does_not_queue_itself(struct kunit *test)
{
	struct seen *seen = kunit_kcalloc(test, HALF + 1, sizeof(*seen), GFP_KERNEL);
	void *p = gom_malloc(96, GFP_KERNEL);

	if (IS_ENABLED(CONFIG_PREEMPT_RT))
		kunit_skip(test, "a worker frees deferred objects under PREEMPT_RT");
	KUNIT_ASSERT_NOT_NULL(test, seen);
	KUNIT_ASSERT_NOT_NULL(test, p);
	KUNIT_ASSERT_EQ(test, gom_set_finalizer(p, note, &seen[HALF]), 0);
	allocate_for_amid(test, seen);
	amid.in_irq_work = true;
	WRITE_ONCE(gom_test_hook, free_amid);
	gom_free_nolock(p);
	while (!READ_ONCE(amid.freed))
		cond_resched();
	gom_finalizer_barrier();
	WRITE_ONCE(gom_test_hook, NULL);
	KUNIT_EXPECT_FALSE(test, amid.urgent);
}

static void every_size(struct kunit *test)
{
	struct seen seen;
	size_t size;
	void *p;

	for (size = 1; size < 500000; size = size * 3 / 2 + 1) {
		p = with_finalizer(test, gom_malloc(size, GFP_KERNEL), &seen);
		gom_free(p);
		EXPECT_ONE_RUN(test, &seen, p);
		p = with_finalizer(test, gom_malloc(size, GFP_KERNEL), &seen);
		gom_free_sized(p, size);
		EXPECT_ONE_RUN(test, &seen, p);
	}
}

static void objects_of_a_cache(struct kunit *test)
{
	struct gom_cache *cache = gom_cache_create("gom_finalizer", 120, 0, GOM_NO_MERGE, NULL);
	struct seen seen, bulk[3];
	void *p, *q[10];
	unsigned int i;

	KUNIT_ASSERT_NOT_NULL(test, cache);
	p = with_finalizer(test, gom_cache_alloc(cache, GFP_KERNEL), &seen);
	gom_cache_free(cache, p);
	EXPECT_ONE_RUN(test, &seen, p);
	p = with_finalizer(test, gom_cache_alloc(cache, GFP_KERNEL), &seen);
	gom_free(p);
	EXPECT_ONE_RUN(test, &seen, p);
	KUNIT_ASSERT_TRUE(test, gom_cache_alloc_bulk(cache, GFP_KERNEL, ARRAY_SIZE(q), q));
	for (i = 0; i < ARRAY_SIZE(bulk); i++)
		with_finalizer(test, q[3 * i], &bulk[i]);
	gom_cache_free_bulk(cache, ARRAY_SIZE(q), q);
	for (i = 0; i < ARRAY_SIZE(bulk); i++)
		EXPECT_ONE_RUN(test, &bulk[i], q[3 * i]);
	/* One that is queued when the cache goes is run before. */
	p = with_finalizer(test, gom_cache_alloc(cache, GFP_KERNEL), &seen);
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

static void freed_in_a_hardirq(struct kunit *test)
{
	struct in_irq in = { };
	struct seen seen;

	in.p = with_finalizer(test, gom_malloc(64, GFP_KERNEL), &seen);
	init_irq_work(&in.work, free_in_irq);
	irq_work_queue(&in.work);
	irq_work_sync(&in.work);
	EXPECT_ONE_RUN(test, &seen, in.p);
}

/* === Neighbours === */

/* A span with a special is marked, in all its pages, and only as long as it has one. */
static void neighbours_are_freed_as_ever(struct kunit *test)
{
	void **p = many, *fin[MANY / 15];
	struct seen seen[MANY / 15];
	unsigned int i, n = 0, slot;

	for (i = 0; i < MANY; i++) {
		p[i] = gom_malloc(80, GFP_KERNEL);
		KUNIT_ASSERT_NOT_NULL(test, p[i]);
		memset(p[i], pattern_of(p[i]), 80);
	}
	slot = gom_entry_slot(gom_pagemap_entry(p[0]));
	for (i = 0; i < MANY; i += 15)
		fin[n] = with_finalizer(test, p[i], &seen[n]), n++;
	KUNIT_EXPECT_EQ(test, gom_entry_slot(gom_pagemap_entry(p[0])), (unsigned int)GOM_SLOT_ASK);
	KUNIT_EXPECT_EQ(test, gom_size(p[1]), (size_t)80);
	for (i = 0; i < MANY; i++) {
		KUNIT_EXPECT_TRUE(test, all_bytes(p[i], pattern_of(p[i]), 80));
		if (i % 15)
			gom_free(p[i]);
	}
	settle();
	for (i = 0; i < n; i++)
		KUNIT_EXPECT_EQ(test, seen[i].runs, 0U);
	gom_free(p[0]);
	settle();
	gom_free_bulk(n - 1, fin + 1);
	for (i = 0; i < n; i++)
		EXPECT_ONE_RUN(test, &seen[i], fin[i]);
	p[0] = gom_malloc(80, GFP_KERNEL);
	KUNIT_EXPECT_EQ(test, gom_entry_slot(gom_pagemap_entry(p[0])), slot);
	KUNIT_EXPECT_FALSE(test, gom_special_maybe(p[0]));
	gom_free(p[0]);
}

static void none_runs_where_nothing_is_freed(struct kunit *test)
{
	struct seen seen;
	void *p;

	needs_sbrk(test);
	p = with_finalizer(test, gom_malloc(64, GFP_KERNEL), &seen);
	gom_free(p);
	settle();
	KUNIT_EXPECT_EQ(test, seen.runs, 0U);
	KUNIT_EXPECT_EQ(test, gom_set_finalizer(p, NULL, NULL), 0);
}

static int finalizer_begin(struct kunit *test)
{
	return live_begin(test);
}

static void finalizer_end(struct kunit *test)
{
	settle();
	live_end(test);
}

static struct kunit_case cases[] = {
	HEAP_CASE(a_tiny_object_is_seen_by_its_own_finalizer),
	HEAP_CASE(not_before_the_object_is_freed),
	HEAP_CASE(memory_is_not_used_before_the_finalizer_ran),
	HEAP_CASE(in_the_order_of_the_frees),
	HEAP_CASE(a_double_free_meanwhile_is_seen),
	HEAP_CASE(the_barrier_needs_nobody),
	HEAP_CASE(one_at_a_time),
	HEAP_CASE(a_finalizer_may_do_anything),
	/* Before those that leave more records behind than it has objects. */
	HEAP_CASE(no_memory_to_set_one),
	HEAP_CASE(barriers_wait_for_all_that_was_freed),
	HEAP_CASE(every_way_to_free),
	HEAP_CASE(freed_without_waiting_they_stay_intact),
	HEAP_CASE(a_drain_does_not_delay_the_irq_work),
	HEAP_CASE(the_irq_work_does_not_queue_itself),
	HEAP_CASE(a_free_wakes_no_task),
	HEAP_CASE(neighbours_are_freed_without_waiting),
	HEAP_CASE(every_size),
	HEAP_CASE(objects_of_a_cache),
	HEAP_CASE(freed_in_a_hardirq),
	HEAP_CASE(neighbours_are_freed_as_ever),
	SBRK_CASE(none_runs_where_nothing_is_freed),
	{}
};

struct kunit_suite gomalloc_finalizer_suite = {
	.name = "gomalloc_finalizer",
	.init = finalizer_begin,
	.exit = finalizer_end,
	.test_cases = cases,
};
