// SPDX-License-Identifier: GPL-2.0
/*
 * gen_sizeclasses: choose the size classes and print sizeclass_table.h.
 *
 * Host program, run by Kbuild.  The choice of sizes is the one of the Go
 * runtime (InitSizes in msize.go of 2015) with its 8 KiB heap page: go up in
 * steps that grow with the size, give each size the smallest span that wastes
 * at most an eighth at its end, and drop a size that would fill the same span
 * with as many objects as the next one.
 *
 * Two steps are ours.  A span that would hold only a few objects is doubled, because
 * each span costs a trip to the heap: up to SOME_BYTES until it holds SOME_OBJECTS, and
 * beyond while it holds less than FEW_OBJECTS.  Not further, as a span goes back when
 * all its objects are free, and of many one is likely to stay.  Then, as spans are of
 * any number of pages, of the lengths around that one the one is taken that wastes
 * least at its end and for its record; but objects of a power of two, which are aligned,
 * fill theirs anyway.
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
#define SMALL_STEP_MAX	1024u	/* sizes in the table of small steps */
#define SMALL_STEP	8u
#define LARGE_STEP	128u
#define DMA_ALIGN	128u	/* the longest cache line that matters */

static unsigned int class_size[MAX_CLASSES + 1], class_span[MAX_CLASSES + 1];
static unsigned int nr_classes = 1;

/* The distance to the next candidate size, changed at powers of two. */
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

static int is_too_short(unsigned int span, unsigned int size)
{
	const unsigned int objects = span / size;

	return (objects < SOME_OBJECTS && span * 2 <= SOME_BYTES) ||
	       (objects < FEW_OBJECTS && span * 2 <= MAX_DOUBLED);
}

static void widen_spans(void)
{
	unsigned int i;

	for (i = 1; i < nr_classes; i++)
		while (is_too_short(class_span[i], class_size[i]))
			class_span[i] *= 2;
}

static double wasted(unsigned int span, unsigned int size)
{
	return (double)(span % size + RECORD) / span;
}

static unsigned int best_length(unsigned int span, unsigned int size)
{
	unsigned int objects = span / size < FEW_OBJECTS ? span / size : FEW_OBJECTS;
	unsigned int best = span, other;

	for (other = span / 2 / PAGE * PAGE; other <= span / 4 * 5; other += PAGE)
		if (other / size >= objects && wasted(other, size) < wasted(best, size))
			best = other;
	return best;
}

static void fit_spans(void)
{
	unsigned int i;

	for (i = 1; i < nr_classes; i++)
		if (class_size[i] & (class_size[i] - 1))
			class_span[i] = best_length(class_span[i], class_size[i]);
}

/*
 * The smallest class whose objects hold @size bytes and are aligned to the largest power
 * of two that divides it, as kmalloc() aligns them.  The last class is a power of two.
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
 * The same where a device may write past the caches (ARCH_DMA_MINALIGN): the DMA layer
 * takes a buffer whose kmalloc() bucket is a multiple of the cache line for one that
 * shares no line, so the object is aligned as the bucket is, up to DMA_ALIGN.
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

/* The next size that has an entry in a table. */
static unsigned int next_step(unsigned int size)
{
	return size + (size < SMALL_STEP_MAX ? SMALL_STEP : LARGE_STEP);
}

/* Like the tables, step by step, so that a constant size gets the class that others get. */
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

/* A lookup table: entry i is of sizes up to first + i * step: their class, and that for DMA. */
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
	fit_spans();
	print_header();
	return 0;
}
