// SPDX-License-Identifier: GPL-2.0
/*
 * A crew: one thread per CPU, each bound to its own, let go together.
 *
 * Every member waits at the start, spinning, until all are there: a crew that
 * trickled in would measure its first members alone on the machine.
 *
 * A CPU that goes offline meanwhile loses the binding of its member, no more.
 */
#include <linux/cpu.h>
#include <linux/err.h>
#include <linux/kthread.h>
#include <linux/processor.h>
#include <linux/sched.h>
#include <linux/sched/task.h>
#include <linux/slab.h>

#include "crew.h"

struct crew_member {
	struct bench_crew *crew;
	struct task_struct *task;
	unsigned int rank;
};

static int member_main(void *data)
{
	struct crew_member *member = data;
	struct bench_crew *crew = member->crew;
	int err;

	atomic_inc(&crew->ready);
	while (atomic_read(&crew->ready) < crew->size) {
		cpu_relax();
		cond_resched();
	}
	err = crew->work(crew, member->rank);
	if (atomic_dec_and_test(&crew->busy))
		complete(&crew->finished);
	return err;
}

/* A thread that was never woken ends without having run. */
static void dismiss(struct bench_crew *crew, unsigned int hired)
{
	while (hired--) {
		struct task_struct *task = crew->members[hired].task;

		kthread_stop(task);
		put_task_struct(task);
	}
}

static int hire(struct bench_crew *crew)
{
	unsigned int rank = 0;
	int cpu;

	for_each_online_cpu(cpu) {
		struct crew_member *member = &crew->members[rank];

		if (rank == crew->size)
			break;
		member->crew = crew;
		member->rank = rank;
		member->task = kthread_create_on_cpu(member_main, member, cpu, "gom_bench/%u");
		if (IS_ERR(member->task)) {
			dismiss(crew, rank);
			return PTR_ERR(member->task);
		}
		get_task_struct(member->task);	/* may end before finish() looks */
		rank++;
	}
	return 0;
}

/**
 * bench_crew_start - put a thread to work on each CPU
 * @crew: to be filled in
 * @max_size: no more than so many; UINT_MAX for every online CPU
 * @work: what each does
 * @data: kept in @crew
 *
 * Return: 0, or why no thread could be made; then none runs.
 */
int bench_crew_start(struct bench_crew *crew, unsigned int max_size,
		     bench_crew_work work, void *data)
{
	unsigned int rank;
	int err;

	crew->work = work;
	crew->data = data;
	atomic_set(&crew->ready, 0);
	init_completion(&crew->finished);

	cpus_read_lock();
	crew->size = min(num_online_cpus(), max_size);
	atomic_set(&crew->busy, crew->size);
	crew->members = kcalloc(crew->size, sizeof(*crew->members), GFP_KERNEL);
	err = crew->members ? hire(crew) : -ENOMEM;
	cpus_read_unlock();
	if (err) {
		kfree(crew->members);
		return err;
	}
	for (rank = 0; rank < crew->size; rank++)
		wake_up_process(crew->members[rank].task);
	return 0;
}

/**
 * bench_crew_finish - wait for all threads of a crew
 * @crew: the crew
 *
 * Return: 0, or the error of the first member that had one.
 */
int bench_crew_finish(struct bench_crew *crew)
{
	unsigned int rank;
	int err = 0;

	wait_for_completion(&crew->finished);
	for (rank = 0; rank < crew->size; rank++) {
		struct task_struct *task = crew->members[rank].task;
		int result = kthread_stop(task);

		err = err ?: result;
		put_task_struct(task);
	}
	kfree(crew->members);
	return err;
}

int bench_crew_run(unsigned int max_size, bench_crew_work work, void *data)
{
	struct bench_crew crew;
	int err;

	err = bench_crew_start(&crew, max_size, work, data);
	return err ?: bench_crew_finish(&crew);
}
