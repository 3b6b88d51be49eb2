/* SPDX-License-Identifier: GPL-2.0 */
/*
 * What is done to the allocator from outside to see how it takes it.
 *
 * Fault injection: the kernel's own, under the name fail_gomalloc.  Every time
 * the heap is asked for a page run, or records of its own for more memory, the kernel's
 * fault attribute decides whether it is to say no; debugfs gomalloc/fail_gomalloc/ sets how often.
 */
#ifndef GOM_FAULT_H
#define GOM_FAULT_H

#include <linux/compiler.h>
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

/*
 * Test points: places where something else may come in between, for tests to come in there,
 * or to say no to what is about to be done.  Without KUnit there is nothing.
 */
enum gom_test_point {
	GOM_AT_NEW_CHUNK,	/* a persistent chunk was brought and is not used yet */
	GOM_AT_BLOCK,		/* the page allocator is about to be asked for a block */
	GOM_AT_FULL_BATCH,	/* a full batch is detached, call_rcu() not yet called */
	GOM_AT_DETACHED_BATCH,	/* the same of one that is not full, in a task */
	GOM_AT_SCAVENGER_END,	/* the scavenger has decided to sleep, and nobody knows it */
};

#if IS_ENABLED(CONFIG_KUNIT)
extern bool (*gom_test_hook)(enum gom_test_point at, unsigned int order, gfp_t gfp);

static inline bool gom_test_point(enum gom_test_point at, unsigned int order, gfp_t gfp)
{
	typeof(gom_test_hook) hook = READ_ONCE(gom_test_hook);

	return unlikely(hook) && hook(at, order, gfp);
}
#else
static inline bool gom_test_point(enum gom_test_point at, unsigned int order, gfp_t gfp)
{
	return false;
}
#endif

#endif /* GOM_FAULT_H */
