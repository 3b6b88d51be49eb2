// SPDX-License-Identifier: GPL-2.0
/* Tracepoints: probes get all calls, and calls are fast when there are none. */
#include <linux/mm.h>
#include <linux/percpu.h>

#include "api/cache.h"
#include "api/internal.h"
#include "base/compat.h"
#include "base/trace.h"
#include "gomalloc.h"
#include "percpu/mcache.h"
#include "suites.h"

/* The last call of each kind by the thread of the test. */
static struct traced {
	struct task_struct *task;
	unsigned int mallocs, frees, spans;
	const void *p, *freed;
	size_t size, space;
	unsigned int class;
	unsigned long caller;
} traced;

static void trace_malloc(void *data, unsigned long caller, const void *ptr, size_t size,
			 unsigned int class, size_t space, gfp_t gfp, int node)
{
	if (current != traced.task)
		return;
	traced.mallocs++;
	traced.p = ptr;
	traced.size = size;
	traced.space = space;
	traced.class = class;
	traced.caller = caller;
}

static void trace_free(void *data, unsigned long caller, const void *ptr, unsigned int class)
{
	if (current != traced.task)
		return;
	traced.frees++;
	traced.freed = ptr;
}

static void trace_span(void *data, unsigned int class, const void *base, unsigned int npages,
		       int node)
{
	traced.spans += npages;
}

static void probes_register(struct kunit *test)
{
	traced = (struct traced) { .task = current };
	KUNIT_ASSERT_EQ(test, register_trace_gom_malloc(trace_malloc, NULL), 0);
	KUNIT_ASSERT_EQ(test, register_trace_gom_free(trace_free, NULL), 0);
}

static void probes_unregister(void)
{
	unregister_trace_gom_malloc(trace_malloc, NULL);
	unregister_trace_gom_free(trace_free, NULL);
	tracepoint_synchronize_unregister();
}

#define EXPECT_TRACED(test, object, requested, is_class, usable)			\
do {									\
	KUNIT_EXPECT_PTR_EQ(test, traced.p, (const void *)(object));	\
	KUNIT_EXPECT_EQ(test, traced.size, (size_t)(requested));		\
	KUNIT_EXPECT_EQ(test, traced.class, (unsigned int)(is_class));	\
	KUNIT_EXPECT_EQ(test, traced.space, (size_t)(usable));		\
} while (0)

static void every_call_is_traced(struct kunit *test)
{
	struct gom_cache *cache = gom_cache_create("gom_trace", 100, 0, GOM_NO_MERGE, NULL);
	char name[60];
	void *p, *q[5];

	KUNIT_ASSERT_NOT_NULL(test, cache);
	probes_register(test);
	p = gom_malloc(100, GFP_KERNEL);
	EXPECT_TRACED(test, p, BITS_PER_LONG == 64 ? 100 : 112,
		      gom_size_to_class(100), 112);
	snprintf(name, sizeof(name), "%ps", (void *)traced.caller);
	KUNIT_EXPECT_NOT_NULL(test, strstr(name, "every_call_is_traced"));
	gom_free(p);
	KUNIT_EXPECT_PTR_EQ(test, traced.freed, (const void *)p);
	p = gom_malloc_noscan(3, GFP_KERNEL);
	EXPECT_TRACED(test, p, 3, GOM_CLASS_TINY, 3);
	gom_free(p);
	p = gom_zalloc(300000, GFP_KERNEL);
	EXPECT_TRACED(test, p, 300000, 0, PAGE_ALIGN(300000));
	gom_free_sized(p, 300000);
	p = gom_cache_alloc(cache, GFP_KERNEL);
	EXPECT_TRACED(test, p, 100, cache->class, 104);
	gom_cache_free(cache, p);
	KUNIT_EXPECT_EQ(test, traced.mallocs, 4U);
	KUNIT_EXPECT_EQ(test, traced.frees, 4U);
	KUNIT_EXPECT_TRUE(test, gom_malloc_bulk(64, GFP_KERNEL, ARRAY_SIZE(q), q));
	gom_free_bulk(ARRAY_SIZE(q), q);
	KUNIT_EXPECT_EQ(test, traced.mallocs, 9U);
	KUNIT_EXPECT_EQ(test, traced.frees, 9U);
	probes_unregister();
	gom_free(gom_malloc(100, GFP_KERNEL));
	KUNIT_EXPECT_EQ(test, traced.mallocs, 9U);
	gom_cache_destroy(cache);
}

/* With a probe all CPUs take the slow path, without one none does. */
static void only_traced_calls_are_slow(struct kunit *test)
{
	const u8 none = IS_ENABLED(CONFIG_DEBUG_KMEMLEAK) || want_init_on_free() ?
			GOM_MALLOCING_SLOW : 0;
	int cpu;

	probes_register(test);
	for_each_possible_cpu(cpu)
		KUNIT_EXPECT_TRUE(test, READ_ONCE(per_cpu_ptr(&gom_mcache, cpu)->mallocing) &
				  GOM_MALLOCING_SLOW);
	unregister_trace_gom_malloc(trace_malloc, NULL);
	for_each_possible_cpu(cpu)
		KUNIT_EXPECT_TRUE(test, READ_ONCE(per_cpu_ptr(&gom_mcache, cpu)->mallocing) &
				  GOM_MALLOCING_SLOW);
	unregister_trace_gom_free(trace_free, NULL);
	tracepoint_synchronize_unregister();
	for_each_possible_cpu(cpu)
		KUNIT_EXPECT_EQ(test, READ_ONCE(per_cpu_ptr(&gom_mcache, cpu)->mallocing) &
				GOM_MALLOCING_SLOW, (int)none);
}

static void spans_are_traced(struct kunit *test)
{
	void *p;

	traced = (struct traced) { };
	KUNIT_ASSERT_EQ(test, register_trace_gom_span_alloc(trace_span, NULL), 0);
	p = gom_malloc(1000000, GFP_KERNEL);
	unregister_trace_gom_span_alloc(trace_span, NULL);
	KUNIT_EXPECT_EQ(test, traced.spans, (unsigned int)(PAGE_ALIGN(1000000) >> PAGE_SHIFT));
	traced.spans = 0;
	KUNIT_ASSERT_EQ(test, register_trace_gom_span_free(trace_span, NULL), 0);
	gom_free(p);
	unregister_trace_gom_span_free(trace_span, NULL);
	tracepoint_synchronize_unregister();
	KUNIT_EXPECT_EQ(test, traced.spans, (unsigned int)(PAGE_ALIGN(1000000) >> PAGE_SHIFT));
}

static void heap_growth_is_traced(struct kunit *test)
{
	struct gom_memstats before, after;
	unsigned long released;
	void *p;

	gom_release_memory();
	traced = (struct traced) { };
	gom_memstats_read(&before);
	KUNIT_ASSERT_EQ(test, register_trace_gom_heap_grow(trace_span, NULL), 0);
	p = gom_malloc(1000000, GFP_KERNEL);
	unregister_trace_gom_heap_grow(trace_span, NULL);
	gom_memstats_read(&after);
	KUNIT_EXPECT_GT(test, traced.spans, 0U);
	KUNIT_EXPECT_EQ(test, (u64)traced.spans << PAGE_SHIFT, after.heap_sys - before.heap_sys);
	gom_free(p);
	traced.spans = 0;
	KUNIT_ASSERT_EQ(test, register_trace_gom_heap_release(trace_span, NULL), 0);
	released = gom_release_memory();
	unregister_trace_gom_heap_release(trace_span, NULL);
	tracepoint_synchronize_unregister();
	KUNIT_EXPECT_GT(test, released, 0UL);
	KUNIT_EXPECT_EQ(test, (unsigned long)traced.spans, released);
}

static int trace_begin(struct kunit *test)
{
	if (!IS_ENABLED(CONFIG_TRACEPOINTS))
		kunit_skip(test, "this kernel has no tracepoints");
	return gomtest_begin_heap(test);
}

static struct kunit_case cases[] = {
	KUNIT_CASE(every_call_is_traced),
	KUNIT_CASE(only_traced_calls_are_slow),
	KUNIT_CASE(spans_are_traced),
	KUNIT_CASE(heap_growth_is_traced),
	{}
};

struct kunit_suite gomalloc_trace_suite = {
	.name = "gomalloc_trace",
	.init = trace_begin,
	.exit = gomtest_end,
	.test_cases = cases,
};
