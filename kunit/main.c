// SPDX-License-Identifier: GPL-2.0
/*
 * gomalloc_kunit.ko: the tests.  They run when the module is loaded and report
 * in KTAP to the kernel log.  Nobody else may use gomalloc meanwhile: the suites
 * look at its figures.
 */
#include <linux/glob.h>
#include <linux/hrtimer.h>
#include <linux/module.h>
#include <linux/string.h>
#include <linux/version.h>

#include "api/efence.h"
#include "base/compat.h"
#include "base/fault.h"
#include "base/report.h"
#include "debug/check.h"
#include "percpu/mcache.h"
#include "special/profile.h"
#include "suites.h"

/* For suites and tests about what sbrk mode does not have. */
void needs_heap(struct kunit *test)
{
	if (gom_sbrk)
		kunit_skip(test, "with sbrk=1 nothing is cached, freed or in a span");
}

void needs_sbrk(struct kunit *test)
{
	if (!gom_sbrk)
		kunit_skip(test, "gomalloc was not loaded with sbrk=1");
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

/* What a test finds, to be compared with what it leaves. */
struct before {
	u64 live;
	unsigned long misuses;
	bool may_misuse;
};

/* Calls that make no sense, of all kinds, so far. */
unsigned long all_misuses(void)
{
	unsigned long sum = 0;
	unsigned int kind;

	for (kind = 0; kind < GOM_NR_MISUSES; kind++)
		sum += gom_misuse_count(kind);
	return sum;
}

/* What follows misuses the allocator on purpose; else a report is a failure of the test. */
void may_misuse(struct kunit *test)
{
	((struct before *)test->priv)->may_misuse = true;
}

/* The same, in any mode. */
int counted_begin(struct kunit *test)
{
	struct before *before;

	before = kunit_kzalloc(test, sizeof(*before), GFP_KERNEL);
	if (!before)
		return -ENOMEM;
	before->live = live_objects();
	before->misuses = all_misuses();
	test->priv = before;
	rate_before = gom_memprofilerate;
	return gom_mcache_set_profile_rate(0);
}

/* All structures hold against each other after what the test did. */
void still_sound(struct kunit *test)
{
	KUNIT_EXPECT_EQ_MSG(test, gom_check(), 0, "something is wrong now, see above");
}

void live_end(struct kunit *test)
{
	struct before *before = test->priv;

	if (!before)	/* skipped before it began */
		return;
	gom_mcache_set_profile_rate(rate_before);
	still_sound(test);
	if (gom_sbrk)
		KUNIT_EXPECT_GE(test, live_objects(), before->live);
	else
		KUNIT_EXPECT_EQ_MSG(test, live_objects(), before->live,
				    "the test lost or freed objects");
	if (!before->may_misuse)
		KUNIT_EXPECT_EQ_MSG(test, all_misuses(), before->misuses,
				    "a misuse was reported that there was not");
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

void start_timer(struct hrtimer *timer, enum hrtimer_restart (*fn)(struct hrtimer *timer))
{
#if LINUX_VERSION_CODE >= KERNEL_VERSION(6, 15, 0)
	hrtimer_setup(timer, fn, CLOCK_MONOTONIC, HRTIMER_MODE_REL_PINNED);
#else
	hrtimer_init(timer, CLOCK_MONOTONIC, HRTIMER_MODE_REL_PINNED);
	timer->function = fn;
#endif
	hrtimer_start(timer, ns_to_ktime(TICK_NS), HRTIMER_MODE_REL_PINNED);
}

/* === What runs in which of gomalloc's modes === */

enum {
	HEAP	= 1,		/* neither sbrk=1 nor efence=1 */
	SBRK	= 2,
	EFENCE	= 4,
};

static const struct {
	struct kunit_suite *suite;
	unsigned int modes;
} all[] = {
	{ &gomalloc_sizeclass_suite,	HEAP | SBRK | EFENCE },
	{ &gomalloc_node_suite,		HEAP | SBRK | EFENCE },
	{ &gomalloc_pages_suite,	HEAP | SBRK | EFENCE },
	{ &gomalloc_pagemap_suite,	HEAP },
	{ &gomalloc_span_suite,		HEAP },
	{ &gomalloc_mheap_suite,	HEAP | SBRK },
	{ &gomalloc_mcache_suite,	HEAP },
	{ &gomalloc_tiny_suite,		HEAP },
	{ &gomalloc_cache_suite,	HEAP | SBRK },
	{ &gomalloc_prefill_suite,	HEAP | SBRK },
	{ &gomalloc_nolock_suite,	HEAP },
	{ &gomalloc_free_rcu_suite,	HEAP | SBRK },
	{ &gomalloc_large_suite,	HEAP | SBRK },
	{ &gomalloc_realloc_suite,	HEAP | SBRK },
	{ &gomalloc_zero_suite,		HEAP | SBRK },
	{ &gomalloc_bulk_suite,		HEAP | SBRK },
	{ &gomalloc_misuse_suite,	HEAP | SBRK },
	{ &gomalloc_context_suite,	HEAP | SBRK },
	{ &gomalloc_shrinker_suite,	HEAP },
	{ &gomalloc_persistent_suite,	HEAP | SBRK | EFENCE },
	{ &gomalloc_sbrk_suite,		SBRK },
	{ &gomalloc_malloc_suite,	HEAP | SBRK },
	{ &gomalloc_finalizer_suite,	HEAP | SBRK },
	{ &gomalloc_profile_suite,	HEAP },
	{ &gomalloc_trace_suite,	HEAP },
	{ &gomalloc_check_suite,	HEAP },
	{ &gomalloc_scavenger_suite,	HEAP },
	{ &gomalloc_efence_suite,	EFENCE },
	{ &gomalloc_stats_suite,	HEAP },
	{ &gomalloc_mcache_debug_suite,	HEAP },	/* the last: see there */
};

static char *filter = "*";
module_param(filter, charp, 0400);
MODULE_PARM_DESC(filter, "glob of the suites to run, or of suite.case (default: *, all of them)");

static struct kunit_suite *chosen[ARRAY_SIZE(all)];
static unsigned int nr_chosen;

static bool filter_takes(const struct kunit_suite *suite, const struct kunit_case *c)
{
	char name[128];

	snprintf(name, sizeof(name), "%s.%s", suite->name, c->name);
	return glob_match(filter, strchr(filter, '.') ? name : suite->name);
}

/* The modes that a case is for, by its mark, which goes: KUnit must not take it for parameters. */
static unsigned int modes_of(struct kunit_case *c)
{
	const void *mark = c->generate_params;

	if (mark != needs_heap && mark != needs_sbrk)
		return HEAP | SBRK | EFENCE;
	c->generate_params = NULL;
	return mark == needs_heap ? HEAP : SBRK;
}

/* Leave in @suite what runs in @mode and the filter takes; is there anything? */
static bool choose_cases(struct kunit_suite *suite, unsigned int mode)
{
	struct kunit_case *c, *kept = suite->test_cases;

	for (c = suite->test_cases; c->run_case; c++) {
		if ((modes_of(c) & mode) && filter_takes(suite, c))
			*kept++ = *c;
	}
	*kept = (struct kunit_case){};
	return kept != suite->test_cases;
}

static void choose_suites(void)
{
	const unsigned int mode = gom_sbrk ? SBRK : gom_efence ? EFENCE : HEAP;
	unsigned int i;

	for (i = 0; i < ARRAY_SIZE(all); i++) {
		if ((all[i].modes & mode) && choose_cases(all[i].suite, mode))
			chosen[nr_chosen++] = all[i].suite;
	}
}

/* === The module === */

static unsigned int leave;
module_param(leave, uint, 0400);
MODULE_PARM_DESC(leave, "64-byte objects, and one of 200000 bytes with a finalizer, to leave behind when this module goes, for gomalloc to report (default: 0)");

static int __init gom_kunit_init(void)
{
	choose_suites();
	return GOM_KUNIT_RUN(chosen, nr_chosen);
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

	__kunit_test_suites_exit(chosen, nr_chosen);
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
