// SPDX-License-Identifier: GPL-2.0
/*
 * Detects what the clock counts.
 *
 * With qemu -icount shift=0 the time-stamp counter advances by one for each
 * instruction.  A count is then the same each time, so few rounds are enough,
 * and many would take minutes; comparison.c depends on that.
 */
#include <asm/processor.h>
#include <linux/irqflags.h>
#include <linux/kernel.h>
#include <linux/math64.h>
#include <linux/processor.h>

#include "clock.h"

bool bench_clock_is_ktime;
bool bench_clock_counts_instructions;
u64 bench_clock_per_ms;

#ifdef BENCH_CLOCK_TSC

#define NOP_RUN		512
#define NOP_TRIES	8

static u64 cycles_of_one_run(void)
{
	u64 start = bench_cycles();

	asm volatile(".rept " __stringify(NOP_RUN) "; nop; .endr" : : : "memory");
	return bench_cycles() - start;
}

static u64 cycles_of_two_runs(void)
{
	u64 start = bench_cycles();

	asm volatile(".rept " __stringify(NOP_RUN) "; nop; .endr" : : : "memory");
	asm volatile(".rept " __stringify(NOP_RUN) "; nop; .endr" : : : "memory");
	return bench_cycles() - start;
}

/*
 * No real processor takes exactly one cycle for each nop, eight times in a row.
 */
static bool counts_instructions(void)
{
	unsigned long flags;
	bool exact = true;
	int i;

	local_irq_save(flags);
	for (i = 0; i < NOP_TRIES && exact; i++)
		exact = cycles_of_two_runs() - cycles_of_one_run() == NOP_RUN;
	local_irq_restore(flags);
	return exact;
}

#else

static bool counts_instructions(void)
{
	return false;
}

#endif /* BENCH_CLOCK_TSC */

static bool clock_stands_still(void)
{
	u64 start = bench_cycles();
	u64 end = ktime_get_ns() + 10 * NSEC_PER_USEC;

	while (ktime_get_ns() < end)
		cpu_relax();
	return bench_cycles() == start;
}

static u64 measure_per_ms(void)
{
	const u64 begin = ktime_get_ns();
	const u64 start = bench_cycles();
	u64 ns;

	do {
		cpu_relax();
		ns = ktime_get_ns() - begin;
	} while (ns < 2 * NSEC_PER_MSEC);
	return max(div64_u64((bench_cycles() - start) * NSEC_PER_MSEC, ns), 1ULL);
}

void bench_clock_init(void)
{
	bench_clock_is_ktime = clock_stands_still();
	bench_clock_counts_instructions = counts_instructions();
	bench_clock_per_ms = measure_per_ms();
}

const char *bench_clock_unit(void)
{
	if (bench_clock_counts_instructions)
		return "instructions";
	return bench_clock_is_ktime ? "ns" : "cycles";
}
