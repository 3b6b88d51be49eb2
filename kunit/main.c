// SPDX-License-Identifier: GPL-2.0
/*
 * gomalloc_kunit.ko: the tests.  They run when the module is loaded and report
 * in KTAP to the kernel log.  Nobody else may use gomalloc meanwhile: the suites
 * look at its figures.
 */
#include <linux/module.h>

#include "../gomalloc/compat.h"
#include "suites.h"

/* For suites whose tests must leave as many live objects as they found. */
int live_begin(struct kunit *test)
{
	u64 *before = kunit_kmalloc(test, sizeof(*before), GFP_KERNEL);

	if (!before)
		return -ENOMEM;
	*before = live_objects();
	test->priv = before;
	return 0;
}

void live_end(struct kunit *test)
{
	u64 *before = test->priv;

	KUNIT_EXPECT_EQ_MSG(test, live_objects(), *before, "the test lost or freed objects");
}

kunit_test_suites(&gomalloc_sizeclass_suite,
		  &gomalloc_pagemap_suite,
		  &gomalloc_span_suite,
		  &gomalloc_mcache_suite,
		  &gomalloc_large_suite,
		  &gomalloc_realloc_suite,
		  &gomalloc_zero_suite,
		  &gomalloc_bulk_suite,
		  &gomalloc_misuse_suite,
		  &gomalloc_context_suite,
		  &gomalloc_shrinker_suite,
		  &gomalloc_persistent_suite,
		  &gomalloc_lifetime_suite,
		  &gomalloc_stats_suite);

GOM_IMPORT_FOR_TEST();
MODULE_DESCRIPTION("KUnit tests of gomalloc");
MODULE_LICENSE("GPL");
