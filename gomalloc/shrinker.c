// SPDX-License-Identifier: GPL-2.0
/*
 * The shrinker (step 4 of Go's free path, "return some to the OS"): under memory
 * pressure idle page runs go back to the buddy allocator, longest first; if they
 * are not enough, mcentral's depots are emptied to make more.
 *
 * It may be called from the page allocator on behalf of one of our own calls:
 * no lock is held there.  It takes only locks that are never held over an
 * allocation, and never sleeps, so it needs no regard for the reclaim's gfp.
 */
#include <linux/mm.h>

#include "compat.h"
#include "mcentral.h"
#include "mheap.h"
#include "shrinker.h"

static struct shrinker *shrinker;

/* Pages that could go back; the shrinker's count. */
unsigned long gom_shrinker_count(struct shrinker *sh, struct shrink_control *sc)
{
	return gom_mheap_idle_pages() ?: SHRINK_EMPTY;
}
GOM_EXPORT_FOR_TEST(gom_shrinker_count);

/* Give pages back; the shrinker's scan. */
unsigned long gom_shrinker_scan(struct shrinker *sh, struct shrink_control *sc)
{
	unsigned long freed;

	if (gom_mheap_idle_pages() < sc->nr_to_scan)
		gom_mcentral_drain();
	freed = gom_mheap_release(sc->nr_to_scan);
	sc->nr_scanned = max(freed, sc->nr_to_scan);
	return freed ?: SHRINK_STOP;
}
GOM_EXPORT_FOR_TEST(gom_shrinker_scan);

int gom_shrinker_init(void)
{
	int err;

	shrinker = shrinker_alloc(0, "gomalloc");
	if (!shrinker)
		return -ENOMEM;
	shrinker->count_objects = gom_shrinker_count;
	shrinker->scan_objects = gom_shrinker_scan;
	shrinker->seeks = DEFAULT_SEEKS;
	err = gom_shrinker_register(shrinker);
	if (err)
		kfree(shrinker);
	return err;
}

void gom_shrinker_exit(void)
{
	shrinker_free(shrinker);
}
