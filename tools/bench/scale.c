// SPDX-License-Identifier: GPL-2.0
/*
 * Scale: does an operation cost more when there are more objects, spans or
 * runs?
 *
 *   live-N	N objects of 16 bytes are live; some, chosen at random, are
 *		freed and as many allocated in their place
 *   spans-N	8 N objects of 1 KiB were allocated and seven of eight, chosen
 *		at random, freed, so that about N spans (slabs) are partial;
 *		then more objects are allocated and freed than any cache holds
 *   runs-N	the same with page runs of 33 to 64 KiB, of which every second
 *		of 2 N was freed: N idle runs lie between live ones (SLUB passes
 *		these requests to the page allocator)
 *
 * The live sets of both allocators exist at the same time, as they take turns.
 * Objects are chosen before the time is measured.  There is no floor.  More
 * objects occupy more cache lines, which the costs of both include.
 */
#include <linux/prandom.h>
#include <linux/sched.h>
#include <linux/string.h>

#include "allocators.h"
#include "bench.h"
#include "clock.h"

#define GROUP	1000U	/* objects freed and allocated in a sample */
#define GROUP_OF_RUNS	50U

/*
 * When instructions are counted, larger sets take minutes for the same result.
 */
#define MOST_WHEN_COUNTED	1000000U

#define LIVE_SIZE	16U
#define SPAN_SIZE	1024U
#define SPAN_SHARE	8U	/* one object in so many stays */
#define RUN_MIN		(33U << 10)
#define RUN_MAX		(64U << 10)

/* The live set of one allocator. */
struct scale_set {
	void **live;
	unsigned int nr;
};

struct scale {
	struct scale_set set[BENCH_NR_ALLOCATORS];	/* none for the floor */
	unsigned int group;	/* operations in a sample */
	u32 size[GROUP];	/* of the objects that are allocated and freed */
	void *object[GROUP];
	struct rnd_state rnd;
};

static u32 draw(struct scale *scale, u32 end)
{
	return prandom_u32_state(&scale->rnd) % end;
}

/* The same sizes for each allocator, as the seed is the same. */
static void sizes_draw(struct scale *scale, unsigned int min, unsigned int max)
{
	unsigned int i;

	prandom_seed_state(&scale->rnd, 3);
	for (i = 0; i < scale->group; i++)
		scale->size[i] = min + draw(scale, max - min + 1);
}

/* Move @nr objects chosen at random to the front of the set. */
static void set_draw(struct scale *scale, struct scale_set *set, unsigned int nr)
{
	unsigned int i, other;

	for (i = 0; i < nr; i++) {
		other = i + draw(scale, set->nr - i);
		swap(set->live[i], set->live[other]);
	}
}

/* === Live sets === */

static void set_shrink(enum bench_allocator allocator, struct scale_set *set, unsigned int nr)
{
	while (set->nr > nr) {
		bench_free(allocator, set->live[--set->nr]);
		cond_resched();
	}
}

static int set_fill(struct scale *scale, enum bench_allocator allocator, unsigned int nr,
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

static void sets_free(struct scale *scale)
{
	int allocator;

	for (allocator = 0; allocator < BENCH_NR_REAL; allocator++) {
		set_shrink(allocator, &scale->set[allocator], 0);
		bench_live_free(scale->set[allocator].live);
	}
}

static int set_fill_live(struct scale *scale, enum bench_allocator allocator, unsigned int nr)
{
	return set_fill(scale, allocator, nr, LIVE_SIZE, LIVE_SIZE);
}

static int set_fill_spans(struct scale *scale, enum bench_allocator allocator, unsigned int nr)
{
	struct scale_set *set = &scale->set[allocator];
	int err = set_fill(scale, allocator, nr * SPAN_SHARE, SPAN_SIZE, SPAN_SIZE);

	if (err)
		return err;
	set_draw(scale, set, set->nr);
	set_shrink(allocator, set, nr);
	return 0;
}

static int set_fill_runs(struct scale *scale, enum bench_allocator allocator, unsigned int nr)
{
	struct scale_set *set = &scale->set[allocator];
	int err = set_fill(scale, allocator, 2 * nr, RUN_MIN, RUN_MAX);
	unsigned int i;

	if (err)
		return err;
	for (i = 0; i < nr; i++)
		swap(set->live[i], set->live[2 * i]);
	set_shrink(allocator, set, nr);
	return 0;
}

/* === Samples === */

static __always_inline int replace_loop(enum bench_allocator allocator, struct bench_sample *sample)
{
	struct scale *scale = sample->data;
	void **live = scale->set[allocator].live;
	size_t size = LIVE_SIZE;
	unsigned int i;
	u64 start;

	OPTIMIZER_HIDE_VAR(size);
	set_draw(scale, &scale->set[allocator], sample->ops);
	start = bench_cycles();
	for (i = 0; i < sample->ops; i++)
		bench_free(allocator, live[i]);
	for (i = 0; i < sample->ops; i++)
		live[i] = bench_malloc(allocator, size, GFP_KERNEL);
	sample->cycles[0] = bench_cycles() - start;
	for (i = 0; i < sample->ops; i++)
		if (!live[i])
			return -ENOMEM;	/* the set can be freed with NULL in it */
	return 0;
}

BENCH_DEFINE_SAMPLE_FNS(replace);

static __always_inline int alloc_free_loop(enum bench_allocator allocator,
					   struct bench_sample *sample)
{
	struct scale *scale = sample->data;
	void **object = scale->object;
	unsigned int i, got;
	u64 start;

	start = bench_cycles();
	for (got = 0; got < sample->ops; got++) {
		object[got] = bench_malloc(allocator, scale->size[got], GFP_KERNEL);
		if (unlikely(!object[got]))
			break;
	}
	for (i = 0; i < got; i++)
		bench_free(allocator, object[i]);
	sample->cycles[0] = bench_cycles() - start;
	return got == sample->ops ? 0 : -ENOMEM;
}

BENCH_DEFINE_SAMPLE_FNS(alloc_free);

enum kind { KIND_LIVE, KIND_SPANS, KIND_RUNS };

static const struct {
	int (*fill)(struct scale *scale, enum bench_allocator allocator, unsigned int nr);
	const bench_sample_fn *sample_fns;
	unsigned int group;
	unsigned int min, max;		/* sizes of the objects of a sample */
	unsigned int bytes;		/* taken at the peak, for each of N */
} kinds[] = {
	[KIND_LIVE] = { set_fill_live, replace_sample_fns, GROUP, LIVE_SIZE, LIVE_SIZE,
			LIVE_SIZE + sizeof(void *) },
	[KIND_SPANS] = { set_fill_spans, alloc_free_sample_fns, GROUP, SPAN_SIZE, SPAN_SIZE,
			 SPAN_SHARE * SPAN_SIZE },
	[KIND_RUNS] = { set_fill_runs, alloc_free_sample_fns, GROUP_OF_RUNS, RUN_MIN, RUN_MAX,
			2 * RUN_MAX },
};

static bool enough_memory(u64 bytes)
{
	return bytes / PAGE_SIZE < (u64)bench_free_pages() / 8 * 7;
}

static int scale_compare(const struct bench_workload *workload, struct scale *scale,
			 unsigned int nr, enum kind kind)
{
	const bench_sample_fn sample_fns[BENCH_NR_ALLOCATORS] = {
		[BENCH_SLUB] = kinds[kind].sample_fns[BENCH_SLUB],
		[BENCH_GOMALLOC] = kinds[kind].sample_fns[BENCH_GOMALLOC],
	};
	int allocator, err = 0;

	for (allocator = 0; allocator < BENCH_NR_REAL && !err; allocator++) {
		prandom_seed_state(&scale->rnd, 1);
		err = kinds[kind].fill(scale, allocator, nr);
	}
	scale->group = kind == KIND_LIVE ? min(nr, GROUP) : kinds[kind].group;
	sizes_draw(scale, kinds[kind].min, kinds[kind].max);
	return err ?: bench_comparison_run(&(struct bench_comparison) {
		.name = workload->name,
		.ops = scale->group,
		.sample_fns = sample_fns,
		.data = scale,
	});
}

/* The number is in the name: live-1000. */
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
		pr_notice("%s: skipped, needs %llu MiB\n", workload->name,
			  (u64)nr * kinds[kind].bytes * BENCH_NR_REAL >> 20);
		return 0;
	}
	scale = kzalloc(sizeof(*scale), GFP_KERNEL);
	if (!scale)
		return -ENOMEM;
	err = scale_compare(workload, scale, nr, kind);
	sets_free(scale);
	kfree(scale);
	bench_release_idle();
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
