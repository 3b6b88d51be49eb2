// SPDX-License-Identifier: GPL-2.0
/*
 * Walks the debugged objects (api/object_debug.h): debugfs alloc_traces and
 * free_traces, as SLUB has them, and the command "validate".
 *
 * Spans are found by the page map, as the consistency check does it.  One span
 * at a time is looked at, under its mcentral's lock, which no object of the
 * class enters or leaves without; so the span stays what it is.  The lock is
 * held for the objects of one span, with interrupts off.
 *
 * Context: task, may sleep.
 */
#include <linux/jiffies.h>
#include <linux/minmax.h>
#include <linux/mm.h>
#include <linux/sched.h>
#include <linux/sort.h>
#include <linux/stackdepot.h>
#include <linux/stacktrace.h>

#include "base/class.h"
#include "base/compat.h"
#include "central/mcentral.h"
#include "debug/objects.h"
#include "heap/pagemap.h"

/* === Walking === */

typedef void (*visit_fn)(const struct gom_cache_class *cc, void *p, bool is_free, void *arg);

/*
 * Is @s, under the lock of its mcentral, a span of @class?  One that is on its
 * way to the heap has been marked as BUSY under the lock.
 */
static bool span_is_of(const struct gom_span *s, unsigned int class, int nid)
{
	return s->state == GOM_SPAN_SMALL && s->class == class && s->nid == nid;
}

static void span_visit(struct gom_span *s, unsigned int class, visit_fn visit, void *arg)
{
	const struct gom_cache_class *cc = gom_cache_class(class);
	int nid = READ_ONCE(s->nid);
	struct gom_mcentral *c = gom_mcentral_of(class, nid);
	unsigned long flags;
	unsigned int i;

	spin_lock_irqsave(&c->lock, flags);
	for (i = 0; span_is_of(s, class, nid) && i < s->nelems; i++)
		visit(cc, s->base + (size_t)i * cc->layout.size + cc->debug.pad,
		      test_bit(i, s->free), arg);
	spin_unlock_irqrestore(&c->lock, flags);
}

/* The class of the span at page @i of @r, if it is debugged; else 0. */
static unsigned int page_class(const struct gom_region *r, unsigned int i, struct gom_span **s)
{
	unsigned int class;

	*s = READ_ONCE(r->span[i]);
	if (!*s || (*s)->base != (void *)r->base + ((size_t)i << PAGE_SHIFT))
		return 0;
	class = READ_ONCE((*s)->class);
	return class < gom_class_end() && gom_class_debug(class) ? class : 0;
}

/* Call @visit, which must not sleep, for each object of a debugged class. */
static void objects_visit(visit_fn visit, void *arg)
{
	struct gom_region *r;
	unsigned int i, class;
	struct gom_span *s;

	for (r = gom_pagemap_regions(); r; r = r->next) {
		for (i = 0; i < GOM_REGION_PAGES; i++) {
			class = page_class(r, i, &s);
			if (class)
				span_visit(s, class, visit, arg);
		}
		cond_resched();
	}
}

/* === alloc_traces and free_traces === */

#define LOCATIONS	1024U

/**
 * struct location - objects of one cache with the same track
 * @cc: the class of the cache
 * @caller: the call site
 * @stack: its stack
 * @nr: number of objects
 * @waste: bytes of the objects that were not asked for
 * @least: least age, in jiffies
 * @most: greatest age
 * @sum: sum of the ages
 * @first: lowest PID
 * @last: highest PID
 */
struct location {
	const struct gom_cache_class *cc;
	unsigned long caller;
	u32 stack;
	unsigned long nr;
	u64 waste;
	unsigned long least, most;
	u64 sum;
	int first, last;
};

/**
 * struct traces - the content of one file
 * @user: which tracks
 * @nr: locations in use
 * @others: objects of further ones
 * @location: a hash table while objects are visited
 */
struct traces {
	enum gom_debug_user user;
	unsigned int nr;
	unsigned long others;
	struct location location[LOCATIONS];
};

static struct location *location_find(struct traces *ts, const struct gom_cache_class *cc,
				      const struct gom_debug_track *t)
{
	unsigned int at = (t->caller ^ t->stack * 31 ^ cc->class) % LOCATIONS, n;
	struct location *l;

	for (n = 0; n < LOCATIONS; n++, at = (at + 1) % LOCATIONS) {
		l = &ts->location[at];
		if (!l->nr)
			break;
		if (l->cc == cc && l->caller == t->caller && l->stack == t->stack)
			return l;
	}
	if (n == LOCATIONS)
		return NULL;
	*l = (struct location) { .cc = cc, .caller = t->caller, .stack = t->stack,
				 .least = ULONG_MAX, .first = INT_MAX };
	ts->nr++;
	return l;
}

static void location_add(struct location *l, const struct gom_debug_track *t, size_t waste)
{
	unsigned long age = jiffies - t->when;

	l->nr++;
	l->waste += waste;
	l->least = min(l->least, age);
	l->most = max(l->most, age);
	l->sum += age;
	l->first = min(l->first, t->pid);
	l->last = max(l->last, t->pid);
}

static void trace_object(const struct gom_cache_class *cc, void *p, bool is_free, void *arg)
{
	const struct gom_debug_layout *d = &cc->debug;
	const struct gom_debug_record *r = gom_debug_record(d, p);
	struct gom_debug_track track;
	struct traces *ts = arg;
	struct location *l;

	/* Pairs with smp_store_release() in object_begin(). */
	if (is_free || !(d->flags & SLAB_STORE_USER) || smp_load_acquire(&r->state) != GOM_DEBUG_LIVE)
		return;
	track = *gom_debug_track(d, p, ts->user);
	l = location_find(ts, cc, &track);
	if (l)
		location_add(l, &track, d->size - min(r->size, d->size));
	else
		ts->others++;
}

static int location_cmp(const void *a, const void *b)
{
	const struct location *l = a, *k = b;

	return l->nr == k->nr ? 0 : l->nr < k->nr ? 1 : -1;
}

static void location_show(struct seq_file *m, const struct location *l)
{
	unsigned long *entries;
	unsigned int n = 0, i;

	seq_printf(m, "%7lu %s ", l->nr, l->cc->name);
	if (!l->caller)
		seq_puts(m, "<not-available>");
	else
		seq_printf(m, "%pS", (void *)l->caller);
	if (l->waste)
		seq_printf(m, " waste=%llu/%llu", l->waste, div_u64(l->waste, l->nr));
	if (l->caller)
		seq_printf(m, " age=%lu/%llu/%lu pid=%d-%d", l->least, div_u64(l->sum, l->nr),
			   l->most, l->first, l->last);
	seq_puts(m, "\n");
#ifdef CONFIG_STACKDEPOT
	if (l->stack)
		n = stack_depot_fetch(l->stack, &entries);
#endif
	for (i = 0; i < n; i++)
		seq_printf(m, "\t%pS\n", (void *)entries[i]);
	seq_puts(m, "\n");
}

/* The text of alloc_traces or free_traces: live objects by their track. */
void gom_objects_show_traces(struct seq_file *m, enum gom_debug_user user)
{
	struct traces *ts = kvzalloc(sizeof(*ts), GFP_KERNEL);
	unsigned int i;

	if (!ts) {
		seq_puts(m, "no memory\n");
		return;
	}
	ts->user = user;
	objects_visit(trace_object, ts);
	sort(ts->location, LOCATIONS, sizeof(ts->location[0]), location_cmp, NULL);
	for (i = 0; i < ts->nr; i++)
		location_show(m, &ts->location[i]);
	if (ts->others)
		seq_printf(m, "%7lu objects with further traces\n", ts->others);
	if (!ts->nr)
		seq_puts(m, "no object has debug flag U (debug=U, SLAB_STORE_USER)\n");
	kvfree(ts);
}
GOM_EXPORT_FOR_TEST(gom_objects_show_traces);

/* === validate === */

static void validate_object(const struct gom_cache_class *cc, void *p, bool is_free, void *arg)
{
	unsigned long *damaged = arg;

	*damaged += gom_debug_validate(cc, p, is_free);
}

/*
 * Check the red zones and the poison of all debugged objects; what is damaged is
 * reported and restored.  Returns the number of objects.
 */
unsigned long gom_objects_validate(void)
{
	unsigned long damaged = 0;

	objects_visit(validate_object, &damaged);
	return damaged;
}
GOM_EXPORT_FOR_TEST(gom_objects_validate);
