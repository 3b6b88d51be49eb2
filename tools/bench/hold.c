// SPDX-License-Identifier: GPL-2.0
/*
 * hold: allocate 256 MiB, or what memory allows, and free it.
 *
 * For tools/guest/inspect.sh, which watches where the memory goes afterwards.
 */
#include <linux/gfp.h>
#include <linux/sizes.h>

#include "bench.h"
#include "gomalloc.h"

#define HOLD_SIZE	20000U
#define HOLD_OBJECTS	(SZ_256M / 20480U)

static int run_hold(const struct bench_workload *workload, unsigned int unused)
{
	void **live = bench_live_alloc(HOLD_OBJECTS);
	unsigned int n;

	if (!live)
		return -ENOMEM;
	for (n = 0; n < HOLD_OBJECTS; n++) {
		live[n] = gom_malloc(HOLD_SIZE, GFP_KERNEL | __GFP_NOWARN | __GFP_NORETRY);
		if (!live[n])
			break;
	}
	pr_info("hold: %u objects of %u bytes\n", n, HOLD_SIZE);
	gom_free_bulk(n, live);
	bench_live_free(live);
	return n ? 0 : -ENOMEM;
}

const struct bench_workload bench_hold_workloads[] = {
	{ .name = "hold", .only_by_name = true, .run = run_hold },
	{ }
};
