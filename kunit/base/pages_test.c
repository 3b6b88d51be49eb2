// SPDX-License-Identifier: GPL-2.0
/*
 * Pages of ours in the eyes of the kernel: nobody sends or maps them by reference, and a
 * reference taken and dropped all the same does no harm.
 */
#include <linux/mm.h>
#include <linux/net.h>
#include <linux/page-flags.h>
#include <linux/vmalloc.h>

#include "api/efence.h"
#include "base/compat.h"
#include "gomalloc.h"
#include "suites.h"

static struct page *page_of(const void *p)
{
	return is_vmalloc_addr(p) ? vmalloc_to_page(p) : virt_to_page(p);
}

static void expect_refused(struct kunit *test, const void *p, size_t size)
{
	size_t off;

	KUNIT_ASSERT_NOT_NULL(test, p);
	for (off = 0; off < size; off += PAGE_SIZE) {
		struct page *page = page_of(p + off);

		KUNIT_EXPECT_FALSE_MSG(test, sendpage_ok(page), "%zu bytes, at %zu", size, off);
		/* What vm_insert_page() asks. */
		KUNIT_EXPECT_TRUE_MSG(test, page_has_type(page), "%zu bytes, at %zu", size, off);
		/* What would have kfree() and others look for a kmem_cache. */
		KUNIT_EXPECT_FALSE(test, PageSlab(page));
	}
}

static void objects_are_refused(struct kunit *test)
{
	struct gom_cache *c = gom_cache_create("test_pages", 520, 0, 0, NULL);
	size_t size;
	void *p;

	for (size = 1; size < 500000; size = size * 3 / 2 + 1) {
		OPTIMIZER_HIDE_VAR(size);
		p = gom_malloc(size, GFP_KERNEL);
		expect_refused(test, p, size);
		gom_free(p);
	}
	p = gom_malloc_noscan(3, GFP_KERNEL);
	expect_refused(test, p, 3);
	gom_free(p);
	p = gom_malloc(5000, GFP_KERNEL | GFP_DMA);
	expect_refused(test, p, 5000);
	gom_free(p);
	p = gom_persistent_alloc(100, 0, GOM_OTHER_SYS);
	expect_refused(test, p, 100);
	KUNIT_ASSERT_NOT_NULL(test, c);
	p = gom_cache_alloc(c, GFP_KERNEL);
	expect_refused(test, p, 520);
	gom_cache_free(c, p);
	gom_cache_destroy(c);
}

/* More dropped than taken, too: the page stays ours. */
static void stray_references_do_no_harm(struct kunit *test)
{
	size_t size = 3 * PAGE_SIZE;
	struct page *page;
	unsigned int i;
	char *p;

	OPTIMIZER_HIDE_VAR(size);
	p = gom_malloc(size, GFP_KERNEL);
	KUNIT_ASSERT_NOT_NULL(test, p);
	memset(p, 0x3d, size);
	page = page_of(p + PAGE_SIZE);
	for (i = 0; i < 1000; i++)
		get_page(page);
	expect_refused(test, p, size);
	for (i = 0; i < 2000; i++)
		put_page(page);
	expect_refused(test, p, size);
	for (i = 0; i < 1000; i++)
		get_page(page);
	KUNIT_EXPECT_TRUE(test, all_bytes(p, 0x3d, size));
	gom_free(p);
}

/* What is handed back is an ordinary page; a reference that is held keeps it from others. */
static void pages_go_back_as_they_came(struct kunit *test)
{
	struct page *page;
	void *p;

	needs_heap(test);
	if (gom_efence)
		kunit_skip(test, "with efence=1 pages go back when nobody looks");
	p = gom_malloc(GOM_MAX_SMALL_SIZE, GFP_KERNEL);
	KUNIT_ASSERT_NOT_NULL(test, p);
	page = page_of(p);
	get_page(page);
	gom_free(p);
	gom_release_memory();
	KUNIT_EXPECT_EQ(test, page_count(page), 1);
	KUNIT_EXPECT_FALSE(test, page_has_type(page));
	put_page(page);
}

static struct kunit_case cases[] = {
	KUNIT_CASE(objects_are_refused),
	KUNIT_CASE(stray_references_do_no_harm),
	HEAP_CASE(pages_go_back_as_they_came),
	{}
};

struct kunit_suite gomalloc_pages_suite = {
	.name = "gomalloc_pages",
	.init = counted_begin,
	.exit = live_end,
	.test_cases = cases,
};
