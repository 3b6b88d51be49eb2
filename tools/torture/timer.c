// SPDX-License-Identifier: GPL-2.0
/*
 * Allocating and freeing in timers that interrupt, also on PREEMPT_RT, where most
 * timers are run by a thread: there nothing that sleeps may be taken.  A CPU that
 * goes offline takes its timer along to another: do not do that meanwhile.
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

static DEFINE_PER_CPU(struct nolock_hand, hands);
static DEFINE_PER_CPU(struct hrtimer, timers);
static DEFINE_PER_CPU(unsigned long, served);
static void (*work)(void);		/* what they do; NULL: they are not running */

static void work_without_waiting(void)
{
	int i;

	for (i = 0; i < STEPS; i++)
		nolock_step(this_cpu_ptr(&hands), true);
}

static void work_as_others(void)
{
	void *p = gom_malloc(IRQ_SIZE, GFP_ATOMIC);

	if (p)
		this_cpu_inc(served);
	gom_free(p);
}

/* Slow machines must get on with something else in between: one part in four. */
static enum hrtimer_restart interrupt(struct hrtimer *timer)
{
	const u64 begin = ktime_get_ns();

	work();
	hrtimer_forward_now(timer, ns_to_ktime(PERIOD_NS + 3 * (ktime_get_ns() - begin)));
	return HRTIMER_RESTART;
}

static void start(void *unused)
{
	hrtimer_start(this_cpu_ptr(&timers), ns_to_ktime(PERIOD_NS), HRTIMER_MODE_REL_PINNED_HARD);
}

static int start_all(void (*fn)(void))
{
	int cpu;

	if (work)
		return -EBUSY;
	work = fn;
	for_each_possible_cpu(cpu)
		hrtimer_setup(per_cpu_ptr(&timers, cpu), interrupt, CLOCK_MONOTONIC,
			      HRTIMER_MODE_REL_PINNED_HARD);
	on_each_cpu(start, NULL, 1);
	return 0;
}

/* False if they did not run to do @fn. */
static bool stop_all(void (*fn)(void))
{
	int cpu;

	if (work != fn)
		return false;
	for_each_possible_cpu(cpu)
		hrtimer_cancel(per_cpu_ptr(&timers, cpu));
	work = NULL;
	return true;
}

int torture_timer(unsigned int on)
{
	if (on)
		return start_all(work_without_waiting);
	return stop_all(work_without_waiting) ? nolock_finish(&hands, "timer") : 0;
}

/* Not on PREEMPT_RT, where an interrupt may not call what takes locks. */
int torture_irq(unsigned int on)
{
	unsigned long sum = 0;
	int cpu;

	if (IS_ENABLED(CONFIG_PREEMPT_RT))
		return on ? -EOPNOTSUPP : 0;
	if (on)
		return start_all(work_as_others);
	if (!stop_all(work_as_others))
		return 0;
	for_each_possible_cpu(cpu) {
		sum += per_cpu(served, cpu);
		per_cpu(served, cpu) = 0;
	}
	pr_info("irq: %lu got memory\n", sum);
	return sum ? 0 : -EIO;
}
