// SPDX-License-Identifier: GPL-2.0
/*
 * gomalloc_bench: the same loops with SLUB, with gomalloc and with a floor.
 *
 *   insmod gomalloc_bench.ko [workload=pair,batch] [size=64,128] [rounds=15]
 *                            [iters=N] [seconds=5] [alone=1]
 *   cat /sys/kernel/debug/gomalloc_bench/results
 *
 * Everything runs in insmod, which returns when the results are complete, and
 * fails if a workload failed.  This file runs the workloads; bench.h describes
 * the other files.
 */
#include <linux/cpumask.h>
#include <linux/module.h>

#include "bench.h"
#include "clock.h"
#include "floor.h"

static int run_or_list(const struct bench_workload *workload, unsigned int size)
{
	if (!workload->alone || bench_plan.alone)
		return workload->run(workload, size);
	if (!size)
		return bench_results_alone("workload=%s", workload->name);
	return bench_results_alone("workload=%s size=%u", workload->name, size);
}

static int run_workload(const struct bench_workload *workload)
{
	const unsigned int *size;
	unsigned int i;
	int err = 0;

	if (num_online_cpus() < workload->min_cpus) {
		pr_notice("%s: skipped, needs %u CPUs online\n",
			  workload->name, workload->min_cpus);
		return 0;
	}
	if (!workload->sizes)
		return run_or_list(workload, 0);
	for (i = 0; i < bench_plan.nr_sizes && !err; i++)
		err = run_or_list(workload, bench_plan.sizes[i]);
	if (bench_plan.nr_sizes)
		return err;
	for (size = workload->sizes; *size && !err; size++)
		err = run_or_list(workload, *size);
	return err;
}

static int run_plan(void)
{
	const struct bench_workload *workload;
	unsigned int i;
	int err;

	for (i = 0; (workload = bench_plan_workload(i)); i++) {
		if (!bench_plan_wants(workload))
			continue;
		err = run_workload(workload);
		if (err) {
			pr_err("%s failed: error %d\n", workload->name, err);
			return err;
		}
	}
	return 0;
}

static int __init gomalloc_bench_init(void)
{
	int err;

	err = bench_plan_read();
	if (err)
		return err;
	bench_clock_init();
	bench_floor_init();
	pr_info("results are %s per operation (SLUB, gomalloc, floor), minimum of %u rounds\n",
		bench_clock_unit(), bench_plan.rounds);
	err = run_plan();
	if (err) {
		bench_results_free();
		return err;
	}
	bench_results_show();
	return 0;
}
module_init(gomalloc_bench_init);

static void __exit gomalloc_bench_exit(void)
{
	bench_results_free();
}
module_exit(gomalloc_bench_exit);

MODULE_DESCRIPTION("Benchmark of gomalloc against SLUB");
MODULE_LICENSE("GPL");
