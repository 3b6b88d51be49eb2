// SPDX-License-Identifier: GPL-2.0
/*
 * No-scan: objects of up to 15 bytes, such as short strings and numbers, which
 * gomalloc may combine.  SLUB has no such call; its users call kmalloc().
 *
 *   noscan       pair, each size from 1 to 15
 *   held-noscan  bytes of memory held for each live object: each size alone;
 *                uniform sizes from 1 to 8 and from 1 to 15; lengths of short
 *                strings, exponential with mean 5, at most 15
 */
#include <linux/prandom.h>
#include <linux/vmalloc.h>

#include "allocators.h"
#include "bench.h"
#include "clock.h"

static __always_inline int noscan_loop(enum bench_allocator allocator, struct bench_sample *sample)
{
	size_t size = sample->size;
	unsigned int i;
	u64 start;
	void *p;

	OPTIMIZER_HIDE_VAR(size);
	start = bench_cycles();
	for (i = sample->ops; i; i--) {
		p = bench_malloc_noscan(allocator, size, GFP_KERNEL);
		if (unlikely(!p))
			return -ENOMEM;
		bench_free(allocator, p);
	}
	sample->cycles[0] = bench_cycles() - start;
	return 0;
}

BENCH_DEFINE_SAMPLE_FNS(noscan);

static int run_noscan(const struct bench_workload *workload, unsigned int size)
{
	return bench_comparison_run(&(struct bench_comparison) {
		.name = workload->name,
		.size = size,
		.sample_fns = noscan_sample_fns,
	});
}

/* So many that a heap growing by a megabyte does not matter. */
#define LIVE_OBJECTS	SZ_4M

static int run_held(const struct bench_workload *workload, unsigned int size)
{
	unsigned int nr = bench_live_fit(LIVE_OBJECTS, size);
	void **live = bench_live_alloc(nr);
	int err;

	if (!live)
		return -ENOMEM;
	err = bench_held_row(workload->name, live, nr, size, NULL, true);
	bench_live_free(live);
	return err;
}

/*
 * Of 2^32 lengths, how many are i + 1 or less, for an exponential distribution
 * with mean 5, cut at 15: (1 - exp(-(i + 1) / 5)) / (1 - exp(-3)).
 */
static const u32 lengths_up_to[] = {
	819337920, 1490155073, 2039373705, 2489035890, 2857188149, 3158605725, 3405385564,
	3607431808, 3772853281, 3908288929, 4019174258, 4109959487, 4184288147, 4245143306,
	U32_MAX,
};

static u16 size_draw(struct rnd_state *rnd, unsigned int max)
{
	u32 random = prandom_u32_state(rnd);
	u16 i = 0;

	if (max)
		return 1 + random % max;
	while (random > lengths_up_to[i])
		i++;
	return i + 1;
}

/* Sizes are uniform from 1 to @workload->arg; 0: lengths of short strings. */
static int run_mixed(const struct bench_workload *workload, unsigned int unused)
{
	unsigned int nr = bench_live_fit(LIVE_OBJECTS, 16), i;
	void **live = bench_live_alloc(nr);
	u16 *sizes = vmalloc(array_size(nr, sizeof(*sizes)));
	struct rnd_state rnd;
	int err = -ENOMEM;

	if (live && sizes) {
		prandom_seed_state(&rnd, 3);
		for (i = 0; i < nr; i++)
			sizes[i] = size_draw(&rnd, workload->arg);
		err = bench_held_row(workload->name, live, nr, 0, sizes, true);
	}
	vfree(sizes);
	bench_live_free(live);
	return err;
}

static const unsigned int noscan_sizes[] = { 1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12, 13, 14, 15, 0 };

const struct bench_workload bench_noscan_workloads[] = {
	{ .name = "noscan", .sizes = noscan_sizes, .run = run_noscan },
	{ .name = "held-noscan", .sizes = noscan_sizes, .not_counted = true, .alone = true,
	  .run = run_held },
	{ .name = "held-noscan-1to8", .arg = 8, .not_counted = true, .alone = true,
	  .run = run_mixed },
	{ .name = "held-noscan-1to15", .arg = 15, .not_counted = true, .alone = true,
	  .run = run_mixed },
	{ .name = "held-noscan-text", .not_counted = true, .alone = true, .run = run_mixed },
	{ }
};
