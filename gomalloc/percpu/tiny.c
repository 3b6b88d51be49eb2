// SPDX-License-Identifier: GPL-2.0
/*
 * Tiny allocator: the slow paths, which open and close blocks and free objects,
 * and the size of an object.  The design, the bitmaps and the rules for who may
 * change them are in tiny.h.
 *
 * Only sizes up to GOM_TINY_MAX are combined.  Objects of 7 and 8 bytes have a
 * size class that wastes at most one byte, and no two objects of 9 bytes or
 * more fit a block.  With mixed sizes, combining only the small ones takes the
 * least memory (measured in Documentation/tiny.rst).
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

/* Two live bitmaps of 16 bits share one atomic_t. */
static_assert(GOM_TINY_BLOCK == 16);
static_assert(GOM_TINY_SPAN_BLOCKS % 2 == 0);

/**
 * struct bitmaps - where the bitmaps of an address are
 * @live: the word that holds the live bitmap of the block
 * @starts: the starts bitmap of the block
 * @shift: first bit of the live bitmap in *@live: 0 or 16
 * @at: offset of the address in its block, in bytes
 */
struct bitmaps {
	atomic_t *live;
	u16 *starts;
	u32 shift;
	u32 at;
};

/* The bitmaps of byte @off of the span @s. */
static __always_inline void bitmaps_of(struct gom_span *s, u32 off, struct bitmaps *w)
{
	struct gom_tiny_marks *marks = gom_tiny_marks(s);
	u32 block = off / GOM_TINY_BLOCK;

	w->live = &marks->live[block / 2];
	w->starts = &marks->starts[block];
	w->shift = block % 2 * GOM_TINY_BLOCK;
	w->at = off % GOM_TINY_BLOCK;
}

/* The half of the word that is the live bitmap of the block. */
static const u16 *live_half(const struct bitmaps *w)
{
	bool upper = w->shift;

	return (const u16 *)w->live + (IS_ENABLED(CONFIG_CPU_BIG_ENDIAN) ? !upper : upper);
}

static void *block_of(const void *p)
{
	return (void *)round_down((unsigned long)p, GOM_TINY_BLOCK);
}

/* === Opening and closing; inside the cache === */

static void block_unpublish(struct gom_tiny_open *t)
{
	WRITE_ONCE(t->base, NULL);
	/*
	 * A reader that sees the new @gen does not see the old @base.  Pairs
	 * with the first smp_rmb() in block_state_read().
	 */
	smp_wmb();
	WRITE_ONCE(t->gen, t->gen + 1);
	/*
	 * A reader that sees a later @state sees the new @gen.  Pairs with the
	 * third smp_rmb() in block_state_read().
	 */
	smp_wmb();
	WRITE_ONCE(t->state, GOM_TINY_NONE);
}

/*
 * Set @base of the descriptor @t, whose other fields describe @block already.
 */
static void block_publish(struct gom_tiny_open *t, void *block)
{
	/*
	 * A reader that sees @base sees its @state.  Pairs with the second
	 * smp_rmb() in block_state_read().
	 */
	smp_wmb();
	WRITE_ONCE(t->base, block);
}

/*
 * Move a block to the empty descriptor @to; at any time one of the two is
 * valid.
 */
static void block_move(struct gom_tiny_open *to, struct gom_tiny_open *from)
{
	to->live = from->live;
	to->starts = from->starts;
	WRITE_ONCE(to->state, from->state);
	block_publish(to, from->base);
	/*
	 * A reader that no longer sees the block in @from sees it in @to, if it
	 * reads that next.  Pairs with the first smp_rmb() in
	 * block_state_read().
	 */
	smp_wmb();
	block_unpublish(from);
}

static void blocks_swap(struct gom_tiny *t)
{
	block_move(&t->moving, &t->cur);
	block_move(&t->cur, &t->other);
	block_move(&t->other, &t->moving);
}

void gom_tiny_init(struct gom_tiny *t)
{
	block_unpublish(&t->cur);
	block_unpublish(&t->other);
	block_unpublish(&t->moving);
}

/* The word that holds an open block's live bitmap; *@shift is its first bit. */
static atomic_t *live_word(const struct gom_tiny_open *t, u32 *shift)
{
	bool second = (unsigned long)t->live & sizeof(u16);

	*shift = second != IS_ENABLED(CONFIG_CPU_BIG_ENDIAN) ? GOM_TINY_BLOCK : 0;
	return (atomic_t *)((unsigned long)t->live & ~(sizeof(atomic_t) - 1));
}

/* Close a block; returns it if all its objects are freed already, else NULL. */
static void *block_close(struct gom_tiny_open *t)
{
	u32 starts = (u16)t->state, shift;
	void *base = t->base;
	atomic_t *word;
	int old, new;
	bool empty;

	if (!base)
		return NULL;
	word = live_word(t, &shift);
	old = atomic_read(word);
	do {
		empty = !((u32)old >> shift & starts);
		new = empty ? old | BLOCK_BITS << shift : old & ~((BLOCK_BITS & ~starts) << shift);
	} while (!atomic_try_cmpxchg(word, &old, new));
	if (empty)
		WRITE_ONCE(*t->starts, 0);
	block_unpublish(t);
	return empty ? base : NULL;
}

/*
 * Open @block, which no one else uses yet, with an object of @size at byte 0.
 */
static void block_open(struct gom_tiny_open *t, void *block, size_t size)
{
	u32 off = gom_entry_offset(gom_pagemap_entry(block), block);
	struct bitmaps w;

	bitmaps_of(gom_pagemap_span_of(block, off), off, &w);
	memset(block, 0, GOM_TINY_BLOCK);
	WRITE_ONCE(*w.starts, 1);
	t->live = live_half(&w);
	t->starts = w.starts;
	WRITE_ONCE(t->state, 1 | (u32)size << 16);
	block_publish(t, block);
}

/*
 * Open @block with an object of @size.  It replaces the open block with fewer
 * unused bytes if it has more of them itself (Go's rule); else it is closed
 * again.  Returns a block that became free, or NULL.
 */
static void *block_add(struct gom_tiny *t, void *block, size_t size)
{
	void *freed;

	t->opened++;
	block_open(&t->moving, block, size);
	if (t->cur.state >> 16 >= t->other.state >> 16) {
		if (size >= t->cur.state >> 16)
			return block_close(&t->moving);
		freed = block_close(&t->cur);
	} else {
		if (size >= t->other.state >> 16)
			return block_close(&t->moving);
		freed = block_close(&t->other);
		block_move(&t->other, &t->cur);
	}
	block_move(&t->cur, &t->moving);
	return freed;
}

/*
 * Cut an object of one byte at byte 15, and close the block; NULL if
 * impossible.
 */
static void *block_cut_last_byte(struct gom_tiny_open *t, size_t size)
{
	void *p = t->base + GOM_TINY_BLOCK - 1;

	if (size != 1 || t->state >> 16 != GOM_TINY_BLOCK - 1)
		return NULL;
	WRITE_ONCE(t->state, t->state | BIT(GOM_TINY_BLOCK - 1));
	WRITE_ONCE(*t->starts, (u16)t->state);
	block_close(t);		/* returns NULL: this object is live */
	return p;
}

/*
 * Cut an object from either open block, which becomes the current one; or NULL.
 */
static void *object_cut(struct gom_tiny *t, size_t size)
{
	void *p;

	if (gom_tiny_cut(&t->cur, size, &p))
		return p;
	p = block_cut_last_byte(&t->cur, size);
	if (p)
		return p;
	if (!gom_tiny_cut(&t->other, size, &p))
		p = block_cut_last_byte(&t->other, size);
	if (p)
		blocks_swap(t);
	return p;
}

/**
 * gom_tiny_close_all - close the open blocks of a cache
 * @c: the cache
 * @blocks: filled with the blocks that are free now, two at most
 *
 * Context: inside the cache.
 * Return: number of blocks in @blocks.
 */
unsigned int gom_tiny_close_all(struct gom_mcache *c, void **blocks)
{
	unsigned int n = 0;

	blocks[n] = block_close(&c->tiny.cur);
	n += !!blocks[n];
	blocks[n] = block_close(&c->tiny.other);
	return n + !!blocks[n];
}

/* === Allocating === */

/* Free a block, on the slow path; @block may be NULL.  Not inside the cache. */
void gom_tiny_free_block(const void *block, unsigned long caller)
{
	struct gom_place at;

	if (!block)
		return;
	gom_pagemap_place(block, &at);
	gom_mcache_free_slow(&at, caller);
}

/* Count an allocation; true if it is to be sampled.  Inside the cache. */
static bool object_count(struct gom_tiny *t, size_t size)
{
	t->mallocs++;
	t->sample_left -= size;
	if (t->sample_left >= 0)
		return false;
	t->sample_left = gom_profile_step(1);
	return true;
}

/*
 * Allocate from a new block; as gom_tiny_alloc_slow(), if no open block serves.
 */
void *gom_tiny_alloc_new(size_t size, gfp_t gfp, bool *sample)
{
	void *block = gom_mcache_alloc_slow(GOM_CLASS_TINY, gfp, sample), *freed;
	struct gom_mcache *c;

	if (!block)
		return NULL;
	c = gom_mcache_enter_slow();
	if (WARN_ON_ONCE(!c)) {		/* cannot fail: magazine_install() in mcache.c */
		gom_tiny_free_block(block, _RET_IP_);
		return NULL;
	}
	freed = block_add(&c->tiny, block, size);
	*sample = object_count(&c->tiny, size);
	gom_mcache_leave_slow(c);
	gom_tiny_free_block(freed, _RET_IP_);
	return block;
}
GOM_EXPORT_FOR_TEST(gom_tiny_alloc_new);

/**
 * gom_tiny_alloc_slow - allocate a tiny object that the fast path could not
 * @size: bytes, 1 to GOM_TINY_MAX
 * @gfp: flags for the page allocator
 * @sample: set to true if the object is to be sampled (profile.h)
 *
 * Context: any but NMI; may sleep if @gfp allows it.
 * Return: the object, zeroed; NULL if there is no memory; ERR_PTR(-EBUSY) if
 * this CPU's cache is in use or bypassed (debug=), so the object cannot be
 * combined.
 */
void *gom_tiny_alloc_slow(size_t size, gfp_t gfp, bool *sample)
{
	struct gom_mcache *c = gom_mcache_enter_slow();
	void *p, *block = NULL, *freed = NULL;

	if (!c)
		return ERR_PTR(-EBUSY);
	p = object_cut(&c->tiny, size);
	if (!p)
		p = block = gom_mcache_pop(c, GOM_CLASS_TINY);
	if (block)
		freed = block_add(&c->tiny, block, size);
	if (p)
		*sample = object_count(&c->tiny, size);
	gom_mcache_leave_slow(c);
	gom_tiny_free_block(freed, _RET_IP_);
	return p ?: gom_tiny_alloc_new(size, gfp, sample);
}

/* === Freeing === */

enum { FREED, FREED_LAST, NOT_LIVE };

/*
 * Clear the live bit of an object.  For the last object of a block, @starts is
 * cleared first: a stray free never finds a start in a free block.  The cmpxchg
 * pairs with those in block_close() and of other frees.
 */
static __always_inline int live_bit_clear(const struct bitmaps *w)
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

/*
 * Free the object of @p, whose bitmaps are @w.  If its block became free and
 * the magazine is full, the block is returned in *@block.  Inside the cache.
 * False, with nothing done, if no live object begins at @p.
 */
static __always_inline bool block_object_free(struct gom_mcache *c, const struct bitmaps *w,
					      const void *p, void **block)
{
	int result = live_bit_clear(w);

	if (unlikely(result == NOT_LIVE))
		return false;
	c->tiny.frees++;
	if (result == FREED_LAST && !gom_slot_push(&c->slot[GOM_CLASS_TINY], block_of(p)))
		*block = block_of(p);
	return true;
}

/**
 * gom_tiny_free_inside - free a tiny object, inside the cache
 * @c: the cache
 * @p: the address
 * @entry: page-map entry of its page, which is one of tiny blocks
 * @block: set to the block if it became free and the magazine is full; the
 *	caller frees it after leaving the cache
 *
 * Context: inside the cache.
 * Return: false, with nothing done, if no live object begins at @p.
 */
bool gom_tiny_free_inside(struct gom_mcache *c, const void *p, u32 entry, void **block)
{
	u32 off = gom_entry_offset(entry, p);
	struct bitmaps w;

	bitmaps_of(gom_pagemap_span_of(p, off), off, &w);
	return block_object_free(c, &w, p, block);
}

static void bad_free_report(const struct bitmaps *w, const void *p, unsigned long caller)
{
	u32 starts = READ_ONCE(*w->starts);

	if (!starts || starts & 1U << w->at)
		gom_report(GOM_BAD_DOUBLE_FREE, caller, "double free of tiny object %p", p);
	else
		gom_report(GOM_BAD_FREE_MIDDLE, caller,
			   "free of %p, where no tiny object begins or it was freed before", p);
}

/**
 * gom_tiny_free - free a tiny object on the slow path
 * @at: place of the address, in a page of tiny blocks
 * @caller: call site of the free, for the report if the object is not live
 *
 * Context: any but NMI.  Needs no memory.
 */
void gom_tiny_free(const struct gom_place *at, unsigned long caller)
{
	size_t size = gom_tiny_size(at);
	const void *p = at->p;
	struct gom_mcache *c;
	void *block = NULL;
	struct bitmaps w;
	bool done;

	bitmaps_of(at->span, at->offset, &w);
	if (!size) {
		bad_free_report(&w, p, caller);
		return;
	}
	kmemleak_free(p);
	if (want_init_on_free())
		memset((void *)p, 0, size);
	c = gom_mcache_enter_slow();
	if (c) {
		done = gom_tiny_undo(&c->tiny, p) || block_object_free(c, &w, p, &block);
		gom_mcache_leave_slow(c);
	} else {
		int result = live_bit_clear(&w);

		done = result != NOT_LIVE;
		if (done)
			this_cpu_inc(gom_mcache.tiny.frees_outside);
		if (result == FREED_LAST)
			block = block_of(p);
	}
	if (!done)
		bad_free_report(&w, p, caller);
	gom_tiny_free_block(block, caller);
}

/* === Size and statistics === */

/*
 * The state of @block if the descriptor @t describes it; 0 if not, or if that
 * changed meanwhile.  Any context, for a descriptor of any CPU: see tiny.h.
 */
static u32 block_state_read(const struct gom_tiny_open *t, const void *block)
{
	u32 gen = READ_ONCE(t->gen), state;

	/*
	 * Pairs with the first smp_wmb() in block_unpublish() and with the one
	 * in block_move().
	 */
	smp_rmb();
	if (READ_ONCE(t->base) != block)
		return 0;
	smp_rmb();	/* pairs with smp_wmb() in block_publish() */
	state = READ_ONCE(t->state);
	smp_rmb();	/* pairs with the second smp_wmb() in block_unpublish() */
	return READ_ONCE(t->gen) == gen ? state : 0;
}

/*
 * The state of @block on the CPU that has it open; 0 if no CPU has, or if it
 * moved to another descriptor meanwhile.
 */
static u32 block_state_find(const void *block)
{
	const struct gom_tiny *t;
	u32 state = 0;
	int cpu;

	for_each_possible_cpu(cpu) {
		t = &per_cpu_ptr(&gom_mcache, cpu)->tiny;
		state = block_state_read(&t->moving, block) ?: block_state_read(&t->other, block) ?:
			block_state_read(&t->cur, block);
		if (state)
			break;
	}
	return state;
}

/**
 * gom_tiny_size - usable bytes of a tiny object
 * @at: place of the address, in a page of tiny blocks
 *
 * The usable bytes end where the next object of the block begins, live or not.
 * Padding before that object is included; it is zero.
 *
 * Context: any; takes no lock.
 * Return: the bytes; 0 if no live object begins there.
 */
size_t gom_tiny_size(const struct gom_place *at)
{
	u32 live, starts, state, next;
	struct bitmaps w;

	bitmaps_of(at->span, at->offset, &w);
	for (;;) {
		live = (u32)atomic_read(w.live) >> w.shift & BLOCK_BITS;
		/*
		 * A block seen closed gets no more starts.  Pairs with the
		 * cmpxchg in block_close().
		 */
		smp_rmb();
		starts = READ_ONCE(*w.starts);
		if (!(starts & live & 1U << w.at))
			return 0;
		next = starts >> w.at >> 1;
		if (next)
			return 1 + __ffs(next);
		/*
		 * This is the last object: it reaches to the end, if the block
		 * is closed.
		 */
		if (w.at == GOM_TINY_BLOCK - 1 || !(live & BIT(GOM_TINY_BLOCK - 1)))
			return GOM_TINY_BLOCK - w.at;
		state = block_state_find(block_of(at->p));
		next = (u16)state >> w.at >> 1;
		if (state)
			return next ? 1 + __ffs(next) : (state >> 16) - w.at;
		cpu_relax();	/* the block was closed or moved meanwhile: retry */
	}
}

/*
 * Reset the statistics of a CPU; live objects stay counted.  Inside its cache.
 */
void gom_tiny_reset(struct gom_tiny *t)
{
	gom_stats_reset_pair(&t->mallocs, &t->frees);
	gom_stats_reset_pair(&t->mallocs, &t->undone);
	gom_stats_reset_pair(&t->mallocs, &t->frees_outside);
	t->opened = 0;
}

static void stats_add_block(const struct gom_tiny_open *t, struct gom_tiny_stats *stats)
{
	if (READ_ONCE(t->base)) {
		stats->open++;
		stats->unused += GOM_TINY_BLOCK - (READ_ONCE(t->state) >> 16);
	}
}

static void stats_add_cpu(int cpu, struct gom_tiny_stats *stats)
{
	const struct gom_tiny *t = &per_cpu_ptr(&gom_mcache, cpu)->tiny;

	stats->mallocs += READ_ONCE(t->mallocs);
	stats->undone += READ_ONCE(t->undone);
	stats->frees += READ_ONCE(t->undone) + READ_ONCE(t->frees) + READ_ONCE(t->frees_outside);
	stats->opened += READ_ONCE(t->opened);
	stats_add_block(&t->cur, stats);
	stats_add_block(&t->other, stats);
}

/*
 * Statistics of the possible CPU @cpu, or of all CPUs for -1; exact if nobody
 * allocates or frees meanwhile.
 */
void gom_tiny_read(int cpu, struct gom_tiny_stats *stats)
{
	*stats = (struct gom_tiny_stats) { };
	if (cpu >= 0)
		return stats_add_cpu(cpu, stats);
	for_each_possible_cpu(cpu)
		stats_add_cpu(cpu, stats);
}
GOM_EXPORT_FOR_TEST(gom_tiny_read);
