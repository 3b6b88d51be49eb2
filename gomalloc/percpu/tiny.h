/* SPDX-License-Identifier: GPL-2.0 */
/*
 * Tiny allocator: several no-scan objects share one block of 16 bytes
 * (Go: 2014, "Tiny allocator" in malloc.goc; 2015, in mallocgc()).
 *
 * Each CPU has two blocks open, from which it cuts objects off upwards: the
 * current one, and another one that still had more room than a third.  Go has
 * one, and may waste what is left of it whenever an object does not fit; the
 * second takes the small ones.
 *
 * What is live
 * ------------
 * In Go a block lives as long as a pointer leads into it.  Here it lives until
 * the last of its objects is freed, which may happen on any CPU, so each block
 * has two marks of 16 bits in its span's record, out of reach of its users:
 *
 *	starts	bit i: an object began at byte i.  Written by the CPU that has the
 *		block open, and by whoever frees the block.
 *	live	bit i: nobody has freed an object that began at byte i.  All set
 *		while the block is free or open; a free clears its own, atomically.
 *
 * A CPU that closes a block clears, atomically, the bits of @live that are not
 * in @starts.  Until then bit 15 keeps @live from becoming zero, as the object
 * that begins at byte 15 fills the block and closes it.  Whoever would bring @live
 * to zero sets it for the next time instead, owns the block and gives it back to
 * its class.  So an allocation takes no atomic operation, a block takes one, and a
 * free takes one, or none if it takes the last object of a current block back on
 * the CPU that allocated it: then the object is wiped, as all room in an open
 * block is, and the room used again.
 *
 * A free where no bit of @starts is, or none of @live, is seen for what it is; a
 * free block has none of @starts.
 *
 * Who may be in here: an open block belongs to the per-CPU cache it is open in,
 * and is changed only inside it, by the rules of mcache.h.  The marks of @live
 * may be changed by anybody, in any context.
 *
 * Whoever wants to know an object's size may have to look into the description of a
 * block that is open on any CPU, in any context: in an interrupt that hit its own
 * CPU inside, too, and of a CPU that was hit inside by an interrupt that looks
 * here.  So nobody waits for anybody.  What a description says of its block is one
 * word, and which block it is of changes only in this order: no block, one more in
 * @left, another word, another block.  A reader that finds @left as it was before it
 * saw the block has read that block's word.  A block that goes from one
 * description to another is in the new one before it leaves the old one, so that
 * while its CPU stands still a reader finds it, and one that does not looks again
 * only because that CPU went on.
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
#include "heap/span.h"

struct gom_mcache;

/**
 * struct gom_tiny_open - a block that a CPU has open
 * @base: the block; NULL if there is none
 * @live: its mark of what is live, only to be read
 * @starts: its other mark
 * @state: for readers on other CPUs in one word, as it is written in one: the
 *	starts, and from bit 16 on the number of bytes used; 16 if there is no block
 * @left: blocks that were described here and are no longer
 */
struct gom_tiny_open {
	void *base;
	const u16 *live;
	u16 *starts;
	u32 state;
	u32 left;
};

#define GOM_TINY_NONE	((u32)GOM_TINY_BLOCK << 16)

/**
 * struct gom_tiny - the tiny allocator of one CPU
 * @cur: the block that objects are cut from
 * @other: the block that is looked at when they do not fit
 * @mallocs: objects cut off
 * @left: bytes of objects until one is sampled (profile.h)
 * @undone: objects freed that were the last of the current block: their room is used again
 * @frees: other objects freed on this CPU
 * @opened: blocks opened
 * @moving: a block on its way to one of the two places
 * @frees_outside: objects freed here by an interrupt that could not come in
 */
struct gom_tiny {
	struct gom_tiny_open cur;
	u64 mallocs;
	s64 left;
	u64 undone;
	u64 frees;
	u64 opened;
	struct gom_tiny_open other;
	struct gom_tiny_open moving;
	u64 frees_outside;
};

/*
 * Cut @size bytes off an open block, aligned to what divides @size (Go: to 8, 4,
 * 2 or 1 bytes by the size's low bits, which is the same).  False if they do not
 * fit, or begin at byte 15, which the slow path sees to.
 */
static __always_inline bool gom_tiny_cut(struct gom_tiny_open *t, u32 size, void **p)
{
	u32 state = t->state;
	u32 at = ALIGN(state >> 16, size & -size);
	u32 end = at + size;

	if (unlikely(end > GOM_TINY_BLOCK) || unlikely(at == GOM_TINY_BLOCK - 1))
		return false;
	/* That it is below 16 is said once more for UBSAN, which then says nothing. */
	state = (u16)state | 1U << (at % GOM_TINY_BLOCK) | end << 16;
	WRITE_ONCE(*t->starts, (u16)state);
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
 * Take back the last object of the current block, if it is @p and nobody freed
 * it elsewhere; inside the cache.
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
	/* The starts but for this one: all are below if it is one, and the last. */
	if (others >= bit || unlikely(!(READ_ONCE(*t->live) & bit)))
		return false;
	gom_tiny_wipe((void *)p, (t->state >> 16) - (u32)at);
	WRITE_ONCE(*t->starts, (u16)others);
	WRITE_ONCE(t->state, others | (u32)at << 16);
	tiny->undone++;
	return true;
}

/**
 * struct gom_tiny_stats - what was combined
 * @mallocs: objects
 * @frees: of these, freed
 * @undone: of these, those whose room could be used again at once
 * @opened: blocks opened
 * @open: blocks open now
 * @room: bytes left in them
 */
struct gom_tiny_stats {
	u64 mallocs;
	u64 frees;
	u64 undone;
	u64 opened;
	unsigned int open;
	unsigned int room;
};

/* Is a block open?  For who is on another CPU: it may be true, or false, no more. */
static inline bool gom_tiny_is_open(const struct gom_tiny *t)
{
	return READ_ONCE(t->cur.base) || READ_ONCE(t->other.base);
}

bool gom_tiny_put(struct gom_mcache *c, const void *p, u32 entry, void **block);
void *gom_tiny_alloc_new(size_t size, gfp_t gfp, bool *sample);
void *gom_tiny_alloc_slow(size_t size, gfp_t gfp, bool *sample);
void gom_tiny_free(const void *p, unsigned long caller);
size_t gom_tiny_size(const void *p);
unsigned int gom_tiny_close_all(struct gom_mcache *c, void **blocks);
void gom_tiny_read(int cpu, struct gom_tiny_stats *stats);
void gom_tiny_init(struct gom_tiny *t);
void gom_tiny_reset(struct gom_tiny *t);

#endif /* GOM_TINY_H */
