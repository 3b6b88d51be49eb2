// SPDX-License-Identifier: GPL-2.0
/*
 * Takes pages from the system: all of a node, or so that only single pages are
 * free.  A held page contains the address of the next one and its own order.
 */
#include <linux/mm.h>
#include <linux/nodemask.h>
#include <linux/sched.h>

#include "base/compat.h"
#include "torture.h"

struct held_page {
	struct page *next;
	unsigned int order;
};

static void held_add(struct torture_pages *taken, struct page *page, unsigned int order)
{
	*(struct held_page *)page_address(page) = (struct held_page){ taken->first, order };
	taken->first = page;
	taken->nr += 1UL << order;
}

/* Take all single pages of node @nid (NUMA_NO_NODE: any) without OOM kills. */
void torture_take_pages(struct torture_pages *taken, int nid)
{
	const gfp_t gfp = GFP_KERNEL | __GFP_NORETRY | __GFP_NOWARN |
			  (nid == NUMA_NO_NODE ? 0 : __GFP_THISNODE);
	struct page *page;

	while ((page = alloc_pages_node(nid, gfp, 0))) {
		held_add(taken, page, 0);
		cond_resched();
	}
}

/* Take all blocks of more than a page that can be had without waiting. */
void torture_take_blocks(struct torture_pages *taken)
{
	struct page *page;
	int order;

	for (order = MAX_PAGE_ORDER; order; order--) {
		while ((page = alloc_pages(GFP_NOWAIT | __GFP_NOWARN, order))) {
			held_add(taken, page, order);
			cond_resched();
		}
	}
}

/* Free every second page: none has a free neighbour to merge with. */
void torture_free_odd(struct torture_pages *taken)
{
	struct torture_pages all = *taken;
	struct page *page;

	*taken = (struct torture_pages){};
	while ((page = all.first)) {
		all.first = ((struct held_page *)page_address(page))->next;
		if (page_to_pfn(page) % 2)
			__free_page(page);
		else
			held_add(taken, page, 0);
		cond_resched();
	}
}

void torture_free_pages(struct torture_pages *taken)
{
	struct held_page held;
	struct page *page;

	while ((page = taken->first)) {
		held = *(struct held_page *)page_address(page);
		taken->first = held.next;
		__free_pages(page, held.order);
		cond_resched();
	}
	taken->nr = 0;
}

static struct torture_pages filled;

int torture_fill(unsigned int nid)
{
	if (nid >= MAX_NUMNODES || !node_online(nid))
		return -ENXIO;
	torture_take_pages(&filled, nid);
	pr_info("fill: %lu pages of node %u are taken\n", filled.nr, nid);
	return filled.nr ? 0 : -ENOMEM;
}

int torture_unfill(unsigned int unused)
{
	torture_free_pages(&filled);
	return 0;
}
