// SPDX-License-Identifier: GPL-2.0
/*
 * mcentral: exchanges magazines with the per-CPU caches, and moves objects
 * between magazines and spans.
 *
 * A cache that is empty exchanges its empty magazine for a full one from the
 * depot, or has it filled from spans.  A cache that is full exchanges its full
 * magazine for an empty one, or has it flushed into the spans.  A span whose
 * objects are all free goes back to the heap, except for one that each class
 * keeps to avoid bouncing.
 *
 * With several NUMA nodes, an object belongs to the mcentral of its own node.
 * A magazine enters a depot only if all its objects are local.  To a CPU of a
 * node without memory the nearest node with memory is local (base/node.c).
 *
 * Context: any but NMI, unless noted.
 *
 * Locking: c->lock, one per node and class.  It is taken with interrupts off,
 * because an interrupt that finds its CPU inside the cache calls mcentral
 * directly; and never inside a cache, so that it may sleep under PREEMPT_RT.
 * It is held for at most one magazine of objects and a few spans, whose records
 * may all be cache misses.  Spans and magazines are allocated and freed without
 * it.  Functions with the suffix _locked need it.
 */
#include <linux/kernel.h>
#include <linux/mm.h>
#include <linux/nodemask.h>
#include <linux/percpu.h>
#include <linux/preempt.h>
#include <linux/string.h>

#include "base/class.h"
#include "base/compat.h"
#include "base/node.h"
#include "base/persistent.h"
#include "base/report.h"
#include "base/trace.h"
#include "central/mcentral.h"
#include "heap/mheap.h"

#define DEPOT_BYTES	(256U << 10)	/* of objects in full magazines, per class and node */
#define DEPOT_MIN	2U
#define DEPOT_MAX	16U

/* Bounds per lock section: */
#define PUSH_MAX_SPANS	16U		/* spans that objects are put into */
#define TAKE_MAX_SPANS	16U		/* spans that objects are taken from */
#define DRAIN_MAX_SCAN	32U		/* spans looked at in draining */

struct gom_mcentral **gom_mcentrals __read_mostly;

/*
 * Set the limit of the depot from the bytes of a magazine's objects.  The
 * depot is empty.  Page runs are not stashed: in the heap other classes can use
 * their pages.
 */
void gom_mcentral_set_class(struct gom_mcentral *c, const struct gom_class *cl)
{
	unsigned int most = clamp(DEPOT_BYTES / max(cl->mag_size * cl->size, 1U),
				  DEPOT_MIN, DEPOT_MAX);

	/* gom_mcentral_exchange() reads it without the lock. */
	WRITE_ONCE(c->max_full, cl->size > GOM_MAX_SMALL_SIZE ? 0 : most);
}

static void mcentral_setup(struct gom_mcentral *c, const struct gom_class *cl)
{
	spin_lock_init(&c->lock);
	INIT_LIST_HEAD(&c->spans);
	gom_mcentral_set_class(c, cl);
}

static int mcentral_node_init(int nid)
{
	struct gom_mcentral *c;
	unsigned int i;

	c = gom_persistent_alloc_gfp(GOM_NR_SPAN_CLASSES * sizeof(*c), SMP_CACHE_BYTES,
				     GOM_MCENTRAL_SYS, GFP_KERNEL);
	if (!c)
		return -ENOMEM;
	for (i = 1; i < GOM_NR_SPAN_CLASSES; i++)
		mcentral_setup(&c[i], &gom_classes[i]);
	gom_mcentrals[nid] = c;
	return 0;
}

/*
 * Allocate an mcentral on each node for the class of a named cache; NULL if
 * there is no memory.
 */
struct gom_mcentral **gom_mcentral_new(const struct gom_class *cl)
{
	struct gom_mcentral **central, *c;
	int nid;

	central = gom_persistent_alloc_gfp(nr_node_ids * sizeof(*central), 0, GOM_MCENTRAL_SYS,
					   GFP_KERNEL);
	if (!central)
		return NULL;
	for_each_gom_node(nid) {
		c = gom_persistent_alloc_gfp(sizeof(*c), SMP_CACHE_BYTES, GOM_MCENTRAL_SYS,
					     GFP_KERNEL);
		if (!c)
			return NULL;
		mcentral_setup(c, cl);
		central[nid] = c;
	}
	return central;
}

int gom_mcentral_init(void)
{
	int nid, err;

	gom_mcentrals = gom_persistent_alloc_gfp(nr_node_ids * sizeof(*gom_mcentrals), 0,
						 GOM_MCENTRAL_SYS, GFP_KERNEL);
	if (!gom_mcentrals)
		return -ENOMEM;
	for_each_gom_node(nid) {
		err = mcentral_node_init(nid);
		if (err)
			return err;
	}
	return 0;
}

/* The mcentral of any class. */
struct gom_mcentral *gom_mcentral_of(unsigned int class, int nid)
{
	nid = gom_known_node(nid);
	if (likely(class < GOM_NR_SPAN_CLASSES))
		return &gom_mcentrals[nid][class];
	return gom_cache_class(class)->central[nid];
}
GOM_EXPORT_FOR_TEST(gom_mcentral_of);

/* === Depots; c->lock is held === */

static struct gom_magazine *depot_pop_locked(struct gom_magazine **list, unsigned int *nr)
{
	struct gom_magazine *mag = *list;

	if (mag) {
		*list = mag->next;
		mag->next = NULL;
		--*nr;
	}
	return mag;
}

static bool depot_push_locked(struct gom_mcentral *c, struct gom_magazine **list, unsigned int *nr,
			      struct gom_magazine *mag)
{
	if (*nr >= c->max_full)
		return false;
	mag->next = *list;
	*list = mag;
	++*nr;
	return true;
}

/* === Objects and spans === */

/**
 * struct span_push_ctx - what to do after the lock is dropped
 * @empty_spans: spans to free: all their objects are free
 * @double_free: an object that was free already, or NULL
 * @keep_spans: do not free spans; the caller's context does not allow it
 * @grace: free the spans after a grace period; set while they are accounted to
 *	the class, which another cache may get as soon as they are not
 */
struct span_push_ctx {
	struct list_head empty_spans;
	const void *double_free;
	bool keep_spans;
	bool grace;
};

#define SPAN_PUSH_CTX_INIT(ctx)	{ .empty_spans = LIST_HEAD_INIT((ctx).empty_spans) }

/* Account @n spans like @s, 1 or -1. */
static void mcentral_account_span(struct gom_mcentral *c, const struct gom_span *s, int n)
{
	atomic_long_add(n, &c->nr_spans);
	atomic_long_add(n * (long)s->npages, &c->nr_pages);
}

/* Must spans of @class be freed after a grace period only? */
static bool class_needs_grace(unsigned int class)
{
	return class >= GOM_NR_SPAN_CLASSES && gom_cache_class(class)->rcu;
}

/* Remove @s, on no list, from its class; span_push_finish() frees it. */
static void span_detach_locked(struct gom_mcentral *c, struct gom_span *s,
			       struct span_push_ctx *ctx)
{
	lockdep_assert_held(&c->lock);
	s->state = GOM_SPAN_BUSY;
	ctx->grace = class_needs_grace(s->class);
	list_add(&s->list, &ctx->empty_spans);
	mcentral_account_span(c, s, -1);
}

/*
 * All objects of @s are free.  It leaves the class, unless no other span is on
 * the list, or spans must be kept; @listed: @s is on the list now.
 */
static void span_all_free_locked(struct gom_mcentral *c, struct gom_span *s, bool listed,
				 struct span_push_ctx *ctx)
{
	if (!ctx->keep_spans && !list_empty(&c->spans) &&
	    (!listed || !list_is_singular(&c->spans))) {
		if (listed)
			list_del(&s->list);
		span_detach_locked(c, s, ctx);
	} else if (!listed) {
		list_add_tail(&s->list, &c->spans);
	}
}

/* Account for @n objects that were put into @s. */
static __always_inline void span_account_push_locked(struct gom_mcentral *c, struct gom_span *s,
						    unsigned int n, struct span_push_ctx *ctx)
{
	const unsigned int had = s->nfree;

	s->nfree = had + n;
	if (unlikely(had + n == s->nelems))
		span_all_free_locked(c, s, had, ctx);
	else if (!had && n)
		list_add_tail(&s->list, &c->spans);
}

/*
 * Put objects into @s, from the last of @n on, as long as they are in @s.
 * Returns how many are left.
 *
 * The last object is known to be in the pages of @s.  If it is not below the
 * end of the objects, it is not an object.
 */
static __always_inline unsigned int span_push_objects_locked(struct gom_mcentral *c,
							    const struct gom_class *cl,
							    struct gom_span *s, void *const *objs,
							    unsigned int n,
							    struct span_push_ctx *ctx)
{
	const size_t bytes = gom_span_object_bytes(s, cl);
	unsigned int returned = 0;
	size_t off;

	if (unlikely(objs[n - 1] - s->base >= bytes)) {
		c->double_frees++;
		ctx->double_free = objs[n - 1];
		return n - 1;
	}
	do {
		off = objs[n - 1] - s->base;
		if (off >= bytes)
			break;
		if (likely(gom_span_push(s, cl, off))) {
			returned++;
		} else {
			c->double_frees++;
			ctx->double_free = objs[n - 1];
		}
	} while (--n);
	span_account_push_locked(c, s, returned, ctx);
	return n;
}

/*
 * Put objects of @class into their spans, from the last of @n on.  Neighbours
 * in a magazine are often from the same span, so a span is looked up once for
 * all consecutive objects of it.
 *
 * Returns how many are left: 0, or the objects up to one that is not of node
 * @nid, the node of @c, or those that exceed the bound of the lock section.
 */
static unsigned int mcentral_push_objects_locked(struct gom_mcentral *c, int nid,
						 unsigned int class, void *const *objs,
						 unsigned int n, struct span_push_ctx *ctx)
{
	const struct gom_class *cl = gom_class(class);
	unsigned int spans = PUSH_MAX_SPANS;
	struct gom_span *s;

	lockdep_assert_held(&c->lock);
	while (n && spans--) {
		s = gom_pagemap_lookup(objs[n - 1]);
		if (unlikely(!s || s->state != GOM_SPAN_SMALL || s->class != class)) {
			c->double_frees++;
			ctx->double_free = objs[--n];
			continue;
		}
		if (unlikely(s->nid != nid))
			break;
		n = span_push_objects_locked(c, cl, s, objs, n, ctx);
	}
	return n;
}

/*
 * RCU callback: readers that could access the objects (SLAB_TYPESAFE_BY_RCU)
 * are gone.
 */
static void span_free_rcu(struct rcu_head *head)
{
	struct gom_span *s = container_of(head, struct gom_span, rcu);

	INIT_LIST_HEAD(&s->list);
	gom_mheap_free(s);
}

static void span_push_finish(struct span_push_ctx *ctx, unsigned long caller)
{
	struct gom_span *s, *next;

	if (unlikely(ctx->double_free))
		gom_report(GOM_BAD_DOUBLE_FREE, caller,
			   "double free of object %p", ctx->double_free);
	list_for_each_entry_safe(s, next, &ctx->empty_spans, list) {
		list_del_init(&s->list);
		if (unlikely(ctx->grace))
			call_rcu(&s->rcu, span_free_rcu);
		else
			gom_mheap_free(s);
	}
}

/* Put all objects of @mag into their spans. */
static void magazine_flush_to_spans(struct gom_magazine *mag, unsigned long caller)
{
	struct span_push_ctx ctx = SPAN_PUSH_CTX_INIT(ctx);
	struct gom_mcentral *c;
	unsigned long flags;
	int nid;

	while (mag->nr) {
		nid = gom_pagemap_nid(mag->obj[mag->nr - 1]);
		c = gom_mcentral_of(mag->class, nid);
		spin_lock_irqsave(&c->lock, flags);
		mag->nr = mcentral_push_objects_locked(c, nid, mag->class, mag->obj, mag->nr, &ctx);
		spin_unlock_irqrestore(&c->lock, flags);
	}
	span_push_finish(&ctx, caller);
}

static unsigned int spans_pop_objects_locked(struct gom_mcentral *c, void **objs, unsigned int n)
{
	unsigned int taken = 0, spans = TAKE_MAX_SPANS;
	struct gom_span *s;

	lockdep_assert_held(&c->lock);
	while (taken < n && spans-- && !list_empty(&c->spans)) {
		s = list_first_entry(&c->spans, struct gom_span, list);
		taken += gom_span_pop(s, objs + taken, n - taken);
		if (!s->nfree)
			list_del_init(&s->list);
	}
	return taken;
}

/*
 * Allocate a span and take up to @n objects from it; the rest is listed in the
 * mcentral of the span's node.  @uncached: the caller allocates without a
 * cache, so account the objects here.  Returns the number of objects, 0 if
 * there is no memory.
 *
 * The span stays BUSY until it is accounted and listed, which happens with
 * preemption off: the consistency check sees all of that or nothing.
 */
static unsigned int new_span_pop_objects(unsigned int class, int nid, gfp_t gfp, void **objs,
					  unsigned int n, bool uncached)
{
	struct gom_span *s = gom_span_alloc_class(class, nid, gfp);
	struct gom_mcentral *c;
	unsigned long flags;

	if (!s)
		return 0;
	c = gom_mcentral_of(class, s->nid);
	n = gom_span_pop(s, objs, n);
	if (s->nfree || uncached) {
		spin_lock_irqsave(&c->lock, flags);
		mcentral_account_span(c, s, 1);
		c->mallocs += uncached ? n : 0;
		if (s->nfree)
			list_add(&s->list, &c->spans);
		s->state = GOM_SPAN_SMALL;
		spin_unlock_irqrestore(&c->lock, flags);
	} else {
		preempt_disable();
		mcentral_account_span(c, s, 1);
		s->state = GOM_SPAN_SMALL;
		preempt_enable();
	}
	return n;
}

/*
 * Fill @mag up to @want objects from new spans.  The first span is allocated
 * with @gfp; further ones without reclaim, reserves and warnings.
 */
static void magazine_fill_new_spans(struct gom_magazine *mag, unsigned int want, int nid, gfp_t gfp)
{
	unsigned int n;

	while (mag->nr < want) {
		n = new_span_pop_objects(mag->class, nid, mag->nr ? gom_gfp_light(gfp) : gfp,
					  mag->obj + mag->nr, want - mag->nr, false);
		if (!n)
			break;
		mag->nr += n;
	}
}

/* === For the per-CPU caches === */

static bool magazine_all_local(const struct gom_magazine *mag, int nid)
{
	unsigned int i;

	if (nr_node_ids == 1)
		return true;
	for (i = 0; i < mag->nr; i++)
		if (gom_pagemap_nid(mag->obj[i]) != nid)
			return false;
	return true;
}

/*
 * Get up to @want objects from @c for the empty magazine *@mag.  A full
 * magazine of the depot replaces it if it holds at most @want; else @want
 * objects are copied from that; without one, objects come from spans.  *@full
 * is then the magazine with objects, and *@mag the other one, if any.  False if
 * @c has no object.
 */
static bool mcentral_try_refill(struct gom_mcentral *c, struct gom_magazine **mag,
				unsigned int want, struct gom_magazine **full)
{
	struct gom_magazine *m;
	unsigned long flags;

	/* Lockless check; a miss costs a new span. */
	if (!READ_ONCE(c->full) && list_empty_careful(&c->spans))
		return false;
	spin_lock_irqsave(&c->lock, flags);
	m = c->full;
	if (m && m->nr <= want) {
		*full = depot_pop_locked(&c->full, &c->nr_full);
		if (depot_push_locked(c, &c->empty, &c->nr_empty, *mag))
			*mag = NULL;
	} else if (m) {
		m->nr -= want;
		memcpy((*mag)->obj, m->obj + m->nr, want * sizeof(*m->obj));
		(*mag)->nr = want;
	} else {
		(*mag)->nr = spans_pop_objects_locked(c, (*mag)->obj, want);
	}
	c->depot_hits += !!m;
	c->carves += !m && (*mag)->nr;
	spin_unlock_irqrestore(&c->lock, flags);
	if (!*full && (*mag)->nr)
		swap(*full, *mag);
	return *full;
}

/* The same from other nodes, nearest first. */
static bool mcentral_refill_other_nodes(unsigned int class, int nid, struct gom_magazine **mag,
					unsigned int want, struct gom_magazine **full)
{
	nodemask_t seen = nodemask_of_node(nid);
	int node;

	while ((node = gom_nearest_node(nid, &seen)) != NUMA_NO_NODE) {
		if (mcentral_try_refill(gom_mcentral_of(class, node), mag, want, full))
			return true;
		node_set(node, seen);
	}
	return false;
}

/*
 * Get up to @want objects from new spans, but from other nodes' mcentrals
 * before memory of @nid that needs reclaim or reserves.
 */
static bool mcentral_refill_new_spans(struct gom_magazine **mag, unsigned int want, int nid,
				      gfp_t gfp, struct gom_magazine **full)
{
	const bool others = nr_node_ids > 1 && !(gfp & __GFP_THISNODE);

	if (others) {
		magazine_fill_new_spans(*mag, want, nid, gom_gfp_light(gfp));
		if (!(*mag)->nr && mcentral_refill_other_nodes((*mag)->class, nid, mag, want, full))
			return true;
	}
	if (!(*mag)->nr)
		magazine_fill_new_spans(*mag, want, nid, gfp);
	if ((*mag)->nr)
		swap(*full, *mag);
	return *full;
}

/**
 * gom_mcentral_refill - refill a cache
 * @mag: the cache's empty magazine; consumed
 * @want: maximum number of objects, at least 1
 * @nid: preferred node
 * @gfp: how to get memory
 *
 * Objects are tried in this order: the depot of @nid; its spans; new spans on
 * @nid without reclaim and reserves; other nodes' depots and spans; new spans
 * with all that @gfp allows.
 *
 * Context: any but NMI, no lock held; may sleep if @gfp allows it.
 * Return: a magazine with objects; NULL if there is no memory.
 */
struct gom_magazine *gom_mcentral_refill(struct gom_magazine *mag, unsigned int want,
					 int nid, gfp_t gfp)
{
	unsigned int class = mag->class;
	struct gom_magazine *full = NULL;

	if (!mcentral_try_refill(gom_mcentral_of(class, nid), &mag, want, &full))
		mcentral_refill_new_spans(&mag, want, nid, gfp, &full);
	if (mag)
		gom_magazine_delete(mag);
	if (full)
		trace_gom_refill(class, full->nr, nid);
	return full;
}
GOM_EXPORT_FOR_TEST(gom_mcentral_refill);

/**
 * gom_mcentral_return - return a cache's magazine to the depot
 * @mag: the magazine, with or without objects; consumed
 *
 * Context: any but NMI, no lock held.
 */
void gom_mcentral_return(struct gom_magazine *mag)
{
	int nid = gom_mem_node();
	struct gom_mcentral *c = gom_mcentral_of(mag->class, nid);
	bool local = magazine_all_local(mag, nid);
	unsigned long flags;
	bool stashed = false;

	if (mag->nr)
		trace_gom_flush(mag->class, mag->nr, nid);
	if (mag->nr && local) {
		spin_lock_irqsave(&c->lock, flags);
		stashed = depot_push_locked(c, &c->full, &c->nr_full, mag);
		spin_unlock_irqrestore(&c->lock, flags);
	}
	if (!stashed) {
		magazine_flush_to_spans(mag, _RET_IP_);
		gom_magazine_delete(mag);
	}
}
GOM_EXPORT_FOR_TEST(gom_mcentral_return);

/**
 * gom_mcentral_exchange - exchange a full magazine for an empty one
 * @mag: the full magazine; consumed
 *
 * Needs no memory: if no empty magazine is available, the objects of @mag are
 * put into their spans and @mag is returned.
 *
 * Context: any but NMI, no lock held.
 * Return: an empty magazine.
 */
struct gom_magazine *gom_mcentral_exchange(struct gom_magazine *mag)
{
	int nid = gom_mem_node();
	struct gom_mcentral *c = gom_mcentral_of(mag->class, nid);
	struct gom_magazine *empty = NULL;
	unsigned long flags;

	trace_gom_flush(mag->class, mag->nr, nid);
	if (magazine_all_local(mag, nid) && READ_ONCE(c->nr_full) < c->max_full) {
		/* Racy; the depot is looked at again under the lock. */
		if (!READ_ONCE(c->empty))
			empty = gom_magazine_new(mag->class, GOM_FREE_GFP);
		spin_lock_irqsave(&c->lock, flags);
		if (!empty)
			empty = depot_pop_locked(&c->empty, &c->nr_empty);
		if (empty && depot_push_locked(c, &c->full, &c->nr_full, mag))
			mag = NULL;
		spin_unlock_irqrestore(&c->lock, flags);
	}
	if (mag)
		magazine_flush_to_spans(mag, _RET_IP_);
	if (mag && empty)
		gom_magazine_delete(mag);
	return empty ?: mag;
}

/* === Without a cache === */

/*
 * Take an object from a span, or else from a full magazine.
 *
 * If it was the magazine's last object, the magazine goes to the depot of empty
 * ones or, if that is full, to *@out, for the caller to delete.  If @out is
 * NULL then, the object stays in the magazine.
 */
static void *mcentral_pop_object_locked(struct gom_mcentral *c, struct gom_magazine **out)
{
	struct gom_magazine *mag = c->full;
	void *p = NULL;

	lockdep_assert_held(&c->lock);
	if (spans_pop_objects_locked(c, &p, 1)) {
		c->mallocs++;
		return p;
	}
	if (mag && mag->nr > 1) {
		p = mag->obj[--mag->nr];
	} else if (mag && (out || c->nr_empty < c->max_full)) {
		p = mag->obj[--mag->nr];
		depot_pop_locked(&c->full, &c->nr_full);
		if (!depot_push_locked(c, &c->empty, &c->nr_empty, mag))
			*out = mag;
	}
	if (p)
		c->mallocs++;
	return p;
}

/* Take an object of @class that @nid has; NULL if it has none. */
static void *mcentral_alloc_node(unsigned int class, int nid)
{
	struct gom_mcentral *c = gom_mcentral_of(class, nid);
	struct gom_magazine *out = NULL;
	unsigned long flags;
	void *p;

	spin_lock_irqsave(&c->lock, flags);
	p = mcentral_pop_object_locked(c, &out);
	spin_unlock_irqrestore(&c->lock, flags);
	if (out)
		gom_magazine_delete(out);
	return p;
}

static void *mcentral_alloc_other_nodes(unsigned int class, int nid)
{
	nodemask_t seen = nodemask_of_node(nid);
	void *p = NULL;
	int node;

	while (!p && (node = gom_nearest_node(nid, &seen)) != NUMA_NO_NODE) {
		p = mcentral_alloc_node(class, node);
		node_set(node, seen);
	}
	return p;
}

static void *mcentral_alloc_new_span(unsigned int class, int nid, gfp_t gfp)
{
	void *p;

	return new_span_pop_objects(class, nid, gfp, &p, 1, true) ? p : NULL;
}

/**
 * gom_mcentral_alloc - allocate one object without a cache
 * @class: class of the object
 * @nid: preferred node
 * @gfp: how to get memory
 *
 * For an interrupt that finds its CPU inside the cache, for memory of another
 * node, and for debug=.  Nodes are tried as by gom_mcentral_refill().
 *
 * Context: any but NMI, no lock held; may sleep if @gfp allows it.
 * Return: the object, not zeroed; NULL if there is no memory.
 */
void *gom_mcentral_alloc(unsigned int class, int nid, gfp_t gfp)
{
	void *p;

	nid = gom_request_node(nid, gfp);
	p = mcentral_alloc_node(class, nid);
	if (!p && nr_node_ids > 1 && !(gfp & __GFP_THISNODE))
		p = mcentral_alloc_new_span(class, nid, gom_gfp_light(gfp)) ?:
		    mcentral_alloc_other_nodes(class, nid);
	return p ?: mcentral_alloc_new_span(class, nid, gfp);
}

/**
 * gom_mcentral_try_alloc - allocate one object without waiting for the lock
 * @class: class of the object
 * @nid: node
 *
 * Context: any, NMI included; under PREEMPT_RT only where a task could sleep, as
 * the release of the lock may wake one.
 * Return: the object, not zeroed; NULL if there is none or the lock is taken.
 */
void *gom_mcentral_try_alloc(unsigned int class, int nid)
{
	struct gom_mcentral *c = gom_mcentral_of(class, nid);
	unsigned long flags;
	void *p;

	if (!spin_trylock_irqsave(&c->lock, flags))
		return NULL;
	p = mcentral_pop_object_locked(c, NULL);
	spin_unlock_irqrestore(&c->lock, flags);
	return p;
}

/*
 * Put the object at @at into its span.  Another context may have freed it since
 * it was looked up, and the span too, so its record is looked at again here.
 */
static void mcentral_push_object_locked(struct gom_mcentral *c, int nid, const struct gom_place *at,
				       struct span_push_ctx *ctx)
{
	void *p = (void *)at->p;
	struct gom_span *s = at->span;

	lockdep_assert_held(&c->lock);
	if (likely(s->state == GOM_SPAN_SMALL && s->class == at->class && s->nid == nid)) {
		span_push_objects_locked(c, gom_class(at->class), s, &p, 1, ctx);
	} else {
		c->double_frees++;
		ctx->double_free = p;
	}
	c->frees++;
}

/**
 * gom_mcentral_free - free one object without a cache
 * @at: place of the object, which begins there
 * @caller: call site, for the report of a double free
 *
 * Context: any but NMI, no lock held.
 */
void gom_mcentral_free(const struct gom_place *at, unsigned long caller)
{
	struct span_push_ctx ctx = SPAN_PUSH_CTX_INIT(ctx);
	int nid = at->span->nid;
	struct gom_mcentral *c = gom_mcentral_of(at->class, nid);
	unsigned long flags;

	spin_lock_irqsave(&c->lock, flags);
	mcentral_push_object_locked(c, nid, at, &ctx);
	spin_unlock_irqrestore(&c->lock, flags);
	span_push_finish(&ctx, caller);
}

/**
 * gom_mcentral_try_free - free one object without waiting for the lock
 * @at: place of the object, which begins there
 * @caller: call site, for the report of a double free
 *
 * If that was the last object of its span in use, the span is freed with the
 * next one, or by draining.
 *
 * Context: any, NMI included; under PREEMPT_RT only where a task could sleep, as
 * the release of the lock may wake one.
 * Return: false if the lock is taken.
 */
bool gom_mcentral_try_free(const struct gom_place *at, unsigned long caller)
{
	struct span_push_ctx ctx = {
		.empty_spans = LIST_HEAD_INIT(ctx.empty_spans),
		.keep_spans = true,
	};
	int nid = at->span->nid;
	struct gom_mcentral *c = gom_mcentral_of(at->class, nid);
	unsigned long flags;

	if (!spin_trylock_irqsave(&c->lock, flags))
		return false;
	mcentral_push_object_locked(c, nid, at, &ctx);
	spin_unlock_irqrestore(&c->lock, flags);
	span_push_finish(&ctx, caller);
	return true;
}
GOM_EXPORT_FOR_TEST(gom_mcentral_try_free);

/* === Draining === */

static struct gom_magazine *depot_detach(struct gom_mcentral *c, struct gom_magazine **empty)
{
	struct gom_magazine *full;
	unsigned long flags;

	spin_lock_irqsave(&c->lock, flags);
	full = c->full;
	c->full = NULL;
	c->nr_full = 0;
	*empty = c->empty;
	c->empty = NULL;
	c->nr_empty = 0;
	spin_unlock_irqrestore(&c->lock, flags);
	return full;
}

/*
 * Remove spans without an object in use.  They are near the head of the list:
 * span_account_push_locked() keeps such a span only if the list is otherwise
 * empty, and only new spans are listed before it.  gom_mcentral_try_free() may
 * leave many: returns true if there may be more.
 */
static bool empty_spans_flush(struct gom_mcentral *c, unsigned int class)
{
	struct span_push_ctx ctx = SPAN_PUSH_CTX_INIT(ctx);
	struct gom_span *s, *next;
	unsigned int scan = 0, dropped = 0;
	unsigned long flags;

	spin_lock_irqsave(&c->lock, flags);
	list_for_each_entry_safe(s, next, &c->spans, list) {
		if (scan++ == DRAIN_MAX_SCAN)
			break;
		if (s->nfree != s->nelems)
			continue;
		list_del(&s->list);
		span_detach_locked(c, s, &ctx);
		dropped++;
	}
	spin_unlock_irqrestore(&c->lock, flags);
	span_push_finish(&ctx, 0);
	return dropped && scan > DRAIN_MAX_SCAN;
}

static void mcentral_drain_class(struct gom_mcentral *c, unsigned int class)
{
	struct gom_magazine *mag, *full, *empty;

	/* Lockless check; what it misses is left to the next draining. */
	if (!READ_ONCE(c->full) && !READ_ONCE(c->empty) && list_empty_careful(&c->spans))
		return;
	full = depot_detach(c, &empty);
	while ((mag = full)) {
		full = mag->next;
		magazine_flush_to_spans(mag, _RET_IP_);
		gom_magazine_delete(mag);
	}
	while ((mag = empty)) {
		empty = mag->next;
		gom_magazine_delete(mag);
	}
	while (empty_spans_flush(c, class))
		;
}

/* Flush the depots of one class, and free its empty spans, on all nodes. */
void gom_mcentral_drain_class(unsigned int class)
{
	int nid;

	for_each_gom_node(nid)
		mcentral_drain_class(gom_mcentral_of(class, nid), class);
}
GOM_EXPORT_FOR_TEST(gom_mcentral_drain_class);

/**
 * gom_mcentral_spans - number of spans of a class, on all nodes
 * @class: the class
 *
 * A span that is accounted either has an object outside, in use or in a
 * magazine (of a CPU, a depot, or a context that moves it), or is listed by its
 * mcentral.  So once nobody allocates and the number is 0, nothing of the class
 * is left but empty magazines that are about to be deleted.  Spans that have
 * left do not access the class.
 *
 * The locks order this after the last span's accesses to the class.
 *
 * Context: any but NMI, no lock held.
 * Return: number of spans.
 */
unsigned long gom_mcentral_spans(unsigned int class)
{
	struct gom_mcentral *c;
	unsigned long n = 0, flags;
	int nid;

	for_each_gom_node(nid) {
		c = gom_mcentral_of(class, nid);
		spin_lock_irqsave(&c->lock, flags);
		n += atomic_long_read(&c->nr_spans);
		spin_unlock_irqrestore(&c->lock, flags);
	}
	return n;
}

/* Upper bound of the bytes in a node's depots. */
unsigned long gom_mcentral_depot_bytes(int nid)
{
	const struct gom_class *cl;
	unsigned long bytes = 0;
	unsigned int class;

	for_each_gom_class(class) {
		cl = gom_class(class);
		bytes += (unsigned long)READ_ONCE(gom_mcentral_of(class, nid)->nr_full) *
			 cl->mag_size * cl->size;
	}
	return bytes;
}
GOM_EXPORT_FOR_TEST(gom_mcentral_depot_bytes);

/* Flush the depots of a node, and free its empty spans. */
void gom_mcentral_drain_node(int nid)
{
	unsigned int class;

	for_each_gom_class(class)
		mcentral_drain_class(gom_mcentral_of(class, nid), class);
}

/* The same on all nodes. */
void gom_mcentral_drain(void)
{
	int nid;

	for_each_gom_node(nid)
		gom_mcentral_drain_node(nid);
}
GOM_EXPORT_FOR_TEST(gom_mcentral_drain);
