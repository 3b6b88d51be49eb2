/* SPDX-License-Identifier: GPL-2.0 */
/*
 * Fault injection: the kernel's own, under the name fail_gomalloc.  Every time
 * the heap is asked for a page run, or records of its own for more memory, the kernel's
 * fault attribute decides whether it is to say no; debugfs gomalloc/fail_gomalloc/ sets how often.
 */
#ifndef GOM_FAULT_H
#define GOM_FAULT_H

#include <linux/fault-inject.h>
#include <linux/gfp.h>

#ifdef CONFIG_FAULT_INJECTION
extern struct fault_attr gom_fault;

static inline bool gom_should_fail(size_t bytes, gfp_t gfp)
{
	return !(gfp & __GFP_NOFAIL) && should_fail(&gom_fault, bytes);
}
#else
static inline bool gom_should_fail(size_t bytes, gfp_t gfp)
{
	return false;
}
#endif

#endif /* GOM_FAULT_H */
