// SPDX-License-Identifier: GPL-2.0
/*
 * Hands memory of gomalloc's to functions of the kernel that are for its own:
 * what as_slab_debug=1 reports.  Without that kfree() would do harm, so it is
 * called with as_slab_debug=1 only.
 */
#include <linux/slab.h>

#include "../../gomalloc/gomalloc.h"
#include "torture.h"

int torture_transfer(unsigned int unused)
{
	void *p = gom_malloc(64, GFP_KERNEL);

	if (!p)
		return -ENOMEM;
	/* The kernel is given NULL, so that it remains a live object. */
	if (ksize(p))
		return -EINVAL;
	kfree(p);
	if (gom_size(p) != 64)
		return -EINVAL;
	gom_free(p);
	return 0;
}
