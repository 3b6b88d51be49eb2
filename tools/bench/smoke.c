// SPDX-License-Identifier: GPL-2.0
/*
 * Smoke: does gomalloc still work with everything going on at once?
 *
 * One thread per CPU allocates, resizes and frees for some seconds; on each
 * CPU a timer interrupts it, and whatever it does in the allocator, to do the
 * same.  Each of these hands has a set of records of its own and exchanges
 * some with a shared shelf, so that objects die on other CPUs and in other
 * contexts than they were born in.  smoke_object.c does the work on an object
 * and checks its contents; an error there fails the insmod with -EIO.
 * smoke_probe.c meanwhile allocates from kprobes inside the allocator.
 *
 * A record is owned by whoever took its pointer from the shelf or had it from
 * the start; the exchange of two pointers is all the synchronisation there is.
 */
#include <linux/cpumask.h>
#include <linux/delay.h>
#include <linux/hrtimer.h>
#include <linux/jiffies.h>
#include <linux/rcupdate.h>
#include <linux/sched.h>
#include <linux/sched/signal.h>
#include <linux/vmalloc.h>

#include "bench.h"
#include "compat.h"
#include "crew.h"
#include "gomalloc.h"
#include "smoke_object.h"
#include "smoke_probe.h"

#define SHELF_PLACES	64
#define HAND_RECORDS	192
#define BULK_RECORDS	16
#define STEPS_PER_TURN	64
#define STEPS_PER_IRQ	4
#define IRQ_PERIOD_NS	(200 * NSEC_PER_USEC)

struct smoke;

struct smoke_worker {
	struct smoke_hand hand;
	struct smoke *smoke;
	struct smoke_object *records[HAND_RECORDS];
};

/* What belongs to one CPU. */
struct smoke_post {
	struct smoke_worker task;
	struct smoke_worker irq;
	struct hrtimer timer;
};

struct smoke {
	bool stop;
	unsigned int nr_posts;
	unsigned int nr_objects;
	struct smoke_object *shelf[SHELF_PLACES];
	struct smoke_object *objects;
	struct smoke_post *posts;
};

/* === One step === */

static u32 draw(struct smoke_worker *worker, u32 end)
{
	return prandom_u32_state(&worker->hand.rnd) % end;
}

/* Ours goes onto the shelf, checked, and what lay there becomes ours. */
static void exchange(struct smoke_worker *worker, struct smoke_object **record)
{
	*record = xchg(&worker->smoke->shelf[draw(worker, SHELF_PLACES)], *record);
	if ((*record)->p)
		smoke_object_check(*record);
}

/* Records from @first on that have an object, or those that have none. */
static unsigned int collect(struct smoke_worker *worker, unsigned int first, bool live,
			    struct smoke_object **found)
{
	unsigned int i, nr = 0;

	for (i = first; i < HAND_RECORDS && nr < BULK_RECORDS; i++) {
		if (!!worker->records[i]->p == live)
			found[nr++] = worker->records[i];
	}
	return nr;
}

static void step_bulk(struct smoke_worker *worker, unsigned int first, bool live)
{
	struct smoke_object *found[BULK_RECORDS];
	unsigned int nr = collect(worker, first, live, found);

	if (live)
		smoke_object_free_bulk(&worker->hand, found, nr);
	else
		smoke_object_make_bulk(&worker->hand, found, nr);
}

static void step(struct smoke_worker *worker)
{
	const unsigned int place = draw(worker, HAND_RECORDS);
	struct smoke_object **record = &worker->records[place];
	const u32 what = draw(worker, 32);

	if (what == 0 && !worker->hand.in_irq)
		step_bulk(worker, place, (*record)->p);
	else if (what < 8)
		exchange(worker, record);
	else if (!(*record)->p)
		smoke_object_make(&worker->hand, *record);
	else if (what < 12)
		smoke_object_resize(&worker->hand, *record);
	else
		smoke_object_free(&worker->hand, *record);
}

/* === The two kinds of worker === */

static bool stopped(const struct smoke *smoke)
{
	return READ_ONCE(smoke->stop) || atomic_read(&smoke_errors);
}

/* Slow machines must get on with something else in between: one part in four. */
static enum hrtimer_restart interrupt(struct hrtimer *timer)
{
	struct smoke_post *post = container_of(timer, struct smoke_post, timer);
	const u64 begin = ktime_get_ns();
	int i;

	if (stopped(post->irq.smoke))
		return HRTIMER_NORESTART;
	for (i = 0; i < STEPS_PER_IRQ; i++)
		step(&post->irq);
	hrtimer_forward_now(timer, ns_to_ktime(IRQ_PERIOD_NS + 3 * (ktime_get_ns() - begin)));
	return HRTIMER_RESTART;
}

static int work(struct bench_crew *crew, unsigned int rank)
{
	struct smoke *smoke = crew->data;
	struct smoke_post *post;
	int i;

	if (rank >= smoke->nr_posts)
		return 0;	/* a CPU that came up since we counted */
	post = &smoke->posts[rank];
	/* Started here, as it fires on the CPU that starts it. */
	hrtimer_start(&post->timer, ns_to_ktime(IRQ_PERIOD_NS), HRTIMER_MODE_REL_PINNED);
	while (!stopped(smoke)) {
		for (i = 0; i < STEPS_PER_TURN; i++)
			step(&post->task);
		cond_resched();
	}
	hrtimer_cancel(&post->timer);
	return 0;
}

/* === Counts === */

static void add_counts(struct smoke_counts *sum, const struct smoke_counts *counts)
{
	sum->allocs += READ_ONCE(counts->allocs);
	sum->reallocs += READ_ONCE(counts->reallocs);
	sum->frees += READ_ONCE(counts->frees);
	sum->cross_frees += READ_ONCE(counts->cross_frees);
	sum->failed += READ_ONCE(counts->failed);
}

static void print_counts(const struct smoke *smoke, const char *when)
{
	struct smoke_counts all = {}, irq = {};
	unsigned int i;

	for (i = 0; i < smoke->nr_posts; i++) {
		add_counts(&irq, &smoke->posts[i].irq.hand.counts);
		add_counts(&all, &smoke->posts[i].task.hand.counts);
	}
	add_counts(&all, &irq);
	pr_info("smoke%s: %lu allocations, %lu reallocations, %lu cross-CPU frees, %lu from hardirq, %lu without memory, %d errors\n",
		when, all.allocs, all.reallocs, all.cross_frees, irq.allocs + irq.frees,
		all.failed, atomic_read(&smoke_errors));
}

/* === Beginning and end === */

static struct smoke_object *lay_out(struct smoke_worker *worker, struct smoke *smoke,
				    unsigned int seed, bool in_irq, struct smoke_object *object)
{
	int i;

	worker->smoke = smoke;
	worker->hand.in_irq = in_irq;
	prandom_seed_state(&worker->hand.rnd, seed);
	for (i = 0; i < HAND_RECORDS; i++)
		worker->records[i] = object++;
	return object;
}

static int set_up(struct smoke *smoke)
{
	struct smoke_object *object;
	unsigned int i;

	smoke->nr_posts = num_online_cpus();
	smoke->nr_objects = SHELF_PLACES + 2 * HAND_RECORDS * smoke->nr_posts;
	smoke->objects = vzalloc(array_size(smoke->nr_objects, sizeof(*smoke->objects)));
	smoke->posts = vzalloc(array_size(smoke->nr_posts, sizeof(*smoke->posts)));
	if (!smoke->objects || !smoke->posts)
		return -ENOMEM;
	object = smoke->objects;
	for (i = 0; i < SHELF_PLACES; i++)
		smoke->shelf[i] = object++;
	for (i = 0; i < smoke->nr_posts; i++) {
		struct smoke_post *post = &smoke->posts[i];

		object = lay_out(&post->task, smoke, 2 * i + 1, false, object);
		object = lay_out(&post->irq, smoke, 2 * i + 2, true, object);
		hrtimer_setup(&post->timer, interrupt, CLOCK_MONOTONIC,
			      HRTIMER_MODE_REL_PINNED);
	}
	return 0;
}

/* All records are ours again.  The frees are not counted as any CPU's. */
static void free_everything(struct smoke *smoke)
{
	struct smoke_hand hand = {};
	unsigned int i;

	prandom_seed_state(&hand.rnd, 0);
	for (i = 0; i < smoke->nr_objects; i++) {
		if (smoke->objects[i].p)
			smoke_object_free(&hand, &smoke->objects[i]);
		cond_resched();
	}
	gom_free_rcu_barrier();
	gom_release_memory();
}

/* Until time is over, an object was found damaged or the user has enough. */
static int watch(const struct smoke *smoke)
{
	const unsigned long end = jiffies + bench_plan.seconds * HZ;
	const unsigned long pause = max(bench_plan.seconds / 10, 1U) * MSEC_PER_SEC;

	while (time_before(jiffies, end) && !stopped(smoke)) {
		if (msleep_interruptible(min_t(unsigned long, pause,
					       jiffies_to_msecs(end - jiffies))))
			return -EINTR;
		if (bench_plan.seconds > 2)
			print_counts(smoke, " so far");
	}
	return 0;
}

static int let_loose(struct smoke *smoke)
{
	struct bench_crew crew;
	int err = bench_crew_start(&crew, UINT_MAX, work, smoke);

	if (err)
		return err;
	err = watch(smoke);
	WRITE_ONCE(smoke->stop, true);
	bench_crew_finish(&crew);
	free_everything(smoke);
	print_counts(smoke, "");
	return err;
}

/* What the objects and the probes need is there before they begin, and goes after. */
static int run_with_cache(struct smoke *smoke)
{
	int err = smoke_object_cache_create();

	if (err)
		return err;
	err = smoke_probes_begin();
	err = err ?: let_loose(smoke);
	smoke_probes_end();
	smoke_object_cache_destroy();
	return err ?: atomic_read(&smoke_errors) ? -EIO : 0;
}

static int run_smoke(const struct bench_workload *workload, unsigned int unused)
{
	struct smoke *smoke = vzalloc(sizeof(*smoke));
	int err;

	if (!smoke)
		return -ENOMEM;
	atomic_set(&smoke_errors, 0);
	err = set_up(smoke) ?: run_with_cache(smoke);
	vfree(smoke->posts);
	vfree(smoke->objects);
	vfree(smoke);
	return err;
}

const struct bench_workload bench_smoke_workloads[] = {
	{ .name = "smoke", .only_by_name = true, .run = run_smoke },
	{ }
};
