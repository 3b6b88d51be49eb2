// SPDX-License-Identifier: GPL-2.0
/*
 * kfree_rcu_nolock() of the drop-in: its irq_work runs in a hardirq, whatever the
 * task does.  Under PREEMPT_RT only a hard irq_work does; others run in a thread,
 * which comes to nothing here, where preemption is off.
 *
 * An ftrace callback sees where the object's head comes to gom_free_rcu().
 */
#include <linux/errno.h>
#include <linux/ftrace.h>
#include <linux/jiffies.h>
#include <linux/preempt.h>
#include <linux/ptrace.h>
#include <linux/rcupdate.h>
#include <linux/string.h>

#include "base/compat.h"
#include "gomalloc.h"
#include "slab/slab.h"
#include "torture.h"

#if defined(GOM_HAS_NOLOCK) && defined(GOM_HAS_PROBES) && defined(CONFIG_DYNAMIC_FTRACE_WITH_REGS)
struct object {
	unsigned long before;
	GOM_KVFREE_RCU_HEAD rcu;
};

static struct {
	void *head;
	bool freed;
	bool in_hardirq;
} watched;

static void head_watch(unsigned long ip, unsigned long parent_ip, struct ftrace_ops *ops,
		       struct ftrace_regs *fregs)
{
	struct pt_regs *regs = ftrace_get_regs(fregs);

	if (!regs || (void *)regs_get_kernel_argument(regs, 0) != watched.head)
		return;
	watched.in_hardirq = in_hardirq();
	WRITE_ONCE(watched.freed, true);
}

static struct ftrace_ops watch_ops = {
	.func = head_watch,
	.flags = FTRACE_OPS_FL_SAVE_REGS | FTRACE_OPS_FL_RECURSION,
};

static int watch_begin(struct object *p)
{
	char name[] = "__gom_free_rcu";
	int err;

	watched = (typeof(watched)) { .head = &p->rcu };
	err = ftrace_set_filter(&watch_ops, name, strlen(name), 0) ?:
	      register_ftrace_function(&watch_ops);
	if (err)
		ftrace_free_filter(&watch_ops);
	return err;
}

static void watch_end(void)
{
	unregister_ftrace_function(&watch_ops);
	ftrace_free_filter(&watch_ops);
}

/* Without an interrupt of its own, irq_work runs at the next tick. */
static void free_without_preemption(struct object *p)
{
	unsigned long end;

	preempt_disable();
	end = jiffies + HZ / 2;
	gom_slab_kfree_call_rcu_nolock(&p->rcu, p);
	while (!READ_ONCE(watched.freed) && time_before(jiffies, end))
		cpu_relax();
	preempt_enable();
}

static int watched_result(void)
{
	if (watched.freed && watched.in_hardirq)
		return 0;
	pr_err("kfree_rcu_nolock(): %s\n", watched.freed ? "its irq_work is not in a hardirq" :
	       "its irq_work does not run while preemption is off");
	return -EIO;
}

int torture_nolock_head(unsigned int unused)
{
	struct object *p = gom_malloc(sizeof(*p), GFP_KERNEL);
	int err = p ? watch_begin(p) : -ENOMEM;

	if (err) {
		gom_free(p);
		return err;
	}
	free_without_preemption(p);
	err = watched_result();
	watch_end();
	gom_free_rcu_barrier();
	return err;
}
#else
int torture_nolock_head(unsigned int unused)
{
	return -EOPNOTSUPP;
}
#endif
