// SPDX-License-Identifier: GPL-2.0
/*
 * gomalloc_torture: creates, on request, situations that are rare by
 * themselves.
 *
 *   insmod gomalloc_torture.ko
 *   echo "fill 0" > /sys/module/gomalloc_torture/parameters/run
 *
 * A write runs one command, which logs its result; the write fails if gomalloc
 * failed.  Scripts in tools/guest combine the commands.  Unloading the module
 * frees what it holds.
 */
#include <linux/module.h>
#include <linux/moduleparam.h>
#include <linux/string.h>

#include "torture.h"

static const struct torture_command commands[] = {
	{ "live", torture_live },		/* allocate so many KiB of all sizes */
	{ "same", torture_same },		/* the same, of 1024 bytes each */
	{ "holes", torture_holes },		/* the same, and free 7 of 8 */
	{ "plugged", torture_plugged },		/* so many KiB, some above 4 GiB */
	{ "without-memory", torture_without_memory },	/* ask a node that has none */
	{ "strict", torture_strict },		/* objects of that node and no other */
	{ "free", torture_free },		/* free these objects */
	{ "cache", torture_cache },		/* create and destroy so many caches */
	{ "cache-hold", torture_cache_hold },	/* create one, free objects on this CPU */
	{ "cache-end", torture_cache_end },	/* destroy that cache */
	{ "fill", torture_fill },		/* take all pages of a node */
	{ "unfill", torture_unfill },		/* free these pages */
	{ "fragments", torture_fragments },	/* allocate with only single pages free */
	{ "fifo", torture_fifo },		/* make a process a real-time one */
	{ "defer", torture_defer },		/* free on a CPU, which must defer it */
	{ "nmi", torture_nmi },			/* allocate in NMIs: 1 on, 0 off */
	{ "timer", torture_timer },		/* the same in hardirq timers, nolock calls */
	{ "sched", torture_sched },		/* the same at each switch of tasks: 1 on, 0 off */
	{ "irq", torture_irq },			/* the same in hardirq timers, GFP_ATOMIC */
	{ "hotplug", torture_hotplug },		/* create caches for CPUs: 1 on, 0 off */
	{ "rcu", torture_rcu },			/* free after grace periods for so many s */
	{ "rcu-barrier", torture_rcu_barrier },	/* wait for these frees */
	{ "transfer", torture_transfer },	/* give the kernel what it must not free */
	{ "nolock-head", torture_nolock_head },	/* free by kfree_rcu_nolock() of the drop-in */
	{ "handle", torture_handle },		/* have the kernel read a cache of the drop-in */
	{ "random", torture_random },		/* draw random numbers: 1 on, 0 off */
};

static int run_set(const char *val, const struct kernel_param *kp)
{
	unsigned int arg = 0;
	char name[16];
	size_t i;

	if (sscanf(val, "%15s %u", name, &arg) < 1)
		return -EINVAL;
	for (i = 0; i < ARRAY_SIZE(commands); i++) {
		if (!strcmp(name, commands[i].name))
			return commands[i].run(arg);
	}
	pr_err("there is no command '%s'\n", name);
	return -EINVAL;
}

/* The kernel serializes writes to the parameters of a module. */
static const struct kernel_param_ops run_ops = { .set = run_set };
module_param_cb(run, &run_ops, NULL, 0200);
MODULE_PARM_DESC(run, "command to run; the table of commands in the source lists them");

static int __init torture_init(void)
{
	return 0;
}
module_init(torture_init);

static void __exit torture_exit(void)
{
	torture_nmi(0);
	torture_timer(0);
	torture_sched(0);
	torture_irq(0);
	torture_hotplug(0);
	torture_random(0);
	torture_unfill(0);
	torture_free(0);
	torture_cache_end(0);
}
module_exit(torture_exit);

MODULE_DESCRIPTION("Rare situations for tests of gomalloc");
MODULE_LICENSE("GPL");
