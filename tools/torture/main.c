// SPDX-License-Identifier: GPL-2.0
/*
 * gomalloc_torture: situations that a test cannot wait for, made on demand.
 *
 *   insmod gomalloc_torture.ko
 *   echo "fill 0" > /sys/module/gomalloc_torture/parameters/run
 *
 * A write does one thing, says in the kernel log what came of it, and fails
 * when gomalloc did not do what it has to.  Scripts in tools/guest put the
 * things together; what is held goes when the module goes.
 */
#include <linux/module.h>
#include <linux/moduleparam.h>
#include <linux/string.h>

#include "torture.h"

static const struct torture_command commands[] = {
	{ "live", torture_live },		/* KiB of objects of all sizes, kept */
	{ "same", torture_same },		/* KiB of objects of 1024 bytes, kept */
	{ "holes", torture_holes },		/* the same, and 7 of 8 freed */
	{ "plugged", torture_plugged },		/* KiB, of memory above 4 GiB */
	{ "without-memory", torture_without_memory },	/* ask a node that has none */
	{ "free", torture_free },		/* what was kept */
	{ "cache", torture_cache },		/* so many caches, made and destroyed */
	{ "cache-hold", torture_cache_hold },	/* one, with free objects on this CPU */
	{ "cache-end", torture_cache_end },
	{ "fill", torture_fill },		/* take all pages of a node */
	{ "unfill", torture_unfill },
	{ "fragments", torture_fragments },	/* allocate where only single pages are free */
	{ "fifo", torture_fifo },		/* make a process a real-time one */
	{ "defer", torture_defer },		/* a free on a CPU that must be deferred */
	{ "nmi", torture_nmi },			/* allocate in NMIs: 1 from now on, 0 no more */
	{ "timer", torture_timer },		/* the same in timers that interrupt */
	{ "irq", torture_irq },			/* in such timers as whoever may wait */
	{ "rcu", torture_rcu },			/* free after grace periods, for so many seconds */
	{ "rcu-barrier", torture_rcu_barrier },	/* wait until they are freed */
	{ "random", torture_random },		/* draw random numbers on all CPUs: 1 or 0 */
};

static int set_run(const char *val, const struct kernel_param *kp)
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
	pr_err("there is no command %s\n", name);
	return -EINVAL;
}

/* Writes to one module's parameters take turns. */
static const struct kernel_param_ops run_ops = { .set = set_run };
module_param_cb(run, &run_ops, NULL, 0200);
MODULE_PARM_DESC(run, "what to do now; the source says what there is");

static int __init torture_init(void)
{
	return 0;
}
module_init(torture_init);

static void __exit torture_exit(void)
{
	torture_nmi(0);
	torture_timer(0);
	torture_irq(0);
	torture_random(0);
	torture_unfill(0);
	torture_free(0);
	torture_cache_end(0);
}
module_exit(torture_exit);

MODULE_DESCRIPTION("Situations that gomalloc has to bear");
MODULE_LICENSE("GPL");
