// SPDX-License-Identifier: GPL-2.0
/*
 * A hotplug callback that creates a cache, as a driver may do it for each CPU
 * that comes online.  The caller holds the CPU hotplug lock for writing, so the
 * creation must neither take it nor wait for a task that does.
 *
 * The first one finds a parked class: its cache was destroyed with an object in
 * use, which was freed later.
 */
#include <linux/cpuhotplug.h>
#include <linux/slab.h>

#include "base/compat.h"
#include "gomalloc.h"
#include "torture.h"

#define CREATED	64U		/* caches, at most */

static struct gom_cache *created[CREATED];
static unsigned int nr_created;
static int state;

static int cache_create_for(unsigned int cpu)
{
	struct gom_cache *cache;
	char name[32];

	if (nr_created == CREATED)
		return 0;
	snprintf(name, sizeof(name), "torture_cpu_%u", nr_created);
	cache = gom_cache_create(name, 4000, 0, SLAB_POISON, NULL);
	if (!cache)
		return -ENOMEM;
	created[nr_created++] = cache;
	gom_cache_free(cache, gom_cache_alloc(cache, GFP_KERNEL));
	return 0;
}

static int class_park(void)
{
	struct gom_cache *cache = gom_cache_create("torture_parked", 200, 0, SLAB_POISON, NULL);
	void *p = cache ? gom_cache_alloc(cache, GFP_KERNEL) : NULL;

	gom_cache_destroy(cache);
	gom_free(p);
	return p ? 0 : -ENOMEM;
}

int torture_hotplug(unsigned int on)
{
	int err;

	if (state > 0)
		cpuhp_remove_state_nocalls(state);
	state = 0;
	while (nr_created)
		gom_cache_destroy(created[--nr_created]);
	if (!on)
		return 0;
	err = class_park();
	if (err)
		return err;
	state = cpuhp_setup_state_nocalls(CPUHP_BP_PREPARE_DYN, "gomalloc_torture:cache",
					  cache_create_for, NULL);
	return min(state, 0);
}
