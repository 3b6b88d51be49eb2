// SPDX-License-Identifier: GPL-2.0
/*
 * gen_sizeclasses: choose the size classes and print sizeclass_table.h.
 *
 * A host program, run by Kbuild.  It chooses the sizes as the Go runtime does
 * (InitSizes in msize.go of 2015) with its 8 KiB heap page: step through the
 * sizes in steps that grow with the size; give each size the shortest span that
 * wastes at most an eighth at its end; drop a size if the next one gets as many
 * objects out of the same span.
 *
 * Two steps are not in Go.
 *
 * First, a span of few objects is doubled, because each span costs a call into
 * the heap: up to SOME_BYTES until it holds SOME_OBJECTS, and up to MAX_DOUBLED
 * until it holds FEW_OBJECTS.  Longer spans would be freed less often: a span
 * is freed when all of its objects are, and the more objects it has, the
 * likelier one of them is in use.
 *
 * Second, spans may have any number of pages.  Of the lengths near the doubled
 * one, the one is chosen that wastes least, counting its end and its record.
 * Sizes that are a power of two are aligned and waste nothing at the end, so
 * they keep their length.
 */
#include <stdio.h>
#include <stdlib.h>

#define HEAP_PAGE	8192u
#define MAX_SMALL	32768u
#define MAX_CLASSES	67u	/* class 0 is unused */
#define SOME_OBJECTS	16u
#define SOME_BYTES	32768u
#define FEW_OBJECTS	8u
#define MAX_DOUBLED	65536u
#define PAGE		4096u
#define RECORD		64u
#define SMALL_STEP_MAX	1024u	/* sizes up to this are in the table of small steps */
#define SMALL_STEP	8u
#define LARGE_STEP	128u
#define DMA_ALIGN	128u	/* longest cache line supported */

static unsigned int class_size[MAX_CLASSES + 1], class_span[MAX_CLASSES + 1];
static unsigned int nr_classes = 1;

/* Distance to the next candidate size; changes at powers of two. */
static unsigned int step_after(unsigned int size, unsigned int step)
{
	if (size & (size - 1))
		return step;
	if (size >= 2048)
		return 256;
	if (size >= 128)
		return size / 8;
	if (size >= 16)
		return 16;
	return step;
}

static void choose_classes(void)
{
	unsigned int size, span, step = 8;

	for (size = step; size <= MAX_SMALL; size += step) {
		step = step_after(size, step);
		for (span = HEAP_PAGE; span % size > span / 8;)
			span += HEAP_PAGE;
		if (nr_classes > 1 && span == class_span[nr_classes - 1] &&
		    span / size == span / class_size[nr_classes - 1])
			nr_classes--;
		if (nr_classes >= MAX_CLASSES) {
			fprintf(stderr, "gen_sizeclasses: more than %u classes\n", MAX_CLASSES);
			exit(1);
		}
		class_size[nr_classes] = size;
		class_span[nr_classes] = span;
		nr_classes++;
	}
}

static int span_too_short(unsigned int span, unsigned int size)
{
	const unsigned int objects = span / size;

	return (objects < SOME_OBJECTS && span * 2 <= SOME_BYTES) ||
	       (objects < FEW_OBJECTS && span * 2 <= MAX_DOUBLED);
}

static void widen_spans(void)
{
	unsigned int i;

	for (i = 1; i < nr_classes; i++)
		while (span_too_short(class_span[i], class_size[i]))
			class_span[i] *= 2;
}

static double waste_ratio(unsigned int span, unsigned int size)
{
	return (double)(span % size + RECORD) / span;
}

static unsigned int best_span_length(unsigned int span, unsigned int size)
{
	unsigned int objects = span / size < FEW_OBJECTS ? span / size : FEW_OBJECTS;
	unsigned int best = span, other;

	for (other = span / 2 / PAGE * PAGE; other <= span / 4 * 5; other += PAGE)
		if (other / size >= objects && waste_ratio(other, size) < waste_ratio(best, size))
			best = other;
	return best;
}

static void choose_span_lengths(void)
{
	unsigned int i;

	for (i = 1; i < nr_classes; i++)
		if (class_size[i] & (class_size[i] - 1))
			class_span[i] = best_span_length(class_span[i], class_size[i]);
}

/*
 * The smallest class of objects that hold @size bytes and are aligned to the
 * largest power of two that divides @size, as kmalloc() aligns them.  The last
 * class is a power of two, so the loop ends.
 */
static unsigned int class_of(unsigned int size)
{
	unsigned int i = 1;

	if (!size)
		return 0;
	while (class_size[i] < size || class_size[i] % (size & -size))
		i++;
	return i;
}

/* The size of kmalloc()'s bucket for @size bytes. */
static unsigned int kmalloc_bucket(unsigned int size)
{
	unsigned int bucket = 8;

	if (size > 64 && size <= 96)
		return 96;
	if (size > 128 && size <= 192)
		return 192;
	while (bucket < size)
		bucket *= 2;
	return bucket;
}

/*
 * The class of @size on machines where DMA is not coherent
 * (ARCH_DMA_MINALIGN).  The DMA layer assumes that a buffer shares no cache
 * line if its kmalloc() bucket is a multiple of the line.  So the object is
 * aligned as the bucket is, up to DMA_ALIGN.
 */
static unsigned int dma_class_of(unsigned int size)
{
	unsigned int bucket = kmalloc_bucket(size), align = bucket & -bucket, i;

	if (!size)
		return 0;
	if (align > DMA_ALIGN)
		align = DMA_ALIGN;
	for (i = class_of(size); class_size[i] % align || class_size[i] % (size & -size);)
		i++;
	return i;
}

/* The next size that has an entry in a lookup table. */
static unsigned int next_step(unsigned int size)
{
	return size + (size < SMALL_STEP_MAX ? SMALL_STEP : LARGE_STEP);
}

/*
 * A chain of ?: for constant sizes.  It steps through the sizes as the lookup
 * tables do, so that a constant size gets the same class as a variable one.
 */
static void print_const_class(const char *name, unsigned int (*class_of)(unsigned int size))
{
	unsigned int size, n = 0;

	printf("\n#define %s(size)", name);
	for (size = SMALL_STEP; size < MAX_SMALL; size = next_step(size)) {
		if (class_of(next_step(size)) == class_of(size))
			continue;
		printf(" \\\n\t%s(size) <= %u ? %u :", n++ ? " " : "(", size, class_of(size));
	}
	printf(" %u)\n", class_of(MAX_SMALL));
}

/*
 * A lookup table.  Entry i holds the class, and the class for DMA, of the sizes
 * up to first + i * step.
 */
static void print_lookup(const char *name, unsigned int first, unsigned int last, unsigned int step)
{
	unsigned int size, n = 0;

	printf("\n#define %s(X)", name);
	for (size = first; size <= last; size += step)
		printf("%s X(%u, %u),", n++ % 8 ? "" : " \\\n\t", class_of(size),
		       dma_class_of(size));
	printf("\n");
}

static void print_header(void)
{
	unsigned int i;

	printf("/* Generated when the module is built; do not edit. */\n"
	       "#ifndef GOM_SIZECLASS_TABLE_H\n#define GOM_SIZECLASS_TABLE_H\n\n"
	       "#define GOM_NR_CLASSES\t\t%u\t/* class 0 is unused */\n"
	       "#define GOM_MAX_SMALL_SIZE\t%u\t/* bytes */\n\n"
	       "/* X(class, object size in bytes, span in bytes) */\n"
	       "#define GOM_FOR_EACH_CLASS(X)", nr_classes, MAX_SMALL);
	for (i = 1; i < nr_classes; i++)
		printf(" \\\n\tX(%u, %u, %u)", i, class_size[i], class_span[i]);

	printf("\n\n/* The class of a constant size; no use for any other. */");
	print_const_class("GOM_CLASS_OF", class_of);
	printf("\n/* The same where DMA must not share cache lines: see GOM_CONST_CLASS(). */");
	print_const_class("GOM_DMA_CLASS_OF", dma_class_of);
	printf("\n/* X(class, class for DMA) of the sizes 0, 8, 16, ... 1024 and of 1024, 1152, ... */");
	print_lookup("GOM_SIZE_TO_CLASS8", 0, SMALL_STEP_MAX, SMALL_STEP);
	print_lookup("GOM_SIZE_TO_CLASS128", SMALL_STEP_MAX, MAX_SMALL, LARGE_STEP);
	printf("\n#endif\n");
}

int main(void)
{
	choose_classes();
	widen_spans();
	choose_span_lengths();
	print_header();
	return 0;
}
