// SPDX-License-Identifier: GPL-2.0
/*
 * A thread on each CPU draws random numbers.  On PREEMPT_RT it is preempted
 * with the kernel's locks for them held.  An allocator that draws one with
 * preemption disabled, which is not allowed, would then sleep.
 */
#include <linux/cpu.h>
#include <linux/err.h>
#include <linux/kthread.h>
#include <linux/percpu.h>
#include <linux/random.h>
#include <linux/sched.h>

#include "torture.h"

#define DRAWS	64

static DEFINE_PER_CPU(struct task_struct *, threads);

static int random_main(void *unused)
{
	u64 sum = 0;
	int i;

	while (!kthread_should_stop()) {
		for (i = 0; i < DRAWS; i++)
			sum += get_random_u64();
		cond_resched();
	}
	return 0;
}

static int random_start(int cpu)
{
	struct task_struct *thread = kthread_create_on_cpu(random_main, NULL, cpu, "gom_random/%u");

	if (IS_ERR(thread))
		return PTR_ERR(thread);
	per_cpu(threads, cpu) = thread;
	wake_up_process(thread);
	return 0;
}

int torture_random(unsigned int on)
{
	int cpu, err = 0;

	for_each_possible_cpu(cpu) {
		if (per_cpu(threads, cpu))
			kthread_stop(per_cpu(threads, cpu));
		per_cpu(threads, cpu) = NULL;
	}
	if (!on)
		return 0;
	cpus_read_lock();
	for_each_online_cpu(cpu)
		err = err ?: random_start(cpu);
	cpus_read_unlock();
	return err;
}
