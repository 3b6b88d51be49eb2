// SPDX-License-Identifier: GPL-2.0
/*
 * Bulk: n objects in one call, and freed in one call; figures are per object.
 *
 * SLUB's bulk interface belongs to named caches: it gets one of its own, of
 * the size in question.  n stands in the workload's name.
 */
#include "allocators.h"
#include "bench.h"
#include "clock.h"

#define BULK_MAX	250

struct bulk {
	unsigned int nr;
	struct kmem_cache *cache;
	void *objects[BULK_MAX];
};

static int bulk_slub(struct bench_shot *shot)
{
	struct bulk *bulk = shot->data;
	unsigned int i;
	u64 start;

	start = bench_cycles();
	for (i = shot->ops / bulk->nr; i; i--) {
		if (!kmem_cache_alloc_bulk(bulk->cache, GFP_KERNEL, bulk->nr, bulk->objects))
			return -ENOMEM;
		kmem_cache_free_bulk(bulk->cache, bulk->nr, bulk->objects);
	}
	shot->cycles[0] = bench_cycles() - start;
	return 0;
}

static int bulk_gomalloc(struct bench_shot *shot)
{
	struct bulk *bulk = shot->data;
	size_t size = shot->size;
	unsigned int i;
	u64 start;

	OPTIMIZER_HIDE_VAR(size);
	start = bench_cycles();
	for (i = shot->ops / bulk->nr; i; i--) {
		if (!gom_malloc_bulk(size, GFP_KERNEL, bulk->nr, bulk->objects))
			return -ENOMEM;
		gom_free_bulk(bulk->nr, bulk->objects);
	}
	shot->cycles[0] = bench_cycles() - start;
	return 0;
}

/* No floor: the least a bulk call can cost is a copy of n pointers. */
static const bench_shot_fn bulk_shots[BENCH_NR_ALLOCATORS] = {
	[BENCH_SLUB] = bulk_slub,
	[BENCH_GOMALLOC] = bulk_gomalloc,
};

static int run_bulk(const struct bench_workload *workload, unsigned int size)
{
	struct bulk *bulk = kzalloc(sizeof(*bulk), GFP_KERNEL);
	int err = -ENOMEM;

	if (!bulk)
		return -ENOMEM;
	bulk->nr = workload->arg;
	bulk->cache = kmem_cache_create("gomalloc_bench", size, 0, 0, NULL);
	if (bulk->cache)
		err = bench_contest_run(&(struct bench_contest) {
			.name = workload->name,
			.size = size,
			.multiple = bulk->nr,
			.shots = bulk_shots,
			.data = bulk,
		});
	kmem_cache_destroy(bulk->cache);
	kfree(bulk);
	return err;
}

static const unsigned int bulk_sizes[] = { 64, 0 };

#define BULK(n)	\
	{ .name = "bulk-" #n, .sizes = bulk_sizes, .arg = (n), .run = run_bulk }

const struct bench_workload bench_bulk_workloads[] = {
	BULK(1), BULK(2), BULK(4), BULK(8), BULK(16), BULK(30), BULK(32),
	BULK(64), BULK(128), BULK(250),
	{ }
};
