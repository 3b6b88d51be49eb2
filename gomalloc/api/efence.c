// SPDX-License-Identifier: GPL-2.0
/*
 * efence mode: an object alone at the end of its own pages.
 *
 * Pages are mapped with vm_map_ram(), which hands out addresses in powers of two
 * pages: of 2^k we map 2^k - 1, so that what follows is never mapped.  The object's
 * pages are the last of these, and what is left before them is one page for all, that
 * nobody writes to.  vm_map_ram() does not use an address again before the block of some
 * megabytes it lies in has been used up, which is as long as it can be avoided.  Large
 * objects are mapped with vmap(), which leaves a page free behind each, too.
 *
 * Mapping and unmapping are for tasks that may sleep:
 *
 *   an allocation	that must not sleep takes one of some objects of one page that
 *			are ready; a worker makes new ones.  If there is none, or it
 *			wants more, it gets an ordinary object, which is counted.
 *   a free		unmaps at once where the kernel can tell that it may sleep
 *			(CONFIG_PREEMPT_COUNT).  Else the object is filled with
 *			POISON_FREE, and unmapped by the worker in a moment.
 *
 * Records are found by the number of each page, in an xarray whose lock is taken with
 * interrupts off.  A record has a span of its own, for specials to be tied to.  The
 * mode is entered as sbrk mode is: every call takes the slow path, which asks.
 *
 * Objects may not be given to DMA or to whoever wants their struct page.
 */
#define pr_fmt(fmt) "gomalloc: " fmt

#include <linux/atomic.h>
#include <linux/gfp.h>
#include <linux/kmemleak.h>
#include <linux/llist.h>
#include <linux/log2.h>
#include <linux/mm.h>
#include <linux/poison.h>
#include <linux/preempt.h>
#include <linux/rcupdate.h>
#include <linux/sched/mm.h>
#include <linux/slab.h>
#include <linux/string.h>
#include <linux/vmalloc.h>
#include <linux/workqueue.h>
#include <linux/xarray.h>

#include "api/efence.h"
#include "base/accounting.h"
#include "base/compat.h"
#include "base/pages.h"
#include "base/report.h"
#include "base/trace.h"
#include "heap/large.h"
#include "heap/span.h"
#include "special/special.h"

#define MOST_IN_BLOCK	31	/* pages for vm_map_ram(); above, vmap() leaves a page free */
#define READY	128		/* objects of one page for those who must not sleep */


/**
 * struct guarded - an object behind a fence
 * @node: while it is ready, or waits to be unmapped
 * @span: its pages; for specials
 * @map: what was mapped, filling pages included
 * @count: pages of that
 * @p: the object
 * @size: bytes of it, as asked for
 * @freed: somebody frees it
 * @pages: its own
 */
struct guarded {
	struct llist_node node;
	struct gom_span span;
	void *map;
	unsigned int count;
	void *p;
	size_t size;
	atomic_t freed;
	struct page *pages[];
};

static DEFINE_XARRAY_FLAGS(objects, XA_FLAGS_LOCK_IRQ);
static struct page *filler;
static LLIST_HEAD(ready);
static atomic_t nr_ready;
static LLIST_HEAD(dying);
static struct workqueue_struct *wq;
static atomic64_t mallocs, frees, bytes, missed;

static void work(struct work_struct *unused);
static DECLARE_WORK(efence_work, work);

/* === Mapping; may sleep === */

static void free_pages_of(struct guarded *f)
{
	unsigned int i;

	for (i = 0; i < f->span.npages && f->pages[i]; i++) {
		gom_pages_disown(f->pages[i], 1);
		__free_page(f->pages[i]);
	}
}

static bool get_pages(struct guarded *f, gfp_t gfp)
{
	unsigned int i;

	for (i = 0; i < f->span.npages; i++) {
		f->pages[i] = alloc_page(gfp);
		if (!f->pages[i])
			return false;
		gom_pages_own(f->pages[i], 1);
	}
	return true;
}

static bool map_pages(struct guarded *f)
{
	unsigned int n = f->span.npages, fill = f->count - n, i;
	struct page **pages = kvmalloc_array(f->count, sizeof(*pages), GFP_KERNEL | __GFP_NOWARN);

	if (!pages)
		return false;
	for (i = 0; i < f->count; i++)
		pages[i] = i < fill ? filler : f->pages[i - fill];
	f->map = f->count > MOST_IN_BLOCK ? vmap(pages, f->count, VM_MAP, PAGE_KERNEL) :
					    vm_map_ram(pages, f->count, NUMA_NO_NODE);
	kvfree(pages);
	f->span.base = f->map + ((size_t)fill << PAGE_SHIFT);
	return f->map;
}

/* @npages pages at the end of which an object may lie; NULL if there is no memory. */
static struct guarded *make(unsigned int npages, gfp_t gfp)
{
	struct guarded *f = kvzalloc(struct_size(f, pages, npages), GFP_KERNEL | __GFP_NOWARN);

	if (!f)
		return NULL;
	f->span.npages = npages;
	f->span.state = GOM_SPAN_LARGE;
	f->span.nid = numa_mem_id();
	/* At least three: what is before the object is then ours, too. */
	f->count = max(roundup_pow_of_two(npages + 1), 4UL) - 1;
	if (f->count > MOST_IN_BLOCK)
		f->count = max(npages, MOST_IN_BLOCK + 1U);
	if (get_pages(f, gfp) && map_pages(f))
		return f;
	free_pages_of(f);
	kvfree(f);
	return NULL;
}

/* Nobody has it any more.  Whoever wrote to it may have it in a TLB, until the last line. */
static void unmake(struct llist_node *list)
{
	struct guarded *f, *next;

	llist_for_each_entry(f, list, node) {
		if (f->count > MOST_IN_BLOCK)
			vunmap(f->map);
		else
			vm_unmap_ram(f->map, f->count);
	}
	vm_unmap_aliases();
	llist_for_each_entry_safe(f, next, list, node) {
		free_pages_of(f);
		kvfree(f);
	}
}

/* === The worker === */

static void work(struct work_struct *unused)
{
	struct llist_node *list = llist_del_all(&dying);
	struct guarded *f;

	if (list)
		unmake(list);
	while (atomic_read(&nr_ready) < READY) {
		f = make(1, GFP_KERNEL | __GFP_NOWARN);
		if (!f)
			break;
		llist_add(&f->node, &ready);
		atomic_inc(&nr_ready);
	}
}

static DEFINE_RAW_SPINLOCK(ready_lock);		/* one takes from it at a time */

static struct guarded *take_ready(void)
{
	struct llist_node *node;
	unsigned long flags;

	raw_spin_lock_irqsave(&ready_lock, flags);
	node = llist_del_first(&ready);
	raw_spin_unlock_irqrestore(&ready_lock, flags);
	if (node)
		atomic_dec(&nr_ready);
	if (atomic_read(&nr_ready) < READY / 2)
		queue_work(wq, &efence_work);
	return node ? llist_entry(node, struct guarded, node) : NULL;
}

/* === Records === */

static void forget(struct guarded *f, unsigned int n)
{
	unsigned long flags, first = (unsigned long)f->span.base >> PAGE_SHIFT;

	xa_lock_irqsave(&objects, flags);
	while (n--)
		__xa_erase(&objects, first + n);
	xa_unlock_irqrestore(&objects, flags);
}

static bool remember(struct guarded *f, gfp_t gfp)
{
	unsigned long flags, first = (unsigned long)f->span.base >> PAGE_SHIFT;
	unsigned int i;
	void *old = NULL;

	for (i = 0; i < f->span.npages; i++) {
		xa_lock_irqsave(&objects, flags);
		old = __xa_store(&objects, first + i, f, GFP_ATOMIC | __GFP_NOWARN);
		xa_unlock_irqrestore(&objects, flags);
		if (xa_is_err(old))
			break;
	}
	if (!xa_is_err(old))
		return true;
	forget(f, i);
	return false;
}

static struct guarded *find(const void *p)
{
	return xa_load(&objects, (unsigned long)p >> PAGE_SHIFT);
}

/* === The interface === */

static struct guarded *get(size_t size, gfp_t gfp)
{
	unsigned int npages = PAGE_ALIGN(size) >> PAGE_SHIFT;
	gfp_t page_gfp = gfp & ~(__GFP_ZERO | __GFP_DMA | __GFP_THISNODE | __GFP_NOFAIL);

	struct guarded *f;
	unsigned int scope;

	if (!gfpflags_allow_blocking(gfp))
		return npages == 1 ? take_ready() : NULL;
	/* Page tables come with GFP_KERNEL, but for what the scope forbids. */
	scope = gfp & __GFP_IO ? memalloc_nofs_save() : memalloc_noio_save();
	f = make(npages, page_gfp);
	if (gfp & __GFP_IO)
		memalloc_nofs_restore(scope);
	else
		memalloc_noio_restore(scope);
	return f;
}

/**
 * gom_efence_alloc - an object with nothing behind it
 * @size: bytes wanted, not 0
 * @align: of the object, bytes, a power of two up to a page; 0 for that of gom_malloc()
 * @gfp: how to get memory; zeroed if it says so
 *
 * Context: any but NMI; may sleep if @gfp allows it.
 * Return: the object; NULL if it has to be an ordinary one.
 */
void *gom_efence_alloc(size_t size, size_t align, gfp_t gfp)
{
	struct guarded *f;

	if (size > GOM_MAX_SIZE)	/* which whoever comes next says */
		return NULL;
	if (!align)
		align = is_power_of_2(size) && size <= PAGE_SIZE ? max_t(size_t, size, 8) : 8;
	f = get(size, gfp);
	if (f) {
		f->p = gom_span_end(&f->span) - ALIGN(size, align);
		f->size = size;
		if (remember(f, gfp))
			goto out;
		f->node.next = NULL;
		llist_add(&f->node, &dying);
	}
	atomic64_inc(&missed);
	return NULL;
out:
	if (want_init_on_alloc(gfp))
		memset(f->p, 0, size);
	atomic64_inc(&mallocs);
	atomic64_add((size_t)f->span.npages << PAGE_SHIFT, &bytes);
	gom_stat_add(GOM_EFENCE_SYS, (size_t)f->span.npages << PAGE_SHIFT);
	return f->p;
}

/* May whoever frees sleep?  Where the kernel does not know, nobody may. */
static bool may_sleep(void)
{
	return IS_ENABLED(CONFIG_PREEMPT_COUNT) && preemptible() && !rcu_preempt_depth();
}

static void end(struct guarded *f)
{
	forget(f, f->span.npages);
	atomic64_inc(&frees);
	atomic64_sub((size_t)f->span.npages << PAGE_SHIFT, &bytes);
	gom_stat_add(GOM_EFENCE_SYS, -((size_t)f->span.npages << PAGE_SHIFT));
	kmemleak_free(f->p);
	if (may_sleep()) {
		f->node.next = NULL;
		unmake(&f->node);
		return;
	}
	memset(f->p, POISON_FREE, f->size);
	if (llist_add(&f->node, &dying))
		queue_work(wq, &efence_work);
}

/**
 * gom_efence_free - free an object, if it is one of ours
 * @p: anything
 * @caller: who frees it, for a report
 *
 * Context: any but NMI.
 * Return: false if it may be an ordinary object.
 */
bool gom_efence_free(const void *p, unsigned long caller)
{
	struct guarded *f = find(p);

	if (!f && is_vmalloc_addr(p))
		gom_report(GOM_BAD_DOUBLE_FREE, caller, "free of %p, where no object is, any more", p);
	if (!f)
		return is_vmalloc_addr(p);
	trace_gom_free(caller, p, 0);
	if (f->p != p)
		gom_report(GOM_BAD_FREE_MIDDLE, caller, "free of %p, where no object begins", p);
	else if (gom_special_maybe(p) && gom_special_end(p, caller))
		return true;
	else if (atomic_xchg(&f->freed, 1))
		gom_report(GOM_BAD_DOUBLE_FREE, caller, "double free of object %p", p);
	else
		end(f);
	return true;
}

/* The object that @p points into, and its size; NULL if there is none. */
void *gom_efence_object(const void *p, size_t *size)
{
	struct guarded *f = find(p);

	if (!f)
		return NULL;
	*size = f->size;
	return f->p;
}

/* What specials of the object at @p are tied to; NULL if it is an ordinary one. */
struct gom_span *gom_efence_span(const void *p)
{
	struct guarded *f = find(p);

	return f ? &f->span : NULL;
}

void gom_efence_read(struct gom_efence_stats *stats)
{
	stats->mallocs = atomic64_read(&mallocs);
	stats->frees = atomic64_read(&frees);
	stats->bytes = atomic64_read(&bytes);
	stats->missed = atomic64_read(&missed);
}
GOM_EXPORT_FOR_TEST(gom_efence_read);

/* Wait until what was freed is unmapped.  Task, may sleep. */
void gom_efence_sync(void)
{
	if (gom_efence)
		flush_work(&efence_work);
}
GOM_EXPORT_FOR_TEST(gom_efence_sync);

/* === Beginning and end === */

int gom_efence_init(void)
{
	if (!gom_efence)
		return 0;
	gom_special_elsewhere = gom_efence_span;
	filler = alloc_page(GFP_KERNEL | __GFP_ZERO);
	wq = filler ? alloc_workqueue("gomalloc_efence", WQ_UNBOUND, 1) : NULL;
	if (!wq) {
		if (filler)
			__free_page(filler);
		return -ENOMEM;
	}
	work(NULL);
	return 0;
}

/* Nobody allocates or frees any more; what is in use is unmapped. */
void gom_efence_exit(void)
{
	struct llist_node *list;
	unsigned long index;
	struct guarded *f;

	if (!gom_efence)
		return;
	destroy_workqueue(wq);
	xa_for_each(&objects, index, f) {
		forget(f, f->span.npages);
		llist_add(&f->node, &dying);
	}
	xa_destroy(&objects);
	list = llist_del_all(&ready);
	if (list)
		unmake(list);
	list = llist_del_all(&dying);
	if (list)
		unmake(list);
	__free_page(filler);
}
