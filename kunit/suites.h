/* SPDX-License-Identifier: GPL-2.0 */
/* The suites of gomalloc_kunit.ko, one in each file, and shared helpers. */
#ifndef GOM_KUNIT_SUITES_H
#define GOM_KUNIT_SUITES_H

#include <kunit/test.h>
#include <linux/hrtimer.h>
#include <linux/string.h>

#include "api/sbrk.h"
#include "debug/stats.h"

extern struct kunit_suite gomalloc_sizeclass_suite;
extern struct kunit_suite gomalloc_node_suite;
extern struct kunit_suite gomalloc_client_suite;
extern struct kunit_suite gomalloc_pages_suite;
extern struct kunit_suite gomalloc_pagemap_suite;
extern struct kunit_suite gomalloc_span_suite;
extern struct kunit_suite gomalloc_mheap_suite;
extern struct kunit_suite gomalloc_mcache_suite;
extern struct kunit_suite gomalloc_mcache_debug_suite;
extern struct kunit_suite gomalloc_tiny_suite;
extern struct kunit_suite gomalloc_cache_suite;
extern struct kunit_suite gomalloc_prefill_suite;
extern struct kunit_suite gomalloc_nolock_suite;
extern struct kunit_suite gomalloc_free_rcu_suite;
extern struct kunit_suite gomalloc_large_suite;
extern struct kunit_suite gomalloc_realloc_suite;
extern struct kunit_suite gomalloc_zero_suite;
extern struct kunit_suite gomalloc_bulk_suite;
extern struct kunit_suite gomalloc_misuse_suite;
extern struct kunit_suite gomalloc_object_debug_suite;
extern struct kunit_suite gomalloc_context_suite;
extern struct kunit_suite gomalloc_shrinker_suite;
extern struct kunit_suite gomalloc_sbrk_suite;
extern struct kunit_suite gomalloc_persistent_suite;
extern struct kunit_suite gomalloc_malloc_suite;
extern struct kunit_suite gomalloc_finalizer_suite;
extern struct kunit_suite gomalloc_profile_suite;
extern struct kunit_suite gomalloc_trace_suite;
extern struct kunit_suite gomalloc_check_suite;
extern struct kunit_suite gomalloc_scavenger_suite;
extern struct kunit_suite gomalloc_efence_suite;
extern struct kunit_suite gomalloc_stats_suite;
extern struct kunit_suite gomalloc_slab_kmalloc_suite;
extern struct kunit_suite gomalloc_slab_kfree_suite;
extern struct kunit_suite gomalloc_slab_kmem_cache_suite;
extern struct kunit_suite gomalloc_leaks_suite;
extern struct kunit_suite gomalloc_fail_suite;
extern struct kunit_suite gomalloc_kasan_suite;

/*
 * Repetitions of a test.  A debug kernel takes a hundred times as long for each
 * call, mostly for kmemleak.
 */
#define TIMES(n, n_in_debug_kernel)	\
	(IS_ENABLED(CONFIG_DEBUG_KMEMLEAK) ? (n_in_debug_kernel) : (n))

/* Period of timers that interrupt as often as the task can bear. */
#define TICK_NS	(TIMES(50, 500) * NSEC_PER_USEC)

/* Objects allocated and not freed.  Only the tests allocate. */
static inline u64 gomtest_live_objects(void)
{
	struct gom_memstats m;

	gom_memstats_read(&m);
	return m.mallocs - m.frees;
}

/*
 * A byte that differs between objects, by address.  Not 0: memory may be cleared,
 * and a NULL pointer is written to the last object of a list.
 */
static inline u8 gomtest_pattern(const void *p)
{
	return (((unsigned long)p >> 3) * 31 + ((unsigned long)p >> 12)) % 255 + 1;
}

static inline bool gomtest_all_bytes(const void *p, u8 byte, size_t n)
{
	return !memchr_inv(p, byte, n);
}

/*
 * Cases for one of gomalloc's modes.  main.c removes them in the other modes.
 * The mark takes the place of the case's parameter generator.  A test that
 * needs a feature of the kernel or the machine skips itself and names the
 * feature.
 */
#define HEAP_CASE(fn)	KUNIT_CASE_PARAM(fn, (void *)gomtest_needs_heap)
#define SBRK_CASE(fn)	KUNIT_CASE_PARAM(fn, (void *)gomtest_needs_sbrk)

void gomtest_needs_heap(struct kunit *test);
void gomtest_needs_sbrk(struct kunit *test);
int gomtest_begin_heap(struct kunit *test);
int gomtest_begin(struct kunit *test);
int gomtest_begin_any(struct kunit *test);
void gomtest_end(struct kunit *test);
unsigned long gomtest_misuses(void);
void gomtest_expect_misuse(struct kunit *test);
void gomtest_check(struct kunit *test);
int gomtest_kernel_reports_begin(struct kunit_suite *suite);
void gomtest_kernel_reports_end(struct kunit_suite *suite);
void gomtest_timer_start(struct hrtimer *timer, enum hrtimer_restart (*fn)(struct hrtimer *timer));
extern unsigned long gomtest_init_text;	/* an init function, while there are any */

bool gomtest_fail_after(unsigned int bytes);
void gomtest_fail_stop(void);

#endif /* GOM_KUNIT_SUITES_H */
