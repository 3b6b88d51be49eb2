/* SPDX-License-Identifier: GPL-2.0 */
/*
 * Size classes: from a size in bytes to a class, and the facts of each class.
 * The sizes themselves are chosen by gomalloc/base/gen_sizeclasses.c.
 */
#ifndef GOM_SIZECLASS_H
#define GOM_SIZECLASS_H

#include <linux/math.h>
#include <linux/types.h>

#include "gomalloc.h"

/*
 * Every page of ours is marked in the page map with a slot: the byte offset of
 * a struct gom_slot in the per-CPU cache.  Slots 1 to 66 are the size classes.
 * Page runs follow, a class for each number of pages above them: a span is one
 * object, so that what is a little too large for a size class is cached as well.
 * Then come the blocks in which tiny objects are combined, cut out of spans like
 * any class.  Slot 0 stands for "not ours", and the last three never hold an object.
 * The pages of named caches' classes, and of spans in which an object has a special
 * (special.h), are marked so that who frees one asks the span's record.
 * Pages of the latter kinds and of tiny blocks do not pass the check of the fast
 * path for frees, which sends them elsewhere.
 */
#define GOM_RUN_MIN_PAGES	(GOM_MAX_SMALL_SIZE / PAGE_SIZE + 1)
#define GOM_RUN_CLASSES		24
#define GOM_RUN_MAX_SIZE	((GOM_RUN_MIN_PAGES + GOM_RUN_CLASSES - 1) * PAGE_SIZE)

enum gom_slot_index {
	GOM_CLASS_RUN = GOM_NR_CLASSES,		/* the shortest page run */
	GOM_CLASS_TINY = GOM_CLASS_RUN + GOM_RUN_CLASSES, /* a block of tiny objects (tiny.c) */
	GOM_NR_SPAN_CLASSES,			/* what spans are cut into */
	GOM_SLOT_LARGE = GOM_NR_SPAN_CLASSES,	/* a large object's page */
	GOM_SLOT_IDLE,				/* a page of a free run */
	GOM_SLOT_ASK,				/* a page whose span says of what class it is */
	GOM_NR_SLOTS,
};

/*
 * A tiny block is as large as the size class that Go names TinySizeClass; it has
 * spans of its own because each needs marks (tiny.h), which ordinary objects of
 * that size do not.
 */
#define GOM_TINY_SIZE_CLASS	2
#define GOM_TINY_SPAN_PAGES	DIV_ROUND_UP(8192, PAGE_SIZE)
#define GOM_TINY_SPAN_BLOCKS	(GOM_TINY_SPAN_PAGES * PAGE_SIZE / GOM_TINY_BLOCK)

#define GOM_SLOT_BYTES		(1U << GOM_SLOT_SHIFT)
#define GOM_SLOT_OF(index)	((u32)(index) << GOM_SLOT_SHIFT)

/* Two tables, as in Go: steps of 8 bytes up to 1024, of 128 bytes above. */
#define GOM_SMALL_STEP_MAX	1024
#define GOM_SMALL_STEP_SHIFT	3
#define GOM_LARGE_STEP_SHIFT	7

/*
 * Objects in a magazine: no more than 256 KiB of memory, and such that magazine and
 * header are a power of two.
 */
#define GOM_MAGAZINE_SIZE(object_size)					\
	((object_size) <= 1024 ? 253 : (object_size) <= 2048 ? 125 :	\
	 (object_size) <= 4096 ? 61 : (object_size) <= 8192 ? 29 :	\
	 (object_size) <= 16384 ? 13 : 5)
#define GOM_MAGAZINE_MAX	GOM_MAGAZINE_SIZE(1)

/* Objects of more than 32 KiB: not many, as they leave little room for others. */
#define GOM_RUN_MAGAZINE_SIZE	2

/**
 * struct gom_class - what never changes about a size class
 * @size: bytes per object
 * @recip: 2^32 / @size rounded up; see gom_class_index()
 * @limit: @recip times an object's offset in its span, modulo 2^32, is below
 *	this, and for any other offset it is not
 * @nelems: objects in a span
 * @npages: pages in a span
 * @align: pages a span's first page is aligned to
 * @mag_size: objects a magazine has room for
 */
struct gom_class {
	u32 size;
	u32 recip;
	u32 limit;
	u16 nelems;
	u16 npages;
	u16 align;
	u16 mag_size;
};

extern const struct gom_class gom_classes[GOM_NR_SPAN_CLASSES];
extern const u16 gom_slot_by_8[(GOM_SMALL_STEP_MAX >> GOM_SMALL_STEP_SHIFT) + 1];
extern const u16 gom_slot_by_128[((GOM_MAX_SMALL_SIZE - GOM_SMALL_STEP_MAX) >>
				  GOM_LARGE_STEP_SHIFT) + 1];

/*
 * The slot of @size: 0, which holds nothing, for 0 and for what is not cached.
 * Pointers, not arrays, as UBSAN would have the indices checked once more.
 */
static __always_inline unsigned int gom_size_to_slot(size_t size)
{
	const u16 *by_8 = gom_slot_by_8, *by_128 = gom_slot_by_128;

	size = GOM_LEAST_SIZE(size);
	if (likely(size <= GOM_SMALL_STEP_MAX))
		return by_8[(size + (1 << GOM_SMALL_STEP_SHIFT) - 1) >> GOM_SMALL_STEP_SHIFT];
	if (size <= GOM_MAX_SMALL_SIZE)
		return by_128[(size - GOM_SMALL_STEP_MAX + (1 << GOM_LARGE_STEP_SHIFT) - 1) >>
			      GOM_LARGE_STEP_SHIFT];
	if (size <= GOM_RUN_MAX_SIZE)
		return GOM_SLOT_OF(GOM_CLASS_RUN + (size - 1) / PAGE_SIZE + 1 - GOM_RUN_MIN_PAGES);
	return 0;
}

/*
 * The index of the object that holds byte @off of a span: @off / @size by a
 * multiplication (Granlund and Montgomery 1994, Lemire 2019), exact for every
 * offset inside a span; sizeclass.c asserts it when it is compiled.
 */
static inline unsigned int gom_class_index(const struct gom_class *cl, u32 off)
{
	return ((u64)off * cl->recip) >> 32;
}

/* Does an object begin at byte @off of a span? */
static inline bool gom_class_begins(const struct gom_class *cl, u32 off)
{
	return off * cl->recip < cl->limit;
}

#endif /* GOM_SIZECLASS_H */
