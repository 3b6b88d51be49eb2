// SPDX-License-Identifier: GPL-2.0
/*
 * Workers: one thread on each CPU, bound to it, all started together.
 *
 * Each worker spins until all have started; else the first ones would be
 * measured alone.  If a CPU goes offline, its worker continues on another one.
 */
#include <linux/cpu.h>
#include <linux/err.h>
#include <linux/kthread.h>
#include <linux/processor.h>
#include <linux/sched.h>
#include <linux/sched/task.h>
#include <linux/slab.h>

#include "workers.h"

struct bench_worker {
	struct bench_workers *workers;
	struct task_struct *task;
	unsigned int rank;
};

static int worker_main(void *data)
{
	struct bench_worker *worker = data;
	struct bench_workers *workers = worker->workers;
	int err;

	atomic_inc(&workers->ready);
	while (atomic_read(&workers->ready) < workers->size) {
		cpu_relax();
		cond_resched();
	}
	err = workers->work(workers, worker->rank);
	if (atomic_dec_and_test(&workers->busy))
		complete(&workers->finished);
	return err;
}

/* Stop the first @nr workers.  A thread that was never woken does not run. */
static void workers_stop(struct bench_workers *workers, unsigned int nr)
{
	while (nr--) {
		struct task_struct *task = workers->worker[nr].task;

		kthread_stop(task);
		put_task_struct(task);
	}
}

static int workers_create(struct bench_workers *workers)
{
	unsigned int rank = 0;
	int cpu;

	for_each_online_cpu(cpu) {
		struct bench_worker *worker = &workers->worker[rank];

		if (rank == workers->size)
			break;
		worker->workers = workers;
		worker->rank = rank;
		worker->task = kthread_create_on_cpu(worker_main, worker, cpu, "gom_bench/%u");
		if (IS_ERR(worker->task)) {
			workers_stop(workers, rank);
			return PTR_ERR(worker->task);
		}
		get_task_struct(worker->task);	/* it may end before bench_workers_finish() */
		rank++;
	}
	return 0;
}

/**
 * bench_workers_start - start a thread on each CPU
 * @workers: to be filled in
 * @max_size: largest number of workers; UINT_MAX for one on each online CPU
 * @work: what each does
 * @data: stored in @workers
 *
 * Return: 0, or the error of creating a thread; then none runs.
 */
int bench_workers_start(struct bench_workers *workers, unsigned int max_size, bench_work_fn work,
			void *data)
{
	unsigned int rank;
	int err;

	workers->work = work;
	workers->data = data;
	atomic_set(&workers->ready, 0);
	init_completion(&workers->finished);

	cpus_read_lock();
	workers->size = min(num_online_cpus(), max_size);
	atomic_set(&workers->busy, workers->size);
	workers->worker = kcalloc(workers->size, sizeof(*workers->worker), GFP_KERNEL);
	err = workers->worker ? workers_create(workers) : -ENOMEM;
	cpus_read_unlock();
	if (err) {
		kfree(workers->worker);
		return err;
	}
	for (rank = 0; rank < workers->size; rank++)
		wake_up_process(workers->worker[rank].task);
	return 0;
}

/**
 * bench_workers_finish - wait for all workers
 * @workers: the workers
 *
 * Return: 0, or the error of the first worker that failed.
 */
int bench_workers_finish(struct bench_workers *workers)
{
	unsigned int rank;
	int err = 0;

	wait_for_completion(&workers->finished);
	for (rank = 0; rank < workers->size; rank++) {
		struct task_struct *task = workers->worker[rank].task;
		int result = kthread_stop(task);

		err = err ?: result;
		put_task_struct(task);
	}
	kfree(workers->worker);
	return err;
}

int bench_workers_run(unsigned int max_size, bench_work_fn work, void *data)
{
	struct bench_workers workers;
	int err;

	err = bench_workers_start(&workers, max_size, work, data);
	return err ?: bench_workers_finish(&workers);
}
