// SPDX-License-Identifier: GPL-2.0
/*
 * The consistency check: each structure is corrupted in turn, which is
 * reported.
 */
#include <linux/mm.h>
#include <linux/percpu.h>

#include "base/compat.h"
#include "base/persistent.h"
#include "central/mcentral.h"
#include "debug/check.h"
#include "gomalloc.h"
#include "heap/mheap.h"
#include "heap/scavenger.h"
#include "log.h"
#include "percpu/mcache.h"
#include "special/special.h"
#include "suites.h"

/* A size with several pages in a span, whose bitmap does not fill its words. */
#define SIZE	1408U
#define OBJECTS	100U

static void *objects[OBJECTS];
static unsigned int class, ms_before;

/*
 * After @corrupt the check reports @words; after @repair it reports nothing.
 */
#define EXPECT_REPORTED(test, words, corrupt, repair)				\
do {										\
	int __found;								\
										\
	gomtest_log_clear();							\
	corrupt;								\
	__found = gom_check();							\
	repair;									\
	KUNIT_EXPECT_GT_MSG(test, __found, 0, "%s", words);			\
	KUNIT_EXPECT_TRUE_MSG(test, gomtest_log_contains("gomalloc: check: "), "%s", words); \
	KUNIT_EXPECT_TRUE_MSG(test, gomtest_log_contains(words), "%s", words);	\
	KUNIT_EXPECT_EQ_MSG(test, gom_check(), 0, "after %s", words);		\
} while (0)

static u32 *page_word(const void *p)
{
	unsigned long off = (unsigned long)p - gom_pagemap.base;
	struct gom_region *r = gom_pagemap.directory->region[off >> GOM_REGION_SHIFT];

	return &r->entry[(off >> PAGE_SHIFT) % GOM_REGION_PAGES];
}

/* A span of the class with free objects and others. */
static struct gom_span *span_partial(struct kunit *test)
{
	struct gom_mcentral *c = gom_mcentral_of(class, numa_mem_id());

	KUNIT_ASSERT_FALSE(test, list_empty(&c->spans));
	return list_first_entry(&c->spans, struct gom_span, list);
}

static void page_map_entries(struct kunit *test)
{
	struct gom_span *s = gom_pagemap_span(objects[0]);
	u32 *word = page_word(s->base + PAGE_SIZE), saved = *word;
	void *page = s->base;
	u32 *first = page_word(page), first_saved = *first;

	EXPECT_REPORTED(test, "its page-map word is", *word ^= 2 * PAGE_SIZE, *word = saved);
	EXPECT_REPORTED(test, "its page-map word is", *word = GOM_SLOT_OFF(GOM_SLOT_IDLE),
			*word = saved);
	EXPECT_REPORTED(test, "is not gomalloc's, but has a record", *first = 0,
			*first = first_saved);
}

static void spans_and_bitmaps(struct kunit *test)
{
	struct gom_span *s = span_partial(test);
	const struct gom_class *cl = &gom_classes[class];
	unsigned int bit = __ffs(s->free[0] ?: 1);
	struct gom_mcentral *c = gom_mcentral_of(class, s->nid);
	void *base = s->base;

	EXPECT_REPORTED(test, "in its bitmap", s->nfree++, s->nfree--);
	if (s->free[0])
		EXPECT_REPORTED(test, "in its bitmap", __clear_bit(bit, s->free),
				__set_bit(bit, s->free));
	KUNIT_ASSERT_NE(test, cl->nelems % BITS_PER_LONG, 0);
	EXPECT_REPORTED(test, "its bitmap has bits beyond", __set_bit(cl->nelems, s->free),
			__clear_bit(cl->nelems, s->free));
	EXPECT_REPORTED(test, "but it is not listed", list_del_init(&s->list),
			list_add(&s->list, &c->spans));
	EXPECT_REPORTED(test, "its record says", s->base += PAGE_SIZE, s->base = base);
	EXPECT_REPORTED(test, "has state", s->state = GOM_SPAN_IDLE, s->state = GOM_SPAN_SMALL);
	EXPECT_REPORTED(test, "lists span", s->state = GOM_SPAN_BUSY, s->state = GOM_SPAN_SMALL);
	EXPECT_REPORTED(test, "spans in the page map", atomic_long_inc(&c->nr_spans),
			atomic_long_dec(&c->nr_spans));
}

static void tiny_marks(struct kunit *test)
{
	void *p = gom_malloc_noscan(4, GFP_KERNEL);
	struct gom_tiny_marks *marks;
	struct gom_span *s;
	unsigned int i;

	KUNIT_ASSERT_NOT_NULL(test, p);
	s = gom_pagemap_span(p);
	marks = gom_tiny_marks(s);
	i = find_first_bit(s->free, GOM_TINY_SPAN_BLOCKS);
	KUNIT_ASSERT_LT(test, i, (unsigned int)GOM_TINY_SPAN_BLOCKS);
	EXPECT_REPORTED(test, "is free, but its marks are", marks->starts[i] = 4,
			marks->starts[i] = 0);
	i = (p - s->base) / GOM_TINY_BLOCK;
	gom_mcache_flush_all();		/* closes the block, which has one object */
	EXPECT_REPORTED(test, "do not match starts", marks->starts[i] <<= 1,
			marks->starts[i] >>= 1);
	gom_free(p);
}

/* The loaded magazine of this CPU, with at least two objects. */
static struct gom_magazine *magazine_loaded(struct kunit *test, struct gom_mcache **c)
{
	struct gom_magazine *mag;
	unsigned int i;

	for (i = 0; i < 4; i++)
		gom_free(objects[i]);
	*c = raw_cpu_ptr(&gom_mcache);
	mag = (*c)->class[class].mag;
	KUNIT_ASSERT_NOT_NULL(test, mag);
	KUNIT_ASSERT_GE(test, (*c)->slot[class].top - &mag->bottom, 2L);
	return mag;
}

static void cpu_caches(struct kunit *test)
{
	struct gom_magazine *mag;
	struct gom_mcache *c;
	void *saved;
	unsigned int i;

	migrate_disable();
	mag = magazine_loaded(test, &c);
	saved = mag->obj[0];
	EXPECT_REPORTED(test, "is in magazines twice", mag->obj[0] = mag->obj[1],
			mag->obj[0] = saved);
	EXPECT_REPORTED(test, "is no object of this class", mag->obj[0] = saved + 8,
			mag->obj[0] = saved);
	EXPECT_REPORTED(test, "is no object of this class", mag->obj[0] = test,
			mag->obj[0] = saved);
	EXPECT_REPORTED(test, "a magazine of class", mag->class++, mag->class--);
	EXPECT_REPORTED(test, "capacity for", c->bytes += 8, c->bytes -= 8);
	EXPECT_REPORTED(test, "its slot is of another class", c->slot[class].recip_limit++,
			c->slot[class].recip_limit--);
	EXPECT_REPORTED(test, "mallocing is set", c->mallocing |= GOM_MALLOCING,
			c->mallocing &= ~GOM_MALLOCING);
	migrate_enable();
	for (i = 0; i < 4; i++)
		objects[i] = gom_malloc(SIZE, GFP_KERNEL);
}

static void depots_and_statistics(struct kunit *test)
{
	struct gom_mcentral *c = gom_mcentral_of(class, numa_mem_id());

	EXPECT_REPORTED(test, "empty magazines", c->nr_full++, c->nr_full--);
	EXPECT_REPORTED(test, "live", c->mallocs++, c->mallocs--);
	EXPECT_REPORTED(test, "live", c->frees += 3, c->frees -= 3);
}

/* Pop a full magazine from the depot, like a task that is then preempted. */
static struct gom_magazine *depot_pop(struct kunit *test, struct gom_mcentral *c)
{
	struct gom_magazine *mag;
	unsigned long flags;

	spin_lock_irqsave(&c->lock, flags);
	mag = c->full;
	if (mag) {
		c->full = mag->next;
		c->nr_full--;
	}
	spin_unlock_irqrestore(&c->lock, flags);
	KUNIT_ASSERT_NOT_NULL(test, mag);
	return mag;
}

static void depot_push(struct gom_mcentral *c, struct gom_magazine *mag)
{
	unsigned long flags;

	spin_lock_irqsave(&c->lock, flags);
	mag->next = c->full;
	c->full = mag;
	c->nr_full++;
	spin_unlock_irqrestore(&c->lock, flags);
}

/* Put some objects of the class into its depot. */
static void depot_fill(void)
{
	unsigned int i;

	for (i = 0; i < 60; i++)
		gom_free(objects[i]);
	gom_mcache_flush_all();
	for (i = 0; i < 60; i++)
		objects[i] = gom_malloc(SIZE, GFP_KERNEL);
	for (i = 0; i < 60; i++)
		gom_free(objects[i]);
	gom_mcache_flush_all();
}

/*
 * A magazine in flight is no error, for any time; other errors are still found.
 */
static void magazine_in_flight_is_no_finding(struct kunit *test)
{
	struct gom_mcentral *c = gom_mcentral_of(class, numa_mem_id());
	struct gom_magazine *mag;
	unsigned int i;

	depot_fill();
	mag = depot_pop(test, c);
	KUNIT_EXPECT_EQ(test, gom_check(), 0);
	EXPECT_REPORTED(test, "live", c->mallocs += mag->nr + 1, c->mallocs -= mag->nr + 1);
	EXPECT_REPORTED(test, "live", c->frees += mag->nr + GOM_MAGAZINE_MAX * 4,
			c->frees -= mag->nr + GOM_MAGAZINE_MAX * 4);
	depot_push(c, mag);
	KUNIT_EXPECT_EQ(test, gom_check(), 0);
	for (i = 0; i < 60; i++)
		objects[i] = gom_malloc(SIZE, GFP_KERNEL);
}

/* Write the page-map words of @s, as setting up or freeing a span does. */
static void span_write_words(const struct gom_span *s, u32 word, u32 step)
{
	unsigned int i;

	for (i = 0; i < s->npages; i++, word += step)
		*page_word(s->base + i * PAGE_SIZE) = word;
}

/* A span all of whose objects are in @p; NULL if there is none. */
static struct gom_span *span_full(void **p, unsigned int n)
{
	struct gom_span *s;
	unsigned int i, j, in;

	for (i = 0; i < n; i++) {
		s = gom_pagemap_span(p[i]);
		for (in = 0, j = 0; j < n; j++)
			in += gom_pagemap_span(p[j]) == s;
		if (in == s->nelems)
			return s;
	}
	return NULL;
}

/*
 * A span that has left its class, but whose pages are not yet in the heap: it
 * waits for a grace period, or its task was preempted.  That is no error, for
 * any time.
 */
static void span_in_flight_is_no_finding(struct kunit *test)
{
	const unsigned int n = 8 * gom_classes[class].nelems;
	void **p = kunit_kcalloc(test, n, sizeof(*p), GFP_KERNEL);
	struct gom_mcentral *c;
	struct gom_mheap *h;
	struct gom_span *s;
	unsigned int nelems;
	u32 word;

	KUNIT_ASSERT_NOT_NULL(test, p);
	gom_mcache_flush_all();		/* cached objects would be missing in @p */
	KUNIT_ASSERT_TRUE(test, gom_malloc_bulk(SIZE, GFP_KERNEL, n, p));
	s = span_full(p, n);
	if (!s)
		gom_free_bulk(n, p);
	KUNIT_ASSERT_NOT_NULL(test, s);
	nelems = s->nelems;
	c = gom_mcentral_of(class, s->nid);
	h = gom_mheaps[s->nid];
	word = *page_word(s->base);
	s->state = GOM_SPAN_BUSY;
	atomic_long_dec(&c->nr_spans);
	c->frees += nelems;
	KUNIT_EXPECT_EQ(test, gom_check(), 0);
	EXPECT_REPORTED(test, "live", c->frees++, c->frees--);
	span_write_words(s, GOM_SLOT_OFF(GOM_SLOT_IDLE), 0);
	KUNIT_EXPECT_EQ(test, gom_check(), 0);
	EXPECT_REPORTED(test, "pages in free runs", h->idle_pages += s->npages,
			h->idle_pages -= s->npages);
	span_write_words(s, word, PAGE_SIZE);
	s->state = GOM_SPAN_SMALL;
	atomic_long_inc(&c->nr_spans);
	c->frees -= nelems;
	KUNIT_EXPECT_EQ(test, gom_check(), 0);
	gom_free_bulk(n, p);
}

/*
 * Pages in flight from the page allocator or to it are no error, for any time.
 */
static void pages_in_flight_are_no_finding(struct kunit *test)
{
	struct gom_mheap *h = gom_mheaps[numa_mem_id()];

	EXPECT_REPORTED(test, "pages held", h->sys_pages += 16, h->sys_pages -= 16);
	atomic_long_add(16, &h->moving_pages);
	h->sys_pages += 16;
	KUNIT_EXPECT_EQ(test, gom_check(), 0);
	EXPECT_REPORTED(test, "pages held", h->sys_pages++, h->sys_pages--);
	h->sys_pages -= 32;
	KUNIT_EXPECT_EQ(test, gom_check(), 0);
	EXPECT_REPORTED(test, "pages held", h->sys_pages--, h->sys_pages++);
	h->sys_pages += 16;
	atomic_long_sub(16, &h->moving_pages);
	KUNIT_EXPECT_EQ(test, gom_check(), 0);
}

/*
 * The counter of pages in flight returns to 0; else the check would miss
 * errors.
 */
static void no_pages_stay_in_flight(struct kunit *test)
{
	void *p = gom_malloc(300000, GFP_KERNEL), *q = gom_malloc(300000, GFP_KERNEL | GFP_DMA);
	int nid;

	gom_free(p);
	gom_free(q);
	gom_free(gom_realloc(gom_malloc(1 << 20, GFP_KERNEL), 200000, GFP_KERNEL));
	gom_mcache_flush_all();
	gom_mcentral_drain();
	gom_mheap_release(ULONG_MAX);
	for_each_gom_node(nid)
		KUNIT_EXPECT_EQ(test, atomic_long_read(&gom_mheaps[nid]->moving_pages), 0L);
}

static void heaps(struct kunit *test)
{
	struct gom_mheap *h = gom_mheaps[numa_mem_id()];
	struct gom_span *r;
	unsigned int bin;

	gom_free(gom_malloc(300000, GFP_KERNEL));
	bin = find_last_bit(h->nonempty, GOM_HEAP_BINS);
	KUNIT_ASSERT_LT(test, bin, GOM_HEAP_BINS);
	r = hlist_entry(h->bin[bin].first, struct gom_span, run);
	EXPECT_REPORTED(test, "pages in free runs", h->idle_pages++, h->idle_pages--);
	EXPECT_REPORTED(test, "pages held", h->sys_pages--, h->sys_pages++);
	EXPECT_REPORTED(test, "and the bitmap of bins differ", __clear_bit(bin, h->nonempty),
			__set_bit(bin, h->nonempty));
	EXPECT_REPORTED(test, "runs, ", h->runs[bin]++, h->runs[bin]--);
	EXPECT_REPORTED(test, "free run", r->npages--, r->npages++);
	EXPECT_REPORTED(test, "free run", r->state = GOM_SPAN_LARGE, r->state = GOM_SPAN_IDLE);
}

static void no_finalizer(void *p, void *arg)
{
}

static void specials(struct kunit *test)
{
	struct gom_special *sp;
	struct rb_node *root;
	struct gom_span *s;
	u32 offset;
	atomic_t *near;

	KUNIT_ASSERT_EQ(test, gom_set_finalizer(objects[0], no_finalizer, NULL), 0);
	near = &gom_special_near[(unsigned long)objects[0] / PAGE_SIZE % GOM_SPECIAL_NEAR];
	s = gom_pagemap_span(objects[0]);
	root = s->specials.rb_node;
	sp = rb_entry(root, struct gom_special, rb);
	offset = sp->offset;
	EXPECT_REPORTED(test, "which frees do not see", atomic_andnot(GOM_NEAR_FLAG, near),
			atomic_or(GOM_NEAR_FLAG, near));
	EXPECT_REPORTED(test, "in the counters that frees test", atomic_add(GOM_NEAR_ONE, near),
			atomic_sub(GOM_NEAR_ONE, near));
	EXPECT_REPORTED(test, "beyond its end", sp->offset = 1 << 20, sp->offset = offset);
	EXPECT_REPORTED(test, "its page-map word is", s->specials.rb_node = NULL,
			s->specials.rb_node = root);
	KUNIT_EXPECT_EQ(test, gom_set_finalizer(objects[0], NULL, NULL), 0);
}

static void persistent_memory(struct kunit *test)
{
	struct gom_persistent_info *info = gom_persistent_info_of(raw_smp_processor_id());

	EXPECT_REPORTED(test, "chunks of cpu", info->used += 8, info->used -= 8);
	EXPECT_REPORTED(test, "chunks of cpu", info->wasted += 8, info->wasted -= 8);
	EXPECT_REPORTED(test, "all chunks", info->bytes += 8, info->bytes -= 8);
}

static int check_begin(struct kunit *test)
{
	unsigned int i;
	int err = gomtest_begin_heap(test);

	if (err)
		return err;
	class = gom_size_to_class(SIZE);
	/* The scavenger must not release what is corrupted for a moment. */
	ms_before = gom_scavenge_ms;
	gom_scavenge_ms = 0;
	gom_scavenger_set();
	for (i = 0; i < OBJECTS; i++) {
		objects[i] = gom_malloc(SIZE, GFP_KERNEL);
		KUNIT_ASSERT_NOT_NULL(test, objects[i]);
	}
	/*
	 * Now some are in magazines, some free in their spans, and some in use.
	 */
	gom_free_bulk(40, objects + 60);
	gom_mcache_flush_all();
	gom_mcentral_drain_class(class);
	return gomtest_log_capture();
}

static void check_end(struct kunit *test)
{
	gomtest_log_release();
	gom_scavenge_ms = ms_before;
	gom_scavenger_set();
	gom_free_bulk(60, objects);
	gomtest_end(test);
}

static struct kunit_case cases[] = {
	KUNIT_CASE(page_map_entries),
	KUNIT_CASE(spans_and_bitmaps),
	KUNIT_CASE(tiny_marks),
	KUNIT_CASE(cpu_caches),
	KUNIT_CASE(depots_and_statistics),
	KUNIT_CASE(magazine_in_flight_is_no_finding),
	KUNIT_CASE(span_in_flight_is_no_finding),
	KUNIT_CASE(pages_in_flight_are_no_finding),
	KUNIT_CASE(no_pages_stay_in_flight),
	KUNIT_CASE(heaps),
	KUNIT_CASE(specials),
	KUNIT_CASE(persistent_memory),
	{}
};

struct kunit_suite gomalloc_check_suite = {
	.name = "gomalloc_check",
	.init = check_begin,
	.exit = check_end,
	.test_cases = cases,
};
