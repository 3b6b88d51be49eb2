// SPDX-License-Identifier: GPL-2.0
/*
 * Objects that are allocated and held until "free", on the CPU to which the
 * writer is bound.  Each object contains the address of the next.
 */
#include <linux/io.h>
#include <linux/mm.h>
#include <linux/sched.h>
#include <linux/sizes.h>

#include "base/compat.h"
#include "gomalloc.h"
#include "torture.h"

#define SAME_SIZE	1024U
#define HOLES		8U		/* one object in so many stays */

#define STRICT_SIZE	(200U << 10)
#define STRICT_OBJECTS	1500U

#define CACHE_SIZE	200U
#define CACHE_OBJECTS	500U

/* Sizes of several classes up to 32 KiB, and of page runs. */
static const unsigned int sizes[] = {
	8, 16, 32, 64, 112, 208, 416, 512, 896, 1024, 1536, 2048, 2304, 3072, 4096, 5120,
	6144, 8192, 10240, 12288, 16384, 20480, 32768, 40000, 100000,
};

static void *held;

static void held_add(void *p)
{
	*(void **)p = held;
	held = p;
}

static int held_alloc(const unsigned int *size, unsigned int nr, unsigned int kib, gfp_t gfp)
{
	size_t bytes = 0;
	unsigned int i;
	void *p;

	for (i = 0; bytes < (size_t)kib * SZ_1K; i = (i + 1) % nr) {
		p = gom_malloc(size[i], gfp);
		if (!p) {
			pr_err("no memory for %u bytes after %zu KiB, gfp %pGg\n", size[i],
			       bytes / SZ_1K, &gfp);
			return -ENOMEM;
		}
		held_add(p);
		bytes += size[i];
		cond_resched();
	}
	return 0;
}

int torture_live(unsigned int kib)
{
	return held_alloc(sizes, ARRAY_SIZE(sizes), kib, GFP_KERNEL);
}

int torture_same(unsigned int kib)
{
	return held_alloc(&(unsigned int){ SAME_SIZE }, 1, kib, GFP_KERNEL);
}

static int without_memory(unsigned int size, gfp_t gfp, unsigned int nid)
{
	void *strict = gom_malloc_node(size, gfp | __GFP_THISNODE | __GFP_NOWARN, nid);
	void *p = gom_malloc_node(size, gfp, nid);

	gom_free(strict);
	gom_free(p);
	if (!strict && p)
		return 0;
	pr_err("%u bytes of node %u, gfp %pGg: %s\n", size, nid, &gfp,
	       strict ? "another node gave them" : "no node gave them");
	return -EIO;
}

/*
 * Allocate from node @nid, which has no memory: with __GFP_THISNODE that must
 * fail.  Memory of a zone comes from the page allocator without the heap.
 */
int torture_without_memory(unsigned int nid)
{
	unsigned int i;
	int err = 0;

	for (i = 0; i < ARRAY_SIZE(sizes) && !err; i++)
		err = without_memory(sizes[i], GFP_KERNEL, nid) ?:
		      without_memory(sizes[i], GFP_KERNEL | __GFP_DMA, nid);
	return err;
}

int torture_free(unsigned int unused)
{
	void *p;

	while ((p = held)) {
		held = *(void **)p;
		gom_free(p);
		cond_resched();
	}
	return 0;
}

static int strict_alloc(unsigned int nid, gfp_t gfp)
{
	unsigned int i, failed = 0;
	void *p;

	for (i = 0; i < STRICT_OBJECTS; i++) {
		p = gom_malloc_node(STRICT_SIZE, gfp | __GFP_THISNODE | __GFP_NOWARN, nid);
		if (p)
			held_add(p);
		else
			failed++;
		cond_resched();
	}
	torture_free(0);
	pr_info("strict: %u of %u objects of node %u failed on node %d, gfp %pGg\n", failed, i,
		nid, numa_node_id(), &gfp);
	return failed ? -ENOMEM : 0;
}

/* Page runs of node @nid, which has enough memory, and of no other. */
int torture_strict(unsigned int nid)
{
	int nowait = strict_alloc(nid, GFP_NOWAIT);

	return strict_alloc(nid, GFP_KERNEL) ?: nowait;
}

/* Leave some objects in use in each span. */
int torture_holes(unsigned int kib)
{
	void *p, *rest;
	unsigned int i;
	int err;

	err = torture_free(0) ?: torture_same(kib);
	rest = held;
	held = NULL;
	for (i = 0; (p = rest); i++) {
		rest = *(void **)p;
		if (i % HOLES)
			gom_free(p);
		else
			held_add(p);
		cond_resched();
	}
	return err;
}

/* QEMU plugs memory in above 4 GiB, where a small guest has none at boot. */
static unsigned long pages_above_4g(void)
{
	unsigned long n = 0;
	void *p;

	for (p = held; p; p = *(void **)p)
		n += virt_to_phys(p) >= SZ_4G;
	return n;
}

int torture_plugged(unsigned int kib)
{
	const gfp_t gfps[] = { GFP_KERNEL, GFP_KERNEL | __GFP_NOFAIL, GFP_NOWAIT };
	unsigned long above;
	unsigned int i;
	int err = 0;

	for (i = 0; i < ARRAY_SIZE(gfps) && !err; i++)
		err = held_alloc(sizes, ARRAY_SIZE(sizes), kib / ARRAY_SIZE(gfps), gfps[i]);
	above = pages_above_4g();
	pr_info("plugged: %lu objects are in memory above 4 GiB\n", above);
	torture_free(0);
	return err ?: above ? 0 : -ENXIO;
}

static int cache_use(struct gom_cache *cache)
{
	unsigned int i;
	void *p;

	for (i = 0; i < CACHE_OBJECTS; i++) {
		p = gom_cache_alloc(cache, GFP_KERNEL);
		if (!p)
			return -ENOMEM;
		held_add(p);
	}
	return torture_free(0);
}

static struct gom_cache *held_cache;

/* A cache with free objects, which the CPU that freed them has cached. */
int torture_cache_hold(unsigned int unused)
{
	int err = torture_free(0) ?: torture_cache_end(0);

	if (err)
		return err;
	held_cache = gom_cache_create("torture_held", CACHE_SIZE, 0, 0, NULL);
	return held_cache ? cache_use(held_cache) : -ENOMEM;
}

int torture_cache_end(unsigned int unused)
{
	if (held_cache)
		gom_cache_destroy(held_cache);
	held_cache = NULL;
	return 0;
}

int torture_cache(unsigned int times)
{
	struct gom_cache *cache;
	int err = torture_free(0);

	while (times-- && !err) {
		cache = gom_cache_create("torture", CACHE_SIZE, 0, 0, NULL);
		if (!cache)
			return -ENOMEM;
		err = cache_use(cache);
		gom_cache_shrink(cache);
		gom_cache_destroy(cache);
	}
	return err;
}
