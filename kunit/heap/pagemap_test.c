// SPDX-License-Identifier: GPL-2.0
/*
 * The page map: it finds every byte of gomalloc's objects, and nothing else.
 */
#include <linux/completion.h>
#include <linux/jiffies.h>
#include <linux/kthread.h>
#include <linux/mm.h>
#include <linux/slab.h>
#include <linux/vmalloc.h>

#include "base/compat.h"
#include "base/fault.h"
#include "gomalloc.h"
#include "heap/pagemap.h"
#include "suites.h"

static int static_data;

static void byte_expect(struct kunit *test, const void *p, size_t at, unsigned int slot)
{
	u32 entry = gom_pagemap_entry(p + at);
	struct gom_span *s = gom_pagemap_span(p + at);

	KUNIT_EXPECT_EQ(test, gom_entry_slot(entry), slot);
	KUNIT_ASSERT_NOT_NULL(test, s);
	KUNIT_EXPECT_EQ(test, (size_t)gom_entry_offset(entry, p + at), (size_t)(p + at - s->base));
	KUNIT_EXPECT_TRUE(test, p >= s->base && p + at < gom_span_end(s));
}

static void objects_of_every_class_are_found(struct kunit *test)
{
	unsigned int i;
	void *p;

	for (i = 1; i < GOM_CLASS_TINY; i++) {
		p = gom_malloc(gom_classes[i].size, GFP_KERNEL);
		KUNIT_ASSERT_NOT_NULL(test, p);
		byte_expect(test, p, 0, i);
		byte_expect(test, p, gom_classes[i].size / 2, i);
		byte_expect(test, p, gom_classes[i].size - 1, i);
		gom_free(p);
	}
}

static void large_object_is_found(struct kunit *test)
{
	size_t size = 2500000;		/* more than two regions */
	char *p = gom_malloc(size, GFP_KERNEL);
	size_t at;

	KUNIT_ASSERT_NOT_NULL(test, p);
	for (at = 0; at < size; at += PAGE_SIZE / 2)
		byte_expect(test, p, at, GOM_SLOT_LARGE);
	gom_free(p);
	KUNIT_EXPECT_NE(test, gom_entry_slot(gom_pagemap_entry(p)), (unsigned int)GOM_SLOT_LARGE);
}

static void foreign_pointers_are_not_found(struct kunit *test)
{
	void *v = vmalloc(PAGE_SIZE);
	void *k = kmalloc(64, GFP_KERNEL);
	const void *foreign[] = {
		NULL, ZERO_SIZE_PTR, (void *)0x1000, &static_data, &test,
		foreign_pointers_are_not_found, memset, (void *)-1UL, (void *)-PAGE_SIZE,
		(void *)gom_pagemap.base - 1, v, k,
		(void *)gom_pagemap.base + (gom_pagemap.directory->regions << GOM_REGION_SHIFT),
	};
	unsigned int i;

	for (i = 0; i < ARRAY_SIZE(foreign); i++) {
		KUNIT_EXPECT_EQ_MSG(test, gom_pagemap_entry(foreign[i]), 0U, "pointer %u", i);
		KUNIT_EXPECT_NULL(test, gom_pagemap_span(foreign[i]));
	}
	kfree(k);
	vfree(v);
}

/* As with memory hotplug: entries stay, and those of new memory are empty. */
static void extended_map_keeps_its_entries(struct kunit *test)
{
	const unsigned long regions = gom_pagemap.directory->regions;
	const unsigned long end = gom_pagemap.base + (regions << GOM_REGION_SHIFT);
	void *p = gom_malloc(64, GFP_KERNEL), *q;
	u32 entry = gom_pagemap_entry(p);

	KUNIT_ASSERT_NOT_NULL(test, p);
	if (end + (1UL << GOM_REGION_SHIFT) < end)
		kunit_skip(test, "the linear mapping ends at the last address");
	KUNIT_EXPECT_EQ(test, gom_pagemap_extend(end), 0);
	KUNIT_EXPECT_EQ(test, gom_pagemap.directory->regions, regions);
	KUNIT_EXPECT_EQ(test, gom_pagemap_extend(end + 1), 0);
	KUNIT_EXPECT_GE(test, gom_pagemap.directory->regions, 2 * regions);
	KUNIT_EXPECT_EQ(test, gom_pagemap_entry(p), entry);
	KUNIT_EXPECT_EQ(test, gom_pagemap_entry((void *)end), 0U);
	KUNIT_EXPECT_EQ(test, gom_pagemap_nid((void *)end), NUMA_NO_NODE);
	q = gom_malloc(3 << 20, GFP_KERNEL);
	KUNIT_ASSERT_NOT_NULL(test, q);
	byte_expect(test, q, (3 << 20) - 1, GOM_SLOT_LARGE);
	gom_free(q);
	gom_free(p);
}

/* Another task, which extends the map by more while the first one is at it. */
static struct {
	struct task_struct *task;
	struct completion done;
	unsigned long end;
	int err;
} second;

static int extend_further(void *unused)
{
	second.err = gom_pagemap_extend(second.end);
	complete_all(&second.done);
	return 0;
}

static bool directory_callback_extend(enum gom_test_point at, unsigned int arg, gfp_t gfp)
{
	if (at == GOM_AT_DIRECTORY && current != second.task) {
		WRITE_ONCE(gom_test_callback, NULL);
		wake_up_process(second.task);
		wait_for_completion_timeout(&second.done, HZ / 10);
	}
	return false;
}

/* As when the module is loaded while memory is plugged in: the longer map stays. */
static void extensions_are_serialized(struct kunit *test)
{
	const unsigned long regions = gom_pagemap.directory->regions;
	const unsigned long end = gom_pagemap.base + (regions << GOM_REGION_SHIFT);

	if (end + (5 * regions << GOM_REGION_SHIFT) < end)
		kunit_skip(test, "the linear mapping is near the last address");
	init_completion(&second.done);
	second.end = end + (5 * regions << GOM_REGION_SHIFT);
	second.task = kthread_create(extend_further, NULL, "gom_extend");
	KUNIT_ASSERT_FALSE(test, IS_ERR(second.task));
	WRITE_ONCE(gom_test_callback, directory_callback_extend);
	KUNIT_EXPECT_EQ(test, gom_pagemap_extend(end + 1), 0);
	if (READ_ONCE(gom_test_callback)) {
		WRITE_ONCE(gom_test_callback, NULL);
		kthread_stop(second.task);
		KUNIT_FAIL(test, "the map was not extended");
		return;
	}
	wait_for_completion(&second.done);
	KUNIT_EXPECT_EQ(test, second.err, 0);
	KUNIT_EXPECT_GE(test, gom_pagemap.directory->regions, 6 * regions);
}

static struct kunit_case cases[] = {
	KUNIT_CASE(objects_of_every_class_are_found),
	KUNIT_CASE(large_object_is_found),
	KUNIT_CASE(foreign_pointers_are_not_found),
	KUNIT_CASE(extended_map_keeps_its_entries),
	KUNIT_CASE(extensions_are_serialized),
	{}
};

struct kunit_suite gomalloc_pagemap_suite = {
	.name = "gomalloc_pagemap",
	.init = gomtest_begin_heap,
	.exit = gomtest_end,
	.test_cases = cases,
};
