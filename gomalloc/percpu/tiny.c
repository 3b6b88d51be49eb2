// SPDX-License-Identifier: GPL-2.0
/*
 * Tiny allocator: opening and closing blocks, freeing, and an object's size.
 * The idea, the marks and the rules are in tiny.h.
 *
 * Only sizes up to GOM_TINY_MAX are combined.  7 and 8 bytes have a size class
 * that holds them with no waste or one byte of it, and from 9 bytes on no two fit
 * a block; measured over mixed lengths it takes less memory to leave the room in
 * a block to the small ones (Documentation/tiny.rst has the figures).
 */
#include <linux/kmemleak.h>
#include <linux/mm.h>
#include <linux/preempt.h>
#include <linux/smp.h>

#include "base/accounting.h"
#include "base/compat.h"
#include "base/report.h"
#include "heap/pagemap.h"
#include "percpu/mcache.h"
#include "percpu/tiny.h"
#include "special/profile.h"

#define BLOCK_BITS	GENMASK(GOM_TINY_BLOCK - 1, 0)

/* The bit of an object in a word of live marks cannot be in two places at once. */
static_assert(GOM_TINY_BLOCK == 16);
static_assert(GOM_TINY_SPAN_BLOCKS % 2 == 0);

/**
 * struct place - where the marks of an address are
 * @live: the word with the live mark of its block
 * @starts: the other mark
 * @shift: where in *@live the block's bits begin
 * @at: the address's byte in its block
 */
struct place {
	atomic_t *live;
	u16 *starts;
	u32 shift;
	u32 at;
};

static __always_inline void find(const void *p, u32 entry, struct place *w)
{
	u32 off = gom_entry_offset(entry, p), block = off / GOM_TINY_BLOCK;
	struct gom_tiny_marks *marks = gom_tiny_marks(gom_pagemap_span_of(p, off));

	w->live = &marks->live[block / 2];
	w->starts = &marks->starts[block];
	w->shift = block % 2 * GOM_TINY_BLOCK;
	w->at = off % GOM_TINY_BLOCK;
}

/* The half of the word that has the live mark. */
static const u16 *half_of(const struct place *w)
{
	bool upper = w->shift;

	return (const u16 *)w->live + (IS_ENABLED(CONFIG_CPU_BIG_ENDIAN) ? !upper : upper);
}

static void *block_of(const void *p)
{
	return (void *)round_down((unsigned long)p, GOM_TINY_BLOCK);
}

/* === Opening and closing; inside the cache === */

static void forget(struct gom_tiny_open *t)
{
	WRITE_ONCE(t->base, NULL);
	smp_wmb();	/* who sees it in @left does not see the block: state_of() */
	WRITE_ONCE(t->left, t->left + 1);
	smp_wmb();	/* who sees another state sees that the block left: state_of() */
	WRITE_ONCE(t->state, GOM_TINY_NONE);
}

/* @block is described by @t, which is all written but for its name. */
static void name_block(struct gom_tiny_open *t, void *block)
{
	smp_wmb();	/* who sees the block sees its state: state_of() */
	WRITE_ONCE(t->base, block);
}

/* Into @to, which describes none; at any time one of the two is whole. */
static void move(struct gom_tiny_open *to, struct gom_tiny_open *from)
{
	to->live = from->live;
	to->starts = from->starts;
	WRITE_ONCE(to->state, from->state);
	name_block(to, from->base);
	smp_wmb();	/* who does not see it there any more may find it here: state_of() */
	forget(from);
}

static void swap_blocks(struct gom_tiny *t)
{
	move(&t->moving, &t->cur);
	move(&t->cur, &t->other);
	move(&t->other, &t->moving);
}

void gom_tiny_init(struct gom_tiny *t)
{
	forget(&t->cur);
	forget(&t->other);
	forget(&t->moving);
}

/* The word that has an open block's live mark, and where in it that begins. */
static atomic_t *word_of(const struct gom_tiny_open *t, u32 *shift)
{
	bool second = (unsigned long)t->live & sizeof(u16);

	*shift = second != IS_ENABLED(CONFIG_CPU_BIG_ENDIAN) ? GOM_TINY_BLOCK : 0;
	return (atomic_t *)((unsigned long)t->live & ~(sizeof(atomic_t) - 1));
}

/* Close a block; returns it if all its objects have been freed already. */
static void *close_block(struct gom_tiny_open *t)
{
	u32 starts = (u16)t->state, shift;
	void *base = t->base;
	atomic_t *word;
	int old, new;
	bool empty;

	if (!base)
		return NULL;
	word = word_of(t, &shift);
	old = atomic_read(word);
	do {
		empty = !((u32)old >> shift & starts);
		new = empty ? old | BLOCK_BITS << shift : old & ~((BLOCK_BITS & ~starts) << shift);
	} while (!atomic_try_cmpxchg(word, &old, new));
	if (empty)
		WRITE_ONCE(*t->starts, 0);
	forget(t);
	return empty ? base : NULL;
}

/* Open @block, which nobody knows yet, with an object of @size at its beginning. */
static void open_block(struct gom_tiny_open *t, void *block, size_t size)
{
	struct place w;

	find(block, gom_pagemap_entry(block), &w);
	memset(block, 0, GOM_TINY_BLOCK);
	WRITE_ONCE(*w.starts, 1);
	t->live = half_of(&w);
	t->starts = w.starts;
	WRITE_ONCE(t->state, 1 | (u32)size << 16);
	name_block(t, block);
}

/*
 * Open @block for an object of @size.  It takes the place of the open block with
 * less room, if that has less than the new one will have left (Go's rule); if
 * not, it is closed again.  Returns a block that has become free, or NULL.
 */
static void *add_block(struct gom_tiny *t, void *block, size_t size)
{
	void *freed;

	t->opened++;
	open_block(&t->moving, block, size);
	if (t->cur.state >> 16 >= t->other.state >> 16) {
		if (size >= t->cur.state >> 16)
			return close_block(&t->moving);
		freed = close_block(&t->cur);
	} else {
		if (size >= t->other.state >> 16)
			return close_block(&t->moving);
		freed = close_block(&t->other);
		move(&t->other, &t->cur);
	}
	move(&t->cur, &t->moving);
	return freed;
}

/* The byte at the end of a block, which closes it. */
static void *cut_last_byte(struct gom_tiny_open *t, size_t size)
{
	void *p = t->base + GOM_TINY_BLOCK - 1;

	if (size != 1 || t->state >> 16 != GOM_TINY_BLOCK - 1)
		return NULL;
	WRITE_ONCE(t->state, t->state | BIT(GOM_TINY_BLOCK - 1));
	WRITE_ONCE(*t->starts, (u16)t->state);
	close_block(t);		/* not free: it has this object */
	return p;
}

/* From the open blocks; the one that served is the current one afterwards. */
static void *cut_any(struct gom_tiny *t, size_t size)
{
	void *p;

	if (gom_tiny_cut(&t->cur, size, &p))
		return p;
	p = cut_last_byte(&t->cur, size);
	if (p)
		return p;
	if (!gom_tiny_cut(&t->other, size, &p))
		p = cut_last_byte(&t->other, size);
	if (p)
		swap_blocks(t);
	return p;
}

/**
 * gom_tiny_close_all - close the blocks a cache has open; inside it
 * @c: the cache
 * @blocks: where to put those that are free now, two at most
 *
 * Return: how many.
 */
unsigned int gom_tiny_close_all(struct gom_mcache *c, void **blocks)
{
	unsigned int n = 0;

	blocks[n] = close_block(&c->tiny.cur);
	n += !!blocks[n];
	blocks[n] = close_block(&c->tiny.other);
	return n + !!blocks[n];
}

/* === Allocating === */

static void give_block(void *block, unsigned long caller)
{
	if (block)
		gom_mcache_free_slow(GOM_CLASS_TINY, block, caller);
}

/* One object more; true if it is to be sampled.  Inside the cache. */
static bool count(struct gom_tiny *t, size_t size)
{
	t->mallocs++;
	t->left -= size;
	if (t->left >= 0)
		return false;
	t->left = gom_profile_step(1);
	return true;
}

/* Go on in a new block, unless another context has opened one with more room meanwhile. */
void *gom_tiny_alloc_new(size_t size, gfp_t gfp, bool *sample)
{
	void *block = gom_mcache_alloc_slow(GOM_CLASS_TINY, gfp, sample), *freed;
	struct gom_mcache *c;

	if (!block)
		return NULL;
	c = gom_mcache_enter_slow();
	if (WARN_ON_ONCE(!c)) {		/* as in mcache.c: it let us in before */
		give_block(block, _RET_IP_);
		return NULL;
	}
	freed = add_block(&c->tiny, block, size);
	*sample = count(&c->tiny, size);
	gom_mcache_leave_slow(c);
	give_block(freed, _RET_IP_);
	return block;
}
GOM_EXPORT_FOR_TEST(gom_tiny_alloc_new);

/**
 * gom_tiny_alloc_slow - allocate a tiny object that the fast path could not
 * @size: bytes, 1 to GOM_TINY_MAX
 * @gfp: how to get memory
 * @sample: set to whether the object is to be sampled (profile.h)
 *
 * Context: any but NMI; may sleep if @gfp allows it.
 * Return: the object, zeroed; NULL if there is no memory; ERR_PTR(-EBUSY) if this
 * CPU's cache cannot be used, and so the object not be combined.
 */
void *gom_tiny_alloc_slow(size_t size, gfp_t gfp, bool *sample)
{
	struct gom_mcache *c = gom_mcache_enter_slow();
	void *p, *block = NULL, *freed = NULL;

	if (!c)
		return ERR_PTR(-EBUSY);
	p = cut_any(&c->tiny, size);
	if (!p)
		p = block = gom_mcache_pop(c, GOM_CLASS_TINY);
	if (block)
		freed = add_block(&c->tiny, block, size);
	if (p)
		*sample = count(&c->tiny, size);
	gom_mcache_leave_slow(c);
	give_block(freed, _RET_IP_);
	return p ?: gom_tiny_alloc_new(size, gfp, sample);
}

/* === Freeing === */

enum { FREED, FREED_LAST, NOT_LIVE };

/*
 * Clear the mark of a live object.  With the last one go the starts, first, so
 * that nobody who errs finds some in a block that is free.
 */
static __always_inline int clear_mark(const struct place *w)
{
	const u32 bit = 1U << w->at;
	int old, new, result;
	u32 live;

	if (unlikely(!(READ_ONCE(*w->starts) & bit)))
		return NOT_LIVE;
	old = atomic_read(w->live);
	do {
		live = (u32)old >> w->shift & BLOCK_BITS;
		if (unlikely(!(live & bit)))
			return NOT_LIVE;
		result = live == bit ? FREED_LAST : FREED;
		if (result == FREED_LAST) {
			WRITE_ONCE(*w->starts, 0);
			new = old | BLOCK_BITS << w->shift;
		} else {
			new = old & ~(bit << w->shift);
		}
	} while (!atomic_try_cmpxchg(w->live, &old, new));
	return result;
}

/**
 * gom_tiny_put - free a tiny object that is not to be undone; inside the cache
 * @c: the cache
 * @p: the address
 * @entry: the word of its page, which is one of tiny blocks
 * @block: where to put the block if it is free now and has to be given back
 *	outside the cache
 *
 * Return: false, with nothing done, if no live object begins at @p.
 */
bool gom_tiny_put(struct gom_mcache *c, const void *p, u32 entry, void **block)
{
	struct place w;
	int result;

	find(p, entry, &w);
	result = clear_mark(&w);
	if (unlikely(result == NOT_LIVE))
		return false;
	c->tiny.frees++;
	if (result == FREED_LAST && !gom_slot_push(&c->slot[GOM_CLASS_TINY], block_of(p)))
		*block = block_of(p);
	return true;
}

static void report(const struct place *w, const void *p, unsigned long caller)
{
	u32 starts = READ_ONCE(*w->starts);

	if (!starts || starts & 1U << w->at)
		gom_report(GOM_BAD_DOUBLE_FREE, caller, "double free of tiny object %p", p);
	else
		gom_report(GOM_BAD_FREE_MIDDLE, caller,
			   "free of %p, where no tiny object begins or it was freed before", p);
}

/**
 * gom_tiny_free - free a tiny object past the fast path
 * @p: an address in a page of tiny blocks
 * @caller: who frees it, for the report if it is not live
 *
 * Context: any but NMI.  Needs no memory.
 */
void gom_tiny_free(const void *p, unsigned long caller)
{
	u32 entry = gom_pagemap_entry(p);
	size_t size = gom_tiny_size(p);
	struct gom_mcache *c;
	void *block = NULL;
	struct place w;
	bool done;

	find(p, entry, &w);
	if (!size) {
		report(&w, p, caller);
		return;
	}
	kmemleak_free(p);
	if (want_init_on_free())
		memset((void *)p, 0, size);
	c = gom_mcache_enter_slow();
	if (c) {
		done = gom_tiny_undo(&c->tiny, p) || gom_tiny_put(c, p, entry, &block);
		gom_mcache_leave_slow(c);
	} else {
		int result = clear_mark(&w);

		done = result != NOT_LIVE;
		if (done)
			this_cpu_inc(gom_mcache.tiny.frees_outside);
		if (result == FREED_LAST)
			block = block_of(p);
	}
	if (!done)
		report(&w, p, caller);
	give_block(block, caller);
}

/* === Questions === */

/*
 * What the description @t says of @block, 0 if it is another's or is just becoming it.  For
 * any context and any CPU's: see tiny.h.
 */
static u32 state_of(const struct gom_tiny_open *t, const void *block)
{
	u32 left = READ_ONCE(t->left), state;

	smp_rmb();	/* pairs with the first in forget() */
	if (READ_ONCE(t->base) != block)
		return 0;
	smp_rmb();	/* pairs with name_block() */
	state = READ_ONCE(t->state);
	smp_rmb();	/* pairs with the second in forget() */
	return READ_ONCE(t->left) == left ? state : 0;
}

/* The state of @block on the CPU that has it open; 0 if none has, or it moved meanwhile. */
static u32 find_open(const void *block)
{
	const struct gom_tiny *t;
	u32 state = 0;
	int cpu;

	for_each_possible_cpu(cpu) {
		t = &per_cpu_ptr(&gom_mcache, cpu)->tiny;
		state = state_of(&t->moving, block) ?: state_of(&t->other, block) ?:
			state_of(&t->cur, block);
		if (state)
			break;
	}
	return state;
}

/**
 * gom_tiny_size - usable bytes of a tiny object
 * @p: an address in a page of tiny blocks
 *
 * They reach to where the next object began, live or not, and never into it:
 * what lies in between is nobody's, and zero.
 *
 * Return: the bytes; 0 if no live object begins there.
 */
size_t gom_tiny_size(const void *p)
{
	u32 live, starts, state, next;
	struct place w;

	find(p, gom_pagemap_entry(p), &w);
	for (;;) {
		live = (u32)atomic_read(w.live) >> w.shift & BLOCK_BITS;
		smp_rmb();	/* no start is added to a block seen closed: close_block() */
		starts = READ_ONCE(*w.starts);
		if (!(starts & live & 1U << w.at))
			return 0;
		next = starts >> w.at >> 1;
		if (next)
			return 1 + __ffs(next);
		/* Behind the last object of an open block comes what is yet to be cut. */
		if (w.at == GOM_TINY_BLOCK - 1 || !(live & BIT(GOM_TINY_BLOCK - 1)))
			return GOM_TINY_BLOCK - w.at;
		state = find_open(block_of(p));
		next = (u16)state >> w.at >> 1;
		if (state)
			return next ? 1 + __ffs(next) : (state >> 16) - w.at;
		cpu_relax();	/* it was closed just now, or moved */
	}
}

/* Begin the counters of a CPU anew; live objects stay counted.  Inside its cache. */
void gom_tiny_reset(struct gom_tiny *t)
{
	gom_stats_forget(&t->mallocs, &t->frees);
	gom_stats_forget(&t->mallocs, &t->undone);
	gom_stats_forget(&t->mallocs, &t->frees_outside);
	t->opened = 0;
}

static void add_open(const struct gom_tiny_open *t, struct gom_tiny_stats *stats)
{
	if (READ_ONCE(t->base)) {
		stats->open++;
		stats->room += GOM_TINY_BLOCK - (READ_ONCE(t->state) >> 16);
	}
}

static void add_stats(int cpu, struct gom_tiny_stats *stats)
{
	const struct gom_tiny *t = &per_cpu_ptr(&gom_mcache, cpu)->tiny;

	stats->mallocs += READ_ONCE(t->mallocs);
	stats->undone += READ_ONCE(t->undone);
	stats->frees += READ_ONCE(t->undone) + READ_ONCE(t->frees) + READ_ONCE(t->frees_outside);
	stats->opened += READ_ONCE(t->opened);
	add_open(&t->cur, stats);
	add_open(&t->other, stats);
}

/* Figures of the possible CPU @cpu, of all for -1; exact if nobody allocates. */
void gom_tiny_read(int cpu, struct gom_tiny_stats *stats)
{
	*stats = (struct gom_tiny_stats) { };
	if (cpu >= 0)
		return add_stats(cpu, stats);
	for_each_possible_cpu(cpu)
		add_stats(cpu, stats);
}
GOM_EXPORT_FOR_TEST(gom_tiny_read);
