/* SPDX-License-Identifier: GPL-2.0 */
/*
 * A free with a lock of the scheduler held, as in BPF programs and tracers.
 * No task may be woken there: lockdep reports it as a circular dependency of
 * pi_lock, which this takes.
 */
#ifndef GOM_KUNIT_SCHED_LOCK_H
#define GOM_KUNIT_SCHED_LOCK_H

#include <kunit/test.h>
#include <linux/lockdep.h>
#include <linux/sched.h>

#include "gomalloc.h"

/*
 * A free may take a spinlock, which is wrong inside a raw one under PREEMPT_RT
 * only.  lockdep would report that first; since 6.7 it can be told not to.
 */
#ifdef DEFINE_WAIT_OVERRIDE_MAP
static inline void free_in_raw_lock(void *p)
{
	static DEFINE_WAIT_OVERRIDE_MAP(spinlock_in_raw_spinlock, LD_WAIT_CONFIG);

	lock_map_acquire_try(&spinlock_in_raw_spinlock);
	gom_free(p);
	lock_map_release(&spinlock_in_raw_spinlock);
}
#else
static inline void free_in_raw_lock(void *p)
{
	gom_free(p);
}
#endif

static inline void free_with_scheduler_lock(struct kunit *test, void *p)
{
	unsigned long flags;

	if (IS_ENABLED(CONFIG_PREEMPT_RT))
		kunit_skip(test, "a free may take a sleeping lock under PREEMPT_RT");
	raw_spin_lock_irqsave(&current->pi_lock, flags);
	free_in_raw_lock(p);
	raw_spin_unlock_irqrestore(&current->pi_lock, flags);
}

#endif /* GOM_KUNIT_SCHED_LOCK_H */
