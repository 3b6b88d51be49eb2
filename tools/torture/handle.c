// SPDX-License-Identifier: GPL-2.0
/*
 * Gives a cache of the drop-in to a function of the kernel that reads it, as if
 * a module passed it to code that is built without as_slab.h.  A task of its own
 * does so, as the Oops ends it.
 */
#include <linux/completion.h>
#include <linux/err.h>
#include <linux/errno.h>
#include <linux/kthread.h>
#include <linux/sched/task.h>
#include <linux/slab.h>

#include "slab/slab.h"
#include "torture.h"

#define SIZE	72U

static DECLARE_COMPLETION(started);
static unsigned int found;	/* by the kernel, if it found memory */
static bool ended;

static int handle_read(void *s)
{
	complete(&started);
	found = kmem_cache_size(s);
	ended = true;
	return 0;
}

/* 0 if the task did not come back. */
static int handle_read_in_task(struct kmem_cache *s)
{
	struct task_struct *task = kthread_create(handle_read, s, "gom_handle");

	if (IS_ERR(task))
		return PTR_ERR(task);
	ended = false;
	get_task_struct(task);
	reinit_completion(&started);
	wake_up_process(task);
	wait_for_completion(&started);
	kthread_stop(task);
	put_task_struct(task);
	if (ended)
		pr_err("the kernel read a handle, and found a size of %u\n", found);
	return ended ? -EIO : 0;
}

static struct kmem_cache *handle_create(void)
{
#ifdef kmem_cache_create
	struct kmem_cache_args args = { };

	return gom_slab___kmem_cache_create_args("torture_handle", SIZE, &args, 0);
#else
	return gom_slab_kmem_cache_create("torture_handle", SIZE, 0, 0, NULL);
#endif
}

int torture_handle(unsigned int unused)
{
	struct kmem_cache *s = handle_create();
	int err;

	if (!s)
		return -ENOMEM;
	err = handle_read_in_task(s);
	gom_slab_kmem_cache_destroy(s);
	return err;
}
