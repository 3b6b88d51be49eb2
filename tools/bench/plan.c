// SPDX-License-Identifier: GPL-2.0
/*
 * What to run: the module's parameters, read and validated at load.
 *
 * All of them are strings, so that an invalid value gives one line that names
 * the valid ones; the kernel's own parser would only say "invalid".
 */
#include <linux/kernel.h>
#include <linux/moduleparam.h>
#include <linux/slab.h>
#include <linux/string.h>

#include "bench.h"
#include "clock.h"

#define MAX_NAMES	32

static char *workload = "";
module_param(workload, charp, 0444);
MODULE_PARM_DESC(workload, "comma-separated workloads, or prefixes of their names; empty: all but smoke and numa");

static char *size = "";
module_param(size, charp, 0444);
MODULE_PARM_DESC(size, "comma-separated sizes in bytes, 1 to 1048576; empty: each workload's own");

static char *rounds = "";
module_param(rounds, charp, 0444);
MODULE_PARM_DESC(rounds, "samples per result, 1 to 1000 (default 15)");

static char *seconds = "";
module_param(seconds, charp, 0444);
MODULE_PARM_DESC(seconds, "how long smoke and soak run, 1 to 86400 (default 5)");

static char *iters = "";
module_param(iters, charp, 0444);
MODULE_PARM_DESC(iters, "operations per sample where the workload does not fix them, 1 to 10000000 (default: those of about a millisecond)");

static bool alone;
module_param(alone, bool, 0444);
MODULE_PARM_DESC(alone, "measure rows that need gomalloc freshly loaded; without it they are only listed");

struct bench_plan bench_plan = { .rounds = 15, .seconds = 5 };

/*
 * Requested names.  A complete name selects one workload, a prefix all that
 * have it.
 */
static struct {
	char text[32];
	bool exact;
} names[MAX_NAMES];

static unsigned int nr_names;

static const struct bench_workload * const tables[] = {
	bench_pair_workloads,
	bench_const_workloads,
	bench_null_workloads,
	bench_over_workloads,
	bench_batch_workloads,
	bench_mixed_workloads,
	bench_fresh_workloads,
	bench_bulk_workloads,
	bench_remote_workloads,
	bench_parallel_workloads,
	bench_held_workloads,
	bench_churn_workloads,
	bench_scale_workloads,
	bench_cache_workloads,
	bench_rcu_workloads,
	bench_noscan_workloads,
	bench_json_workloads,
	bench_persistent_workloads,
	bench_numa_workloads,
	bench_efence_workloads,
	bench_hold_workloads,
	bench_offtimes_workloads,
	bench_cpus_workloads,
	bench_soak_workloads,
	bench_smoke_workloads,
};

/**
 * bench_plan_workload - the workloads, in the order in which they run
 * @nr: index, from 0
 *
 * Return: the workload, or NULL after the last.
 */
const struct bench_workload *bench_plan_workload(unsigned int nr)
{
	const struct bench_workload *workload;
	size_t i;

	for (i = 0; i < ARRAY_SIZE(tables); i++) {
		for (workload = tables[i]; workload->name; workload++) {
			if (!nr--)
				return workload;
		}
	}
	return NULL;
}

static bool begins_with(const char *whole, const char *part)
{
	return !strncmp(whole, part, strlen(part));
}

static void workload_report_unknown(const char *name)
{
	const struct bench_workload *w;
	char *list = kzalloc(SZ_1K, GFP_KERNEL);
	unsigned int i;
	size_t len = 0;

	if (!list)
		return;
	for (i = 0; (w = bench_plan_workload(i)); i++)
		len += scnprintf(list + len, SZ_1K - len, " %s", w->name);
	pr_err("workload=%s: unknown; the workloads, which a prefix selects as well, are:%s\n", name, list);
	kfree(list);
}

static int read_workload(const char *name)
{
	const struct bench_workload *w;
	bool found = false, exact = false;
	unsigned int i;

	if (nr_names == MAX_NAMES) {
		pr_err("workload=%s: more than %u names\n", workload, MAX_NAMES);
		return -EINVAL;
	}
	for (i = 0; (w = bench_plan_workload(i)); i++) {
		found |= begins_with(w->name, name);
		exact |= !strcmp(w->name, name);
	}
	if (!*name || !found) {
		workload_report_unknown(name);
		return -EINVAL;
	}
	strscpy(names[nr_names].text, name, sizeof(names[nr_names].text));
	names[nr_names++].exact = exact;
	return 0;
}

/* Decimal only: else 010 would be 8. */
static int read_number(const char *param, const char *text, unsigned int max,
		       unsigned int *value)
{
	unsigned int number;

	if (kstrtouint(text, 10, &number) || !number || number > max) {
		pr_err("%s=%s: must be a number from 1 to %u\n", param, text, max);
		return -EINVAL;
	}
	*value = number;
	return 0;
}

static int read_size(const char *text)
{
	if (bench_plan.nr_sizes == BENCH_MAX_SIZES) {
		pr_err("size=%s: more than %u sizes\n", size, BENCH_MAX_SIZES);
		return -EINVAL;
	}
	return read_number("size", text, BENCH_MAX_SIZE,
			   &bench_plan.sizes[bench_plan.nr_sizes++]);
}

static int read_list(const char *list, int (*read_one)(const char *token))
{
	char *copy, *rest, *token;
	int err = 0;

	if (!*list)
		return 0;
	copy = kstrdup(list, GFP_KERNEL);
	if (!copy)
		return -ENOMEM;
	rest = copy;
	while (!err && (token = strsep(&rest, ",")))
		err = read_one(token);
	kfree(copy);
	return err;
}

/* An empty value is the default, for scripts. */
static int read_optional(const char *param, const char *text, unsigned int max,
			 unsigned int *value)
{
	return *text ? read_number(param, text, max, value) : 0;
}

/**
 * bench_plan_read - read and validate the parameters
 *
 * Return: 0 with bench_plan filled in, or -EINVAL after one line that names the
 * parameter and its valid values.
 */
int bench_plan_read(void)
{
	int err;

	err = read_list(workload, read_workload);
	if (!err)
		err = read_list(size, read_size);
	if (!err)
		err = read_optional("rounds", rounds, 1000, &bench_plan.rounds);
	if (!err)
		err = read_optional("seconds", seconds, 86400, &bench_plan.seconds);
	if (!err)
		err = read_optional("iters", iters, 10000000, &bench_plan.iters);
	bench_plan.rounds_given = *rounds;
	bench_plan.alone = alone;
	return err;
}

/**
 * bench_plan_wants - whether a workload is selected
 * @workload: the workload
 */
bool bench_plan_wants(const struct bench_workload *workload)
{
	unsigned int i;

	if (!nr_names)
		return !workload->only_by_name &&
		       !(workload->not_counted && bench_clock_counts_instructions);
	for (i = 0; i < nr_names; i++) {
		if (names[i].exact ? !strcmp(workload->name, names[i].text) :
				     begins_with(workload->name, names[i].text))
			return true;
	}
	return false;
}
