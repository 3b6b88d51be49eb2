// SPDX-License-Identifier: GPL-2.0
/*
 * The drop-in's functions that are given a node: Kbuild includes as_slab.h, so
 * these calls are gomalloc's.
 */
#include <linux/errno.h>
#include <linux/mm.h>
#include <linux/slab.h>

#include "numa_over.h"

#define CACHE_SIZE	520U

static struct kmem_cache *cache;	/* of the current run */

static void *form_kmalloc(unsigned int size, gfp_t gfp, int nid)
{
	return kmalloc_node(size, gfp, nid);
}

/* Inlined: the kernel has other functions for constant sizes. */
static void *form_small(unsigned int size, gfp_t gfp, int nid)
{
	return kmalloc_node(96, gfp, nid);
}

static void *form_large(unsigned int size, gfp_t gfp, int nid)
{
	return kmalloc_node(40000, gfp, nid);
}

static void *form_track(unsigned int size, gfp_t gfp, int nid)
{
	return kmalloc_node_track_caller(size, gfp, nid);
}

static void *form_kvmalloc(unsigned int size, gfp_t gfp, int nid)
{
	return kvmalloc_node(size, gfp, nid);
}

static void *form_cache(unsigned int size, gfp_t gfp, int nid)
{
	return kmem_cache_alloc_node(cache, gfp, nid);
}

#ifdef krealloc_node_align
/* With __GFP_THISNODE an object on another node moves. */
static void *form_krealloc(unsigned int size, gfp_t gfp, int nid)
{
	void *p = kmalloc(size, GFP_KERNEL), *q;

	q = krealloc_node_align(p, size, 1, gfp | __GFP_THISNODE, nid);
	if (!q)
		kfree(p);
	return q;
}
#endif

const struct numa_form numa_over_forms[] = {
	{ "kmalloc_node(), of", form_kmalloc },
	{ "kmalloc_node() of a small constant, of", form_small, 96 },
	{ "kmalloc_node() of a large constant, of", form_large, 40000 },
	{ "kmalloc_node_track_caller(), of", form_track },
	{ "kvmalloc_node(), of", form_kvmalloc },
	{ "kmem_cache_alloc_node(), of", form_cache, CACHE_SIZE },
#ifdef krealloc_node_align
	{ "krealloc_node_align(), of", form_krealloc },
#endif
	{ }
};

int numa_over_begin(void)
{
	cache = kmem_cache_create("gomalloc_bench_numa", CACHE_SIZE, 0, 0, NULL);
	return cache ? 0 : -ENOMEM;
}

void numa_over_end(void)
{
	kmem_cache_destroy(cache);
}

void numa_over_free(const void *p)
{
	kvfree(p);
}
