/* SPDX-License-Identifier: GPL-2.0 */
/*
 * The contestants under one name each.
 *
 * A workload writes its loop once, __always_inline, with the allocator as an
 * argument, and has BENCH_DEFINE_SHOTS() make one out-of-line copy of it per
 * allocator.  In each copy the allocator is a constant, the switches below are
 * gone, and what stands in the loop is the allocator's own call as its users
 * write it: inlined where its header inlines it, never through a pointer.
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
	/* Nobody looks into the object: keep the compiler from concluding so. */
	OPTIMIZER_HIDE_VAR(p);
	return p;
}

/* SLUB has no such call, and the floor no sizes. */
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

/* SLUB has no sized free: its users call kfree() whether they know or not. */
static __always_inline void bench_free_sized(enum bench_allocator allocator,
					     const void *p, size_t size)
{
	if (allocator == BENCH_GOMALLOC)
		gom_free_sized(p, size);
	else
		bench_free(allocator, p);
}

/*
 * BENCH_DEFINE_SHOTS(pair) makes pair_slub(), pair_gomalloc() and pair_floor()
 * out of pair_loop(allocator, shot), and the table of the three, pair_shots.
 */
#define BENCH_DEFINE_SHOTS(name)					\
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
static noinline int name##_floor(struct bench_shot *shot)		\
{									\
	return name##_loop(BENCH_FLOOR, shot);				\
}									\
									\
static const bench_shot_fn name##_shots[BENCH_NR_ALLOCATORS] = {	\
	[BENCH_SLUB] = name##_slub,					\
	[BENCH_GOMALLOC] = name##_gomalloc,				\
	[BENCH_FLOOR] = name##_floor,					\
}

#endif /* GOMALLOC_BENCH_ALLOCATORS_H */
