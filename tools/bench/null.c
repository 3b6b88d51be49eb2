// SPDX-License-Identifier: GPL-2.0
/*
 * Frees of nothing, which callers leave to the allocator rather than test for: in
 * filesystems there are more of them than of real ones.
 *
 *   free-null        kfree(NULL) and gom_free(NULL)
 *   free-null-sized  kfree(NULL) and gom_free_sized(NULL, 64)
 *
 * The compiler must not know that it is NULL.
 */
#include "allocators.h"
#include "bench.h"
#include "clock.h"

static __always_inline int null_loop(enum bench_allocator allocator, struct bench_shot *shot)
{
	unsigned int i;
	u64 start;
	void *p;

	start = bench_cycles();
	for (i = shot->ops; i; i--) {
		p = NULL;
		OPTIMIZER_HIDE_VAR(p);
		bench_free(allocator, p);
	}
	shot->cycles[0] = bench_cycles() - start;
	return 0;
}

static __always_inline int null_sized_loop(enum bench_allocator allocator, struct bench_shot *shot)
{
	unsigned int i;
	u64 start;
	void *p;

	start = bench_cycles();
	for (i = shot->ops; i; i--) {
		p = NULL;
		OPTIMIZER_HIDE_VAR(p);
		bench_free_sized(allocator, p, 64);
	}
	shot->cycles[0] = bench_cycles() - start;
	return 0;
}

/* The floor takes no NULL. */
#define DEFINE_SHOTS(name)						\
static noinline int name##_slub(struct bench_shot *shot)		\
{									\
	return name##_loop(BENCH_SLUB, shot);				\
}									\
									\
static noinline int name##_gomalloc(struct bench_shot *shot)		\
{									\
	return name##_loop(BENCH_GOMALLOC, shot);			\
}									\
									\
static const bench_shot_fn name##_shots[BENCH_NR_ALLOCATORS] = {	\
	[BENCH_SLUB] = name##_slub,					\
	[BENCH_GOMALLOC] = name##_gomalloc,				\
}

DEFINE_SHOTS(null);
DEFINE_SHOTS(null_sized);

enum { FREE_PLAIN, FREE_SIZED };

static int run_null(const struct bench_workload *workload, unsigned int size)
{
	return bench_contest_run(&(struct bench_contest) {
		.name = workload->name,
		.shots = workload->arg == FREE_SIZED ? null_sized_shots : null_shots,
	});
}

const struct bench_workload bench_null_workloads[] = {
	{ .name = "free-null", .arg = FREE_PLAIN, .run = run_null },
	{ .name = "free-null-sized", .arg = FREE_SIZED, .run = run_null },
	{ }
};
