// SPDX-License-Identifier: GPL-2.0
/*
 * Bulk: allocate N objects in one call and free them in one call; results are
 * per object.  N is in the workload's name.
 *
 * SLUB's bulk interface needs a named cache, so it gets one of that size.
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

static int bulk_slub(struct bench_sample *sample)
{
	struct bulk *bulk = sample->data;
	unsigned int i;
	u64 start;

	start = bench_cycles();
	for (i = sample->ops / bulk->nr; i; i--) {
		if (!kmem_cache_alloc_bulk(bulk->cache, GFP_KERNEL, bulk->nr, bulk->objects))
			return -ENOMEM;
		kmem_cache_free_bulk(bulk->cache, bulk->nr, bulk->objects);
	}
	sample->cycles[0] = bench_cycles() - start;
	return 0;
}

static int bulk_gomalloc(struct bench_sample *sample)
{
	struct bulk *bulk = sample->data;
	size_t size = sample->size;
	unsigned int i;
	u64 start;

	OPTIMIZER_HIDE_VAR(size);
	start = bench_cycles();
	for (i = sample->ops / bulk->nr; i; i--) {
		if (!gom_malloc_bulk(size, GFP_KERNEL, bulk->nr, bulk->objects))
			return -ENOMEM;
		gom_free_bulk(bulk->nr, bulk->objects);
	}
	sample->cycles[0] = bench_cycles() - start;
	return 0;
}

/* No floor: the least that a bulk call can cost is a copy of N pointers. */
static const bench_sample_fn bulk_sample_fns[BENCH_NR_ALLOCATORS] = {
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
		err = bench_comparison_run(&(struct bench_comparison) {
			.name = workload->name,
			.size = size,
			.multiple = bulk->nr,
			.sample_fns = bulk_sample_fns,
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
