/* SPDX-License-Identifier: GPL-2.0 */
/*
 * Spans: runs of pages.  A span is cut into objects of one class, is one large
 * object, or is a free run of the heap.  Its record says which:
 *
 *	state	owner			linked by	slot in the page map
 *	-----	-----			---------	--------------------
 *	IDLE	the heap		@run, in a bin	GOM_SLOT_IDLE
 *	BUSY	one context		nothing, @rcu,	that of the state
 *				or a list of	before or after
 *				the context's
 *	SMALL	an mcentral		@list if @nfree	see gom_span_slot()
 *	LARGE	the object's owner	nothing		GOM_SLOT_LARGE
 *
 * The owner changes the state; a heap or an mcentral does so under its lock.  A
 * LARGE span becomes BUSY under the heap's lock, which detects double frees.
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
	GOM_SPAN_IDLE,		/* free run, in a bin of its heap */
	GOM_SPAN_BUSY,		/* being set up or torn down, owned by one context */
	GOM_SPAN_SMALL,		/* cut into objects of a class, owned by its mcentral */
	GOM_SPAN_LARGE,		/* one large object */
};

/**
 * struct gom_span - the record of a run of pages
 * @list: entry in the mcentral's list of spans (SMALL, if @nfree)
 * @run: entry in a bin of the heap (IDLE)
 * @rcu: while waiting for a grace period (BUSY)
 * @base: first byte
 * @npages: number of pages
 * @nid: node of the pages, and of the heap and mcentral that own them
 * @state: enum gom_span_state; see the table above
 * @freelist: index of the freelist that the record belongs to
 * @zeroed: the pages are known to be zero (IDLE and BUSY)
 * @direct: not from the heap; freed to the page allocator at once
 * @class: class of the objects (SMALL)
 * @nelems: number of objects (SMALL); less than the class says in a short span
 * @specials: specials of its objects (special/special.h)
 * @nfree: objects that are free in the span, without those in magazines
 * @free: one bit per object, set if it is free in the span
 *
 *	@nfree == number of bits set in @free, with the owner's lock held
 *
 * Records come from fixalloc and are never reused for other data.
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

/*
 * Also without the lock that protects @specials: the caller must either be the
 * owner of an object, whose specials only it adds, or look again under the
 * lock.
 */
static inline bool gom_span_has_specials(const struct gom_span *s)
{
	return READ_ONCE(s->specials.rb_node);
}

static inline void *gom_span_end(const struct gom_span *s)
{
	return s->base + ((size_t)s->npages << PAGE_SHIFT);
}

/*
 * Records have bitmaps of 0, 1, 2, 4, ... words, and a freelist for each
 * length; those of tiny blocks have marks behind the bitmap and a freelist of
 * their own.  Each heap has all freelists.  A span of the smallest class has
 * most objects.
 */
#define GOM_SPAN_MAX_WORDS	BITS_TO_LONGS(DIV_ROUND_UP(8192, PAGE_SIZE) * PAGE_SIZE / 8)
#define GOM_SPAN_FREELIST_TINY	(const_ilog2(GOM_SPAN_MAX_WORDS) + 2)
#define GOM_SPAN_FREELISTS	(GOM_SPAN_FREELIST_TINY + 1)

void gom_span_exit_objects(struct gom_span *s);
void gom_span_freelists_init(struct gom_fixalloc *freelists);
unsigned int gom_span_freelist(unsigned int class);
struct gom_span *gom_span_record_alloc(struct gom_fixalloc *freelists, unsigned int freelist);
void gom_span_record_free(struct gom_fixalloc *freelists, struct gom_span *s);

struct gom_span *gom_span_alloc_class(unsigned int class, int nid, gfp_t gfp);
unsigned int gom_span_pop(struct gom_span *s, void **objs, unsigned int n);
void gom_span_kmemleak_free(const struct gom_span *s);

/*
 * The slot of the pages of @s, which is SMALL.  A span that is shorter than its
 * class says may end where an object of its class would begin.  So frees of its
 * objects must ask the record, as those of named caches and of spans with
 * specials do.  For tiny blocks percpu/tiny.c has a test of its own.
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
 * Put the object that holds byte @off back into @s, of class @cl; the caller
 * updates @nfree.  False if the object is free already.  The lock of the owning
 * mcentral is held.
 */
static inline bool gom_span_push(struct gom_span *s, const struct gom_class *cl, u32 off)
{
	return !__test_and_set_bit(gom_class_index(cl, off), s->free);
}

/*
 * Bytes of the objects in @s, of class @cl: its length without the unused end.
 */
static inline size_t gom_span_object_bytes(const struct gom_span *s, const struct gom_class *cl)
{
	return (size_t)s->nelems * cl->size;
}

#endif /* GOM_SPAN_H */
