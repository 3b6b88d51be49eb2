/* SPDX-License-Identifier: GPL-2.0 */
/* The suites of gomalloc_kunit.ko, one in each file, and what they share. */
#ifndef GOM_KUNIT_SUITES_H
#define GOM_KUNIT_SUITES_H

#include <kunit/test.h>
#include <linux/hrtimer.h>
#include <linux/string.h>

#include "api/sbrk.h"
#include "debug/stats.h"

extern struct kunit_suite gomalloc_sizeclass_suite;
extern struct kunit_suite gomalloc_node_suite;
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

/*
 * How often to do what is done often: a kernel that checks everything takes a hundred
 * times as long for each call, kmemleak's record of it most of all.
 */
#define TIMES(n, n_in_debug_kernel)	\
	(IS_ENABLED(CONFIG_DEBUG_KMEMLEAK) ? (n_in_debug_kernel) : (n))

/* Between interrupts that come as often as may be; the task they interrupt is to get on. */
#define TICK_NS	(TIMES(50, 500) * NSEC_PER_USEC)

/* Objects allocated and not freed: nobody but the tests allocates. */
static inline u64 live_objects(void)
{
	struct gom_memstats m;

	gom_memstats_read(&m);
	return m.mallocs - m.frees;
}

/* A byte that differs from one object to the next. */
static inline u8 pattern_of(const void *p)
{
	return ((unsigned long)p >> 3) * 31 + ((unsigned long)p >> 12) + 1;
}

static inline bool all_bytes(const void *p, u8 byte, size_t n)
{
	return !memchr_inv(p, byte, n);
}

/*
 * Cases that only one of gomalloc's modes can run: main.c leaves them out of the others,
 * by the marks that stand where a case has its parameters otherwise.  A test that needs
 * something of the kernel or the machine skips itself and says what.
 */
#define HEAP_CASE(fn)	KUNIT_CASE_PARAM(fn, (void *)needs_heap)
#define SBRK_CASE(fn)	KUNIT_CASE_PARAM(fn, (void *)needs_sbrk)

void needs_heap(struct kunit *test);
void needs_sbrk(struct kunit *test);
int heap_begin(struct kunit *test);
int live_begin(struct kunit *test);
int counted_begin(struct kunit *test);
void live_end(struct kunit *test);
unsigned long all_misuses(void);
void may_misuse(struct kunit *test);
void still_sound(struct kunit *test);
void start_timer(struct hrtimer *timer, enum hrtimer_restart (*fn)(struct hrtimer *timer));
bool fail_after(unsigned int bytes);
void fail_no_more(void);

#endif /* GOM_KUNIT_SUITES_H */
