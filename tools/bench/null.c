// SPDX-License-Identifier: GPL-2.0
/*
 * Frees of NULL.  Callers leave the test to the allocator; filesystems free
 * NULL more often than an object.
 *
 *   free-null        kfree(NULL) and gom_free(NULL)
 *   free-null-sized  kfree(NULL) and gom_free_sized(NULL, 64)
 *
 * The pointer is hidden from the compiler.
 */
#include "allocators.h"
#include "bench.h"
#include "clock.h"

static __always_inline int null_loop(enum bench_allocator allocator, struct bench_sample *sample)
{
	unsigned int i;
	u64 start;
	void *p;

	start = bench_cycles();
	for (i = sample->ops; i; i--) {
		p = NULL;
		OPTIMIZER_HIDE_VAR(p);
		bench_free(allocator, p);
	}
	sample->cycles[0] = bench_cycles() - start;
	return 0;
}

static __always_inline int null_sized_loop(enum bench_allocator allocator, struct bench_sample *sample)
{
	unsigned int i;
	u64 start;
	void *p;

	start = bench_cycles();
	for (i = sample->ops; i; i--) {
		p = NULL;
		OPTIMIZER_HIDE_VAR(p);
		bench_free_sized(allocator, p, 64);
	}
	sample->cycles[0] = bench_cycles() - start;
	return 0;
}

/* No floor: it does not test for NULL. */
#define DEFINE_SAMPLE_FNS(name)						\
static noinline int name##_slub(struct bench_sample *sample)		\
{									\
	return name##_loop(BENCH_SLUB, sample);				\
}									\
									\
static noinline int name##_gomalloc(struct bench_sample *sample)		\
{									\
	return name##_loop(BENCH_GOMALLOC, sample);			\
}									\
									\
static const bench_sample_fn name##_sample_fns[BENCH_NR_ALLOCATORS] = {	\
	[BENCH_SLUB] = name##_slub,					\
	[BENCH_GOMALLOC] = name##_gomalloc,				\
}

DEFINE_SAMPLE_FNS(null);
DEFINE_SAMPLE_FNS(null_sized);

enum { FREE_PLAIN, FREE_SIZED };

static int run_null(const struct bench_workload *workload, unsigned int size)
{
	return bench_comparison_run(&(struct bench_comparison) {
		.name = workload->name,
		.sample_fns = workload->arg == FREE_SIZED ? null_sized_sample_fns : null_sample_fns,
	});
}

const struct bench_workload bench_null_workloads[] = {
	{ .name = "free-null", .arg = FREE_PLAIN, .run = run_null },
	{ .name = "free-null-sized", .arg = FREE_SIZED, .run = run_null },
	{ }
};
