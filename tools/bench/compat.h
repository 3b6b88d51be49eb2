/* SPDX-License-Identifier: GPL-2.0 */
/* Differences between kernel versions; the code is written for the newest. */
#ifndef GOMALLOC_BENCH_COMPAT_H
#define GOMALLOC_BENCH_COMPAT_H

#include <linux/hrtimer.h>
#include <linux/version.h>

#if LINUX_VERSION_CODE < KERNEL_VERSION(6, 13, 0)
static inline void hrtimer_setup(struct hrtimer *timer,
				 enum hrtimer_restart (*function)(struct hrtimer *),
				 clockid_t clock, enum hrtimer_mode mode)
{
	hrtimer_init(timer, clock, mode);
	timer->function = function;
}
#endif

/*
 * Before, kmem_cache_destroy() warned about objects that wait for a grace
 * period.
 */
#define BENCH_CACHE_DESTROY_WAITS_FOR_RCU	(LINUX_VERSION_CODE >= KERNEL_VERSION(6, 12, 0))

#endif /* GOMALLOC_BENCH_COMPAT_H */
