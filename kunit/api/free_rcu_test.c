// SPDX-License-Identifier: GPL-2.0
/*
 * Frees after a grace period: objects wait for it, with and without memory for
 * batches, and in every context where call_rcu() is allowed.
 */
#include <linux/completion.h>
#include <linux/delay.h>
#include <linux/hrtimer.h>
#include <linux/jump_label.h>
#include <linux/kthread.h>
#include <linux/mm.h>
#include <linux/rcupdate.h>

#include "api/free_rcu.h"
#include "base/compat.h"
#include "base/fault.h"
#include "base/persistent.h"
#include "base/trace.h"
#include "gomalloc.h"
#include "percpu/mcache.h"
#include "percpu/tiny.h"
#include "suites.h"

struct headed {
	struct rcu_head rcu;
	u32 value;
};

#define MANY	500U

static void batch_waits_for_a_grace_period(struct kunit *test)
{
	struct headed **p = kunit_kcalloc(test, MANY, sizeof(*p), GFP_KERNEL);
	u64 before = gomtest_live_objects();
	unsigned int i;

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
	KUNIT_EXPECT_EQ(test, gomtest_live_objects(), before + MANY);
	rcu_read_unlock();
	gom_free_rcu_barrier();
	KUNIT_EXPECT_EQ(test, gomtest_live_objects(), before);
}

/*
 * A task on another CPU that frees after a grace period, and is delayed before
 * it calls call_rcu().
 */
struct sender {
	struct headed *p[MANY];
	enum gom_test_point delay_at;
	bool linked;			/* its first object is linked, not in a batch */
	struct completion due;		/* its monitor has waited for a grace period */
	struct completion delayed;
	struct completion done;
	bool is_delayed;
};

static struct sender *sender;

static bool sender_delay(enum gom_test_point at, unsigned int arg, gfp_t gfp)
{
	struct sender *s = sender;

	if (at == GOM_AT_MONITOR && !completion_done(&s->due)) {
		complete_all(&s->due);
		/*
		 * The monitor leaves the batch to the sender.  Otherwise RCU
		 * would wait for the monitor.
		 */
		wait_for_completion_timeout(&s->delayed, HZ);
	}
	if (at == s->delay_at && !strcmp(current->comm, "gom_sender") && !s->is_delayed) {
		WRITE_ONCE(s->is_delayed, true);
		complete_all(&s->delayed);
		mdelay(50);
	}
	return false;
}

static int sender_main(void *arg)
{
	struct sender *s = arg;
	unsigned int i = 0;

	if (s->linked) {
		preempt_disable();
		gom_free_rcu_pretend(true);
		gom_free_rcu(s->p[i++], rcu);
		gom_free_rcu_pretend(false);
		preempt_enable();
	} else {
		gom_free_rcu(s->p[i++], rcu);
		wait_for_completion_timeout(&s->due, HZ);
	}
	for (; i < MANY && !READ_ONCE(s->is_delayed); i++)
		gom_free_rcu(s->p[i], rcu);
	for (; i < MANY; i++)
		gom_free(s->p[i]);
	complete(&s->done);
	return 0;
}

/* Have a block of batches allocated, as for an object that found none. */
static void batches_prepare(struct kunit *test)
{
	struct headed *p = gom_malloc(sizeof(*p), GFP_KERNEL);

	KUNIT_ASSERT_NOT_NULL(test, p);
	gom_free_rcu(p, rcu);
	gom_free_rcu_barrier();
}

static void sender_start(struct kunit *test, struct sender *s)
{
	int cpu = cpumask_any_but(cpu_online_mask, raw_smp_processor_id());
	struct task_struct *t;

	t = kthread_create(sender_main, s, "gom_sender");
	KUNIT_ASSERT_FALSE(test, IS_ERR(t));
	kthread_bind(t, cpu);
	sender = s;
	/* Otherwise the barrier waits for other callbacks, and so for the sender. */
	rcu_barrier();
	WRITE_ONCE(gom_test_callback, sender_delay);
	wake_up_process(t);
}

static void sender_test(struct kunit *test, enum gom_test_point delay_at, bool linked)
{
	struct sender *s = kunit_kzalloc(test, sizeof(*s), GFP_KERNEL);
	u64 before = gomtest_live_objects();
	unsigned int i;

	if (num_online_cpus() < 2)
		kunit_skip(test, "needs two CPUs online");
	KUNIT_ASSERT_NOT_NULL(test, s);
	batches_prepare(test);
	s->delay_at = delay_at;
	s->linked = linked;
	init_completion(&s->due);
	init_completion(&s->delayed);
	init_completion(&s->done);
	for (i = 0; i < MANY; i++) {
		s->p[i] = gom_malloc(sizeof(*s->p[i]), GFP_KERNEL);
		KUNIT_ASSERT_NOT_NULL(test, s->p[i]);
	}
	sender_start(test, s);
	KUNIT_EXPECT_NE(test, wait_for_completion_timeout(&s->delayed, 5 * HZ), 0UL);
	gom_free_rcu_barrier();
	/*
	 * The sender frees the rest directly, so only what it passes to RCU may
	 * still be live.
	 */
	wait_for_completion(&s->done);
	KUNIT_EXPECT_EQ(test, gomtest_live_objects(), before);
	WRITE_ONCE(gom_test_callback, NULL);
	gom_free_rcu_barrier();
}

/*
 * The barrier waits for a batch that another CPU has detached, but not yet
 * passed to RCU.
 */
static void barrier_waits_for_detached_batch(struct kunit *test)
{
	sender_test(test, GOM_AT_FULL_BATCH, false);
}

/* The same for linked objects of another CPU, whose monitor is about to start. */
static void barrier_waits_for_starting_monitor(struct kunit *test)
{
	sender_test(test, GOM_AT_MONITOR_START, true);
}

static struct completion detached;
static bool kept;

/*
 * Delay another task's barrier after it has detached a batch.  The monitor
 * leaves the batch to it.
 */
static bool barrier_delay(enum gom_test_point at, unsigned int arg, gfp_t gfp)
{
	if (at == GOM_AT_MONITOR)
		wait_for_completion_timeout(&detached, 5 * HZ);
	if (at == GOM_AT_DETACHED_BATCH && !strcmp(current->comm, "gom_barrier") &&
	    !xchg(&kept, true)) {
		complete_all(&detached);
		msleep(100);
	}
	return false;
}

static int barrier_main(void *done)
{
	gom_free_rcu_barrier();
	complete(done);
	return 0;
}

/* The second barrier waits for the batch that the first one has detached. */
static void concurrent_barriers_both_wait(struct kunit *test)
{
	u64 before = gomtest_live_objects();
	struct completion done;
	struct task_struct *t;
	struct headed *p;

	init_completion(&done);
	init_completion(&detached);
	kept = false;
	batches_prepare(test);
	p = gom_malloc(sizeof(*p), GFP_KERNEL);
	KUNIT_ASSERT_NOT_NULL(test, p);
	t = kthread_create(barrier_main, &done, "gom_barrier");
	KUNIT_ASSERT_FALSE(test, IS_ERR(t));
	WRITE_ONCE(gom_test_callback, barrier_delay);
	rcu_read_lock();
	gom_free_rcu(p, rcu);
	rcu_read_unlock();
	wake_up_process(t);
	KUNIT_EXPECT_NE(test, wait_for_completion_timeout(&detached, 5 * HZ), 0UL);
	gom_free_rcu_barrier();
	KUNIT_EXPECT_EQ(test, gomtest_live_objects(), before);
	wait_for_completion(&done);
	WRITE_ONCE(gom_test_callback, NULL);
	gom_free_rcu_barrier();
	KUNIT_EXPECT_EQ(test, gomtest_live_objects(), before);
}

/* === Detached batches === */

static struct {
	struct rcu_head rcu;
	unsigned long cookie;
	bool pending;
	bool sampled;
} first_gp;

/* Runs just before the callback of the detached batch. */
static void first_gp_sample(struct rcu_head *rcu)
{
	first_gp.cookie = get_state_synchronize_rcu();
	/* Pairs with smp_load_acquire() in first_gp_is_followed(). */
	smp_store_release(&first_gp.sampled, true);
}

static bool detach_note(enum gom_test_point at, unsigned int arg, gfp_t gfp)
{
	if (at == GOM_AT_DETACHED_BATCH && !first_gp.pending) {
		first_gp.pending = true;
		call_rcu(&first_gp.rcu, first_gp_sample);
	}
	return false;
}

/* Has a grace period ended that began after the batch's first one? */
static bool first_gp_is_followed(void)
{
	/* Pairs with smp_store_release() in first_gp_sample(). */
	return smp_load_acquire(&first_gp.sampled) && poll_state_synchronize_rcu(first_gp.cookie);
}

/*
 * Its CPU may have read @cur before the batch was detached, so it may add an
 * object during the first grace period.
 */
static void detached_batch_waits_for_two_grace_periods(struct kunit *test)
{
	unsigned long end = jiffies + 5 * HZ;
	u64 before = gomtest_live_objects();
	struct headed *p;

	batches_prepare(test);
	memset(&first_gp, 0, sizeof(first_gp));
	p = gom_malloc(sizeof(*p), GFP_KERNEL);
	KUNIT_ASSERT_NOT_NULL(test, p);
	WRITE_ONCE(gom_test_callback, detach_note);
	gom_free_rcu(p, rcu);
	while (gomtest_live_objects() != before && time_before(jiffies, end))
		cond_resched();
	KUNIT_EXPECT_TRUE(test, first_gp_is_followed());
	WRITE_ONCE(gom_test_callback, NULL);
	rcu_barrier();
	gom_free_rcu_barrier();
	KUNIT_EXPECT_TRUE(test, first_gp.pending);
	KUNIT_EXPECT_EQ(test, gomtest_live_objects(), before);
}

static struct {
	struct completion idle;		/* the monitor is about to be marked idle */
	struct completion added;
	bool seen;
} idling;

static bool monitor_idle_wait(enum gom_test_point at, unsigned int arg, gfp_t gfp)
{
	if (at == GOM_AT_MONITOR_IDLE && !xchg(&idling.seen, true)) {
		complete(&idling.idle);
		wait_for_completion_timeout(&idling.added, 5 * HZ);
	}
	return false;
}

/*
 * Add an object that finds the monitor pending, after the monitor has looked at
 * the list for the last time.
 */
static void idling_monitor_add(struct kunit *test, bool linked)
{
	u64 before = gomtest_live_objects();
	struct headed *p[2];
	unsigned int tries;

	gom_free_rcu_barrier();
	p[0] = gom_malloc(sizeof(*p[0]), GFP_KERNEL);
	p[1] = gom_malloc(sizeof(*p[1]), GFP_KERNEL);
	KUNIT_ASSERT_NOT_NULL(test, p[0]);
	KUNIT_ASSERT_NOT_NULL(test, p[1]);
	init_completion(&idling.idle);
	init_completion(&idling.added);
	idling.seen = false;
	migrate_disable();
	WRITE_ONCE(gom_test_callback, monitor_idle_wait);
	gom_free_rcu(p[0], rcu);
	KUNIT_EXPECT_NE(test, wait_for_completion_timeout(&idling.idle, 5 * HZ), 0UL);
	preempt_disable();
	gom_free_rcu_pretend(linked);
	gom_free_rcu(p[1], rcu);
	gom_free_rcu_pretend(false);
	preempt_enable();
	migrate_enable();
	complete(&idling.added);
	for (tries = 0; gomtest_live_objects() != before && tries < 250; tries++)
		schedule_timeout_uninterruptible(HZ / 50 ?: 1);
	KUNIT_EXPECT_EQ(test, gomtest_live_objects(), before);
	WRITE_ONCE(gom_test_callback, NULL);
	gom_free_rcu_barrier();
}

static void idling_monitor_sees_new_objects(struct kunit *test)
{
	batches_prepare(test);
	idling_monitor_add(test, false);
	idling_monitor_add(test, true);
}

static bool batches_deny(enum gom_test_point at, unsigned int arg, gfp_t gfp)
{
	return at == GOM_AT_BATCHES;
}

/* Bytes of metadata such as batches. */
static u64 metadata_bytes(void)
{
	struct gom_call_site site;
	unsigned int i;
	u64 bytes = 0;

	for (i = 0; gom_persistent_read_site(i, &site); i++)
		if (site.stat == GOM_OTHER_SYS)
			bytes += site.bytes;
	return bytes;
}

/* gom_free_rcu() itself cannot allocate: its monitor refills the freelist. */
static void monitor_refills_empty_freelist(struct kunit *test)
{
	struct headed *p;
	u64 before;

	gom_free_rcu_barrier();
	p = gom_malloc(sizeof(*p), GFP_KERNEL);
	KUNIT_ASSERT_NOT_NULL(test, p);
	before = metadata_bytes();
	WRITE_ONCE(gom_test_callback, batches_deny);
	gom_free_rcu(p, rcu);
	gom_free_rcu_barrier();
	WRITE_ONCE(gom_test_callback, NULL);
	KUNIT_EXPECT_GT(test, metadata_bytes(), before);
}

static struct {
	const void *p;
	unsigned int frees;
	unsigned int in_softirq;
} wiped;

static void wiped_free(void *data, unsigned long caller, const void *p, unsigned int class)
{
	if (p == wiped.p) {
		wiped.frees++;
		wiped.in_softirq += !!in_serving_softirq();
	}
}

/* Free a batch that begins with @n objects of @size. */
static void batch_of_size_free(struct kunit *test, unsigned int n, size_t size)
{
	struct headed *p;
	unsigned int i;

	wiped = (typeof(wiped)) { };
	migrate_disable();
	for (i = 0; i < MANY; i++) {
		p = gom_malloc(i < n ? size : sizeof(*p), GFP_KERNEL);
		if (!p)
			break;
		if (!i)
			wiped.p = p;
		gom_free_rcu(p, rcu);
	}
	migrate_enable();
	gom_free_rcu_barrier();
	KUNIT_EXPECT_EQ(test, i, MANY);
	KUNIT_EXPECT_EQ(test, wiped.frees, 1U);
}

/* With init_on_free=1 a batch may be hundreds of MiB to clear. */
static void large_objects_are_not_wiped_in_softirqs(struct kunit *test)
{
	const bool was = want_init_on_free();
	u64 before = gomtest_live_objects();

	if (IS_ENABLED(CONFIG_KASAN) && !was)
		kunit_skip(test, "with KASAN, SLUB does not support a change of init_on_free");
	batches_prepare(test);
	KUNIT_ASSERT_EQ(test, register_trace_gom_free(wiped_free, NULL), 0);
	if (!was)
		static_branch_enable(&init_on_free);
	gom_mcache_force_slow(1);
	batch_of_size_free(test, 10, 300000);
	KUNIT_EXPECT_EQ(test, wiped.in_softirq, 0U);
	batch_of_size_free(test, 100, 50000);
	KUNIT_EXPECT_EQ(test, wiped.in_softirq, 0U);
	batch_of_size_free(test, MANY, 100);
	gom_mcache_force_slow(-1);
	if (!was)
		static_branch_disable(&init_on_free);
	unregister_trace_gom_free(wiped_free, NULL);
	tracepoint_synchronize_unregister();
	KUNIT_EXPECT_EQ(test, gomtest_live_objects(), before);
}

/* The head of a tiny object is any address inside its block. */
static void tiny_neighbour_is_not_freed(struct kunit *test)
{
	u64 before = gomtest_live_objects();
	u32 *p[4];
	unsigned int i;

	migrate_disable();
	for (i = 0; i < ARRAY_SIZE(p); i++) {
		p[i] = gom_malloc_noscan(sizeof(*p[i]), GFP_KERNEL);
		KUNIT_ASSERT_NOT_NULL(test, p[i]);
		*p[i] = i;
	}
	migrate_enable();
	/* At least one of them is not the first of its block. */
	for (i = ARRAY_SIZE(p) - 1; i && IS_ALIGNED((unsigned long)p[i], GOM_TINY_BLOCK); i--)
		;
	KUNIT_EXPECT_PTR_EQ(test, p[i] - 1, p[i - 1]);
	gom_free_rcu_mightsleep(p[i]);
	gom_free_rcu_barrier();
	KUNIT_EXPECT_EQ(test, gomtest_live_objects(), before + ARRAY_SIZE(p) - 1);
	KUNIT_EXPECT_EQ(test, *p[i - 1], i - 1);
	p[i] = NULL;
	gom_free_bulk(ARRAY_SIZE(p), (void **)p);
	KUNIT_EXPECT_EQ(test, gomtest_live_objects(), before);
}

/* A batch that is not full is freed without further frees. */
static void partial_batch_is_freed(struct kunit *test)
{
	u64 before = gomtest_live_objects();
	unsigned int tries = 0;
	struct headed *p;

	p = gom_malloc(sizeof(*p), GFP_KERNEL);
	KUNIT_ASSERT_NOT_NULL(test, p);
	gom_free_rcu(p, rcu);
	while (gomtest_live_objects() != before && tries++ < 500)
		schedule_timeout_uninterruptible(HZ / 50 ?: 1);
	KUNIT_EXPECT_EQ(test, gomtest_live_objects(), before);
}

struct one_word {
	GOM_KVFREE_RCU_HEAD rcu;
	u64 behind[3];
};

#define AT_ONCE		TIMES(5000U, 2000U)	/* more than all batches hold */
#define FILLERS		(3 * AT_ONCE)		/* also after more batches were allocated */

/*
 * Without memory for batches, objects are linked through the pointer of their
 * head.
 */
static void objects_are_linked_without_memory(struct kunit *test)
{
	struct one_word **p = kunit_kcalloc(test, AT_ONCE, sizeof(*p), GFP_KERNEL);
	unsigned int i, kept = 0, linked = 0;
	u64 before, live;

	KUNIT_ASSERT_NOT_NULL(test, p);
	gom_free_rcu_barrier();
	before = gomtest_live_objects();
	for (i = 0; i < AT_ONCE; i++) {
		p[i] = gom_malloc(sizeof(**p), GFP_KERNEL);
		KUNIT_ASSERT_NOT_NULL(test, p[i]);
		memset(p[i], gomtest_pattern(p[i]), sizeof(**p));
	}
	gomtest_fail_after(0);
	rcu_read_lock();
	for (i = 0; i < AT_ONCE; i++)
		gom_free_rcu(p[i], rcu);
	for (i = 0; i < AT_ONCE; i++) {
		kept += gomtest_all_bytes(p[i]->behind, gomtest_pattern(p[i]),
					  sizeof(p[i]->behind));
		linked += !gomtest_all_bytes(&p[i]->rcu, gomtest_pattern(p[i]), sizeof(void *));
	}
	live = gomtest_live_objects();
	rcu_read_unlock();
	gom_free_rcu_barrier();
	gomtest_fail_stop();
	KUNIT_EXPECT_EQ(test, kept, AT_ONCE);
	KUNIT_EXPECT_GT_MSG(test, linked, 0U, "no object was linked, as there were enough batches");
	KUNIT_EXPECT_EQ(test, live, before + AT_ONCE);
	KUNIT_EXPECT_EQ(test, gomtest_live_objects(), before);
}

/*
 * Free @p, which has no head.  False if it was freed before the end of a grace
 * period.
 */
static bool headless_free(void *p)
{
	unsigned long cookie = get_state_synchronize_rcu();
	u64 before = gomtest_live_objects();

	gom_free_rcu_mightsleep(p);
	return gomtest_live_objects() == before || poll_state_synchronize_rcu(cookie);
}

static void headless_object_waits(struct kunit *test)
{
	u64 before = gomtest_live_objects();
	size_t size;
	void *p;

	for (size = 1; size < 300000; size = size * 5 + 3) {
		p = gom_malloc_noscan(size, GFP_KERNEL);
		KUNIT_ASSERT_NOT_NULL(test, p);
		KUNIT_EXPECT_TRUE(test, headless_free(p));
	}
	gom_free_rcu_mightsleep(NULL);
	gom_free_rcu_mightsleep(ZERO_SIZE_PTR);
	gom_free_rcu_barrier();
	KUNIT_EXPECT_EQ(test, gomtest_live_objects(), before);
}

/* All batches are used, and there is no memory for more. */
static void headless_free_waits_without_memory(struct kunit *test)
{
	struct headed **filler = kunit_kcalloc(test, FILLERS, sizeof(*filler), GFP_KERNEL);
	u64 before = gomtest_live_objects();
	unsigned int i;
	bool waits;
	void *p;

	KUNIT_ASSERT_NOT_NULL(test, filler);
	if (!gomtest_fail_after(UINT_MAX))
		kunit_skip(test, "this kernel has no fault injection");
	gomtest_fail_stop();
	p = gom_malloc(3000, GFP_KERNEL);
	KUNIT_ASSERT_NOT_NULL(test, p);
	for (i = 0; i < FILLERS; i++) {
		filler[i] = gom_malloc(sizeof(**filler), GFP_KERNEL);
		KUNIT_ASSERT_NOT_NULL(test, filler[i]);
	}
	gomtest_fail_after(0);
	migrate_disable();
	rcu_read_lock();
	for (i = 0; i < FILLERS; i++)
		gom_free_rcu(filler[i], rcu);
	rcu_read_unlock();
	waits = headless_free(p);
	migrate_enable();
	gomtest_fail_stop();
	KUNIT_EXPECT_TRUE(test, waits);
	gom_free_rcu_barrier();
	KUNIT_EXPECT_EQ(test, gomtest_live_objects(), before);
}

/* === Contexts where call_rcu() is allowed === */

#define DEFERRED	400U

struct rcu_object {
	char text[24];
	struct rcu_head rcu;
};

/* Free objects with the raw lock @lock held, such as one of the scheduler. */
static void free_rcu_under(struct kunit *test, raw_spinlock_t *lock)
{
	struct rcu_object **p = kunit_kcalloc(test, DEFERRED, sizeof(*p), GFP_KERNEL);
	u64 before = gomtest_live_objects();
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
	KUNIT_EXPECT_EQ(test, gomtest_live_objects(), before);
}

static void deferred_frees_under_raw_locks(struct kunit *test)
{
	static DEFINE_RAW_SPINLOCK(lock);

	free_rcu_under(test, &lock);
	free_rcu_under(test, &current->pi_lock);
}

/* Free an object.  True if it went into a batch: then it was not written to. */
static bool free_rcu_untouched(void)
{
	struct rcu_object *p = gom_malloc(sizeof(*p), GFP_ATOMIC);
	bool untouched;

	if (!p)
		return false;
	memset(p, gomtest_pattern(p), sizeof(*p));
	rcu_read_lock();
	gom_free_rcu(p, rcu);
	untouched = gomtest_all_bytes(p, gomtest_pattern(p), sizeof(*p));
	rcu_read_unlock();
	return untouched;
}

/* An interrupt must not use the batch that the interrupted code is filling. */
static void interrupt_does_not_use_busy_batch(struct kunit *test)
{
	u64 before = gomtest_live_objects();
	bool batched = false, inside = true;
	unsigned int tries;

	/* The first frees may find no batch, but cause one to be allocated. */
	for (tries = 0; tries < 20 && !batched; tries++) {
		gom_free_rcu_barrier();
		preempt_disable();
		batched = free_rcu_untouched();
		gom_free_rcu_pretend(true);
		inside = free_rcu_untouched();
		gom_free_rcu_pretend(false);
		preempt_enable();
	}
	gom_free_rcu_barrier();
	KUNIT_EXPECT_TRUE(test, batched);
	KUNIT_EXPECT_FALSE(test, inside);
	KUNIT_EXPECT_EQ(test, gomtest_live_objects(), before);
}

struct rcu_timer {
	struct hrtimer timer;
	unsigned int ticks, most;
};

static void alloc_free_rcu(gfp_t gfp)
{
	struct rcu_object *p = gom_malloc(sizeof(*p), gfp);

	if (p)
		gom_free_rcu(p, rcu);
}

static enum hrtimer_restart deferring_timer(struct hrtimer *timer)
{
	struct rcu_timer *d = container_of(timer, struct rcu_timer, timer);

	alloc_free_rcu(GFP_ATOMIC);
	if (++d->ticks == d->most)
		return HRTIMER_NORESTART;
	hrtimer_forward_now(timer, ns_to_ktime(TICK_NS));
	return HRTIMER_RESTART;
}

/*
 * Timers free objects while their CPU adds to a batch, or a barrier takes it.
 */
static void deferred_frees_in_interrupts(struct kunit *test)
{
	struct rcu_timer *d = kunit_kzalloc(test, sizeof(*d), GFP_KERNEL);
	u64 before = gomtest_live_objects();
	unsigned int n;

	KUNIT_ASSERT_NOT_NULL(test, d);
	d->most = TIMES(4000U, 1000U);
	migrate_disable();
	gomtest_timer_start(&d->timer, deferring_timer);
	for (n = 1; READ_ONCE(d->ticks) < d->most; n++) {
		alloc_free_rcu(GFP_KERNEL);
		if (n % 1024 == 0)
			gom_free_rcu_barrier();
	}
	migrate_enable();
	hrtimer_cancel(&d->timer);
	gom_free_rcu_barrier();
	KUNIT_EXPECT_EQ(test, gomtest_live_objects(), before);
}

struct with_head {
	char text[50];
	struct rcu_head rcu;
};

static void object_lives_through_a_grace_period(struct kunit *test)
{
	size_t size = sizeof(struct with_head);
	u64 before = gomtest_live_objects();
	struct with_head *p;

	for (; size < 200000; size = size * 3 + 1) {
		p = gom_malloc(size, GFP_KERNEL);
		KUNIT_ASSERT_NOT_NULL(test, p);
		rcu_read_lock();
		strscpy(p->text, "still live", sizeof(p->text));
		gom_free_rcu(p, rcu);
		KUNIT_EXPECT_STREQ(test, p->text, "still live");
		KUNIT_EXPECT_EQ(test, gomtest_live_objects(), before + 1);
		rcu_read_unlock();
		gom_free_rcu_barrier();
		KUNIT_EXPECT_EQ(test, gomtest_live_objects(), before);
	}
	p = NULL;
	gom_free_rcu(p, rcu);
}

static struct kunit_case cases[] = {
	HEAP_CASE(batch_waits_for_a_grace_period),
	HEAP_CASE(partial_batch_is_freed),
	HEAP_CASE(objects_are_linked_without_memory),
	HEAP_CASE(headless_object_waits),
	HEAP_CASE(headless_free_waits_without_memory),
	HEAP_CASE(detached_batch_waits_for_two_grace_periods),
	HEAP_CASE(idling_monitor_sees_new_objects),
	HEAP_CASE(monitor_refills_empty_freelist),
	HEAP_CASE(large_objects_are_not_wiped_in_softirqs),
	HEAP_CASE(tiny_neighbour_is_not_freed),
	HEAP_CASE(concurrent_barriers_both_wait),
	HEAP_CASE(barrier_waits_for_detached_batch),
	HEAP_CASE(barrier_waits_for_starting_monitor),
	HEAP_CASE(deferred_frees_under_raw_locks),
	HEAP_CASE(interrupt_does_not_use_busy_batch),
	HEAP_CASE(deferred_frees_in_interrupts),
	HEAP_CASE(object_lives_through_a_grace_period),
	{}
};

struct kunit_suite gomalloc_free_rcu_suite = {
	.name = "gomalloc_free_rcu",
	.init = gomtest_begin,
	.exit = gomtest_end,
	.test_cases = cases,
};
