// SPDX-License-Identifier: GPL-2.0
/*
 * The method behind every figure of time.
 *
 * Each allocator is first run without a record, which warms it up and tells
 * how many operations fill a timing.  Then come the rounds.  In each, every
 * allocator is timed once, and who goes first changes from round to round, so
 * that none always finds the caches as the same other left them.  A figure is
 * the cost of one operation in one timing; the row shows the smallest of all
 * rounds, which no interrupt has touched, and their median.
 *
 * Nothing is subtracted: the loop's own few instructions, a comparison of the
 * result with NULL among them, are in every figure, the floor's included.
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

/* How long a timing should be, and how many operations it may have. */
struct timing_goal {
	u64 cycles;
	unsigned int min_ops;
	unsigned int max_ops;
};

static const struct timing_goal goal_when_counted = {
	.cycles = 80000, .min_ops = 16, .max_ops = 400,
};

static struct timing_goal goal_here(void)
{
	struct timing_goal goal = { .min_ops = 64, .max_ops = 200000 };

	if (bench_clock_counts_instructions)
		return goal_when_counted;
	goal.cycles = bench_clock_per_ms;
	return goal;
}

static unsigned int ops_per_timing(u64 cycles, unsigned int ops)
{
	const struct timing_goal goal = goal_here();

	if (!cycles)
		return goal.max_ops;
	return clamp_t(u64, div64_u64(goal.cycles * ops, cycles),
		       goal.min_ops, goal.max_ops);
}

/*
 * Where instructions are counted, a whole live set per timing comes out the
 * same each time: a few rounds only have to dodge the timer tick.
 */
#define ROUNDS_WHEN_COUNTED	3

static unsigned int rounds_of(const struct bench_contest *contest)
{
	if (bench_clock_counts_instructions && contest->ops && !bench_plan.rounds_given)
		return ROUNDS_WHEN_COUNTED;
	return bench_plan.rounds;
}

struct contest_run {
	const struct bench_contest *contest;
	unsigned int rounds;
	unsigned int ops[BENCH_NR_ALLOCATORS];
	u32 *samples;		/* [allocator][part][round] */
};

static u32 *samples_of(struct contest_run *run, int allocator, enum part part)
{
	return run->samples + (allocator * NR_PARTS + part) * run->rounds;
}

static u32 tenths_per_op(u64 cycles, unsigned int ops)
{
	return min_t(u64, div_u64(cycles * 10 + ops / 2, ops), BENCH_NONE - 1);
}

static int shoot(struct contest_run *run, int allocator, struct bench_shot *shot)
{
	*shot = (struct bench_shot) {
		.size = run->contest->size,
		.ops = run->ops[allocator],
		.data = run->contest->data,
	};
	cond_resched();
	if (signal_pending(current))
		return -EINTR;
	return run->contest->shots[allocator](shot);
}

static void set_ops(struct contest_run *run, int allocator, unsigned int ops)
{
	const struct bench_contest *contest = run->contest;

	run->ops[allocator] = contest->ops ?:
		roundup(bench_plan.iters ?: ops, contest->multiple ?: 1);
}

static int warm_up(struct contest_run *run, int allocator)
{
	struct bench_shot shot;
	int err, i;

	set_ops(run, allocator, goal_here().min_ops);
	/* Twice, as the first finds everything cold and would count too much. */
	for (i = 0; i < 2; i++) {
		err = shoot(run, allocator, &shot);
		if (err)
			return err;
		set_ops(run, allocator,
			ops_per_timing(shot.cycles[0] + shot.cycles[1], shot.ops));
		if (run->contest->ops)
			break;		/* a whole live set has warmed it up */
	}
	return 0;
}

static int time_once(struct contest_run *run, int allocator, unsigned int round)
{
	struct bench_shot shot;
	int err;

	err = shoot(run, allocator, &shot);
	if (err)
		return err;
	samples_of(run, allocator, PART_ALLOC)[round] = tenths_per_op(shot.cycles[0], shot.ops);
	samples_of(run, allocator, PART_FREE)[round] = tenths_per_op(shot.cycles[1], shot.ops);
	samples_of(run, allocator, PART_SUM)[round] =
		tenths_per_op(shot.cycles[0] + shot.cycles[1], shot.ops);
	return 0;
}

static int play(struct contest_run *run)
{
	unsigned int round;
	int allocator, turn, err;

	for (allocator = 0; allocator < BENCH_NR_ALLOCATORS; allocator++) {
		if (!run->contest->shots[allocator])
			continue;
		err = warm_up(run, allocator);
		if (err)
			return err;
	}
	for (round = 0; round < run->rounds; round++) {
		for (turn = 0; turn < BENCH_NR_ALLOCATORS; turn++) {
			allocator = (round + turn) % BENCH_NR_ALLOCATORS;
			if (!run->contest->shots[allocator])
				continue;
			err = time_once(run, allocator, round);
			if (err)
				return err;
		}
	}
	return 0;
}

static int compare_u32(const void *a, const void *b)
{
	const u32 x = *(const u32 *)a, y = *(const u32 *)b;

	return x < y ? -1 : x > y;
}

/* The smallest first, so that the median is in the middle. */
void bench_sort(u32 *samples, unsigned int nr)
{
	sort(samples, nr, sizeof(*samples), compare_u32, NULL);
}

static const char *part_name(const struct bench_contest *contest, enum part part)
{
	if (part == PART_SUM)
		return "";
	return (contest->part_names ?: usual_part_names)[part];
}

static int report(struct contest_run *run, enum part part)
{
	const struct bench_contest *contest = run->contest;
	struct bench_figures figures;
	int i;

	bench_figures_init(&figures);
	for (i = 0; i < BENCH_NR_ALLOCATORS; i++) {
		u32 *samples = samples_of(run, i, part);

		if (!contest->shots[i])
			continue;
		bench_sort(samples, run->rounds);
		figures.min[i] = samples[0];
		figures.med[i] = samples[run->rounds / 2];
	}
	return bench_results_add(contest->name, part_name(contest, part), contest->size,
				 &figures);
}

/**
 * bench_contest_run - time all allocators over one workload and size
 * @contest: what to run
 *
 * Return: 0 with the rows added to the results, or the error of a timing.
 */
int bench_contest_run(const struct bench_contest *contest)
{
	struct contest_run run = {
		.contest = contest,
		.rounds = rounds_of(contest),
	};
	int err;

	run.samples = kvmalloc_array(run.rounds * NR_PARTS * BENCH_NR_ALLOCATORS,
				     sizeof(*run.samples), GFP_KERNEL);
	if (!run.samples)
		return -ENOMEM;
	err = play(&run);
	if (!err && contest->split)
		err = report(&run, PART_ALLOC);
	if (!err && contest->split)
		err = report(&run, PART_FREE);
	if (!err)
		err = report(&run, PART_SUM);
	kvfree(run.samples);
	return err;
}
