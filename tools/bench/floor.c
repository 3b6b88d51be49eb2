// SPDX-License-Identifier: GPL-2.0
/*
 * The floor: the least that the two calls of a per-CPU allocator can cost.
 *
 * One pops a pointer from an array of this CPU, the other pushes one, with
 * preemption disabled.  There are no sizes, no checks for empty or full and no
 * statistics.  The array is a ring, so any number may be popped in a row.  The
 * pointers are never used.
 *
 * The functions are in a file of their own so that each operation is a real
 * call with the arguments of kmalloc() and kfree().
 */
#include <linux/cpumask.h>
#include <linux/percpu.h>
#include <linux/preempt.h>

#include "floor.h"

#define FLOOR_SLOTS	64	/* a power of two; small, as static per-CPU data is scarce */

struct floor_stack {
	unsigned int top;
	const void *slot[FLOOR_SLOTS];
};

static DEFINE_PER_CPU(struct floor_stack, floor_stack);

noinline void *bench_floor_pop(size_t size, gfp_t gfp)
{
	struct floor_stack *stack;
	const void *p;

	preempt_disable();
	stack = this_cpu_ptr(&floor_stack);
	p = stack->slot[--stack->top % FLOOR_SLOTS];
	preempt_enable();
	return (void *)p;
}

noinline void bench_floor_push(const void *p)
{
	struct floor_stack *stack;

	preempt_disable();
	stack = this_cpu_ptr(&floor_stack);
	stack->slot[stack->top++ % FLOOR_SLOTS] = p;
	preempt_enable();
}

void bench_floor_init(void)
{
	int cpu, i;

	for_each_possible_cpu(cpu) {
		struct floor_stack *stack = per_cpu_ptr(&floor_stack, cpu);

		for (i = 0; i < FLOOR_SLOTS; i++)
			stack->slot[i] = stack;
	}
}
