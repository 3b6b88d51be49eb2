// SPDX-License-Identifier: GPL-2.0
/*
 * Size classes: the tables, computed by the compiler from the sizes that
 * gomalloc/base/gen_sizeclasses.c has chosen.
 *
 * A span is a whole number of kernel pages.  With pages above 8 KiB a span may
 * be longer than the list says and hold more objects; object sizes are the same
 * on all machines.
 *
 * Constant data: any context, no lock.
 */
#include <linux/build_bug.h>
#include <linux/minmax.h>
#include <linux/mm.h>

#include "base/compat.h"
#include "base/sizeclass.h"

#define NPAGES(span)		DIV_ROUND_UP(span, PAGE_SIZE)
#define NELEMS(size, span)	(NPAGES(span) * PAGE_SIZE / (size))
#define LOWEST_BIT(n)		((n) & -(n))

/*
 * Divisibility by multiplication.  With recip = (2^32 + e) / size, where
 * 0 <= e < size, an offset of q * size + r gives, modulo 2^32,
 *
 *	(q * size + r) * recip = q * e + r * recip
 *
 * as long as (q + 1) * e < recip.  For r = 0 that is q * e, which is at most
 * (nelems - 1) * e for an object of the span.  For r > 0 it is at least recip.
 * So one comparison tells the beginning of an object from all other offsets,
 * those in the unused end of the span included.
 */
#define RECIP(size)		(((1ULL << 32) + (size) - 1) / (size))
#define EXCESS(size)		(RECIP(size) * (size) - (1ULL << 32))
#define LIMIT(size, span)	((NELEMS(size, span) - 1) * EXCESS(size) + 1)

/* True for a class for which the above does not hold: breaks the build. */
#define UNFIT(size, span)						\
	((NELEMS(size, span) + 1) * EXCESS(size) >= RECIP(size) ||	\
	 NELEMS(size, span) < 1 || NELEMS(size, span) > U16_MAX || (size) % 8)

#define CLASS_FACTS(i, _size, span)					\
	[i] = {								\
		.size = (_size) + BUILD_BUG_ON_ZERO(UNFIT(_size, span)),	\
		.recip = RECIP(_size),					\
		.recip_limit = LIMIT(_size, span),				\
		.nelems = NELEMS(_size, span),				\
		.npages = NPAGES(span),					\
		.align = DIV_ROUND_UP(LOWEST_BIT(_size), PAGE_SIZE),	\
		.mag_size = GOM_MAGAZINE_SIZE(_size),			\
	},

/*
 * A page run is one object, so an object begins only at offset 0.  It is
 * aligned as kmalloc() aligns it: to the largest power of two that divides its
 * size.
 */
#define RUN_FACTS(i)							\
	[GOM_CLASS_RUN + (i)] = {					\
		.size = (GOM_RUN_MIN_PAGES + (i)) * PAGE_SIZE,		\
		.recip = 1,						\
		.recip_limit = 1,						\
		.nelems = 1,						\
		.npages = GOM_RUN_MIN_PAGES + (i),			\
		.align = LOWEST_BIT(GOM_RUN_MIN_PAGES + (i)),		\
		.mag_size = GOM_RUN_MAGAZINE_SIZE,			\
	},

static_assert(GOM_RUN_CLASSES == 24);

const struct gom_class gom_classes[GOM_NR_SPAN_CLASSES] = {
	GOM_FOR_EACH_CLASS(CLASS_FACTS)
	RUN_FACTS(0) RUN_FACTS(1) RUN_FACTS(2) RUN_FACTS(3)
	RUN_FACTS(4) RUN_FACTS(5) RUN_FACTS(6) RUN_FACTS(7)
	RUN_FACTS(8) RUN_FACTS(9) RUN_FACTS(10) RUN_FACTS(11)
	RUN_FACTS(12) RUN_FACTS(13) RUN_FACTS(14) RUN_FACTS(15)
	RUN_FACTS(16) RUN_FACTS(17) RUN_FACTS(18) RUN_FACTS(19)
	RUN_FACTS(20) RUN_FACTS(21) RUN_FACTS(22) RUN_FACTS(23)
	CLASS_FACTS(GOM_CLASS_TINY, GOM_TINY_BLOCK, GOM_TINY_SPAN_PAGES * PAGE_SIZE)
};
GOM_EXPORT_FOR_TEST(gom_classes);

/* A tiny block has the size of Go's TinySizeClass. */
static_assert(GOM_CLASS_OF(GOM_TINY_BLOCK) == GOM_TINY_SIZE_CLASS);
static_assert(GOM_CLASS_OF(GOM_TINY_BLOCK + 1) != GOM_TINY_SIZE_CLASS);
static_assert(GOM_TINY_MAX < GOM_TINY_BLOCK);

#define ENTRY(class, dma_class)	((GOM_DMA_ALIGNED ? (dma_class) : (class)) << GOM_SLOT_SHIFT)

const u16 gom_slot_by_8[] = { GOM_SIZE_TO_CLASS8(ENTRY) };
const u16 gom_slot_by_128[] = { GOM_SIZE_TO_CLASS128(ENTRY) };
GOM_EXPORT_FOR_TEST(gom_slot_by_8);
GOM_EXPORT_FOR_TEST(gom_slot_by_128);
