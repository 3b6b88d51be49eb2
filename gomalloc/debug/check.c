// SPDX-License-Identifier: GPL-2.0
/*
 * The consistency check: walks the page map, heaps, spans, their bitmaps,
 * magazines, persistent chunks and statistics, validates them against each
 * other, and logs a line for each inconsistency.
 *
 * It runs in stop_machine().  Then no context is inside a cache, since
 * preemption is off there, and none holds a lock of gomalloc.  Under PREEMPT_RT
 * a lock may be held; what it protects is skipped.
 *
 * A preempted task may have taken something out of one structure and not yet
 * put it into another.  That is in flight, for any length of time, and no
 * error:
 *
 *   spans	are BUSY while they are set up or torn down, or wait for a grace
 *		period.  Their pages are in no idle run, even if the page map
 *		still says so, and their objects are not summed.
 *   pages	on the way from or to the page allocator are counted in
 *		@moving_pages while only one of two counters includes them.
 *   magazines	are in flight if their freelist has handed them out, but no
 *		cache and no depot has them.  For a class
 *
 *		  found <= objects <= found + in_flight * (mag_size + 1)
 *
 *		where @found counts objects in spans, in magazines and live, and
 *		@in_flight the magazines of that size in flight.
 *
 * That leaves short windows under locks that PREEMPT_RT can preempt, and the
 * counters of specials.  So an inconsistency is reported only if
 * CONFIRM_PASSES passes in a row found it, with the same text.  The check ends
 * at the first pass that finds nothing, and after MAX_PASSES.  More than
 * CONFIRM_PASSES may be needed: soon after boot the kernel starts to hash
 * printed pointers, which changes the text once.
 *
 * Context: task, may sleep.  All CPUs are stopped for some milliseconds for
 * each 100 MiB of heap, so this is for developers.
 * Locks: check_lock serializes checks; those of mcentrals and heaps are tried.
 */
#include <linux/bitmap.h>
#include <linux/delay.h>
#include <linux/mm.h>
#include <linux/mutex.h>
#include <linux/sched.h>
#include <linux/sort.h>
#include <linux/stop_machine.h>
#include <linux/string.h>

#include "api/efence.h"
#include "base/class.h"
#include "base/compat.h"
#include "base/persistent.h"
#include "central/magazine.h"
#include "central/mcentral.h"
#include "debug/check.h"
#include "debug/stats.h"
#include "heap/mheap.h"
#include "heap/pagemap.h"
#include "percpu/mcache.h"
#include "percpu/tiny.h"
#include "special/special.h"

#define CONFIRM_PASSES	3U	/* passes in a row that must find the same */
#define MAX_PASSES	8U
#define PAUSE_MS	20U
#define MAX_LINES	24U
#define LINE		160

/**
 * struct findings - the inconsistencies that one pass found
 * @nr: number of lines
 * @seen: for each line, the number of passes in a row that found it
 * @line: text of the lines
 */
struct findings {
	unsigned int nr;
	u8 seen[MAX_LINES];
	char line[MAX_LINES][LINE];
};

/* Sums of one class over all nodes. */
struct sums {
	u64 spans;
	u64 objects;		/* in these spans, free or not */
	u64 free;		/* free in the bitmaps of the spans */
	u64 listed;		/* of @free, in spans on mcentral's lists */
	u64 cached;		/* in magazines, of caches and depots */
};

/**
 * struct check - one run of the consistency check
 * @now: findings of the current pass
 * @before: findings of the pass before it
 * @classes: end of the class indices that are checked
 * @sums: by class
 * @cached: all objects in magazines, for the search for duplicates
 * @nr_cached: number of them
 * @max_cached: length of @cached
 * @held_pages: by node, pages that the page map says are gomalloc's
 * @idle_pages: by node, pages that the page map says are idle
 * @busy_pages: by node, pages of spans in flight
 * @seen_magazines: by magazine freelist, magazines found in caches and depots
 * @nr_specials: specials of all spans
 *
 * The members from @classes on belong to one pass.  findings_add() fills @now;
 * check_repeat() swaps @now and @before.
 */
struct check {
	struct findings *now;
	struct findings *before;
	unsigned int classes;
	struct sums *sums;
	const void **cached;
	size_t nr_cached;
	size_t max_cached;
	unsigned long *held_pages;
	unsigned long *idle_pages;
	unsigned long *busy_pages;
	unsigned long seen_magazines[GOM_MAGAZINE_FREELISTS];
	unsigned long nr_specials;
};

static DEFINE_MUTEX(check_lock);	/* one check at a time */

/* Record an inconsistency of this pass; @ctx is the struct check. */
static __printf(2, 3) void findings_add(void *ctx, const char *fmt, ...)
{
	struct findings *now = ((struct check *)ctx)->now;
	va_list args;

	if (now->nr == MAX_LINES)
		return;
	now->seen[now->nr] = 1;
	va_start(args, fmt);
	vscnprintf(now->line[now->nr++], LINE, fmt, args);
	va_end(args);
}

/* === Spans and the page map === */

static void specials_check(struct check *ck, const struct gom_span *s)
{
	const struct gom_special *sp, *next;

	sp = rb_entry_safe(rb_first(&s->specials), struct gom_special, rb);
	for (; sp; sp = next) {
		ck->nr_specials++;
		next = rb_entry_safe(rb_next(&sp->rb), struct gom_special, rb);
		if (sp->offset >= (size_t)s->npages << PAGE_SHIFT)
			findings_add(ck, "span %p: special at %u, beyond its end", s->base,
				     sp->offset);
		else if (!gom_special_maybe(s->base + sp->offset))
			findings_add(ck, "span %p: special at %u, which frees do not see", s->base,
				     sp->offset);
		if (next && (next->offset < sp->offset ||
			     (next->offset == sp->offset && next->kind <= sp->kind)))
			findings_add(ck, "span %p: specials at %u and %u are out of order", s->base,
				     sp->offset, next->offset);
	}
}

/*
 * The counters that frees test (gom_special_near) sum up to the number of
 * specials, plus one for the entry of NULL.
 */
static void special_counters_check(struct check *ck)
{
	unsigned long near = 0;
	unsigned int i;

	for (i = 0; i < GOM_SPECIAL_NEAR; i++)
		near += gom_special_count(&gom_special_near[i]);
	/*
	 * Not under PREEMPT_RT, where a task may be preempted while it adds a
	 * special.  Not with efence=1, whose objects are not in the page map.
	 */
	if (near != ck->nr_specials + 1 && !IS_ENABLED(CONFIG_PREEMPT_RT) && !gom_efence)
		findings_add(ck, "%lu specials, %lu in the counters that frees test",
			     ck->nr_specials, near - 1);
}

/*
 * A free block has no starts and all live bits.  In a block that is in use and
 * closed, @live is a subset of @starts (tiny.h).
 */
static void tiny_span_check(struct check *ck, struct gom_span *s)
{
	struct gom_tiny_marks *marks = gom_tiny_marks(s);
	unsigned int i;
	u32 live;

	for (i = 0; i < s->nelems; i++) {
		live = (u32)atomic_read(&marks->live[i / 2]) >> i % 2 * GOM_TINY_BLOCK & 0xffff;
		if (test_bit(i, s->free) && (marks->starts[i] || live != 0xffff))
			findings_add(ck, "tiny block %p is free, but its marks are %04x %04x",
				     s->base + i * GOM_TINY_BLOCK, marks->starts[i], live);
		else if (!live || (!(live & BIT(GOM_TINY_BLOCK - 1)) && live & ~marks->starts[i]))
			findings_add(ck,
				     "tiny block %p: live marks %04x do not match starts %04x",
				     s->base + i * GOM_TINY_BLOCK, live, marks->starts[i]);
	}
}

static void small_span_check(struct check *ck, struct gom_span *s)
{
	const struct gom_class *cl = gom_class(s->class);
	unsigned int words = BITS_TO_LONGS(s->nelems);
	unsigned int weight = bitmap_weight(s->free, s->nelems);
	unsigned int fit = ((size_t)s->npages << PAGE_SHIFT) / cl->size;

	if (s->npages > cl->npages || s->nelems != fit)
		findings_add(ck, "span %p of class %u has %u pages and %u objects", s->base,
			     s->class, s->npages, s->nelems);
	if (s->nfree != weight)
		findings_add(ck, "span %p of class %u: %u objects free, %u in its bitmap", s->base,
			     s->class, s->nfree, weight);
	if (bitmap_weight(s->free, words * BITS_PER_LONG) != weight)
		findings_add(ck, "span %p of class %u: its bitmap has bits beyond object %u",
			     s->base, s->class, s->nelems);
	if ((s->nfree == 0) != list_empty(&s->list))
		findings_add(ck, "span %p of class %u: %u objects free, but it is %slisted",
			     s->base, s->class, s->nfree, list_empty(&s->list) ? "not " : "");
	ck->sums[s->class].spans++;
	ck->sums[s->class].objects += s->nelems;
	ck->sums[s->class].free += weight;
	if (s->class == GOM_CLASS_TINY)
		tiny_span_check(ck, s);
}

/* The slot that the page-map entries of @s should have; 0 if @s is invalid. */
static unsigned int span_slot_expected(const struct check *ck, const struct gom_span *s)
{
	if (s->state == GOM_SPAN_LARGE)
		return GOM_SLOT_LARGE;
	if (s->state != GOM_SPAN_SMALL || !s->class || s->class >= ck->classes)
		return 0;
	return gom_span_slot(s);
}

/* Check the span @s that begins at page @i of @r. */
static void span_check(struct check *ck, const struct gom_region *r, unsigned int i,
		       struct gom_span *s)
{
	const void *page = (void *)r->base + ((size_t)i << PAGE_SHIFT);
	unsigned int slot = span_slot_expected(ck, s), j;
	u32 is, should;

	if (s->state == GOM_SPAN_BUSY)	/* in flight */
		return;
	if (!slot) {
		findings_add(ck, "span %p has state %u, class %u", page, s->state, s->class);
		return;
	}
	if (s->base != page || s->nid != r->nid || !s->npages) {
		findings_add(ck, "span %p: its record says %p, %u pages, node %d", page, s->base,
			     s->npages, s->nid);
		return;
	}
	for (j = 0; j < s->npages; j++) {
		is = gom_pagemap_entry(page + ((size_t)j << PAGE_SHIFT));
		should = GOM_SLOT_OFF(slot) | j << PAGE_SHIFT;
		if (is != should) {
			findings_add(ck, "page %p: its page-map word is %x, not %x",
				     page + ((size_t)j << PAGE_SHIFT), is, should);
			return;
		}
	}
	specials_check(ck, s);
	if (s->state == GOM_SPAN_SMALL)
		small_span_check(ck, s);
}

static void page_check(struct check *ck, const struct gom_region *r, unsigned int i)
{
	const void *page = (void *)r->base + ((size_t)i << PAGE_SHIFT);
	u32 entry = r->entry[i], off = gom_entry_offset(entry, page);
	unsigned int slot = gom_entry_slot(entry);
	struct gom_span *s;

	if (!slot) {
		if (r->span[i] && r->span[i]->state != GOM_SPAN_BUSY)
			findings_add(ck, "page %p is not gomalloc's, but has a record", page);
		return;
	}
	ck->held_pages[r->nid]++;
	s = r->span[i];
	if (s && s->base == page && s->state == GOM_SPAN_BUSY)
		ck->busy_pages[r->nid] += s->npages;
	if (slot == GOM_SLOT_IDLE) {
		ck->idle_pages[r->nid]++;
		return;
	}
	s = gom_pagemap_span(page);
	if (slot > GOM_SLOT_ASK || !s || (s->state != GOM_SPAN_IDLE &&
					  off >= (size_t)s->npages << PAGE_SHIFT))
		findings_add(ck, "page %p: its page-map word is %x, but no span is there", page,
			     entry);
	else if (!off)
		span_check(ck, r, i, s);
}

static void pagemap_check(struct check *ck)
{
	const struct gom_region *r;
	unsigned int i;

	for (r = gom_pagemap_regions(); r; r = r->next)
		for (i = 0; i < GOM_REGION_PAGES; i++)
			page_check(ck, r, i);
	special_counters_check(ck);
}

/* === Heaps === */

static unsigned int run_check(struct check *ck, const struct gom_mheap *h, const struct gom_span *r,
			      unsigned int bin)
{
	const struct gom_span *next = gom_pagemap_span_at(gom_span_end(r), h->nid);
	unsigned int i;

	if (r->state != GOM_SPAN_IDLE || !r->npages || gom_heap_bin(r->npages) != bin)
		findings_add(ck, "free run %p: state %u, %u pages, in bin %u", r->base, r->state,
			     r->npages, bin);
	if (gom_pagemap_span_at(r->base, h->nid) != r ||
	    gom_pagemap_span_at(gom_span_end(r) - PAGE_SIZE, h->nid) != r)
		findings_add(ck, "free run %p of %u pages: the page map has another record",
			     r->base, r->npages);
	if (next && next->state == GOM_SPAN_IDLE)
		findings_add(ck, "free runs %p and %p are adjacent, but not merged", r->base,
			     next->base);
	for (i = 0; i < r->npages; i++)
		if (gom_entry_slot(gom_pagemap_entry(r->base + ((size_t)i << PAGE_SHIFT))) !=
		    GOM_SLOT_IDLE) {
			findings_add(ck, "page %p is in a free run, but its page-map word is %x",
				     r->base + ((size_t)i << PAGE_SHIFT),
				     gom_pagemap_entry(r->base + ((size_t)i << PAGE_SHIFT)));
			break;
		}
	return r->npages;
}

static void heap_check(struct check *ck, struct gom_mheap *h)
{
	const unsigned long moving = atomic_long_read(&h->moving_pages);
	const unsigned long held = ck->held_pages[h->nid], idle = ck->idle_pages[h->nid];
	const unsigned long in_flight = ck->busy_pages[h->nid] + moving;
	const struct gom_span *r;
	unsigned long pages = 0;
	unsigned int bin, runs;

	if (!spin_trylock(&h->lock))
		return;
	for (bin = 0; bin < GOM_HEAP_BINS; bin++) {
		runs = 0;
		if (hlist_empty(&h->bin[bin]) == test_bit(bin, h->nonempty))
			findings_add(ck, "node %d: bin %u and the bitmap of bins differ", h->nid,
				     bin);
		hlist_for_each_entry(r, &h->bin[bin], run) {
			pages += run_check(ck, h, r, bin);
			runs++;
		}
		if (runs != h->runs[bin])
			findings_add(ck, "node %d: bin %u has %u runs, %u counted", h->nid, bin,
				     runs, h->runs[bin]);
	}
	/*
	 * Pages in flight to or from an idle run may be marked idle in the page
	 * map.
	 */
	if (pages != h->idle_pages || idle < pages || idle > pages + in_flight)
		findings_add(ck, "node %d: %lu pages in free runs, %lu counted, %lu in the page map, %lu in flight",
			     h->nid, pages, h->idle_pages, idle, in_flight);
	if (max(h->sys_pages, held) - min(h->sys_pages, held) > moving)
		findings_add(ck, "node %d: %lu pages held, %lu in the page map", h->nid,
			     h->sys_pages, held);
	spin_unlock(&h->lock);
}

/* === Magazines === */

static void cached_object_check(struct check *ck, unsigned int class, const void *p,
				const char *where, int nr)
{
	u32 entry = gom_pagemap_entry(p), off = gom_entry_offset(entry, p);
	struct gom_span *s = gom_pagemap_span(p);

	ck->sums[class].cached++;
	if (ck->nr_cached < ck->max_cached)
		ck->cached[ck->nr_cached++] = p;
	if (!s || s->state != GOM_SPAN_SMALL || s->class != class ||
	    !gom_class_begins(gom_class(class), off))
		findings_add(ck, "%s %d, class %u: %p is no object of this class", where, nr, class,
			     p);
	else if (test_bit(gom_class_index(gom_class(class), off), s->free))
		findings_add(ck, "%s %d, class %u: object %p is also free in its span", where, nr,
			     class, p);
}

static void magazine_check(struct check *ck, unsigned int class, const struct gom_magazine *mag,
			   unsigned int nr, const char *where, int of)
{
	unsigned int i;

	if (!mag)
		return;
	ck->seen_magazines[gom_magazine_freelist(class)]++;
	if (mag->bottom || mag->class != class || nr > gom_class(class)->mag_size) {
		findings_add(ck, "%s %d, class %u: a magazine of class %u with %u objects", where,
			     of, class, mag->class, nr);
		return;
	}
	for (i = 0; i < nr; i++)
		cached_object_check(ck, class, mag->obj[i], where, of);
}

static size_t cpu_class_check(struct check *ck, const struct gom_mcache *c, unsigned int class)
{
	const struct gom_slot *s = gom_mcache_slot_of(c, class);
	const struct gom_mcache_class *k = gom_mcache_class_of(c, class);
	long nr = k->mag ? s->top - &k->mag->bottom : 0;

	if (class < GOM_CLASS_TINY && (s->recip != gom_classes[class].recip ||
				       s->recip_limit != gom_classes[class].recip_limit))
		findings_add(ck, "cpu %d, class %u: its slot is of another class", c->cpu, class);
	if (k->spare && k->spare->nr > k->limit)
		findings_add(ck,
			     "cpu %d, class %u: a spare magazine of %u objects, the limit is %u",
			     c->cpu, class, k->spare->nr, k->limit);
	if (nr < 0 || s->top > s->end || (k->mag && s->end != &k->mag->bottom + k->limit))
		findings_add(ck, "cpu %d, class %u: %ld objects loaded, the end is at %ld", c->cpu,
			     class, nr, (long)(s->end - s->top) + nr);
	else
		magazine_check(ck, class, k->mag, nr, "cpu", c->cpu);
	magazine_check(ck, class, k->spare, k->spare ? k->spare->nr : 0, "cpu", c->cpu);
	if (s->sample_left > k->sample_interval)
		findings_add(ck, "cpu %d, class %u: %lld of %lld objects left until a sample",
			     c->cpu, class, s->sample_left, k->sample_interval);
	return 2UL * k->limit * gom_class(class)->size;
}

static void cpu_check(struct check *ck, int cpu)
{
	const struct gom_mcache *c = per_cpu_ptr(&gom_mcache, cpu);
	unsigned int class;
	size_t bytes = 0;

	if (c->mallocing & GOM_MALLOCING)
		findings_add(ck, "cpu %d: mallocing is set", cpu);
	for (class = 1; class < ck->classes; class++)
		bytes += cpu_class_check(ck, c, class);
	if (bytes != c->bytes || bytes > (size_t)gom_mcache_kb << 10)
		findings_add(ck, "cpu %d: capacity for %zu bytes, %u counted, mcache_kb is %u", cpu,
			     bytes, c->bytes, gom_mcache_kb);
}

/* === Mcentrals, and the sums over a class === */

static void central_check(struct check *ck, struct gom_mcentral *c, unsigned int class, int nid)
{
	const struct gom_magazine *mag;
	const struct gom_span *s;
	unsigned int full = 0, empty = 0;

	if (!spin_trylock(&c->lock))
		return;
	list_for_each_entry(s, &c->spans, list) {
		if (s->state != GOM_SPAN_SMALL || s->class != class || s->nid != nid)
			findings_add(ck, "node %d, class %u: lists span %p of class %u, state %u",
				     nid, class, s->base, s->class, s->state);
		ck->sums[class].listed += s->nfree;
	}
	for (mag = c->full; mag && full <= c->max_full; mag = mag->next, full++)
		magazine_check(ck, class, mag, mag->nr, "depot of node", nid);
	for (mag = c->empty; mag && empty <= c->max_full; mag = mag->next, empty++)
		magazine_check(ck, class, mag, mag->nr, "depot of node", nid);
	if (full != c->nr_full || empty != c->nr_empty)
		findings_add(ck,
			     "node %d, class %u: %u full and %u empty magazines, %u and %u counted",
			     nid, class, full, empty, c->nr_full, c->nr_empty);
	spin_unlock(&c->lock);
}

/*
 * Most objects of @class that may be in flight, in magazines of no cache or
 * depot.
 */
static u64 class_objects_in_flight(struct check *ck, unsigned int class)
{
	unsigned int freelist = gom_magazine_freelist(class);
	unsigned long inuse = gom_magazine_inuse(freelist);

	if (inuse < ck->seen_magazines[freelist])
		findings_add(ck,
			     "class %u: %lu magazines of its size in caches and depots, %lu in use",
			     class, ck->seen_magazines[freelist], inuse);
	return (u64)(inuse - min(inuse, ck->seen_magazines[freelist])) *
	       (gom_class(class)->mag_size + 1);
}

/* Each object is free in its span, in a magazine, live, or in flight. */
static void class_sums_check(struct check *ck, unsigned int class)
{
	const struct sums *sum = &ck->sums[class];
	struct gom_mcache_stats stats;
	struct gom_mcentral *c;
	u64 live = 0, spans = 0, found_objects;
	int i;

	for_each_possible_cpu(i) {
		gom_mcache_read(i, class, &stats);
		live += stats.mallocs - stats.frees;
	}
	for_each_gom_node(i) {
		c = gom_mcentral_of(class, i);
		live += c->mallocs - c->frees + c->double_frees;
		spans += atomic_long_read(&c->nr_spans);
	}
	if (spans != sum->spans)
		findings_add(ck, "class %u: %llu spans in the page map, %llu counted", class,
			     sum->spans, spans);
	if (sum->free != sum->listed)
		findings_add(ck,
			     "class %u: %llu objects free in spans, %llu in those that are listed",
			     class, sum->free, sum->listed);
	found_objects = sum->free + sum->cached + live;
	if (found_objects > sum->objects ||
	    found_objects + class_objects_in_flight(ck, class) < sum->objects)
		findings_add(ck,
			     "class %u: %llu objects, %llu free in spans, %llu in magazines, %lld live",
			     class, sum->objects, sum->free, sum->cached, live);
}

/* === The whole check === */

/* One pass; runs in stop_machine(). */
static int check_stopped(void *data)
{
	struct check *ck = data;
	unsigned int class;
	int i;

	pagemap_check(ck);
	for_each_gom_node(i)
		heap_check(ck, gom_mheaps[i]);
	for_each_possible_cpu(i)
		cpu_check(ck, i);
	for (class = 1; class < ck->classes; class++)
		for_each_gom_node(i)
			central_check(ck, gom_mcentral_of(class, i), class, i);
	for (class = 1; class < ck->classes; class++)
		class_sums_check(ck, class);
	gom_persistent_check(findings_add, ck);
	return 0;
}

static int pointer_compare(const void *a, const void *b)
{
	const void *p = *(const void * const *)a, *q = *(const void * const *)b;

	return p < q ? -1 : p > q;
}

/* Report objects that are in two magazines, or in one twice. */
static void cached_check_duplicates(struct check *ck)
{
	size_t i;

	sort(ck->cached, ck->nr_cached, sizeof(*ck->cached), pointer_compare, NULL);
	for (i = 1; i < ck->nr_cached; i++)
		if (ck->cached[i] == ck->cached[i - 1])
			findings_add(ck, "object %p is in magazines twice", ck->cached[i]);
}

/*
 * Set up @ck for a pass.  Buffers are allocated before the machine is stopped,
 * with a margin: the number of cached objects may still grow until then.
 */
static int check_pass_begin(struct check *ck)
{
	struct gom_class_stats stats;
	unsigned int class;

	ck->now->nr = 0;
	ck->nr_specials = 0;
	ck->nr_cached = 0;
	memset(ck->seen_magazines, 0, sizeof(ck->seen_magazines));
	ck->classes = gom_class_end();
	ck->max_cached = 4096;
	for (class = 1; class < ck->classes; class++) {
		gom_class_read(class, &stats);
		ck->max_cached += stats.cached + stats.depot;
	}
	ck->sums = kvcalloc(ck->classes, sizeof(*ck->sums), GFP_KERNEL);
	ck->cached = kvcalloc(ck->max_cached, sizeof(*ck->cached), GFP_KERNEL);
	ck->held_pages = kcalloc(nr_node_ids, sizeof(*ck->held_pages), GFP_KERNEL);
	ck->idle_pages = kcalloc(nr_node_ids, sizeof(*ck->idle_pages), GFP_KERNEL);
	ck->busy_pages = kcalloc(nr_node_ids, sizeof(*ck->busy_pages), GFP_KERNEL);
	return ck->sums && ck->cached && ck->held_pages && ck->idle_pages && ck->busy_pages ?
	       0 : -ENOMEM;
}

static void check_pass_end(struct check *ck)
{
	kvfree(ck->sums);
	kvfree(ck->cached);
	kfree(ck->held_pages);
	kfree(ck->idle_pages);
	kfree(ck->busy_pages);
}

static int check_pass(struct check *ck)
{
	int err = check_pass_begin(ck);

	if (!err) {
		stop_machine(check_stopped, ck, NULL);
		cached_check_duplicates(ck);
	}
	check_pass_end(ck);
	return err;
}

/*
 * Count for each finding of this pass how many passes in a row found it;
 * returns the highest count.
 */
static unsigned int findings_confirm(struct findings *now, const struct findings *before)
{
	unsigned int i, j, most = 0;

	for (i = 0; i < now->nr; i++) {
		for (j = 0; j < before->nr; j++)
			if (!strcmp(now->line[i], before->line[j])) {
				now->seen[i] = before->seen[j] + 1;
				break;
			}
		most = max_t(unsigned int, most, now->seen[i]);
	}
	return most;
}

/*
 * Repeat until a pass finds nothing, or a finding is confirmed.  The findings
 * of the last pass are in @now.
 */
static int check_repeat(struct check *ck)
{
	unsigned int passes, most = 0;
	int err;

	for (passes = 0; passes < MAX_PASSES && most < CONFIRM_PASSES; passes++) {
		if (passes) {
			swap(ck->now, ck->before);
			msleep(PAUSE_MS);
		}
		err = check_pass(ck);
		if (err || !ck->now->nr)
			return err;
		most = findings_confirm(ck->now, ck->before);
	}
	return 0;
}

/* Log the confirmed findings; returns their number. */
static int findings_log(const struct findings *now)
{
	unsigned int i;
	int confirmed = 0;

	for (i = 0; i < now->nr; i++) {
		if (now->seen[i] < CONFIRM_PASSES)
			continue;
		pr_err("check: %s\n", now->line[i]);
		confirmed++;
	}
	return confirmed;
}

/**
 * gom_check - validate all structures against each other
 *
 * Each inconsistency is logged as a line.
 *
 * Context: task, may sleep.
 * Return: number of inconsistencies, 0 if there are none; -ENOMEM without
 * memory for the buffers.
 */
int gom_check(void)
{
	struct findings *pair = kvcalloc(2, sizeof(*pair), GFP_KERNEL);
	struct check ck = { .now = pair, .before = pair + 1 };
	int err;

	if (!pair)
		return -ENOMEM;
	mutex_lock(&check_lock);
	err = check_repeat(&ck) ?: findings_log(ck.now);
	mutex_unlock(&check_lock);
	kvfree(pair);
	return err;
}
GOM_EXPORT_FOR_TEST(gom_check);
