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

static unsigned long count_idle(struct shrinker *sh, struct shrink_control *sc)
{
	return gom_mheap_idle_pages() ?: SHRINK_EMPTY;
}

static unsigned long scan_idle(struct shrinker *sh, struct shrink_control *sc)
{
	unsigned long freed;

	if (gom_mheap_idle_pages() < sc->nr_to_scan)
		gom_mcentral_drain();
	freed = gom_mheap_release(sc->nr_to_scan);
	sc->nr_scanned = max(freed, sc->nr_to_scan);
	return freed ?: SHRINK_STOP;
}

int gom_shrinker_init(void)
{
	int err;

	shrinker = shrinker_alloc(0, "gomalloc");
	if (!shrinker)
		return -ENOMEM;
	shrinker->count_objects = count_idle;
	shrinker->scan_objects = scan_idle;
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
