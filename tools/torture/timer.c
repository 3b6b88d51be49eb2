// SPDX-License-Identifier: GPL-2.0
/*
 * Allocates and frees in hardirq timers, also on PREEMPT_RT, where other timers
 * run in a thread; there it must not take locks that sleep.  No CPU may go
 * offline meanwhile, as its timer would move to another one.
 */
#include <linux/cpu.h>
#include <linux/hrtimer.h>
#include <linux/percpu.h>
#include <linux/smp.h>
#include <linux/time64.h>

#include "../../gomalloc/gomalloc.h"
#include "../bench/compat.h"
#include "nolock.h"
#include "torture.h"

#define PERIOD_NS	(200 * NSEC_PER_USEC)
#define STEPS		4
#define IRQ_SIZE	100U

static DEFINE_PER_CPU(struct nolock_state, states);
static DEFINE_PER_CPU(struct hrtimer, timers);
static DEFINE_PER_CPU(unsigned long, allocated);
static void (*timer_work)(void);		/* called by the timers; NULL: they are stopped */

static void timer_work_nolock(void)
{
	int i;

	for (i = 0; i < STEPS; i++)
		nolock_step(this_cpu_ptr(&states), true);
}

static void timer_work_atomic(void)
{
	void *p = gom_malloc(IRQ_SIZE, GFP_ATOMIC);

	if (p)
		this_cpu_inc(allocated);
	gom_free(p);
}

/* Take at most a quarter of the time, so that slow machines make progress. */
static enum hrtimer_restart timer_interrupt(struct hrtimer *timer)
{
	const u64 begin = ktime_get_ns();

	timer_work();
	hrtimer_forward_now(timer, ns_to_ktime(PERIOD_NS + 3 * (ktime_get_ns() - begin)));
	return HRTIMER_RESTART;
}

static void timer_start(void *unused)
{
	hrtimer_start(this_cpu_ptr(&timers), ns_to_ktime(PERIOD_NS), HRTIMER_MODE_REL_PINNED_HARD);
}

static int timers_start(void (*fn)(void))
{
	int cpu;

	if (timer_work)
		return -EBUSY;
	timer_work = fn;
	for_each_possible_cpu(cpu)
		hrtimer_setup(per_cpu_ptr(&timers, cpu), timer_interrupt, CLOCK_MONOTONIC,
			      HRTIMER_MODE_REL_PINNED_HARD);
	on_each_cpu(timer_start, NULL, 1);
	return 0;
}

/* Returns false if the timers were not started with @fn. */
static bool timers_stop(void (*fn)(void))
{
	int cpu;

	if (timer_work != fn)
		return false;
	for_each_possible_cpu(cpu)
		hrtimer_cancel(per_cpu_ptr(&timers, cpu));
	timer_work = NULL;
	return true;
}

int torture_timer(unsigned int on)
{
	if (on)
		return timers_start(timer_work_nolock);
	return timers_stop(timer_work_nolock) ? nolock_finish(&states, "timer") : 0;
}

/* Not on PREEMPT_RT, where hardirqs may not call kmalloc() or gom_malloc(). */
int torture_irq(unsigned int on)
{
	unsigned long sum = 0;
	int cpu;

	if (IS_ENABLED(CONFIG_PREEMPT_RT))
		return on ? -EOPNOTSUPP : 0;
	if (on)
		return timers_start(timer_work_atomic);
	if (!timers_stop(timer_work_atomic))
		return 0;
	for_each_possible_cpu(cpu) {
		sum += per_cpu(allocated, cpu);
		per_cpu(allocated, cpu) = 0;
	}
	pr_info("irq: %lu allocations\n", sum);
	return sum ? 0 : -EIO;
}
