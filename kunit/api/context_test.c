// SPDX-License-Identifier: GPL-2.0
/*
 * Contexts: hardirqs that interrupt an allocation on their CPU, lockdep, and
 * frees on another CPU than that of the allocation.
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

/* === An interrupt while its CPU is inside the cache === */

struct inside {
	struct irq_work work;
	void *p;
	bool intact;
	bool in_hardirq;
};

static void inside_work(struct irq_work *work)
{
	struct inside *in = container_of(work, struct inside, work);
	void *q = gom_malloc(SIZE, GFP_ATOMIC);

	in->in_hardirq = in_hardirq();
	in->p = gom_malloc(SIZE, GFP_ATOMIC);
	if (in->p && q) {
		memset(q, 1, SIZE);
		memset(in->p, 2, SIZE);
		in->intact = gomtest_all_bytes(q, 1, SIZE) && gomtest_all_bytes(in->p, 2, SIZE);
	}
	gom_free(q);
}

static void interrupt_inside_bypasses_the_cache(struct kunit *test)
{
	unsigned int class = gom_size_to_class(SIZE);
	unsigned long inside_before = gom_mcache_inside();
	struct gom_mcache_stats cpu_before, cpu_after;
	struct gom_class_stats before, after;
	struct inside in = { };
	struct gom_mcache *c;
	void *warm;
	int cpu;

	/* The cache has objects, so it could serve the interrupt. */
	warm = gom_malloc(SIZE, GFP_KERNEL);
	KUNIT_ASSERT_NOT_NULL(test, warm);
	init_irq_work(&in.work, inside_work);

	migrate_disable();
	cpu = raw_smp_processor_id();
	c = per_cpu_ptr(&gom_mcache, cpu);
	gom_class_read(class, &before);
	gom_mcache_read(cpu, class, &cpu_before);
	preempt_disable();
	c->mallocing |= GOM_MALLOCING;		/* as inside an operation */
	irq_work_queue(&in.work);
	while (irq_work_is_busy(&in.work))
		cpu_relax();
	c->mallocing &= ~GOM_MALLOCING;
	preempt_enable();
	gom_mcache_read(cpu, class, &cpu_after);
	gom_class_read(class, &after);
	migrate_enable();

	KUNIT_EXPECT_TRUE(test, in.in_hardirq);
	/* Two allocations and a free found the CPU inside. */
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

/* === A timer that interrupts a task anywhere === */

#define HELD	64U

struct ticker {
	struct hrtimer timer;
	void *held[HELD];
	unsigned int ticks, most, errors, failures;
};

/* Mostly of one class, where the interrupt can conflict with the task. */
static size_t ticker_size(unsigned int i)
{
	return i % 4 ? SIZE : 8 + i * 61 % 4000;
}

static enum hrtimer_restart ticker_timer(struct hrtimer *timer)
{
	struct ticker *t = container_of(timer, struct ticker, timer);
	unsigned int i = t->ticks % HELD;
	size_t size = ticker_size(i);

	if (t->held[i] && !gomtest_all_bytes(t->held[i], gomtest_pattern(t->held[i]), size))
		t->errors++;
	gom_free(t->held[i]);
	t->held[i] = gom_malloc(size, GFP_ATOMIC);
	if (t->held[i])
		memset(t->held[i], gomtest_pattern(t->held[i]), size);
	else
		t->failures++;
	if (++t->ticks == t->most)
		return HRTIMER_NORESTART;
	hrtimer_forward_now(timer, ns_to_ktime(TICK_NS));
	return HRTIMER_RESTART;
}

#define SBRK_ROUNDS	2000U		/* some 20 MiB */

/*
 * Allocate and free the same sizes until the timer is done; returns errors.  In
 * sbrk mode, which frees nothing, the number of rounds is limited: on a busy
 * host the timer may take long.
 */
static unsigned int ticker_load(struct ticker *t)
{
	const unsigned int rounds = gom_sbrk ? SBRK_ROUNDS : UINT_MAX;
	unsigned int errors = 0, n, i;
	void *p[16];

	for (n = 0; READ_ONCE(t->ticks) < t->most && n < rounds; n++) {
		for (i = 0; i < ARRAY_SIZE(p); i++) {
			p[i] = gom_malloc(ticker_size(n + i), GFP_KERNEL);
			if (p[i])
				memset(p[i], gomtest_pattern(p[i]), ticker_size(n + i));
		}
		for (i = 0; i < ARRAY_SIZE(p); i++) {
			if (p[i] && !gomtest_all_bytes(p[i], gomtest_pattern(p[i]),
						       ticker_size(n + i)))
				errors++;
			gom_free(p[i]);
		}
		cond_resched();
	}
	return errors;
}

static void timer_interrupts_allocations(struct kunit *test)
{
	struct ticker *t = kunit_kzalloc(test, sizeof(*t), GFP_KERNEL);
	unsigned int i, errors;

	KUNIT_ASSERT_NOT_NULL(test, t);
	t->most = TIMES(8000, 300);
	migrate_disable();
	gomtest_timer_start(&t->timer, ticker_timer);
	errors = ticker_load(t);
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

/* === __GFP_NOLOCKDEP === */

#ifdef CONFIG_LOCKDEP
static bool block_deny_light(enum gom_test_point at, unsigned int arg, gfp_t gfp)
{
	return at == GOM_AT_BLOCK && gfp & __GFP_NOMEMALLOC;
}

/* A caller with __GFP_NOLOCKDEP knows that reclaim does not deadlock. */
static void nolockdep_is_honoured(struct kunit *test)
{
	void *p;

	if (!debug_locks)
		kunit_skip(test, "lockdep is off after an earlier report");
	gom_release_memory();
	WRITE_ONCE(gom_test_callback, block_deny_light);
	fs_reclaim_acquire(GFP_KERNEL);
	p = gom_malloc(300000, GFP_KERNEL | __GFP_NOLOCKDEP);
	fs_reclaim_release(GFP_KERNEL);
	WRITE_ONCE(gom_test_callback, NULL);
	KUNIT_EXPECT_NOT_NULL(test, p);
	KUNIT_EXPECT_TRUE_MSG(test, debug_locks, "lockdep reported a deadlock");
	gom_free(p);
}
#else
static void nolockdep_is_honoured(struct kunit *test)
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

static void exchange_free(struct exchange *x, void *p)
{
	if (p && !gomtest_all_bytes(p, gomtest_pattern(p), SIZE))
		atomic_inc(&x->errors);
	gom_free(p);
}

/* Replace objects in shared slots; most were allocated on another CPU. */
static int exchange_main(void *arg)
{
	struct exchange *x = arg;
	unsigned int i;
	void *p;

	for (i = 0; i < ROUNDS; i++) {
		p = gom_malloc(SIZE, GFP_KERNEL);
		if (p)
			memset(p, gomtest_pattern(p), SIZE);
		exchange_free(x, xchg(&x->slot[i * 7 % SLOTS], p));
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
		kunit_skip(test, "needs two CPUs online");
	init_completion(&x->done);
	atomic_set(&x->running, 1);
	for_each_online_cpu(cpu) {
		t = kthread_create(exchange_main, x, "gom_swap/%d", cpu);
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
		exchange_free(x, x->slot[i]);
	KUNIT_EXPECT_EQ(test, atomic_read(&x->errors), 0);
}

static struct kunit_case cases[] = {
	HEAP_CASE(interrupt_inside_bypasses_the_cache),
	KUNIT_CASE(timer_interrupts_allocations),
	HEAP_CASE(nolockdep_is_honoured),
	KUNIT_CASE(objects_are_freed_on_other_cpus),
	{}
};

struct kunit_suite gomalloc_context_suite = {
	.name = "gomalloc_context",
	.init = gomtest_begin,
	.exit = gomtest_end,
	.test_cases = cases,
};
