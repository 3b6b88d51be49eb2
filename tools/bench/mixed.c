// SPDX-License-Identifier: GPL-2.0
/*
 * Mixed: a live set of 2,000 objects of uniform sizes from 8 to 4096 bytes.  An
 * operation frees an object chosen at random and allocates one in its place.
 *
 * Sizes and places are chosen beforehand, so the loop only reads two small
 * tables and calls the allocator.
 */
#include <linux/prandom.h>
#include <linux/vmalloc.h>

#include "allocators.h"
#include "bench.h"
#include "clock.h"

#define MIXED_LIVE	2000
#define MIXED_STEPS	8192	/* a power of two; then the tables repeat */
#define MIXED_MIN_SIZE	8
#define MIXED_MAX_SIZE	4096

struct mixed {
	u16 size[MIXED_STEPS];
	u16 place[MIXED_STEPS];
	void *live[MIXED_LIVE];
};

static __always_inline void mixed_drain(enum bench_allocator allocator, struct mixed *mixed)
{
	unsigned int i;

	for (i = 0; i < MIXED_LIVE; i++) {
		if (mixed->live[i])
			bench_free(allocator, mixed->live[i]);
		mixed->live[i] = NULL;
	}
}

static __always_inline int mixed_fill(enum bench_allocator allocator, struct mixed *mixed)
{
	unsigned int i;

	for (i = 0; i < MIXED_LIVE; i++) {
		mixed->live[i] = bench_malloc(allocator, mixed->size[i], GFP_KERNEL);
		if (!mixed->live[i])
			return -ENOMEM;
	}
	return 0;
}

static __always_inline int mixed_loop(enum bench_allocator allocator, struct bench_sample *sample)
{
	struct mixed *mixed = sample->data;
	unsigned int i;
	u64 start;
	int err;

	err = mixed_fill(allocator, mixed);
	start = bench_cycles();
	for (i = 0; i < sample->ops && !err; i++) {
		void **place = &mixed->live[mixed->place[i % MIXED_STEPS]];

		bench_free(allocator, *place);
		*place = bench_malloc(allocator, mixed->size[i % MIXED_STEPS], GFP_KERNEL);
		if (unlikely(!*place))
			err = -ENOMEM;
	}
	sample->cycles[0] = bench_cycles() - start;
	mixed_drain(allocator, mixed);
	return err;
}

BENCH_DEFINE_SAMPLE_FNS(mixed);

static int run_mixed(const struct bench_workload *workload, unsigned int unused)
{
	struct mixed *mixed = vzalloc(sizeof(*mixed));
	struct rnd_state rnd;
	unsigned int i;
	int err;

	if (!mixed)
		return -ENOMEM;
	prandom_seed_state(&rnd, 3);
	for (i = 0; i < MIXED_STEPS; i++) {
		mixed->size[i] = MIXED_MIN_SIZE + prandom_u32_state(&rnd) %
				 (MIXED_MAX_SIZE - MIXED_MIN_SIZE + 1);
		mixed->place[i] = prandom_u32_state(&rnd) % MIXED_LIVE;
	}
	err = bench_comparison_run(&(struct bench_comparison) {
		.name = workload->name,
		.sample_fns = mixed_sample_fns,
		.data = mixed,
	});
	vfree(mixed);
	return err;
}

const struct bench_workload bench_mixed_workloads[] = {
	{ .name = "mixed", .run = run_mixed },
	{ }
};
