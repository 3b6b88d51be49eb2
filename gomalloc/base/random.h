/* SPDX-License-Identifier: GPL-2.0 */
/*
 * Random numbers where the kernel's cannot be used: get_random_u64() takes a
 * lock that sleeps under PREEMPT_RT, and numbers are needed with preemption off
 * and in NMIs.
 *
 * Each CPU has Knuth's linear congruential generator; its upper 32 bits are
 * used.  All possible CPUs are seeded from the kernel when the module is
 * loaded.  The numbers are not fit for security.
 *
 * No lock.  Two contexts that draw on a CPU at once may get the same number,
 * and a task that migrates between load and store overwrites the state of its
 * new CPU. Both are harmless.
 */
#ifndef GOM_RANDOM_H
#define GOM_RANDOM_H

#include <linux/percpu.h>
#include <linux/types.h>

DECLARE_PER_CPU(u64, gom_random_state);

#define GOM_RANDOM_FACTOR	6364136223846793005ULL

/* For several numbers: load the state once, step for each, store it. */
static __always_inline u64 gom_random_load(void)
{
	return raw_cpu_read(gom_random_state);
}

static __always_inline u32 gom_random_step(u64 *state)
{
	*state = *state * GOM_RANDOM_FACTOR + 1;
	return *state >> 32;
}

static __always_inline void gom_random_store(u64 state)
{
	raw_cpu_write(gom_random_state, state);
}

/* For a single number. */
static __always_inline u32 gom_random_draw(void)
{
	u64 state = gom_random_load();
	u32 drawn = gom_random_step(&state);

	gom_random_store(state);
	return drawn;
}

void gom_random_init(void);

#endif /* GOM_RANDOM_H */
