// SPDX-License-Identifier: GPL-2.0
/*
 * Pairs of a constant size, as most callers in the kernel have: kmalloc() and
 * gom_malloc() then find the cache or class at compile time.  Each size needs a
 * loop of its own, so sizes are limited to the list below.
 *
 *   pair-const  both allocators free without a size
 *   pair-sized  gomalloc frees with gom_free_sized(); SLUB, which has no such
 *               call, with kfree()
 *
 * As in pair.c, the object is never accessed.
 */
#include "allocators.h"
#include "bench.h"
#include "clock.h"
#include "pair.h"

static __always_inline int const_loop(enum bench_allocator allocator, struct bench_sample *sample,
				      size_t size, bool sized)
{
	unsigned int i;
	u64 start;
	void *p;

	start = bench_cycles();
	for (i = sample->ops; i; i--) {
		p = bench_malloc(allocator, size, GFP_KERNEL);
		if (unlikely(!p))
			return -ENOMEM;
		if (sized)
			bench_free_sized(allocator, p, size);
		else
			bench_free(allocator, p);
	}
	sample->cycles[0] = bench_cycles() - start;
	return 0;
}

#define DEFINE_LOOPS(size)						\
static __always_inline int const_##size##_loop(enum bench_allocator allocator, \
					       struct bench_sample *sample)	\
{									\
	return const_loop(allocator, sample, size, false);			\
}									\
BENCH_DEFINE_SAMPLE_FNS(const_##size);					\
									\
static __always_inline int sized_##size##_loop(enum bench_allocator allocator, \
					       struct bench_sample *sample)	\
{									\
	return const_loop(allocator, sample, size, true);			\
}									\
BENCH_DEFINE_SAMPLE_FNS(sized_##size)

DEFINE_LOOPS(8);
DEFINE_LOOPS(16);
DEFINE_LOOPS(32);
DEFINE_LOOPS(64);
DEFINE_LOOPS(96);
DEFINE_LOOPS(128);
DEFINE_LOOPS(192);
DEFINE_LOOPS(256);
DEFINE_LOOPS(512);
DEFINE_LOOPS(1024);
DEFINE_LOOPS(2048);
DEFINE_LOOPS(4096);
DEFINE_LOOPS(8192);
DEFINE_LOOPS(16384);
DEFINE_LOOPS(32768);

#define LOOPS(bytes)							\
	{ .size = (bytes), .plain = const_##bytes##_sample_fns,		\
	  .sized = sized_##bytes##_sample_fns }

/* Those of bench_pair_sizes. */
static const struct {
	unsigned int size;
	const bench_sample_fn *plain;
	const bench_sample_fn *sized;
} loops[] = {
	LOOPS(8),
	LOOPS(16),
	LOOPS(32),
	LOOPS(64),
	LOOPS(96),
	LOOPS(128),
	LOOPS(192),
	LOOPS(256),
	LOOPS(512),
	LOOPS(1024),
	LOOPS(2048),
	LOOPS(4096),
	LOOPS(8192),
	LOOPS(16384),
	LOOPS(32768),
};

enum { FREE_PLAIN, FREE_SIZED };

static int run_const(const struct bench_workload *workload, unsigned int size)
{
	size_t i;

	for (i = 0; i < ARRAY_SIZE(loops); i++) {
		if (loops[i].size != size)
			continue;
		return bench_comparison_run(&(struct bench_comparison) {
			.name = workload->name,
			.size = size,
			.sample_fns = workload->arg == FREE_SIZED ? loops[i].sized :
							       loops[i].plain,
		});
	}
	pr_notice("%s %u: skipped, no loop was compiled for this size\n", workload->name, size);
	return 0;
}

const struct bench_workload bench_const_workloads[] = {
	{ .name = "pair-const", .sizes = bench_pair_sizes, .arg = FREE_PLAIN, .run = run_const },
	{ .name = "pair-sized", .sizes = bench_pair_sizes, .arg = FREE_SIZED, .run = run_const },
	{ }
};
