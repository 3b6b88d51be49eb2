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
 * counters of specials.  So an inconsistency is reported only if CONFIRM_LOOKS
 * looks in a row found it, with the same text.  The check ends at the first
 * look that finds nothing, and after MAX_LOOKS.  More than CONFIRM_LOOKS may be
 * needed: soon after boot the kernel starts to hash printed pointers, which
 * changes the text once.
 *
 * Context: task, may sleep.  All CPUs are stopped for some milliseconds for
 * each 100 MiB of heap, so this is for developers.
 * Locks: check_lock serializes checks; those of mcentrals and heaps are tried.
 */
#define pr_fmt(fmt) "gomalloc: check: " fmt

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

#define CONFIRM_LOOKS	3U	/* looks in a row that must find the same */
#define MAX_LOOKS	8U
#define PAUSE_MS	20U
#define MAX_LINES	24U
#define LINE		160

/**
 * struct findings - the inconsistencies that one look found
 * @nr: number of lines
 * @seen: for each line, the number of looks in a row that found it
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

static DEFINE_MUTEX(check_lock);	/* one check at a time; protects what follows */
static struct findings findings_pair[2];
static struct findings *findings_now;
static struct sums *sums;		/* by class */
static unsigned int classes;
static const void **cached;		/* all objects in magazines */
static size_t nr_cached, max_cached;
static unsigned long *held_pages, *idle_pages;	/* by node */
static unsigned long *busy_pages;	/* of spans in flight, by node */
static unsigned long seen_magazines[GOM_MAGAZINE_FREELISTS];
static unsigned long nr_specials;	/* in all spans */

/* Record an inconsistency.  Only while a check runs. */
void gom_wrong(const char *fmt, ...)
{
	va_list args;

	if (findings_now->nr == MAX_LINES)
		return;
	findings_now->seen[findings_now->nr] = 1;
	va_start(args, fmt);
	vscnprintf(findings_now->line[findings_now->nr++], LINE, fmt, args);
	va_end(args);
}

/* === Spans and the page map === */

static void check_specials(const struct gom_span *s)
{
	const struct gom_special *sp, *next;

	sp = rb_entry_safe(rb_first(&s->specials), struct gom_special, rb);
	for (; sp; sp = next) {
		nr_specials++;
		next = rb_entry_safe(rb_next(&sp->rb), struct gom_special, rb);
		if (sp->offset >= (size_t)s->npages << PAGE_SHIFT)
			gom_wrong("span %p: special at %u, beyond its end", s->base, sp->offset);
		else if (!gom_special_maybe(s->base + sp->offset))
			gom_wrong("span %p: special at %u, which frees would not see", s->base,
				  sp->offset);
		if (next && (next->offset < sp->offset ||
			     (next->offset == sp->offset && next->kind <= sp->kind)))
			gom_wrong("span %p: specials at %u and %u are out of order", s->base,
				  sp->offset, next->offset);
	}
}

/*
 * The counters that frees test (gom_special_near) sum up to the number of
 * specials, plus one for the entry of NULL.
 */
static void check_special_counters(void)
{
	unsigned long near = 0;
	unsigned int i;

	for (i = 0; i < GOM_SPECIAL_NEAR; i++)
		near += gom_special_count(&gom_special_near[i]);
	/*
	 * Not under PREEMPT_RT, where a task may be preempted while it adds a
	 * special.  Not with efence=1, whose objects are not in the page map.
	 */
	if (near != nr_specials + 1 && !IS_ENABLED(CONFIG_PREEMPT_RT) && !gom_efence)
		gom_wrong("%lu specials, %lu noted for those who free", nr_specials, near - 1);
}

/*
 * A free block has no starts and all live bits.  In a block that is in use and
 * closed, @live is a subset of @starts (tiny.h).
 */
static void check_tiny(struct gom_span *s)
{
	struct gom_tiny_marks *marks = gom_tiny_marks(s);
	unsigned int i;
	u32 live;

	for (i = 0; i < s->nelems; i++) {
		live = (u32)atomic_read(&marks->live[i / 2]) >> i % 2 * GOM_TINY_BLOCK & 0xffff;
		if (test_bit(i, s->free) && (marks->starts[i] || live != 0xffff))
			gom_wrong("tiny block %p is free, its marks are %04x %04x",
				  s->base + i * GOM_TINY_BLOCK, marks->starts[i], live);
		else if (!live || (!(live & BIT(GOM_TINY_BLOCK - 1)) && live & ~marks->starts[i]))
			gom_wrong("tiny block %p: marks %04x %04x do not go together",
				  s->base + i * GOM_TINY_BLOCK, marks->starts[i], live);
	}
}

static void check_small(struct gom_span *s)
{
	const struct gom_class *cl = gom_class(s->class);
	unsigned int words = BITS_TO_LONGS(s->nelems);
	unsigned int weight = bitmap_weight(s->free, s->nelems);
	unsigned int fit = ((size_t)s->npages << PAGE_SHIFT) / cl->size;

	if (s->npages > cl->npages || s->nelems != fit)
		gom_wrong("span %p of class %u has %u pages and %u objects", s->base, s->class,
			  s->npages, s->nelems);
	if (s->nfree != weight)
		gom_wrong("span %p of class %u: %u objects free, %u in its mask", s->base,
			  s->class, s->nfree, weight);
	if (bitmap_weight(s->free, words * BITS_PER_LONG) != weight)
		gom_wrong("span %p of class %u: its mask has bits beyond object %u", s->base,
			  s->class, s->nelems);
	if ((s->nfree == 0) != list_empty(&s->list))
		gom_wrong("span %p of class %u: %u objects free, but it is %slisted", s->base,
			  s->class, s->nfree, list_empty(&s->list) ? "not " : "");
	sums[s->class].spans++;
	sums[s->class].objects += s->nelems;
	sums[s->class].free += weight;
	if (s->class == GOM_CLASS_TINY)
		check_tiny(s);
}

/* The slot that the page-map entries of @s should have; 0 if @s is invalid. */
static unsigned int span_slot_expected(const struct gom_span *s)
{
	if (s->state == GOM_SPAN_LARGE)
		return GOM_SLOT_LARGE;
	if (s->state != GOM_SPAN_SMALL || !s->class || s->class >= classes)
		return 0;
	return gom_span_slot(s);
}

/* Check the span @s that begins at page @i of @r. */
static void check_span(const struct gom_region *r, unsigned int i, struct gom_span *s)
{
	const void *page = (void *)r->base + ((size_t)i << PAGE_SHIFT);
	unsigned int slot = span_slot_expected(s), j;
	u32 is, should;

	if (s->state == GOM_SPAN_BUSY)	/* in flight */
		return;
	if (!slot) {
		gom_wrong("span %p has state %u, class %u", page, s->state, s->class);
		return;
	}
	if (s->base != page || s->nid != r->nid || !s->npages) {
		gom_wrong("span %p: its record says %p, %u pages, node %d", page, s->base,
			  s->npages, s->nid);
		return;
	}
	for (j = 0; j < s->npages; j++) {
		is = gom_pagemap_entry(page + ((size_t)j << PAGE_SHIFT));
		should = GOM_SLOT_OF(slot) | j << PAGE_SHIFT;
		if (is != should) {
			gom_wrong("page %p: its word is %x and should be %x",
				  page + ((size_t)j << PAGE_SHIFT), is, should);
			return;
		}
	}
	check_specials(s);
	if (s->state == GOM_SPAN_SMALL)
		check_small(s);
}

static void check_page(const struct gom_region *r, unsigned int i)
{
	const void *page = (void *)r->base + ((size_t)i << PAGE_SHIFT);
	u32 entry = r->entry[i], off = gom_entry_offset(entry, page);
	unsigned int slot = gom_entry_slot(entry);
	struct gom_span *s;

	if (!slot) {
		if (r->span[i] && r->span[i]->state != GOM_SPAN_BUSY)
			gom_wrong("page %p is not ours, but has a record", page);
		return;
	}
	held_pages[r->nid]++;
	s = r->span[i];
	if (s && s->base == page && s->state == GOM_SPAN_BUSY)
		busy_pages[r->nid] += s->npages;
	if (slot == GOM_SLOT_IDLE) {
		idle_pages[r->nid]++;
		return;
	}
	s = gom_pagemap_span(page);
	if (slot > GOM_SLOT_ASK || !s || (s->state != GOM_SPAN_IDLE &&
					  off >= (size_t)s->npages << PAGE_SHIFT))
		gom_wrong("page %p: its word is %x, and no span is there", page, entry);
	else if (!off)
		check_span(r, i, s);
}

static void check_pagemap(void)
{
	const struct gom_region *r;
	unsigned int i;

	nr_specials = 0;
	for (r = gom_pagemap_regions(); r; r = r->next)
		for (i = 0; i < GOM_REGION_PAGES; i++)
			check_page(r, i);
	check_special_counters();
}

/* === Heaps === */

static unsigned int check_run(const struct gom_mheap *h, const struct gom_span *r, unsigned int bin)
{
	const struct gom_span *next = gom_pagemap_span_at(gom_span_end(r), h->nid);
	unsigned int i;

	if (r->state != GOM_SPAN_IDLE || !r->npages || gom_heap_bin(r->npages) != bin)
		gom_wrong("free run %p: state %u, %u pages, in bin %u", r->base, r->state,
			  r->npages, bin);
	if (gom_pagemap_span_at(r->base, h->nid) != r ||
	    gom_pagemap_span_at(gom_span_end(r) - PAGE_SIZE, h->nid) != r)
		gom_wrong("free run %p of %u pages: the page map has another record", r->base,
			  r->npages);
	if (next && next->state == GOM_SPAN_IDLE)
		gom_wrong("free runs %p and %p are neighbours, and not merged", r->base,
			  next->base);
	for (i = 0; i < r->npages; i++)
		if (gom_entry_slot(gom_pagemap_entry(r->base + ((size_t)i << PAGE_SHIFT))) !=
		    GOM_SLOT_IDLE) {
			gom_wrong("page %p is in a free run, its word is %x",
				  r->base + ((size_t)i << PAGE_SHIFT),
				  gom_pagemap_entry(r->base + ((size_t)i << PAGE_SHIFT)));
			break;
		}
	return r->npages;
}

static void check_heap(struct gom_mheap *h)
{
	const unsigned long moving = atomic_long_read(&h->moving_pages);
	const struct gom_span *r;
	unsigned long pages = 0;
	unsigned int bin, runs;

	if (!spin_trylock(&h->lock))
		return;
	for (bin = 0; bin < GOM_HEAP_BINS; bin++) {
		runs = 0;
		if (hlist_empty(&h->bin[bin]) == test_bit(bin, h->nonempty))
			gom_wrong("node %d: bin %u and the mask of bins differ", h->nid, bin);
		hlist_for_each_entry(r, &h->bin[bin], run) {
			pages += check_run(h, r, bin);
			runs++;
		}
		if (runs != h->runs[bin])
			gom_wrong("node %d: bin %u has %u runs, %u counted", h->nid, bin, runs,
				  h->runs[bin]);
	}
	/*
	 * Pages in flight to or from an idle run may be marked idle in the page
	 * map.
	 */
	if (pages != h->idle_pages || idle_pages[h->nid] < pages ||
	    idle_pages[h->nid] > pages + busy_pages[h->nid] + moving)
		gom_wrong("node %d: %lu pages in free runs, %lu counted, %lu in the page map, %lu in flight",
			  h->nid, pages, h->idle_pages, idle_pages[h->nid],
			  busy_pages[h->nid] + moving);
	if (max(h->sys_pages, held_pages[h->nid]) - min(h->sys_pages, held_pages[h->nid]) > moving)
		gom_wrong("node %d: %lu pages held, %lu in the page map", h->nid, h->sys_pages,
			  held_pages[h->nid]);
	spin_unlock(&h->lock);
}

/* === Magazines === */

static void check_object(unsigned int class, const void *p, const char *where, int nr)
{
	u32 entry = gom_pagemap_entry(p), off = gom_entry_offset(entry, p);
	struct gom_span *s = gom_pagemap_span(p);

	sums[class].cached++;
	if (nr_cached < max_cached)
		cached[nr_cached++] = p;
	if (!s || s->state != GOM_SPAN_SMALL || s->class != class ||
	    !gom_class_begins(gom_class(class), off))
		gom_wrong("%s %d, class %u: %p, which is no object of it", where, nr, class, p);
	else if (test_bit(gom_class_index(gom_class(class), off), s->free))
		gom_wrong("%s %d, class %u: object %p is free in its span, too", where, nr, class,
			  p);
}

static void check_magazine(unsigned int class, const struct gom_magazine *mag, unsigned int nr,
			   const char *where, int of)
{
	unsigned int i;

	if (!mag)
		return;
	seen_magazines[gom_magazine_freelist(class)]++;
	if (mag->bottom || mag->class != class || nr > gom_class(class)->mag_size) {
		gom_wrong("%s %d, class %u: a magazine of class %u with %u objects", where, of,
			  class, mag->class, nr);
		return;
	}
	for (i = 0; i < nr; i++)
		check_object(class, mag->obj[i], where, of);
}

static size_t check_cpu_class(const struct gom_mcache *c, unsigned int class)
{
	const struct gom_slot *s = gom_mcache_slot_of(c, class);
	const struct gom_mcache_class *k = gom_mcache_class_of(c, class);
	long nr = k->mag ? s->top - &k->mag->bottom : 0;

	if (class < GOM_CLASS_TINY && (s->recip != gom_classes[class].recip ||
				       s->limit != gom_classes[class].limit))
		gom_wrong("cpu %d, class %u: its slot is not of this class", c->cpu, class);
	if (k->spare && k->spare->nr > k->limit)
		gom_wrong("cpu %d, class %u: a spare magazine of %u objects, the limit is %u",
			  c->cpu, class, k->spare->nr, k->limit);
	if (nr < 0 || s->top > s->end || (k->mag && s->end != &k->mag->bottom + k->limit))
		gom_wrong("cpu %d, class %u: %ld objects loaded, the end is at %ld", c->cpu, class,
			  nr, (long)(s->end - s->top) + nr);
	else
		check_magazine(class, k->mag, nr, "cpu", c->cpu);
	check_magazine(class, k->spare, k->spare ? k->spare->nr : 0, "cpu", c->cpu);
	if (s->left > k->armed)
		gom_wrong("cpu %d, class %u: %lld of %lld objects left until a sample", c->cpu,
			  class, s->left, k->armed);
	return 2UL * k->limit * gom_class(class)->size;
}

static void check_cpu(int cpu)
{
	const struct gom_mcache *c = per_cpu_ptr(&gom_mcache, cpu);
	unsigned int class;
	size_t bytes = 0;

	if (c->mallocing & GOM_MALLOCING)
		gom_wrong("cpu %d: somebody is inside", cpu);
	for (class = 1; class < classes; class++)
		bytes += check_cpu_class(c, class);
	if (bytes != c->bytes || bytes > (size_t)gom_mcache_kb << 10)
		gom_wrong("cpu %d: room for %zu bytes, %u counted, mcache_kb is %u", cpu, bytes,
			  c->bytes, gom_mcache_kb);
}

/* === Mcentrals, and the sums over a class === */

static void check_central(struct gom_mcentral *c, unsigned int class, int nid)
{
	const struct gom_magazine *mag;
	const struct gom_span *s;
	unsigned int full = 0, empty = 0;

	if (!spin_trylock(&c->lock))
		return;
	list_for_each_entry(s, &c->spans, list) {
		if (s->state != GOM_SPAN_SMALL || s->class != class || s->nid != nid)
			gom_wrong("node %d, class %u: lists span %p of class %u, state %u", nid,
				  class, s->base, s->class, s->state);
		sums[class].listed += s->nfree;
	}
	for (mag = c->full; mag && full <= c->max_full; mag = mag->next, full++)
		check_magazine(class, mag, mag->nr, "depot of node", nid);
	for (mag = c->empty; mag && empty <= c->max_full; mag = mag->next, empty++)
		check_magazine(class, mag, mag->nr, "depot of node", nid);
	if (full != c->nr_full || empty != c->nr_empty)
		gom_wrong("node %d, class %u: %u full and %u empty magazines, %u and %u counted",
			  nid, class, full, empty, c->nr_full, c->nr_empty);
	spin_unlock(&c->lock);
}

/*
 * Most objects of @class that may be in flight, in magazines of no cache or
 * depot.
 */
static u64 class_in_flight(unsigned int class)
{
	unsigned int freelist = gom_magazine_freelist(class);
	unsigned long inuse = gom_magazine_inuse(freelist);

	if (inuse < seen_magazines[freelist])
		gom_wrong("class %u: %lu magazines of its size in caches and depots, %lu given out",
			  class, seen_magazines[freelist], inuse);
	return (u64)(inuse - min(inuse, seen_magazines[freelist])) *
	       (gom_class(class)->mag_size + 1);
}

/* Each object is free in its span, in a magazine, live, or in flight. */
static void check_sums(unsigned int class)
{
	const struct sums *sum = &sums[class];
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
		gom_wrong("class %u: %llu spans in the page map, %llu counted", class,
			  sum->spans, spans);
	if (sum->free != sum->listed)
		gom_wrong("class %u: %llu objects free in spans, %llu in those that are listed",
			  class, sum->free, sum->listed);
	found_objects = sum->free + sum->cached + live;
	if (found_objects > sum->objects || found_objects + class_in_flight(class) < sum->objects)
		gom_wrong("class %u: %llu objects, %llu free in spans, %llu in magazines, %lld live",
			  class, sum->objects, sum->free, sum->cached, live);
}

/* === The whole check === */

/* One look; runs in stop_machine(). */

static int check_stopped(void *unused)
{
	unsigned int class;
	int i;

	memset(seen_magazines, 0, sizeof(seen_magazines));
	check_pagemap();
	for_each_gom_node(i)
		check_heap(gom_mheaps[i]);
	for_each_possible_cpu(i)
		check_cpu(i);
	for (class = 1; class < classes; class++)
		for_each_gom_node(i)
			check_central(gom_mcentral_of(class, i), class, i);
	for (class = 1; class < classes; class++)
		check_sums(class);
	gom_persistent_check(gom_wrong);
	return 0;
}

static int pointer_compare(const void *a, const void *b)
{
	const void *p = *(const void * const *)a, *q = *(const void * const *)b;

	return p < q ? -1 : p > q;
}

/* Report objects that are in two magazines, or in one twice. */
static void check_duplicates(void)
{
	size_t i;

	sort(cached, nr_cached, sizeof(*cached), pointer_compare, NULL);
	for (i = 1; i < nr_cached; i++)
		if (cached[i] == cached[i - 1])
			gom_wrong("object %p is in magazines twice", cached[i]);
}

/*
 * Allocate buffers before the machine is stopped, with a margin: the number of
 * cached objects may still grow until then.
 */
static int buffers_alloc(void)
{
	struct gom_class_stats stats;
	unsigned int class;

	classes = gom_class_end();
	max_cached = 4096;
	for (class = 1; class < classes; class++) {
		gom_class_read(class, &stats);
		max_cached += stats.cached + stats.depot;
	}
	nr_cached = 0;
	sums = kvcalloc(classes, sizeof(*sums), GFP_KERNEL);
	cached = kvcalloc(max_cached, sizeof(*cached), GFP_KERNEL);
	held_pages = kcalloc(nr_node_ids, sizeof(*held_pages), GFP_KERNEL);
	idle_pages = kcalloc(nr_node_ids, sizeof(*idle_pages), GFP_KERNEL);
	busy_pages = kcalloc(nr_node_ids, sizeof(*busy_pages), GFP_KERNEL);
	return sums && cached && held_pages && idle_pages && busy_pages ? 0 : -ENOMEM;
}

static void buffers_free(void)
{
	kvfree(sums);
	kvfree(cached);
	kfree(held_pages);
	kfree(idle_pages);
	kfree(busy_pages);
}

static int check_once(void)
{
	int err = buffers_alloc();

	findings_now->nr = 0;
	if (!err) {
		stop_machine(check_stopped, NULL, NULL);
		check_duplicates();
	}
	buffers_free();
	return err;
}

/*
 * Update @seen of the current findings from those of the look before; returns
 * the highest.
 */
static unsigned int findings_count(const struct findings *before)
{
	unsigned int i, j, most = 0;

	for (i = 0; i < findings_now->nr; i++) {
		for (j = 0; j < before->nr; j++)
			if (!strcmp(findings_now->line[i], before->line[j])) {
				findings_now->seen[i] = before->seen[j] + 1;
				break;
			}
		most = max_t(unsigned int, most, findings_now->seen[i]);
	}
	return most;
}

/* Repeat the check until a look finds nothing, or a finding is confirmed. */
static int check_repeat(void)
{
	const struct findings *before;
	unsigned int looks, most = 0;
	int err;

	findings_pair[1].nr = 0;
	for (looks = 0; looks < MAX_LOOKS && most < CONFIRM_LOOKS; looks++) {
		if (looks)
			msleep(PAUSE_MS);
		findings_now = &findings_pair[looks % 2];
		before = &findings_pair[(looks + 1) % 2];
		err = check_once();
		if (err || !findings_now->nr)
			return err;
		most = findings_count(before);
	}
	return 0;
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
	unsigned int i, wrong = 0;
	int err;

	mutex_lock(&check_lock);
	err = check_repeat();
	for (i = 0; !err && i < findings_now->nr; i++) {
		if (findings_now->seen[i] < CONFIRM_LOOKS)
			continue;
		pr_err("%s\n", findings_now->line[i]);
		wrong++;
	}
	mutex_unlock(&check_lock);
	return err ?: wrong;
}
GOM_EXPORT_FOR_TEST(gom_check);
