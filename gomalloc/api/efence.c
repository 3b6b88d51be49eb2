// SPDX-License-Identifier: GPL-2.0
/*
 * efence mode: each object at the end of its own pages, before a guard page.
 *
 * Pages are mapped with vm_map_ram(), which rounds the address range up to 2^k
 * pages.  Only 2^k - 1 of them are mapped, so the last one is the guard page.
 * The object's pages are at the end of the mapping; one filler page, shared by
 * all objects and never written, is mapped in front of them.  vm_map_ram()
 * reuses an address only after its block of some megabytes is used up, which
 * delays the reuse for long.  Large objects are mapped with vmap(), which
 * leaves a guard page behind each mapping.
 *
 * Mapping and unmapping may sleep, but calls may come from any context:
 *
 *   allocation	If it must not sleep, it takes an object of one page that a
 *		worker has prepared.  If none is ready, or if it needs more
 *		pages, it falls back to an ordinary object, which is counted as
 *		missed.
 *   free	If it can tell that it may sleep (CONFIG_PREEMPT_COUNT), it
 *		unmaps the object at once.  If not, it fills the object with
 *		POISON_FREE, and the worker unmaps it soon after.
 *
 * Locks: records are found by page number in an xarray, whose lock is taken
 * with interrupts off.  ready_lock, a raw lock, serializes taking prepared
 * objects.  A record contains a span, for the specials of its object.  The mode
 * is entered as a backend (backend.h).
 *
 * With the parameter efence_module only objects that this module allocates get
 * a guard page.  All others are ordinary.
 *
 * Objects have no linear mapping: they cannot be used for DMA or
 * virt_to_page().
 */
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
#include <linux/xarray.h>

#include "api/backend.h"
#include "api/efence.h"
#include "api/internal.h"
#include "base/accounting.h"
#include "base/client.h"
#include "base/compat.h"
#include "base/fault.h"
#include "base/node.h"
#include "base/pages.h"
#include "base/report.h"
#include "base/trace.h"
#include "base/work.h"
#include "heap/large.h"
#include "heap/span.h"
#include "special/profile.h"
#include "special/special.h"

#define VMAP_RAM_PAGES	31	/* most pages for vm_map_ram(); vmap() above that */
#define READY_OBJECTS	128	/* objects of one page prepared for atomic contexts */

/**
 * struct guarded - an object with a guard page
 * @node: entry in @ready or @dying
 * @span: span of its pages, for its specials
 * @map: start of the mapping, filler pages included
 * @count: pages mapped
 * @p: the object
 * @size: bytes of the object, as requested
 * @freed: set by the first free, to detect a double free
 * @pages: pages of the object
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
static struct gom_work efence_work;
static atomic64_t mallocs, frees, bytes, missed;

/* === Mapping; may sleep === */

static void guarded_free_pages(struct guarded *f)
{
	unsigned int i;

	for (i = 0; i < f->span.npages && f->pages[i]; i++) {
		gom_pages_disown(f->pages[i], 1);
		__free_page(f->pages[i]);
	}
}

static bool guarded_alloc_pages(struct guarded *f, gfp_t gfp)
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

static bool guarded_map_pages(struct guarded *f)
{
	unsigned int n = f->span.npages, fill = f->count - n, i;
	struct page **pages = kvmalloc_array(f->count, sizeof(*pages), GFP_KERNEL | __GFP_NOWARN);

	if (!pages)
		return false;
	for (i = 0; i < f->count; i++)
		pages[i] = i < fill ? filler : f->pages[i - fill];
	f->map = f->count > VMAP_RAM_PAGES ? vmap(pages, f->count, VM_MAP, PAGE_KERNEL) :
					    vm_map_ram(pages, f->count, NUMA_NO_NODE);
	kvfree(pages);
	f->span.base = f->map + ((size_t)fill << PAGE_SHIFT);
	return f->map;
}

/* Allocate and map @npages pages for an object; NULL if there is no memory. */
static struct guarded *guarded_new(unsigned int npages, gfp_t gfp)
{
	struct guarded *f = kvzalloc(struct_size(f, pages, npages), GFP_KERNEL | __GFP_NOWARN);

	if (!f)
		return NULL;
	f->span.npages = npages;
	f->span.state = GOM_SPAN_LARGE;
	f->span.nid = gom_mem_node();
	/*
	 * At least three pages, so that an underrun hits the filler page of
	 * this object.
	 */
	f->count = max(roundup_pow_of_two(npages + 1), 4UL) - 1;
	if (f->count > VMAP_RAM_PAGES)
		f->count = max(npages, VMAP_RAM_PAGES + 1U);
	if (guarded_alloc_pages(f, gfp) && guarded_map_pages(f))
		return f;
	guarded_free_pages(f);
	kvfree(f);
	return NULL;
}

/*
 * Unmap freed objects and free their pages.  Other CPUs may have the mappings
 * in their TLBs until vm_unmap_aliases(), so the pages are freed only after
 * that.
 */
static void guarded_delete_list(struct llist_node *list)
{
	struct guarded *f, *next;

	llist_for_each_entry(f, list, node) {
		if (f->count > VMAP_RAM_PAGES)
			vunmap(f->map);
		else
			vm_unmap_ram(f->map, f->count);
	}
	vm_unmap_aliases();
	llist_for_each_entry_safe(f, next, list, node) {
		guarded_free_pages(f);
		kvfree(f);
	}
}

/* === The worker === */

static void efence_work_fn(struct work_struct *unused)
{
	struct llist_node *list = llist_del_all(&dying);
	struct guarded *f;

	if (list)
		guarded_delete_list(list);
	while (atomic_read(&nr_ready) < READY_OBJECTS) {
		f = guarded_new(1, GFP_KERNEL | __GFP_NOWARN);
		if (!f)
			break;
		llist_add(&f->node, &ready);
		atomic_inc(&nr_ready);
	}
}

static DEFINE_RAW_SPINLOCK(ready_lock);		/* for llist_del_first() on @ready */

static struct guarded *ready_pop(void)
{
	struct llist_node *node;
	unsigned long flags;

	raw_spin_lock_irqsave(&ready_lock, flags);
	node = llist_del_first(&ready);
	raw_spin_unlock_irqrestore(&ready_lock, flags);
	if (node)
		atomic_dec(&nr_ready);
	if (atomic_read(&nr_ready) < READY_OBJECTS / 2)
		gom_work_queue(&efence_work);
	return node ? llist_entry(node, struct guarded, node) : NULL;
}

/* Leave @f to the worker. */
static void guarded_bury(struct guarded *f)
{
	/* Also if there are others: whoever added the first may be preempted here. */
	llist_add(&f->node, &dying);
	gom_work_queue(&efence_work);
}

/* === Records === */

static void guarded_unindex(struct guarded *f, unsigned int n)
{
	unsigned long flags, first = (unsigned long)f->span.base >> PAGE_SHIFT;

	xa_lock_irqsave(&objects, flags);
	while (n--)
		__xa_erase(&objects, first + n);
	xa_unlock_irqrestore(&objects, flags);
}

static bool guarded_index(struct guarded *f, gfp_t gfp)
{
	unsigned long flags, first = (unsigned long)f->span.base >> PAGE_SHIFT;
	unsigned int i;
	void *old = NULL;

	if (gom_test_point(GOM_AT_GUARDED, 0, gfp))
		return false;
	for (i = 0; i < f->span.npages; i++) {
		xa_lock_irqsave(&objects, flags);
		old = __xa_store(&objects, first + i, f, GFP_ATOMIC | __GFP_NOWARN);
		xa_unlock_irqrestore(&objects, flags);
		if (xa_is_err(old))
			break;
	}
	if (!xa_is_err(old))
		return true;
	guarded_unindex(f, i);
	return false;
}

static struct guarded *guarded_find(const void *p)
{
	return xa_load(&objects, (unsigned long)p >> PAGE_SHIFT);
}

/* === The interface === */

struct gom_client_filter gom_efence_module __read_mostly =
	GOM_CLIENT_FILTER_INIT(gom_efence_module);
GOM_EXPORT_FOR_TEST(gom_efence_module);

/*
 * Is the object that @caller allocates to get a guard page?  Whether it has one
 * is seen by its address when it is freed, so the module may change any time.
 */
static bool guards_caller(unsigned long caller)
{
	if (likely(!gom_client_filter_on(&gom_efence_module)))
		return true;
	return gom_client_filter_has(&gom_efence_module, gom_client_of(gom_client_caller(caller)));
}

static struct guarded *guarded_alloc(size_t size, gfp_t gfp)
{
	unsigned int npages = PAGE_ALIGN(size) >> PAGE_SHIFT;
	gfp_t page_gfp = gfp & ~(__GFP_ZERO | __GFP_DMA | __GFP_THISNODE | __GFP_NOFAIL);

	struct guarded *f;
	unsigned int scope;

	if (!gfpflags_allow_blocking(gfp))
		return npages == 1 ? ready_pop() : NULL;
	/*
	 * Mapping allocates page tables with GFP_KERNEL; the scope restricts
	 * that.
	 */
	scope = gfp & __GFP_IO ? memalloc_nofs_save() : memalloc_noio_save();
	f = guarded_new(npages, page_gfp);
	if (gfp & __GFP_IO)
		memalloc_nofs_restore(scope);
	else
		memalloc_noio_restore(scope);
	return f;
}

/* The place of byte @p of @f; it is not in the page map. */
static struct gom_place guarded_place(struct guarded *f, const void *p)
{
	return (struct gom_place) { .p = p, .span = &f->span, .offset = p - f->span.base };
}

/* Account a new object, and register it with kmemleak and the heap profile. */
static void *guarded_announce(struct guarded *f, gfp_t gfp, unsigned long caller)
{
	struct gom_place at = guarded_place(f, f->p);

	atomic64_inc(&mallocs);
	atomic64_add((size_t)f->span.npages << PAGE_SHIFT, &bytes);
	gom_stat_add(GOM_EFENCE_SYS, (size_t)f->span.npages << PAGE_SHIFT);
	kmemleak_alloc(f->p, f->size, 1, gfp);
	if (gom_profile_draw(f->size))
		gom_profile_malloc_at(&at, f->size, f->size, gfp, caller);
	return f->p;
}

/*
 * Allocate an object with a guard page; NULL if the caller must allocate an
 * ordinary one.  Context: any but NMI; may sleep if @gfp allows it.
 */
static void *efence_alloc(size_t size, size_t align, gfp_t gfp, unsigned long caller)
{
	struct guarded *f;

	/*
	 * Memory of a zone is needed for DMA.  A size that is too large is
	 * reported by the ordinary allocation that follows.
	 */
	if (size > GOM_MAX_SIZE || (gfp & GOM_ZONE_GFP) || !guards_caller(caller))
		return NULL;
	gfp &= GOM_PAGE_GFP | __GFP_ZERO;
	if (!align)
		align = is_power_of_2(size) && size <= PAGE_SIZE ? max_t(size_t, size, 8) : 8;
	f = guarded_alloc(size, gfp);
	if (f) {
		f->p = gom_span_end(&f->span) - ALIGN(size, align);
		f->size = size;
		if (guarded_index(f, gfp))
			goto out;
		guarded_bury(f);
	}
	atomic64_inc(&missed);
	return NULL;
out:
	if (want_init_on_alloc(gfp))
		memset(f->p, 0, size);
	return guarded_announce(f, gfp, caller);
}

/*
 * May this free sleep?  Without CONFIG_PREEMPT_COUNT that is unknown: assume
 * not.
 */
static bool free_may_sleep(void)
{
	return IS_ENABLED(CONFIG_PREEMPT_COUNT) && preemptible() && !rcu_preempt_depth();
}

static void guarded_free(struct guarded *f)
{
	guarded_unindex(f, f->span.npages);
	atomic64_inc(&frees);
	atomic64_sub((size_t)f->span.npages << PAGE_SHIFT, &bytes);
	gom_stat_add(GOM_EFENCE_SYS, -((size_t)f->span.npages << PAGE_SHIFT));
	kmemleak_free(f->p);
	if (free_may_sleep()) {
		f->node.next = NULL;
		guarded_delete_list(&f->node);
		return;
	}
	memset(f->p, POISON_FREE, f->size);
	guarded_bury(f);
}

/*
 * Free an object if it has a guard page: true if @p was freed or reported,
 * false if it may be an ordinary object.  Context: any but NMI.
 */
static bool efence_free(const void *p, unsigned long caller)
{
	struct guarded *f = guarded_find(p);
	struct gom_place at;

	if (!f && is_vmalloc_addr(p))
		gom_report(GOM_BAD_DOUBLE_FREE, caller, "free of %p, where no object is, any more", p);
	if (!f)
		return is_vmalloc_addr(p);
	at = guarded_place(f, p);
	trace_gom_free(caller, p, 0);
	if (f->p != p)
		gom_report(GOM_BAD_FREE_MIDDLE, caller, "free of %p, where no object begins", p);
	else if (gom_special_maybe(p) && gom_special_end(&at, caller))
		return true;
	else if (atomic_xchg(&f->freed, 1))
		gom_report(GOM_BAD_DOUBLE_FREE, caller, "double free of object %p", p);
	else
		guarded_free(f);
	return true;
}

/* The object that @p points into, its size in *@size; NULL if none. */
static void *efence_object(const void *p, size_t *size)
{
	struct guarded *f = guarded_find(p);

	if (!f)
		return NULL;
	*size = f->size;
	return f->p;
}

static void efence_place(struct gom_place *at)
{
	struct guarded *f = guarded_find(at->p);

	if (f)
		*at = guarded_place(f, at->p);
}

static const struct gom_backend efence_backend = {
	.alloc = efence_alloc,
	.free = efence_free,
	.object = efence_object,
	.place = efence_place,
};

void gom_efence_read(struct gom_efence_stats *stats)
{
	stats->mallocs = atomic64_read(&mallocs);
	stats->frees = atomic64_read(&frees);
	stats->bytes = atomic64_read(&bytes);
	stats->missed = atomic64_read(&missed);
}
GOM_EXPORT_FOR_TEST(gom_efence_read);

/* Wait until freed objects are unmapped.  May sleep. */
void gom_efence_sync(void)
{
	if (gom_efence)
		gom_work_flush(&efence_work);
}
GOM_EXPORT_FOR_TEST(gom_efence_sync);

/*
 * Call @visit for the specials of all objects.  The xarray's lock keeps an
 * object from being unmapped; inside it the tree lock of its span is taken,
 * which is nested in this order here only.  Context: task, may sleep.
 */
void gom_efence_visit(void (*visit)(const struct gom_special *sp, void *arg), void *arg)
{
	unsigned long index = 0;
	struct guarded *f;

	if (!gom_efence)
		return;
	do {
		xa_lock_irq(&objects);
		f = xa_find(&objects, &index, ULONG_MAX, XA_PRESENT);
		if (f) {
			if (gom_span_has_specials(&f->span))
				gom_special_visit(&f->span, visit, arg);
			index = ((unsigned long)f->span.base >> PAGE_SHIFT) + f->span.npages;
		}
		xa_unlock_irq(&objects);
		cond_resched();
	} while (f);
}
GOM_EXPORT_FOR_TEST(gom_efence_visit);

/* === Init and exit === */

int gom_efence_init(void)
{
	if (!gom_efence)
		return 0;
	filler = alloc_page(GFP_KERNEL | __GFP_ZERO);
	if (!filler)
		return -ENOMEM;
	if (gom_work_init(&efence_work, "gomalloc_efence", 0, efence_work_fn)) {
		__free_page(filler);
		return -ENOMEM;
	}
	efence_work_fn(NULL);
	gom_backend = &efence_backend;
	return 0;
}

/*
 * On unload, when nobody allocates or frees: unmap all objects, live ones
 * included.
 */
void gom_efence_exit(void)
{
	struct llist_node *list;
	unsigned long index;
	struct guarded *f;

	if (!gom_efence)
		return;
	gom_work_exit(&efence_work);
	xa_for_each(&objects, index, f) {
		guarded_unindex(f, f->span.npages);
		llist_add(&f->node, &dying);
	}
	xa_destroy(&objects);
	list = llist_del_all(&ready);
	if (list)
		guarded_delete_list(list);
	list = llist_del_all(&dying);
	if (list)
		guarded_delete_list(list);
	__free_page(filler);
}
