// SPDX-License-Identifier: GPL-2.0
/*
 * Statistics: the sums for debugfs, their reset, and the report of live objects
 * on unload.
 *
 * The fast paths count only the objects popped from a slot.  The rest is
 * counted where magazines, spans and pages move, or derived.  For each cache
 * and class
 *
 *	frees == mallocs + held - in
 *
 * where @in is the number of objects that magazines brought in, less those that
 * left in one.  Sums are computed on reading, and are exact if nobody allocates
 * or frees meanwhile.
 *
 * Context: task.  Takes the locks of mcentrals and heaps, one at a time.
 */
#include <linux/atomic.h>
#include <linux/cpumask.h>
#include <linux/mm.h>
#include <linux/printk.h>

#include "api/cache.h"
#include "api/efence.h"
#include "api/finalizer.h"
#include "api/sbrk.h"
#include "base/compat.h"
#include "base/persistent.h"
#include "base/report.h"
#include "central/mcentral.h"
#include "debug/stats.h"
#include "heap/large.h"
#include "heap/mheap.h"
#include "percpu/mcache.h"
#include "special/profile.h"
#include "special/special.h"

/*
 * Bytes from the system by enum gom_stat.  Persistent memory that is not
 * accounted under another name, or not yet allocated, counts as GOM_OTHER_SYS.
 */
static void sys_stats_read(u64 *stat)
{
	struct gom_call_site sum;
	u64 other = gom_persistent_bytes();
	unsigned int i;

	for (i = 0; i < GOM_NR_STATS; i++) {
		gom_persistent_read_stat(i, &sum);
		stat[i] = gom_stat_bytes(i);
		if (i == GOM_OTHER_SYS)
			continue;
		stat[i] += sum.bytes;
		other -= sum.bytes;
	}
	stat[GOM_OTHER_SYS] += other;
}

static void heap_stats_add(struct gom_memstats *m)
{
	const struct gom_mheap *h;
	int nid;

	for_each_gom_node(nid) {
		h = gom_mheaps[nid];
		m->heap_sys += (u64)READ_ONCE(h->sys_pages) << PAGE_SHIFT;
		m->heap_idle += (u64)READ_ONCE(h->idle_pages) << PAGE_SHIFT;
		m->heap_released += READ_ONCE(h->released_pages) << PAGE_SHIFT;
		m->heap_refaults += READ_ONCE(h->refaults) << PAGE_SHIFT;
	}
	m->heap_inuse = m->heap_sys - m->heap_idle;
}

/* Read all statistics; racy while other contexts allocate or free. */
void gom_memstats_read(struct gom_memstats *m)
{
	struct gom_large_stats large;
	struct gom_tiny_stats tiny;
	struct gom_cache_stats cached;
	struct gom_efence_stats guarded;
	struct gom_sbrk_stats sbrk;
	struct gom_class_stats stats;
	unsigned int i;

	*m = (struct gom_memstats) { };
	for (i = 1; i < GOM_CLASS_TINY; i++) {
		gom_class_read(i, &stats);
		m->mallocs += stats.mallocs;
		m->frees += stats.frees;
		m->alloc += (stats.mallocs - stats.frees) * gom_classes[i].size;
	}
	gom_class_read(GOM_CLASS_TINY, &stats);
	m->alloc += (stats.mallocs - stats.frees) * GOM_TINY_BLOCK;
	gom_tiny_read(-1, &tiny);
	m->mallocs += tiny.mallocs;
	m->frees += tiny.frees;
	gom_cache_read(&cached);
	m->mallocs += cached.mallocs;
	m->frees += cached.frees;
	m->alloc += cached.bytes;
	gom_sbrk_read(&sbrk);
	m->mallocs += sbrk.mallocs;
	m->alloc += sbrk.bytes;
	gom_efence_read(&guarded);
	m->mallocs += guarded.mallocs;
	m->frees += guarded.frees;
	m->alloc += guarded.bytes;
	gom_large_read(&large);
	m->mallocs += large.mallocs;
	m->frees += large.frees;
	m->alloc += (u64)large.pages << PAGE_SHIFT;
	heap_stats_add(m);
	m->sys = m->heap_sys;
	sys_stats_read(m->stat);
	for (i = 0; i < GOM_NR_STATS; i++)
		m->sys += m->stat[i];
	m->mspan_inuse = gom_mheap_record_bytes();
	m->mcache_inuse = gom_magazine_bytes();
}
GOM_EXPORT_FOR_TEST(gom_memstats_read);

/* === Reset === */

static void mcentral_stats_reset(struct gom_mcentral *c)
{
	unsigned long flags;

	spin_lock_irqsave(&c->lock, flags);
	c->frees -= c->double_frees;
	c->double_frees = 0;
	gom_stats_reset_pair(&c->mallocs, &c->frees);
	c->depot_hits = 0;
	c->carves = 0;
	spin_unlock_irqrestore(&c->lock, flags);
}

static void mheap_stats_reset(struct gom_mheap *h)
{
	unsigned long flags;

	spin_lock_irqsave(&h->lock, flags);
	gom_stats_reset_pair(&h->large_mallocs, &h->large_frees);
	h->grown_pages = 0;
	h->released_pages = 0;
	h->grows = 0;
	h->refaults = 0;
	spin_unlock_irqrestore(&h->lock, flags);
}

/**
 * gom_stats_reset - reset all statistics
 *
 * Counters of events since load then count from this call on.  Values that tell
 * how much there is now are kept: a live object counts as allocated after the
 * reset.
 *
 * Context: task, may sleep.
 */
void gom_stats_reset(void)
{
	unsigned int class;
	int nid;

	gom_cache_reset();
	gom_mcache_reset();
	for_each_gom_node(nid) {
		for_each_gom_class(class)
			mcentral_stats_reset(gom_mcentral_of(class, nid));
		mheap_stats_reset(gom_mheaps[nid]);
	}
	gom_profile_reset();
	gom_finalizer_reset();
	gom_report_reset();
}
GOM_EXPORT_FOR_TEST(gom_stats_reset);

/* === Unload === */

static void class_report_live(unsigned int class)
{
	struct gom_class_stats stats;
	u64 live;

	gom_class_read(class, &stats);
	live = stats.mallocs - stats.frees;
	if (live)
		pr_warn("  %6u bytes: %8llu objects, %10llu bytes\n", gom_classes[class].size,
			live, live * gom_classes[class].size);
}

/* On unload: report the objects still in use; returns their number. */
u64 gom_stats_report_live(void)
{
	struct gom_large_stats large;
	struct gom_cache_stats cached;
	struct gom_efence_stats guarded;
	struct gom_tiny_stats tiny;
	struct gom_memstats m;
	unsigned int i;
	u64 live;

	gom_memstats_read(&m);
	live = m.mallocs - m.frees;
	if (!live)
		return 0;
	if (gom_sbrk) {
		pr_info("sbrk: %llu objects, %llu bytes, %llu bytes to be released\n", live, m.alloc,
			m.stat[GOM_SBRK_SYS]);
		return live;
	}
	pr_warn("%llu objects are still in use, %llu bytes; their pages stay allocated:\n",
		live, m.alloc);
	for (i = 1; i < GOM_CLASS_TINY; i++)
		class_report_live(i);
	gom_cache_read(&cached);
	if (cached.mallocs != cached.frees)
		pr_warn("  %12s: %8llu objects, %10llu bytes\n", "of caches",
			cached.mallocs - cached.frees, cached.bytes);
	gom_tiny_read(-1, &tiny);
	if (tiny.mallocs != tiny.frees)
		pr_warn("  %12s: %8llu objects\n", "tiny", tiny.mallocs - tiny.frees);
	gom_efence_read(&guarded);
	if (guarded.mallocs != guarded.frees)
		pr_warn("  %12s: %8llu objects, %10llu bytes\n", "guarded",
			guarded.mallocs - guarded.frees, guarded.bytes);
	gom_large_read(&large);
	if (large.mallocs != large.frees)
		pr_warn("  %12s: %8llu objects, %10llu bytes\n", "large",
			large.mallocs - large.frees, (u64)large.pages << PAGE_SHIFT);
	return live;
}
