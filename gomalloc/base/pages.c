// SPDX-License-Identifier: GPL-2.0
/*
 * Pages: taking them over from the page allocator, and handing them back.
 *
 * Whoever sends or maps memory by reference takes a reference to its page and lets
 * go of it when he is done, long after the object may have been freed, and its
 * next owner's data would be what is sent.  So the kernel refuses pages of SLUB:
 * sendpage_ok() by the slab type or by a reference count below one, and
 * vm_insert_page() by any page type.  Ours are to be refused as well, but the slab
 * type is not ours to set: kfree() and the check of copies to user space would look
 * for a kmem_cache.  So a page of ours has
 *
 *	a reference count	far below zero.  sendpage_ok() refuses it, and who
 *				takes or drops a reference all the same, however
 *				often, neither frees the page nor finds it frozen.
 *				It is not zero, so nobody takes it for a free one
 *				(has_unmovable_pages()).
 *	the type "table"	as of a page of page tables: memory in use by the
 *				kernel itself, for vm_insert_page(), for
 *				memory_failure(), for /proc/kpageflags and for crash
 *				dumps.  (Dumps leave "offline" pages out, and the page
 *				allocator merges "guard" pages.)
 *
 * Both are changed by adding and taking away, so that a reference that somebody took
 * before, or holds when the page is handed back, is still right then.
 *
 * Context: any in which pages are allocated or freed; the pages are the caller's.
 */
#include <linux/limits.h>
#include <linux/mm.h>
#include <linux/page-flags.h>
#include <linux/page_ref.h>

#include "base/pages.h"

#define OWNED	(INT_MIN / 2)

/**
 * gom_pages_own - take pages over
 * @page: the first of them, each with a reference of its own
 * @n: how many
 */
void gom_pages_own(struct page *page, unsigned int n)
{
	for (; n--; page++) {
		page_ref_add(page, OWNED);
		__SetPageTable(page);
	}
}

/**
 * gom_pages_disown - make them what they were, to be handed back
 * @page: the first of them
 * @n: how many
 */
void gom_pages_disown(struct page *page, unsigned int n)
{
	for (; n--; page++) {
		__ClearPageTable(page);
		page_ref_sub(page, OWNED);
	}
}
