/* SPDX-License-Identifier: GPL-2.0 */
/*
 * Random numbers for those who cannot ask the kernel for any: get_random_u64()
 * takes a lock that sleeps under PREEMPT_RT, while numbers are drawn with
 * preemption off, and in NMIs.
 *
 * Each CPU has a generator, Knuth's linear one, of which the upper half is
 * used.  It need not be better than its seed, which the kernel gives when the
 * module is loaded, before anything is allocated, for every CPU that may ever
 * come.  Two contexts that draw at the same time get the same number, and a
 * task that moves to another CPU between its load and its store has that CPU
 * continue its sequence: neither does harm.
 */
#ifndef GOM_RANDOM_H
#define GOM_RANDOM_H

#include <linux/percpu.h>
#include <linux/types.h>

DECLARE_PER_CPU(u64, gom_random_state);

#define GOM_RANDOM_FACTOR	6364136223846793005ULL

/* For who draws many: load, step as often as needed, store. */
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

/* For who draws one. */
static __always_inline u32 gom_random_draw(void)
{
	u64 state = gom_random_load();
	u32 drawn = gom_random_step(&state);

	gom_random_store(state);
	return drawn;
}

void gom_random_init(void);

#endif /* GOM_RANDOM_H */
