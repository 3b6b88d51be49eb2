/* SPDX-License-Identifier: GPL-2.0 */
/* Marking pages from the page allocator as the kernel's own; see pages.c. */
#ifndef GOM_PAGES_H
#define GOM_PAGES_H

struct page;

void gom_pages_own(struct page *page, unsigned int n);
void gom_pages_disown(struct page *page, unsigned int n);

#endif /* GOM_PAGES_H */
