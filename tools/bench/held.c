// SPDX-License-Identifier: GPL-2.0
/*
 * Held: bytes of memory that an allocator holds for each live object.
 *
 * Both allocators are measured from outside, by the free pages of the whole
 * system before the live set is allocated and at its peak.  Free pages are
 * those in the buddy allocator and in its per-CPU lists; both are read exactly,
 * so the only noise is what other tasks allocate meanwhile.
 *
 * Before each measurement both allocators release their idle memory.  The live
 * set also fills free objects in slabs that the kernel uses; these are not
 * counted.  gomalloc's metadata never shrinks, so the next row would find what
 * an earlier one needed.  Therefore gomalloc is reloaded for each row (.alone),
 * whose result includes all metadata but that of loading itself.
 */
#include <linux/mm.h>
#include <linux/mmzone.h>
#include <linux/nodemask.h>
#include <linux/prandom.h>
#include <linux/sched.h>
#include <linux/sched/signal.h>
#include <linux/vmalloc.h>
#include <linux/vmstat.h>

#include "allocators.h"
#include "bench.h"

/* Large enough that a heap growing by a megabyte does not matter. */
#define HELD_LIVE_BYTES		SZ_64M

/* A live set takes at most one part in so many of free memory. */
#define MEMORY_SHARE		4

static long zone_free_pages(struct zone *zone)
{
	long pages = zone_page_state_snapshot(zone, NR_FREE_PAGES);
	int cpu;

	for_each_online_cpu(cpu)
		pages += READ_ONCE(per_cpu_ptr(zone->per_cpu_pageset, cpu)->count);
	return pages;
}

/* Pages in the buddy allocator and in its per-CPU lists. */
long bench_free_pages(void)
{
	long pages = 0;
	int node, i;

	for_each_online_node(node) {
		for (i = 0; i < MAX_NR_ZONES; i++) {
			struct zone *zone = &NODE_DATA(node)->node_zones[i];

			if (populated_zone(zone))
				pages += zone_free_pages(zone);
		}
	}
	return pages;
}

/*
 * Make both allocators release idle memory.  Else the live set would first fill
 * SLUB's empty slabs and sheaves and gomalloc's idle heap, and objects would
 * seem to take less than their size.
 */
void bench_release_idle(void)
{
	int type, i;

	gom_release_memory();
	for (type = 0; type < NR_KMALLOC_TYPES; type++) {
		for (i = 0; i <= KMALLOC_SHIFT_HIGH; i++) {
			if (kmalloc_caches[type][i])
				kmem_cache_shrink(kmalloc_caches[type][i]);
		}
	}
}

/**
 * bench_live_fit - number of objects that a live set can have on this machine
 * @nr: wanted number
 * @size: size of each
 *
 * Return: @nr, or fewer.
 */
unsigned int bench_live_fit(unsigned int nr, unsigned int size)
{
	const u64 bytes = (u64)bench_free_pages() * (PAGE_SIZE / MEMORY_SHARE);

	return clamp_t(u64, div_u64(bytes, size + sizeof(void *)), 1, nr);
}

/* From vmalloc, which neither allocator serves; its pages are all present. */
void **bench_live_alloc(unsigned int nr)
{
	return vzalloc(array_size(nr, sizeof(void *)));
}

void bench_live_free(void **live)
{
	vfree(live);
}

static __always_inline unsigned int live_fill_loop(enum bench_allocator allocator, void **live,
						   unsigned int nr, unsigned int size,
						   const u16 *sizes, bool noscan)
{
	unsigned int i;
	size_t bytes;

	for (i = 0; i < nr; i++) {
		bytes = sizes ? sizes[i] : size;
		live[i] = noscan ? bench_malloc_noscan(allocator, bytes, GFP_KERNEL) :
				   bench_malloc(allocator, bytes, GFP_KERNEL);
		if (!live[i] || signal_pending(current))
			return i + !!live[i];
		cond_resched();
	}
	return nr;
}

static unsigned int live_fill(enum bench_allocator allocator, void **live, unsigned int nr,
			      unsigned int size, const u16 *sizes, bool noscan)
{
	if (allocator == BENCH_SLUB)
		return live_fill_loop(BENCH_SLUB, live, nr, size, sizes, false);
	return live_fill_loop(BENCH_GOMALLOC, live, nr, size, sizes, noscan);
}

static void live_drain(enum bench_allocator allocator, void **live, unsigned int nr)
{
	unsigned int i;

	for (i = 0; i < nr; i++) {
		if (allocator == BENCH_SLUB)
			kfree(live[i]);
		else
			gom_free(live[i]);
		cond_resched();
	}
}

/*
 * Memory held for each object, in tenths of bytes; arguments as
 * bench_held_row().
 */
static int held_measure(enum bench_allocator allocator, void **live, unsigned int nr,
			unsigned int size, const u16 *sizes, bool noscan, u32 *tenths)
{
	unsigned int got;
	long before, taken;

	bench_release_idle();
	before = bench_free_pages();
	got = live_fill(allocator, live, nr, size, sizes, noscan);
	taken = max(before - bench_free_pages(), 0L);
	live_drain(allocator, live, got);
	bench_release_idle();
	if (got < nr)
		return signal_pending(current) ? -EINTR : -ENOMEM;
	*tenths = div_u64((u64)taken * PAGE_SIZE * 10 + nr / 2, nr);
	return 0;
}

/**
 * bench_held_row - measure a row of memory held for each live object
 * @name: name of the workload
 * @live: space for @nr pointers
 * @nr: number of objects
 * @size: size of all objects, if @sizes is NULL
 * @sizes: size of each object, or NULL
 * @noscan: allocate gomalloc's objects with gom_malloc_noscan()
 *
 * Return: 0, -ENOMEM, or -EINTR.
 */
int bench_held_row(const char *name, void **live, unsigned int nr, unsigned int size,
		   const u16 *sizes, bool noscan)
{
	struct bench_result result;
	int allocator, err;

	bench_result_init(&result);
	for (allocator = 0; allocator < BENCH_NR_REAL; allocator++) {
		err = held_measure(allocator, live, nr, size, sizes, noscan,
				   &result.held[allocator]);
		if (err)
			return err;
	}
	return bench_results_add(name, "", size, &result);
}

static int run_held(const struct bench_workload *workload, unsigned int size)
{
	const unsigned int nr = bench_live_fit(HELD_LIVE_BYTES / size, size);
	void **live = bench_live_alloc(nr);
	int err;

	if (!live)
		return -ENOMEM;
	err = bench_held_row(workload->name, live, nr, size, NULL, false);
	bench_live_free(live);
	return err;
}

/*
 * Sizes are uniform up to @workload->arg, from 1, or from 4096 if that is
 * larger.
 */
static int run_held_mixed(const struct bench_workload *workload, unsigned int unused)
{
	const unsigned int max_size = workload->arg, min_size = max_size > SZ_4K ? SZ_4K : 1;
	const unsigned int nr = bench_live_fit(HELD_LIVE_BYTES / ((min_size + max_size) / 2),
					       max_size);
	void **live = bench_live_alloc(nr);
	u16 *sizes = vmalloc(array_size(nr, sizeof(*sizes)));
	struct rnd_state rnd;
	unsigned int i;
	int err = -ENOMEM;

	if (live && sizes) {
		prandom_seed_state(&rnd, 2);
		for (i = 0; i < nr; i++)
			sizes[i] = min_size + prandom_u32_state(&rnd) % (max_size - min_size + 1);
		err = bench_held_row(workload->name, live, nr, 0, sizes, false);
	}
	vfree(sizes);
	bench_live_free(live);
	return err;
}

static const unsigned int held_sizes[] = {
	8, 16, 32, 48, 64, 96, 128, 192, 256, 512, 1024, 2048, 4096, 8192,
	16384, 32768, 40000, 65536, 0
};

/* Millions of objects: an emulator would take too long for the same result. */
const struct bench_workload bench_held_workloads[] = {
	{ .name = "held", .sizes = held_sizes, .not_counted = true, .alone = true,
	  .run = run_held },
	{ .name = "held-mixed", .arg = SZ_4K, .not_counted = true, .alone = true,
	  .run = run_held_mixed },
	{ .name = "held-mixed-large", .arg = SZ_64K - 1, .not_counted = true, .alone = true,
	  .run = run_held_mixed },
	{ }
};
