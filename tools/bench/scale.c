// SPDX-License-Identifier: GPL-2.0
/*
 * Scale: does an operation cost more when there is more of everything?
 *
 *   live-N	N objects of 16 bytes live; some, drawn at random, are freed, and as
 *		many allocated in their place
 *   spans-N	N times eight objects of 1 KiB were allocated and seven of eight freed,
 *		drawn at random, so that about N spans (slabs) are in use in part;
 *		then more objects come and go than any cache holds
 *   runs-N	the same with page runs of 33 to 64 KiB, every other of 2 N freed: N idle
 *		runs lie between live ones (SLUB's users have the page allocator then)
 *
 * The sets of both allocators are there at the same time, as they take turns.  Which
 * objects go is drawn before the time is taken.  There is no floor: a call has no set.
 * More objects are in more cache lines, which is in the figures of both.
 */
#include <linux/prandom.h>
#include <linux/sched.h>
#include <linux/string.h>

#include "allocators.h"
#include "bench.h"
#include "clock.h"

#define GROUP	1000U	/* objects freed and allocated in a timing */
#define GROUP_OF_RUNS	50U

/* Where instructions are counted, larger sets take minutes and say the same. */
#define MOST_WHEN_COUNTED	1000000U

#define LIVE_SIZE	16U
#define SPAN_SIZE	1024U
#define SPAN_SHARE	8U	/* of so many objects one stays */
#define RUN_MIN		(33U << 10)
#define RUN_MAX		(64U << 10)

/* The set of one allocator. */
struct scale_set {
	void **live;
	unsigned int nr;
};

struct scale {
	struct scale_set set[BENCH_NR_ALLOCATORS];	/* the floor's stays empty */
	unsigned int group;	/* replaced, or coming and going, in a timing */
	u32 size[GROUP];	/* of those that come and go */
	void *came[GROUP];
	struct rnd_state rnd;
};

static u32 draw(struct scale *scale, u32 end)
{
	return prandom_u32_state(&scale->rnd) % end;
}

/* The same sizes in each timing of both: seeded there. */
static void draw_sizes(struct scale *scale, unsigned int min, unsigned int max)
{
	unsigned int i;

	prandom_seed_state(&scale->rnd, 3);
	for (i = 0; i < scale->group; i++)
		scale->size[i] = min + draw(scale, max - min + 1);
}

/* The first @nr of the set become any of it. */
static void draw_objects(struct scale *scale, struct scale_set *set, unsigned int nr)
{
	unsigned int i, other;

	for (i = 0; i < nr; i++) {
		other = i + draw(scale, set->nr - i);
		swap(set->live[i], set->live[other]);
	}
}

/* === Sets === */

static void thin(enum bench_allocator allocator, struct scale_set *set, unsigned int nr)
{
	while (set->nr > nr) {
		bench_free(allocator, set->live[--set->nr]);
		cond_resched();
	}
}

static int fill(struct scale *scale, enum bench_allocator allocator, unsigned int nr,
		unsigned int min, unsigned int max)
{
	struct scale_set *set = &scale->set[allocator];

	set->nr = 0;
	set->live = bench_live_alloc(nr);
	if (!set->live)
		return -ENOMEM;
	while (set->nr < nr) {
		set->live[set->nr] = bench_malloc(allocator, min + draw(scale, max - min + 1),
						  GFP_KERNEL);
		if (!set->live[set->nr])
			return -ENOMEM;
		set->nr++;
		cond_resched();
	}
	return 0;
}

static void empty(struct scale *scale)
{
	int allocator;

	for (allocator = 0; allocator < BENCH_NR_REAL; allocator++) {
		thin(allocator, &scale->set[allocator], 0);
		bench_live_free(scale->set[allocator].live);
	}
}

static int fill_live(struct scale *scale, enum bench_allocator allocator, unsigned int nr)
{
	return fill(scale, allocator, nr, LIVE_SIZE, LIVE_SIZE);
}

static int fill_spans(struct scale *scale, enum bench_allocator allocator, unsigned int nr)
{
	struct scale_set *set = &scale->set[allocator];
	int err = fill(scale, allocator, nr * SPAN_SHARE, SPAN_SIZE, SPAN_SIZE);

	if (err)
		return err;
	draw_objects(scale, set, set->nr);
	thin(allocator, set, nr);
	return 0;
}

static int fill_runs(struct scale *scale, enum bench_allocator allocator, unsigned int nr)
{
	struct scale_set *set = &scale->set[allocator];
	int err = fill(scale, allocator, 2 * nr, RUN_MIN, RUN_MAX);
	unsigned int i;

	if (err)
		return err;
	for (i = 0; i < nr; i++)
		swap(set->live[i], set->live[2 * i]);
	thin(allocator, set, nr);
	return 0;
}

/* === Timings === */

static __always_inline int replace_loop(enum bench_allocator allocator, struct bench_shot *shot)
{
	struct scale *scale = shot->data;
	void **live = scale->set[allocator].live;
	size_t size = LIVE_SIZE;
	unsigned int i;
	u64 start;

	OPTIMIZER_HIDE_VAR(size);
	draw_objects(scale, &scale->set[allocator], shot->ops);
	start = bench_cycles();
	for (i = 0; i < shot->ops; i++)
		bench_free(allocator, live[i]);
	for (i = 0; i < shot->ops; i++)
		live[i] = bench_malloc(allocator, size, GFP_KERNEL);
	shot->cycles[0] = bench_cycles() - start;
	for (i = 0; i < shot->ops; i++)
		if (!live[i])
			return -ENOMEM;	/* what is left can be freed as it is */
	return 0;
}

BENCH_DEFINE_SHOTS(replace);

static __always_inline int come_and_go_loop(enum bench_allocator allocator,
					    struct bench_shot *shot)
{
	struct scale *scale = shot->data;
	void **came = scale->came;
	unsigned int i, got;
	u64 start;

	start = bench_cycles();
	for (got = 0; got < shot->ops; got++) {
		came[got] = bench_malloc(allocator, scale->size[got], GFP_KERNEL);
		if (unlikely(!came[got]))
			break;
	}
	for (i = 0; i < got; i++)
		bench_free(allocator, came[i]);
	shot->cycles[0] = bench_cycles() - start;
	return got == shot->ops ? 0 : -ENOMEM;
}

BENCH_DEFINE_SHOTS(come_and_go);

enum kind { KIND_LIVE, KIND_SPANS, KIND_RUNS };

static const struct {
	int (*fill)(struct scale *scale, enum bench_allocator allocator, unsigned int nr);
	const bench_shot_fn *shots;
	unsigned int group;
	unsigned int min, max;		/* sizes of what comes and goes */
	unsigned int bytes;		/* taken at the peak for each of N */
} kinds[] = {
	[KIND_LIVE] = { fill_live, replace_shots, GROUP, LIVE_SIZE, LIVE_SIZE,
			LIVE_SIZE + sizeof(void *) },
	[KIND_SPANS] = { fill_spans, come_and_go_shots, GROUP, SPAN_SIZE, SPAN_SIZE,
			 SPAN_SHARE * SPAN_SIZE },
	[KIND_RUNS] = { fill_runs, come_and_go_shots, GROUP_OF_RUNS, RUN_MIN, RUN_MAX,
			2 * RUN_MAX },
};

static bool enough_memory(u64 bytes)
{
	return bytes / PAGE_SIZE < (u64)bench_free_pages() / 8 * 7;
}

static int contend(const struct bench_workload *workload, struct scale *scale, unsigned int nr,
		   enum kind kind)
{
	const bench_shot_fn shots[BENCH_NR_ALLOCATORS] = {
		[BENCH_SLUB] = kinds[kind].shots[BENCH_SLUB],
		[BENCH_GOMALLOC] = kinds[kind].shots[BENCH_GOMALLOC],
	};
	int allocator, err = 0;

	for (allocator = 0; allocator < BENCH_NR_REAL && !err; allocator++) {
		prandom_seed_state(&scale->rnd, 1);
		err = kinds[kind].fill(scale, allocator, nr);
	}
	scale->group = kind == KIND_LIVE ? min(nr, GROUP) : kinds[kind].group;
	draw_sizes(scale, kinds[kind].min, kinds[kind].max);
	return err ?: bench_contest_run(&(struct bench_contest) {
		.name = workload->name,
		.ops = scale->group,
		.shots = shots,
		.data = scale,
	});
}

/* What is asked for is in the name: live-1000. */
static int run_scale(const struct bench_workload *workload, unsigned int unused)
{
	const enum kind kind = workload->arg;
	const char *number = strchr(workload->name, '-') + 1;
	struct scale *scale;
	unsigned int nr;
	int err;

	err = kstrtouint(number, 10, &nr);
	if (err)
		return err;
	if (bench_clock_counts_instructions && nr > MOST_WHEN_COUNTED)
		return 0;
	if (!enough_memory((u64)nr * kinds[kind].bytes * BENCH_NR_REAL)) {
		pr_notice("%s: left out, needs %llu MiB\n", workload->name,
			  (u64)nr * kinds[kind].bytes * BENCH_NR_REAL >> 20);
		return 0;
	}
	scale = kzalloc(sizeof(*scale), GFP_KERNEL);
	if (!scale)
		return -ENOMEM;
	err = contend(workload, scale, nr, kind);
	empty(scale);
	kfree(scale);
	bench_give_idle_memory_back();
	return err;
}

#define SCALE(what, kind)	{ .name = what, .arg = kind, .run = run_scale }

const struct bench_workload bench_scale_workloads[] = {
	SCALE("live-100", KIND_LIVE),
	SCALE("live-1000", KIND_LIVE),
	SCALE("live-10000", KIND_LIVE),
	SCALE("live-100000", KIND_LIVE),
	SCALE("live-1000000", KIND_LIVE),
	SCALE("live-10000000", KIND_LIVE),
	SCALE("spans-10", KIND_SPANS),
	SCALE("spans-100", KIND_SPANS),
	SCALE("spans-1000", KIND_SPANS),
	SCALE("spans-10000", KIND_SPANS),
	SCALE("runs-10", KIND_RUNS),
	SCALE("runs-100", KIND_RUNS),
	SCALE("runs-1000", KIND_RUNS),
	{ }
};
