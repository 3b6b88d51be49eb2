// SPDX-License-Identifier: GPL-2.0
/*
 * Offtimes: how long gomalloc keeps interrupts or preemption disabled, in a
 * build of both modules with GOM_OFFTIMES=1 (offprobe.h).
 *
 * Each round takes every slow path with live sets larger than the processor's
 * caches, in random order.  All rounds do the same.
 *
 * The host of a virtual machine adds time of its own.  So the longest time is
 * the minimum over the rounds of each round's longest, and there is the time
 * that all but one section in a thousand stay below.  The first line is a
 * control: a section that only counts to a thousand, as often as the most
 * frequent others.
 */
#ifdef GOM_OFFTIMES
#define GOM_OFF_PROBE_ITSELF
#include <linux/math64.h>
#include <linux/prandom.h>
#include <linux/sched.h>
#include <linux/slab.h>
#include <linux/string.h>

#include "bench.h"
#include "clock.h"
#include "gomalloc.h"
#include "offprobe.h"

#define BYTES		SZ_32M	/* allocated of each size, but */
#define MOST		50000U	/* at most so many objects */
#define WHEN_COUNTED	16U	/* divides both when instructions are counted */
#define RUNS		2000U	/* idle runs in the heap during a round */
#define FINALIZERS	4000U
#define MANY		200U
#define CONTROLS	100000U

struct round {
	struct rnd_state rnd;
	unsigned int part;
	void *live[MOST];
	void *runs[2 * RUNS];
};

struct rcu_object {
	struct rcu_head rcu;
	char space[40];
};

static void round_free(struct round *r, unsigned int nr)
{
	unsigned int other;

	while (nr) {
		other = prandom_u32_state(&r->rnd) % nr--;
		gom_free(r->live[other]);
		r->live[other] = r->live[nr];
		cond_resched();
	}
}

static int round_fill(struct round *r, unsigned int size, bool noscan)
{
	unsigned int most = min(MOST, BYTES / size) / r->part, nr;

	for (nr = 0; nr < most; nr++) {
		r->live[nr] = noscan ? gom_malloc_noscan(size, GFP_KERNEL) :
				       gom_malloc(size, GFP_KERNEL);
		if (!r->live[nr])
			break;
		cond_resched();
	}
	round_free(r, nr);
	return nr == most ? 0 : -ENOMEM;
}

static void no_finalizer(void *p, void *arg)
{
}

/* Many objects with finalizers in few spans. */
static int round_finalize(struct round *r)
{
	unsigned int nr;
	int err = 0;

	for (nr = 0; nr < FINALIZERS / r->part && !err; nr++) {
		r->live[nr] = gom_malloc(8, GFP_KERNEL);
		err = r->live[nr] ? gom_set_finalizer(r->live[nr], no_finalizer, NULL) : -ENOMEM;
	}
	round_free(r, nr);
	gom_finalizer_barrier();
	return err;
}

static int round_resize(struct round *r)
{
	unsigned int i;
	void *p, *q;

	for (i = 0; i < MANY; i++) {
		p = gom_malloc(SZ_1M - i * PAGE_SIZE, GFP_KERNEL);
		q = gom_realloc(p, SZ_256K, GFP_KERNEL);
		gom_free(q ?: p);
		if (!q)
			return -ENOMEM;
	}
	return 0;
}

static int round_rcu(struct round *r)
{
	struct rcu_object *o;
	unsigned int i;

	for (i = 0; i < MOST / 10 / r->part; i++) {
		o = gom_malloc(sizeof(*o), GFP_KERNEL);
		if (!o)
			return -ENOMEM;
		gom_free_rcu(o, rcu);
	}
	gom_free_rcu_barrier();
	return 0;
}

static int round_cache(struct round *r)
{
	struct gom_cache *cache = gom_cache_create("offtimes", 200, 0, 0, NULL);
	unsigned int i;
	int err = 0;

	if (!cache)
		return -ENOMEM;
	for (i = 0; i < MANY && !err; i++) {
		if (gom_cache_alloc_bulk(cache, GFP_KERNEL, MANY, r->live))
			gom_cache_free_bulk(cache, MANY, r->live);
		else
			err = -ENOMEM;
	}
	gom_cache_destroy(cache);
	return err;
}

/* Idle runs of all lengths, between live ones. */
static int round_scatter(struct round *r)
{
	unsigned int i, nr = 2 * RUNS / r->part;

	for (i = 0; i < nr; i++) {
		r->runs[i] = gom_malloc((33U << 10) + prandom_u32_state(&r->rnd) % (64U << 10),
					GFP_KERNEL);
		if (!r->runs[i])
			return -ENOMEM;
	}
	for (i = 0; i < nr; i += 2) {
		gom_free(r->runs[i]);
		r->runs[i] = NULL;
	}
	return 0;
}

static int round_run(struct round *r)
{
	static const unsigned int sizes[] = {
		8, 16, 64, 192, 256, 1024, 4096, 9000, 20000, 40000, 130000, 500000
	};
	unsigned int i;
	int err;

	err = round_scatter(r);
	for (i = 0; i < ARRAY_SIZE(sizes) && !err; i++)
		err = round_fill(r, sizes[i], false);
	for (i = 1; i < 16 && !err; i += 2)
		err = round_fill(r, i, true);
	err = err ?: round_finalize(r);
	err = err ?: round_resize(r);
	err = err ?: round_rcu(r);
	err = err ?: round_cache(r);
	for (i = 0; i < 2 * RUNS / r->part; i++)
		gom_free(r->runs[i]);
	memset(r->runs, 0, sizeof(r->runs));
	gom_release_memory();
	return err;
}

/*
 * The control: a section of constant length, which only interrupts and the host
 * prolong.
 */
static void round_control(struct round *r)
{
	static struct gom_off_place place = {
		.function = "nothing", .kind = GOM_OFF_PREEMPTION,
	};
	unsigned int i, j;

	for (i = 0; i < CONTROLS / r->part; i++) {
		preempt_disable();
		gom_off_begin(GOM_OFF_PREEMPTION);
		for (j = 0; j < 1000; j++)
			barrier();
		gom_off_end(&place);
		preempt_enable();
		cond_resched();
	}
}

/* === Statistics === */

/* Cycles in nanoseconds; instructions unchanged. */
static u64 place_time(u64 cycles)
{
	return bench_clock_counts_instructions ? cycles :
		div64_u64(cycles * NSEC_PER_MSEC, bench_clock_per_ms);
}

static bool place_same(const struct gom_off_place *a, const struct gom_off_place *b)
{
	return a->line == b->line && a->kind == b->kind && !strcmp(a->function, b->function);
}

/*
 * An inline function has a place in each file that uses it: they count as one.
 */
static void place_merge(const struct gom_off_place *from, struct gom_off_place *into)
{
	into->longest = max(into->longest, from->longest);
	into->count += from->count;
}

/* The time that all sections but one in @part stay below. */
static u64 place_all_but(const struct gom_off_place *place, unsigned int part)
{
	const struct gom_off_place *p;
	u64 sum[GOM_OFF_STEPS] = {}, all = 0, above = 0;
	int step;

	for (p = gom_off_places; p; p = p->next) {
		if (!place_same(p, place))
			continue;
		for (step = 0; step < GOM_OFF_STEPS; step++) {
			sum[step] += p->by_time[step];
			all += p->by_time[step];
		}
	}
	for (step = GOM_OFF_STEPS - 1; step > 0; step--) {
		above += sum[step];
		if (above > all / part)
			break;
	}
	return gom_off_step_end(step);
}

static void round_end(unsigned int round, u64 *longest)
{
	struct gom_off_place *p, *q;

	for (p = gom_off_places; p; p = p->next) {
		for (q = gom_off_places; q != p && !place_same(q, p); q = q->next)
			;
		if (q != p)
			place_merge(p, q);
	}
	for (p = gom_off_places; p; p = p->next) {
		if (p->count)
			p->best = min(p->best ?: U64_MAX, p->longest);
		*longest = max(*longest, p->longest);
	}
}

static int place_show(const struct gom_off_place *p)
{
	return bench_table_line("offtimes", "%s:%u %s %llu %llu %llu %llu", p->function, p->line,
				p->kind == GOM_OFF_IRQS ? "interrupts" : "preemption", p->count,
				place_time(place_all_but(p, 2)), place_time(place_all_but(p, 1000)),
				place_time(p->best));
}

static int places_show(u64 longest)
{
	const struct gom_off_place *p, *q;
	int err;

	err = bench_table_head("offtimes", "place off times usual all_but_1/1000 longest");
	for (p = gom_off_places; p && !err; p = p->next) {
		for (q = gom_off_places; q != p && !place_same(q, p); q = q->next)
			;
		if (q == p && p->count)
			err = place_show(p);
	}
	pr_info("offtimes: the longest of all rounds took %llu\n", place_time(longest));
	return err;
}

static int run_offtimes(const struct bench_workload *workload, unsigned int unused)
{
	struct round *r = kvzalloc(sizeof(*r), GFP_KERNEL);
	unsigned int round, rounds = bench_plan.rounds;
	u64 longest = 0;
	int err = 0;

	if (!r)
		return -ENOMEM;
	r->part = bench_clock_counts_instructions ? WHEN_COUNTED : 1;
	for (round = 0; round < rounds && !err; round++) {
		prandom_seed_state(&r->rnd, 7);
		gom_off_reset();
		round_control(r);
		err = round_run(r);
		if (round)	/* the first allocates metadata that stays */
			round_end(round, &longest);
	}
	kvfree(r);
	return err ?: places_show(longest);
}

const struct bench_workload bench_offtimes_workloads[] = {
	{ .name = "offtimes", .only_by_name = true, .run = run_offtimes },
	{ }
};
#else
#include "bench.h"

const struct bench_workload bench_offtimes_workloads[] = { { } };
#endif /* GOM_OFFTIMES */
