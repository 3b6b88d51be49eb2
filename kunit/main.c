// SPDX-License-Identifier: GPL-2.0
/*
 * gomalloc_kunit.ko: the KUnit tests.
 *
 * They run when the module is loaded and report in KTAP to the kernel log.  No
 * other module may use gomalloc meanwhile, as tests compare its statistics.
 */
#include <linux/glob.h>
#include <linux/hrtimer.h>
#include <linux/module.h>
#include <linux/string.h>
#include <linux/version.h>

#include "api/backend.h"
#include "api/efence.h"
#include "base/compat.h"
#include "base/fault.h"
#include "base/report.h"
#include "debug/check.h"
#include "percpu/mcache.h"
#include "special/profile.h"
#include "suites.h"

/* Skip a suite or a test of what sbrk mode does not have. */
void gomtest_needs_heap(struct kunit *test)
{
	if (gom_sbrk)
		kunit_skip(test, "sbrk=1 has no caches, frees or spans");
}

void gomtest_needs_sbrk(struct kunit *test)
{
	if (!gom_sbrk)
		kunit_skip(test, "gomalloc was not loaded with sbrk=1");
}

int gomtest_begin_heap(struct kunit *test)
{
	gomtest_needs_heap(test);
	return gomtest_begin(test);
}

static unsigned int rate_before;

/* Set up a test that runs without efence=1. */
int gomtest_begin(struct kunit *test)
{
	if (gom_efence)
		kunit_skip(test, "efence=1 has neither spans nor caches");
	return gomtest_begin_any(test);
}

/* State before a test, which gomtest_end() compares with that after it. */
struct before {
	u64 live;
	unsigned long misuses;
	bool may_misuse;
};

/* Misuses reported so far, of all kinds. */
unsigned long gomtest_misuses(void)
{
	unsigned long sum = 0;
	unsigned int kind;

	for (kind = 0; kind < GOM_NR_MISUSES; kind++)
		sum += gom_misuse_count(kind);
	return sum;
}

/* The test misuses the allocator on purpose.  Else a report fails the test. */
void gomtest_expect_misuse(struct kunit *test)
{
	((struct before *)test->priv)->may_misuse = true;
}

/*
 * Set up a test that runs in any mode.  The heap profile is off, as samples
 * would change the statistics that tests compare.
 */
int gomtest_begin_any(struct kunit *test)
{
	struct before *before;

	before = kunit_kzalloc(test, sizeof(*before), GFP_KERNEL);
	if (!before)
		return -ENOMEM;
	before->live = gomtest_live_objects();
	before->misuses = gomtest_misuses();
	test->priv = before;
	rate_before = gom_memprofilerate;
	return gom_mcache_set_profile_rate(0);
}

/*
 * For a suite that provokes reports of the kernel.  tools/gomtools/complaints.py
 * looks for these lines.
 */
int gomtest_kernel_reports_begin(struct kunit_suite *suite)
{
	pr_info("gomalloc: the kernel's reports are expected from here\n");
	return 0;
}

void gomtest_kernel_reports_end(struct kunit_suite *suite)
{
	pr_info("gomalloc: the kernel's reports are expected no more\n");
}

/* Run the consistency check. */
void gomtest_check(struct kunit *test)
{
	KUNIT_EXPECT_EQ_MSG(test, gom_check(), 0, "the consistency check found errors, see above");
}

void gomtest_end(struct kunit *test)
{
	struct before *before = test->priv;

	if (!before)	/* skipped before the set-up */
		return;
	gom_mcache_set_profile_rate(rate_before);
	gomtest_check(test);
	if (gom_sbrk)
		KUNIT_EXPECT_GE(test, gomtest_live_objects(), before->live);
	else
		KUNIT_EXPECT_EQ_MSG(test, gomtest_live_objects(), before->live,
				    "the test changed the number of live objects");
	if (!before->may_misuse)
		KUNIT_EXPECT_EQ_MSG(test, gomtest_misuses(), before->misuses,
				    "a misuse was reported without one");
}

/*
 * Let requests for memory fail after @bytes were granted.  Returns false if the
 * kernel has no fault injection.
 */
bool gomtest_fail_after(unsigned int bytes)
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

void gomtest_fail_stop(void)
{
#ifdef CONFIG_FAULT_INJECTION
	gom_fault.probability = 0;
	atomic_set(&gom_fault.times, 1);
	atomic_set(&gom_fault.space, 0);
#endif
}

void gomtest_timer_start(struct hrtimer *timer, enum hrtimer_restart (*fn)(struct hrtimer *timer))
{
#if LINUX_VERSION_CODE >= KERNEL_VERSION(6, 15, 0)
	hrtimer_setup(timer, fn, CLOCK_MONOTONIC, HRTIMER_MODE_REL_PINNED);
#else
	hrtimer_init(timer, CLOCK_MONOTONIC, HRTIMER_MODE_REL_PINNED);
	timer->function = fn;
#endif
	hrtimer_start(timer, ns_to_ktime(TICK_NS), HRTIMER_MODE_REL_PINNED);
}

/* === The suites, and the modes of gomalloc in which they run === */

enum {
	HEAP	= 1,		/* none of the others */
	SBRK	= 2,
	EFENCE	= 4,
	DEBUG	= 8,		/* debug=, for all of gom_malloc() */
};

static const struct {
	struct kunit_suite *suite;
	unsigned int modes;
} suites[] = {
	{ &gomalloc_sizeclass_suite,	HEAP | SBRK | EFENCE },
	{ &gomalloc_node_suite,		HEAP | SBRK | EFENCE | DEBUG },
	{ &gomalloc_client_suite,	HEAP | SBRK | EFENCE | DEBUG },
	{ &gomalloc_pages_suite,	HEAP | SBRK | EFENCE | DEBUG },
	{ &gomalloc_pagemap_suite,	HEAP },
	{ &gomalloc_span_suite,		HEAP },
	{ &gomalloc_mheap_suite,	HEAP | SBRK },
	{ &gomalloc_mcache_suite,	HEAP },
	{ &gomalloc_tiny_suite,		HEAP },
	{ &gomalloc_cache_suite,	HEAP | SBRK },
	{ &gomalloc_prefill_suite,	HEAP | SBRK | DEBUG },
	{ &gomalloc_nolock_suite,	HEAP },
	{ &gomalloc_free_rcu_suite,	HEAP | SBRK | DEBUG },
	{ &gomalloc_large_suite,	HEAP | SBRK },
	{ &gomalloc_realloc_suite,	HEAP | SBRK },
	{ &gomalloc_zero_suite,		HEAP | SBRK },
	{ &gomalloc_bulk_suite,		HEAP | SBRK | DEBUG },
	{ &gomalloc_misuse_suite,	HEAP | SBRK },
	{ &gomalloc_object_debug_suite,	HEAP | DEBUG },
	{ &gomalloc_context_suite,	HEAP | SBRK },
	{ &gomalloc_shrinker_suite,	HEAP },
	{ &gomalloc_persistent_suite,	HEAP | SBRK | EFENCE | DEBUG },
	{ &gomalloc_sbrk_suite,		SBRK },
	{ &gomalloc_malloc_suite,	HEAP | SBRK | DEBUG },
	{ &gomalloc_finalizer_suite,	HEAP | SBRK | DEBUG },
	{ &gomalloc_profile_suite,	HEAP },
	{ &gomalloc_slab_kmalloc_suite,	HEAP | SBRK | EFENCE | DEBUG },
	{ &gomalloc_slab_kfree_suite,	HEAP | SBRK | EFENCE | DEBUG },
	{ &gomalloc_slab_kmem_cache_suite, HEAP | SBRK | EFENCE | DEBUG },
	{ &gomalloc_trace_suite,	HEAP },
	{ &gomalloc_check_suite,	HEAP },
	{ &gomalloc_scavenger_suite,	HEAP },
	{ &gomalloc_efence_suite,	EFENCE },
	{ &gomalloc_stats_suite,	HEAP },
	{ &gomalloc_leaks_suite,	HEAP | EFENCE },
	{ &gomalloc_fail_suite,		HEAP | SBRK | EFENCE | DEBUG },
	{ &gomalloc_mcache_debug_suite,	HEAP },	/* the last ones: see their files */
	{ &gomalloc_kasan_suite,	HEAP },
};

static char *filter = "*";
module_param(filter, charp, 0400);
MODULE_PARM_DESC(filter, "glob of the suites to run, or of suite.case (default: *, all of them)");

static struct kunit_suite *selected[ARRAY_SIZE(suites)];
static unsigned int nr_selected;

static bool filter_matches(const struct kunit_suite *suite, const struct kunit_case *c)
{
	char name[128];

	snprintf(name, sizeof(name), "%s.%s", suite->name, c->name);
	return glob_match(filter, strchr(filter, '.') ? name : suite->name);
}

/*
 * The modes in which a case runs, by its mark (suites.h).  Removes the mark,
 * which KUnit would take for a parameter generator.
 */
static unsigned int case_modes(struct kunit_case *c)
{
	const void *mark = c->generate_params;

	if (mark != gomtest_needs_heap && mark != gomtest_needs_sbrk)
		return HEAP | SBRK | EFENCE | DEBUG;
	c->generate_params = NULL;
	return mark == gomtest_needs_heap ? HEAP : SBRK;
}

/*
 * Remove the cases that do not run in @mode or that the filter excludes; false
 * if none is left.
 */
static bool suite_select_cases(struct kunit_suite *suite, unsigned int mode)
{
	struct kunit_case *c, *out = suite->test_cases;

	for (c = suite->test_cases; c->run_case; c++) {
		if ((case_modes(c) & mode) && filter_matches(suite, c))
			*out++ = *c;
	}
	*out = (struct kunit_case){};
	return out != suite->test_cases;
}

static void suites_select(void)
{
	const unsigned int mode = gom_sbrk ? SBRK : gom_efence ? EFENCE :
				  gom_backend ? DEBUG : HEAP;
	unsigned int i;

	for (i = 0; i < ARRAY_SIZE(suites); i++) {
		if ((suites[i].modes & mode) && suite_select_cases(suites[i].suite, mode))
			selected[nr_selected++] = suites[i].suite;
	}
}

/* === Module === */

static unsigned int leave;
module_param(leave, uint, 0400);
MODULE_PARM_DESC(leave, "64-byte objects, and one of 200000 bytes with a finalizer, to leak at unload, for gomalloc to report (default: 0)");

unsigned long gomtest_init_text;

static int __init gom_kunit_init(void)
{
	int err;

	suites_select();
	gomtest_init_text = (unsigned long)gom_kunit_init;
	err = GOM_KUNIT_RUN(selected, nr_selected);
	gomtest_init_text = 0;
	return err;
}

/*
 * Finalizer of an object that is never freed; must not run after this module is
 * unloaded.
 */
static void finalizer_must_not_run(void *p, void *arg)
{
	WARN_ON(1);
}

static void __exit gom_kunit_exit(void)
{
	unsigned int i;
	void *p;

	__kunit_test_suites_exit(selected, nr_selected);
	if (leave) {
		p = gom_malloc(200000, GFP_KERNEL);
		WARN_ON(!p || gom_set_finalizer(p, finalizer_must_not_run, NULL));
	}
	for (i = 0; i < leave; i++)
		WARN_ON(!gom_malloc(64, GFP_KERNEL));
}

module_init(gom_kunit_init);
module_exit(gom_kunit_exit);

GOM_IMPORT_FOR_TEST();
MODULE_DESCRIPTION("KUnit tests of gomalloc");
MODULE_LICENSE("GPL");
