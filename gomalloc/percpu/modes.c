// SPDX-License-Identifier: GPL-2.0
/*
 * Modes that send every call to the slow path: bits of @mallocing on every CPU
 * (mcache.h).  They are set from load to unload (debug=, a backend), or while
 * somebody needs the slow path (tracepoints).
 */
#include <linux/cpu.h>
#include <linux/mutex.h>
#include <linux/rcupdate.h>
#include <linux/smp.h>

#include "base/compat.h"
#include "percpu/cpu_call.h"
#include "percpu/mcache.h"

/*
 * Protects the two below, and serializes writing them to all CPUs' @mallocing.
 */
static DEFINE_MUTEX(modes_lock);
static u8 modes;		/* bits of @mallocing set from load to unload */
static unsigned int slow_users;	/* users that force every call to the slow path */

/* The mode bits that @mallocing should have on every CPU. */
static u8 modes_wanted(void)
{
	return modes | (READ_ONCE(slow_users) ? GOM_MALLOCING_SLOW : 0);
}

/*
 * On the CPU of @c, under offline_lock if it is offline, or before it is used.
 * Does nothing from inside.
 */
static void mcache_set_modes(struct gom_mcache *c)
{
	if (!(c->mallocing & GOM_MALLOCING))
		c->mallocing = modes_wanted();
}

static void modes_set_this_cpu(void *unused)
{
	mcache_set_modes(this_cpu_ptr(&gom_mcache));
}

/* Under offline_lock: nobody is inside. */
static void modes_set_offline_cpu(int cpu, struct gom_cpu_call *unused)
{
	mcache_set_modes(per_cpu_ptr(&gom_mcache, cpu));
}

static bool modes_are_set(void)
{
	int cpu;

	for_each_online_cpu(cpu)
		if ((READ_ONCE(per_cpu_ptr(&gom_mcache, cpu)->mallocing) & ~GOM_MALLOCING) !=
		    modes_wanted())
			return false;
	return true;
}

/**
 * gom_mcache_force_slow - force every call to take the slow path, or stop that
 * @by: 1 to add a user of the slow path, -1 to remove one
 *
 * May be called before gom_mcache_init() and after gom_mcache_exit(): a
 * tracepoint can be enabled as long as the module is loaded.
 *
 * The flag of an offline CPU is set under offline_lock, which its other writers
 * hold.  That of an online CPU is set in an IPI.  If the IPI hits
 * gom_mcache_enter() between the test and the store of the flag, or hits code
 * inside the cache, the leave overwrites what the IPI stored.  All of that runs
 * with preemption off, so it has ended after a grace period.  If the flag is
 * correct then, it stays correct, because every later enter tests it.  If not,
 * it is set again.
 *
 * Context: task, may sleep.
 */
void gom_mcache_force_slow(int by)
{
	mutex_lock(&modes_lock);
	WRITE_ONCE(slow_users, slow_users + by);
	cpus_read_lock();
	gom_cpu_call_offline(modes_set_offline_cpu, NULL);
	do {
		on_each_cpu(modes_set_this_cpu, NULL, true);
		synchronize_rcu();
	} while (!modes_are_set());
	cpus_read_unlock();
	mutex_unlock(&modes_lock);
}
GOM_EXPORT_FOR_TEST(gom_mcache_force_slow);

/*
 * On load, before the caches are used: @mode has the bits of @mallocing to set
 * until unload.  Tracepoints may be enabled at the same time.
 */
void gom_mcache_init_modes(u8 mode)
{
	int cpu;

	mutex_lock(&modes_lock);
	modes = mode;
	for_each_possible_cpu(cpu)
		mcache_set_modes(per_cpu_ptr(&gom_mcache, cpu));
	mutex_unlock(&modes_lock);
}
