/* SPDX-License-Identifier: GPL-2.0 */
/*
 * Calling a function on every CPU, inside its cache; see cpu_call.c.
 */
#ifndef GOM_CPU_CALL_H
#define GOM_CPU_CALL_H

#include <linux/atomic.h>
#include <linux/llist.h>

struct gom_mcache;

/**
 * struct gom_cpu_call - a function to run on every CPU, inside its cache
 * @fn: the function; called inside the cache of the CPU it runs on, or on that
 *	of an offline CPU.  May be called more than once for a cache
 * @wants: called on another CPU: may @fn have work in @c?  NULL means always
 * @nid: node that the CPUs to call take memory from, or NUMA_NO_NODE for all
 * @busy: CPUs whose interrupt found the cache in use; they are called again
 * @first: first class that @fn handles
 * @end: one past the last class that @fn handles
 * @mags: magazines that @fn flushed
 * @blocks: blocks of tiny objects that @fn closed, linked through themselves
 */
struct gom_cpu_call {
	void (*fn)(struct gom_mcache *c, struct gom_cpu_call *call);
	bool (*wants)(const struct gom_mcache *c, const struct gom_cpu_call *call);
	int nid;
	atomic_t busy;
	unsigned int first;
	unsigned int end;
	struct llist_head mags;
	struct llist_head blocks;
};

void gom_cpu_call_online(struct gom_cpu_call *call);
void gom_cpu_call_all_cpuslocked(struct gom_cpu_call *call);
void gom_cpu_call_all(struct gom_cpu_call *call);
void gom_cpu_call_offline(void (*fn)(int cpu, struct gom_cpu_call *call),
			  struct gom_cpu_call *call);
void gom_cpu_call_dead(int cpu, struct gom_cpu_call *call);

#endif /* GOM_CPU_CALL_H */
