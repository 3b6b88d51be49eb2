// SPDX-License-Identifier: GPL-2.0
/* Tracepoints: what a listener hears, and that nobody pays when there is none. */
#include <linux/mm.h>
#include <linux/percpu.h>

#include "api/cache.h"
#include "api/internal.h"
#include "base/compat.h"
#include "base/trace.h"
#include "gomalloc.h"
#include "percpu/mcache.h"
#include "suites.h"

/* The last call of each kind that the thread of the test made. */
static struct heard {
	struct task_struct *who;
	unsigned int mallocs, frees, spans;
	const void *p, *freed;
	size_t size, space;
	unsigned int class;
	unsigned long caller;
} heard;

static void hear_malloc(void *data, unsigned long caller, const void *ptr, size_t size,
			unsigned int class, size_t space, gfp_t gfp, int node)
{
	if (current != heard.who)
		return;
	heard.mallocs++;
	heard.p = ptr;
	heard.size = size;
	heard.space = space;
	heard.class = class;
	heard.caller = caller;
}

static void hear_free(void *data, unsigned long caller, const void *ptr, unsigned int class)
{
	if (current != heard.who)
		return;
	heard.frees++;
	heard.freed = ptr;
}

static void hear_span(void *data, unsigned int class, const void *base, unsigned int npages, int node)
{
	heard.spans += npages;
}

static void listen(struct kunit *test)
{
	heard = (struct heard) { .who = current };
	KUNIT_ASSERT_EQ(test, register_trace_gom_malloc(hear_malloc, NULL), 0);
	KUNIT_ASSERT_EQ(test, register_trace_gom_free(hear_free, NULL), 0);
}

static void unlisten(void)
{
	unregister_trace_gom_malloc(hear_malloc, NULL);
	unregister_trace_gom_free(hear_free, NULL);
	tracepoint_synchronize_unregister();
}

#define EXPECT_HEARD(test, object, asked, is_class, has)			\
do {									\
	KUNIT_EXPECT_PTR_EQ(test, heard.p, (const void *)(object));	\
	KUNIT_EXPECT_EQ(test, heard.size, (size_t)(asked));		\
	KUNIT_EXPECT_EQ(test, heard.class, (unsigned int)(is_class));	\
	KUNIT_EXPECT_EQ(test, heard.space, (size_t)(has));		\
} while (0)

static void every_call_is_heard(struct kunit *test)
{
	struct gom_cache *cache = gom_cache_create("gom_trace", 100, 0, GOM_NO_MERGE, NULL);
	char name[60];
	void *p, *q[5];

	KUNIT_ASSERT_NOT_NULL(test, cache);
	listen(test);
	p = gom_malloc(100, GFP_KERNEL);
	EXPECT_HEARD(test, p, BITS_PER_LONG == 64 ? 100 : 112, gom_size_to_slot(100) >> GOM_SLOT_SHIFT, 112);
	snprintf(name, sizeof(name), "%ps", (void *)heard.caller);
	KUNIT_EXPECT_NOT_NULL(test, strstr(name, "every_call_is_heard"));
	gom_free(p);
	KUNIT_EXPECT_PTR_EQ(test, heard.freed, (const void *)p);
	p = gom_malloc_noscan(3, GFP_KERNEL);
	EXPECT_HEARD(test, p, 3, GOM_CLASS_TINY, 3);
	gom_free(p);
	p = gom_zalloc(300000, GFP_KERNEL);
	EXPECT_HEARD(test, p, 300000, 0, PAGE_ALIGN(300000));
	gom_free_sized(p, 300000);
	p = gom_cache_alloc(cache, GFP_KERNEL);
	EXPECT_HEARD(test, p, 100, cache->class, 104);
	gom_cache_free(cache, p);
	KUNIT_EXPECT_EQ(test, heard.mallocs, 4U);
	KUNIT_EXPECT_EQ(test, heard.frees, 4U);
	KUNIT_EXPECT_TRUE(test, gom_malloc_bulk(64, GFP_KERNEL, ARRAY_SIZE(q), q));
	gom_free_bulk(ARRAY_SIZE(q), q);
	KUNIT_EXPECT_EQ(test, heard.mallocs, 9U);
	KUNIT_EXPECT_EQ(test, heard.frees, 9U);
	unlisten();
	gom_free(gom_malloc(100, GFP_KERNEL));
	KUNIT_EXPECT_EQ(test, heard.mallocs, 9U);
	gom_cache_destroy(cache);
}

/* With a listener every CPU's calls are slow, without one none is. */
static void only_listeners_cost(struct kunit *test)
{
	const u8 none = IS_ENABLED(CONFIG_DEBUG_KMEMLEAK) || want_init_on_free() ?
			GOM_MALLOCING_SLOW : 0;
	int cpu;

	listen(test);
	for_each_possible_cpu(cpu)
		KUNIT_EXPECT_TRUE(test, READ_ONCE(per_cpu_ptr(&gom_mcache, cpu)->mallocing) &
				  GOM_MALLOCING_SLOW);
	unregister_trace_gom_malloc(hear_malloc, NULL);
	for_each_possible_cpu(cpu)
		KUNIT_EXPECT_TRUE(test, READ_ONCE(per_cpu_ptr(&gom_mcache, cpu)->mallocing) &
				  GOM_MALLOCING_SLOW);
	unregister_trace_gom_free(hear_free, NULL);
	tracepoint_synchronize_unregister();
	for_each_possible_cpu(cpu)
		KUNIT_EXPECT_EQ(test, READ_ONCE(per_cpu_ptr(&gom_mcache, cpu)->mallocing) &
				GOM_MALLOCING_SLOW, (int)none);
}

static void pages_are_heard_of(struct kunit *test)
{
	void *p;

	heard = (struct heard) { };
	KUNIT_ASSERT_EQ(test, register_trace_gom_span_alloc(hear_span, NULL), 0);
	p = gom_malloc(1000000, GFP_KERNEL);
	unregister_trace_gom_span_alloc(hear_span, NULL);
	KUNIT_EXPECT_EQ(test, heard.spans, (unsigned int)(PAGE_ALIGN(1000000) >> PAGE_SHIFT));
	heard.spans = 0;
	KUNIT_ASSERT_EQ(test, register_trace_gom_span_free(hear_span, NULL), 0);
	gom_free(p);
	unregister_trace_gom_span_free(hear_span, NULL);
	tracepoint_synchronize_unregister();
	KUNIT_EXPECT_EQ(test, heard.spans, (unsigned int)(PAGE_ALIGN(1000000) >> PAGE_SHIFT));
}

static void the_page_allocators_pages_are_heard_of(struct kunit *test)
{
	struct gom_memstats before, after;
	unsigned long released;
	void *p;

	gom_release_memory();
	heard = (struct heard) { };
	gom_memstats_read(&before);
	KUNIT_ASSERT_EQ(test, register_trace_gom_heap_grow(hear_span, NULL), 0);
	p = gom_malloc(1000000, GFP_KERNEL);
	unregister_trace_gom_heap_grow(hear_span, NULL);
	gom_memstats_read(&after);
	KUNIT_EXPECT_GT(test, heard.spans, 0U);
	KUNIT_EXPECT_EQ(test, (u64)heard.spans << PAGE_SHIFT, after.heap_sys - before.heap_sys);
	gom_free(p);
	heard.spans = 0;
	KUNIT_ASSERT_EQ(test, register_trace_gom_heap_release(hear_span, NULL), 0);
	released = gom_release_memory();
	unregister_trace_gom_heap_release(hear_span, NULL);
	tracepoint_synchronize_unregister();
	KUNIT_EXPECT_GT(test, released, 0UL);
	KUNIT_EXPECT_EQ(test, (unsigned long)heard.spans, released);
}

static int trace_begin(struct kunit *test)
{
	if (!IS_ENABLED(CONFIG_TRACEPOINTS))
		kunit_skip(test, "this kernel has no tracepoints");
	return heap_begin(test);
}

static struct kunit_case cases[] = {
	KUNIT_CASE(every_call_is_heard),
	KUNIT_CASE(only_listeners_cost),
	KUNIT_CASE(pages_are_heard_of),
	KUNIT_CASE(the_page_allocators_pages_are_heard_of),
	{}
};

struct kunit_suite gomalloc_trace_suite = {
	.name = "gomalloc_trace",
	.init = trace_begin,
	.exit = live_end,
	.test_cases = cases,
};
