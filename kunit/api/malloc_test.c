// SPDX-License-Identifier: GPL-2.0
/*
 * Other ways to allocate and free an object: by scope, by size, on a node, as
 * an array.
 */
#include <linux/mm.h>
#include <linux/nodemask.h>

#include "base/compat.h"
#include "gomalloc.h"
#include "suites.h"

static void scope_frees_its_object(struct kunit *test)
{
#ifdef DEFINE_FREE
	u64 before = gomtest_live_objects();

	{
		void *p __free(gom_free) = gom_malloc(77, GFP_KERNEL);

		KUNIT_EXPECT_NOT_NULL(test, p);
		KUNIT_EXPECT_EQ(test, gomtest_live_objects(), before + 1);
	}
	KUNIT_EXPECT_EQ(test, gomtest_live_objects(), before);
#else
	kunit_skip(test, "this kernel has no linux/cleanup.h");
#endif
}

static void sized_free_takes_every_size(struct kunit *test)
{
	size_t size;
	void *p;

	for (size = 1; size < 400000; size = size * 4 / 3 + 1) {
		p = gom_malloc(size, GFP_KERNEL);
		KUNIT_ASSERT_NOT_NULL(test, p);
		gom_free_sized(p, size);
	}
	p = gom_malloc(256, GFP_KERNEL);
	gom_free_sized(p, 256);
}

static void every_node_serves_requests(struct kunit *test)
{
	int node;
	void *p;

	for_each_node_state(node, N_MEMORY) {
		p = gom_malloc_node(128, GFP_KERNEL | __GFP_THISNODE, node);
		KUNIT_ASSERT_NOT_NULL(test, p);
		KUNIT_EXPECT_EQ(test, page_to_nid(virt_to_page(p)), node);
		gom_free(p);
		p = gom_malloc_node(300000, GFP_KERNEL, node);
		KUNIT_ASSERT_NOT_NULL(test, p);
		gom_free(p);
	}
	p = gom_malloc_node(128, GFP_KERNEL, NUMA_NO_NODE);
	KUNIT_ASSERT_NOT_NULL(test, p);
	gom_free(p);
}

static void array_has_the_size_of_its_elements(struct kunit *test)
{
	void *p = gom_malloc_array(100, 24, GFP_KERNEL);

	KUNIT_ASSERT_NOT_NULL(test, p);
	KUNIT_EXPECT_GE(test, gom_size(p), (size_t)2400);
	gom_free(p);
}

static struct kunit_case cases[] = {
	HEAP_CASE(scope_frees_its_object),
	KUNIT_CASE(sized_free_takes_every_size),
	KUNIT_CASE(every_node_serves_requests),
	KUNIT_CASE(array_has_the_size_of_its_elements),
	{}
};

struct kunit_suite gomalloc_malloc_suite = {
	.name = "gomalloc_malloc",
	.init = gomtest_begin,
	.exit = gomtest_end,
	.test_cases = cases,
};
