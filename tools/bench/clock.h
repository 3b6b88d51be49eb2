/* SPDX-License-Identifier: GPL-2.0 */
/*
 * The clock every figure is read from.
 *
 * On x86 that is the time-stamp counter, read directly: user-mode Linux on x86
 * can do so too, though its get_cycles() may not.  Elsewhere it is
 * get_cycles() where that counts, else the monotonic clock in nanoseconds.
 */
#ifndef GOMALLOC_BENCH_CLOCK_H
#define GOMALLOC_BENCH_CLOCK_H

#include <linux/ktime.h>
#include <linux/timex.h>
#include <linux/types.h>

#if defined(CONFIG_X86) || \
	(defined(CONFIG_UML) && (defined(__x86_64__) || defined(__i386__)))
#define BENCH_CLOCK_TSC	1
#endif

extern bool bench_clock_is_ktime;
extern bool bench_clock_counts_instructions;
extern u64 bench_clock_per_ms;

/*
 * Not serialising: what the processor overlaps at either end is some ten
 * cycles in a timing of many thousands.
 */
static __always_inline u64 bench_cycles(void)
{
#ifdef BENCH_CLOCK_TSC
	u32 low, high;

	asm volatile("rdtsc" : "=a" (low), "=d" (high) : : "memory");
	return (u64)high << 32 | low;
#else
	if (bench_clock_is_ktime)
		return ktime_get_ns();
	return get_cycles();
#endif
}

void bench_clock_init(void);
const char *bench_clock_unit(void);

#endif /* GOMALLOC_BENCH_CLOCK_H */
