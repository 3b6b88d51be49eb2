/* SPDX-License-Identifier: GPL-2.0 */
/*
 * Tiny allocator: several no-scan objects share one block of 16 bytes
 * (Go: 2014, "Tiny allocator" in malloc.goc; 2015, in mallocgc()).  It sits on
 * top of the per-CPU cache, which provides the blocks as objects of a class of
 * their own, GOM_CLASS_TINY.
 *
 * Each CPU has two open blocks, from which it cuts objects at rising addresses:
 * the current one, and a second one.  Go has one, and wastes the rest of it
 * whenever an object does not fit; here the second block serves objects that do
 * not fit into the current one.
 *
 * Which objects are live
 * ----------------------
 * In Go a block lives as long as a pointer leads into it.  Here it lives until
 * the last of its objects is freed, on any CPU.  So each block has two bitmaps
 * of 16 bits.  They lie in the span's record, where an overrun does not reach
 * them:
 *
 *	starts	bit i: an object begins at byte i.  Written by the CPU that has
 *		the block open, and cleared by the free of the last object.
 *	live	bit i: no object that begins at byte i has been freed.  All bits
 *		are set while the block is free, and while it is open all but
 *		those of freed objects.  Changed with atomic operations only.
 *
 * Closing a block clears, atomically, the bits of @live that are not in
 * @starts.  While a block is open, bit 15 of @live is set, so @live cannot
 * become zero (an object that begins at byte 15 fills the block, which is then
 * closed).  The free that would bring @live to zero sets all bits instead, for
 * the next use of the block, and returns the block to its class.
 *
 * So an allocation takes no atomic operation, closing a block takes one, and a
 * free takes one.  A free of the last object cut from the current block, on the
 * CPU that has it open, takes none ("undo"): the object is zeroed, as all
 * unused bytes of an open block are, and its bytes are used again.
 *
 * A free of an address without a bit in @starts or in @live is reported.  A
 * free block has no bit in @starts.
 *
 * Who may be in here: an open block belongs to the per-CPU cache that opened
 * it, and is changed only inside that cache, by the rules of mcache.h.  The
 * live bitmap is changed by any CPU, in any context.
 *
 * Readers without a lock
 * ----------------------
 * gom_tiny_size() may need the state of a block that is open on any CPU.  It
 * runs in any context, an interrupt of code inside the cache included, so
 * neither side may wait.  All that a reader needs is one word, @state.  A
 * descriptor changes its block only in this order: clear @base, increment @gen,
 * write @state, write @base.  A reader that sees the same @gen before and after
 * has read the state of the block that it saw in @base.  A block that moves to
 * another descriptor appears in the new one before it leaves the old one.  So a
 * reader misses an open block only if its CPU made progress meanwhile; then it
 * retries.
 */
#ifndef GOM_TINY_H
#define GOM_TINY_H

#include <linux/align.h>
#include <linux/atomic.h>
#include <linux/bits.h>
#include <linux/string.h>

#include "base/compat.h"
#include "gomalloc.h"
#include "heap/marks.h"
#include "heap/pagemap.h"
#include "heap/span.h"

struct gom_mcache;

/**
 * struct gom_tiny_open - descriptor of an open block
 * @base: the block; NULL if there is none
 * @live: its live bitmap; read only through this pointer
 * @starts: its starts bitmap
 * @state: one word, so that it can be read on other CPUs: in bits 0 to 15 the
 *	starts, from bit 16 on the number of bytes used; 16 without a block
 * @gen: generation: incremented when a block leaves this descriptor
 */
struct gom_tiny_open {
	void *base;
	const u16 *live;
	u16 *starts;
	u32 state;
	u32 gen;
};

#define GOM_TINY_NONE	((u32)GOM_TINY_BLOCK << 16)

/**
 * struct gom_tiny - the tiny allocator of one CPU
 * @cur: the block that objects are cut from
 * @other: the block that is tried when they do not fit
 * @mallocs: objects cut
 * @sample_left: bytes that may be allocated until the next sample (profile.h)
 * @undone: frees of the last object of the current block, whose bytes were
 *	reused
 * @frees: other frees on this CPU
 * @opened: blocks opened
 * @moving: a block while it moves between the other two descriptors
 * @frees_outside: frees on this CPU that found the cache in use
 */
struct gom_tiny {
	struct gom_tiny_open cur;
	u64 mallocs;
	s64 sample_left;
	u64 undone;
	u64 frees;
	u64 opened;
	struct gom_tiny_open other;
	struct gom_tiny_open moving;
	u64 frees_outside;
};

/*
 * Cut @size bytes off an open block, aligned to the largest power of two that
 * divides @size (as Go does with the low bits of the size).  False if they do
 * not fit, or would begin at byte 15: block_cut_last_byte() in tiny.c handles
 * that.
 */
static __always_inline bool gom_tiny_cut(struct gom_tiny_open *t, u32 size, void **p)
{
	u32 state = t->state;
	u32 at = ALIGN(state >> 16, size & -size);
	u32 end = at + size;

	if (unlikely(end > GOM_TINY_BLOCK) || unlikely(at == GOM_TINY_BLOCK - 1))
		return false;
	/* @at is below 16; the modulo tells UBSAN so. */
	state = (u16)state | 1U << (at % GOM_TINY_BLOCK) | end << 16;
	/* Pairs with READ_ONCE() in live_bit_clear() and gom_tiny_size(). */
	WRITE_ONCE(*t->starts, (u16)state);
	/* Pairs with READ_ONCE() in block_state_read(). */
	WRITE_ONCE(t->state, state);
	*p = t->base + at;
	return true;
}

/* Zero @n bytes, 1 to 16: two stores that may overlap. */
static __always_inline void gom_tiny_wipe(void *p, u32 n)
{
	if (n >= 8) {
		put_unaligned((u64)0, (u64 *)p);
		put_unaligned((u64)0, (u64 *)(p + n - 8));
	} else if (n >= 4) {
		put_unaligned((u32)0, (u32 *)p);
		put_unaligned((u32)0, (u32 *)(p + n - 4));
	} else {
		*(u8 *)p = 0;
		*(u8 *)(p + n / 2) = 0;
		*(u8 *)(p + n - 1) = 0;
	}
}

/*
 * Free @p by taking it back, if it is the last object of the current block and
 * not freed already.  Inside the cache.
 */
static __always_inline bool gom_tiny_undo(struct gom_tiny *tiny, const void *p)
{
	struct gom_tiny_open *t = &tiny->cur;
	unsigned long at = p - t->base;
	u32 bit, others;

	if (unlikely(at >= GOM_TINY_BLOCK))
		return false;
	bit = 1U << at;
	others = (u16)t->state ^ bit;
	/*
	 * If @p is the last object, all other starts are below its bit.  If no
	 * object begins at @p, its bit is set in @others.  READ_ONCE() pairs
	 * with the cmpxchg in live_bit_clear().
	 */
	if (others >= bit || unlikely(!(READ_ONCE(*t->live) & bit)))
		return false;
	gom_tiny_wipe((void *)p, (t->state >> 16) - (u32)at);
	WRITE_ONCE(*t->starts, (u16)others);
	WRITE_ONCE(t->state, others | (u32)at << 16);
	tiny->undone++;
	return true;
}

/**
 * struct gom_tiny_stats - statistics of the tiny allocator
 * @mallocs: objects allocated
 * @frees: objects freed
 * @undone: of @frees, those whose bytes were reused at once
 * @opened: blocks opened
 * @open: blocks open now
 * @unused: unused bytes in these
 */
struct gom_tiny_stats {
	u64 mallocs;
	u64 frees;
	u64 undone;
	u64 opened;
	unsigned int open;
	unsigned int unused;
};

/*
 * Does this CPU have a block open?  Racy on another CPU.  Pairs with
 * WRITE_ONCE() in block_publish() and block_unpublish().
 */
static inline bool gom_tiny_is_open(const struct gom_tiny *t)
{
	return READ_ONCE(t->cur.base) || READ_ONCE(t->other.base);
}

bool gom_tiny_free_inside(struct gom_mcache *c, const void *p, u32 entry, void **block);
void *gom_tiny_alloc_new(size_t size, gfp_t gfp, bool *sample);
void *gom_tiny_alloc_slow(size_t size, gfp_t gfp, bool *sample);
void gom_tiny_free(const struct gom_place *at, unsigned long caller);
void gom_tiny_free_block(const void *block, unsigned long caller);
size_t gom_tiny_size(const struct gom_place *at);
unsigned int gom_tiny_close_all(struct gom_mcache *c, void **blocks);
void gom_tiny_read(int cpu, struct gom_tiny_stats *stats);
void gom_tiny_init(struct gom_tiny *t);
void gom_tiny_reset(struct gom_tiny *t);

#endif /* GOM_TINY_H */
