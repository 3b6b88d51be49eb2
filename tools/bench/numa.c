// SPDX-License-Identifier: GPL-2.0
/*
 * Nodes: does memory come from the requested node, and does it return there?
 *
 * Checks, not measurements, for a machine with several nodes.  If one fails,
 * insmod fails with -EIO.  tools/guest/numa.sh runs them and reads debugfs
 * afterwards.
 *
 *   numa-place   memory is on the requested node; without one, on the CPU's
 *   numa-over    the same, of the drop-in's functions that are given a node
 *   numa-strict  __GFP_THISNODE fails on a full node; other requests succeed
 *   numa-home    objects are repeatedly allocated on one node, freed on another
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
#include "numa_over.h"

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
	pr_err("numa: this machine has only one node\n");
	return -ENODEV;
}

/* === numa-place === */

static int place_check(const void *p, int nid, const char *what, unsigned int size)
{
	if (p && gom_owns(p) && node_of(p) == nid)
		return 0;
	pr_err("numa: %u bytes, %s node %d: %s\n", size, what, nid,
	       !p ? "there was no memory" : gom_owns(p) ? "they are on another node" :
	       "they are not gomalloc's");
	return -EIO;
}

static const unsigned int place_sizes[] = { 8, 96, 1000, 4096, 32768, 40000, 500000 };

static void *malloc_node(unsigned int size, gfp_t gfp, int nid)
{
	return gom_malloc_node(size, gfp, nid);
}

static const struct numa_form place_malloc = { "gom_malloc_node(), of", malloc_node };

static struct gom_cache *place_cache;	/* of the current run */

static void *cache_alloc_node(unsigned int size, gfp_t gfp, int nid)
{
	return gom_cache_alloc_node(place_cache, gfp, nid);
}

static const struct numa_form place_cached = {
	"gom_cache_alloc_node(), of", cache_alloc_node, CACHE_SIZE,
};

/* So many objects that more than one span is needed. */
static int place_objects(const struct numa_form *form, unsigned int size, gfp_t gfp, int nid)
{
	void *live[40];
	unsigned int i;
	int err = 0;

	for (i = 0; i < ARRAY_SIZE(live); i++) {
		live[i] = form->alloc(size, gfp, nid);
		err = err ?: place_check(live[i], nid, form->name, size);
	}
	for (i = 0; i < ARRAY_SIZE(live); i++)
		numa_over_free(live[i]);
	return err;
}

static int place_size(const struct numa_form *form, unsigned int size, int nid)
{
	return place_objects(form, size, GFP_KERNEL | __GFP_THISNODE, nid) ?:
	       place_objects(form, size, GFP_KERNEL, nid);
}

static int place_form(const struct numa_form *form, int nid)
{
	unsigned int i;
	int err = 0;

	if (form->size)
		return place_size(form, form->size, nid);
	for (i = 0; i < ARRAY_SIZE(place_sizes) && !err; i++)
		err = place_size(form, place_sizes[i], nid);
	return err;
}

/* On a CPU of the node; no node is requested. */
static int place_on_cpu(void *unused)
{
	static const unsigned int sizes[] = { 24, 2000, 60000 };
	unsigned int i;
	int err = 0;
	void *p;

	for (i = 0; i < ARRAY_SIZE(sizes); i++) {
		p = gom_malloc(sizes[i], GFP_KERNEL);
		err = err ?: place_check(p, numa_mem_id(), "of the CPU's", sizes[i]);
		gom_free(p);
	}
	return err;
}

static int run_place(const struct bench_workload *workload, unsigned int unused)
{
	int nid, err = needs_nodes();

	if (err)
		return err;
	/*
	 * First, while no CPU caches objects that were freed on another node.
	 */
	for_each_online_node(nid) {
		if (cpu_of(nid) >= 0)
			err = err ?: smp_call_on_cpu(cpu_of(nid), place_on_cpu, NULL, false);
	}
	place_cache = gom_cache_create("numa", CACHE_SIZE, 0, 0, NULL);
	if (!place_cache)
		return -ENOMEM;
	for_each_online_node(nid)
		err = err ?: place_form(&place_malloc, nid) ?: place_form(&place_cached, nid);
	gom_cache_destroy(place_cache);
	return err;
}

/* === numa-over === */

static int run_over(const struct bench_workload *workload, unsigned int unused)
{
	const struct numa_form *form;
	int nid, err = needs_nodes() ?: numa_over_begin();

	if (err)
		return err;
	for (form = numa_over_forms; form->name && !err; form++) {
		for_each_online_node(nid)
			err = err ?: place_form(form, nid);
		pr_info("numa: %s each node: %s\n", form->name, err ? "failed" : "passed");
	}
	numa_over_end();
	return err;
}

/* === numa-strict === */

/* Objects of one size; each contains the address of the next. */
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

/* Allocate all memory of node @nid in objects of @size bytes. */
static int chain_fill(struct chain *chain, unsigned int size, int nid)
{
	const gfp_t gfp = GFP_KERNEL | __GFP_THISNODE | __GFP_NORETRY | __GFP_NOWARN;
	void **p;

	while ((p = gom_malloc_node(size, gfp, nid))) {
		*p = chain->first;
		chain->first = p;
		chain->nr++;
		if (node_of(p) != nid)
			return place_check(p, nid, "strictly of", size);
		cond_resched();
	}
	return 0;
}

static int node_exhaust(int nid)
{
	struct chain large = {}, small = {};
	void *p;
	int err;

	err = chain_fill(&large, SZ_1M, nid);
	err = err ?: chain_fill(&small, SZ_4K, nid);
	pr_info("numa: node %d had %lu objects of 1 MiB and %lu of 4 KiB\n", nid, large.nr,
		small.nr);
	/*
	 * The large objects may leave no page above the watermark for small
	 * ones.
	 */
	if (!err && !large.nr)
		err = -EIO;
	p = gom_malloc_node(SZ_4K, GFP_KERNEL, nid);
	if (!err && !p) {
		pr_err("numa: node %d is full, but no memory came from other nodes\n", nid);
		err = -EIO;
	}
	gom_free(p);
	chain_free(&small);
	chain_free(&large);
	gom_release_memory();
	return err ?: place_objects(&place_malloc, SZ_4K, GFP_KERNEL | __GFP_THISNODE, nid);
}

/* Use the last node: the kernel itself needs memory of the first. */
static int run_strict(const struct bench_workload *workload, unsigned int unused)
{
	int nid, last = 0, err = needs_nodes();

	for_each_online_node(nid)
		last = nid;
	return err ?: node_exhaust(last);
}

/* === numa-home === */

static int home_fill(void *data)
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

static int home_free(void *data)
{
	void **live = data;
	unsigned int i;

	for (i = 0; i < HOME_OBJECTS; i++) {
		gom_free(live[i]);
		live[i] = NULL;
	}
	return 0;
}

static int home_rounds(void **live, int from, int to)
{
	unsigned int round;
	int err = 0;

	for (round = 0; round < HOME_ROUNDS && !err; round++) {
		err = smp_call_on_cpu(cpu_of(from), home_fill, live, false);
		err = smp_call_on_cpu(cpu_of(to), home_free, live, false) ?: err;
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
			err = home_rounds(live, from, to);
			pr_info("numa: %u times %u objects of %u bytes from node %d freed on node %d\n",
				HOME_ROUNDS, HOME_OBJECTS, HOME_SIZE, from, to);
		}
	}
	bench_live_free(live);
	return err;
}

const struct bench_workload bench_numa_workloads[] = {
	{ .name = "numa-place", .only_by_name = true, .run = run_place },
	{ .name = "numa-over", .only_by_name = true, .run = run_over },
	{ .name = "numa-strict", .only_by_name = true, .run = run_strict },
	{ .name = "numa-home", .only_by_name = true, .run = run_home },
	{ }
};
