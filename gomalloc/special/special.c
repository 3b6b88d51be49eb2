// SPDX-License-Identifier: GPL-2.0
/* Specials: the records, their trees, and the end of an object that has some.  See special.h. */
#include <linux/cpumask.h>
#include <linux/hash.h>
#include <linux/log2.h>
#include <linux/minmax.h>
#include <linux/mm.h>
#include <linux/percpu.h>
#include <linux/spinlock.h>

#include "base/class.h"
#include "base/compat.h"
#include "base/fixalloc.h"
#include "base/persistent.h"
#include "base/report.h"
#include "heap/mheap.h"
#include "heap/pagemap.h"
#include "special/special.h"

#define VISIT_AT_ONCE	8U	/* specials shown with the lock held */

/* Locks of the trees, by span: some for each CPU, so that two seldom want the same. */
#define LOCKS_PER_CPU	4U
#define MIN_LOCKS	16U
#define MAX_LOCKS	1024U

/* Records for samples take no more than this part of the memory. */
#define SAMPLE_SHARE	64U

void (*gom_special_freed[GOM_SPECIAL_KINDS])(struct gom_special *sp) __read_mostly;
struct gom_span *(*gom_special_elsewhere)(const void *p) __read_mostly;

atomic_t gom_special_near[GOM_SPECIAL_NEAR];
GOM_EXPORT_FOR_TEST(gom_special_near);

unsigned long gom_special_sample_bytes __read_mostly;
GOM_EXPORT_FOR_TEST(gom_special_sample_bytes);

struct tree_lock {
	spinlock_t lock;
} ____cacheline_aligned_in_smp;

/* As Documentation/persistent.rst has it. */
static_assert(BITS_PER_LONG < 64 || sizeof(struct gom_special) == 64);

static struct tree_lock *locks __read_mostly;
static unsigned int lock_bits __read_mostly;

/*
 * Records to be had, by CPU.  The lock is of interest to that CPU, to tasks
 * that have just left it, and to who frees elsewhere what was sampled there.
 */
struct freelist {
	spinlock_t lock;
	struct gom_fixalloc records;
};

static DEFINE_PER_CPU(struct freelist, freelists);
static atomic_long_t record_bytes;	/* of all records made */

static atomic_t *near_of(const void *p)
{
	return &gom_special_near[((unsigned long)p >> PAGE_SHIFT) % GOM_SPECIAL_NEAR];
}

/* One special more, or less, in the page at @p. */
static void count_near(const void *p, bool more)
{
	int old = atomic_read(near_of(p));
	unsigned int new;

	do {
		new = more ? (old | GOM_NEAR_FLAG) + GOM_NEAR_ONE : old - GOM_NEAR_ONE;
		if (!gom_near_count(new))
			new &= ~GOM_NEAR_FLAG;
	} while (!atomic_try_cmpxchg(near_of(p), &old, new));
}

static int init_locks(void)
{
	unsigned int i, nr;

	nr = clamp(LOCKS_PER_CPU * num_possible_cpus(), MIN_LOCKS, MAX_LOCKS);
	lock_bits = order_base_2(nr);
	/* On UP a lock has no size. */
	locks = gom_persistent_alloc_gfp(max(sizeof(*locks) << lock_bits, sizeof(long)),
					 SMP_CACHE_BYTES, GOM_SPECIAL_SYS, GFP_KERNEL);
	if (!locks)
		return -ENOMEM;
	for (i = 0; i < 1U << lock_bits; i++)
		spin_lock_init(&locks[i].lock);
	return 0;
}

/* Before anything is allocated. */
int gom_special_init(void)
{
	struct freelist *freelist;
	int cpu;

	for_each_possible_cpu(cpu) {
		freelist = per_cpu_ptr(&freelists, cpu);
		spin_lock_init(&freelist->lock);
		gom_fixalloc_init(&freelist->records, sizeof(struct gom_special), GOM_SPECIAL_SYS);
	}
	gom_special_sample_bytes = totalram_pages() * (PAGE_SIZE / SAMPLE_SHARE);
	count_near(NULL, true);		/* NULL's own, for ever */
	return init_locks();
}

/* === Records === */

/* From the freelist of @cpu; @block may be new memory for it. */
static struct gom_special *take(int cpu, void *block)
{
	struct freelist *freelist = per_cpu_ptr(&freelists, cpu);
	struct gom_special *sp;
	unsigned long flags;

	spin_lock_irqsave(&freelist->lock, flags);
	if (block)
		gom_fixalloc_carve(&freelist->records, block);
	sp = gom_fixalloc_take(&freelist->records);
	spin_unlock_irqrestore(&freelist->lock, flags);
	if (sp)
		sp->home = cpu;
	return sp;
}

static struct gom_special *take_new(int cpu, gfp_t gfp)
{
	struct gom_fixalloc *records = &per_cpu_ptr(&freelists, cpu)->records;
	void *block = gom_fixalloc_block(records, gfp);

	if (!block)
		return NULL;
	atomic_long_add(gom_fixalloc_block_bytes(records), &record_bytes);
	return take(cpu, block);
}

/* What other CPUs have left, if one may not make more. */
static struct gom_special *take_other(void)
{
	struct gom_special *sp = NULL;
	int cpu;

	for_each_possible_cpu(cpu) {
		/* Looking without the lock: who misses something goes without. */
		if (data_race(per_cpu_ptr(&freelists, cpu)->records.free))
			sp = take(cpu, NULL);
		if (sp)
			break;
	}
	return sp;
}

/* A record for the caller to fill in; NULL if there is no memory. */
struct gom_special *gom_special_new(gfp_t gfp)
{
	int cpu = raw_smp_processor_id();

	return take(cpu, NULL) ?: take_new(cpu, gfp);
}

/* Is there as much of records as there may be for the sake of samples? */
bool gom_special_full(void)
{
	return atomic_long_read(&record_bytes) >= READ_ONCE(gom_special_sample_bytes);
}

/*
 * The same for a sample, of which there may be as many as objects: no more than
 * fit. CPUs that find there is room for one block at the same time make one
 * each.
 */
struct gom_special *gom_special_new_sample(gfp_t gfp)
{
	int cpu = raw_smp_processor_id();

	return take(cpu, NULL) ?: gom_special_full() ? take_other() : take_new(cpu, gfp);
}

void gom_special_delete(struct gom_special *sp)
{
	struct freelist *freelist = per_cpu_ptr(&freelists, sp->home);
	unsigned long flags;

	spin_lock_irqsave(&freelist->lock, flags);
	gom_fixalloc_give(&freelist->records, sp);
	spin_unlock_irqrestore(&freelist->lock, flags);
}

/* === What frees look at === */

static spinlock_t *lock_of(const struct gom_span *s)
{
	return &locks[hash_ptr(s, lock_bits)].lock;
}

static struct gom_span *find_span(const void *p, u32 *off)
{
	u32 entry = gom_pagemap_entry(p);
	struct gom_span *s;

	if (unlikely(!entry)) {
		s = gom_special_elsewhere ? gom_special_elsewhere(p) : NULL;
		*off = s ? p - s->base : 0;
		return s;
	}
	*off = gom_entry_offset(entry, p);
	return gom_pagemap_span_of(p, *off);
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
	count_near(s->base + sp->offset, true);
	return true;
}

static void unlink_special(struct gom_span *s, struct gom_special *sp)
{
	rb_erase(&sp->rb, &s->specials);
	count_near(s->base + sp->offset, false);
	count_in_class(s, -1);
	if (RB_EMPTY_ROOT(&s->specials))
		mark(s, false);
}

/* The special, untied; NULL if there is none. */
static struct gom_special *take_out(struct gom_span *s, u32 offset, unsigned int kind)
{
	struct gom_special *sp = find(s, offset, kind);

	if (sp)
		unlink_special(s, sp);
	return sp;
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
GOM_EXPORT_FOR_TEST(gom_special_add);

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
	sp = take_out(s, off, kind);
	spin_unlock_irqrestore(lock_of(s), flags);
	return sp;
}
GOM_EXPORT_FOR_TEST(gom_special_remove);

/**
 * gom_special_note_resized - the object's size is not one of its class any more
 * @p: the object, owned by the caller
 *
 * So sized frees of it, which would take it for one of another class, look it up (realloc.c).
 * If there is no record for that, those of all objects in the page at @p do, and of those
 * in pages that share its entry, from now on for ever.
 *
 * Context: any but NMI.  Needs no memory.
 */
void gom_special_note_resized(const void *p)
{
	struct gom_special *sp = gom_special_new(__GFP_NOWARN | __GFP_NOMEMALLOC);

	if (!sp) {
		atomic_or(GOM_NEAR_PINNED, near_of(p));
		return;
	}
	sp->kind = GOM_SPECIAL_RESIZED;
	if (!gom_special_add(p, sp))
		gom_special_delete(sp);		/* it was noted before */
}
GOM_EXPORT_FOR_TEST(gom_special_note_resized);

/* Was that noted of the object at @p, or may it have been? */
bool gom_special_resized(const void *p)
{
	unsigned long flags;
	struct gom_span *s;
	bool resized;
	u32 off;

	if (atomic_read(near_of(p)) & GOM_NEAR_PINNED)
		return true;
	s = find_span(p, &off);
	if (!s || !gom_span_has_specials(s))
		return false;
	spin_lock_irqsave(lock_of(s), flags);
	resized = find(s, off, GOM_SPECIAL_RESIZED);
	spin_unlock_irqrestore(lock_of(s), flags);
	return resized;
}

/*
 * What specials the object at @p has, of a span that has some.  For any context in which a
 * spin lock may be tried, NMI included.
 */
enum gom_special_look gom_special_try_look(const void *p)
{
	enum gom_special_look look = GOM_SPECIAL_NONE;
	unsigned long flags;
	struct gom_span *s;
	u32 off;

	s = find_span(p, &off);
	if (!spin_trylock_irqsave(lock_of(s), flags))
		return GOM_SPECIAL_UNKNOWN;
	if (find(s, off, GOM_SPECIAL_FINALIZER) || find(s, off, GOM_SPECIAL_QUEUED))
		look = GOM_SPECIAL_SOME_FINALIZER;
	else if (find(s, off, GOM_SPECIAL_SAMPLE) || find(s, off, GOM_SPECIAL_RESIZED))
		look = GOM_SPECIAL_NO_FINALIZER;
	spin_unlock_irqrestore(lock_of(s), flags);
	return look;
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
	struct gom_special *fin, *sample = NULL, *resized = NULL;
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
		sample = take_out(s, off, GOM_SPECIAL_SAMPLE);
		resized = take_out(s, off, GOM_SPECIAL_RESIZED);
	}
	spin_unlock_irqrestore(lock_of(s), flags);
	if (twice)
		gom_report(GOM_BAD_DOUBLE_FREE, caller,
			   "double free of object %p, whose finalizer is queued", p);
	if (fin)
		gom_special_freed[GOM_SPECIAL_FINALIZER](fin);
	if (sample)
		gom_special_freed[GOM_SPECIAL_SAMPLE](sample);
	if (resized)
		gom_special_delete(resized);
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
