// SPDX-License-Identifier: GPL-2.0
/* Per-CPU seeds of the random numbers; see random.h. */
#include <linux/cpumask.h>
#include <linux/random.h>

#include "base/compat.h"
#include "base/random.h"

DEFINE_PER_CPU(u64, gom_random_state);
GOM_EXPORT_FOR_TEST(gom_random_state);

/* Seed all possible CPUs, before the first allocation.  Context: task. */
void gom_random_init(void)
{
	int cpu;

	for_each_possible_cpu(cpu)
		per_cpu(gom_random_state, cpu) = get_random_u64();
}
