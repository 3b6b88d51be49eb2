// SPDX-License-Identifier: GPL-2.0
/*
 * Nodes: does memory come from the node that was asked for, and go home to it?
 *
 * No measurements but checks, for a machine of several nodes; a failed one ends the
 * insmod with -EIO.  tools/guest/numa.sh runs them and looks at debugfs afterwards.
 *
 *   numa-place   what is asked of a node is on it, and what is not, on the CPU's own
 *   numa-strict  __GFP_THISNODE fails when the node has no more; others are served
 *   numa-home    allocated on one node, freed on another, again and again
 */
#include <linux/gfp.h>
#include <linux/mm.h>
#include <linux/numa.h>
#include <linux/sched.h>
#include <linux/smp.h>
#include <linux/topology.h>

#include "base/compat.h"
#include "bench.h"
#include "gomalloc.h"

#define CACHE_SIZE	520U
#define HOME_OBJECTS	16384U
#define HOME_SIZE	256U
#define HOME_ROUNDS	16U

static int node_of(const void *p)
{
	return page_to_nid(virt_to_page(p));
}

static int cpu_of(int nid)
{
	unsigned int cpu = cpumask_any_and(cpumask_of_node(nid), cpu_online_mask);

	return cpu < nr_cpu_ids ? cpu : -1;
}

static int needs_nodes(void)
{
	if (num_online_nodes() > 1)
		return 0;
	pr_err("numa: this machine has one node\n");
	return -ENODEV;
}

/* === numa-place === */

static int check_place(const void *p, int nid, const char *what, unsigned int size)
{
	if (p && node_of(p) == nid)
		return 0;
	pr_err("numa: %u bytes, %s node %d: %s", size, what, nid,
	       p ? "are somewhere else\n" : "were not to be had\n");
	return -EIO;
}

/* @nr objects at a time, so that more than one span is needed. */
static int place(unsigned int size, gfp_t gfp, int nid, struct gom_cache *cache)
{
	void *live[40];
	unsigned int i;
	int err = 0;

	for (i = 0; i < ARRAY_SIZE(live); i++) {
		live[i] = cache ? gom_cache_alloc_node(cache, gfp, nid) :
				  gom_malloc_node(size, gfp, nid);
		err = err ?: check_place(live[i], nid, cache ? "cache, of" : "of", size);
	}
	for (i = 0; i < ARRAY_SIZE(live); i++)
		gom_free(live[i]);
	return err;
}

static int place_on(int nid, struct gom_cache *cache)
{
	static const unsigned int sizes[] = { 8, 96, 1000, 4096, 32768, 40000, 500000 };
	unsigned int i;
	int err = 0;

	for (i = 0; i < ARRAY_SIZE(sizes) && !err; i++) {
		err = place(sizes[i], GFP_KERNEL | __GFP_THISNODE, nid, NULL);
		err = err ?: place(sizes[i], GFP_KERNEL, nid, NULL);
	}
	err = err ?: place(CACHE_SIZE, GFP_KERNEL | __GFP_THISNODE, nid, cache);
	return err ?: place(CACHE_SIZE, GFP_KERNEL, nid, cache);
}

/* On a CPU of the node: nothing is asked for, so it is the CPU's own. */
static int place_here(void *unused)
{
	static const unsigned int sizes[] = { 24, 2000, 60000 };
	unsigned int i;
	int err = 0;
	void *p;

	for (i = 0; i < ARRAY_SIZE(sizes); i++) {
		p = gom_malloc(sizes[i], GFP_KERNEL);
		err = err ?: check_place(p, numa_mem_id(), "of the CPU's", sizes[i]);
		gom_free(p);
	}
	return err;
}

static int run_place(const struct bench_workload *workload, unsigned int unused)
{
	int nid, err = needs_nodes();
	struct gom_cache *cache;

	if (err)
		return err;
	/* First, while no cache has another node's objects, freed there. */
	for_each_online_node(nid) {
		if (cpu_of(nid) >= 0)
			err = err ?: smp_call_on_cpu(cpu_of(nid), place_here, NULL, false);
	}
	cache = gom_cache_create("numa", CACHE_SIZE, 0, 0, NULL);
	if (!cache)
		return -ENOMEM;
	for_each_online_node(nid)
		err = err ?: place_on(nid, cache);
	gom_cache_destroy(cache);
	return err;
}

/* === numa-strict === */

/* Objects of one size, each with the next one's address. */
struct chain {
	void *first;
	unsigned long nr;
};

static void chain_free(struct chain *chain)
{
	void *p;

	while ((p = chain->first)) {
		chain->first = *(void **)p;
		gom_free(p);
		cond_resched();
	}
}

/* All that node @nid has, in objects of @size bytes. */
static int chain_fill(struct chain *chain, unsigned int size, int nid)
{
	const gfp_t gfp = GFP_KERNEL | __GFP_THISNODE | __GFP_NORETRY | __GFP_NOWARN;
	void **p;

	while ((p = gom_malloc_node(size, gfp, nid))) {
		*p = chain->first;
		chain->first = p;
		chain->nr++;
		if (node_of(p) != nid)
			return check_place(p, nid, "strictly of", size);
		cond_resched();
	}
	return 0;
}

static int exhaust(int nid)
{
	struct chain large = {}, small = {};
	void *p;
	int err;

	err = chain_fill(&large, SZ_1M, nid);
	err = err ?: chain_fill(&small, SZ_4K, nid);
	pr_info("numa: node %d had %lu objects of 1 MiB and %lu of 4 KiB\n", nid, large.nr,
		small.nr);
	/* After the large ones the node may be at its watermark, and have nothing for small ones. */
	if (!err && !large.nr)
		err = -EIO;
	p = gom_malloc_node(SZ_4K, GFP_KERNEL, nid);
	if (!err && !p) {
		pr_err("numa: node %d is full, and nothing came from the others\n", nid);
		err = -EIO;
	}
	gom_free(p);
	chain_free(&small);
	chain_free(&large);
	gom_release_memory();
	return err ?: place(SZ_4K, GFP_KERNEL | __GFP_THISNODE, nid, NULL);
}

/* The last node: the first has what the kernel itself needs at every turn. */
static int run_strict(const struct bench_workload *workload, unsigned int unused)
{
	int nid, last = 0, err = needs_nodes();

	for_each_online_node(nid)
		last = nid;
	return err ?: exhaust(last);
}

/* === numa-home === */

static int fill_live(void *data)
{
	void **live = data;
	unsigned int i;

	for (i = 0; i < HOME_OBJECTS; i++) {
		live[i] = gom_malloc(HOME_SIZE, GFP_KERNEL);
		if (!live[i])
			return -ENOMEM;
	}
	return 0;
}

static int free_live(void *data)
{
	void **live = data;
	unsigned int i;

	for (i = 0; i < HOME_OBJECTS; i++) {
		gom_free(live[i]);
		live[i] = NULL;
	}
	return 0;
}

static int there_and_back(void **live, int from, int to)
{
	unsigned int round;
	int err = 0;

	for (round = 0; round < HOME_ROUNDS && !err; round++) {
		err = smp_call_on_cpu(cpu_of(from), fill_live, live, false);
		err = smp_call_on_cpu(cpu_of(to), free_live, live, false) ?: err;
	}
	return err;
}

static int run_home(const struct bench_workload *workload, unsigned int unused)
{
	void **live = bench_live_alloc(HOME_OBJECTS);
	int from, to, err = needs_nodes();

	if (!live)
		return -ENOMEM;
	for_each_online_node(from) {
		for_each_online_node(to) {
			if (err || from == to || cpu_of(from) < 0 || cpu_of(to) < 0)
				continue;
			err = there_and_back(live, from, to);
			pr_info("numa: %u times %u objects of %u bytes from node %d freed on node %d\n",
				HOME_ROUNDS, HOME_OBJECTS, HOME_SIZE, from, to);
		}
	}
	bench_live_free(live);
	return err;
}

const struct bench_workload bench_numa_workloads[] = {
	{ .name = "numa-place", .only_by_name = true, .run = run_place },
	{ .name = "numa-strict", .only_by_name = true, .run = run_strict },
	{ .name = "numa-home", .only_by_name = true, .run = run_home },
	{ }
};
