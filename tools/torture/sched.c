// SPDX-License-Identifier: GPL-2.0
/*
 * Allocates and frees at each switch of tasks, with the lock of a run queue
 * held, as a tracer may.  Nothing may wake a task there.
 */
#include <linux/percpu.h>
#include <linux/preempt.h>
#include <linux/sched.h>
#include <linux/string.h>
#include <linux/tracepoint.h>

#include "nolock.h"
#include "torture.h"

static DEFINE_PER_CPU(struct nolock_state, states);
static DEFINE_PER_CPU(int, nested);
static struct tracepoint *sched_switch;
static bool registered;

static void switch_probe(void *unused, bool preempt, struct task_struct *prev,
			 struct task_struct *next, unsigned int prev_state)
{
	if (this_cpu_inc_return(nested) == 1)
		nolock_step(this_cpu_ptr(&states), false);
	this_cpu_dec(nested);
}

static void tracepoint_find(struct tracepoint *tp, void *name)
{
	if (!strcmp(tp->name, name))
		sched_switch = tp;
}

int torture_sched(unsigned int on)
{
	int err;

	if (!!on == registered)
		return 0;
	if (on) {
		nolock_prepare(&states);
		for_each_kernel_tracepoint(tracepoint_find, "sched_switch");
		err = sched_switch ? tracepoint_probe_register(sched_switch, switch_probe, NULL) :
				     -ENOENT;
		registered = !err;
		if (err)
			nolock_finish(&states, "sched");
		return err;
	}
	tracepoint_probe_unregister(sched_switch, switch_probe, NULL);
	tracepoint_synchronize_unregister();
	registered = false;
	return nolock_finish(&states, "sched");
}
