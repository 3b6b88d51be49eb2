// SPDX-License-Identifier: GPL-2.0
/*
 * Smoke: does gomalloc work when all its calls run concurrently?
 *
 * One thread on each CPU allocates, resizes and frees for some seconds.  A
 * timer on each CPU interrupts it, also inside the allocator, and does the
 * same.  Each thread and each timer is a worker with records of its own.
 * Workers exchange records through a shared array, so objects are freed on
 * other CPUs and in other contexts than they were allocated in.  smoke_object.c
 * works on an object and checks its contents; an error fails insmod with -EIO.
 * smoke_probe.c allocates from kprobes inside the allocator meanwhile.
 *
 * A record belongs to the worker that took its pointer from the shared array or
 * had it from the start.  The exchange of pointers is the only synchronisation.
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
#include "gomalloc.h"
#include "smoke_object.h"
#include "smoke_probe.h"
#include "workers.h"

#define SHARED_RECORDS	64
#define WORKER_RECORDS	192
#define BULK_RECORDS	16
#define STEPS_PER_TURN	64
#define STEPS_PER_IRQ	4
#define IRQ_PERIOD_NS	(200 * NSEC_PER_USEC)

struct smoke;

struct smoke_worker {
	struct smoke_ctx ctx;
	struct smoke *smoke;
	struct smoke_object *records[WORKER_RECORDS];
};

/* The workers of one CPU. */
struct smoke_cpu {
	struct smoke_worker task;
	struct smoke_worker irq;
	struct hrtimer timer;
};

struct smoke {
	bool stop;
	unsigned int nr_cpus;
	unsigned int nr_objects;
	struct smoke_object *shared[SHARED_RECORDS];
	struct smoke_object *objects;
	struct smoke_cpu *cpus;
};

/* === One step === */

static u32 worker_draw(struct smoke_worker *worker, u32 end)
{
	return prandom_u32_state(&worker->ctx.rnd) % end;
}

/* Swap a record with the shared array, and check the object received. */
static void worker_exchange(struct smoke_worker *worker, struct smoke_object **record)
{
	*record = xchg(&worker->smoke->shared[worker_draw(worker, SHARED_RECORDS)], *record);
	if ((*record)->p)
		smoke_object_check(*record);
}

/* Collect records, from @first on, that have an object, or that have none. */
static unsigned int worker_collect(struct smoke_worker *worker, unsigned int first, bool live,
				   struct smoke_object **found)
{
	unsigned int i, nr = 0;

	for (i = first; i < WORKER_RECORDS && nr < BULK_RECORDS; i++) {
		if (!!worker->records[i]->p == live)
			found[nr++] = worker->records[i];
	}
	return nr;
}

static void worker_step_bulk(struct smoke_worker *worker, unsigned int first, bool live)
{
	struct smoke_object *found[BULK_RECORDS];
	unsigned int nr = worker_collect(worker, first, live, found);

	if (live)
		smoke_object_free_bulk(&worker->ctx, found, nr);
	else
		smoke_object_make_bulk(&worker->ctx, found, nr);
}

static void worker_step(struct smoke_worker *worker)
{
	const unsigned int place = worker_draw(worker, WORKER_RECORDS);
	struct smoke_object **record = &worker->records[place];
	const u32 what = worker_draw(worker, 32);

	if (what == 0 && !worker->ctx.in_irq)
		worker_step_bulk(worker, place, (*record)->p);
	else if (what < 8)
		worker_exchange(worker, record);
	else if (!(*record)->p)
		smoke_object_make(&worker->ctx, *record);
	else if (what < 12)
		smoke_object_resize(&worker->ctx, *record);
	else
		smoke_object_free(&worker->ctx, *record);
}

/* === The two kinds of worker === */

static bool smoke_stopped(const struct smoke *smoke)
{
	return READ_ONCE(smoke->stop) || atomic_read(&smoke_errors);
}

/* Take at most a quarter of the time, so that slow machines make progress. */
static enum hrtimer_restart smoke_timer(struct hrtimer *timer)
{
	struct smoke_cpu *cpu = container_of(timer, struct smoke_cpu, timer);
	const u64 begin = ktime_get_ns();
	int i;

	if (smoke_stopped(cpu->irq.smoke))
		return HRTIMER_NORESTART;
	for (i = 0; i < STEPS_PER_IRQ; i++)
		worker_step(&cpu->irq);
	hrtimer_forward_now(timer, ns_to_ktime(IRQ_PERIOD_NS + 3 * (ktime_get_ns() - begin)));
	return HRTIMER_RESTART;
}

static int smoke_work(struct bench_workers *workers, unsigned int rank)
{
	struct smoke *smoke = workers->data;
	struct smoke_cpu *cpu;
	int i;

	if (rank >= smoke->nr_cpus)
		return 0;	/* a CPU that came online after smoke_init() */
	cpu = &smoke->cpus[rank];
	/* Started here, as it fires on the CPU that starts it. */
	hrtimer_start(&cpu->timer, ns_to_ktime(IRQ_PERIOD_NS), HRTIMER_MODE_REL_PINNED);
	while (!smoke_stopped(smoke)) {
		for (i = 0; i < STEPS_PER_TURN; i++)
			worker_step(&cpu->task);
		cond_resched();
	}
	hrtimer_cancel(&cpu->timer);
	return 0;
}

/* === Counts === */

static void counts_add(struct smoke_counts *sum, const struct smoke_counts *counts)
{
	sum->allocs += READ_ONCE(counts->allocs);
	sum->reallocs += READ_ONCE(counts->reallocs);
	sum->frees += READ_ONCE(counts->frees);
	sum->cross_frees += READ_ONCE(counts->cross_frees);
	sum->failed += READ_ONCE(counts->failed);
}

static void smoke_print(const struct smoke *smoke, const char *when)
{
	struct smoke_counts all = {}, irq = {};
	unsigned int i;

	for (i = 0; i < smoke->nr_cpus; i++) {
		counts_add(&irq, &smoke->cpus[i].irq.ctx.counts);
		counts_add(&all, &smoke->cpus[i].task.ctx.counts);
	}
	counts_add(&all, &irq);
	pr_info("smoke%s: %lu allocations, %lu reallocations, %lu cross-CPU frees, %lu from hardirq, %lu failed, %d errors\n",
		when, all.allocs, all.reallocs, all.cross_frees, irq.allocs + irq.frees,
		all.failed, atomic_read(&smoke_errors));
}

/* === Set-up and end === */

static struct smoke_object *worker_init(struct smoke_worker *worker, struct smoke *smoke,
					unsigned int seed, bool in_irq, struct smoke_object *object)
{
	int i;

	worker->smoke = smoke;
	worker->ctx.in_irq = in_irq;
	prandom_seed_state(&worker->ctx.rnd, seed);
	for (i = 0; i < WORKER_RECORDS; i++)
		worker->records[i] = object++;
	return object;
}

static int smoke_init(struct smoke *smoke)
{
	struct smoke_object *object;
	unsigned int i;

	smoke->nr_cpus = num_online_cpus();
	smoke->nr_objects = SHARED_RECORDS + 2 * WORKER_RECORDS * smoke->nr_cpus;
	smoke->objects = vzalloc(array_size(smoke->nr_objects, sizeof(*smoke->objects)));
	smoke->cpus = vzalloc(array_size(smoke->nr_cpus, sizeof(*smoke->cpus)));
	if (!smoke->objects || !smoke->cpus)
		return -ENOMEM;
	object = smoke->objects;
	for (i = 0; i < SHARED_RECORDS; i++)
		smoke->shared[i] = object++;
	for (i = 0; i < smoke->nr_cpus; i++) {
		struct smoke_cpu *cpu = &smoke->cpus[i];

		object = worker_init(&cpu->task, smoke, 2 * i + 1, false, object);
		object = worker_init(&cpu->irq, smoke, 2 * i + 2, true, object);
		hrtimer_setup(&cpu->timer, smoke_timer, CLOCK_MONOTONIC,
			      HRTIMER_MODE_REL_PINNED);
	}
	return 0;
}

/* No worker runs any more.  These frees are in no CPU's counts. */
static void smoke_free_all(struct smoke *smoke)
{
	struct smoke_ctx ctx = {};
	unsigned int i;

	prandom_seed_state(&ctx.rnd, 0);
	for (i = 0; i < smoke->nr_objects; i++) {
		if (smoke->objects[i].p)
			smoke_object_free(&ctx, &smoke->objects[i]);
		cond_resched();
	}
	gom_free_rcu_barrier();
	gom_release_memory();
}

/* Wait until the time is over, an error is found or a signal arrives. */
static int smoke_wait(const struct smoke *smoke)
{
	const unsigned long end = jiffies + bench_plan.seconds * HZ;
	const unsigned long pause = max(bench_plan.seconds / 10, 1U) * MSEC_PER_SEC;

	while (time_before(jiffies, end) && !smoke_stopped(smoke)) {
		if (msleep_interruptible(min_t(unsigned long, pause,
					       jiffies_to_msecs(end - jiffies))))
			return -EINTR;
		if (bench_plan.seconds > 2)
			smoke_print(smoke, " so far");
	}
	return 0;
}

static int smoke_workers_run(struct smoke *smoke)
{
	struct bench_workers workers;
	int err = bench_workers_start(&workers, UINT_MAX, smoke_work, smoke);

	if (err)
		return err;
	err = smoke_wait(smoke);
	WRITE_ONCE(smoke->stop, true);
	bench_workers_finish(&workers);
	smoke_free_all(smoke);
	smoke_print(smoke, "");
	return err;
}

/*
 * The cache and the probes exist before the workers start, and until they have
 * ended.
 */
static int run_with_cache(struct smoke *smoke)
{
	int err = smoke_object_cache_create();

	if (err)
		return err;
	err = smoke_probes_begin();
	err = err ?: smoke_workers_run(smoke);
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
	err = smoke_init(smoke) ?: run_with_cache(smoke);
	vfree(smoke->cpus);
	vfree(smoke->objects);
	vfree(smoke);
	return err;
}

const struct bench_workload bench_smoke_workloads[] = {
	{ .name = "smoke", .only_by_name = true, .run = run_smoke },
	{ }
};
