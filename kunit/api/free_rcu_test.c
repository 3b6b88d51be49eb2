// SPDX-License-Identifier: GPL-2.0
/*
 * Frees after a grace period: objects wait for it, with and without memory for
 * batches, and in every context where call_rcu() is allowed.
 */
#include <linux/completion.h>
#include <linux/delay.h>
#include <linux/hrtimer.h>
#include <linux/kthread.h>
#include <linux/mm.h>
#include <linux/rcupdate.h>

#include "api/free_rcu.h"
#include "base/compat.h"
#include "base/fault.h"
#include "gomalloc.h"
#include "percpu/mcache.h"
#include "suites.h"

struct headed {
	struct rcu_head rcu;
	u32 value;
};

#define MANY	500U

static void many_wait_for_a_grace_period_together(struct kunit *test)
{
	struct headed **p = kunit_kcalloc(test, MANY, sizeof(*p), GFP_KERNEL);
	u64 before = live_objects();
	unsigned int i;

	needs_heap(test);
	KUNIT_ASSERT_NOT_NULL(test, p);
	for (i = 0; i < MANY; i++) {
		p[i] = gom_malloc(sizeof(struct headed) + i * 8, GFP_KERNEL);
		KUNIT_ASSERT_NOT_NULL(test, p[i]);
		p[i]->value = i;
	}
	rcu_read_lock();
	for (i = 0; i < MANY; i++)
		gom_free_rcu(p[i], rcu);
	for (i = 0; i < MANY; i++)
		KUNIT_EXPECT_EQ(test, READ_ONCE(p[i]->value), i);
	KUNIT_EXPECT_EQ(test, live_objects(), before + MANY);
	rcu_read_unlock();
	gom_free_rcu_barrier();
	KUNIT_EXPECT_EQ(test, live_objects(), before);
}

struct sender {
	struct headed *p[MANY];
	struct completion done;
	bool detached;
};

static struct sender *sender;

/* The CPU is kept for a while before the batch goes on its way. */
static bool keep_batch(enum gom_test_point at, unsigned int order, gfp_t gfp)
{
	if (at == GOM_AT_FULL_BATCH && current->flags & PF_KTHREAD && !READ_ONCE(sender->detached)) {
		WRITE_ONCE(sender->detached, true);
		mdelay(50);
	}
	return false;
}

static int send_many(void *arg)
{
	struct sender *s = arg;
	unsigned int i;

	for (i = 0; i < MANY && !READ_ONCE(s->detached); i++)
		gom_free_rcu(s->p[i], rcu);
	for (; i < MANY; i++)
		gom_free(s->p[i]);
	complete(&s->done);
	return 0;
}

/* A batch that another CPU has detached and not yet given to RCU is waited for. */
static void the_barrier_waits_for_a_batch_that_is_being_sent(struct kunit *test)
{
	int cpu = cpumask_any_but(cpu_online_mask, raw_smp_processor_id());
	struct sender *s = kunit_kzalloc(test, sizeof(*s), GFP_KERNEL);
	u64 before = live_objects();
	struct task_struct *t;
	unsigned int i;

	if (num_online_cpus() < 2)
		kunit_skip(test, "one CPU online");
	KUNIT_ASSERT_NOT_NULL(test, s);
	gom_free_rcu_barrier();
	init_completion(&s->done);
	for (i = 0; i < MANY; i++) {
		s->p[i] = gom_malloc(sizeof(*s->p[i]), GFP_KERNEL);
		KUNIT_ASSERT_NOT_NULL(test, s->p[i]);
	}
	t = kthread_create(send_many, s, "gom_sender");
	KUNIT_ASSERT_FALSE(test, IS_ERR(t));
	kthread_bind(t, cpu);
	sender = s;
	WRITE_ONCE(gom_test_hook, keep_batch);
	wake_up_process(t);
	while (!READ_ONCE(s->detached) && !completion_done(&s->done))
		cpu_relax();
	KUNIT_EXPECT_TRUE(test, READ_ONCE(s->detached));
	gom_free_rcu_barrier();
	/* The sender has freed what it kept, at once or after it; the batch is what may be left. */
	wait_for_completion(&s->done);
	KUNIT_EXPECT_EQ(test, live_objects(), before);
	WRITE_ONCE(gom_test_hook, NULL);
}

static struct completion detached;
static bool kept;

/* Another task's barrier has taken a batch, and is away before RCU gets it. */
static bool keep_barrier(enum gom_test_point at, unsigned int order, gfp_t gfp)
{
	if (at == GOM_AT_DETACHED_BATCH && !strcmp(current->comm, "gom_barrier") &&
	    !xchg(&kept, true)) {
		complete(&detached);
		msleep(100);
	}
	return false;
}

static int wait_with_barrier(void *done)
{
	gom_free_rcu_barrier();
	complete(done);
	return 0;
}

/* Of two barriers the second waits for what the first one has in its hands. */
static void two_barriers_both_wait(struct kunit *test)
{
	u64 before = live_objects();
	struct completion done;
	struct task_struct *t;
	struct headed *p;

	init_completion(&done);
	init_completion(&detached);
	kept = false;
	gom_free_rcu_barrier();
	p = gom_malloc(sizeof(*p), GFP_KERNEL);
	KUNIT_ASSERT_NOT_NULL(test, p);
	t = kthread_create(wait_with_barrier, &done, "gom_barrier");
	KUNIT_ASSERT_FALSE(test, IS_ERR(t));
	WRITE_ONCE(gom_test_hook, keep_barrier);
	rcu_read_lock();
	gom_free_rcu(p, rcu);
	rcu_read_unlock();
	wake_up_process(t);
	/* It may be that the flight was quicker. */
	if (wait_for_completion_timeout(&detached, HZ)) {
		gom_free_rcu_barrier();
		KUNIT_EXPECT_EQ(test, live_objects(), before);
	}
	wait_for_completion(&done);
	WRITE_ONCE(gom_test_hook, NULL);
	gom_free_rcu_barrier();
	KUNIT_EXPECT_EQ(test, live_objects(), before);
}

/* A batch that is not full goes by itself. */
static void a_few_need_no_more_to_follow(struct kunit *test)
{
	u64 before = live_objects();
	unsigned int tries = 0;
	struct headed *p;

	needs_heap(test);
	p = gom_malloc(sizeof(*p), GFP_KERNEL);
	KUNIT_ASSERT_NOT_NULL(test, p);
	gom_free_rcu(p, rcu);
	while (live_objects() != before && tries++ < 500)
		schedule_timeout_uninterruptible(HZ / 50 ?: 1);
	KUNIT_EXPECT_EQ(test, live_objects(), before);
}

struct one_word {
	GOM_KVFREE_RCU_HEAD rcu;
	u64 behind[3];
};

#define AT_ONCE		TIMES(5000U, 2000U)	/* more than there are batches at hand for */
#define FILLERS		(3 * AT_ONCE)		/* and when that many more have been made */

/* Without memory for batches objects are linked, through the one pointer of their head. */
static void without_memory_they_wait_all_the_same(struct kunit *test)
{
	struct one_word **p = kunit_kcalloc(test, AT_ONCE, sizeof(*p), GFP_KERNEL);
	unsigned int i, kept = 0, linked = 0;
	u64 before, live;

	needs_heap(test);
	KUNIT_ASSERT_NOT_NULL(test, p);
	gom_free_rcu_barrier();
	before = live_objects();
	for (i = 0; i < AT_ONCE; i++) {
		p[i] = gom_malloc(sizeof(**p), GFP_KERNEL);
		KUNIT_ASSERT_NOT_NULL(test, p[i]);
		memset(p[i], pattern_of(p[i]), sizeof(**p));
	}
	fail_after(0);
	rcu_read_lock();
	for (i = 0; i < AT_ONCE; i++)
		gom_free_rcu(p[i], rcu);
	for (i = 0; i < AT_ONCE; i++) {
		kept += all_bytes(p[i]->behind, pattern_of(p[i]), sizeof(p[i]->behind));
		linked += !all_bytes(&p[i]->rcu, pattern_of(p[i]), sizeof(void *));
	}
	live = live_objects();
	rcu_read_unlock();
	gom_free_rcu_barrier();
	fail_no_more();
	KUNIT_EXPECT_EQ(test, kept, AT_ONCE);
	KUNIT_EXPECT_GT_MSG(test, linked, 0U, "there were batches for all");
	KUNIT_EXPECT_EQ(test, live, before + AT_ONCE);
	KUNIT_EXPECT_EQ(test, live_objects(), before);
}

/* Free @p, which has no head.  False if it was gone before a grace period was over. */
static bool headless_waits(void *p)
{
	unsigned long cookie = get_state_synchronize_rcu();
	u64 before = live_objects();

	gom_free_rcu_mightsleep(p);
	return live_objects() == before || poll_state_synchronize_rcu(cookie);
}

static void an_object_without_a_head_waits(struct kunit *test)
{
	u64 before = live_objects();
	size_t size;
	void *p;

	for (size = 1; size < 300000; size = size * 5 + 3) {
		p = gom_malloc_noscan(size, GFP_KERNEL);
		KUNIT_ASSERT_NOT_NULL(test, p);
		KUNIT_EXPECT_TRUE(test, headless_waits(p));
	}
	gom_free_rcu_mightsleep(NULL);
	gom_free_rcu_mightsleep(ZERO_SIZE_PTR);
	gom_free_rcu_barrier();
	KUNIT_EXPECT_EQ(test, live_objects(), before);
}

/* Once all batches are used up and there is no memory for more. */
static void without_memory_it_waits_itself(struct kunit *test)
{
	struct headed **filler = kunit_kcalloc(test, FILLERS, sizeof(*filler), GFP_KERNEL);
	u64 before = live_objects();
	unsigned int i;
	bool waits;
	void *p;

	KUNIT_ASSERT_NOT_NULL(test, filler);
	if (!fail_after(UINT_MAX))
		kunit_skip(test, "this kernel has no fault injection");
	fail_no_more();
	p = gom_malloc(3000, GFP_KERNEL);
	KUNIT_ASSERT_NOT_NULL(test, p);
	for (i = 0; i < FILLERS; i++) {
		filler[i] = gom_malloc(sizeof(**filler), GFP_KERNEL);
		KUNIT_ASSERT_NOT_NULL(test, filler[i]);
	}
	fail_after(0);
	migrate_disable();
	rcu_read_lock();
	for (i = 0; i < FILLERS; i++)
		gom_free_rcu(filler[i], rcu);
	rcu_read_unlock();
	waits = headless_waits(p);
	migrate_enable();
	fail_no_more();
	KUNIT_EXPECT_TRUE(test, waits);
	gom_free_rcu_barrier();
	KUNIT_EXPECT_EQ(test, live_objects(), before);
}

/* === Where call_rcu() may be called === */

#define DEFERRED	400U

struct deferred {
	char text[24];
	struct rcu_head rcu;
};

/* All at once in the context of @lock, which is the scheduler's, or one of its kind. */
static void defer_under(struct kunit *test, raw_spinlock_t *lock)
{
	struct deferred **p = kunit_kcalloc(test, DEFERRED, sizeof(*p), GFP_KERNEL);
	u64 before = live_objects();
	unsigned long flags;
	unsigned int i;

	KUNIT_ASSERT_NOT_NULL(test, p);
	for (i = 0; i < DEFERRED; i++) {
		p[i] = gom_malloc(sizeof(*p[i]) + 8 * i, GFP_KERNEL);
		KUNIT_ASSERT_NOT_NULL(test, p[i]);
	}
	raw_spin_lock_irqsave(lock, flags);
	for (i = 0; i < DEFERRED; i++)
		gom_free_rcu(p[i], rcu);
	raw_spin_unlock_irqrestore(lock, flags);
	gom_free_rcu_barrier();
	KUNIT_EXPECT_EQ(test, live_objects(), before);
}

static void deferred_frees_under_raw_locks(struct kunit *test)
{
	static DEFINE_RAW_SPINLOCK(lock);

	needs_heap(test);
	defer_under(test, &lock);
	defer_under(test, &current->pi_lock);
}

/* Free an object; was it put into a batch?  Then nothing of it was written to. */
static bool defer_untouched(void)
{
	struct deferred *p = gom_malloc(sizeof(*p), GFP_ATOMIC);
	bool untouched;

	if (!p)
		return false;
	memset(p, pattern_of(p), sizeof(*p));
	rcu_read_lock();
	gom_free_rcu(p, rcu);
	untouched = all_bytes(p, pattern_of(p), sizeof(*p));
	rcu_read_unlock();
	return untouched;
}

/* An interrupt leaves the batch alone that the code it hit is filling. */
static void a_batch_in_use_is_passed_by(struct kunit *test)
{
	u64 before = live_objects();
	bool batched = false, inside = true;
	unsigned int tries;

	needs_heap(test);
	/* The first ones may find no batch, but see to it that there are some. */
	for (tries = 0; tries < 20 && !batched; tries++) {
		gom_free_rcu_barrier();
		preempt_disable();
		batched = defer_untouched();
		gom_rcufree_pretend(true);
		inside = defer_untouched();
		gom_rcufree_pretend(false);
		preempt_enable();
	}
	gom_free_rcu_barrier();
	KUNIT_EXPECT_TRUE(test, batched);
	KUNIT_EXPECT_FALSE(test, inside);
	KUNIT_EXPECT_EQ(test, live_objects(), before);
}

struct deferring {
	struct hrtimer timer;
	unsigned int ticks, most;
};

static void allocate_and_defer(gfp_t gfp)
{
	struct deferred *p = gom_malloc(sizeof(*p), gfp);

	if (p)
		gom_free_rcu(p, rcu);
}

static enum hrtimer_restart defer_in_irq(struct hrtimer *timer)
{
	struct deferring *d = container_of(timer, struct deferring, timer);

	allocate_and_defer(GFP_ATOMIC);
	if (++d->ticks == d->most)
		return HRTIMER_NORESTART;
	hrtimer_forward_now(timer, ns_to_ktime(TICK_NS));
	return HRTIMER_RESTART;
}

/* Objects that are freed while their CPU is gathering another one, or its list is taken. */
static void deferred_frees_in_interrupts(struct kunit *test)
{
	struct deferring *d = kunit_kzalloc(test, sizeof(*d), GFP_KERNEL);
	u64 before = live_objects();
	unsigned int n;

	needs_heap(test);
	KUNIT_ASSERT_NOT_NULL(test, d);
	d->most = TIMES(4000U, 1000U);
	migrate_disable();
	start_timer(&d->timer, defer_in_irq);
	for (n = 1; READ_ONCE(d->ticks) < d->most; n++) {
		allocate_and_defer(GFP_KERNEL);
		if (n % 1024 == 0)
			gom_free_rcu_barrier();
	}
	migrate_enable();
	hrtimer_cancel(&d->timer);
	gom_free_rcu_barrier();
	KUNIT_EXPECT_EQ(test, live_objects(), before);
}

struct with_head {
	char text[50];
	struct rcu_head rcu;
};

static void an_object_lives_through_a_grace_period(struct kunit *test)
{
	size_t size = sizeof(struct with_head);
	u64 before = live_objects();
	struct with_head *p;

	needs_heap(test);
	for (; size < 200000; size = size * 3 + 1) {
		p = gom_malloc(size, GFP_KERNEL);
		KUNIT_ASSERT_NOT_NULL(test, p);
		rcu_read_lock();
		strscpy(p->text, "still here", sizeof(p->text));
		gom_free_rcu(p, rcu);
		KUNIT_EXPECT_STREQ(test, p->text, "still here");
		KUNIT_EXPECT_EQ(test, live_objects(), before + 1);
		rcu_read_unlock();
		gom_free_rcu_barrier();
		KUNIT_EXPECT_EQ(test, live_objects(), before);
	}
	p = NULL;
	gom_free_rcu(p, rcu);
}

static struct kunit_case cases[] = {
	HEAP_CASE(many_wait_for_a_grace_period_together),
	HEAP_CASE(a_few_need_no_more_to_follow),
	HEAP_CASE(without_memory_they_wait_all_the_same),
	HEAP_CASE(an_object_without_a_head_waits),
	HEAP_CASE(without_memory_it_waits_itself),
	HEAP_CASE(two_barriers_both_wait),
	HEAP_CASE(the_barrier_waits_for_a_batch_that_is_being_sent),
	HEAP_CASE(deferred_frees_under_raw_locks),
	HEAP_CASE(a_batch_in_use_is_passed_by),
	HEAP_CASE(deferred_frees_in_interrupts),
	HEAP_CASE(an_object_lives_through_a_grace_period),
	{}
};

struct kunit_suite gomalloc_free_rcu_suite = {
	.name = "gomalloc_free_rcu",
	.init = live_begin,
	.exit = live_end,
	.test_cases = cases,
};
