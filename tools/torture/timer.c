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

#include "../bench/compat.h"
#include "nolock.h"
#include "torture.h"

#define PERIOD_NS	(200 * NSEC_PER_USEC)
#define STEPS		4

static DEFINE_PER_CPU(struct nolock_hand, hands);
static DEFINE_PER_CPU(struct hrtimer, timers);
static bool running;

/* Slow machines must get on with something else in between: one part in four. */
static enum hrtimer_restart interrupt(struct hrtimer *timer)
{
	const u64 begin = ktime_get_ns();
	int i;

	for (i = 0; i < STEPS; i++)
		nolock_step(this_cpu_ptr(&hands), true);
	hrtimer_forward_now(timer, ns_to_ktime(PERIOD_NS + 3 * (ktime_get_ns() - begin)));
	return HRTIMER_RESTART;
}

static void start(void *unused)
{
	hrtimer_start(this_cpu_ptr(&timers), ns_to_ktime(PERIOD_NS), HRTIMER_MODE_REL_PINNED_HARD);
}

static void start_all(void)
{
	int cpu;

	for_each_possible_cpu(cpu)
		hrtimer_setup(per_cpu_ptr(&timers, cpu), interrupt, CLOCK_MONOTONIC,
			      HRTIMER_MODE_REL_PINNED_HARD);
	on_each_cpu(start, NULL, 1);
	running = true;
}

int torture_timer(unsigned int on)
{
	int cpu;

	if (on && !running)
		start_all();
	if (on || !running)
		return 0;
	for_each_possible_cpu(cpu)
		hrtimer_cancel(per_cpu_ptr(&timers, cpu));
	running = false;
	return nolock_finish(&hands, "timer");
}
