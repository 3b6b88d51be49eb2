// SPDX-License-Identifier: GPL-2.0
/*
 * The page map: setting it up, extending it, writing it.
 *
 * Descriptors are made as the heap grows and live as long as the module.  Two
 * CPUs that grow into the same region race to install one; the loser's is lost,
 * which takes two blocks under a megabyte that are neighbours, and happens once.
 *
 * The directory covers the linear mapping of all memory there is.  When memory is
 * about to be plugged in beyond that, a longer directory takes its place before
 * the page allocator has the new pages.  As lookups take no lock and may be preempted,
 * the old one stays until the module goes; each is at least twice as long as the
 * one before, so that all old ones together are no longer than the last.
 */
#define pr_fmt(fmt) "gomalloc: " fmt

#include <linux/atomic.h>
#include <linux/memory.h>
#include <linux/minmax.h>
#include <linux/mmzone.h>
#include <linux/nodemask.h>
#include <linux/notifier.h>
#include <linux/pfn.h>
#include <linux/printk.h>
#include <linux/spinlock.h>

#include "base/accounting.h"
#include "base/compat.h"
#include "base/persistent.h"
#include "heap/pagemap.h"

struct gom_pagemap gom_pagemap __read_mostly;
GOM_EXPORT_FOR_TEST(gom_pagemap);

static struct gom_region nothing_here;		/* shared by the regions without us */
static struct gom_region *all_regions;		/* linked by @next; only grows */

#define MAX_OLD	BITS_PER_LONG		/* as each is twice as long as the last */

static DEFINE_SPINLOCK(lock);			/* who writes a directory, or replaces it */
static struct gom_region **longer;		/* the next directory, while it is filled */
static struct gom_region **old_directories[MAX_OLD];
static unsigned int nr_old;

static unsigned long address_of(unsigned long pfn)
{
	return (unsigned long)__va(PFN_PHYS(pfn));
}

/* The lowest address in the linear mapping of memory there is now. */
static unsigned long memory_begin(void)
{
	unsigned long pfn = ULONG_MAX;
	int nid;

	for_each_online_node(nid)
		if (node_present_pages(nid))
			pfn = min_t(unsigned long, pfn, node_start_pfn(nid));
	return address_of(pfn);
}

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
	return address_of(pfn - 1) + PAGE_SIZE;
}

static struct gom_region **new_directory(unsigned long n)
{
	struct gom_region **dir = kvmalloc_array(n, sizeof(*dir), GFP_KERNEL);
	unsigned long i;

	if (!dir)
		return NULL;
	for (i = 0; i < n; i++)
		dir[i] = &nothing_here;
	gom_stat_add(GOM_PAGEMAP_SYS, PAGE_ALIGN(n * sizeof(*dir)));
	return dir;
}

/* Fill @dir with what the directory has, and let it take its place. */
static void replace_directory(struct gom_region **dir, unsigned long n)
{
	struct gom_region **old = gom_pagemap.directory, *r;
	unsigned long i;

	/* From here on new regions are written to both. */
	spin_lock_irq(&lock);
	longer = dir;
	spin_unlock_irq(&lock);
	for (i = 0; i < gom_pagemap.regions; i++) {
		r = READ_ONCE(old[i]);
		if (r != &nothing_here)
			WRITE_ONCE(dir[i], r);
	}
	spin_lock_irq(&lock);
	old_directories[nr_old++] = old;
	longer = NULL;
	WRITE_ONCE(gom_pagemap.directory, dir);
	smp_wmb();	/* pairs with gom_pagemap_entry(): the length comes last */
	WRITE_ONCE(gom_pagemap.regions, n);
	spin_unlock_irq(&lock);
}

/**
 * gom_pagemap_extend - let the directory cover more addresses
 * @end: the first that it need not cover
 *
 * Context: task, may sleep; one at a time.
 * Return: 0, or -ENOMEM.
 */
int gom_pagemap_extend(unsigned long end)
{
	unsigned long n = ((end - 1 - gom_pagemap.base) >> GOM_REGION_SHIFT) + 1;
	struct gom_region **dir;

	if (n <= gom_pagemap.regions)
		return 0;
	n = max(n, 2 * gom_pagemap.regions);
	dir = new_directory(n);
	if (!dir)
		return -ENOMEM;
	replace_directory(dir, n);
	return 0;
}
GOM_EXPORT_FOR_TEST(gom_pagemap_extend);

/* Called under the kernel's lock of memory hotplug. */
static int memory_comes(struct notifier_block *nb, unsigned long action, void *arg)
{
	const struct memory_notify *m = arg;
	unsigned long start = address_of(m->start_pfn);
	int err = -ERANGE;

	if (action != MEM_GOING_ONLINE)
		return NOTIFY_OK;
	if (start >= gom_pagemap.base)
		err = gom_pagemap_extend(start + (m->nr_pages << PAGE_SHIFT));
	if (err)
		pr_err("memory from page frame %lu on cannot come online (%d)\n",
		       m->start_pfn, err);
	return notifier_from_errno(err);
}

static struct notifier_block memory_notifier = { .notifier_call = memory_comes };

int gom_pagemap_init(void)
{
	unsigned long base = round_down(memory_begin(), 1UL << GOM_REGION_SHIFT);
	unsigned long n = ((memory_end() - 1 - base) >> GOM_REGION_SHIFT) + 1;
	int err;

	gom_pagemap.directory = new_directory(n);
	if (!gom_pagemap.directory)
		return -ENOMEM;
	gom_pagemap.base = base;
	gom_pagemap.regions = n;
	nothing_here.nid = NUMA_NO_NODE;
	err = register_memory_notifier(&memory_notifier);
	if (err)
		goto err_directory;
	/* What came online before we were told of it. */
	err = gom_pagemap_extend(memory_end());
	if (err)
		goto err_notifier;
	return 0;

err_notifier:
	unregister_memory_notifier(&memory_notifier);
err_directory:
	kvfree(gom_pagemap.directory);
	return err;
}

void gom_pagemap_exit(void)
{
	unregister_memory_notifier(&memory_notifier);
	kvfree(gom_pagemap.directory);
	while (nr_old)
		kvfree(old_directories[--nr_old]);
}

static struct gom_region *region_of(const void *p)
{
	unsigned long off = (unsigned long)p - gom_pagemap.base;

	if (off >> GOM_REGION_SHIFT >= READ_ONCE(gom_pagemap.regions))
		return &nothing_here;
	smp_rmb();	/* pairs with replace_directory() */
	return READ_ONCE(gom_pagemap.directory[off >> GOM_REGION_SHIFT]);
}

static unsigned int page_of(const void *p)
{
	return ((unsigned long)p >> PAGE_SHIFT) % GOM_REGION_PAGES;
}

/* Let @r be the descriptor of region number @nr, unless somebody else's is. */
static void install_region(struct gom_region *r, unsigned long nr)
{
	unsigned long flags;

	spin_lock_irqsave(&lock, flags);
	if (gom_pagemap.directory[nr] == &nothing_here) {
		r->next = all_regions;
		WRITE_ONCE(all_regions, r);
		WRITE_ONCE(gom_pagemap.directory[nr], r);
		if (longer)
			WRITE_ONCE(longer[nr], r);
	}
	spin_unlock_irqrestore(&lock, flags);
}

/* Make the descriptor of the region at @p, unless somebody else just did. */
static int add_region(const void *p, int nid, gfp_t gfp)
{
	unsigned long off = (unsigned long)p - gom_pagemap.base;
	struct gom_region *r;

	if (off >> GOM_REGION_SHIFT >= READ_ONCE(gom_pagemap.regions))
		return -ERANGE;
	r = gom_persistent_alloc_gfp(sizeof(*r), SMP_CACHE_BYTES, GOM_PAGEMAP_SYS, gfp);
	if (!r)
		return -ENOMEM;
	r->base = round_down((unsigned long)p, 1UL << GOM_REGION_SHIFT);
	r->nid = nid;
	install_region(r, off >> GOM_REGION_SHIFT);
	return 0;
}

/**
 * gom_pagemap_cover - make descriptors for the pages of a new run
 * @start: first page
 * @npages: pages
 * @nid: node the pages belong to
 * @gfp: how to get memory
 *
 * Return: 0, -ENOMEM, or -ERANGE if the directory does not reach there.
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
GOM_EXPORT_FOR_TEST(gom_pagemap_nid);

/* The newest descriptor; the others follow by @next. */
struct gom_region *gom_pagemap_regions(void)
{
	return READ_ONCE(all_regions);
}
