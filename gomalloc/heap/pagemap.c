// SPDX-License-Identifier: GPL-2.0
/*
 * The page map: setup, extension and writing.  pagemap.h has the layout and the
 * lookups.
 *
 * A region's descriptor is allocated when the heap first grows into it, and
 * never freed.  Two CPUs that do so at once both allocate one; one of the two
 * is installed and the other is leaked.  That needs two neighbouring blocks of
 * less than 1 MiB, and happens at most once per region.
 *
 * The directory covers the linear mapping of all memory.  Before memory beyond
 * it comes online, it is replaced by a longer one.  Lookups take no lock and
 * may be preempted, so old directories are kept until module exit.  Each is at
 * least twice as long as the one before, so all old ones together are no longer
 * than the current one.
 *
 * Locking: extend_lock, a mutex, serializes extensions: those of the memory
 * notifier, called with the memory hotplug lock held, and that of
 * gom_pagemap_init(), which the hotplug lock does not cover.  Memory is
 * allocated inside it, so no reclaim may take it.  Inside it pagemap_lock,
 * innermost, taken with interrupts off, protects the directories against
 * concurrent writers.  Entries and span records have the owners that pagemap.h
 * names.  Context: any but NMI, unless noted.
 */
#include <linux/atomic.h>
#include <linux/memory.h>
#include <linux/minmax.h>
#include <linux/mmzone.h>
#include <linux/mutex.h>
#include <linux/nodemask.h>
#include <linux/notifier.h>
#include <linux/overflow.h>
#include <linux/pfn.h>
#include <linux/printk.h>
#include <linux/spinlock.h>

#include "base/accounting.h"
#include "base/compat.h"
#include "base/fault.h"
#include "base/persistent.h"
#include "heap/pagemap.h"

struct gom_pagemap gom_pagemap __read_mostly;
GOM_EXPORT_FOR_TEST(gom_pagemap);

static struct gom_region empty_region;		/* stands for regions without pages of gomalloc's */
static struct gom_region *all_regions;		/* linked by @next; only grows */

#define MAX_OLD_DIRECTORIES	BITS_PER_LONG		/* each twice as long as the last */

static DEFINE_MUTEX(extend_lock);			/* extensions of the directory */
static DEFINE_SPINLOCK(pagemap_lock);			/* writers of the directories */
static struct gom_directory *pending_directory;		/* while it is filled */
static struct gom_directory *old_directories[MAX_OLD_DIRECTORIES];
static unsigned int nr_old_directories;

static unsigned long pfn_address(unsigned long pfn)
{
	return (unsigned long)__va(PFN_PHYS(pfn));
}

/* The lowest address in the linear mapping of online memory. */
static unsigned long linear_map_begin(void)
{
	unsigned long pfn = ULONG_MAX;
	int nid;

	for_each_online_node(nid)
		if (node_present_pages(nid))
			pfn = min_t(unsigned long, pfn, node_start_pfn(nid));
	return pfn_address(pfn);
}

/* The first address above the linear mapping of online memory. */
static unsigned long linear_map_end(void)
{
	unsigned long pfn = 0;
	int nid;

	for_each_online_node(nid)
		pfn = max_t(unsigned long, pfn, node_end_pfn(nid));
#ifdef CONFIG_HIGHMEM
	pfn = min(pfn, (unsigned long)__pa(high_memory - 1) >> PAGE_SHIFT) + 1;
#endif
	return pfn_address(pfn - 1) + PAGE_SIZE;
}

static struct gom_directory *directory_alloc(unsigned long n)
{
	size_t bytes = struct_size((struct gom_directory *)NULL, region, n);
	struct gom_directory *dir = kvmalloc(bytes, GFP_KERNEL);
	unsigned long i;

	if (!dir)
		return NULL;
	dir->regions = n;
	for (i = 0; i < n; i++)
		dir->region[i] = &empty_region;
	gom_stat_add(GOM_PAGEMAP_SYS, PAGE_ALIGN(bytes));
	return dir;
}

/*
 * Copy the directory to @dir, which is longer, and publish @dir in its place.
 */
static void directory_replace(struct gom_directory *dir)
{
	struct gom_directory *old = gom_pagemap.directory;
	struct gom_region *r;
	unsigned long i;

	lockdep_assert_held(&extend_lock);
	/* From here on region_install() writes to both directories. */
	spin_lock_irq(&pagemap_lock);
	pending_directory = dir;
	spin_unlock_irq(&pagemap_lock);
	/* Pairs with smp_store_release() in region_install(). */
	for (i = 0; i < old->regions; i++) {
		r = READ_ONCE(old->region[i]);
		if (r != &empty_region)
			WRITE_ONCE(dir->region[i], r);
	}
	spin_lock_irq(&pagemap_lock);
	old_directories[nr_old_directories++] = old;
	pending_directory = NULL;
	/*
	 * Pairs with the address dependencies in pagemap.h and in
	 * region_lookup().
	 */
	smp_store_release(&gom_pagemap.directory, dir);
	spin_unlock_irq(&pagemap_lock);
}

static int pagemap_extend_locked(unsigned long end)
{
	unsigned long n = ((end - 1 - gom_pagemap.base) >> GOM_REGION_SHIFT) + 1;
	struct gom_directory *dir;

	lockdep_assert_held(&extend_lock);
	if (n <= gom_pagemap.directory->regions)
		return 0;
	n = max(n, 2 * gom_pagemap.directory->regions);
	dir = directory_alloc(n);
	if (!dir)
		return -ENOMEM;
	gom_test_point(GOM_AT_DIRECTORY, 0, GFP_KERNEL);
	directory_replace(dir);
	return 0;
}

/**
 * gom_pagemap_extend - extend the directory
 * @end: first address that it need not cover
 *
 * Context: task, may sleep.
 * Return: 0, or -ENOMEM.
 */
int gom_pagemap_extend(unsigned long end)
{
	int err;

	mutex_lock(&extend_lock);
	err = pagemap_extend_locked(end);
	mutex_unlock(&extend_lock);
	return err;
}
GOM_EXPORT_FOR_TEST(gom_pagemap_extend);

/*
 * MEM_GOING_ONLINE: extend the directory before the page allocator has the
 * pages.  Called with the memory hotplug lock held.
 */
static int pagemap_memory_notify(struct notifier_block *nb, unsigned long action, void *arg)
{
	const struct memory_notify *m = arg;
	unsigned long start = pfn_address(m->start_pfn);
	int err = -ERANGE;

	if (action != MEM_GOING_ONLINE)
		return NOTIFY_OK;
	if (start >= gom_pagemap.base)
		err = gom_pagemap_extend(start + (m->nr_pages << PAGE_SHIFT));
	if (err)
		pr_err("cannot extend the page map: memory from pfn %lu on stays offline (%d)\n",
		       m->start_pfn, err);
	return notifier_from_errno(err);
}

static struct notifier_block memory_notifier = { .notifier_call = pagemap_memory_notify };

static void directories_free(void)
{
	kvfree(gom_pagemap.directory);
	while (nr_old_directories)
		kvfree(old_directories[--nr_old_directories]);
}

int gom_pagemap_init(void)
{
	unsigned long base = round_down(linear_map_begin(), 1UL << GOM_REGION_SHIFT);
	unsigned long n = ((linear_map_end() - 1 - base) >> GOM_REGION_SHIFT) + 1;
	int err;

	gom_pagemap.directory = directory_alloc(n);
	if (!gom_pagemap.directory)
		return -ENOMEM;
	gom_pagemap.base = base;
	empty_region.nid = NUMA_NO_NODE;
	err = register_memory_notifier(&memory_notifier);
	if (err)
		goto err_directories;
	/* Memory that came online before the notifier was registered. */
	err = gom_pagemap_extend(linear_map_end());
	if (err)
		goto err_notifier;
	return 0;

err_notifier:
	unregister_memory_notifier(&memory_notifier);
err_directories:
	directories_free();
	return err;
}

void gom_pagemap_exit(void)
{
	unregister_memory_notifier(&memory_notifier);
	directories_free();
}

/* The descriptor of the region at @p, for any @p; see gom_pagemap_entry(). */
static struct gom_region *region_lookup(const void *p)
{
	const struct gom_directory *dir = READ_ONCE(gom_pagemap.directory);
	unsigned long region = ((unsigned long)p - gom_pagemap.base) >> GOM_REGION_SHIFT;

	return region < dir->regions ? READ_ONCE(dir->region[region]) : &empty_region;
}

static unsigned int region_page_index(const void *p)
{
	return ((unsigned long)p >> PAGE_SHIFT) % GOM_REGION_PAGES;
}

/* Install @r as the descriptor of region @nr, unless it has one. */
static void region_install(struct gom_region *r, unsigned long nr)
{
	unsigned long flags;

	spin_lock_irqsave(&pagemap_lock, flags);
	if (gom_pagemap.directory->region[nr] == &empty_region) {
		r->next = all_regions;
		/* Pairs with READ_ONCE() in gom_pagemap_regions(). */
		smp_store_release(&all_regions, r);
		/*
		 * Pairs with READ_ONCE() in region_lookup(), pagemap.h and
		 * directory_replace().
		 */
		smp_store_release(&gom_pagemap.directory->region[nr], r);
		if (pending_directory)
			/* The same, once it is the directory. */
			smp_store_release(&pending_directory->region[nr], r);
	}
	spin_unlock_irqrestore(&pagemap_lock, flags);
}

/* Allocate and install the descriptor of the region at @p. */
static int region_create(const void *p, int nid, gfp_t gfp)
{
	unsigned long off = (unsigned long)p - gom_pagemap.base;
	struct gom_region *r;

	if (off >> GOM_REGION_SHIFT >= READ_ONCE(gom_pagemap.directory)->regions)
		return -ERANGE;
	r = gom_persistent_alloc_gfp(sizeof(*r), SMP_CACHE_BYTES, GOM_PAGEMAP_SYS, gfp);
	if (!r)
		return -ENOMEM;
	r->base = round_down((unsigned long)p, 1UL << GOM_REGION_SHIFT);
	r->nid = nid;
	region_install(r, off >> GOM_REGION_SHIFT);
	return 0;
}

/**
 * gom_pagemap_cover - allocate descriptors for the pages of a new run
 * @start: first page
 * @npages: number of pages
 * @nid: node of the pages
 * @gfp: how to get memory
 *
 * Context: any but NMI, no lock held; may sleep if @gfp allows it.
 * Return: 0, -ENOMEM, or -ERANGE if the directory does not cover the pages.
 */
int gom_pagemap_cover(const void *start, unsigned int npages, int nid, gfp_t gfp)
{
	const void *end = start + ((size_t)npages << PAGE_SHIFT);
	const void *p;
	int err;

	for (p = start; p < end;
	     p = (void *)round_down((unsigned long)p + (1UL << GOM_REGION_SHIFT),
				    1UL << GOM_REGION_SHIFT)) {
		if (region_lookup(p) != &empty_region)
			continue;
		err = region_create(p, nid, gfp);
		if (err)
			return err;
	}
	return 0;
}

/*
 * Write @n entries of one region, from @word on in steps of @step.  Pairs with
 * READ_ONCE() in gom_pagemap_entry().
 */
static __always_inline void region_entries_write(u32 *entry, unsigned int n, u32 word, u32 step)
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

/* The same for @npages from @start on, region by region. */
static __always_inline void pagemap_entries_write(const void *start, unsigned int npages, u32 word,
						  u32 step)
{
	unsigned int n;

	while (npages) {
		n = min(npages, GOM_REGION_PAGES - region_page_index(start));
		region_entries_write(&region_lookup(start)->entry[region_page_index(start)], n,
				     word, step);
		npages -= n;
		start += (size_t)n << PAGE_SHIFT;
		word += n * step;
	}
}

/* Write the entries of all pages of @s.  The caller owns the span. */
void gom_pagemap_mark(const struct gom_span *s, u32 slot_off)
{
	pagemap_entries_write(s->base, s->npages, slot_off, PAGE_SIZE);
}

/* Clear the entries of pages that leave gomalloc. */
void gom_pagemap_unmark(const void *start, unsigned int npages)
{
	pagemap_entries_write(start, npages, 0, 0);
}

/*
 * The record at @page, if its region belongs to node @nid: of the span that
 * begins there, or of the free run that begins or ends there.  The lock of that
 * node's heap is held.
 */
struct gom_span *gom_pagemap_span_at(const void *page, int nid)
{
	const struct gom_region *r = region_lookup(page);

	return r->nid == nid ? r->span[region_page_index(page)] : NULL;
}

/* Look up @p, any address.  Any context, NMI included. */
void gom_pagemap_place(const void *p, struct gom_place *at)
{
	gom_pagemap_place_entry(p, gom_pagemap_entry(p), at);
}
GOM_EXPORT_FOR_TEST(gom_pagemap_place);

/* Out-of-line gom_pagemap_lookup(), for slow paths. */
struct gom_span *gom_pagemap_span(const void *p)
{
	return gom_pagemap_lookup(p);
}
GOM_EXPORT_FOR_TEST(gom_pagemap_span);

/*
 * The node that the page at @p is accounted to; NUMA_NO_NODE if its region has
 * no page of gomalloc's.
 */
int gom_pagemap_nid(const void *p)
{
	return region_lookup(p)->nid;
}
GOM_EXPORT_FOR_TEST(gom_pagemap_nid);

/*
 * The newest descriptor; older ones follow by @next.  Pairs with
 * smp_store_release() in region_install().
 */
struct gom_region *gom_pagemap_regions(void)
{
	return READ_ONCE(all_regions);
}
