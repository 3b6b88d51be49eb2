// SPDX-License-Identifier: GPL-2.0
/*
 * Calling a function on every CPU, inside its cache: to flush the caches, and
 * to change what all of them count.
 *
 * Context: task.  gom_cpu_call_online() does not sleep and takes no lock.
 * gom_cpu_call_all() takes the CPU hotplug lock and, inside it, offline_lock.
 * gom_cpu_call_all_cpuslocked() is for callers with a lock of their own, which
 * is taken between the two.
 */
#include <linux/cpu.h>
#include <linux/mutex.h>
#include <linux/nodemask.h>
#include <linux/smp.h>

#include "base/compat.h"
#include "base/node.h"
#include "percpu/cpu_call.h"
#include "percpu/mcache.h"

/* Runs in an IPI, or on the calling CPU as a plain call with interrupts off. */
static void cpu_call_handler(void *info)
{
	struct gom_cpu_call *call = info;
	struct gom_mcache *c = this_cpu_ptr(&gom_mcache);

	c->asked++;
	if (c->mallocing & GOM_MALLOCING) {
		atomic_inc(&call->busy);
		return;
	}
	c = gom_mcache_enter_slow();
	if (!c)		/* debug=: this cache holds and counts nothing */
		return;
	call->fn(c, call);
	gom_mcache_leave_slow(c);
}

static bool cpu_call_wanted(int cpu, void *info)
{
	struct gom_cpu_call *call = info;

	if (call->nid != NUMA_NO_NODE && gom_cpu_mem_node(cpu) != call->nid)
		return false;
	return !call->wants || call->wants(per_cpu_ptr(&gom_mcache, cpu), call);
}

/*
 * Run @call->fn on the online CPUs that have work.  By IPI: a work item would
 * never run on a CPU that an isolated real-time task occupies.  An IPI finds
 * the cache in use only if it hit the few instructions inside; that CPU is
 * called again.
 */
void gom_cpu_call_online(struct gom_cpu_call *call)
{
	do {
		atomic_set(&call->busy, 0);
		on_each_cpu_cond(cpu_call_wanted, cpu_call_handler, call, true);
		cpu_relax();
	} while (atomic_read(&call->busy));
}

/*
 * Call @call->fn for the cache of a CPU on which nothing runs.  The caller owns
 * it: by offline_lock, or as the only one during CPU hotplug and on unload.
 */
void gom_cpu_call_dead(int cpu, struct gom_cpu_call *call)
{
	struct gom_mcache *c = per_cpu_ptr(&gom_mcache, cpu);

	c->mallocing |= GOM_MALLOCING;
	call->fn(c, call);
	c->mallocing &= ~GOM_MALLOCING;
}

/*
 * Protects the caches of offline CPUs, @mallocing included.
 */
static DEFINE_MUTEX(offline_lock);

/*
 * Call @fn for the caches of all offline CPUs.  The caller holds
 * cpus_read_lock().  May sleep.
 */
void gom_cpu_call_offline(void (*fn)(int cpu, struct gom_cpu_call *call),
			  struct gom_cpu_call *call)
{
	int cpu;

	mutex_lock(&offline_lock);
	for_each_possible_cpu(cpu)
		if (!cpu_online(cpu))
			fn(cpu, call);
	mutex_unlock(&offline_lock);
}

/*
 * As gom_cpu_call_online(), and for the caches of offline CPUs.  May sleep.
 * The caller holds cpus_read_lock().
 */
void gom_cpu_call_all_cpuslocked(struct gom_cpu_call *call)
{
	gom_cpu_call_online(call);
	gom_cpu_call_offline(gom_cpu_call_dead, call);
}

/* The same; takes cpus_read_lock(). */
void gom_cpu_call_all(struct gom_cpu_call *call)
{
	cpus_read_lock();
	gom_cpu_call_all_cpuslocked(call);
	cpus_read_unlock();
}
