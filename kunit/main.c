// SPDX-License-Identifier: GPL-2.0
/*
 * gomalloc_kunit.ko: the tests.  They run when the module is loaded and report
 * in KTAP to the kernel log.  Nobody else may use gomalloc meanwhile: the suites
 * look at its figures.
 */
#include <linux/module.h>

#include "../gomalloc/check.h"
#include "../gomalloc/compat.h"
#include "../gomalloc/efence.h"
#include "../gomalloc/fault.h"
#include "../gomalloc/profile.h"
#include "suites.h"

/* For suites and tests about what sbrk mode does not have. */
void needs_heap(struct kunit *test)
{
	if (gom_sbrk)
		kunit_skip(test, "with sbrk=1 nothing is cached, freed or in a span");
}

int heap_begin(struct kunit *test)
{
	needs_heap(test);
	return live_begin(test);
}

static unsigned int rate_before;

/*
 * For suites whose tests must leave as many live objects as they found.  A sample of the
 * heap profile in between would change what some look at: there are none but in its own.
 */
int live_begin(struct kunit *test)
{
	if (gom_efence)
		kunit_skip(test, "with efence=1 objects have neither spans nor caches");
	return counted_begin(test);
}

/* The same, in any mode. */
int counted_begin(struct kunit *test)
{
	u64 *before;

	before = kunit_kmalloc(test, sizeof(*before), GFP_KERNEL);
	if (!before)
		return -ENOMEM;
	*before = live_objects();
	test->priv = before;
	rate_before = gom_memprofilerate;
	return gom_profile_set_rate(0);
}

/* All structures hold against each other after what the test did. */
void still_sound(struct kunit *test)
{
	KUNIT_EXPECT_EQ_MSG(test, gom_check(), 0, "something is wrong now, see above");
}

void live_end(struct kunit *test)
{
	u64 *before = test->priv;

	if (!before)	/* skipped before it began */
		return;
	gom_profile_set_rate(rate_before);
	still_sound(test);
	if (gom_sbrk)
		KUNIT_EXPECT_GE(test, live_objects(), *before);
	else
		KUNIT_EXPECT_EQ_MSG(test, live_objects(), *before, "the test lost or freed objects");
}

/* Let requests for memory fail once @bytes have been granted; false if the kernel cannot. */
bool fail_after(unsigned int bytes)
{
#ifdef CONFIG_FAULT_INJECTION
	gom_fault.probability = 100;
	gom_fault.interval = 1;
	gom_fault.verbose = 0;
	atomic_set(&gom_fault.times, -1);
	atomic_set(&gom_fault.space, bytes);
	return true;
#else
	return false;
#endif
}

void fail_no_more(void)
{
#ifdef CONFIG_FAULT_INJECTION
	gom_fault.probability = 0;
	atomic_set(&gom_fault.times, 1);
	atomic_set(&gom_fault.space, 0);
#endif
}

kunit_test_suites(&gomalloc_sizeclass_suite,
		  &gomalloc_pages_suite,
		  &gomalloc_pagemap_suite,
		  &gomalloc_span_suite,
		  &gomalloc_mcache_suite,
		  &gomalloc_tiny_suite,
		  &gomalloc_cache_suite,
		  &gomalloc_reserve_suite,
		  &gomalloc_large_suite,
		  &gomalloc_realloc_suite,
		  &gomalloc_zero_suite,
		  &gomalloc_bulk_suite,
		  &gomalloc_misuse_suite,
		  &gomalloc_context_suite,
		  &gomalloc_shrinker_suite,
		  &gomalloc_persistent_suite,
		  &gomalloc_sbrk_suite,
		  &gomalloc_lifetime_suite,
		  &gomalloc_finalizer_suite,
		  &gomalloc_profile_suite,
		  &gomalloc_trace_suite,
		  &gomalloc_check_suite,
		  &gomalloc_scavenger_suite,
		  &gomalloc_efence_suite,
		  &gomalloc_stats_suite);

static unsigned int leave;
module_param(leave, uint, 0400);
MODULE_PARM_DESC(leave, "64-byte objects, and one of 200000 bytes with a finalizer, to leave behind when this module goes, for gomalloc to report (default: 0)");

static int __init gom_kunit_init(void)
{
	return 0;
}

/* Of an object that is never freed; nobody may call it when this module has gone. */
static void never(void *p, void *arg)
{
	WARN_ON(1);
}

static void __exit gom_kunit_exit(void)
{
	unsigned int i;
	void *p;

	if (leave) {
		p = gom_malloc(200000, GFP_KERNEL);
		WARN_ON(!p || gom_set_finalizer(p, never, NULL));
	}
	for (i = 0; i < leave; i++)
		WARN_ON(!gom_malloc(64, GFP_KERNEL));
}

module_init(gom_kunit_init);
module_exit(gom_kunit_exit);

GOM_IMPORT_FOR_TEST();
MODULE_DESCRIPTION("KUnit tests of gomalloc");
MODULE_LICENSE("GPL");
