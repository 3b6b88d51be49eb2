/* SPDX-License-Identifier: GPL-2.0 */
/*
 * The clock of all measurements.
 *
 * On x86 it is the time-stamp counter, read directly, also by user-mode Linux,
 * whose get_cycles() may return 0.  Elsewhere it is get_cycles() if that
 * advances, else the monotonic clock in nanoseconds.
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
 * Not serialising: out-of-order execution shifts either end by some ten cycles,
 * of many thousands.
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
