/* SPDX-License-Identifier: GPL-2.0 */
/*
 * Fault injection and test points.
 *
 * Fault injection uses the kernel's framework under the name fail_gomalloc.
 * Its attribute decides whether a request for a page run, or for a block of
 * metadata records, fails.  It is configured in debugfs
 * gomalloc/fail_gomalloc/, and restricted to one module's calls by
 * gomalloc/fail_gomalloc_module.  fail_site.h fails calls by their site.
 */
#ifndef GOM_FAULT_H
#define GOM_FAULT_H

#include <linux/compiler.h>
#include <linux/fault-inject.h>
#include <linux/gfp.h>

#include "base/client.h"

#ifdef CONFIG_FAULT_INJECTION
extern struct fault_attr gom_fault;
extern struct gom_client_filter gom_fault_module;	/* only requests for its calls */

bool gom_fault_wants_client(void);

static inline bool gom_fault_wants_caller(void)
{
	return !gom_client_filter_on(&gom_fault_module) || gom_fault_wants_client();
}

static inline bool gom_should_fail(size_t bytes, gfp_t gfp)
{
	return !(gfp & __GFP_NOFAIL) && gom_fault_wants_caller() && should_fail(&gom_fault, bytes);
}
#else
static inline bool gom_should_fail(size_t bytes, gfp_t gfp)
{
	return false;
}
#endif

/*
 * Test points: places in races where a test can run code of its own, or fail
 * the operation that follows.  Compiled out without KUnit.
 */
enum gom_test_point {
	GOM_AT_NEW_CHUNK,	/* a chunk has been allocated, and is not used yet */
	GOM_AT_BLOCK,		/* before alloc_pages_node() for a block; arg: its order */
	GOM_AT_GROWN,		/* a heap has grown by a block, and its lock is not held */
	GOM_AT_DIRECTORY,	/* a longer directory has been allocated, and is not used yet */
	GOM_AT_FULL_BATCH,	/* a full batch is detached, before call_rcu() */
	GOM_AT_DETACHED_BATCH,	/* the same for a batch that is not full, in a task */
	GOM_AT_MONITOR,		/* a monitor's grace period is over; in a task */
	GOM_AT_MONITOR_IDLE,	/* a monitor found no list, and is not marked idle yet */
	GOM_AT_BATCHES,		/* the freelist of batches is read; fails: it is empty */
	GOM_AT_MONITOR_START,	/* a monitor is marked as starting, before call_rcu() */
	GOM_AT_DEFERRED,	/* deferred objects are about to be freed, and marked so */
	GOM_AT_DEFERRED_WAKE,	/* before the irq_work for deferred objects; arg: urgent? */
	GOM_AT_RECLAIM,		/* caches are about to be flushed; arg: of which node */
	GOM_AT_MAGAZINE,	/* before a magazine is allocated; arg: its freelist */
	GOM_AT_CLASS_FLUSHED,	/* a class has been flushed for release, not drained yet */
	GOM_AT_DRAW,		/* sample intervals of a class are about to be drawn */
	GOM_AT_GUARDED,		/* a guarded object is about to be indexed */
	GOM_AT_SPECIAL,		/* a record for a special is allocated; fails: no memory */
	GOM_AT_NOLOCK_HEAD,	/* kfree_rcu_nolock() added the first head, before the irq_work */
	GOM_AT_HANDLE,		/* a cache of the drop-in gets a handle; fails: none is free */
	GOM_AT_NOLOCK_HEADS,	/* the heads have been taken, and are about to be freed */
	GOM_AT_SCAVENGER_END,	/* the scavenger is done, but still marked awake */
};

#if IS_ENABLED(CONFIG_KUNIT)
extern bool (*gom_test_callback)(enum gom_test_point at, unsigned int arg, gfp_t gfp);

static inline bool gom_test_point(enum gom_test_point at, unsigned int arg, gfp_t gfp)
{
	/* Pairs with WRITE_ONCE() in the KUnit tests. */
	typeof(gom_test_callback) fn = READ_ONCE(gom_test_callback);

	return unlikely(fn) && fn(at, arg, gfp);
}
#else
static inline bool gom_test_point(enum gom_test_point at, unsigned int arg, gfp_t gfp)
{
	return false;
}
#endif

#endif /* GOM_FAULT_H */
