// SPDX-License-Identifier: GPL-2.0
/* Frees after a grace period, repeatedly, on this CPU. */
#include <linux/gfp.h>
#include <linux/jiffies.h>
#include <linux/rcupdate.h>
#include <linux/sched.h>

#include "gomalloc.h"
#include "torture.h"

/* Limits the memory that waits for grace periods. */
#define AT_ONCE	1000U

struct rcu_object {
	struct rcu_head rcu;
	char rest[48];
};

static int rcu_free_many(void)
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
		err = rcu_free_many();
		schedule_timeout_uninterruptible(1);	/* lets grace periods end */
	}
	gom_free_rcu_barrier();
	return err;
}
