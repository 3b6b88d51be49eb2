// SPDX-License-Identifier: GPL-2.0
/* Freeing after a grace period, again and again on this CPU, while "timer" does so, too. */
#include <linux/gfp.h>
#include <linux/jiffies.h>
#include <linux/rcupdate.h>
#include <linux/sched.h>

#include "gomalloc.h"
#include "torture.h"

/* A backlog of grace periods must not eat the machine. */
#define AT_ONCE	1000U

struct rcu_object {
	struct rcu_head rcu;
	char rest[48];
};

static int free_some(void)
{
	struct rcu_object *object;
	unsigned int i;

	for (i = 0; i < AT_ONCE; i++) {
		object = gom_malloc(sizeof(*object), GFP_KERNEL);
		if (!object)
			return -ENOMEM;
		gom_free_rcu(object, rcu);
	}
	return 0;
}

int torture_rcu_barrier(unsigned int unused)
{
	gom_free_rcu_barrier();
	return 0;
}

int torture_rcu(unsigned int seconds)
{
	const unsigned long end = jiffies + seconds * HZ;
	int err = 0;

	while (time_before(jiffies, end) && !err) {
		err = free_some();
		schedule_timeout_uninterruptible(1);	/* grace periods need it */
	}
	gom_free_rcu_barrier();
	return err;
}
