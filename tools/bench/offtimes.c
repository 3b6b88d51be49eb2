// SPDX-License-Identifier: GPL-2.0
/*
 * Offtimes: the longest that gomalloc kept interrupts or preemption off, in a build of
 * both modules with GOM_OFFTIMES=1 (offprobe.h).
 *
 * A round goes to every slow path there is with sets that no cache of the processor
 * holds, in random order.  Rounds are alike.  What a machine does to its guests is not
 * ours: beside the longest time, the least of those of all rounds, stands what all but
 * one section in a thousand took at most; and the first line is of a section that does
 * nothing but count to a thousand, as often as the most frequent others.
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

#define BYTES		SZ_32M	/* of each size, or */
#define MOST		50000U	/* so many objects */
#define WHEN_COUNTED	16U	/* or that part of both */
#define RUNS		2000U	/* idle runs in the heap while the rest goes on */
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

static void free_at_random(struct round *r, unsigned int nr)
{
	unsigned int other;

	while (nr) {
		other = prandom_u32_state(&r->rnd) % nr--;
		gom_free(r->live[other]);
		r->live[other] = r->live[nr];
		cond_resched();
	}
}

static int fill_and_free(struct round *r, unsigned int size, bool noscan)
{
	unsigned int most = min(MOST, BYTES / size) / r->part, nr;

	for (nr = 0; nr < most; nr++) {
		r->live[nr] = noscan ? gom_malloc_noscan(size, GFP_KERNEL) :
				       gom_malloc(size, GFP_KERNEL);
		if (!r->live[nr])
			break;
		cond_resched();
	}
	free_at_random(r, nr);
	return nr == most ? 0 : -ENOMEM;
}

static void nothing(void *p, void *arg)
{
}

/* Many objects with a finalizer in few spans. */
static int finalize(struct round *r)
{
	unsigned int nr;
	int err = 0;

	for (nr = 0; nr < FINALIZERS / r->part && !err; nr++) {
		r->live[nr] = gom_malloc(8, GFP_KERNEL);
		err = r->live[nr] ? gom_set_finalizer(r->live[nr], nothing, NULL) : -ENOMEM;
	}
	free_at_random(r, nr);
	gom_finalizer_barrier();
	return err;
}

static int resize(struct round *r)
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

static int grace(struct round *r)
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

static int named_cache(struct round *r)
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

/* Idle runs of all lengths, with live ones between them. */
static int scatter(struct round *r)
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

static int play(struct round *r)
{
	static const unsigned int sizes[] = {
		8, 16, 64, 192, 256, 1024, 4096, 9000, 20000, 40000, 130000, 500000
	};
	unsigned int i;
	int err;

	err = scatter(r);
	for (i = 0; i < ARRAY_SIZE(sizes) && !err; i++)
		err = fill_and_free(r, sizes[i], false);
	for (i = 1; i < 16 && !err; i += 2)
		err = fill_and_free(r, i, true);
	err = err ?: finalize(r);
	err = err ?: resize(r);
	err = err ?: grace(r);
	err = err ?: named_cache(r);
	for (i = 0; i < 2 * RUNS / r->part; i++)
		gom_free(r->runs[i]);
	memset(r->runs, 0, sizeof(r->runs));
	gom_release_memory();
	return err;
}

/* What interrupts and others take from a section that is as long each time. */
static void control(struct round *r)
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

/* === Figures === */

/* Instructions as they are, and cycles as nanoseconds. */
static u64 in_unit(u64 cycles)
{
	return bench_clock_counts_instructions ? cycles :
		div64_u64(cycles * NSEC_PER_MSEC, bench_clock_per_ms);
}

static bool same(const struct gom_off_place *a, const struct gom_off_place *b)
{
	return a->line == b->line && a->kind == b->kind && !strcmp(a->function, b->function);
}

/* A function of a header has a place in each file that uses it: the longest is its. */
static void merge(const struct gom_off_place *from, struct gom_off_place *into)
{
	into->longest = max(into->longest, from->longest);
	into->count += from->count;
}

/* What all sections but one in @part took at most. */
static u64 all_but(const struct gom_off_place *place, unsigned int part)
{
	const struct gom_off_place *p;
	u64 sum[GOM_OFF_STEPS] = {}, all = 0, above = 0;
	int step;

	for (p = gom_off_places; p; p = p->next) {
		if (!same(p, place))
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

static void end_round(unsigned int round, u64 *longest)
{
	struct gom_off_place *p, *q;

	for (p = gom_off_places; p; p = p->next) {
		for (q = gom_off_places; q != p && !same(q, p); q = q->next)
			;
		if (q != p)
			merge(p, q);
	}
	for (p = gom_off_places; p; p = p->next) {
		if (p->count)
			p->best = min(p->best ?: U64_MAX, p->longest);
		*longest = max(*longest, p->longest);
	}
}

static int show_place(const struct gom_off_place *p)
{
	return bench_table_line("offtimes", "%s:%u %s %llu %llu %llu %llu", p->function, p->line,
				p->kind == GOM_OFF_IRQS ? "interrupts" : "preemption", p->count,
				in_unit(all_but(p, 2)), in_unit(all_but(p, 1000)),
				in_unit(p->best));
}

static int show(u64 longest)
{
	const struct gom_off_place *p, *q;
	int err;

	err = bench_table_head("offtimes", "place off times usual all_but_1/1000 longest");
	for (p = gom_off_places; p && !err; p = p->next) {
		for (q = gom_off_places; q != p && !same(q, p); q = q->next)
			;
		if (q == p && p->count)
			err = show_place(p);
	}
	pr_info("offtimes: the longest of all rounds took %llu\n", in_unit(longest));
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
		control(r);
		err = play(r);
		if (round)	/* the first makes what stays */
			end_round(round, &longest);
	}
	kvfree(r);
	return err ?: show(longest);
}

const struct bench_workload bench_offtimes_workloads[] = {
	{ .name = "offtimes", .only_by_name = true, .run = run_offtimes },
	{ }
};
#else
#include "bench.h"

const struct bench_workload bench_offtimes_workloads[] = { { } };
#endif /* GOM_OFFTIMES */
