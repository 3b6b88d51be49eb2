/* SPDX-License-Identifier: GPL-2.0 */
/*
 * Size classes: the lookup from a size in bytes to a class, and the constant
 * data of each class.  The sizes are chosen by gomalloc/base/gen_sizeclasses.c.
 *
 * Constant data: any context, no lock.
 */
#ifndef GOM_SIZECLASS_H
#define GOM_SIZECLASS_H

#include <linux/math.h>
#include <linux/types.h>

#include "gomalloc.h"

/*
 * Slots: the page map has one for every page of gomalloc's, the per-CPU cache a
 * struct gom_slot for each.  A slot is an index; page map and fast paths hold
 * it as a slot offset, the byte offset of the struct gom_slot.
 *
 * Slot 0 means that the page is not gomalloc's.  Slots 1 to 66 are the size
 * classes.
 *
 * Page runs follow, one class for each number of pages above the size classes:
 * a span is one object, so that objects slightly above 32 KiB are cached as
 * well.
 *
 * The last class is that of the blocks in which tiny objects are combined.
 * Blocks are cut out of spans as objects of any class are.
 *
 * The last three slots hold no objects.  GOM_SLOT_ASK stands for pages of named
 * caches and of spans with a special (special/special.h): their class is in the
 * record of the span.
 *
 * Frees of pages in GOM_SLOT_ASK and of tiny blocks fail the test of the fast
 * path and take the slow path.
 */
#define GOM_RUN_MIN_PAGES	(GOM_MAX_SMALL_SIZE / PAGE_SIZE + 1)
#define GOM_RUN_CLASSES		24
#define GOM_RUN_MAX_SIZE	((GOM_RUN_MIN_PAGES + GOM_RUN_CLASSES - 1) * PAGE_SIZE)

enum gom_slot_index {
	GOM_CLASS_RUN = GOM_NR_CLASSES,		/* the shortest page run */
	GOM_CLASS_TINY = GOM_CLASS_RUN + GOM_RUN_CLASSES, /* a tiny block (percpu/tiny.c) */
	GOM_NR_SPAN_CLASSES,			/* number of classes that spans are cut into */
	GOM_SLOT_LARGE = GOM_NR_SPAN_CLASSES,	/* page of a large object */
	GOM_SLOT_IDLE,				/* page of a free run */
	GOM_SLOT_ASK,				/* the record of the span has the class */
	GOM_NR_SLOTS,
};

/*
 * A tiny block has the size of the class that Go calls TinySizeClass.  It has a
 * class of its own because each block needs marks (percpu/tiny.h), which other
 * objects of that size do not have.
 */
#define GOM_TINY_SIZE_CLASS	2
#define GOM_TINY_SPAN_PAGES	DIV_ROUND_UP(8192, PAGE_SIZE)
#define GOM_TINY_SPAN_BLOCKS	(GOM_TINY_SPAN_PAGES * PAGE_SIZE / GOM_TINY_BLOCK)

#define GOM_SLOT_BYTES		(1U << GOM_SLOT_SHIFT)
#define GOM_SLOT_OFF(index)	((u32)(index) << GOM_SLOT_SHIFT)

/*
 * Two lookup tables, as in Go: 8-byte steps up to 1024, 128-byte steps above.
 */
#define GOM_SMALL_STEP_MAX	1024
#define GOM_SMALL_STEP_SHIFT	3
#define GOM_LARGE_STEP_SHIFT	7

/*
 * Most objects in a magazine: at most 256 KiB of memory, and such that the
 * magazine with its header is a power of two.
 */
#define GOM_MAGAZINE_SIZE(object_size)					\
	((object_size) <= 1024 ? 253 : (object_size) <= 2048 ? 125 :	\
	 (object_size) <= 4096 ? 61 : (object_size) <= 8192 ? 29 :	\
	 (object_size) <= 16384 ? 13 : 5)
#define GOM_MAGAZINE_MAX	GOM_MAGAZINE_SIZE(1)

/* Page runs: more would take capacity of the cache from other classes. */
#define GOM_RUN_MAGAZINE_SIZE	2

/**
 * struct gom_class - the constant data of a class
 * @size: bytes per object
 * @recip: 2^32 / @size rounded up; see gom_class_index()
 * @recip_limit: off * @recip modulo 2^32 is below it if, and only if, an object
 *	begins at byte off of a span
 * @nelems: objects in a span
 * @npages: pages in a span
 * @align: alignment of a span's first page, in pages
 * @mag_size: most objects in a magazine
 */
struct gom_class {
	u32 size;
	u32 recip;
	u32 recip_limit;
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
 * The slot offset for @size.  Slot 0, which holds no objects, if @size is 0 or
 * above GOM_RUN_MAX_SIZE.  The tables are read through pointers because UBSAN would
 * check the indices of arrays.
 */
static __always_inline unsigned int gom_size_to_slot_off(size_t size)
{
	const u16 *by_8 = gom_slot_by_8, *by_128 = gom_slot_by_128;

	size = GOM_LEAST_SIZE(size);
	if (likely(size <= GOM_SMALL_STEP_MAX))
		return by_8[(size + (1 << GOM_SMALL_STEP_SHIFT) - 1) >> GOM_SMALL_STEP_SHIFT];
	if (size <= GOM_MAX_SMALL_SIZE)
		return by_128[(size - GOM_SMALL_STEP_MAX + (1 << GOM_LARGE_STEP_SHIFT) - 1) >>
			      GOM_LARGE_STEP_SHIFT];
	if (size <= GOM_RUN_MAX_SIZE)
		return GOM_SLOT_OFF(GOM_CLASS_RUN + (size - 1) / PAGE_SIZE + 1 - GOM_RUN_MIN_PAGES);
	return 0;
}

/* The class of @size, as above. */
static __always_inline unsigned int gom_size_to_class(size_t size)
{
	return gom_size_to_slot_off(size) >> GOM_SLOT_SHIFT;
}

/*
 * The index of the object that holds byte @off of a span: @off / @size by
 * multiplication (Granlund and Montgomery 1994, Lemire 2019).  Exact for all
 * offsets in a span, which sizeclass.c asserts at compile time.
 */
static inline unsigned int gom_class_index(const struct gom_class *cl, u32 off)
{
	return ((u64)off * cl->recip) >> 32;
}

/* Does an object begin at byte @off of a span? */
static inline bool gom_class_begins(const struct gom_class *cl, u32 off)
{
	return off * cl->recip < cl->recip_limit;
}

#endif /* GOM_SIZECLASS_H */
