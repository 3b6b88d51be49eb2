// SPDX-License-Identifier: GPL-2.0
/*
 * Named caches of both allocators, of the same size and flags.
 *
 *   cache-pair      allocate an object and free it at once
 *   cache-ctor      the same with a constructor, which runs for new memory only
 *   cache-batch     10,000 live (fewer with little memory), freed in order
 *   cache-bulk-N    allocate N in one call and free them in one; per object
 *   cache-prefill   prefill 32, allocate and free them, refill; per object
 */
#include "allocators.h"
#include "bench.h"
#include "clock.h"

#define NR_MAX		250
#define BATCH_LIVE	10000U
#define PREFILL		32U

struct pair_of_caches {
	struct kmem_cache *slub;
	struct gom_cache *gom;
	unsigned int nr;
	void **live;
	void *objects[NR_MAX];
};

static void construct(void *p)
{
	*(unsigned long *)p = 1;
}

static __always_inline void *cache_alloc(enum bench_allocator allocator,
					 struct pair_of_caches *c, size_t size)
{
	void *p;

	if (allocator == BENCH_SLUB)
		p = kmem_cache_alloc(c->slub, GFP_KERNEL);
	else if (allocator == BENCH_GOMALLOC)
		p = gom_cache_alloc(c->gom, GFP_KERNEL);
	else
		p = bench_floor_pop(size, GFP_KERNEL);
	OPTIMIZER_HIDE_VAR(p);
	return p;
}

static __always_inline void cache_free(enum bench_allocator allocator,
				       struct pair_of_caches *c, void *p)
{
	if (allocator == BENCH_SLUB)
		kmem_cache_free(c->slub, p);
	else if (allocator == BENCH_GOMALLOC)
		gom_cache_free(c->gom, p);
	else
		bench_floor_push(p);
}

static __always_inline int pair_loop(enum bench_allocator allocator, struct bench_sample *sample)
{
	struct pair_of_caches *c = sample->data;
	unsigned int i;
	u64 start;
	void *p;

	start = bench_cycles();
	for (i = sample->ops; i; i--) {
		p = cache_alloc(allocator, c, sample->size);
		if (unlikely(!p))
			return -ENOMEM;
		cache_free(allocator, c, p);
	}
	sample->cycles[0] = bench_cycles() - start;
	return 0;
}

BENCH_DEFINE_SAMPLE_FNS(pair);

static __always_inline int batch_loop(enum bench_allocator allocator, struct bench_sample *sample)
{
	struct pair_of_caches *c = sample->data;
	unsigned int i;
	u64 start;

	start = bench_cycles();
	for (i = 0; i < sample->ops; i++) {
		c->live[i] = cache_alloc(allocator, c, sample->size);
		if (unlikely(!c->live[i]))
			return -ENOMEM;
	}
	sample->cycles[0] = bench_cycles() - start;
	start = bench_cycles();
	for (i = 0; i < sample->ops; i++)
		cache_free(allocator, c, c->live[i]);
	sample->cycles[1] = bench_cycles() - start;
	return 0;
}

BENCH_DEFINE_SAMPLE_FNS(batch);

static int bulk_slub(struct bench_sample *sample)
{
	struct pair_of_caches *c = sample->data;
	u64 start = bench_cycles();
	unsigned int i;

	for (i = sample->ops / c->nr; i; i--) {
		if (!kmem_cache_alloc_bulk(c->slub, GFP_KERNEL, c->nr, c->objects))
			return -ENOMEM;
		kmem_cache_free_bulk(c->slub, c->nr, c->objects);
	}
	sample->cycles[0] = bench_cycles() - start;
	return 0;
}

static int bulk_gomalloc(struct bench_sample *sample)
{
	struct pair_of_caches *c = sample->data;
	u64 start = bench_cycles();
	unsigned int i;

	for (i = sample->ops / c->nr; i; i--) {
		if (!gom_cache_alloc_bulk(c->gom, GFP_KERNEL, c->nr, c->objects))
			return -ENOMEM;
		gom_cache_free_bulk(c->gom, c->nr, c->objects);
	}
	sample->cycles[0] = bench_cycles() - start;
	return 0;
}

static const bench_sample_fn bulk_sample_fns[BENCH_NR_ALLOCATORS] = {
	[BENCH_SLUB] = bulk_slub,
	[BENCH_GOMALLOC] = bulk_gomalloc,
};

/*
 * SLUB does not export its prefilled sheaves: modules use bulk calls and an
 * array.
 */
static int prefill_slub(struct bench_sample *sample)
{
	struct pair_of_caches *c = sample->data;
	u64 start = bench_cycles();
	unsigned int i, j;

	for (i = sample->ops / PREFILL; i; i--) {
		if (!kmem_cache_alloc_bulk(c->slub, GFP_KERNEL, PREFILL, c->objects))
			return -ENOMEM;
		for (j = PREFILL; j--; )
			kmem_cache_free(c->slub, c->objects[j]);
	}
	sample->cycles[0] = bench_cycles() - start;
	return 0;
}

static int prefill_gomalloc(struct bench_sample *sample)
{
	struct pair_of_caches *c = sample->data;
	struct gom_prefill *pf = gom_cache_prefill(c->gom, GFP_KERNEL, PREFILL);
	u64 start = bench_cycles();
	unsigned int i, j;

	for (i = pf ? sample->ops / PREFILL : 0; i; i--) {
		for (j = PREFILL; j--; )
			gom_cache_free(c->gom, gom_prefill_alloc(pf));
		if (!gom_prefill_refill(pf, GFP_KERNEL))
			break;
	}
	sample->cycles[0] = bench_cycles() - start;
	gom_prefill_return(pf);
	return i || !pf ? -ENOMEM : 0;
}

static const bench_sample_fn prefill_sample_fns[BENCH_NR_ALLOCATORS] = {
	[BENCH_SLUB] = prefill_slub,
	[BENCH_GOMALLOC] = prefill_gomalloc,
};

/* === Running === */

static int cache_run(const struct bench_workload *workload, unsigned int size,
		     const bench_sample_fn *sample_fns, unsigned int ops, unsigned int multiple,
		     void (*ctor)(void *))
{
	struct pair_of_caches *c = kzalloc(sizeof(*c), GFP_KERNEL);
	int err = -ENOMEM;

	if (!c)
		return -ENOMEM;
	c->nr = multiple;
	c->slub = kmem_cache_create("gomalloc_bench", size, 0, 0, ctor);
	c->gom = gom_cache_create("gomalloc_bench", size, 0, 0, ctor);
	c->live = ops ? bench_live_alloc(ops) : NULL;
	if (c->slub && c->gom && (c->live || !ops))
		err = bench_comparison_run(&(struct bench_comparison) {
			.name = workload->name,
			.size = size,
			.ops = ops,
			.multiple = multiple,
			.split = sample_fns == batch_sample_fns,
			.sample_fns = sample_fns,
			.data = c,
		});
	bench_live_free(c->live);
	gom_cache_destroy(c->gom);
	kmem_cache_destroy(c->slub);
	kfree(c);
	return err;
}

static int run_pair(const struct bench_workload *workload, unsigned int size)
{
	return cache_run(workload, size, pair_sample_fns, 0, 0, workload->arg ? construct : NULL);
}

static int run_batch(const struct bench_workload *workload, unsigned int size)
{
	return cache_run(workload, size, batch_sample_fns, bench_live_fit(BATCH_LIVE, size), 0,
			 NULL);
}

static int run_bulk(const struct bench_workload *workload, unsigned int size)
{
	return cache_run(workload, size, bulk_sample_fns, 0, workload->arg, NULL);
}

static int run_prefill(const struct bench_workload *workload, unsigned int size)
{
	return cache_run(workload, size, prefill_sample_fns, 0, PREFILL, NULL);
}

static const unsigned int pair_sizes[] = { 8, 64, 200, 256, 520, 1024, 0 };
static const unsigned int one_size[] = { 64, 0 };

#define BULK(n)	\
	{ .name = "cache-bulk-" #n, .sizes = one_size, .arg = (n), .run = run_bulk }

const struct bench_workload bench_cache_workloads[] = {
	{ .name = "cache-pair", .sizes = pair_sizes, .run = run_pair },
	{ .name = "cache-ctor", .sizes = one_size, .arg = 1, .run = run_pair },
	{ .name = "cache-batch", .sizes = pair_sizes, .run = run_batch },
	BULK(1), BULK(2), BULK(3), BULK(4), BULK(8), BULK(16), BULK(30), BULK(32), BULK(34),
	BULK(48), BULK(64), BULK(128), BULK(158), BULK(250),
	{ .name = "cache-prefill", .sizes = one_size, .run = run_prefill },
	{ }
};
