// SPDX-License-Identifier: GPL-2.0
/*
 * Named caches (kmem_cache): creating and destroying them.  cache_alloc.c
 * allocates from them.
 *
 * A cache has a class (class.h).  Caches share a class if their objects have
 * the same size and a compatible alignment, no constructor, and no flag that
 * forbids merging.
 *
 * Context: task; may sleep.
 * Locks: caches_lock, a mutex, protects the lists of caches and of classes.  It
 * is taken in this file only.  In this order:
 *
 *	cpus_read_lock()	destroying a cache, and shrinking it
 *	caches_lock
 *	counting_lock		in mcache_stats.c, or
 *	offline_lock		in cpu_call.c
 *
 * As in SLUB, CPU hotplug callbacks may create caches.  These are called with
 * the hotplug lock held for writing.  So creating only tries cpus_read_lock(),
 * and a holder of caches_lock or counting_lock never waits for it.
 */
#include <linux/cache.h>
#include <linux/cpu.h>
#include <linux/irqflags.h>
#include <linux/log2.h>
#include <linux/minmax.h>
#include <linux/mm.h>
#include <linux/mutex.h>
#include <linux/percpu.h>
#include <linux/preempt.h>
#include <linux/rcupdate.h>
#include <linux/string.h>

#include "api/cache.h"
#include "api/object_debug.h"
#include "api/object_report.h"
#include "api/sbrk.h"
#include "base/compat.h"
#include "base/debug_flags.h"
#include "base/fault.h"
#include "base/mode.h"
#include "base/persistent.h"
#include "base/report.h"
#include "central/mcentral.h"
#include "heap/mheap.h"
#include "percpu/class_stats.h"
#include "percpu/mcache.h"

/* Flags that mean the same here as to SLUB. */
#define HONOURED_FLAGS	(SLAB_HWCACHE_ALIGN | SLAB_TYPESAFE_BY_RCU | GOM_NO_MERGE)

#define KNOWN_FLAGS	(HONOURED_FLAGS | GOM_DEBUG_FLAGS | SLAB_PANIC | SLAB_RECLAIM_ACCOUNT | \
			 SLAB_ACCOUNT | SLAB_MEM_SPREAD_OR_0)

#define ALONE_FLAGS	(SLAB_TYPESAFE_BY_RCU | GOM_NO_MERGE | GOM_DEBUG_FLAGS)

#define SPAN_MAX	(64U << 10)	/* most bytes of a span of several objects */
#define SPAN_OBJECTS	32U		/* objects that a span should hold at least */

/* Protects the four below, and @users of the classes. */
static DEFINE_MUTEX(caches_lock);
static LIST_HEAD(caches);
static LIST_HEAD(records);		/* unused: their caches were destroyed */
static struct gom_cache_class *free_classes;
static struct gom_cache_class *parked;	/* no cache uses them, but they have live objects */

/* === Geometry === */

/*
 * Set up division by multiplication, as in Go; false if it is not exact for all
 * offsets in a span.  The condition is derived in sizeclass.c.
 */
static bool class_set_reciprocal(struct gom_class *cl)
{
	u64 recip = DIV_ROUND_UP_ULL(1ULL << 32, cl->size);
	u64 excess = recip * cl->size - (1ULL << 32);

	cl->recip = recip;
	cl->recip_limit = (cl->nelems - 1) * excess + 1;
	return (cl->nelems + 1) * excess < recip;
}

/*
 * Choose the pages of a span: the length with the least waste among those that
 * hold SPAN_OBJECTS objects, or as many as the longest span can.  The shortest
 * length that wastes at most 1/64 ends the search.
 */
static unsigned int span_choose_pages(unsigned int size)
{
	unsigned int pages = DIV_ROUND_UP(size, PAGE_SIZE), best = 0;
	unsigned int most = max_t(unsigned int, pages, SPAN_MAX >> PAGE_SHIFT);
	size_t enough = min_t(size_t, SPAN_OBJECTS, ((size_t)most << PAGE_SHIFT) / size);
	size_t bytes, waste, least = SIZE_MAX;

	for (; pages <= most; pages++) {
		bytes = (size_t)pages << PAGE_SHIFT;
		if (bytes / size < enough)
			continue;
		waste = bytes % size * most / pages;	/* scaled to @most pages */
		if (waste < least) {
			least = waste;
			best = pages;
		}
		if (bytes % size <= bytes / 64)
			break;
	}
	return best;
}

static void class_set_geometry(struct gom_class *cl, unsigned int size, unsigned int align)
{
	for (;; size += align) {
		*cl = (struct gom_class) {
			.size = size,
			.npages = span_choose_pages(size),
			.align = DIV_ROUND_UP(align, PAGE_SIZE),
			.mag_size = GOM_MAGAZINE_SIZE(size),
		};
		cl->nelems = ((size_t)cl->npages << PAGE_SHIFT) / size;
		if (class_set_reciprocal(cl))
			break;
	}
}

/*
 * SLAB_HWCACHE_ALIGN as in SLUB: a cache line, or a fraction of it if objects
 * fit.
 */
static unsigned int cache_align(unsigned int size, unsigned int align, slab_flags_t flags)
{
	unsigned int line = cache_line_size();

	if (flags & SLAB_HWCACHE_ALIGN) {
		while (size <= line / 2)
			line /= 2;
		align = max(align, line);
	}
	return max_t(unsigned int, align, sizeof(u64));
}

/* === Classes; under caches_lock === */

static struct gom_cache_class *class_new(void)
{
	struct gom_cache_class *cc;
	unsigned int nr = gom_nr_cache_classes;

	if (nr == GOM_MAX_CACHE_CLASSES) {
		pr_err_once("there are %u caches with a class of their own already\n", nr);
		return NULL;
	}
	cc = gom_persistent_alloc_gfp(sizeof(*cc), 0, GOM_MCENTRAL_SYS, GFP_KERNEL);
	if (!cc)
		return NULL;
	cc->layout.size = sizeof(u64);
	cc->central = gom_mcentral_new(&cc->layout);
	cc->cpu = cc->central ? gom_mcache_new_class() : NULL;
	if (!cc->cpu)
		return NULL;
	cc->class = GOM_NR_SPAN_CLASSES + nr;
	gom_cache_classes[nr] = cc;
	/*
	 * A reader of the new count sees the class.  Pairs with
	 * gom_class_end().
	 */
	smp_store_release(&gom_nr_cache_classes, nr + 1);
	return cc;
}

static void class_list_add(struct gom_cache_class **list, struct gom_cache_class *cc)
{
	cc->next_free = *list;
	*list = cc;
}

/*
 * Release a class that no cache uses any more.  If it has no span left, it
 * becomes free for the next cache.  If objects are live, or in a magazine in
 * flight, lookups of its pages still use its geometry: then it is parked.
 *
 * The free of its last object may raise a limit after that CPU was flushed.  A
 * limit is in units of the class's size, so the class is flushed again.
 * Without an object nobody raises one any more.
 *
 * cpus_read_lock() is held.
 */
static void class_release(struct gom_cache_class *cc)
{
	do {
		gom_mcache_flush_class_cpuslocked(cc->class);
		gom_test_point(GOM_AT_CLASS_FLUSHED, 0, 0);
		gom_mcentral_drain_class(cc->class);
	} while (!gom_mcentral_spans(cc->class) && gom_mcache_holds_class(cc->class));
	if (cc->rcu)
		rcu_barrier();		/* spans that wait for a grace period */
	class_list_add(gom_mcentral_spans(cc->class) ? &parked : &free_classes, cc);
}

static u64 class_live_objects(const struct gom_cache_class *cc)
{
	struct gom_class_stats stats;

	gom_class_read(cc->class, &stats);
	return stats.mallocs - stats.frees;
}

/*
 * Release parked classes whose objects have all been freed meanwhile.
 * cpus_read_lock() is held.
 */
static void parked_classes_retry(void)
{
	struct gom_cache_class *cc, *list = parked;

	parked = NULL;
	while ((cc = list)) {
		list = cc->next_free;
		if (class_live_objects(cc))
			class_list_add(&parked, cc);
		else
			class_release(cc);
	}
}

static struct gom_cache_class *class_alloc(void)
{
	struct gom_cache_class *cc;

	/* It fails during CPU hotplug, maybe in a callback: then add a class. */
	if (!free_classes && cpus_read_trylock()) {
		parked_classes_retry();
		cpus_read_unlock();
	}
	cc = free_classes;
	if (!cc)
		return class_new();
	free_classes = cc->next_free;
	return cc;
}

static void class_construct(const struct gom_cache_class *cc, void *p)
{
	cc->ctor(p);
}

static void class_setup(struct gom_cache_class *cc, const struct gom_class *layout,
			const struct gom_debug_layout *debug, slab_flags_t flags,
			void (*ctor)(void *), const char *name)
{
	struct gom_class_stats stats;
	int nid;

	gom_class_read(cc->class, &stats);
	cc->mallocs = stats.mallocs;
	cc->layout = *layout;
	cc->debug = *debug;
	if (debug->flags & SLAB_STORE_USER)
		gom_debug_track_init();
	cc->init = debug->flags ? gom_debug_init_object : ctor ? class_construct : NULL;
	cc->exit = debug->flags ? gom_debug_exit_object : NULL;
	cc->ctor = ctor;
	cc->rcu = flags & SLAB_TYPESAFE_BY_RCU;
	cc->users = 1;
	strscpy(cc->name, name, sizeof(cc->name));
	for_each_gom_node(nid)
		gom_mcentral_set_class(cc->central[nid], layout);
	gom_mcache_draw_class(cc->class);
}

/* A class that a new cache with @layout and @align can share, or NULL. */
static struct gom_cache_class *class_find_shared(const struct gom_class *layout, unsigned int align)
{
	struct gom_cache_class *cc;
	struct gom_cache *c;

	list_for_each_entry(c, &caches, list) {
		cc = gom_cache_class(c->class);
		if (!cc->ctor && !(c->flags & ALONE_FLAGS) && cc->layout.size == layout->size &&
		    c->align >= align)
			return cc;
	}
	return NULL;
}

/* === Creating === */

static struct gom_cache *cache_find(const char *name)
{
	struct gom_cache *c;

	list_for_each_entry(c, &caches, list)
		if (!strcmp(c->name, name))
			return c;
	return NULL;
}

/* Validate a request; returns the reason for refusing it, or NULL. */
static const char *cache_validate(const char *name, unsigned int size, unsigned int align,
			       slab_flags_t flags)
{
	if (!name || !*name)
		return "it has no name";
	if (strlen(name) >= GOM_CACHE_NAME)
		return "its name is longer than 63 bytes";
	if (in_interrupt() || irqs_disabled() ||
	    (IS_ENABLED(CONFIG_PREEMPT_COUNT) && !preemptible()))
		return "this context must not sleep";
	if (!size)
		return "objects of size 0";
	if (size > GOM_CACHE_MAX_SIZE)
		return "objects above 128 KiB";
	if (align && !is_power_of_2(align))
		return "the alignment is not a power of two";
	if (align > PAGE_SIZE)
		return "the alignment is above a page";
	if (flags & (SLAB_CACHE_DMA | SLAB_CACHE_DMA32))
		return "no cache has memory of a zone";
	if (flags & ~KNOWN_FLAGS)
		return "a flag that is not known";
	return NULL;
}

static struct gom_cache *record_alloc(void)
{
	struct gom_cache *c = list_first_entry_or_null(&records, struct gom_cache, list);

	if (c)
		list_del(&c->list);
	else
		c = gom_persistent_alloc_gfp(sizeof(*c), 0, GOM_MCENTRAL_SYS, GFP_KERNEL);
	return c;
}

/*
 * How objects of a cache with @flags are debugged.  Constructed ones and those
 * that an RCU reader may read cannot be poisoned.  The modes that replace the
 * allocator do not debug.
 */
static slab_flags_t cache_debug_flags(slab_flags_t flags, void (*ctor)(void *))
{
	if (gom_sbrk || gom_efence)
		return 0;
	if (ctor || flags & SLAB_TYPESAFE_BY_RCU)
		flags &= ~SLAB_POISON;
	return flags & GOM_DEBUG_FLAGS;
}

static struct gom_cache_class *class_alloc_for(const char *name, unsigned int size,
					       unsigned int align, slab_flags_t flags,
					       void (*ctor)(void *))
{
	struct gom_cache_class *cc = NULL;
	struct gom_debug_layout debug;
	struct gom_class layout;

	size = gom_debug_layout(&debug, size, align, cache_debug_flags(flags, ctor));
	class_set_geometry(&layout, ALIGN(size, align), align);
	if (!ctor && !(flags & ALONE_FLAGS))
		cc = class_find_shared(&layout, align);
	if (cc) {
		cc->users++;
		return cc;
	}
	cc = class_alloc();
	if (cc)
		class_setup(cc, &layout, &debug, flags, ctor, name);
	return cc;
}

static struct gom_cache *cache_create(const char *name, unsigned int size, unsigned int align,
				      slab_flags_t flags, void (*ctor)(void *))
{
	struct gom_cache *c = record_alloc();
	struct gom_cache_class *cc;

	if (!c)
		return NULL;
	align = cache_align(size, align, flags);
	flags |= gom_debug_flags(name);
	cc = class_alloc_for(name, size, align, flags, ctor);
	if (!cc) {
		list_add(&c->list, &records);
		return NULL;
	}
	c->slot = cc->debug.flags ? &gom_no_slot : &cc->cpu->slot;
	c->class = cc->class;
	c->size = size;
	c->align = align;
	c->zero = ctor ? 0 : cc->layout.size;
	c->init = cc->rcu ? 0 : c->zero;
	c->flags = flags;
	strscpy(c->name, name, sizeof(c->name));
	list_add_tail(&c->list, &caches);
	return c;
}

/**
 * gom_cache_create - create a named cache
 * @name: name in debugfs; copied.  A name that another cache has gives a
 *	warning, as in SLUB
 * @size: bytes of an object, 1 to 128 KiB
 * @align: alignment of objects in bytes, a power of two up to a page; 0 means 8
 * @flags: SLAB_HWCACHE_ALIGN, SLAB_TYPESAFE_BY_RCU and SLAB_NO_MERGE are
 *	honoured, and SLAB_RED_ZONE, SLAB_POISON, SLAB_STORE_USER,
 *	SLAB_CONSISTENCY_CHECKS and SLAB_TRACE (object_debug.h).  Accounting
 *	flags of linux/slab.h and SLAB_PANIC are accepted and have no effect
 * @ctor: constructor, or NULL.  Called once for each object when its span is
 *	allocated, in the context of that allocation.  A free keeps the
 *	contents, so the next allocation finds the object as its last user left
 *	it
 *
 * Spans are carved for exactly this size.  Caches with equal objects share a
 * class.
 *
 * Context: task, may sleep; CPU hotplug callbacks included.
 * Return: the cache; NULL if there is no memory or, with a report, if the
 * request is invalid.
 */
struct gom_cache *gom_cache_create(const char *name, unsigned int size, unsigned int align,
				   slab_flags_t flags, void (*ctor)(void *))
{
	const char *wrong = cache_validate(name, size, align, flags);
	struct gom_cache *c = NULL;

	if (!wrong) {
		mutex_lock(&caches_lock);
		if (cache_find(name))
			pr_warn("there is a cache %s already, called from %pS\n", name,
				(void *)_RET_IP_);
		c = cache_create(name, size, align, flags, ctor);
		mutex_unlock(&caches_lock);
	}
	if (wrong)
		gom_report(GOM_BAD_CACHE, _RET_IP_, "no cache %s: %s", name ?: "(null)", wrong);
	return c;
}
EXPORT_SYMBOL_GPL(gom_cache_create);

/* === Destroying === */

/**
 * gom_cache_destroy - destroy a cache
 * @cache: the cache; may be NULL
 *
 * Waits for gom_free_rcu() of its objects, for their finalizers, and for the
 * grace period of a SLAB_TYPESAFE_BY_RCU cache.  Objects still in use are
 * reported.  They remain valid and may be freed later.  Their memory is
 * released after the last free, when another cache is created or destroyed, or
 * when the module is unloaded.
 *
 * Context: task, may sleep; not in CPU hotplug callbacks.
 */
void gom_cache_destroy(struct gom_cache *cache)
{
	struct gom_cache_class *cc;
	u64 live;

	if (!cache)
		return;
	gom_free_rcu_barrier();
	gom_finalizer_barrier();
	cpus_read_lock();
	mutex_lock(&caches_lock);
	list_del(&cache->list);
	cc = gom_cache_class(cache->class);
	if (!--cc->users) {
		parked_classes_retry();
		class_release(cc);
		live = class_live_objects(cc);
		if (live)
			gom_report(GOM_BAD_CACHE, _RET_IP_,
				   "cache %s destroyed with %llu objects in use", cache->name,
				   live);
	}
	list_add(&cache->list, &records);
	mutex_unlock(&caches_lock);
	cpus_read_unlock();
}
EXPORT_SYMBOL_GPL(gom_cache_destroy);

/**
 * gom_cache_shrink - release the unused memory of a cache
 * @cache: the cache
 *
 * Flushes its objects from the caches of all CPUs; empty spans go to the heap.
 *
 * Context: task, may sleep.
 */
void gom_cache_shrink(struct gom_cache *cache)
{
	cpus_read_lock();
	gom_mcache_flush_class_cpuslocked(cache->class);
	cpus_read_unlock();
	gom_mcentral_drain_class(cache->class);
}
EXPORT_SYMBOL_GPL(gom_cache_shrink);

/**
 * gom_cache_size - bytes of a cache's objects
 * @cache: the cache
 *
 * Return: the size it was created with.
 */
unsigned int gom_cache_size(const struct gom_cache *cache)
{
	return cache->size;
}
EXPORT_SYMBOL_GPL(gom_cache_size);

/* === Statistics === */

/* Sums over all named caches since load, destroyed ones included. */
void gom_cache_read(struct gom_cache_stats *sum)
{
	struct gom_class_stats stats;
	unsigned int class;

	*sum = (struct gom_cache_stats) { };
	for (class = GOM_NR_SPAN_CLASSES; class < gom_class_end(); class++) {
		gom_class_read(class, &stats);
		sum->bytes += (stats.mallocs - stats.frees) * gom_class(class)->size;
		sum->mallocs += stats.mallocs;
		sum->frees += stats.frees;
	}
}

/*
 * Called before gom_mcache_reset() resets the counters that @mallocs refers to.
 */
void gom_cache_reset(void)
{
	unsigned int i;

	mutex_lock(&caches_lock);
	for (i = 0; i < gom_nr_cache_classes; i++)
		gom_cache_classes[i]->mallocs = 0;
	mutex_unlock(&caches_lock);
}

static void cache_show_line(struct seq_file *m, const struct gom_cache *c)
{
	const struct gom_cache_class *cc = gom_cache_class(c->class);
	struct gom_class_stats stats;

	gom_class_read(c->class, &stats);
	seq_printf(m, "%-24s %6u %6u %5u %5u %7u %6u %10llu %10llu %10llu %7lu %10zu%s%s\n",
		   c->name, c->size, cc->layout.size, c->align, cc->layout.npages, cc->layout.nelems,
		   cc->users, stats.mallocs - stats.frees, stats.mallocs - cc->mallocs,
		   stats.frees - cc->mallocs, stats.spans,
		   (size_t)stats.pages << PAGE_SHIFT,
		   cc->ctor ? " ctor" : "", cc->rcu ? " rcu" : "");
}

/* The lines of debugfs caches.  May sleep. */
void gom_cache_show(struct seq_file *m)
{
	struct gom_cache *c;

	seq_puts(m, "name                       size  space align pages objects shared       live    mallocs      frees   spans       held\n");
	mutex_lock(&caches_lock);
	list_for_each_entry(c, &caches, list)
		cache_show_line(m, c);
	mutex_unlock(&caches_lock);
}

/* On unload: warn of caches that were not destroyed. */
void gom_cache_report_left(void)
{
	struct gom_cache *c;

	list_for_each_entry(c, &caches, list)
		pr_warn("cache %s was not destroyed\n", c->name);
}

/* On unload, after the last access to any class. */
void gom_cache_exit(void)
{
	unsigned int i;

	for (i = 0; i < gom_nr_cache_classes; i++)
		free_percpu(gom_cache_classes[i]->cpu);
}
