// SPDX-License-Identifier: GPL-2.0
/*
 * Named caches: making and ending them.  Allocating from them is in cache_alloc.c.
 *
 * A cache has a class (class.h), alone or together with others whose objects
 * cannot be told from its own: of the same size and alignment, without a
 * constructor, and with no flag against it.
 *
 * Context: creating, shrinking and destroying are for tasks and may sleep; one
 * lock protects the lists of caches and classes.  Nobody else takes it.
 */
#define pr_fmt(fmt) "gomalloc: " fmt

#include <linux/cache.h>
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
#include "api/sbrk.h"
#include "base/compat.h"
#include "base/persistent.h"
#include "base/report.h"
#include "central/mcentral.h"
#include "heap/mheap.h"
#include "percpu/class_stats.h"
#include "percpu/mcache.h"

/* Flags that mean the same here as to SLUB. */
#define HONOURED_FLAGS	(SLAB_HWCACHE_ALIGN | SLAB_TYPESAFE_BY_RCU | GOM_NO_MERGE)

/* Flags that are taken and change nothing but that a cache does not share. */
#define DEBUG_FLAGS	(SLAB_CONSISTENCY_CHECKS | SLAB_RED_ZONE | SLAB_POISON | SLAB_STORE_USER)

#define KNOWN_FLAGS	(HONOURED_FLAGS | DEBUG_FLAGS | SLAB_PANIC | SLAB_RECLAIM_ACCOUNT | \
			 SLAB_ACCOUNT | SLAB_MEM_SPREAD_OR_0)

#define ALONE_FLAGS	(SLAB_TYPESAFE_BY_RCU | GOM_NO_MERGE | DEBUG_FLAGS)

#define SPAN_MAX	(64U << 10)	/* bytes, if more than one object fits */
#define SPAN_OBJECTS	32U		/* as many as it should hold at least */

static DEFINE_MUTEX(lock);		/* protects what follows, and classes' @users */
static LIST_HEAD(caches);
static LIST_HEAD(records);		/* of caches that are no more */
static struct gom_cache_class *free_classes;
static struct gom_cache_class *parked;	/* no cache has them, but somebody has objects of them */

/* === Geometry === */

/* Go's division by multiplication, and the condition for it: see sizeclass.c. */
static bool set_reciprocal(struct gom_class *cl)
{
	u64 recip = DIV_ROUND_UP_ULL(1ULL << 32, cl->size);
	u64 excess = recip * cl->size - (1ULL << 32);

	cl->recip = recip;
	cl->limit = (cl->nelems - 1) * excess + 1;
	return (cl->nelems + 1) * excess < recip;
}

/*
 * The length of span that wastes least of those that hold enough objects, or as
 * many as the longest one can; the shortest that wastes next to nothing.
 */
static unsigned int choose_pages(unsigned int size)
{
	unsigned int pages = DIV_ROUND_UP(size, PAGE_SIZE), best = 0;
	unsigned int most = max_t(unsigned int, pages, SPAN_MAX >> PAGE_SHIFT);
	size_t enough = min_t(size_t, SPAN_OBJECTS, ((size_t)most << PAGE_SHIFT) / size);
	size_t bytes, waste, least = SIZE_MAX;

	for (; pages <= most; pages++) {
		bytes = (size_t)pages << PAGE_SHIFT;
		if (bytes / size < enough)
			continue;
		waste = bytes % size * most / pages;	/* of as much memory */
		if (waste < least) {
			least = waste;
			best = pages;
		}
		if (bytes % size <= bytes / 64)
			break;
	}
	return best;
}

static void set_geometry(struct gom_class *cl, unsigned int size, unsigned int align)
{
	for (;; size += align) {
		*cl = (struct gom_class) {
			.size = size,
			.npages = choose_pages(size),
			.align = DIV_ROUND_UP(align, PAGE_SIZE),
			.mag_size = GOM_MAGAZINE_SIZE(size),
		};
		cl->nelems = ((size_t)cl->npages << PAGE_SHIFT) / size;
		if (set_reciprocal(cl))
			break;
	}
}

/* A cache line, or the part of one that small objects share, as SLUB has it. */
static unsigned int real_align(unsigned int size, unsigned int align, slab_flags_t flags)
{
	unsigned int line = cache_line_size();

	if (flags & SLAB_HWCACHE_ALIGN) {
		while (size <= line / 2)
			line /= 2;
		align = max(align, line);
	}
	return max_t(unsigned int, align, sizeof(u64));
}

/* === Classes; under the lock === */

static struct gom_cache_class *new_class(void)
{
	struct gom_cache_class *cc;
	unsigned int nr = gom_nr_cache_classes;

	if (nr == GOM_MAX_CACHE_CLASSES) {
		pr_err("there are %u caches with a class of their own already\n", nr);
		return NULL;
	}
	cc = gom_persistent_alloc_gfp(sizeof(*cc), 0, GOM_MCENTRAL_SYS, GFP_KERNEL);
	if (!cc)
		return NULL;
	cc->facts.size = sizeof(u64);
	cc->central = gom_mcentral_new(&cc->facts);
	cc->cpu = cc->central ? gom_mcache_new_class() : NULL;
	if (!cc->cpu)
		return NULL;
	cc->class = GOM_NR_SPAN_CLASSES + nr;
	gom_cache_classes[nr] = cc;
	/* Whoever counts this one finds it: pairs with gom_class_end(). */
	smp_store_release(&gom_nr_cache_classes, nr + 1);
	return cc;
}

static void add_class(struct gom_cache_class **list, struct gom_cache_class *cc)
{
	cc->next_free = *list;
	*list = cc;
}

/*
 * Nobody allocates from @cc any more: it can be another cache's if nothing of it is left.  If
 * something is, in use or in a magazine that somebody is just about to empty, its pages
 * are still read by its facts: it waits.
 */
static void release_class(struct gom_cache_class *cc)
{
	gom_mcache_flush_class(cc->class);
	gom_mcentral_drain_class(cc->class);
	if (cc->rcu)
		rcu_barrier();		/* spans that wait for a grace period */
	add_class(gom_mcentral_spans(cc->class) ? &parked : &free_classes, cc);
}

static u64 live_in(const struct gom_cache_class *cc)
{
	struct gom_class_stats stats;

	gom_class_read(cc->class, &stats);
	return stats.mallocs - stats.frees;
}

/* Those of which all objects have been freed meanwhile. */
static void retry_parked(void)
{
	struct gom_cache_class *cc, *list = parked;

	parked = NULL;
	while ((cc = list)) {
		list = cc->next_free;
		if (live_in(cc))
			add_class(&parked, cc);
		else
			release_class(cc);
	}
}

static struct gom_cache_class *take_class(void)
{
	struct gom_cache_class *cc;

	if (!free_classes)
		retry_parked();
	cc = free_classes;
	if (!cc)
		return new_class();
	free_classes = cc->next_free;
	return cc;
}

static void set_class(struct gom_cache_class *cc, const struct gom_class *facts,
		      slab_flags_t flags, void (*ctor)(void *))
{
	struct gom_class_stats stats;
	int nid;

	gom_class_read(cc->class, &stats);
	cc->mallocs = stats.mallocs;
	cc->facts = *facts;
	cc->ctor = ctor;
	cc->rcu = flags & SLAB_TYPESAFE_BY_RCU;
	cc->users = 1;
	for_each_gom_node(nid)
		gom_mcentral_set_class(cc->central[nid], facts);
	gom_mcache_arm_class(cc->class);
}

/* A class whose objects will do, or NULL. */
static struct gom_cache_class *find_shared(const struct gom_class *facts, unsigned int align)
{
	struct gom_cache_class *cc;
	struct gom_cache *c;

	list_for_each_entry(c, &caches, list) {
		cc = gom_cache_class(c->class);
		if (!cc->ctor && !(c->flags & ALONE_FLAGS) && cc->facts.size == facts->size &&
		    c->align >= align)
			return cc;
	}
	return NULL;
}

/* === Creating === */

static struct gom_cache *find_cache(const char *name)
{
	struct gom_cache *c;

	list_for_each_entry(c, &caches, list)
		if (!strcmp(c->name, name))
			return c;
	return NULL;
}

/* What is wrong with a request, as the end of a sentence; NULL if nothing is. */
static const char *validate(const char *name, unsigned int size, unsigned int align,
			       slab_flags_t flags)
{
	if (!name || !*name)
		return "it has no name";
	if (strlen(name) >= GOM_CACHE_NAME)
		return "its name is longer than 63 bytes";
	if (in_interrupt() || irqs_disabled() || (IS_ENABLED(CONFIG_PREEMPT_COUNT) && !preemptible()))
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

static struct gom_cache *take_record(void)
{
	struct gom_cache *c = list_first_entry_or_null(&records, struct gom_cache, list);

	if (c)
		list_del(&c->list);
	else
		c = gom_persistent_alloc_gfp(sizeof(*c), 0, GOM_MCENTRAL_SYS, GFP_KERNEL);
	return c;
}

static struct gom_cache_class *class_for(unsigned int size, unsigned int align,
					 slab_flags_t flags, void (*ctor)(void *))
{
	struct gom_cache_class *cc = NULL;
	struct gom_class facts;

	set_geometry(&facts, ALIGN(size, align), align);
	if (!ctor && !(flags & ALONE_FLAGS))
		cc = find_shared(&facts, align);
	if (cc) {
		cc->users++;
		return cc;
	}
	cc = take_class();
	if (cc)
		set_class(cc, &facts, flags, ctor);
	return cc;
}

static struct gom_cache *create(const char *name, unsigned int size, unsigned int align,
				slab_flags_t flags, void (*ctor)(void *))
{
	struct gom_cache *c = take_record();
	struct gom_cache_class *cc;

	if (!c)
		return NULL;
	align = real_align(size, align, flags);
	cc = class_for(size, align, flags, ctor);
	if (!cc) {
		list_add(&c->list, &records);
		return NULL;
	}
	c->slot = &cc->cpu->slot;
	c->class = cc->class;
	c->size = size;
	c->align = align;
	c->flags = flags;
	strscpy(c->name, name, sizeof(c->name));
	list_add_tail(&c->list, &caches);
	return c;
}

/**
 * gom_cache_create - make a cache of objects of one kind
 * @name: what to call it in debugfs; it is copied.  One that another cache has gives
 *	a warning, as in SLUB
 * @size: bytes of an object, 1 to 128 KiB
 * @align: of an object, bytes, a power of two up to a page; 0 means 8
 * @flags: SLAB_HWCACHE_ALIGN, SLAB_TYPESAFE_BY_RCU, SLAB_NO_MERGE are honoured; others
 *	of linux/slab.h that make sense are taken and change nothing, SLAB_PANIC included
 * @ctor: called once for each object when its span is made, in whatever context
 *	that allocation is; what it sets is there when the object comes back.  NULL: none
 *
 * Spans are cut for this very size.  Caches whose objects cannot be told apart share.
 *
 * Context: task, may sleep.
 * Return: the cache; NULL if there is no memory or, with a report, if the request
 * makes no sense.
 */
struct gom_cache *gom_cache_create(const char *name, unsigned int size, unsigned int align,
				   slab_flags_t flags, void (*ctor)(void *))
{
	const char *wrong = validate(name, size, align, flags);
	struct gom_cache *c = NULL;

	if (!wrong) {
		mutex_lock(&lock);
		if (find_cache(name))
			pr_warn("there is a cache %s already, called from %pS\n", name,
				(void *)_RET_IP_);
		c = create(name, size, align, flags, ctor);
		mutex_unlock(&lock);
	}
	if (wrong)
		gom_report(GOM_BAD_CACHE, _RET_IP_, "no cache %s: %s", name ?: "(null)", wrong);
	return c;
}
EXPORT_SYMBOL_GPL(gom_cache_create);

/* === Ending === */

/**
 * gom_cache_destroy - end a cache
 * @cache: the cache; NULL is fine
 *
 * Waits for gom_free_rcu() of its objects, for their finalizers, and for the grace period of those of a
 * SLAB_TYPESAFE_BY_RCU cache.  Objects that are still in use are reported; they stay
 * what they are, may be read and freed; their memory goes when the last is freed and
 * another cache is made or destroyed, or else when the module goes.
 *
 * Context: task, may sleep.
 */
void gom_cache_destroy(struct gom_cache *cache)
{
	struct gom_cache_class *cc;
	u64 live;

	if (!cache)
		return;
	gom_free_rcu_barrier();
	gom_finalizer_barrier();
	mutex_lock(&lock);
	list_del(&cache->list);
	cc = gom_cache_class(cache->class);
	if (!--cc->users) {
		retry_parked();
		release_class(cc);
		live = live_in(cc);
		if (live)
			gom_report(GOM_BAD_CACHE, _RET_IP_,
				   "cache %s destroyed with %llu objects in use", cache->name,
				   live);
	}
	list_add(&cache->list, &records);
	mutex_unlock(&lock);
}
EXPORT_SYMBOL_GPL(gom_cache_destroy);

/**
 * gom_cache_shrink - give back what a cache holds without need
 * @cache: the cache
 *
 * Empties its part of all CPUs' caches; spans without an object go to the heap.
 *
 * Context: task, may sleep.
 */
void gom_cache_shrink(struct gom_cache *cache)
{
	gom_mcache_flush_class(cache->class);
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

/* === Figures === */

/* Sums over all since load, those of destroyed caches included. */
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

/* Objects counted so far are going to be forgotten, but for the live ones. */
void gom_cache_reset(void)
{
	unsigned int i;

	mutex_lock(&lock);
	for (i = 0; i < gom_nr_cache_classes; i++)
		gom_cache_classes[i]->mallocs = 0;
	mutex_unlock(&lock);
}

static void show_line(struct seq_file *m, const struct gom_cache *c)
{
	const struct gom_cache_class *cc = gom_cache_class(c->class);
	struct gom_class_stats stats;

	gom_class_read(c->class, &stats);
	seq_printf(m, "%-24s %6u %6u %5u %5u %7u %6u %10llu %10llu %10llu %7lu %10zu%s%s\n",
		   c->name, c->size, cc->facts.size, c->align, cc->facts.npages, cc->facts.nelems,
		   cc->users, stats.mallocs - stats.frees, stats.mallocs - cc->mallocs,
		   stats.frees - cc->mallocs, stats.spans,
		   (size_t)stats.pages << PAGE_SHIFT,
		   cc->ctor ? " ctor" : "", cc->rcu ? " rcu" : "");
}

/* The lines of debugfs caches. */
void gom_cache_show(struct seq_file *m)
{
	struct gom_cache *c;

	seq_puts(m, "name                       size  space align pages objects shared       live    mallocs      frees   spans       held\n");
	mutex_lock(&lock);
	list_for_each_entry(c, &caches, list)
		show_line(m, c);
	mutex_unlock(&lock);
}

/* Say which caches are still there when the module goes. */
void gom_cache_report_left(void)
{
	struct gom_cache *c;

	list_for_each_entry(c, &caches, list)
		pr_warn("cache %s was not destroyed\n", c->name);
}

/* The last who may touch a class has done so. */
void gom_cache_exit(void)
{
	unsigned int i;

	for (i = 0; i < gom_nr_cache_classes; i++)
		free_percpu(gom_cache_classes[i]->cpu);
}
