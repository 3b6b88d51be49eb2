// SPDX-License-Identifier: GPL-2.0
/*
 * CPUs: what an operation costs in communication between 1, 2, 4 and 8 CPUs.
 *
 *   cpus-locks	spin locks taken, and spin locks waited for, counted by kprobes
 *		on the kernel's functions for both
 *   cpus-lines	cache lines moved between CPUs, and locked instructions, counted
 *		by an emulator (lines.h).  It runs its CPUs in turns, one
 *		operation each: cpu_relax() ends a turn there
 *
 * Three patterns: pairs; a set larger than any cache, allocated and freed; and
 * the same set freed by the next CPU.  All objects have 64 bytes and are never
 * accessed.  Time is not measured: the eight CPUs share two.
 */
#if defined(CONFIG_KPROBES) && defined(CONFIG_HOTPLUG_CPU)
#include <linux/atomic.h>
#include <linux/cpu.h>
#include <linux/cpumask.h>
#include <linux/kprobes.h>
#include <linux/math64.h>
#include <linux/percpu.h>
#include <linux/processor.h>
#include <linux/sched.h>
#include <linux/slab.h>
#include <linux/string.h>

#include "allocators.h"
#include "bench.h"
#include "lines.h"
#include "workers.h"

#define OBJECT_BYTES	64U
#define SET_OBJECTS	1200U	/* more than the caches of either hold */
#define CPUS_MAX	8U
#define WARM_UPS	4U
#define TURNS		4U	/* that are counted */

enum pattern { PATTERN_PAIR, PATTERN_BATCH, PATTERN_NEIGHBOUR, NR_PATTERNS };

static const char * const pattern_names[NR_PATTERNS] = { "pair", "batch", "neighbour" };

struct set {
	void *object[SET_OBJECTS];
};

struct cpus {
	enum pattern pattern;
	bool in_turns;
	unsigned int nr;
	atomic_t arrived;		/* arrivals at the barriers so far */
	struct set set[CPUS_MAX];
};

/* === Counting locks === */

static DEFINE_PER_CPU(struct task_struct *, counted_task);
static atomic_long_t taken, waited;

static bool is_counted(void)
{
	return raw_cpu_read(counted_task) == current && !in_hardirq();
}

static int lock_taken(struct kprobe *probe, struct pt_regs *regs)
{
	if (is_counted())
		atomic_long_inc(&taken);
	return 0;
}
NOKPROBE_SYMBOL(lock_taken);

static int lock_waited_for(struct kprobe *probe, struct pt_regs *regs)
{
	if (is_counted())
		atomic_long_inc(&waited);
	return 0;
}
NOKPROBE_SYMBOL(lock_waited_for);

static struct kprobe probes[] = {
	{ .symbol_name = "_raw_spin_lock", .pre_handler = lock_taken },
	{ .symbol_name = "_raw_spin_lock_irq", .pre_handler = lock_taken },
	{ .symbol_name = "_raw_spin_lock_irqsave", .pre_handler = lock_taken },
	{ .symbol_name = "_raw_spin_lock_bh", .pre_handler = lock_taken },
	{ .symbol_name = "_raw_spin_trylock", .pre_handler = lock_taken },
	{ .symbol_name = "native_queued_spin_lock_slowpath", .pre_handler = lock_waited_for },
};

/* All CPUs that were online but the first. */
static struct cpumask others;

/*
 * Take the other CPUs offline, or online again.  Kprobes are registered and
 * unregistered while one CPU is online: an emulator that runs its CPUs in
 * parallel may miss that one changes code which another executes.
 */
static int others_set_offline(bool offline)
{
	unsigned int cpu;
	int err;

	for_each_cpu(cpu, &others) {
		err = offline ? remove_cpu(cpu) : add_cpu(cpu);
		if (err < 0) {		/* 1: it was already */
			pr_err("cpus-locks: CPU %u cannot be taken %s: %pe\n", cpu,
			       offline ? "offline" : "online", ERR_PTR(err));
			return err;
		}
	}
	return 0;
}

static int probes_register(void)
{
	unsigned int i;
	int err;

	cpumask_copy(&others, cpu_online_mask);
	cpumask_clear_cpu(cpumask_first(cpu_online_mask), &others);
	err = others_set_offline(true);
	for (i = 0; i < ARRAY_SIZE(probes) && !err; i++) {
		err = register_kprobe(&probes[i]);
		if (err)
			pr_err("cpus-locks: no kprobe on %s: %pe\n", probes[i].symbol_name,
			       ERR_PTR(err));
	}
	while (err && i)
		unregister_kprobe(&probes[--i]);	/* does nothing if that one was not registered */
	return others_set_offline(false) ?: err;
}

static void probes_unregister(void)
{
	unsigned int i;

	others_set_offline(true);
	for (i = 0; i < ARRAY_SIZE(probes); i++)
		unregister_kprobe(&probes[i]);
	others_set_offline(false);
}

/* === What a CPU does === */

static void cpus_barrier(struct cpus *cpus)
{
	const int round = (atomic_inc_return(&cpus->arrived) - 1) / cpus->nr + 1;

	while (atomic_read(&cpus->arrived) < round * cpus->nr) {
		cpu_relax();
		if (!cpus->in_turns)
			cond_resched();
	}
}

static void begin_counting(const struct cpus *cpus, bool count)
{
	if (!count)
		return;
	if (cpus->in_turns)
		bench_mark(BENCH_MARK_COUNT);
	else
		raw_cpu_write(counted_task, current);
}

static void end_counting(const struct cpus *cpus)
{
	if (cpus->in_turns) {
		bench_mark(BENCH_MARK_STOP);
		cpu_relax();	/* ends this CPU's turn */
	} else {
		raw_cpu_write(counted_task, NULL);
	}
}

static __always_inline void *alloc_one(enum bench_allocator allocator, const struct cpus *cpus,
				       bool count)
{
	void *p;

	begin_counting(cpus, count);
	p = bench_malloc(allocator, OBJECT_BYTES, GFP_KERNEL);
	end_counting(cpus);
	return p;
}

static __always_inline void free_one(enum bench_allocator allocator, const struct cpus *cpus,
				     const void *p, bool count)
{
	begin_counting(cpus, count);
	bench_free(allocator, p);
	end_counting(cpus);
}

static __always_inline int cpus_turn(enum bench_allocator allocator, struct cpus *cpus,
				     unsigned int rank, bool count)
{
	const bool pair = cpus->pattern == PATTERN_PAIR;
	struct set *set = &cpus->set[rank];
	unsigned int i;
	int err = 0;

	for (i = 0; i < SET_OBJECTS; i++) {
		set->object[i] = alloc_one(allocator, cpus, count);
		if (!set->object[i])
			err = -ENOMEM;
		if (pair)
			free_one(allocator, cpus, set->object[i], count);
	}
	cpus_barrier(cpus);
	if (cpus->pattern == PATTERN_NEIGHBOUR)
		set = &cpus->set[(rank + 1) % cpus->nr];
	for (i = 0; i < SET_OBJECTS && !pair; i++)
		free_one(allocator, cpus, set->object[i], count);
	cpus_barrier(cpus);
	return err;
}

static __always_inline int cpus_work(enum bench_allocator allocator, struct cpus *cpus,
				     unsigned int rank)
{
	unsigned int i;
	int err = 0;

	for (i = 0; i < WARM_UPS + TURNS && !err; i++)
		err = cpus_turn(allocator, cpus, rank, i >= WARM_UPS);
	return err;
}

static int work_slub(struct bench_workers *workers, unsigned int rank)
{
	return cpus_work(BENCH_SLUB, workers->data, rank);
}

static int work_gomalloc(struct bench_workers *workers, unsigned int rank)
{
	return cpus_work(BENCH_GOMALLOC, workers->data, rank);
}

/* === A line of the table === */

static int cpus_add_line(const char *table, const struct cpus *cpus, bool slub)
{
	const unsigned int calls = 2 * SET_OBJECTS * TURNS * cpus->nr;
	u64 per_call[2];

	if (cpus->in_turns) {
		bench_mark(BENCH_MARK_LINE);
		return bench_table_line(table, "%s %u %s %u", pattern_names[cpus->pattern], cpus->nr,
					slub ? "SLUB" : "gomalloc", calls);
	}
	per_call[0] = div_u64(atomic_long_xchg(&taken, 0) * 10000ULL, calls);
	per_call[1] = div_u64(atomic_long_xchg(&waited, 0) * 10000ULL, calls);
	return bench_table_line(table, "%s %u %s %u.%04u %u.%04u", pattern_names[cpus->pattern],
				cpus->nr, slub ? "SLUB" : "gomalloc",
				(u32)per_call[0] / 10000, (u32)per_call[0] % 10000,
				(u32)per_call[1] / 10000, (u32)per_call[1] % 10000);
}

static int cpus_run_line(const char *table, struct cpus *cpus, bool slub)
{
	int err;

	atomic_set(&cpus->arrived, 0);
	err = bench_workers_run(cpus->nr, slub ? work_slub : work_gomalloc, cpus);
	return err ?: cpus_add_line(table, cpus, slub);
}

static int cpus_run_lines(const char *table, struct cpus *cpus)
{
	int err = 0;

	for (cpus->pattern = 0; cpus->pattern < NR_PATTERNS; cpus->pattern++) {
		for (cpus->nr = 1; cpus->nr <= min(num_online_cpus(), CPUS_MAX); cpus->nr *= 2) {
			err = err ?: cpus_run_line(table, cpus, true);
			err = err ?: cpus_run_line(table, cpus, false);
		}
	}
	return err;
}

static int run_cpus(const struct bench_workload *workload, unsigned int unused)
{
	struct cpus *cpus = kvzalloc(sizeof(*cpus), GFP_KERNEL);
	int err;

	if (!cpus)
		return -ENOMEM;
	cpus->in_turns = workload->arg;
	if (cpus->in_turns) {
		bench_mark(BENCH_MARK_LINE);	/* reset the counts */
		err = bench_table_head(workload->name, "pattern cpus allocator calls");
		err = err ?: cpus_run_lines(workload->name, cpus);
	} else {
		err = bench_table_head(workload->name, "pattern cpus allocator locks waited");
		err = err ?: probes_register();
		if (!err) {
			err = cpus_run_lines(workload->name, cpus);
			probes_unregister();
		}
	}
	kvfree(cpus);
	return err;
}

const struct bench_workload bench_cpus_workloads[] = {
	{ .name = "cpus-locks", .only_by_name = true, .min_cpus = 2, .run = run_cpus },
	{ .name = "cpus-lines", .only_by_name = true, .min_cpus = 2, .arg = true, .run = run_cpus },
	{ }
};
#else
#include "bench.h"

const struct bench_workload bench_cpus_workloads[] = { { } };
#endif /* CONFIG_KPROBES && CONFIG_HOTPLUG_CPU */
