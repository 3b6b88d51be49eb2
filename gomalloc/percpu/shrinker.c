// SPDX-License-Identifier: GPL-2.0
/*
 * The shrinker (step 4 of Go's free path, "return some to the OS"): under
 * memory pressure it returns unused memory of a node to the page allocator.
 * Idle page runs go first, longest first.  If they are not enough, it drains
 * mcentral's depots, and then flushes the per-CPU caches.  An OOM notifier
 * returns all unused memory before the kernel kills a task, and logs what is
 * still held.
 *
 * Reclaim may call it from within an allocation of gomalloc itself.  This is
 * safe:  gomalloc holds no lock while it calls the page allocator.  The
 * shrinker waits for nothing but IPIs, so it ignores the gfp of the reclaim.
 */
#include <linux/cpumask.h>
#include <linux/mm.h>
#include <linux/notifier.h>
#include <linux/oom.h>
#include <linux/printk.h>
#include <linux/sizes.h>

#include "base/compat.h"
#include "base/node.h"
#include "central/mcentral.h"
#include "heap/mheap.h"
#include "percpu/mcache.h"
#include "percpu/shrinker.h"

/*
 * From this many pages on, the OOM notifier reports progress: no task is
 * killed.
 */
#define OOM_PROGRESS_PAGES	(SZ_1M / PAGE_SIZE)

struct shrinker *gom_shrinker;
GOM_EXPORT_FOR_TEST(gom_shrinker);

/* Capacity of the caches of the CPUs that take memory from @nid, in bytes. */
static unsigned long cached_bytes(int nid)
{
	unsigned long bytes = 0;
	int cpu;

	for_each_online_cpu(cpu)
		if (gom_cpu_mem_node(cpu) == nid)
			bytes += gom_mcache_bytes(cpu);
	return bytes;
}

/* count_objects(): pages of the node that could be returned, an estimate. */
unsigned long gom_shrinker_count(struct shrinker *sh, struct shrink_control *sc)
{
	unsigned long pages = READ_ONCE(gom_mheaps[sc->nid]->idle_pages);

	/*
	 * Caches are half full on average, and some of the spans that flushed
	 * objects return to stay in use: count half.
	 */
	pages += (gom_mcentral_depot_bytes(sc->nid) + cached_bytes(sc->nid)) / 2 >> PAGE_SHIFT;
	return pages ?: SHRINK_EMPTY;
}
GOM_EXPORT_FOR_TEST(gom_shrinker_count);

/* scan_objects(): return up to @nr_to_scan pages of the node. */
unsigned long gom_shrinker_scan(struct shrinker *sh, struct shrink_control *sc)
{
	unsigned long freed = gom_mheap_release_node(sc->nid, sc->nr_to_scan);

	if (freed < sc->nr_to_scan) {
		gom_mcentral_drain_node(sc->nid);
		freed += gom_mheap_release_node(sc->nid, sc->nr_to_scan - freed);
	}
	if (freed < sc->nr_to_scan && cached_bytes(sc->nid)) {
		gom_mcache_reclaim(sc->nid);
		gom_mcentral_drain_node(sc->nid);
		freed += gom_mheap_release_node(sc->nid, sc->nr_to_scan - freed);
	}
	/* As SLUB: the returned value is not what reclaim takes for progress. */
	gom_account_reclaimed(freed);
	sc->nr_scanned = max(freed, sc->nr_to_scan);
	return freed ?: SHRINK_STOP;
}
GOM_EXPORT_FOR_TEST(gom_shrinker_scan);

/* The OOM notifier: return all unused memory; adds to *@freed, in pages. */
int gom_shrinker_oom(struct notifier_block *nb, unsigned long unused, void *freed)
{
	unsigned long pages, held = 0, idle = 0;
	int nid;

	gom_mcache_reclaim(NUMA_NO_NODE);
	gom_mcentral_drain();
	pages = gom_mheap_release(ULONG_MAX);
	if (pages >= OOM_PROGRESS_PAGES)
		*(unsigned long *)freed += pages;
	for_each_gom_node(nid) {
		held += READ_ONCE(gom_mheaps[nid]->sys_pages);
		idle += READ_ONCE(gom_mheaps[nid]->idle_pages);
	}
	pr_info("out of memory: %lu KiB released; %lu KiB held for objects, of which %lu KiB idle\n",
		pages << (PAGE_SHIFT - 10), held << (PAGE_SHIFT - 10), idle << (PAGE_SHIFT - 10));
	return NOTIFY_OK;
}
GOM_EXPORT_FOR_TEST(gom_shrinker_oom);

static struct notifier_block oom_notifier = { .notifier_call = gom_shrinker_oom };

int gom_shrinker_init(void)
{
	int err;

	gom_shrinker = shrinker_alloc(SHRINKER_NUMA_AWARE, "gomalloc");
	if (!gom_shrinker)
		return -ENOMEM;
	gom_shrinker->count_objects = gom_shrinker_count;
	gom_shrinker->scan_objects = gom_shrinker_scan;
	gom_shrinker->seeks = DEFAULT_SEEKS;
	err = gom_shrinker_register(gom_shrinker);
	if (err) {
		kfree(gom_shrinker);
		return err;
	}
	err = register_oom_notifier(&oom_notifier);
	if (err)
		shrinker_free(gom_shrinker);
	return err;
}

void gom_shrinker_exit(void)
{
	unregister_oom_notifier(&oom_notifier);
	shrinker_free(gom_shrinker);
}
