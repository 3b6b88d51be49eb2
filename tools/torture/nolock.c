// SPDX-License-Identifier: GPL-2.0
/*
 * One step of an interrupt that must not wait: allocate and fill an object for
 * an empty slot, or check and free the object of a slot.  A state belongs to
 * one kind of interrupt on one CPU, which does not interrupt itself.
 */
#include <linux/percpu.h>
#include <linux/rcupdate.h>
#include <linux/string.h>

#include "gomalloc.h"
#include "nolock.h"
#include "torture.h"

#define MAX_SIZE	512U
#define RCU_ONE_IN	8U

struct rcu_object {
	struct rcu_head rcu;
};

static void slot_free(struct nolock_state *state, unsigned int slot, bool may_call_rcu)
{
	const unsigned int size = state->size[slot];
	void *p = state->p[slot];

	state->p[slot] = NULL;
	if (memchr_inv(p, size & 0xff, size))
		state->errors++;
	if (may_call_rcu && size >= sizeof(struct rcu_object) && !(state->step % RCU_ONE_IN)) {
		struct rcu_object *object = p;

		gom_free_rcu(object, rcu);
	} else {
		gom_free_nolock(p);
	}
}

static void slot_set(struct nolock_state *state, unsigned int slot, void *p, unsigned int size)
{
	if (!p) {
		state->failed++;
		return;
	}
	state->allocated++;
	memset(p, size & 0xff, size);
	state->p[slot] = p;
	state->size[slot] = size;
}

static void slot_alloc(struct nolock_state *state, unsigned int slot)
{
	const unsigned int size = 1 + state->step * 37 % MAX_SIZE;

	slot_set(state, slot, gom_malloc_nolock(size, 0), size);
}

/* Before the first step, in a task: there is something to free. */
void nolock_prepare(struct nolock_state __percpu *states)
{
	unsigned int i, size;
	int cpu;

	for_each_possible_cpu(cpu) {
		for (i = 0; i < NOLOCK_SLOTS; i++) {
			size = 8 + i * 32;
			slot_set(per_cpu_ptr(states, cpu), i, gom_malloc(size, GFP_KERNEL), size);
		}
	}
}

void nolock_step(struct nolock_state *state, bool may_call_rcu)
{
	const unsigned int slot = state->step * 7 % NOLOCK_SLOTS;

	if (state->p[slot])
		slot_free(state, slot, may_call_rcu);
	else
		slot_alloc(state, slot);
	/* Vary the order, so that objects live for different times. */
	state->step += state->step % (NOLOCK_SLOTS + 1) ? 1 : 3;
}

/*
 * After the last interrupt: free the remaining objects and log the counts.
 * Some calls fail, but if all did nothing was tested.
 */
int nolock_finish(struct nolock_state __percpu *states, const char *what)
{
	struct nolock_state *state, sum = {};
	unsigned int i;
	int cpu;

	for_each_possible_cpu(cpu) {
		state = per_cpu_ptr(states, cpu);
		for (i = 0; i < NOLOCK_SLOTS; i++) {
			if (state->p[i])
				slot_free(state, i, false);
		}
		sum.step += state->step;
		sum.allocated += state->allocated;
		sum.failed += state->failed;
		sum.errors += state->errors;
		memset(state, 0, sizeof(*state));
	}
	pr_info("%s: %lu allocations, %lu without memory, %lu errors\n", what, sum.allocated,
		sum.failed, sum.errors);
	return sum.errors || !sum.allocated ? -EIO : 0;
}
