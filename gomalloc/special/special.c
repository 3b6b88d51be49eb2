// SPDX-License-Identifier: GPL-2.0
/*
 * Specials: their records, the trees they are in, and what happens to them when
 * an object is freed.  special.h has the overview, contexts and locking.
 * Functions with the suffix _locked need the tree lock of the span.
 */
#include <linux/cpumask.h>
#include <linux/hash.h>
#include <linux/log2.h>
#include <linux/minmax.h>
#include <linux/mm.h>
#include <linux/percpu.h>
#include <linux/spinlock.h>

#include "base/class.h"
#include "base/compat.h"
#include "base/fault.h"
#include "base/fixalloc.h"
#include "base/persistent.h"
#include "base/report.h"
#include "heap/mheap.h"
#include "heap/pagemap.h"
#include "special/special.h"

#define VISIT_BATCH	8U	/* specials visited per lock section */

/* Tree locks, hashed by span; several per CPU to avoid contention. */
#define TREE_LOCKS_PER_CPU	4U
#define MIN_TREE_LOCKS		16U
#define MAX_TREE_LOCKS		1024U

/* Records for samples take at most 1/SAMPLE_SHARE of memory. */
#define SAMPLE_SHARE	64U

void (*gom_special_freed[GOM_SPECIAL_KINDS])(struct gom_special *sp) __read_mostly;

atomic_t gom_special_near[GOM_SPECIAL_NEAR];
GOM_EXPORT_FOR_TEST(gom_special_near);

unsigned long gom_special_sample_bytes __read_mostly;
GOM_EXPORT_FOR_TEST(gom_special_sample_bytes);

struct tree_lock {
	raw_spinlock_t lock;
	bool busy;
} ____cacheline_aligned_in_smp;

/* Documentation/persistent.rst has this size in a table. */
static_assert(BITS_PER_LONG < 64 || sizeof(struct gom_special) == 64);

static struct tree_lock *tree_locks __read_mostly;
static unsigned int tree_lock_bits __read_mostly;

/*
 * Free records, by CPU.  The lock is taken by that CPU, by tasks that have just
 * migrated off it, and by CPUs that free what was sampled on it.
 */
struct record_freelist {
	spinlock_t lock;
	struct gom_fixalloc records;
};

static DEFINE_PER_CPU(struct record_freelist, record_freelists);
static atomic_long_t record_bytes;	/* of all records, in use or free */

static atomic_t *near_entry(const void *p)
{
	return &gom_special_near[((unsigned long)p >> PAGE_SHIFT) % GOM_SPECIAL_NEAR];
}

/*
 * Count one special more, or less, in the page at @p.  Pairs with the lockless
 * read in gom_special_maybe().
 */
static void near_count_update(const void *p, bool more)
{
	int old = atomic_read(near_entry(p));
	unsigned int new;

	do {
		new = more ? (old | GOM_NEAR_FLAG) + GOM_NEAR_ONE : old - GOM_NEAR_ONE;
		if (!gom_near_count(new))
			new &= ~GOM_NEAR_FLAG;
	} while (!atomic_try_cmpxchg(near_entry(p), &old, new));
}

static int tree_locks_init(void)
{
	unsigned int i, nr;

	nr = clamp(TREE_LOCKS_PER_CPU * num_possible_cpus(), MIN_TREE_LOCKS, MAX_TREE_LOCKS);
	tree_lock_bits = order_base_2(nr);
	/* The size of a lock may be 0 on UP. */
	tree_locks = gom_persistent_alloc_gfp(max(sizeof(*tree_locks) << tree_lock_bits,
						  sizeof(long)),
					      SMP_CACHE_BYTES, GOM_SPECIAL_SYS, GFP_KERNEL);
	if (!tree_locks)
		return -ENOMEM;
	for (i = 0; i < 1U << tree_lock_bits; i++)
		raw_spin_lock_init(&tree_locks[i].lock);
	return 0;
}

/* Before the first allocation.  Context: task. */
int gom_special_init(void)
{
	struct record_freelist *freelist;
	int cpu;

	for_each_possible_cpu(cpu) {
		freelist = per_cpu_ptr(&record_freelists, cpu);
		spin_lock_init(&freelist->lock);
		gom_fixalloc_init(&freelist->records, sizeof(struct gom_special), GOM_SPECIAL_SYS);
	}
	gom_special_sample_bytes = totalram_pages() * (PAGE_SIZE / SAMPLE_SHARE);
	near_count_update(NULL, true);		/* NULL's entry, never decremented */
	return tree_locks_init();
}

/* === Records === */

/* Take a record from the freelist of @cpu; @block may be a new block for it. */
static struct gom_special *special_record_alloc(int cpu, void *block)
{
	struct record_freelist *freelist = per_cpu_ptr(&record_freelists, cpu);
	struct gom_special *sp;
	unsigned long flags;

	spin_lock_irqsave(&freelist->lock, flags);
	if (block)
		gom_fixalloc_carve(&freelist->records, block);
	sp = gom_fixalloc_alloc(&freelist->records);
	spin_unlock_irqrestore(&freelist->lock, flags);
	if (sp)
		sp->home = cpu;
	return sp;
}

static struct gom_special *special_record_new_block(int cpu, gfp_t gfp)
{
	struct gom_fixalloc *records = &per_cpu_ptr(&record_freelists, cpu)->records;
	void *block = gom_fixalloc_block(records, gfp);

	if (!block)
		return NULL;
	atomic_long_add(gom_fixalloc_block_bytes(records), &record_bytes);
	return special_record_alloc(cpu, block);
}

/* Take a record from any CPU's freelist, when no more may be made. */
static struct gom_special *special_record_steal(void)
{
	struct gom_special *sp = NULL;
	int cpu;

	for_each_possible_cpu(cpu) {
		/* Lockless check; a miss only loses a sample. */
		if (data_race(per_cpu_ptr(&record_freelists, cpu)->records.free))
			sp = special_record_alloc(cpu, NULL);
		if (sp)
			break;
	}
	return sp;
}

/* Allocate a record; NULL if there is no memory.  The caller fills it in. */
struct gom_special *gom_special_new(gfp_t gfp)
{
	int cpu = raw_smp_processor_id();

	if (gom_test_point(GOM_AT_SPECIAL, 0, gfp))
		return NULL;
	return special_record_alloc(cpu, NULL) ?: special_record_new_block(cpu, gfp);
}

/* Have the records for samples reached their bound? */
bool gom_special_full(void)
{
	return atomic_long_read(&record_bytes) >= READ_ONCE(gom_special_sample_bytes);
}

/*
 * Allocate a record for a sample, within the bound on all records.  CPUs that
 * are below the bound at the same time make a block each.
 */
struct gom_special *gom_special_new_sample(gfp_t gfp)
{
	int cpu = raw_smp_processor_id();

	return special_record_alloc(cpu, NULL) ?:
	       gom_special_full() ? special_record_steal() : special_record_new_block(cpu, gfp);
}

void gom_special_delete(struct gom_special *sp)
{
	struct record_freelist *freelist = per_cpu_ptr(&record_freelists, sp->home);
	unsigned long flags;

	spin_lock_irqsave(&freelist->lock, flags);
	gom_fixalloc_free(&freelist->records, sp);
	spin_unlock_irqrestore(&freelist->lock, flags);
}

/* === What frees read === */

/*
 * The lock of the tree of @s.  @busy is for gom_special_try_find(): without
 * CONFIG_SMP a trylock always succeeds, even if this context interrupted the
 * holder.
 */
static struct tree_lock *span_tree_lock(const struct gom_span *s, unsigned long *flags)
{
	struct tree_lock *tree = &tree_locks[hash_ptr(s, tree_lock_bits)];

	raw_spin_lock_irqsave(&tree->lock, *flags);
	WRITE_ONCE(tree->busy, true);	/* pairs with span_tree_trylock(), in an NMI */
	barrier();
	return tree;
}

static void span_tree_unlock(struct tree_lock *tree, unsigned long flags)
{
	barrier();	/* the tree is whole before an NMI sees the mark gone */
	WRITE_ONCE(tree->busy, false);
	raw_spin_unlock_irqrestore(&tree->lock, flags);
}

/* The same, in any context; NULL if another context has it. */
static struct tree_lock *span_tree_trylock(const struct gom_span *s, unsigned long *flags)
{
	struct tree_lock *tree = &tree_locks[hash_ptr(s, tree_lock_bits)];

	if (!raw_spin_trylock_irqsave(&tree->lock, *flags))
		return NULL;
	if (READ_ONCE(tree->busy)) {	/* only without CONFIG_SMP */
		raw_spin_unlock_irqrestore(&tree->lock, *flags);
		return NULL;
	}
	return tree;
}

/*
 * The first special of @s was added (@ask), or the last one removed: change the
 * slot of its pages in the page map.
 *
 * Concurrent frees of other objects of @s may read the old or the new slot;
 * both are valid for them.
 */
static void span_slot_mark(const struct gom_span *s, bool ask)
{
	if (s->state == GOM_SPAN_SMALL)
		gom_pagemap_mark(s, GOM_SLOT_OFF(ask ? GOM_SLOT_ASK : gom_span_slot(s)));
}

static void class_specials_add(const struct gom_span *s, int by)
{
	if (s->state == GOM_SPAN_SMALL && s->class >= GOM_NR_SPAN_CLASSES)
		atomic_add(by, &gom_cache_class(s->class)->specials);
}

/* === Trees; the tree lock is held === */

static const struct gom_special *rb_to_special(const struct rb_node *node)
{
	return rb_entry(node, struct gom_special, rb);
}

static int special_cmp(const void *key, const struct rb_node *node)
{
	const struct gom_special *a = key, *b = rb_to_special(node);

	if (a->offset != b->offset)
		return a->offset < b->offset ? -1 : 1;
	return (int)a->kind - b->kind;
}

static int special_cmp_nodes(struct rb_node *node, const struct rb_node *other)
{
	return special_cmp(rb_to_special(node), other);
}

static struct gom_special *special_find_locked(struct gom_span *s, u32 offset, unsigned int kind)
{
	const struct gom_special key = { .offset = offset, .kind = kind };

	return rb_entry_safe(rb_find(&key, &s->specials, special_cmp), struct gom_special, rb);
}

/* False if the object has a special of that kind already. */
static bool special_link_locked(struct gom_span *s, struct gom_special *sp)
{
	const bool first = RB_EMPTY_ROOT(&s->specials);

	if (rb_find_add(&sp->rb, &s->specials, special_cmp_nodes))
		return false;
	if (first)
		span_slot_mark(s, true);
	class_specials_add(s, 1);
	near_count_update(s->base + sp->offset, true);
	return true;
}

static void special_unlink_locked(struct gom_span *s, struct gom_special *sp)
{
	rb_erase(&sp->rb, &s->specials);
	near_count_update(s->base + sp->offset, false);
	class_specials_add(s, -1);
	if (RB_EMPTY_ROOT(&s->specials))
		span_slot_mark(s, false);
}

/* Find and unlink a special; NULL if there is none. */
static struct gom_special *special_detach_locked(struct gom_span *s, u32 offset, unsigned int kind)
{
	struct gom_special *sp = special_find_locked(s, offset, kind);

	if (sp)
		special_unlink_locked(s, sp);
	return sp;
}

/* === Interface === */

/**
 * gom_special_add - add a special to an object
 * @at: place of the object, owned by the caller
 * @sp: the special, its kind and the members of that kind filled in
 *
 * Context: any but NMI, no lock held.
 * Return: false if the object has a special of that kind already.
 */
bool gom_special_add(const struct gom_place *at, struct gom_special *sp)
{
	struct tree_lock *tree;
	unsigned long flags;
	bool added;

	sp->offset = at->offset;
	tree = span_tree_lock(at->span, &flags);
	added = special_link_locked(at->span, sp);
	span_tree_unlock(tree, flags);
	return added;
}
GOM_EXPORT_FOR_TEST(gom_special_add);

/**
 * gom_special_remove - remove a special from an object
 * @at: place of the object, owned by the caller
 * @kind: kind of the special
 *
 * Context: any but NMI, no lock held.
 * Return: the special, owned by the caller; NULL if there is none.
 */
struct gom_special *gom_special_remove(const struct gom_place *at, enum gom_special_kind kind)
{
	struct gom_special *sp;
	struct tree_lock *tree;
	unsigned long flags;

	tree = span_tree_lock(at->span, &flags);
	sp = special_detach_locked(at->span, at->offset, kind);
	span_tree_unlock(tree, flags);
	return sp;
}
GOM_EXPORT_FOR_TEST(gom_special_remove);

/**
 * gom_special_note_resized - note that an object's size is not one of its class
 * @at: place of the object, owned by the caller
 *
 * A sized free would take the object for one of another class (api/realloc.c).
 * After this, sized frees of it look up its class.  If there is no memory for a
 * record, frees of all objects in the pages that share its counter do so,
 * until the module is unloaded.
 *
 * Context: any but NMI, no lock held.  Needs no memory.
 */
void gom_special_note_resized(const struct gom_place *at)
{
	struct gom_special *sp = gom_special_new(__GFP_NOWARN | __GFP_NOMEMALLOC);

	if (!sp) {
		atomic_or(GOM_NEAR_PINNED, near_entry(at->p));
		return;
	}
	sp->kind = GOM_SPECIAL_RESIZED;
	if (!gom_special_add(at, sp))
		gom_special_delete(sp);		/* it has one already */
}
GOM_EXPORT_FOR_TEST(gom_special_note_resized);

/* Has the object at @at been noted as resized?  May return true for others. */
bool gom_special_resized(const struct gom_place *at)
{
	struct tree_lock *tree;
	unsigned long flags;
	bool resized;

	if (atomic_read(near_entry(at->p)) & GOM_NEAR_PINNED)
		return true;
	if (!at->span || !gom_span_has_specials(at->span))
		return false;
	tree = span_tree_lock(at->span, &flags);
	resized = special_find_locked(at->span, at->offset, GOM_SPECIAL_RESIZED);
	span_tree_unlock(tree, flags);
	return resized;
}

/*
 * Look up which specials the object at @at has.  The caller knows that its span
 * has some.  Any context in which a spinlock may be tried, NMI included.
 */
enum gom_special_found gom_special_try_find(const struct gom_place *at)
{
	enum gom_special_found found = GOM_SPECIAL_NONE;
	struct gom_span *s = at->span;
	const u32 off = at->offset;
	struct tree_lock *tree;
	unsigned long flags;

	tree = span_tree_trylock(s, &flags);
	if (!tree)
		return GOM_SPECIAL_UNKNOWN;
	if (special_find_locked(s, off, GOM_SPECIAL_FINALIZER) ||
	    special_find_locked(s, off, GOM_SPECIAL_QUEUED))
		found = GOM_SPECIAL_SOME_FINALIZER;
	else if (special_find_locked(s, off, GOM_SPECIAL_SAMPLE) ||
		 special_find_locked(s, off, GOM_SPECIAL_RESIZED))
		found = GOM_SPECIAL_NO_FINALIZER;
	span_tree_unlock(tree, flags);
	return found;
}

/**
 * gom_special_end - handle the specials of an object that is being freed
 * @at: place of the object
 * @caller: call site
 *
 * An object with a finalizer is not freed now: the finalizer is queued.
 * Otherwise the object's sample is counted as freed, and its specials are
 * deleted.
 *
 * Context: any but NMI, no lock held.
 * Return: true if the object must not be freed: its finalizer is queued, now or
 * by an earlier free, which is reported as a double free.
 */
bool gom_special_end(const struct gom_place *at, unsigned long caller)
{
	struct gom_special *fin, *sample = NULL, *resized = NULL;
	struct gom_span *s = at->span;
	const u32 off = at->offset;
	struct tree_lock *tree;
	unsigned long flags;
	bool double_free;

	if (!gom_span_has_specials(s))
		return false;
	tree = span_tree_lock(s, &flags);
	double_free = special_find_locked(s, off, GOM_SPECIAL_QUEUED);
	fin = double_free ? NULL : special_find_locked(s, off, GOM_SPECIAL_FINALIZER);
	if (fin) {
		/*
		 * Kinds are ordered so that this keeps its place in the tree.
		 */
		fin->kind = GOM_SPECIAL_QUEUED;
	} else if (!double_free) {
		sample = special_detach_locked(s, off, GOM_SPECIAL_SAMPLE);
		resized = special_detach_locked(s, off, GOM_SPECIAL_RESIZED);
	}
	span_tree_unlock(tree, flags);
	if (double_free)
		gom_report(GOM_BAD_DOUBLE_FREE, caller,
			   "double free of object %p, whose finalizer is queued", at->p);
	if (fin)
		gom_special_freed[GOM_SPECIAL_FINALIZER](fin);
	if (sample)
		gom_special_freed[GOM_SPECIAL_SAMPLE](sample);
	if (resized)
		gom_special_delete(resized);
	return double_free || fin;
}

/* The first special of @s that is not below @key; @key is not in the tree. */
static struct rb_node *special_first_from_locked(const struct gom_span *s,
						 const struct gom_special *key)
{
	struct rb_node *node = s->specials.rb_node, *found = NULL;

	while (node) {
		if (special_cmp(key, node) <= 0) {
			found = node;
			node = node->rb_left;
		} else {
			node = node->rb_right;
		}
	}
	return found;
}

/* Call @visit for each special of @s, VISIT_BATCH at a time, under the lock. */
void gom_special_visit(const struct gom_span *s,
		       void (*visit)(const struct gom_special *sp, void *arg), void *arg)
{
	struct gom_special next = {};
	struct rb_node *node;
	struct tree_lock *tree;
	unsigned long flags;
	unsigned int n;

	do {
		tree = span_tree_lock(s, &flags);
		node = special_first_from_locked(s, &next);
		for (n = 0; node && n < VISIT_BATCH; n++, node = rb_next(node)) {
			visit(rb_to_special(node), arg);
			next.offset = rb_to_special(node)->offset;
			next.kind = rb_to_special(node)->kind + 1;
		}
		span_tree_unlock(tree, flags);
	} while (node);
}
