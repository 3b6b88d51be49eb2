// SPDX-License-Identifier: GPL-2.0
/* Makes a process a real-time one: the guest's busybox has no chrt. */
#include <linux/pid.h>
#include <linux/sched.h>
#include <linux/sched/task.h>

#include "torture.h"

int torture_fifo(unsigned int nr)
{
	struct pid *pid = find_get_pid(nr);
	struct task_struct *task = get_pid_task(pid, PIDTYPE_PID);

	put_pid(pid);
	if (!task)
		return -ESRCH;
	sched_set_fifo(task);
	put_task_struct(task);
	return 0;
}
