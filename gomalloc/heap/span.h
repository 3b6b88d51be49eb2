/* SPDX-License-Identifier: GPL-2.0 */
/*
 * Spans: runs of pages.  A span is cut into objects of one class, is one large
 * object, or is a free run of the heap; its record says which.
 */
#ifndef GOM_SPAN_H
#define GOM_SPAN_H

#include <linux/bitops.h>
#include <linux/bits.h>
#include <linux/list.h>
#include <linux/log2.h>
#include <linux/rbtree.h>
#include <linux/rcupdate.h>
#include <linux/types.h>

#include "base/fixalloc.h"
#include "base/sizeclass.h"

enum gom_span_state {
	GOM_SPAN_IDLE,		/* a free run, in a bin of its heap */
	GOM_SPAN_BUSY,		/* being set up or taken down, owned by one task */
	GOM_SPAN_SMALL,		/* cut into objects of a class, owned by its mcentral */
	GOM_SPAN_LARGE,		/* one object of whole pages */
};

/**
 * struct gom_span - the record of a run of pages
 * @list: in mcentral's list (SMALL, if nfree)
 * @run: in a bin of the heap (IDLE)
 * @rcu: while it waits for a grace period (BUSY)
 * @base: first byte
 * @npages: pages
 * @nid: node of the pages, and of the heap and mcentral that own them
 * @state: enum gom_span_state; changed under the lock of the owner
 * @freelist: which freelist of its heap the record is from
 * @zeroed: the pages are known to hold zeroes (IDLE and BUSY)
 * @direct: not from the heap: goes straight back to the page allocator
 * @class: of the objects, if SMALL
 * @nelems: objects it holds (SMALL): fewer than its class says in a short span
 * @specials: of its objects (special.h)
 * @nfree: objects free in the span itself, not counting those in magazines
 * @free: one bit per object, set if it is free in the span
 *
 * Records come from fixalloc and stay records for ever.
 */
struct gom_span {
	union {
		struct list_head list;
		struct hlist_node run;
		struct rcu_head rcu;
	};
	void *base;
	struct rb_root specials;
	unsigned int npages;
	int nid;
	u8 state;
	u8 freelist : 6;
	u8 zeroed : 1;
	u8 direct : 1;
	u16 class;
	u16 nelems;
	u16 nfree;
	unsigned long free[];
};

/* Also for who does not hold the lock of its specials, and will look again. */
static inline bool gom_span_has_specials(const struct gom_span *s)
{
	return READ_ONCE(s->specials.rb_node);
}

static inline void *gom_span_end(const struct gom_span *s)
{
	return s->base + ((size_t)s->npages << PAGE_SHIFT);
}

/*
 * Records come with 0, 1, 2, 4, ... words of bitmap, from a freelist for each, and
 * those of tiny blocks with marks behind the bitmap from one more; a heap has all
 * of them.  The most objects are in a span of the smallest class.
 */
#define GOM_SPAN_MAX_WORDS	BITS_TO_LONGS(DIV_ROUND_UP(8192, PAGE_SIZE) * PAGE_SIZE / 8)
#define GOM_SPAN_FREELIST_TINY	(const_ilog2(GOM_SPAN_MAX_WORDS) + 2)
#define GOM_SPAN_FREELISTS	(GOM_SPAN_FREELIST_TINY + 1)

void gom_span_freelists_init(struct gom_fixalloc *freelists);
unsigned int gom_span_freelist(unsigned int class);
struct gom_span *gom_span_take_record(struct gom_fixalloc *freelists, unsigned int freelist);
void gom_span_give_record(struct gom_fixalloc *freelists, struct gom_span *s);

struct gom_span *gom_span_alloc_class(unsigned int class, int nid, gfp_t gfp);
unsigned int gom_span_take(struct gom_span *s, void **objs, unsigned int n);
void gom_span_forget(const struct gom_span *s);

/*
 * The slot that the page map has for the pages of @s, which is SMALL.  Where memory is
 * fragmented a span is shorter than its class says, and may end where by its class an
 * object begins; so frees of its objects ask the record, as those of named caches
 * and of spans with specials do.  Blocks of tiny objects have their own test.
 */
static inline unsigned int gom_span_slot(const struct gom_span *s)
{
	if (s->class == GOM_CLASS_TINY)
		return gom_span_has_specials(s) ? GOM_SLOT_ASK : GOM_CLASS_TINY;
	if (s->class >= GOM_NR_SPAN_CLASSES || s->npages < gom_classes[s->class].npages ||
	    gom_span_has_specials(s))
		return GOM_SLOT_ASK;
	return s->class;
}

/*
 * Put the object that holds byte @off of @s, which is of @cl, back: the caller counts it
 * in @nfree.  False if it is free there already.  Under the owning mcentral's lock.
 */
static inline bool gom_span_put(struct gom_span *s, const struct gom_class *cl, u32 off)
{
	return !__test_and_set_bit(gom_class_index(cl, off), s->free);
}

/* Bytes of the objects in @s, which is of @cl: its length but for the waste at its end. */
static inline size_t gom_span_object_bytes(const struct gom_span *s, const struct gom_class *cl)
{
	return (size_t)s->nelems * cl->size;
}

#endif /* GOM_SPAN_H */
