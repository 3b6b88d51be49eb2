// SPDX-License-Identifier: GPL-2.0
/*
 * fence: with gomalloc efence=1, an overrun and a use after the free fault at once.
 * And hold: take memory and give it back, for those who watch where it goes.
 *
 * No measurements but checks; a failed one ends the insmod with -EIO.
 * tools/guest/inspect.sh runs them on the stock kernels, which have no KUnit.
 */
#include <linux/align.h>
#include <linux/kconfig.h>
#include <linux/sizes.h>
#include <linux/uaccess.h>

#include "base/compat.h"
#include "bench.h"
#include "gomalloc.h"

#define HOLD_SIZE	20000U
#define HOLD_OBJECTS	(SZ_256M / 20480U)

/* A read that faults is told so, instead of ending in an oops. */
static bool faults(const void *p)
{
	u8 byte;

	return copy_from_kernel_nofault(&byte, p, 1);
}

static int check_fence(unsigned int size)
{
	char *p = gom_malloc(size, GFP_KERNEL);
	bool inside, overrun, after;

	if (!p)
		return -ENOMEM;
	inside = faults(p) || faults(p + size - 1);
	overrun = faults(p + ALIGN(size, 8));
	gom_free(p);
	after = faults(p);
	pr_info("fence: %6u bytes: inside %s, an overrun %s, a use after the free %s\n", size,
		inside ? "faults" : "is fine", overrun ? "faults" : "goes unseen",
		after ? "faults" : "goes unseen");
	return inside || !overrun || !after ? -EIO : 0;
}

static int run_fence(const struct bench_workload *workload, unsigned int unused)
{
	static const unsigned int sizes[] = { 1, 8, 60, 1000, 4096, 12345, 100000, 300000 };
	unsigned int i;
	int err = 0;

	if (IS_ENABLED(CONFIG_UML)) {
		pr_err("fence: UML cannot report a fault there\n");
		return -EOPNOTSUPP;
	}
	for (i = 0; i < ARRAY_SIZE(sizes) && !err; i++)
		err = check_fence(sizes[i]);
	return err;
}

/* Fill 256 MiB, as far as there is room, and free it. */
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

const struct bench_workload bench_fence_workloads[] = {
	{ .name = "fence", .only_by_name = true, .run = run_fence },
	{ .name = "hold", .only_by_name = true, .run = run_hold },
	{ }
};
