// SPDX-License-Identifier: GPL-2.0
/*
 * A free that gomalloc must defer, on another CPU: in an interrupt, of an
 * object with a finalizer.  The CPU may be occupied by a real-time task.
 */
#include <linux/completion.h>
#include <linux/cpumask.h>
#include <linux/jiffies.h>
#include <linux/smp.h>

#include "../../gomalloc/gomalloc.h"
#include "torture.h"

#define TIMEOUT_S	10U

static void object_complete(void *p, void *done)
{
	complete(done);
}

static void object_free(void *p)
{
	gom_free_nolock(p);
}

/* Passes if the finalizer runs, although nobody waits for it with a barrier. */
int torture_defer(unsigned int cpu)
{
	DECLARE_COMPLETION_ONSTACK(done);
	void *p = gom_malloc(64, GFP_KERNEL);
	bool ran;
	int err;

	if (!p)
		return -ENOMEM;
	if (cpu >= nr_cpu_ids) {
		gom_free(p);
		return -EINVAL;
	}
	err = gom_set_finalizer(p, object_complete, &done);
	if (!err)
		err = smp_call_function_single(cpu, object_free, p, true);
	if (err) {
		gom_set_finalizer(p, NULL, NULL);
		gom_free(p);
		return err;
	}
	ran = wait_for_completion_timeout(&done, TIMEOUT_S * HZ);
	gom_finalizer_barrier();
	if (!ran)
		pr_err("defer %u: the object was not freed within %u s\n", cpu, TIMEOUT_S);
	return ran ? 0 : -ETIME;
}
