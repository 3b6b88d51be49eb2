// SPDX-License-Identifier: GPL-2.0
/*
 * The method of all time measurements.
 *
 * A warm-up of each allocator finds how many operations a sample should have.
 * In each round every allocator is sampled once.  The first one changes from
 * round to round, so that none always runs after the same other.  A cost is
 * that of one operation in one sample.  A row has the minimum of all rounds,
 * which no interrupt disturbed, and their median.
 *
 * Nothing is subtracted: all costs, the floor's included, contain the few
 * instructions of the loop.
 */
#include <linux/math64.h>
#include <linux/mm.h>
#include <linux/sched.h>
#include <linux/sched/signal.h>
#include <linux/sort.h>

#include "bench.h"
#include "clock.h"

enum part { PART_ALLOC, PART_FREE, PART_SUM, NR_PARTS };

static const char * const usual_part_names[] = { "-alloc", "-free" };

/* How long a sample should take, and how many operations it may have. */
struct sample_goal {
	u64 cycles;
	unsigned int min_ops;
	unsigned int max_ops;
};

static const struct sample_goal goal_when_counted = {
	.cycles = 80000, .min_ops = 16, .max_ops = 400,
};

static struct sample_goal goal_current(void)
{
	struct sample_goal goal = { .min_ops = 64, .max_ops = 200000 };

	if (bench_clock_counts_instructions)
		return goal_when_counted;
	goal.cycles = bench_clock_per_ms;
	return goal;
}

static unsigned int ops_per_sample(u64 cycles, unsigned int ops)
{
	const struct sample_goal goal = goal_current();

	if (!cycles)
		return goal.max_ops;
	return clamp_t(u64, div64_u64(goal.cycles * ops, cycles),
		       goal.min_ops, goal.max_ops);
}

/*
 * Counted instructions of a whole live set are the same each time.  A few
 * rounds are enough for one that no timer tick disturbed.
 */
#define ROUNDS_WHEN_COUNTED	3

static unsigned int rounds_of(const struct bench_comparison *cmp)
{
	if (bench_clock_counts_instructions && cmp->ops && !bench_plan.rounds_given)
		return ROUNDS_WHEN_COUNTED;
	return bench_plan.rounds;
}

struct comparison_run {
	const struct bench_comparison *cmp;
	unsigned int rounds;
	unsigned int ops[BENCH_NR_ALLOCATORS];
	u32 *costs;		/* [allocator][part][round] */
};

static u32 *costs_of(struct comparison_run *run, int allocator, enum part part)
{
	return run->costs + (allocator * NR_PARTS + part) * run->rounds;
}

static u32 tenths_per_op(u64 cycles, unsigned int ops)
{
	return min_t(u64, div_u64(cycles * 10 + ops / 2, ops), BENCH_NONE - 1);
}

static int sample_take(struct comparison_run *run, int allocator, struct bench_sample *sample)
{
	*sample = (struct bench_sample) {
		.size = run->cmp->size,
		.ops = run->ops[allocator],
		.data = run->cmp->data,
	};
	cond_resched();
	if (signal_pending(current))
		return -EINTR;
	return run->cmp->sample_fns[allocator](sample);
}

static void set_ops(struct comparison_run *run, int allocator, unsigned int ops)
{
	const struct bench_comparison *cmp = run->cmp;

	run->ops[allocator] = cmp->ops ?:
		roundup(bench_plan.iters ?: ops, cmp->multiple ?: 1);
}

static int warm_up(struct comparison_run *run, int allocator)
{
	struct bench_sample sample;
	int err, i;

	set_ops(run, allocator, goal_current().min_ops);
	/* Twice, as caches are cold the first time. */
	for (i = 0; i < 2; i++) {
		err = sample_take(run, allocator, &sample);
		if (err)
			return err;
		set_ops(run, allocator,
			ops_per_sample(sample.cycles[0] + sample.cycles[1], sample.ops));
		if (run->cmp->ops)
			break;		/* a whole live set is warm-up enough */
	}
	return 0;
}

static int round_sample(struct comparison_run *run, int allocator, unsigned int round)
{
	struct bench_sample sample;
	int err;

	err = sample_take(run, allocator, &sample);
	if (err)
		return err;
	costs_of(run, allocator, PART_ALLOC)[round] = tenths_per_op(sample.cycles[0], sample.ops);
	costs_of(run, allocator, PART_FREE)[round] = tenths_per_op(sample.cycles[1], sample.ops);
	costs_of(run, allocator, PART_SUM)[round] =
		tenths_per_op(sample.cycles[0] + sample.cycles[1], sample.ops);
	return 0;
}

static int rounds_run(struct comparison_run *run)
{
	unsigned int round;
	int allocator, turn, err;

	for (allocator = 0; allocator < BENCH_NR_ALLOCATORS; allocator++) {
		if (!run->cmp->sample_fns[allocator])
			continue;
		err = warm_up(run, allocator);
		if (err)
			return err;
	}
	for (round = 0; round < run->rounds; round++) {
		for (turn = 0; turn < BENCH_NR_ALLOCATORS; turn++) {
			allocator = (round + turn) % BENCH_NR_ALLOCATORS;
			if (!run->cmp->sample_fns[allocator])
				continue;
			err = round_sample(run, allocator, round);
			if (err)
				return err;
		}
	}
	return 0;
}

static int u32_compare(const void *a, const void *b)
{
	const u32 x = *(const u32 *)a, y = *(const u32 *)b;

	return x < y ? -1 : x > y;
}

/* Ascending. */
void bench_sort(u32 *values, unsigned int nr)
{
	sort(values, nr, sizeof(*values), u32_compare, NULL);
}

static const char *part_name(const struct bench_comparison *cmp, enum part part)
{
	if (part == PART_SUM)
		return "";
	return (cmp->part_names ?: usual_part_names)[part];
}

static int row_add(struct comparison_run *run, enum part part)
{
	const struct bench_comparison *cmp = run->cmp;
	struct bench_result result;
	int i;

	bench_result_init(&result);
	for (i = 0; i < BENCH_NR_ALLOCATORS; i++) {
		u32 *costs = costs_of(run, i, part);

		if (!cmp->sample_fns[i])
			continue;
		bench_sort(costs, run->rounds);
		result.min[i] = costs[0];
		result.med[i] = costs[run->rounds / 2];
	}
	return bench_results_add(cmp->name, part_name(cmp, part), cmp->size, &result);
}

/**
 * bench_comparison_run - measure all allocators with one workload and size
 * @cmp: what to run
 *
 * Return: 0 with the rows added to the results, or the error of a sample.
 */
int bench_comparison_run(const struct bench_comparison *cmp)
{
	struct comparison_run run = {
		.cmp = cmp,
		.rounds = rounds_of(cmp),
	};
	int err;

	run.costs = kvmalloc_array(run.rounds * NR_PARTS * BENCH_NR_ALLOCATORS, sizeof(*run.costs),
				   GFP_KERNEL);
	if (!run.costs)
		return -ENOMEM;
	err = rounds_run(&run);
	if (!err && cmp->split)
		err = row_add(&run, PART_ALLOC);
	if (!err && cmp->split)
		err = row_add(&run, PART_FREE);
	if (!err)
		err = row_add(&run, PART_SUM);
	kvfree(run.costs);
	return err;
}
