// SPDX-License-Identifier: GPL-2.0
/*
 * mcache: slow paths of the per-CPU caches.  The fast paths are in mcache.h,
 * with the rules for who may be inside a cache.
 *
 * On each CPU a class has up to two magazines: the loaded one, which the fast
 * paths use, and a spare.  An allocation that finds the loaded magazine empty,
 * or a free that finds it full, swaps the two if the spare can serve it.
 * Otherwise it exchanges a magazine with mcentral (Bonwick and Adams 2001).
 *
 * Locks are taken, and the page allocator is called, only after leaving the
 * cache.  A magazine that was taken out belongs to the task meanwhile.  The
 * task may come back on another CPU, whose cache may have changed: it checks
 * again before it puts the magazine in.
 *
 * Limit and capacity: the limit of a class (objects per magazine) starts small
 * and doubles on each trip to mcentral.  The capacity of a cache is in bytes.
 * For each CPU
 *
 *	bytes == sum over all classes of 2 * limit * size <= mcache_kb << 10
 *
 * A class whose limit cannot grow within that bound counts a capacity miss.
 * Every STEAL_EVERY-th miss flushes another class, chosen clockwise, and steals
 * its capacity.  Classes of page runs steal none; they use what is unused.
 */
#include <linux/bitops.h>
#include <linux/cpuhotplug.h>
#include <linux/llist.h>
#include <linux/mm.h>

#include "base/compat.h"
#include "base/fault.h"
#include "base/node.h"
#include "base/persistent.h"
#include "base/report.h"
#include "central/mcentral.h"
#include "percpu/cpu_call.h"
#include "percpu/mcache.h"
#include "special/profile.h"

unsigned int gom_mcache_kb = 2048;
GOM_EXPORT_FOR_TEST(gom_mcache_kb);

#define FIRST_BYTES	2048U	/* first limit of a class, in bytes per magazine */
#define FIRST_MAX	8U	/* and in objects, if that is less */
#define STEAL_MAX	1U	/* classes flushed per steal; may run in a hardirq, so few */
#define STEAL_SCAN	64U	/* classes scanned for a victim */
#define STEAL_EVERY	16U	/* capacity misses per steal */
#define FLUSH_CLASSES	16U	/* classes flushed per interrupt */

DEFINE_PER_CPU_ALIGNED(struct gom_mcache, gom_mcache);
GOM_EXPORT_FOR_TEST(gom_mcache);

/* Written on load: 6.1 does not relocate pointers in a module's per-CPU data. */
DEFINE_PER_CPU(struct gom_slot, gom_no_slot);

/* A slot without a magazine points here: a pop finds it empty, a push full. */
static void *no_magazine[1];

static int cpuhp_state;

/* === Magazines in and out; inside the cache === */

struct gom_slot *gom_mcache_slot_of(const struct gom_mcache *c, unsigned int class)
{
	if (likely(class < GOM_NR_SPAN_CLASSES))
		return (struct gom_slot *)&c->slot[class];
	return &per_cpu_ptr(gom_cache_class(class)->cpu, c->cpu)->slot;
}

struct gom_mcache_class *gom_mcache_class_of(const struct gom_mcache *c, unsigned int class)
{
	if (likely(class < GOM_NR_SPAN_CLASSES))
		return &c->class[class];
	return &per_cpu_ptr(gom_cache_class(class)->cpu, c->cpu)->k;
}

static void magazine_load(struct gom_mcache *c, unsigned int class, struct gom_magazine *mag)
{
	struct gom_slot *s = gom_mcache_slot_of(c, class);
	struct gom_mcache_class *k = gom_mcache_class_of(c, class);

	gom_mcache_assert_owned(c);
	k->mag = mag;
	s->top = &mag->bottom + mag->nr;
	s->end = &mag->bottom + k->limit;
}

/* Detach the loaded magazine from its slot; returns it, or NULL. */
static struct gom_magazine *magazine_unload(struct gom_mcache *c, unsigned int class)
{
	struct gom_slot *s = gom_mcache_slot_of(c, class);
	struct gom_mcache_class *k = gom_mcache_class_of(c, class);
	struct gom_magazine *mag = k->mag;

	gom_mcache_assert_owned(c);
	if (!mag)
		return NULL;
	mag->nr = gom_mcache_loaded(c, class);
	k->mag = NULL;
	s->top = no_magazine;
	s->end = no_magazine;
	return mag;
}

static void magazine_swap_spare(struct gom_mcache *c, unsigned int class)
{
	struct gom_mcache_class *k = gom_mcache_class_of(c, class);
	struct gom_magazine *spare = k->spare;

	k->spare = magazine_unload(c, class);
	magazine_load(c, class, spare);
}

/* Account a magazine of @nr objects brought in, or of -@nr taken out. */
static void magazine_account(struct gom_mcache_class *k, int nr)
{
	k->in += nr;
	if (nr > 0)
		k->refills++;
	else if (nr < 0)
		k->flushes++;
}

/* Move both magazines of @class to @list and release its capacity in bytes. */
static void class_flush(struct gom_mcache *c, unsigned int class, struct gom_magazine **list)
{
	struct gom_mcache_class *k = gom_mcache_class_of(c, class);
	struct gom_magazine *mags[2] = { magazine_unload(c, class), k->spare };
	unsigned int i;

	gom_mcache_assert_owned(c);
	k->spare = NULL;
	for (i = 0; i < ARRAY_SIZE(mags); i++) {
		if (!mags[i])
			continue;
		magazine_account(k, -(int)mags[i]->nr);
		mags[i]->next = *list;
		*list = mags[i];
	}
	c->bytes -= 2UL * k->limit * gom_class(class)->size;
	k->limit = 0;
}

/* Return flushed magazines to mcentral.  Outside the cache: takes locks. */
static void magazines_return(struct gom_magazine *list)
{
	struct gom_magazine *mag;

	while ((mag = list)) {
		list = mag->next;
		gom_mcentral_return(mag);
	}
}

/* === Capacity; inside the cache === */

/* The limit of @class after one more trip to mcentral. */
static unsigned int class_next_limit(const struct gom_mcache *c, unsigned int class)
{
	const struct gom_class *cl = gom_class(class);
	unsigned int limit = gom_mcache_class_of(c, class)->limit;

	if (!limit)
		limit = clamp(FIRST_BYTES / cl->size, 1U, FIRST_MAX);
	else
		limit *= 2;
	return min_t(unsigned int, limit, cl->mag_size);
}

/*
 * Make sure that @class can grow by @more bytes.  May steal capacity: the
 * magazines of the flushed class go to @flushed.
 */
static bool capacity_reserve(struct gom_mcache *c, unsigned int class, size_t more,
			     struct gom_magazine **flushed)
{
	size_t most = (size_t)gom_mcache_kb << 10;
	unsigned int end = gom_class_end(), look = min(end, STEAL_SCAN), i, n = 0;

	/*
	 * A page run would flush many classes, so it only gets unused capacity.
	 */
	if (c->bytes + more <= most || gom_class(class)->size > GOM_MAX_SMALL_SIZE)
		return c->bytes + more <= most;
	if (++c->capacity_misses % STEAL_EVERY)
		return false;
	for (i = 0; i < look && n < STEAL_MAX && c->bytes + more > most; i++) {
		c->clock = c->clock + 1 < end ? c->clock + 1 : 1;
		if (c->clock == class || !gom_mcache_class_of(c, c->clock)->limit)
			continue;
		class_flush(c, c->clock, flushed);
		n++;
	}
	return c->bytes + more <= most;
}

/* Set the limit of @class; it never shrinks here, only in class_flush(). */
static void class_set_limit(struct gom_mcache *c, unsigned int class, unsigned int limit)
{
	struct gom_mcache_class *k = gom_mcache_class_of(c, class);

	gom_mcache_assert_owned(c);
	c->bytes += 2UL * (limit - k->limit) * gom_class(class)->size;
	k->limit = limit;
	if (k->mag)
		gom_mcache_slot_of(c, class)->end = &k->mag->bottom + limit;
}

/* Raise the limit of @class if the capacity allows it; returns the limit. */
static unsigned int class_raise_limit(struct gom_mcache *c, unsigned int class,
				      struct gom_magazine **flushed)
{
	struct gom_mcache_class *k = gom_mcache_class_of(c, class);
	unsigned int limit;
	size_t more;

	if (k->limit == gom_class(class)->mag_size)
		return k->limit;
	limit = class_next_limit(c, class);
	more = 2UL * (limit - k->limit) * gom_class(class)->size;
	if (capacity_reserve(c, class, more, flushed))
		class_set_limit(c, class, limit);
	return k->limit;
}

/* === Allocation === */

/*
 * Pop an object from the loaded or the spare magazine, without sampling;
 * inside.
 */
void *gom_mcache_pop(struct gom_mcache *c, unsigned int class)
{
	struct gom_mcache_class *k = gom_mcache_class_of(c, class);
	struct gom_slot *s = gom_mcache_slot_of(c, class);
	void *p = *s->top;

	gom_mcache_assert_owned(c);
	if (!p && k->spare && k->spare->nr) {
		magazine_swap_spare(c, class);
		p = *s->top;
	}
	if (p) {
		s->top--;
		k->mallocs++;
	}
	return p;
}

/*
 * Can the cache take a magazine of @nr objects?  The limit may have dropped
 * since the caller left the cache to fetch it; then it is raised, if possible.
 */
static bool magazine_fits(struct gom_mcache *c, unsigned int class, unsigned int nr)
{
	struct gom_mcache_class *k = gom_mcache_class_of(c, class);
	size_t more;

	if (gom_mcache_loaded(c, class) && k->spare)
		return false;
	if (nr <= k->limit)
		return true;
	more = 2UL * (nr - k->limit) * gom_class(class)->size;
	if (c->bytes + more > (size_t)gom_mcache_kb << 10)
		return false;
	class_set_limit(c, class, nr);
	return true;
}

/*
 * Put a refilled magazine into the cache of this CPU, or return it to the depot
 * if the cache got one meanwhile.  The caller has already taken one object from
 * it; returns true if that object is to be sampled.
 */
static bool magazine_install(struct gom_magazine *mag)
{
	unsigned int class = mag->class;
	struct gom_mcache_class *k;
	struct gom_magazine *out = NULL;
	struct gom_mcache *c;
	bool sample;

	/*
	 * Cannot fail: this context entered before, so it did not interrupt
	 * code that is inside a cache (mcache.h).
	 */
	c = gom_mcache_enter_slow();
	if (WARN_ON_ONCE(!c)) {
		gom_mcentral_return(mag);
		return false;
	}
	k = gom_mcache_class_of(c, class);
	magazine_account(k, mag->nr + 1);
	k->mallocs++;
	sample = gom_mcache_count_down(c, class);
	if (!magazine_fits(c, class, mag->nr)) {
		magazine_account(k, -(int)mag->nr);
		out = mag;
	} else if (!gom_mcache_loaded(c, class)) {
		out = magazine_unload(c, class);
		magazine_load(c, class, mag);
		if (out && !k->spare)
			swap(k->spare, out);
	} else {
		k->spare = mag;
	}
	gom_mcache_leave_slow(c);
	if (out)
		gom_mcentral_return(out);
	return sample;
}

/*
 * Allocate from mcentral, bypassing the cache.  No sample interval counts here,
 * so sampling is drawn at random; blocks of tiny objects are not sampled.
 */
static void *object_alloc_bypass(unsigned int class, gfp_t gfp, bool *sample)
{
	*sample = class != GOM_CLASS_TINY && gom_profile_draw(gom_class(class)->size);
	return gom_mcentral_alloc(class, gom_mem_node(), gfp);
}

/**
 * gom_mcache_alloc_slow - allocate an object that the fast path could not
 * @class: class of the object
 * @gfp: flags for the page allocator
 * @sample: set to true if the object is to be sampled (profile.h)
 *
 * Context: any but NMI; may sleep if @gfp allows it.
 * Return: the object, not zeroed; NULL if there is no memory.
 */
void *gom_mcache_alloc_slow(unsigned int class, gfp_t gfp, bool *sample)
{
	struct gom_magazine *mag, *flushed = NULL;
	struct gom_mcache *c = gom_mcache_enter_slow();
	unsigned int limit;
	void *p;

	if (!c)
		return object_alloc_bypass(class, gfp, sample);
	p = gom_mcache_pop(c, class);
	if (p) {
		*sample = gom_mcache_count_down(c, class);
		gom_mcache_leave_slow(c);
		return p;
	}
	mag = magazine_unload(c, class);
	limit = class_raise_limit(c, class, &flushed);
	gom_mcache_leave_slow(c);
	magazines_return(flushed);

	if (!mag && limit)
		mag = gom_magazine_new(class, gom_magazine_gfp(gfp));
	if (!mag)
		return object_alloc_bypass(class, gfp, sample);
	mag = gom_mcentral_refill(mag, max(limit, 1U), gom_mem_node(), gfp);
	if (!mag)
		return NULL;
	p = mag->obj[--mag->nr];
	*sample = magazine_install(mag);
	return p;
}

/* === Freeing === */

/*
 * Push @p to the loaded or the spare magazine, which may grow; inside the
 * cache.
 */
static bool object_push(struct gom_mcache *c, unsigned int class, const void *p,
			struct gom_magazine **flushed)
{
	struct gom_mcache_class *k = gom_mcache_class_of(c, class);
	struct gom_slot *s = gom_mcache_slot_of(c, class);

	gom_mcache_assert_owned(c);
	if (gom_slot_push(s, p))
		return true;
	if (k->spare && !k->spare->nr) {
		magazine_swap_spare(c, class);
	} else if (k->mag) {
		class_raise_limit(c, class, flushed);
		if (s->top == s->end)
			return false;
	}
	return gom_slot_push(s, p);
}

/*
 * Push the object at @at after loading @empty in place of the full magazine
 * that was stashed.  If another context has loaded one meanwhile, @empty goes
 * back to the depot.
 */
static void object_push_into(struct gom_magazine *empty, const struct gom_place *at,
			     unsigned long caller)
{
	struct gom_magazine *flushed = NULL;
	unsigned int class = empty->class;
	struct gom_mcache *c = gom_mcache_enter_slow();
	bool done = false;

	if (!WARN_ON_ONCE(!c)) {
		if (!gom_mcache_class_of(c, class)->mag && magazine_fits(c, class, 1)) {
			magazine_load(c, class, empty);
			empty = NULL;
		}
		done = object_push(c, class, at->p, &flushed);
		gom_mcache_leave_slow(c);
	}
	magazines_return(flushed);
	if (empty)
		gom_mcentral_return(empty);
	if (!done)
		gom_mcentral_free(at, caller);
}

/* Stash the loaded magazine as the spare; returns the old spare, or NULL. */
static struct gom_magazine *magazine_stash(struct gom_mcache *c, unsigned int class)
{
	struct gom_mcache_class *k = gom_mcache_class_of(c, class);
	struct gom_magazine *out = k->spare;

	k->spare = magazine_unload(c, class);
	if (out)
		magazine_account(k, -(int)out->nr);
	return out;
}

/**
 * gom_mcache_free_slow - free an object that the fast path could not
 * @at: place of the object, which has a class
 * @caller: call site of the free, for the report of a double free
 *
 * Context: any but NMI.  May allocate a magazine; does not fail without one.
 */
void gom_mcache_free_slow(const struct gom_place *at, unsigned long caller)
{
	struct gom_magazine *mag, *flushed = NULL;
	struct gom_mcache *c = gom_mcache_enter_slow();
	const unsigned int class = at->class;
	unsigned int limit;

	if (!c) {
		gom_mcentral_free(at, caller);
		return;
	}
	if (*gom_mcache_slot_of(c, class)->top == at->p) {
		gom_mcache_leave_slow(c);
		gom_report(GOM_BAD_DOUBLE_FREE, caller, "double free of object %p", at->p);
		return;
	}
	if (object_push(c, class, at->p, &flushed)) {
		gom_mcache_leave_slow(c);
		magazines_return(flushed);
		return;
	}
	mag = magazine_stash(c, class);
	limit = gom_mcache_class_of(c, class)->limit ?: class_raise_limit(c, class, &flushed);
	gom_mcache_leave_slow(c);
	magazines_return(flushed);

	if (mag)
		mag = gom_mcentral_exchange(mag);
	else if (limit)
		mag = gom_magazine_new(class, GOM_FREE_GFP);
	if (mag)
		object_push_into(mag, at, caller);
	else
		gom_mcentral_free(at, caller);
}

/* === Flushing === */

/*
 * Return flushed magazines and closed blocks to mcentral.  Outside the cache.
 */
static void flush_finish(struct gom_cpu_call *call)
{
	struct llist_node *node, *next;
	struct gom_place at;

	llist_for_each_safe(node, next, llist_del_all(&call->mags))
		gom_mcentral_return(llist_entry(node, struct gom_magazine, node));
	llist_for_each_safe(node, next, llist_del_all(&call->blocks)) {
		gom_pagemap_place(node, &at);
		gom_mcentral_free(&at, _RET_IP_);
	}
}

static bool class_holds_any(const struct gom_mcache *c, unsigned int class)
{
	const struct gom_mcache_class *k = gom_mcache_class_of(c, class);

	return READ_ONCE(k->mag) || READ_ONCE(k->spare) || READ_ONCE(k->limit);
}

/*
 * Does @c hold anything of the classes to be flushed?  Racy, from another CPU.
 */
static bool flush_wanted(const struct gom_mcache *c, const struct gom_cpu_call *call)
{
	unsigned int class;

	for (class = call->first; class < call->end; class++)
		if (class_holds_any(c, class) ||
		    (class == GOM_CLASS_TINY && gom_tiny_is_open(&c->tiny)))
			return true;
	return false;
}

static void flush_cpu(struct gom_mcache *c, struct gom_cpu_call *call)
{
	struct gom_magazine *mags = NULL, *mag;
	unsigned int class, n = 0;
	void *blocks[2];

	for (class = call->first; class < call->end; class++) {
		if (class == GOM_CLASS_TINY)
			n = gom_tiny_close_all(c, blocks);
		class_flush(c, class, &mags);
	}
	while ((mag = mags)) {
		mags = mag->next;
		llist_add(&mag->node, &call->mags);
	}
	while (n--)
		llist_add(blocks[n], &call->blocks);
}

/*
 * Flush the classes from @first up to but not including @end on the CPUs of
 * node @nid, all CPUs for NUMA_NO_NODE.  @run is one of the functions in
 * cpu_call.c.
 */
static void flush_class_range(unsigned int first, unsigned int end, int nid,
			      void (*run)(struct gom_cpu_call *call))
{
	struct gom_cpu_call call = {
		.fn = flush_cpu,
		.wants = flush_wanted,
		.nid = nid,
		.first = first,
	};

	for (; call.first < end; call.first = call.end) {
		call.end = min(call.first + FLUSH_CLASSES, end);
		run(&call);
		flush_finish(&call);
	}
}

/**
 * gom_mcache_flush_all - flush the caches of all CPUs
 *
 * Their objects go to mcentral.  Allocation and freeing continue meanwhile.
 * CPUs whose cache holds nothing are not interrupted.
 *
 * Context: task, may sleep.
 */
void gom_mcache_flush_all(void)
{
	flush_class_range(1, gom_class_end(), NUMA_NO_NODE, gom_cpu_call_all);
}
GOM_EXPORT_FOR_TEST(gom_mcache_flush_all);

/* Flush one class on all CPUs, with cpus_read_lock() held.  May sleep. */
void gom_mcache_flush_class_cpuslocked(unsigned int class)
{
	flush_class_range(class, class + 1, NUMA_NO_NODE, gom_cpu_call_all_cpuslocked);
}

/*
 * Has the cache of any CPU a magazine or a limit of @class?  False is final if
 * the caller has seen, under the locks of mcentral, that the class has no
 * object.
 */
bool gom_mcache_holds_class(unsigned int class)
{
	int cpu;

	for_each_possible_cpu(cpu)
		if (class_holds_any(per_cpu_ptr(&gom_mcache, cpu), class))
			return true;
	return false;
}

/**
 * gom_mcache_reclaim - flush the caches of the online CPUs of a node
 * @nid: node that the CPUs take memory from; NUMA_NO_NODE for all CPUs
 *
 * For memory reclaim, which must not wait for anything that may itself wait for
 * memory.  So this does not take the CPU hotplug lock; the cache of a CPU that
 * goes offline is flushed by the hotplug callback.  One task flushes the CPUs
 * of a node at a time; for others this returns at once.
 *
 * Context: task with interrupts on.
 */
void gom_mcache_reclaim(int nid)
{
	static DECLARE_BITMAP(reclaiming, MAX_NUMNODES);

	if (nid != NUMA_NO_NODE && test_and_set_bit_lock(nid, reclaiming))
		return;
	gom_test_point(GOM_AT_RECLAIM, nid, 0);
	flush_class_range(1, gom_class_end(), nid, gom_cpu_call_online);
	if (nid != NUMA_NO_NODE)
		clear_bit_unlock(nid, reclaiming);
}
GOM_EXPORT_FOR_TEST(gom_mcache_reclaim);

/* Flush the cache of a dead CPU, from the CPU that takes it down. */
static int flush_dead_cpu(unsigned int cpu)
{
	struct gom_cpu_call call = { .fn = flush_cpu, .first = 1, .end = gom_class_end() };

	gom_cpu_call_dead(cpu, &call);
	flush_finish(&call);
	return 0;
}

/* === Init and exit === */

static int mcache_init_cpu(int cpu)
{
	struct gom_mcache *c = per_cpu_ptr(&gom_mcache, cpu);
	unsigned int i;

	c->class = gom_persistent_alloc_gfp(GOM_NR_SPAN_CLASSES * sizeof(*c->class),
					    SMP_CACHE_BYTES, GOM_MCACHE_SYS, GFP_KERNEL);
	if (!c->class)
		return -ENOMEM;
	seqcount_init(&c->seq);
	c->cpu = cpu;
	for (i = 0; i < GOM_NR_SLOTS; i++) {
		c->slot[i].top = no_magazine;
		c->slot[i].end = no_magazine;
		if (i && i < GOM_CLASS_TINY) {
			c->slot[i].recip = gom_classes[i].recip;
			c->slot[i].recip_limit = gom_classes[i].recip_limit;
		}
	}
	per_cpu(gom_no_slot, cpu).top = no_magazine;
	per_cpu(gom_no_slot, cpu).end = no_magazine;
	gom_tiny_init(&c->tiny);
	gom_mcache_draw_intervals(c);
	return 0;
}

/* Allocate the per-CPU part of a new class; NULL without memory.  May sleep. */
struct gom_cache_cpu __percpu *gom_mcache_new_class(void)
{
	struct gom_cache_cpu __percpu *p = alloc_percpu(struct gom_cache_cpu);
	int cpu;

	if (!p)
		return NULL;
	for_each_possible_cpu(cpu) {
		per_cpu_ptr(p, cpu)->slot.top = no_magazine;
		per_cpu_ptr(p, cpu)->slot.end = no_magazine;
	}
	return p;
}

/*
 * @mode: bits of @mallocing to set until unload; with any of them set every
 * call takes the slow path.
 */
int gom_mcache_init(u8 mode)
{
	int cpu, err;

	/* Slow paths call kmemleak, and clear objects for init_on_free=1. */
	if (IS_ENABLED(CONFIG_DEBUG_KMEMLEAK) || want_init_on_free())
		mode |= GOM_MALLOCING_SLOW;
	gom_mcache_init_modes(mode);
	for_each_possible_cpu(cpu) {
		err = mcache_init_cpu(cpu);
		if (err)
			return err;
	}
	/* The teardown of a PREPARE state runs when the CPU is dead. */
	cpuhp_state = cpuhp_setup_state_nocalls(CPUHP_BP_PREPARE_DYN, "gomalloc:dead",
						NULL, flush_dead_cpu);
	return min(cpuhp_state, 0);
}

/* On unload, when nobody allocates or frees: return all objects to mcentral. */
void gom_mcache_exit(void)
{
	int cpu;

	cpuhp_remove_state_nocalls(cpuhp_state);
	for_each_possible_cpu(cpu)
		flush_dead_cpu(cpu);
}
