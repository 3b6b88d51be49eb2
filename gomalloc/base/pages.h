/* SPDX-License-Identifier: GPL-2.0 */
/* Pages taken over from the page allocator, such that the kernel takes them for ours. */
#ifndef GOM_PAGES_H
#define GOM_PAGES_H

struct page;

void gom_pages_own(struct page *page, unsigned int n);
void gom_pages_disown(struct page *page, unsigned int n);

#endif /* GOM_PAGES_H */
