/* SPDX-License-Identifier: GPL-2.0 */
/*
 * The allocators that are compared, behind one interface.
 *
 * A workload writes its loop once, __always_inline, with the allocator as an
 * argument.  BENCH_DEFINE_SAMPLE_FNS() makes one out-of-line copy of it for
 * each allocator.  In a copy the allocator is a constant, so the switches below
 * are optimised away and the loop contains the allocator's own call as its
 * users write it: inlined where its header inlines it, never through a pointer.
 */
#ifndef GOMALLOC_BENCH_ALLOCATORS_H
#define GOMALLOC_BENCH_ALLOCATORS_H

#include <linux/compiler.h>
#include <linux/slab.h>

#include "bench.h"
#include "floor.h"
#include "gomalloc.h"

static __always_inline void *bench_malloc(enum bench_allocator allocator,
					  size_t size, gfp_t gfp)
{
	void *p = NULL;

	switch (allocator) {
	case BENCH_SLUB:
		p = kmalloc(size, gfp);
		break;
	case BENCH_GOMALLOC:
		p = gom_malloc(size, gfp);
		break;
	default:
		p = bench_floor_pop(size, gfp);
		break;
	}
	/*
	 * The object is never used: the compiler must not drop the pair for
	 * that.
	 */
	OPTIMIZER_HIDE_VAR(p);
	return p;
}

/* SLUB has no such call; the floor ignores sizes. */
static __always_inline void *bench_malloc_noscan(enum bench_allocator allocator,
						 size_t size, gfp_t gfp)
{
	void *p;

	if (allocator != BENCH_GOMALLOC)
		return bench_malloc(allocator, size, gfp);
	p = gom_malloc_noscan(size, gfp);
	OPTIMIZER_HIDE_VAR(p);
	return p;
}

static __always_inline void bench_free(enum bench_allocator allocator, const void *p)
{
	switch (allocator) {
	case BENCH_SLUB:
		kfree(p);
		break;
	case BENCH_GOMALLOC:
		gom_free(p);
		break;
	default:
		bench_floor_push(p);
		break;
	}
}

/* SLUB has no sized free: its users call kfree(). */
static __always_inline void bench_free_sized(enum bench_allocator allocator,
					     const void *p, size_t size)
{
	if (allocator == BENCH_GOMALLOC)
		gom_free_sized(p, size);
	else
		bench_free(allocator, p);
}

/*
 * BENCH_DEFINE_SAMPLE_FNS(pair) defines pair_slub(), pair_gomalloc() and
 * pair_floor() from pair_loop(allocator, sample), and pair_sample_fns, a table
 * of the three.
 */
#define BENCH_DEFINE_SAMPLE_FNS(name)					\
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
static noinline int name##_floor(struct bench_sample *sample)		\
{									\
	return name##_loop(BENCH_FLOOR, sample);				\
}									\
									\
static const bench_sample_fn name##_sample_fns[BENCH_NR_ALLOCATORS] = {	\
	[BENCH_SLUB] = name##_slub,					\
	[BENCH_GOMALLOC] = name##_gomalloc,				\
	[BENCH_FLOOR] = name##_floor,					\
}

#endif /* GOMALLOC_BENCH_ALLOCATORS_H */
