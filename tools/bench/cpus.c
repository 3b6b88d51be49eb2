// SPDX-License-Identifier: GPL-2.0
/*
 * CPUs: what 1, 2, 4 and 8 of them have to tell each other for an operation.
 *
 *   cpus-locks	spin locks taken, and those of them that somebody else had, counted by
 *		probes on the kernel's functions for both
 *   cpus-lines	cache lines that moved from CPU to CPU, and locked instructions, counted
 *		by an emulator (lines.h) that runs its CPUs in turns, one operation each:
 *		as a reader's pause lets the next one run there, none is left behind
 *
 * Three patterns: pairs; more objects than any cache holds, which come and go; and the
 * same where each CPU frees what its neighbour allocated.  All objects have 64 bytes and
 * are not touched.  Time says nothing where eight CPUs share two.
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
#include "crew.h"
#include "lines.h"

#define OBJECT_BYTES	64U
#define CRATE		1200U	/* more than the caches of either hold */
#define CPUS_MAX	8U
#define WARM_UPS	4U
#define TURNS		4U	/* counted ones */

enum pattern { PATTERN_PAIR, PATTERN_BATCH, PATTERN_NEIGHBOUR, NR_PATTERNS };

static const char * const pattern_names[NR_PATTERNS] = { "pair", "batch", "neighbour" };

struct crate {
	void *object[CRATE];
};

struct cpus {
	enum pattern pattern;
	bool in_turns;
	unsigned int nr;
	atomic_t arrived;		/* at the barriers so far */
	struct crate crate[CPUS_MAX];
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

/* The CPUs that were online, without the one that cannot go; others come and go with them. */
static struct cpumask others;

/*
 * Locks are taken all the time, and an emulator that runs its CPUs in parallel may miss
 * that one of them changes the code another runs: probes are placed and removed while
 * there is one CPU.
 */
static int send_others(bool away)
{
	unsigned int cpu;
	int err;

	for_each_cpu(cpu, &others) {
		err = away ? remove_cpu(cpu) : add_cpu(cpu);
		if (err < 0) {		/* 1: it was there already */
			pr_err("cpus-locks: CPU %u cannot be taken %s: %pe\n", cpu,
			       away ? "offline" : "online", ERR_PTR(err));
			return err;
		}
	}
	return 0;
}

static int place_probes(void)
{
	unsigned int i;
	int err;

	cpumask_copy(&others, cpu_online_mask);
	cpumask_clear_cpu(cpumask_first(cpu_online_mask), &others);
	err = send_others(true);
	for (i = 0; i < ARRAY_SIZE(probes) && !err; i++) {
		err = register_kprobe(&probes[i]);
		if (err)
			pr_err("cpus-locks: no kprobe on %s: %pe\n", probes[i].symbol_name,
			       ERR_PTR(err));
	}
	while (err && i)
		unregister_kprobe(&probes[--i]);	/* fine for one that was not placed */
	return send_others(false) ?: err;
}

static void remove_probes(void)
{
	unsigned int i;

	send_others(true);
	for (i = 0; i < ARRAY_SIZE(probes); i++)
		unregister_kprobe(&probes[i]);
	send_others(false);
}

/* === What a CPU does === */

static void wait_for_all(struct cpus *cpus)
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
		cpu_relax();	/* the next one's turn */
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

static __always_inline int turn(enum bench_allocator allocator, struct cpus *cpus,
				unsigned int rank, bool count)
{
	const bool pair = cpus->pattern == PATTERN_PAIR;
	struct crate *crate = &cpus->crate[rank];
	unsigned int i;
	int err = 0;

	for (i = 0; i < CRATE; i++) {
		crate->object[i] = alloc_one(allocator, cpus, count);
		if (!crate->object[i])
			err = -ENOMEM;
		if (pair)
			free_one(allocator, cpus, crate->object[i], count);
	}
	wait_for_all(cpus);
	if (cpus->pattern == PATTERN_NEIGHBOUR)
		crate = &cpus->crate[(rank + 1) % cpus->nr];
	for (i = 0; i < CRATE && !pair; i++)
		free_one(allocator, cpus, crate->object[i], count);
	wait_for_all(cpus);
	return err;
}

static __always_inline int work(enum bench_allocator allocator, struct cpus *cpus,
				unsigned int rank)
{
	unsigned int i;
	int err = 0;

	for (i = 0; i < WARM_UPS + TURNS && !err; i++)
		err = turn(allocator, cpus, rank, i >= WARM_UPS);
	return err;
}

static int work_slub(struct bench_crew *crew, unsigned int rank)
{
	return work(BENCH_SLUB, crew->data, rank);
}

static int work_gomalloc(struct bench_crew *crew, unsigned int rank)
{
	return work(BENCH_GOMALLOC, crew->data, rank);
}

/* === A line of the table === */

static int add_line(const char *table, const struct cpus *cpus, bool slub)
{
	const unsigned int calls = 2 * CRATE * TURNS * cpus->nr;
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

static int run_line(const char *table, struct cpus *cpus, bool slub)
{
	int err;

	atomic_set(&cpus->arrived, 0);
	err = bench_crew_run(cpus->nr, slub ? work_slub : work_gomalloc, cpus);
	return err ?: add_line(table, cpus, slub);
}

static int run_lines(const char *table, struct cpus *cpus)
{
	int err = 0;

	for (cpus->pattern = 0; cpus->pattern < NR_PATTERNS; cpus->pattern++) {
		for (cpus->nr = 1; cpus->nr <= min(num_online_cpus(), CPUS_MAX); cpus->nr *= 2) {
			err = err ?: run_line(table, cpus, true);
			err = err ?: run_line(table, cpus, false);
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
		bench_mark(BENCH_MARK_LINE);	/* from here on, whatever was before */
		err = bench_table_head(workload->name, "pattern cpus allocator calls");
		err = err ?: run_lines(workload->name, cpus);
	} else {
		err = bench_table_head(workload->name, "pattern cpus allocator locks waited");
		err = err ?: place_probes();
		if (!err) {
			err = run_lines(workload->name, cpus);
			remove_probes();
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
