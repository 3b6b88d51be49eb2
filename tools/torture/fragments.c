// SPDX-License-Identifier: GPL-2.0
/*
 * Fragments: only single pages are free, and the caller must not wait.  How
 * many objects can be allocated from gomalloc, and from SLUB in the same state?
 */
#include <linux/mm.h>
#include <linux/numa.h>
#include <linux/slab.h>

#include "gomalloc.h"
#include "torture.h"

#define OBJECTS		2000U
#define NOFAIL_OBJECTS	100U

static const unsigned int sizes[] = { 4096, 2304, 2048 };

static void *live[OBJECTS];

static unsigned int slub_count(unsigned int size)
{
	unsigned int i, n = 0;

	for (i = 0; i < OBJECTS; i++) {
		live[i] = kmalloc(size, GFP_NOWAIT | __GFP_NOWARN);
		n += !!live[i];
	}
	for (i = 0; i < OBJECTS; i++)
		kfree(live[i]);
	return n;
}

static unsigned int gomalloc_count(unsigned int size, unsigned int nr, gfp_t gfp)
{
	unsigned int i, n = 0;

	for (i = 0; i < nr; i++) {
		live[i] = gom_malloc(size, gfp);
		n += !!live[i];
	}
	for (i = 0; i < nr; i++)
		gom_free(live[i]);
	gom_release_memory();
	return n;
}

/*
 * gomalloc must allocate as many as SLUB, but for 1%, as both may need a page
 * or two of metadata.  If SLUB gets few, there were few pages, and the
 * comparison is void.
 */
static int size_compare(unsigned int size)
{
	const unsigned int slub = slub_count(size);
	const unsigned int gom = gomalloc_count(size, OBJECTS, GFP_NOWAIT | __GFP_NOWARN);

	pr_info("fragments: %u objects of %u bytes without waiting: SLUB %u, gomalloc %u\n",
		OBJECTS, size, slub, gom);
	if (slub < OBJECTS / 2) {
		pr_err("fragments: too few pages are free: SLUB got less than half of the objects\n");
		return -EIO;
	}
	return gom * 100 < slub * 99 ? -EIO : 0;
}

static int sizes_compare(void)
{
	unsigned int i;
	int err = 0;

	gom_release_memory();
	for (i = 0; i < ARRAY_SIZE(sizes); i++)
		err = size_compare(sizes[i]) ?: err;
	for (i = 0; i < ARRAY_SIZE(sizes) && !err; i++) {
		if (gomalloc_count(sizes[i], NOFAIL_OBJECTS, GFP_KERNEL | __GFP_NOFAIL) <
		    NOFAIL_OBJECTS)
			err = -EIO;
	}
	return err;
}

int torture_fragments(unsigned int unused)
{
	struct torture_pages singles = {}, blocks = {};
	int err;

	torture_take_pages(&singles, NUMA_NO_NODE);
	torture_free_odd(&singles);
	torture_take_blocks(&blocks);
	pr_info("fragments: %lu single pages held, each beside a free one, and %lu in blocks\n", singles.nr,
		blocks.nr);
	err = sizes_compare();
	torture_free_pages(&blocks);
	torture_free_pages(&singles);
	return err;
}
