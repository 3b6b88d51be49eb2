// SPDX-License-Identifier: GPL-2.0
/*
 * The page map: setting it up, extending it, writing it.
 *
 * Descriptors are made as the heap grows and live as long as the module.  Two
 * CPUs that grow into the same region race to install one; the loser's is lost,
 * which takes two blocks under a megabyte that are neighbours, and happens once.
 */
#include <linux/atomic.h>
#include <linux/minmax.h>
#include <linux/mmzone.h>
#include <linux/nodemask.h>
#include <linux/pfn.h>

#include "compat.h"
#include "pagemap.h"
#include "persistent.h"
#include "stats.h"

struct gom_pagemap gom_pagemap __read_mostly;
GOM_EXPORT_FOR_TEST(gom_pagemap);

static struct gom_region nothing_here;		/* shared by the regions without us */
static struct gom_region *all_regions;		/* linked by @next; only grows */

/* The first address above the linear mapping of all memory there is now. */
static unsigned long memory_end(void)
{
	unsigned long pfn = 0;
	int nid;

	for_each_online_node(nid)
		pfn = max_t(unsigned long, pfn, node_end_pfn(nid));
#ifdef CONFIG_HIGHMEM
	pfn = min(pfn, (unsigned long)__pa(high_memory - 1) >> PAGE_SHIFT) + 1;
#endif
	return (unsigned long)__va(PFN_PHYS(pfn - 1)) + PAGE_SIZE;
}

int gom_pagemap_init(void)
{
	unsigned long base = round_down(PAGE_OFFSET, 1UL << GOM_REGION_SHIFT);
	unsigned long i, n = ((memory_end() - 1 - base) >> GOM_REGION_SHIFT) + 1;

	gom_pagemap.directory = kvcalloc(n, sizeof(*gom_pagemap.directory), GFP_KERNEL);
	if (!gom_pagemap.directory)
		return -ENOMEM;
	for (i = 0; i < n; i++)
		gom_pagemap.directory[i] = &nothing_here;
	gom_pagemap.base = base;
	gom_pagemap.regions = n;
	nothing_here.nid = NUMA_NO_NODE;
	gom_stat_add(GOM_PAGEMAP_SYS, PAGE_ALIGN(n * sizeof(*gom_pagemap.directory)));
	return 0;
}

void gom_pagemap_exit(void)
{
	kvfree(gom_pagemap.directory);
}

static struct gom_region *region_of(const void *p)
{
	unsigned long off = (unsigned long)p - gom_pagemap.base;

	if (off >> GOM_REGION_SHIFT >= gom_pagemap.regions)
		return &nothing_here;
	return READ_ONCE(gom_pagemap.directory[off >> GOM_REGION_SHIFT]);
}

static unsigned int page_of(const void *p)
{
	return ((unsigned long)p >> PAGE_SHIFT) % GOM_REGION_PAGES;
}

/* Make the descriptor of the region at @p, unless somebody else just did. */
static int add_region(const void *p, int nid, gfp_t gfp)
{
	unsigned long off = (unsigned long)p - gom_pagemap.base;
	struct gom_region *r, **where;

	/* Memory that was plugged in after us: the directory does not reach it. */
	if (off >> GOM_REGION_SHIFT >= gom_pagemap.regions)
		return -ERANGE;
	r = gom_persistent_alloc_gfp(sizeof(*r), SMP_CACHE_BYTES, GOM_PAGEMAP_SYS, gfp);
	if (!r)
		return -ENOMEM;
	r->base = round_down((unsigned long)p, 1UL << GOM_REGION_SHIFT);
	r->nid = nid;
	where = &gom_pagemap.directory[off >> GOM_REGION_SHIFT];
	if (cmpxchg(where, &nothing_here, r) != &nothing_here)
		return 0;
	do {
		r->next = READ_ONCE(all_regions);
	} while (cmpxchg(&all_regions, r->next, r) != r->next);
	return 0;
}

/**
 * gom_pagemap_cover - make descriptors for the pages of a new run
 * @start: first page
 * @npages: pages
 * @nid: node the pages belong to
 * @gfp: how to get memory
 *
 * Return: 0, -ENOMEM, or -ERANGE if the memory came after the module.
 */
int gom_pagemap_cover(const void *start, unsigned int npages, int nid, gfp_t gfp)
{
	const void *end = start + ((size_t)npages << PAGE_SHIFT);
	const void *p;
	int err;

	for (p = start; p < end;
	     p = (void *)round_down((unsigned long)p + (1UL << GOM_REGION_SHIFT),
				    1UL << GOM_REGION_SHIFT)) {
		if (region_of(p) != &nothing_here)
			continue;
		err = add_region(p, nid, gfp);
		if (err)
			return err;
	}
	return 0;
}

/* The words of @n pages of a region, from @word on by @step. */
static __always_inline void write_some(u32 *entry, unsigned int n, u32 word, u32 step)
{
	for (; n >= 4; n -= 4, entry += 4, word += 4 * step) {
		WRITE_ONCE(entry[0], word);
		WRITE_ONCE(entry[1], word + step);
		WRITE_ONCE(entry[2], word + 2 * step);
		WRITE_ONCE(entry[3], word + 3 * step);
	}
	for (; n--; word += step)
		WRITE_ONCE(*entry++, word);
}

/* Region by region: a span of many pages crosses few of them. */
static __always_inline void write_entries(const void *start, unsigned int npages, u32 word,
					  u32 step)
{
	unsigned int n;

	while (npages) {
		n = min(npages, GOM_REGION_PAGES - page_of(start));
		write_some(&region_of(start)->entry[page_of(start)], n, word, step);
		npages -= n;
		start += (size_t)n << PAGE_SHIFT;
		word += n * step;
	}
}

/* Write the words of all pages of @s.  By the owner of the span. */
void gom_pagemap_mark(const struct gom_span *s, u32 slot)
{
	write_entries(s->base, s->npages, slot, PAGE_SIZE);
}

/* The pages are not ours any more. */
void gom_pagemap_unmark(const void *start, unsigned int npages)
{
	write_entries(start, npages, 0, 0);
}

/*
 * The span that begins at @page, or the free run that begins or ends there, if
 * it belongs to node @nid.  Under the lock of that node's heap.
 */
struct gom_span *gom_pagemap_span_at(const void *page, int nid)
{
	const struct gom_region *r = region_of(page);

	return r->nid == nid ? r->span[page_of(page)] : NULL;
}

/* gom_pagemap_lookup() for who is in no hurry. */
struct gom_span *gom_pagemap_span(const void *p)
{
	return gom_pagemap_lookup(p);
}
GOM_EXPORT_FOR_TEST(gom_pagemap_span);

/* The node the page at @p is accounted to; NUMA_NO_NODE if it is not ours. */
int gom_pagemap_nid(const void *p)
{
	return region_of(p)->nid;
}

/* The newest descriptor; the others follow by @next. */
struct gom_region *gom_pagemap_regions(void)
{
	return READ_ONCE(all_regions);
}
