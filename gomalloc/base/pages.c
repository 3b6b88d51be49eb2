// SPDX-License-Identifier: GPL-2.0
/*
 * Pages: marking pages from the page allocator as the kernel's own, and undoing
 * it before they are freed.
 *
 * Code that sends or maps memory by reference takes a reference to its page and
 * drops it later, possibly long after the object was freed.  The data of the
 * object's next owner would be sent then.  So the kernel refuses SLUB's pages:
 * sendpage_ok() by the slab type or by a reference count below one, and
 * vm_insert_page() by any page type.  gomalloc's pages must be refused as well,
 * but they cannot have the slab type: kfree() and the hardened usercopy check
 * would look for a kmem_cache.  Instead each has
 *
 *	a reference count	far below zero.  sendpage_ok() refuses it.
 *				References taken and dropped all the same,
 *				however many, neither free the page nor find it
 *				frozen.  The count is not zero, so the page is
 *				not mistaken for a free one
 *				(has_unmovable_pages()).
 *	the type "table"	as pages of page tables have: memory used by the
 *				kernel itself, for vm_insert_page(),
 *				memory_failure(), /proc/kpageflags and crash
 *				dumps.  (Dumps leave out "offline" pages, and
 *				the page allocator merges "guard" pages.)
 *
 * The count is changed by addition and subtraction, so references that others
 * hold across either call stay counted.
 *
 * Context: any in which pages are allocated or freed.  No lock: the pages
 * belong to the caller.
 */
#include <linux/limits.h>
#include <linux/mm.h>
#include <linux/page-flags.h>
#include <linux/page_ref.h>

#include "base/pages.h"

#define OWNED_REF_BIAS	(INT_MIN / 2)

/**
 * gom_pages_own - mark pages as the kernel's own
 * @page: the first page; each page has a reference of its own
 * @n: number of pages
 */
void gom_pages_own(struct page *page, unsigned int n)
{
	for (; n--; page++) {
		page_ref_add(page, OWNED_REF_BIAS);
		__SetPageTable(page);
	}
}

/**
 * gom_pages_disown - undo gom_pages_own() before the pages are freed
 * @page: the first page
 * @n: number of pages
 */
void gom_pages_disown(struct page *page, unsigned int n)
{
	for (; n--; page++) {
		__ClearPageTable(page);
		page_ref_sub(page, OWNED_REF_BIAS);
	}
}
