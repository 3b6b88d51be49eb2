// SPDX-License-Identifier: GPL-2.0
/*
 * efence: with gomalloc efence=1, an overrun and a use after free fault at
 * once.
 *
 * A check, not a measurement: if it fails, insmod fails with -EIO.
 * tools/guest/inspect.sh runs it on the stock kernels, which have no KUnit.
 */
#include <linux/align.h>
#include <linux/kconfig.h>
#include <linux/uaccess.h>

#include "base/compat.h"
#include "bench.h"
#include "gomalloc.h"

/* Whether a read of @p faults; without an oops. */
static bool faults(const void *p)
{
	u8 byte;

	return copy_from_kernel_nofault(&byte, p, 1);
}

static int guard_page_check(unsigned int size)
{
	char *p = gom_malloc(size, GFP_KERNEL);
	bool inside, overrun, after;

	if (!p)
		return -ENOMEM;
	inside = faults(p) || faults(p + size - 1);
	overrun = faults(p + ALIGN(size, 8));
	gom_free(p);
	after = faults(p);
	pr_info("efence: %6u bytes: use %s, overrun %s, use after free %s\n", size,
		inside ? "faults" : "is fine", overrun ? "faults" : "is not detected",
		after ? "faults" : "is not detected");
	return inside || !overrun || !after ? -EIO : 0;
}

static int run_efence(const struct bench_workload *workload, unsigned int unused)
{
	static const unsigned int sizes[] = { 1, 8, 60, 1000, 4096, 12345, 100000, 300000 };
	unsigned int i;
	int err = 0;

	if (IS_ENABLED(CONFIG_UML)) {
		pr_err("efence: UML cannot report a fault in the vmalloc area\n");
		return -EOPNOTSUPP;
	}
	for (i = 0; i < ARRAY_SIZE(sizes) && !err; i++)
		err = guard_page_check(sizes[i]);
	return err;
}

const struct bench_workload bench_efence_workloads[] = {
	{ .name = "efence", .only_by_name = true, .run = run_efence },
	{ }
};
