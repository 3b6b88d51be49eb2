// SPDX-License-Identifier: GPL-2.0
/*
 * Carving: the objects of a class are disjoint, inside their spans, aligned, and
 * keep what is written to them.
 */
#include <linux/log2.h>
#include <linux/mm.h>

#include "../gomalloc/compat.h"
#include "../gomalloc/gomalloc.h"
#include "../gomalloc/pagemap.h"
#include "suites.h"

static void check_object(struct kunit *test, const void *p, unsigned int class)
{
	const u32 size = gom_classes[class].size;
	struct gom_span *s = gom_pagemap_span(p);

	KUNIT_ASSERT_NOT_NULL(test, s);
	if ((p - s->base) % size || p + size > gom_span_end(s))
		KUNIT_FAIL(test, "class %u: object at offset %zu", class,
			   (size_t)(p - s->base));
	if (!IS_ALIGNED((unsigned long)p, is_power_of_2(size) ? size : 8))
		KUNIT_FAIL(test, "class %u: object at %p is not aligned", class, p);
	KUNIT_EXPECT_EQ(test, gom_size(p), (size_t)size);
}

/* More than a span holds: if two objects overlapped, one would find the other's pattern. */
static void objects_of_each_class_are_disjoint(struct kunit *test)
{
	unsigned int class, n, i;
	void **p;

	for (class = 1; class < GOM_CLASS_TINY; class++) {
		n = gom_classes[class].nelems + 8;
		p = kvmalloc_array(n, sizeof(*p), GFP_KERNEL);
		KUNIT_ASSERT_NOT_NULL(test, p);
		for (i = 0; i < n; i++) {
			p[i] = gom_malloc(gom_classes[class].size, GFP_KERNEL);
			KUNIT_ASSERT_NOT_NULL(test, p[i]);
			memset(p[i], pattern_of(p[i]), gom_classes[class].size);
		}
		for (i = 0; i < n; i++) {
			check_object(test, p[i], class);
			if (!all_bytes(p[i], pattern_of(p[i]), gom_classes[class].size))
				KUNIT_FAIL(test, "class %u: object %u was written over", class, i);
			gom_free(p[i]);
		}
		kvfree(p);
	}
}

static void powers_of_two_are_aligned_to_their_size(struct kunit *test)
{
	size_t size;
	void *p;

	for (size = 8; size <= PAGE_SIZE << MAX_PAGE_ORDER; size *= 2) {
		p = gom_malloc(size, GFP_KERNEL | __GFP_NOWARN);
		if (!p && size > SZ_1M)
			break;		/* a fragmented machine may not have it */
		KUNIT_ASSERT_NOT_NULL(test, p);
		KUNIT_EXPECT_TRUE_MSG(test, IS_ALIGNED((unsigned long)p, size), "size %zu", size);
		gom_free(p);
	}
}

static struct kunit_case cases[] = {
	KUNIT_CASE(objects_of_each_class_are_disjoint),
	KUNIT_CASE(powers_of_two_are_aligned_to_their_size),
	{}
};

struct kunit_suite gomalloc_span_suite = {
	.name = "gomalloc_span",
	.init = heap_begin,
	.exit = live_end,
	.test_cases = cases,
};
