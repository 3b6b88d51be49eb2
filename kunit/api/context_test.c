// SPDX-License-Identifier: GPL-2.0
/*
 * Contexts: hardirqs that interrupt an allocation on their own CPU, raw locks, and
 * frees on a CPU other than the one that allocated.
 */
#include <linux/cpumask.h>
#include <linux/debug_locks.h>
#include <linux/hrtimer.h>
#include <linux/irq_work.h>
#include <linux/kthread.h>
#include <linux/mm.h>
#include <linux/sched/mm.h>

#include "base/compat.h"
#include "base/fault.h"
#include "gomalloc.h"
#include "percpu/mcache.h"
#include "suites.h"

#define SIZE	96U

/* === An interrupt that finds its CPU inside the cache, made to happen === */

struct inside {
	struct irq_work work;
	void *p;
	bool intact;
	bool in_hardirq;
};

static void allocate_inside(struct irq_work *work)
{
	struct inside *in = container_of(work, struct inside, work);
	void *q = gom_malloc(SIZE, GFP_ATOMIC);

	in->in_hardirq = in_hardirq();
	in->p = gom_malloc(SIZE, GFP_ATOMIC);
	if (in->p && q) {
		memset(q, 1, SIZE);
		memset(in->p, 2, SIZE);
		in->intact = all_bytes(q, 1, SIZE) && all_bytes(in->p, 2, SIZE);
	}
	gom_free(q);
}

static void an_interrupt_inside_the_cache_is_served_past_it(struct kunit *test)
{
	unsigned int class = gom_size_to_slot(SIZE) >> GOM_SLOT_SHIFT;
	unsigned long inside_before = gom_mcache_inside();
	struct gom_mcache_stats cpu_before, cpu_after;
	struct gom_class_stats before, after;
	struct inside in = { };
	struct gom_mcache *c;
	void *warm;
	int cpu;

	needs_heap(test);
	/* The cache has objects, so that it would serve if it were asked. */
	warm = gom_malloc(SIZE, GFP_KERNEL);
	KUNIT_ASSERT_NOT_NULL(test, warm);
	init_irq_work(&in.work, allocate_inside);

	migrate_disable();
	cpu = raw_smp_processor_id();
	c = per_cpu_ptr(&gom_mcache, cpu);
	gom_class_read(class, &before);
	gom_mcache_read(cpu, class, &cpu_before);
	preempt_disable();
	c->mallocing |= GOM_MALLOCING;		/* as if we were in the middle */
	irq_work_queue(&in.work);
	while (irq_work_is_busy(&in.work))
		cpu_relax();
	c->mallocing &= ~GOM_MALLOCING;
	preempt_enable();
	gom_mcache_read(cpu, class, &cpu_after);
	gom_class_read(class, &after);
	migrate_enable();

	KUNIT_EXPECT_TRUE(test, in.in_hardirq);
	/* Two allocations and a free, and all of them noticed. */
	KUNIT_EXPECT_EQ(test, gom_mcache_inside() - inside_before, 3UL);
	KUNIT_EXPECT_NOT_NULL(test, in.p);
	KUNIT_EXPECT_TRUE(test, in.intact);
	KUNIT_EXPECT_EQ(test, cpu_after.mallocs, cpu_before.mallocs);
	KUNIT_EXPECT_EQ(test, cpu_after.frees, cpu_before.frees);
	KUNIT_EXPECT_EQ(test, after.mallocs - before.mallocs, 2ULL);
	KUNIT_EXPECT_EQ(test, after.frees - before.frees, 1ULL);
	gom_free(in.p);
	gom_free(warm);
}

/* === A timer that interrupts a task wherever it is === */

#define HELD	64U

struct ticker {
	struct hrtimer timer;
	void *held[HELD];
	unsigned int ticks, most, errors, failures;
};

/* Often of one class: only there an interrupt is in the task's way. */
static size_t size_at(unsigned int i)
{
	return i % 4 ? SIZE : 8 + i * 61 % 4000;
}

static enum hrtimer_restart tick(struct hrtimer *timer)
{
	struct ticker *t = container_of(timer, struct ticker, timer);
	unsigned int i = t->ticks % HELD;
	size_t size = size_at(i);

	if (t->held[i] && !all_bytes(t->held[i], pattern_of(t->held[i]), size))
		t->errors++;
	gom_free(t->held[i]);
	t->held[i] = gom_malloc(size, GFP_ATOMIC);
	if (t->held[i])
		memset(t->held[i], pattern_of(t->held[i]), size);
	else
		t->failures++;
	if (++t->ticks == t->most)
		return HRTIMER_NORESTART;
	hrtimer_forward_now(timer, ns_to_ktime(TICK_NS));
	return HRTIMER_RESTART;
}

#define SBRK_ROUNDS	2000U		/* some 20 MiB */

/*
 * Allocate and free in the task's way until the timer is done; returns errors.  In sbrk mode,
 * where nothing is freed, not for longer than there is memory: on a host that is busy the
 * timer may take long.
 */
static unsigned int hammer(struct ticker *t)
{
	const unsigned int rounds = gom_sbrk ? SBRK_ROUNDS : UINT_MAX;
	unsigned int errors = 0, n, i;
	void *p[16];

	for (n = 0; READ_ONCE(t->ticks) < t->most && n < rounds; n++) {
		for (i = 0; i < ARRAY_SIZE(p); i++) {
			p[i] = gom_malloc(size_at(n + i), GFP_KERNEL);
			if (p[i])
				memset(p[i], pattern_of(p[i]), size_at(n + i));
		}
		for (i = 0; i < ARRAY_SIZE(p); i++) {
			if (p[i] && !all_bytes(p[i], pattern_of(p[i]), size_at(n + i)))
				errors++;
			gom_free(p[i]);
		}
		cond_resched();
	}
	return errors;
}

static void a_timer_may_interrupt_anywhere(struct kunit *test)
{
	struct ticker *t = kunit_kzalloc(test, sizeof(*t), GFP_KERNEL);
	unsigned int i, errors;

	KUNIT_ASSERT_NOT_NULL(test, t);
	t->most = TIMES(8000, 300);
	migrate_disable();
	start_timer(&t->timer, tick);
	errors = hammer(t);
	migrate_enable();
	hrtimer_cancel(&t->timer);

	if (!gom_sbrk)
		KUNIT_EXPECT_EQ(test, t->ticks, t->most);
	KUNIT_EXPECT_EQ(test, errors, 0U);
	KUNIT_EXPECT_EQ(test, t->errors, 0U);
	KUNIT_EXPECT_EQ(test, t->failures, 0U);
	for (i = 0; i < HELD; i++)
		gom_free(t->held[i]);
}

/* === A caller that lockdep is not to look at === */

#ifdef CONFIG_LOCKDEP
static bool deny_polite(enum gom_test_point at, unsigned int order, gfp_t gfp)
{
	return at == GOM_AT_BLOCK && gfp & __GFP_NOMEMALLOC;
}

/* Whoever says __GFP_NOLOCKDEP knows that reclaim is no danger where he is. */
static void lockdep_does_not_look_if_it_is_told_so(struct kunit *test)
{
	void *p;

	if (!debug_locks)
		kunit_skip(test, "lockdep has switched itself off before");
	gom_release_memory();
	WRITE_ONCE(gom_test_hook, deny_polite);
	fs_reclaim_acquire(GFP_KERNEL);
	p = gom_malloc(300000, GFP_KERNEL | __GFP_NOLOCKDEP);
	fs_reclaim_release(GFP_KERNEL);
	WRITE_ONCE(gom_test_hook, NULL);
	KUNIT_EXPECT_NOT_NULL(test, p);
	KUNIT_EXPECT_TRUE_MSG(test, debug_locks, "lockdep saw a deadlock");
	gom_free(p);
}
#else
static void lockdep_does_not_look_if_it_is_told_so(struct kunit *test)
{
	kunit_skip(test, "this kernel has no lockdep");
}
#endif

/* === From one CPU to another === */

#define SLOTS	256U
#define ROUNDS	TIMES(20000U, 2000U)

struct exchange {
	void *slot[SLOTS];
	atomic_t errors;
	struct completion done;
	atomic_t running;
};

static void check_and_free(struct exchange *x, void *p)
{
	if (p && !all_bytes(p, pattern_of(p), SIZE))
		atomic_inc(&x->errors);
	gom_free(p);
}

/* Put a new object in place of an old one, which is most often another CPU's. */
static int swap_objects(void *arg)
{
	struct exchange *x = arg;
	unsigned int i;
	void *p;

	for (i = 0; i < ROUNDS; i++) {
		p = gom_malloc(SIZE, GFP_KERNEL);
		if (p)
			memset(p, pattern_of(p), SIZE);
		check_and_free(x, xchg(&x->slot[i * 7 % SLOTS], p));
		if (i % 64 == 0)
			cond_resched();
	}
	if (atomic_dec_and_test(&x->running))
		complete(&x->done);
	return 0;
}

static void objects_are_freed_on_other_cpus(struct kunit *test)
{
	struct exchange *x = kunit_kzalloc(test, sizeof(*x), GFP_KERNEL);
	struct task_struct *t;
	unsigned int i;
	int cpu;

	KUNIT_ASSERT_NOT_NULL(test, x);
	if (num_online_cpus() < 2)
		kunit_skip(test, "one CPU online");
	init_completion(&x->done);
	atomic_set(&x->running, 1);
	for_each_online_cpu(cpu) {
		t = kthread_create(swap_objects, x, "gom_swap/%d", cpu);
		if (IS_ERR(t))
			continue;
		atomic_inc(&x->running);
		kthread_bind(t, cpu);
		wake_up_process(t);
	}
	if (!atomic_dec_and_test(&x->running))
		wait_for_completion(&x->done);
	KUNIT_EXPECT_EQ(test, atomic_read(&x->errors), 0);
	for (i = 0; i < SLOTS; i++)
		check_and_free(x, x->slot[i]);
	KUNIT_EXPECT_EQ(test, atomic_read(&x->errors), 0);
}

static struct kunit_case cases[] = {
	HEAP_CASE(an_interrupt_inside_the_cache_is_served_past_it),
	KUNIT_CASE(a_timer_may_interrupt_anywhere),
	HEAP_CASE(lockdep_does_not_look_if_it_is_told_so),
	KUNIT_CASE(objects_are_freed_on_other_cpus),
	{}
};

struct kunit_suite gomalloc_context_suite = {
	.name = "gomalloc_context",
	.init = live_begin,
	.exit = live_end,
	.test_cases = cases,
};
