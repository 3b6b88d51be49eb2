// SPDX-License-Identifier: GPL-2.0
/*
 * mcentral: magazines in, magazines out; objects to their spans and back.
 *
 * A cache that has run empty gets a full magazine of the depot for its empty
 * one, or has its own filled from spans; a cache that has run full gets an
 * empty one for it, or has it emptied into the spans.  A span whose last object
 * came back goes back to the heap, except one that the class keeps so as not to
 * return and ask for a span all the time.
 *
 * Context: any but NMI.  The lock is taken with interrupts off, because an
 * interrupt that hits a CPU inside its cache comes here directly, and with the
 * cache released, so that it may sleep under PREEMPT_RT.  It is held for one magazine
 * of objects at most, and for a few spans, as each may be a line that is in no
 * processor's cache.  Memory is taken and given without it.
 *
 * On a machine of several nodes an object belongs to the mcentral of its own
 * node; only magazines with local objects alone enter the depot.
 */
#include <linux/kernel.h>
#include <linux/mm.h>
#include <linux/nodemask.h>
#include <linux/percpu.h>
#include <linux/preempt.h>
#include <linux/string.h>
#include <linux/topology.h>

#include "base/class.h"
#include "base/compat.h"
#include "base/persistent.h"
#include "base/report.h"
#include "base/trace.h"
#include "central/mcentral.h"
#include "heap/mheap.h"

#define DEPOT_BYTES	(256U << 10)	/* of objects, per class and node */
#define DEPOT_MIN	2U
#define DEPOT_MAX	16U

/* With the lock held: */
#define PUT_SPANS	16U		/* spans that objects are put into */
#define TAKE_SPANS	16U		/* spans that objects are taken from */
#define DRAIN_SCAN	32U		/* spans looked at */

struct gom_mcentral **gom_mcentrals __read_mostly;

/*
 * How many full magazines it keeps depends on what is in them.  It has none now.
 * Page runs are better off in the heap, where others find their pages.
 */
void gom_mcentral_set_class(struct gom_mcentral *c, const struct gom_class *cl)
{
	unsigned int most = clamp(DEPOT_BYTES / max(cl->mag_size * cl->size, 1U),
				  DEPOT_MIN, DEPOT_MAX);

	WRITE_ONCE(c->max_full, cl->size > GOM_MAX_SMALL_SIZE ? 0 : most);
}

static void init_central(struct gom_mcentral *c, const struct gom_class *cl)
{
	spin_lock_init(&c->lock);
	INIT_LIST_HEAD(&c->spans);
	gom_mcentral_set_class(c, cl);
}

static int init_node(int nid)
{
	struct gom_mcentral *c;
	unsigned int i;

	c = gom_persistent_alloc_gfp(GOM_NR_SPAN_CLASSES * sizeof(*c), SMP_CACHE_BYTES,
				     GOM_MCENTRAL_SYS, GFP_KERNEL);
	if (!c)
		return -ENOMEM;
	for (i = 1; i < GOM_NR_SPAN_CLASSES; i++)
		init_central(&c[i], &gom_classes[i]);
	gom_mcentrals[nid] = c;
	return 0;
}

/* An mcentral on each node for a class of a named cache; NULL if there is no memory. */
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
		init_central(c, cl);
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
		err = init_node(nid);
		if (err)
			return err;
	}
	return 0;
}

/* That of any class. */
struct gom_mcentral *gom_mcentral_of(unsigned int class, int nid)
{
	nid = gom_known_node(nid);
	if (likely(class < GOM_NR_SPAN_CLASSES))
		return &gom_mcentrals[nid][class];
	return gom_cache_class(class)->central[nid];
}
GOM_EXPORT_FOR_TEST(gom_mcentral_of);

/* === Magazines, under the lock === */

static struct gom_magazine *pop_mag(struct gom_magazine **list, unsigned int *nr)
{
	struct gom_magazine *mag = *list;

	if (mag) {
		*list = mag->next;
		mag->next = NULL;
		--*nr;
	}
	return mag;
}

static bool push_mag(struct gom_mcentral *c, struct gom_magazine **list, unsigned int *nr,
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
 * struct put - what is left to do after objects went back into their spans
 * @empty_spans: spans that have none in use any more
 * @twice: an object that was free already
 * @keep_spans: whoever puts them cannot give a span back
 * @grace: the spans wait for a grace period; noted while the class still counts them,
 *	as it may be another cache's as soon as it does not
 */
struct put {
	struct list_head empty_spans;
	const void *twice;
	bool keep_spans;
	bool grace;
};

#define PUT_INIT(put)	{ .empty_spans = LIST_HEAD_INIT((put).empty_spans) }

/* One span more, or less, by @n. */
static void count_span(struct gom_mcentral *c, const struct gom_span *s, int n)
{
	atomic_long_add(n, &c->nr_spans);
	atomic_long_add(n * (long)s->npages, &c->nr_pages);
}

static bool needs_grace(unsigned int class)
{
	return class >= GOM_NR_SPAN_CLASSES && gom_cache_class(class)->rcu;
}

/* @s is nobody's but ours, and leaves its class. */
static void take_span_out(struct gom_mcentral *c, struct gom_span *s, struct put *put)
{
	lockdep_assert_held(&c->lock);
	s->state = GOM_SPAN_BUSY;
	put->grace = needs_grace(s->class);
	list_add(&s->list, &put->empty_spans);
	count_span(c, s, -1);
}

/* All objects of @s, which is in the list if @listed, are free: it goes, unless it is the last. */
static void span_emptied(struct gom_mcentral *c, struct gom_span *s, bool listed,
			 struct put *put)
{
	if (!put->keep_spans && !list_empty(&c->spans) &&
	    (!listed || !list_is_singular(&c->spans))) {
		if (listed)
			list_del(&s->list);
		take_span_out(c, s, put);
	} else if (!listed) {
		list_add_tail(&s->list, &c->spans);
	}
}

/* @n objects came back to @s. */
static __always_inline void span_grew(struct gom_mcentral *c, struct gom_span *s,
				      unsigned int n, struct put *put)
{
	const unsigned int had = s->nfree;

	s->nfree = had + n;
	if (unlikely(had + n == s->nelems))
		span_emptied(c, s, had, put);
	else if (!had && n)
		list_add_tail(&s->list, &c->spans);
}

/*
 * Put objects into @s, from the last of @n on, as long as they are its; how many are left.
 * The last is in its pages, and if it is not one of its objects it is no object at all.
 */
static __always_inline unsigned int put_into(struct gom_mcentral *c, const struct gom_class *cl,
					     struct gom_span *s, void *const *objs,
					     unsigned int n, struct put *put)
{
	const size_t bytes = gom_span_object_bytes(s, cl);
	unsigned int came = 0;
	size_t off;

	if (unlikely(objs[n - 1] - s->base >= bytes)) {
		c->double_frees++;
		put->twice = objs[n - 1];
		return n - 1;
	}
	do {
		off = objs[n - 1] - s->base;
		if (off >= bytes)
			break;
		if (likely(gom_span_put(s, cl, off))) {
			came++;
		} else {
			c->double_frees++;
			put->twice = objs[n - 1];
		}
	} while (--n);
	span_grew(c, s, came, put);
	return n;
}

/*
 * Put objects of @class back into their spans, from the last of @n on.  Neighbours in
 * a magazine are often neighbours in a span, too, so a span is looked up once for
 * all of its objects that follow each other.  Returns how many are left: 0, or those
 * up to one that is not of node @nid, as @c is, or for which the lock would be held
 * too long.
 */
static unsigned int put_objects(struct gom_mcentral *c, int nid, unsigned int class,
				void *const *objs, unsigned int n, struct put *put)
{
	const struct gom_class *cl = gom_class(class);
	unsigned int spans = PUT_SPANS;
	struct gom_span *s;

	lockdep_assert_held(&c->lock);
	while (n && spans--) {
		s = gom_pagemap_lookup(objs[n - 1]);
		if (unlikely(!s || s->state != GOM_SPAN_SMALL || s->class != class)) {
			c->double_frees++;
			put->twice = objs[--n];
			continue;
		}
		if (unlikely(s->nid != nid))
			break;
		n = put_into(c, cl, s, objs, n, put);
	}
	return n;
}

/* Until now a reader may have looked at the objects, which have stayed what they were. */
static void free_after_grace_period(struct rcu_head *head)
{
	struct gom_span *s = container_of(head, struct gom_span, rcu);

	INIT_LIST_HEAD(&s->list);
	gom_mheap_free(s);
}

static void finish_put(struct put *put, unsigned long caller)
{
	struct gom_span *s, *next;

	if (unlikely(put->twice))
		gom_report(GOM_BAD_DOUBLE_FREE, caller,
			   "double free of object %p", put->twice);
	list_for_each_entry_safe(s, next, &put->empty_spans, list) {
		list_del_init(&s->list);
		if (unlikely(put->grace))
			call_rcu(&s->rcu, free_after_grace_period);
		else
			gom_mheap_free(s);
	}
}

/* Put all objects of @mag back into their spans. */
static void empty_magazine(struct gom_magazine *mag, unsigned long caller)
{
	struct put put = PUT_INIT(put);
	struct gom_mcentral *c;
	unsigned long flags;
	int nid;

	while (mag->nr) {
		nid = gom_pagemap_nid(mag->obj[mag->nr - 1]);
		c = gom_mcentral_of(mag->class, nid);
		spin_lock_irqsave(&c->lock, flags);
		mag->nr = put_objects(c, nid, mag->class, mag->obj, mag->nr, &put);
		spin_unlock_irqrestore(&c->lock, flags);
	}
	finish_put(&put, caller);
}

static unsigned int take_from_spans(struct gom_mcentral *c, void **objs, unsigned int n)
{
	unsigned int taken = 0, spans = TAKE_SPANS;
	struct gom_span *s;

	lockdep_assert_held(&c->lock);
	while (taken < n && spans-- && !list_empty(&c->spans)) {
		s = list_first_entry(&c->spans, struct gom_span, list);
		taken += gom_span_take(s, objs + taken, n - taken);
		if (!s->nfree)
			list_del_init(&s->list);
	}
	return taken;
}

/*
 * Make a span and take up to @n objects from it, for a magazine or, if @past, for somebody
 * who allocates past the caches; the rest is for others to find in the mcentral of the
 * node it is from.  Returns how many, 0 if no memory.
 *
 * The span stays BUSY until it is counted and listed, and preemption is off for that:
 * so the consistency check sees all of it or nothing.
 */
static unsigned int take_from_new_span(unsigned int class, int nid, gfp_t gfp, void **objs,
				       unsigned int n, bool past)
{
	struct gom_span *s = gom_span_alloc_class(class, nid, gfp);
	struct gom_mcentral *c;
	unsigned long flags;

	if (!s)
		return 0;
	c = gom_mcentral_of(class, s->nid);
	n = gom_span_take(s, objs, n);
	if (s->nfree || past) {
		spin_lock_irqsave(&c->lock, flags);
		count_span(c, s, 1);
		c->mallocs += past ? n : 0;
		if (s->nfree)
			list_add(&s->list, &c->spans);
		s->state = GOM_SPAN_SMALL;
		spin_unlock_irqrestore(&c->lock, flags);
	} else {
		preempt_disable();
		count_span(c, s, 1);
		s->state = GOM_SPAN_SMALL;
		preempt_enable();
	}
	return n;
}

/*
 * Fill @mag up to @want objects.  Only for the first span, without which the caller
 * has nothing, is it worth to wait, to touch reserves and to complain.
 */
static void fill_from_new_spans(struct gom_magazine *mag, unsigned int want, int nid, gfp_t gfp)
{
	unsigned int n;

	while (mag->nr < want) {
		n = take_from_new_span(mag->class, nid, mag->nr ? gom_gfp_polite(gfp) : gfp,
				       mag->obj + mag->nr, want - mag->nr, false);
		if (!n)
			break;
		mag->nr += n;
	}
}

/* === For the caches === */

static bool all_local(const struct gom_magazine *mag, int nid)
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
 * Up to @want objects for the empty magazine @mag from what @c has: from a full
 * magazine of the depot, which takes its place if it holds no more than that, else
 * from spans.  *@full is the magazine that holds them; false if @c has none.
 */
static bool refill_from(struct gom_mcentral *c, struct gom_magazine **mag, unsigned int want,
			struct gom_magazine **full)
{
	struct gom_magazine *m;
	unsigned long flags;

	/* Looking without the lock: who misses something just makes a span. */
	if (!READ_ONCE(c->full) && list_empty_careful(&c->spans))
		return false;
	spin_lock_irqsave(&c->lock, flags);
	m = c->full;
	if (m && m->nr <= want) {
		*full = pop_mag(&c->full, &c->nr_full);
		if (push_mag(c, &c->empty, &c->nr_empty, *mag))
			*mag = NULL;
	} else if (m) {
		m->nr -= want;
		memcpy((*mag)->obj, m->obj + m->nr, want * sizeof(*m->obj));
		(*mag)->nr = want;
	} else {
		(*mag)->nr = take_from_spans(c, (*mag)->obj, want);
	}
	c->depot_hits += !!m;
	c->carves += !m && (*mag)->nr;
	spin_unlock_irqrestore(&c->lock, flags);
	if (!*full && (*mag)->nr)
		swap(*full, *mag);
	return *full;
}

/* The same from the other nodes, the nearest first. */
static bool refill_from_others(unsigned int class, int nid, struct gom_magazine **mag,
			       unsigned int want, struct gom_magazine **full)
{
	nodemask_t seen = nodemask_of_node(nid);
	int node;

	while ((node = gom_nearest_node(nid, &seen)) != NUMA_NO_NODE) {
		if (refill_from(gom_mcentral_of(class, node), mag, want, full))
			return true;
		node_set(node, seen);
	}
	return false;
}

/* Up to @want objects for @mag from new spans; a node that is full takes other nodes' objects first. */
static bool refill_from_new_spans(struct gom_magazine **mag, unsigned int want, int nid, gfp_t gfp,
				  struct gom_magazine **full)
{
	const bool others = nr_node_ids > 1 && !(gfp & __GFP_THISNODE);

	if (others) {
		fill_from_new_spans(*mag, want, nid, gom_gfp_polite(gfp));
		if (!(*mag)->nr && refill_from_others((*mag)->class, nid, mag, want, full))
			return true;
	}
	if (!(*mag)->nr)
		fill_from_new_spans(*mag, want, nid, gfp);
	if ((*mag)->nr)
		swap(*full, *mag);
	return *full;
}

/**
 * gom_mcentral_refill - get objects for a cache
 * @mag: the cache's empty magazine; not the caller's any more
 * @want: objects wanted, at least one; no more come
 * @nid: preferred node
 * @gfp: how to get memory
 *
 * Objects of @nid come first, from the depot, from spans, from new spans as long as
 * that node has memory to spare; then those that other nodes have; then new spans
 * wherever memory is.
 *
 * Return: a magazine with objects; NULL if there is no memory.
 */
struct gom_magazine *gom_mcentral_refill(struct gom_magazine *mag, unsigned int want,
					 int nid, gfp_t gfp)
{
	unsigned int class = mag->class;
	struct gom_magazine *full = NULL;

	if (!refill_from(gom_mcentral_of(class, nid), &mag, want, &full))
		refill_from_new_spans(&mag, want, nid, gfp, &full);
	if (mag)
		gom_magazine_delete(mag);
	if (full)
		trace_gom_refill(class, full->nr, nid);
	return full;
}

/**
 * gom_mcentral_return - take a magazine back from a cache
 * @mag: the magazine, with or without objects; not the caller's any more
 */
void gom_mcentral_return(struct gom_magazine *mag)
{
	int nid = numa_mem_id();
	struct gom_mcentral *c = gom_mcentral_of(mag->class, nid);
	bool local = all_local(mag, nid);
	unsigned long flags;
	bool kept = false;

	if (mag->nr)
		trace_gom_flush(mag->class, mag->nr, nid);
	if (mag->nr && local) {
		spin_lock_irqsave(&c->lock, flags);
		kept = push_mag(c, &c->full, &c->nr_full, mag);
		spin_unlock_irqrestore(&c->lock, flags);
	}
	if (!kept) {
		empty_magazine(mag, _RET_IP_);
		gom_magazine_delete(mag);
	}
}
GOM_EXPORT_FOR_TEST(gom_mcentral_return);

/**
 * gom_mcentral_exchange - get an empty magazine for a full one
 * @mag: the full one; not the caller's any more
 *
 * Needs no memory: if there is none, the same magazine comes back emptied.
 *
 * Return: an empty magazine.
 */
struct gom_magazine *gom_mcentral_exchange(struct gom_magazine *mag)
{
	int nid = numa_mem_id();
	struct gom_mcentral *c = gom_mcentral_of(mag->class, nid);
	struct gom_magazine *empty = NULL;
	unsigned long flags;

	trace_gom_flush(mag->class, mag->nr, nid);
	if (all_local(mag, nid) && READ_ONCE(c->nr_full) < c->max_full) {
		if (!READ_ONCE(c->empty))
			empty = gom_magazine_new(mag->class, GOM_FREE_GFP);
		spin_lock_irqsave(&c->lock, flags);
		if (!empty)
			empty = pop_mag(&c->empty, &c->nr_empty);
		if (empty && push_mag(c, &c->full, &c->nr_full, mag))
			mag = NULL;
		spin_unlock_irqrestore(&c->lock, flags);
	}
	if (mag)
		empty_magazine(mag, _RET_IP_);
	if (mag && empty)
		gom_magazine_delete(mag);
	return empty ?: mag;
}

/* === Past the caches === */

/*
 * An object out of a span, or of a full magazine.  A magazine of which it was the last is
 * kept, if there are not enough empty ones already; else it becomes *@out, and if the caller
 * has no use for one its object stays.
 */
static void *take_one(struct gom_mcentral *c, struct gom_magazine **out)
{
	struct gom_magazine *mag = c->full;
	void *p = NULL;

	lockdep_assert_held(&c->lock);
	if (take_from_spans(c, &p, 1)) {
		c->mallocs++;
		return p;
	}
	if (mag && mag->nr > 1) {
		p = mag->obj[--mag->nr];
	} else if (mag && (out || c->nr_empty < c->max_full)) {
		p = mag->obj[--mag->nr];
		pop_mag(&c->full, &c->nr_full);
		if (!push_mag(c, &c->empty, &c->nr_empty, mag))
			*out = mag;
	}
	if (p)
		c->mallocs++;
	return p;
}

/* One object of what @class has on @nid; NULL if it has none. */
static void *alloc_from(unsigned int class, int nid)
{
	struct gom_mcentral *c = gom_mcentral_of(class, nid);
	struct gom_magazine *out = NULL;
	unsigned long flags;
	void *p;

	spin_lock_irqsave(&c->lock, flags);
	p = take_one(c, &out);
	spin_unlock_irqrestore(&c->lock, flags);
	if (out)
		gom_magazine_delete(out);
	return p;
}

static void *alloc_from_others(unsigned int class, int nid)
{
	nodemask_t seen = nodemask_of_node(nid);
	void *p = NULL;
	int node;

	while (!p && (node = gom_nearest_node(nid, &seen)) != NUMA_NO_NODE) {
		p = alloc_from(class, node);
		node_set(node, seen);
	}
	return p;
}

static void *alloc_from_new_span(unsigned int class, int nid, gfp_t gfp)
{
	void *p;

	return take_from_new_span(class, nid, gfp, &p, 1, true) ? p : NULL;
}

/**
 * gom_mcentral_alloc - allocate one object without a cache
 * @class: of the object
 * @nid: preferred node
 * @gfp: how to get memory
 *
 * For an interrupt that hit its CPU inside the cache, for another node's
 * memory, and for debug mode.  The order of nodes is gom_mcentral_refill()'s.
 *
 * Return: the object, not zeroed; NULL if there is no memory.
 */
void *gom_mcentral_alloc(unsigned int class, int nid, gfp_t gfp)
{
	void *p;

	nid = gom_known_node(nid);
	p = alloc_from(class, nid);
	if (!p && nr_node_ids > 1 && !(gfp & __GFP_THISNODE))
		p = alloc_from_new_span(class, nid, gom_gfp_polite(gfp)) ?:
		    alloc_from_others(class, nid);
	return p ?: alloc_from_new_span(class, nid, gfp);
}

/**
 * gom_mcentral_try_alloc - allocate one object, if it can be done at once
 * @class: of the object
 * @nid: node
 *
 * Context: any, NMI included, but under PREEMPT_RT no interrupt.
 * Return: the object, not zeroed; NULL if there is none, or the lock is taken.
 */
void *gom_mcentral_try_alloc(unsigned int class, int nid)
{
	struct gom_mcentral *c = gom_mcentral_of(class, nid);
	unsigned long flags;
	void *p;

	if (!spin_trylock_irqsave(&c->lock, flags))
		return NULL;
	p = take_one(c, NULL);
	spin_unlock_irqrestore(&c->lock, flags);
	return p;
}

/**
 * gom_mcentral_free - free one object without a cache
 * @class: of the object
 * @p: beginning of an object of that class
 * @caller: who frees it, for the report if it is free already
 */
void gom_mcentral_free(unsigned int class, const void *p, unsigned long caller)
{
	struct put put = PUT_INIT(put);
	int nid = gom_pagemap_nid(p);
	struct gom_mcentral *c = gom_mcentral_of(class, nid);
	unsigned long flags;

	spin_lock_irqsave(&c->lock, flags);
	put_objects(c, nid, class, (void **)&p, 1, &put);
	c->frees++;
	spin_unlock_irqrestore(&c->lock, flags);
	finish_put(&put, caller);
}

/**
 * gom_mcentral_try_free - free one object, if it can be done at once
 * @class: of the object
 * @p: beginning of an object of that class
 * @caller: who frees it, for the report if it is free already
 *
 * A span that is empty then is given back when the next one is, or by draining.
 *
 * Context: any, NMI included, but under PREEMPT_RT no interrupt.
 * Return: false if the lock is taken.
 */
bool gom_mcentral_try_free(unsigned int class, const void *p, unsigned long caller)
{
	struct put put = { .empty_spans = LIST_HEAD_INIT(put.empty_spans), .keep_spans = true };
	int nid = gom_pagemap_nid(p);
	struct gom_mcentral *c = gom_mcentral_of(class, nid);
	unsigned long flags;

	if (!spin_trylock_irqsave(&c->lock, flags))
		return false;
	put_objects(c, nid, class, (void **)&p, 1, &put);
	c->frees++;
	spin_unlock_irqrestore(&c->lock, flags);
	finish_put(&put, caller);
	return true;
}
GOM_EXPORT_FOR_TEST(gom_mcentral_try_free);

/* === Draining === */

static struct gom_magazine *take_depot(struct gom_mcentral *c, struct gom_magazine **empty)
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
 * Spans without an object in use are near the head of the list, if there are
 * any: span_grew() keeps one only when it is alone, and add_span() adds there.
 * gom_mcentral_try_free() may leave many: true if there may be more.
 */
static bool drop_empty_spans(struct gom_mcentral *c, unsigned int class)
{
	struct put put = PUT_INIT(put);
	struct gom_span *s, *next;
	unsigned int scan = 0, dropped = 0;
	unsigned long flags;

	spin_lock_irqsave(&c->lock, flags);
	list_for_each_entry_safe(s, next, &c->spans, list) {
		if (scan++ == DRAIN_SCAN)
			break;
		if (s->nfree != s->nelems)
			continue;
		list_del(&s->list);
		take_span_out(c, s, &put);
		dropped++;
	}
	spin_unlock_irqrestore(&c->lock, flags);
	finish_put(&put, 0);
	return dropped && scan > DRAIN_SCAN;
}

static void drain_class(struct gom_mcentral *c, unsigned int class)
{
	struct gom_magazine *mag, *full, *empty;

	if (!READ_ONCE(c->full) && !READ_ONCE(c->empty) && list_empty_careful(&c->spans))
		return;
	full = take_depot(c, &empty);
	while ((mag = full)) {
		full = mag->next;
		empty_magazine(mag, _RET_IP_);
		gom_magazine_delete(mag);
	}
	while ((mag = empty)) {
		empty = mag->next;
		gom_magazine_delete(mag);
	}
	while (drop_empty_spans(c, class))
		;
}

/* Empty the depots of one class on all nodes. */
void gom_mcentral_drain_class(unsigned int class)
{
	int nid;

	for_each_gom_node(nid)
		drain_class(gom_mcentral_of(class, nid), class);
}
GOM_EXPORT_FOR_TEST(gom_mcentral_drain_class);

/**
 * gom_mcentral_spans - how many spans a class has, on all nodes
 * @class: the class
 *
 * A span that is counted has an object outside of it, or is listed by its mcentral.  An
 * object is outside as long as it is in use or in any magazine, a CPU's, a depot's, or one
 * that somebody has taken from there and not yet put back.  So if nobody allocates
 * any more and there is none, there is nothing of the class anywhere, but for magazines
 * that are empty and about to be deleted; spans that have left do not look at it either.
 *
 * The locks are for what was done with the facts of the class when the last span left.
 *
 * Return: that many.
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

/* Bytes in a node's depots, at most. */
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

/* Empty a node's depots, and give its spans without an object to the heap. */
void gom_mcentral_drain_node(int nid)
{
	unsigned int class;

	for_each_gom_class(class)
		drain_class(gom_mcentral_of(class, nid), class);
}

/* The same on all nodes. */
void gom_mcentral_drain(void)
{
	int nid;

	for_each_gom_node(nid)
		gom_mcentral_drain_node(nid);
}
GOM_EXPORT_FOR_TEST(gom_mcentral_drain);
