/* SPDX-License-Identifier: GPL-2.0 */
/*
 * gomalloc_bench: what its files share.
 *
 * The path of a run:
 *
 *   main.c      walks the workloads that plan.c was asked for
 *   pair.c ...  one file per kind of workload; each brings its loops, one copy
 *               per allocator (allocators.h), and sets up a contest
 *   contest.c   the method: warm up, rounds with the order of the allocators
 *               alternating, minimum and median
 *   results.c   keeps the rows and shows them in debugfs
 *
 * Costs and held bytes are kept in tenths: the kernel prints no floating point.
 */
#ifndef GOMALLOC_BENCH_H
#define GOMALLOC_BENCH_H

#include <linux/kernel.h>
#include <linux/limits.h>
#include <linux/printk.h>
#include <linux/sizes.h>
#include <linux/types.h>

/* Here and not in each file; it works wherever it stands before its use. */
#undef pr_fmt
#define pr_fmt(fmt)	"gomalloc_bench: " fmt

enum bench_allocator {
	BENCH_SLUB,
	BENCH_GOMALLOC,
	BENCH_FLOOR,		/* the least any allocator can cost: floor.c */
	BENCH_NR_ALLOCATORS,
	BENCH_NR_REAL = BENCH_FLOOR,	/* those that hold memory */
};

/* Requests above this are another subsystem's business (vmalloc, CMA). */
#define BENCH_MAX_SIZE		SZ_1M

/* === Plan: what the parameters ask for === */

struct bench_workload {
	const char *name;
	const unsigned int *sizes;	/* default, ends with 0; NULL: no size */
	unsigned int arg;		/* what distinguishes it from its siblings */
	unsigned int min_cpus;		/* left out with fewer online */
	bool only_by_name;		/* not in the default set */
	bool not_counted;		/* nor there when instructions are counted */
	bool alone;			/* each row needs a load of gomalloc of its own */
	int (*run)(const struct bench_workload *workload, unsigned int size);
};

/* Each ends with an entry without a name. */
extern const struct bench_workload bench_pair_workloads[];
extern const struct bench_workload bench_const_workloads[];
extern const struct bench_workload bench_null_workloads[];
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
extern const struct bench_workload bench_fence_workloads[];
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
	bool alone;			/* gomalloc was loaded for this row */
	unsigned int nr_sizes;		/* 0: each workload's own */
	unsigned int sizes[BENCH_MAX_SIZES];
};

extern struct bench_plan bench_plan;

int bench_plan_read(void);
bool bench_plan_wants(const struct bench_workload *workload);
const struct bench_workload *bench_plan_workload(unsigned int nr);

/* === Contest: how a row comes to be === */

/* One timing of one allocator. */
struct bench_shot {
	unsigned int size;
	unsigned int ops;		/* how many operations to do */
	void *data;			/* the contest's */
	u64 cycles[2];			/* out: all, or allocating and freeing */
};

typedef int (*bench_shot_fn)(struct bench_shot *shot);

struct bench_contest {
	const char *name;
	unsigned int size;		/* 0: not of one size */
	unsigned int ops;		/* per timing: a whole live set; 0: choose */
	unsigned int multiple;		/* chosen ops are a multiple of; 0: any */
	bool split;			/* allocating and freeing told apart */
	const char * const *part_names;	/* of a split one: "-alloc", "-free" if NULL */
	const bench_shot_fn *shots;	/* [BENCH_NR_ALLOCATORS], NULL: absent */
	void *data;
};

int bench_contest_run(const struct bench_contest *contest);
void bench_sort(u32 *samples, unsigned int nr);

/* === Results === */

#define BENCH_NONE	U32_MAX		/* does not apply */

struct bench_figures {
	u32 min[BENCH_NR_ALLOCATORS];
	u32 med[BENCH_NR_ALLOCATORS];
	u32 held[BENCH_NR_REAL];
};

void bench_figures_init(struct bench_figures *figures);
int bench_results_add(const char *name, const char *part, unsigned int size,
		      const struct bench_figures *figures);
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
void bench_give_idle_memory_back(void);

#endif /* GOMALLOC_BENCH_H */
