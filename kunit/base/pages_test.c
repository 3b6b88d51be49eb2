// SPDX-License-Identifier: GPL-2.0
/*
 * gomalloc's pages: the kernel must not send or map them by reference, and page
 * references that are taken nevertheless do no harm.
 */
#include <linux/mm.h>
#include <linux/net.h>
#include <linux/page-flags.h>
#include <linux/vmalloc.h>

#include "api/efence.h"
#include "base/compat.h"
#include "gomalloc.h"
#include "suites.h"

static struct page *object_page(const void *p)
{
	return is_vmalloc_addr(p) ? vmalloc_to_page(p) : virt_to_page(p);
}

static void object_expect_private(struct kunit *test, const void *p, size_t size)
{
	size_t off;

	KUNIT_ASSERT_NOT_NULL(test, p);
	for (off = 0; off < size; off += PAGE_SIZE) {
		struct page *page = object_page(p + off);

		KUNIT_EXPECT_FALSE_MSG(test, sendpage_ok(page), "%zu bytes, at %zu", size, off);
		/* vm_insert_page() refuses pages that have a type. */
		KUNIT_EXPECT_TRUE_MSG(test, page_has_type(page), "%zu bytes, at %zu", size, off);
		/* Else kfree() and others would look for a kmem_cache. */
		KUNIT_EXPECT_FALSE(test, PageSlab(page));
	}
}

static void pages_are_not_sent_or_mapped(struct kunit *test)
{
	struct gom_cache *c = gom_cache_create("test_pages", 520, 0, 0, NULL);
	size_t size;
	void *p;

	for (size = 1; size < 500000; size = size * 3 / 2 + 1) {
		OPTIMIZER_HIDE_VAR(size);
		p = gom_malloc(size, GFP_KERNEL);
		object_expect_private(test, p, size);
		gom_free(p);
	}
	p = gom_malloc_noscan(3, GFP_KERNEL);
	object_expect_private(test, p, 3);
	gom_free(p);
	p = gom_malloc(5000, GFP_KERNEL | GFP_DMA);
	object_expect_private(test, p, 5000);
	gom_free(p);
	p = gom_persistent_alloc(100, 0, GOM_OTHER_SYS);
	object_expect_private(test, p, 100);
	KUNIT_ASSERT_NOT_NULL(test, c);
	p = gom_cache_alloc(c, GFP_KERNEL);
	object_expect_private(test, p, 520);
	gom_cache_free(c, p);
	gom_cache_destroy(c);
}

/* Even if more references are dropped than taken. */
static void stray_page_references_are_harmless(struct kunit *test)
{
	size_t size = 3 * PAGE_SIZE;
	struct page *page;
	unsigned int i;
	char *p;

	OPTIMIZER_HIDE_VAR(size);
	p = gom_malloc(size, GFP_KERNEL);
	KUNIT_ASSERT_NOT_NULL(test, p);
	memset(p, 0x3d, size);
	page = object_page(p + PAGE_SIZE);
	for (i = 0; i < 1000; i++)
		get_page(page);
	object_expect_private(test, p, size);
	for (i = 0; i < 2000; i++)
		put_page(page);
	object_expect_private(test, p, size);
	for (i = 0; i < 1000; i++)
		get_page(page);
	KUNIT_EXPECT_TRUE(test, gomtest_all_bytes(p, 0x3d, size));
	gom_free(p);
}

/*
 * A released page is an ordinary one; a reference that is held keeps it
 * allocated.
 */
static void released_pages_are_ordinary(struct kunit *test)
{
	struct page *page;
	void *p;

	if (gom_efence)
		kunit_skip(test, "with efence=1 pages are released asynchronously");
	p = gom_malloc(GOM_MAX_SMALL_SIZE, GFP_KERNEL);
	KUNIT_ASSERT_NOT_NULL(test, p);
	page = object_page(p);
	get_page(page);
	gom_free(p);
	gom_release_memory();
	KUNIT_EXPECT_EQ(test, page_count(page), 1);
	KUNIT_EXPECT_FALSE(test, page_has_type(page));
	put_page(page);
}

static struct kunit_case cases[] = {
	KUNIT_CASE(pages_are_not_sent_or_mapped),
	KUNIT_CASE(stray_page_references_are_harmless),
	HEAP_CASE(released_pages_are_ordinary),
	{}
};

struct kunit_suite gomalloc_pages_suite = {
	.name = "gomalloc_pages",
	.init = gomtest_begin_any,
	.exit = gomtest_end,
	.test_cases = cases,
};
