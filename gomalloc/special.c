// SPDX-License-Identifier: GPL-2.0
/* Specials: the records, their trees, and the end of an object that has some.  See special.h. */
#include <linux/hash.h>
#include <linux/mm.h>
#include <linux/spinlock.h>

#include "cacheclass.h"
#include "compat.h"
#include "efence.h"
#include "fixalloc.h"
#include "malloc.h"
#include "mheap.h"
#include "pagemap.h"
#include "profile.h"
#include "report.h"
#include "special.h"

#define LOCK_BITS	6
#define VISIT_AT_ONCE	8U	/* specials shown with the lock held */

u8 gom_special_near[GOM_SPECIAL_NEAR];
GOM_EXPORT_FOR_TEST(gom_special_near);

static spinlock_t locks[1 << LOCK_BITS];	/* of the trees, by span */
static DEFINE_SPINLOCK(supply_lock);		/* protects supply */
static struct gom_fixalloc supply;
static DEFINE_SPINLOCK(near_lock);		/* who writes the table */

void gom_special_init(void)
{
	unsigned int i;

	for (i = 0; i < 1U << LOCK_BITS; i++)	/* on UP a lock has no size */
		spin_lock_init(&locks[i]);
	gom_fixalloc_init(&supply, sizeof(struct gom_special), GOM_SPECIAL_SYS);
	gom_special_near[0] = U8_MAX;		/* NULL's; what is full stays full */
}

/* === Records === */

static struct gom_special *take(void *block)
{
	struct gom_special *sp;
	unsigned long flags;

	spin_lock_irqsave(&supply_lock, flags);
	if (block)
		gom_fixalloc_carve(&supply, block);
	sp = gom_fixalloc_take(&supply);
	spin_unlock_irqrestore(&supply_lock, flags);
	return sp;
}

/* A record for the caller to fill in; NULL if there is no memory. */
struct gom_special *gom_special_new(gfp_t gfp)
{
	struct gom_special *sp = take(NULL);
	void *block;

	if (sp)
		return sp;
	block = gom_fixalloc_block(&supply, gfp);
	return block ? take(block) : NULL;
}

void gom_special_delete(struct gom_special *sp)
{
	unsigned long flags;

	spin_lock_irqsave(&supply_lock, flags);
	gom_fixalloc_give(&supply, sp);
	spin_unlock_irqrestore(&supply_lock, flags);
}

/* === What frees look at === */

static spinlock_t *lock_of(const struct gom_span *s)
{
	return &locks[hash_ptr(s, LOCK_BITS)];
}

static struct gom_span *find_span(const void *p, u32 *off)
{
	u32 entry = gom_pagemap_entry(p);
	struct gom_span *s;

	if (unlikely(gom_efence) && !entry) {
		s = gom_efence_span(p);
		*off = p - s->base;
		return s;
	}
	*off = gom_entry_offset(entry, p);
	return gom_pagemap_span_of(p, *off);
}

/* One special more, or less, in the page at @p.  A full entry can not be counted down. */
static void note_near(const void *p, int by)
{
	u8 *n = &gom_special_near[((unsigned long)p >> PAGE_SHIFT) % GOM_SPECIAL_NEAR];
	unsigned long flags;

	spin_lock_irqsave(&near_lock, flags);
	if (*n != U8_MAX)
		WRITE_ONCE(*n, *n + by);
	spin_unlock_irqrestore(&near_lock, flags);
}

/*
 * The first special of @s comes, or the last goes: its pages are marked.  Others who
 * free objects of @s meanwhile see one mark or the other, and both are right for them.
 */
static void mark(const struct gom_span *s, bool ask)
{
	if (s->state == GOM_SPAN_SMALL)
		gom_pagemap_mark(s, GOM_SLOT_OF(ask ? GOM_SLOT_ASK : gom_span_slot(s)));
}

static void count_in_class(const struct gom_span *s, int by)
{
	if (s->state == GOM_SPAN_SMALL && s->class >= GOM_NR_SPAN_CLASSES)
		atomic_add(by, &gom_cache_class(s->class)->specials);
}

/* === Trees, under the lock === */

static const struct gom_special *special_of(const struct rb_node *node)
{
	return rb_entry(node, struct gom_special, rb);
}

static int compare(const void *key, const struct rb_node *node)
{
	const struct gom_special *a = key, *b = special_of(node);

	if (a->offset != b->offset)
		return a->offset < b->offset ? -1 : 1;
	return (int)a->kind - b->kind;
}

static int compare_nodes(struct rb_node *node, const struct rb_node *other)
{
	return compare(special_of(node), other);
}

static struct gom_special *find(struct gom_span *s, u32 offset, unsigned int kind)
{
	const struct gom_special key = { .offset = offset, .kind = kind };

	return rb_entry_safe(rb_find(&key, &s->specials, compare), struct gom_special, rb);
}

/* False if the object has one of that kind. */
static bool link_special(struct gom_span *s, struct gom_special *sp)
{
	const bool first = RB_EMPTY_ROOT(&s->specials);

	if (rb_find_add(&sp->rb, &s->specials, compare_nodes))
		return false;
	if (first)
		mark(s, true);
	count_in_class(s, 1);
	note_near(s->base + sp->offset, 1);
	return true;
}

static void unlink_special(struct gom_span *s, struct gom_special *sp)
{
	rb_erase(&sp->rb, &s->specials);
	note_near(s->base + sp->offset, -1);
	count_in_class(s, -1);
	if (RB_EMPTY_ROOT(&s->specials))
		mark(s, false);
}

/* === The interface === */

/**
 * gom_special_add - tie a special to an object
 * @p: the object, owned by the caller
 * @sp: the special, its kind and what belongs to that filled in
 *
 * Return: false if the object has one of that kind.
 */
bool gom_special_add(const void *p, struct gom_special *sp)
{
	struct gom_span *s = find_span(p, &sp->offset);
	unsigned long flags;
	bool added;

	spin_lock_irqsave(lock_of(s), flags);
	added = link_special(s, sp);
	spin_unlock_irqrestore(lock_of(s), flags);
	return added;
}

/**
 * gom_special_remove - untie a special
 * @p: the object, owned by the caller
 * @kind: which
 *
 * Return: the special, the caller's now; NULL if there is none.
 */
struct gom_special *gom_special_remove(const void *p, enum gom_special_kind kind)
{
	struct gom_special *sp;
	unsigned long flags;
	struct gom_span *s;
	u32 off;

	s = find_span(p, &off);
	spin_lock_irqsave(lock_of(s), flags);
	sp = find(s, off, kind);
	if (sp)
		unlink_special(s, sp);
	spin_unlock_irqrestore(lock_of(s), flags);
	return sp;
}

/**
 * gom_special_end - an object is being freed
 * @p: the object
 * @caller: who frees it
 *
 * If it has a finalizer that is what becomes of it for now; the object waits.  If not,
 * and if it was sampled, its free is counted.
 *
 * Return: whether the object is not to be freed now, or was freed before.
 */
bool gom_special_end(const void *p, unsigned long caller)
{
	struct gom_special *fin, *sample = NULL;
	unsigned long flags;
	struct gom_span *s;
	bool twice;
	u32 off;

	s = find_span(p, &off);
	if (!gom_span_has_specials(s))
		return false;
	spin_lock_irqsave(lock_of(s), flags);
	twice = find(s, off, GOM_SPECIAL_QUEUED);
	fin = twice ? NULL : find(s, off, GOM_SPECIAL_FINALIZER);
	if (fin) {
		/* Kinds are in this order for this: it stays where it is. */
		fin->kind = GOM_SPECIAL_QUEUED;
	} else if (!twice) {
		sample = find(s, off, GOM_SPECIAL_SAMPLE);
		if (sample)
			unlink_special(s, sample);
	}
	spin_unlock_irqrestore(lock_of(s), flags);
	if (twice)
		gom_report(GOM_BAD_FREE_TWICE, caller,
			   "object %p was freed twice, the finalizer is to run", p);
	if (fin)
		gom_finalizer_queue(fin);
	if (sample)
		gom_profile_free(sample);
	return twice || fin;
}

/* The first special of @s that is not before @key, which is none of them. */
static struct rb_node *first_from(const struct gom_span *s, const struct gom_special *key)
{
	struct rb_node *node = s->specials.rb_node, *found = NULL;

	while (node) {
		if (compare(key, node) <= 0) {
			found = node;
			node = node->rb_left;
		} else {
			node = node->rb_right;
		}
	}
	return found;
}

/* Show all specials of @s, which has some, to @visit, some at a time, under the lock. */
void gom_special_visit(const struct gom_span *s,
		       void (*visit)(const struct gom_special *sp, void *arg), void *arg)
{
	struct gom_special next = {};
	struct rb_node *node;
	unsigned long flags;
	unsigned int n;

	do {
		spin_lock_irqsave(lock_of(s), flags);
		node = first_from(s, &next);
		for (n = 0; node && n < VISIT_AT_ONCE; n++, node = rb_next(node)) {
			visit(special_of(node), arg);
			next.offset = special_of(node)->offset;
			next.kind = special_of(node)->kind + 1;
		}
		spin_unlock_irqrestore(lock_of(s), flags);
	} while (node);
}
