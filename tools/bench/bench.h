/* SPDX-License-Identifier: GPL-2.0 */
/*
 * gomalloc_bench: what its files share.
 *
 * How a run proceeds:
 *
 *   main.c        runs the workloads that plan.c selects
 *   pair.c ...    one file for each kind of workload, with one copy of its loop
 *                 for each allocator (allocators.h); it sets up a comparison
 *   comparison.c  the method: warm up, rounds in which the allocators take
 *                 turns, minimum and median
 *   results.c     stores the rows and shows them in debugfs
 *
 * Costs and held bytes are in tenths: the kernel prints no floating point.
 */
#ifndef GOMALLOC_BENCH_H
#define GOMALLOC_BENCH_H

#include <linux/kernel.h>
#include <linux/limits.h>
#include <linux/printk.h>
#include <linux/sizes.h>
#include <linux/types.h>

/* For all files that include this header. */
#undef pr_fmt
#define pr_fmt(fmt)	"gomalloc_bench: " fmt

enum bench_allocator {
	BENCH_SLUB,
	BENCH_GOMALLOC,
	BENCH_FLOOR,		/* the least any allocator can cost: floor.c */
	BENCH_NR_ALLOCATORS,
	BENCH_NR_REAL = BENCH_FLOOR,	/* those that hold memory */
};

/* Larger requests go to other subsystems (vmalloc, CMA). */
#define BENCH_MAX_SIZE		SZ_1M

/* === Plan: what the parameters ask for === */

struct bench_workload {
	const char *name;
	const unsigned int *sizes;	/* default, ends with 0; NULL: no size */
	unsigned int arg;		/* variant, for run() */
	unsigned int min_cpus;		/* skipped with fewer online */
	bool only_by_name;		/* not in the default set */
	bool not_counted;		/* nor in it when instructions are counted */
	bool alone;			/* gomalloc is reloaded for each row */
	int (*run)(const struct bench_workload *workload, unsigned int size);
};

/* Each array ends with an entry without a name. */
extern const struct bench_workload bench_pair_workloads[];
extern const struct bench_workload bench_const_workloads[];
extern const struct bench_workload bench_null_workloads[];
extern const struct bench_workload bench_over_workloads[];
extern const struct bench_workload bench_batch_workloads[];
extern const struct bench_workload bench_bulk_workloads[];
extern const struct bench_workload bench_mixed_workloads[];
extern const struct bench_workload bench_fresh_workloads[];
extern const struct bench_workload bench_remote_workloads[];
extern const struct bench_workload bench_parallel_workloads[];
extern const struct bench_workload bench_held_workloads[];
extern const struct bench_workload bench_churn_workloads[];
extern const struct bench_workload bench_scale_workloads[];
extern const struct bench_workload bench_cache_workloads[];
extern const struct bench_workload bench_rcu_workloads[];
extern const struct bench_workload bench_noscan_workloads[];
extern const struct bench_workload bench_json_workloads[];
extern const struct bench_workload bench_persistent_workloads[];
extern const struct bench_workload bench_numa_workloads[];
extern const struct bench_workload bench_efence_workloads[];
extern const struct bench_workload bench_hold_workloads[];
extern const struct bench_workload bench_offtimes_workloads[];
extern const struct bench_workload bench_cpus_workloads[];
extern const struct bench_workload bench_soak_workloads[];
extern const struct bench_workload bench_smoke_workloads[];

#define BENCH_MAX_SIZES		64

struct bench_plan {
	unsigned int rounds;
	unsigned int seconds;		/* of smoke and soak */
	unsigned int iters;		/* per timing; 0: choose */
	bool rounds_given;
	bool alone;			/* gomalloc was loaded for this row only */
	unsigned int nr_sizes;		/* 0: each workload's own */
	unsigned int sizes[BENCH_MAX_SIZES];
};

extern struct bench_plan bench_plan;

int bench_plan_read(void);
bool bench_plan_wants(const struct bench_workload *workload);
const struct bench_workload *bench_plan_workload(unsigned int nr);

/* === Comparison: how a row is measured === */

/**
 * struct bench_sample - one timing of one allocator
 * @size: size of the objects
 * @ops: number of operations to do
 * @data: that of the comparison
 * @cycles: result: total cost; or of allocations, and of frees
 */
struct bench_sample {
	unsigned int size;
	unsigned int ops;
	void *data;
	u64 cycles[2];
};

typedef int (*bench_sample_fn)(struct bench_sample *sample);

struct bench_comparison {
	const char *name;
	unsigned int size;		/* 0: mixed sizes */
	unsigned int ops;		/* per sample; 0: chosen by the warm-up */
	unsigned int multiple;		/* chosen ops are a multiple of it; 0: any */
	bool split;			/* rows for allocations and for frees */
	const char * const *part_names;	/* of these; NULL: "-alloc", "-free" */
	const bench_sample_fn *sample_fns;	/* by allocator; NULL: none */
	void *data;
};

int bench_comparison_run(const struct bench_comparison *cmp);
void bench_sort(u32 *values, unsigned int nr);

/* === Results === */

#define BENCH_NONE	U32_MAX		/* not measured */

struct bench_result {
	u32 min[BENCH_NR_ALLOCATORS];
	u32 med[BENCH_NR_ALLOCATORS];
	u32 held[BENCH_NR_REAL];
};

void bench_result_init(struct bench_result *result);
int bench_results_add(const char *name, const char *part, unsigned int size,
		      const struct bench_result *result);
int bench_table_head(const char *table, const char *columns);
__printf(2, 3)
int bench_table_line(const char *table, const char *fmt, ...);
__printf(1, 2)
int bench_results_alone(const char *fmt, ...);
void bench_results_show(void);
void bench_results_free(void);

/* === Live sets === */

void **bench_live_alloc(unsigned int nr);
void bench_live_free(void **live);
unsigned int bench_live_fit(unsigned int nr, unsigned int size);
int bench_held_row(const char *name, void **live, unsigned int nr, unsigned int size,
		   const u16 *sizes, bool noscan);
long bench_free_pages(void);
void bench_release_idle(void);

#endif /* GOMALLOC_BENCH_H */
