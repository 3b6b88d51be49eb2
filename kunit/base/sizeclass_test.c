// SPDX-License-Identifier: GPL-2.0
/*
 * Size classes.  The sizes are recomputed from the rules of the Go runtime,
 * with another algorithm than that of the generator, and compared.  Then every
 * size and every byte offset is tested.
 */
#include <linux/align.h>
#include <linux/log2.h>

#include "base/compat.h"
#include "base/sizeclass.h"
#include "gomalloc.h"
#include "suites.h"

#define HEAP_PAGE	8192U

struct recomputed {
	unsigned int n;
	unsigned int size[GOM_NR_CLASSES + 1];
	unsigned int span[GOM_NR_CLASSES + 1];
};

/* The smallest span of whole heap pages that wastes at most an eighth. */
static unsigned int go_span(unsigned int size)
{
	unsigned int pages;

	for (pages = 1; (pages * HEAP_PAGE) % size * 8 > pages * HEAP_PAGE; pages++)
		;
	return pages * HEAP_PAGE;
}

/* Distance from @size to the next size, by ranges. */
static unsigned int go_spacing(unsigned int size)
{
	if (size < 16)
		return 8;
	if (size < 128)
		return 16;
	if (size < 2048)
		return rounddown_pow_of_two(size) / 8;
	return 256;
}

/*
 * From half of @span to a quarter more, the length that wastes the least part.
 */
static unsigned int span_best_length(unsigned int span, unsigned int size)
{
	const unsigned int few = min(span / size, 8U);
	unsigned int best = span, pages;

	for (pages = 1; pages * 4096 <= span + span / 4; pages++) {
		const unsigned int bytes = pages * 4096;

		if (bytes < rounddown(span / 2, 4096U) || bytes / size < few)
			continue;
		if ((u64)(bytes % size + 64) * best < (u64)(best % size + 64) * bytes)
			best = bytes;
	}
	return best;
}

static void classes_recompute(struct recomputed *r)
{
	unsigned int size, next, span;

	r->n = 1;
	for (size = 8; size <= GOM_MAX_SMALL_SIZE; size = next) {
		next = size + go_spacing(size);
		span = go_span(size);
		/* Skip a size if the next fits as often into the same span. */
		if (next <= GOM_MAX_SMALL_SIZE && go_span(next) == span &&
		    span / next == span / size)
			continue;
		while (span / size < (span <= 16384 ? 16 : 8) && span <= 32768)
			span *= 2;
		if (!is_power_of_2(size))
			span = span_best_length(span, size);
		r->size[r->n] = size;
		r->span[r->n] = span;
		if (++r->n > GOM_NR_CLASSES)
			return;
	}
}

static void classes_are_those_of_go(struct kunit *test)
{
	struct recomputed *r = kunit_kzalloc(test, sizeof(*r), GFP_KERNEL);
	unsigned int i;

	KUNIT_ASSERT_NOT_NULL(test, r);
	classes_recompute(r);
	KUNIT_ASSERT_EQ(test, r->n, (unsigned int)GOM_NR_CLASSES);
	for (i = 1; i < r->n; i++) {
		KUNIT_EXPECT_EQ_MSG(test, gom_classes[i].size, r->size[i], "class %u", i);
		KUNIT_EXPECT_EQ_MSG(test, (unsigned int)gom_classes[i].npages,
				    (unsigned int)DIV_ROUND_UP(r->span[i], PAGE_SIZE),
				    "class %u", i);
	}
}

/* The end of the step of the size table that contains @size. */
static unsigned int table_step_end(unsigned int size)
{
	return size <= GOM_SMALL_STEP_MAX ? roundup(size, 1 << GOM_SMALL_STEP_SHIFT) :
					    roundup(size, 1 << GOM_LARGE_STEP_SHIFT);
}

/*
 * Objects of the class are aligned to the largest power of two that divides the
 * size.
 */
static void every_size_gets_the_smallest_class_that_fits(struct kunit *test)
{
	unsigned int size, end, class, expected;

	if (ARCH_DMA_MINALIGN > 8)
		kunit_skip(test, "on this architecture objects are larger, for DMA");
	for (size = 1; size <= GOM_MAX_SMALL_SIZE; size++) {
		end = table_step_end(size);
		expected = 1;
		while (gom_classes[expected].size < end ||
		       gom_classes[expected].size % (end & -end))
			expected++;
		class = gom_size_to_class(size);
		if (class != expected)
			KUNIT_FAIL(test, "size %u: class %u, not %u", size, class, expected);
		if (GOM_CONST_CLASS(size) != expected)
			KUNIT_FAIL(test, "constant size %u: class %u, not %u", size,
				   GOM_CONST_CLASS(size), expected);
	}
	KUNIT_EXPECT_EQ(test, gom_size_to_slot_off(0), 0U);
	KUNIT_EXPECT_EQ(test, gom_size_to_slot_off(GOM_MAX_SMALL_SIZE + 1), GOM_SLOT_OFF(GOM_CLASS_RUN));
	KUNIT_EXPECT_EQ(test, gom_size_to_slot_off(GOM_RUN_MAX_SIZE), GOM_SLOT_OFF(GOM_CLASS_TINY - 1));
	KUNIT_EXPECT_EQ(test, gom_size_to_slot_off(GOM_RUN_MAX_SIZE + 1), 0U);
	KUNIT_EXPECT_EQ(test, gom_size_to_slot_off(SIZE_MAX), 0U);
}

/*
 * Where DMA is not coherent, the DMA layer assumes that an object shares no
 * cache line if kmalloc()'s bucket is a multiple of the line, of 64 or 128
 * bytes.
 */
static void classes_for_dma_share_no_cache_line(struct kunit *test)
{
	unsigned int size, line, class;

	for (size = 1; size <= GOM_MAX_SMALL_SIZE; size++) {
		class = GOM_DMA_CLASS_OF(size);
		KUNIT_ASSERT_GE(test, gom_classes[class].size, size);
		for (line = 16; line <= 128; line *= 2)
			if (kmalloc_size_roundup(size) % line == 0 &&
			    gom_classes[class].size % line)
				KUNIT_FAIL(test, "size %u: objects of %u bytes, lines of %u", size,
					   gom_classes[class].size, line);
	}
}

/* The minimal alignment of kmalloc(), which on some machines is that of DMA. */
static void objects_have_kmalloc_alignment(struct kunit *test)
{
	unsigned int size, slot;

	for (size = 1; size <= GOM_RUN_MAX_SIZE; size++) {
		slot = gom_size_to_class(size);
		if (gom_classes[slot].size % ARCH_KMALLOC_MINALIGN)
			KUNIT_FAIL(test, "size %u: objects of %u bytes", size,
				   gom_classes[slot].size);
	}
}

/*
 * As kmalloc() since 6.12: to the largest power of two that divides the size.
 */
static void objects_are_aligned_to_power_of_two(struct kunit *test)
{
	const size_t step = TIMES(8, 512);
	unsigned int misaligned = 0, i;
	size_t size;
	void *p[5];

	for (size = step; size <= 2 * GOM_RUN_MAX_SIZE; size += step) {
		for (i = 0; i < ARRAY_SIZE(p); i++) {
			p[i] = gom_malloc(size, GFP_KERNEL);
			KUNIT_ASSERT_NOT_NULL(test, p[i]);
			misaligned += !IS_ALIGNED((unsigned long)p[i], size & -size);
		}
		for (i = 0; i < ARRAY_SIZE(p); i++)
			gom_free_sized(p[i], size);
	}
	KUNIT_EXPECT_EQ(test, misaligned, 0U);
}

static void a_span_wastes_at_most_an_eighth(struct kunit *test)
{
	unsigned int i, span, used;

	for (i = 1; i < GOM_NR_CLASSES; i++) {
		span = gom_classes[i].npages * PAGE_SIZE;
		used = gom_classes[i].nelems * gom_classes[i].size;
		KUNIT_EXPECT_LE(test, used, span);
		KUNIT_EXPECT_LE_MSG(test, (span - used) * 8, span, "class %u", i);
		KUNIT_EXPECT_LT_MSG(test, span - used, gom_classes[i].size, "class %u", i);
	}
}

static void division_is_exact_at_every_offset(struct kunit *test)
{
	const struct gom_class *cl;
	unsigned int i, off, index;
	bool begins;

	for (i = 1; i < GOM_NR_CLASSES; i++) {
		cl = &gom_classes[i];
		for (off = 0; off < cl->npages * PAGE_SIZE; off++) {
			index = off / cl->size;
			begins = index < cl->nelems && off % cl->size == 0;
			if (gom_class_begins(cl, off) != begins ||
			    gom_class_index(cl, off) != index) {
				KUNIT_FAIL(test, "class %u, offset %u", i, off);
				return;
			}
		}
	}
}

static struct kunit_case cases[] = {
	KUNIT_CASE(classes_are_those_of_go),
	KUNIT_CASE(every_size_gets_the_smallest_class_that_fits),
	KUNIT_CASE(classes_for_dma_share_no_cache_line),
	KUNIT_CASE(objects_have_kmalloc_alignment),
	HEAP_CASE(objects_are_aligned_to_power_of_two),
	KUNIT_CASE(a_span_wastes_at_most_an_eighth),
	KUNIT_CASE(division_is_exact_at_every_offset),
	{}
};

struct kunit_suite gomalloc_sizeclass_suite = {
	.name = "gomalloc_sizeclass",
	.init = gomtest_begin_any,
	.exit = gomtest_end,
	.test_cases = cases,
};
