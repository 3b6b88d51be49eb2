// SPDX-License-Identifier: GPL-2.0
/*
 * mcache: the slow paths of the per-CPU caches (the fast ones are in mcache.h,
 * with the rules of who may be in here).
 *
 * Each class has up to two magazines: the loaded one that the fast paths use
 * and a spare.  When the loaded one is empty (full) and the spare is not, they
 * change places; otherwise one is exchanged with mcentral (Bonwick and Adams
 * 2001).  Locks and the page allocator are met only after leaving the cache:
 * what was taken out belongs to this task, and when it comes back, to whatever
 * CPU it then runs on, it looks again.
 *
 * How many objects a magazine may hold starts small and doubles with each trip
 * to mcentral.  The sum over all classes of what they may hold is bounded by
 * mcache_kb; now and then a class that would exceed it takes the room from others,
 * clockwise, except that page runs take what is left.
 */
#include <linux/bitops.h>
#include <linux/cpu.h>
#include <linux/cpuhotplug.h>
#include <linux/llist.h>
#include <linux/mm.h>
#include <linux/mutex.h>
#include <linux/rcupdate.h>
#include <linux/smp.h>
#include <linux/topology.h>

#include "base/compat.h"
#include "base/persistent.h"
#include "base/report.h"
#include "central/mcentral.h"
#include "percpu/mcache.h"
#include "special/profile.h"

unsigned int gom_mcache_kb = 2048;
GOM_EXPORT_FOR_TEST(gom_mcache_kb);

#define FIRST_BYTES	2048U	/* a class starts with this much in a magazine */
#define FIRST_MAX	8U	/* or with so many objects */
#define STEAL_MAX	1U	/* classes to take room from at a time: a hardirq may have to empty them */
#define STEAL_SCAN	64U	/* classes looked at for it */
#define STEAL_EVERY	16U	/* times that one wanted room when there was none */
#define FLUSH_CLASSES	16U	/* classes whose magazines a CPU gives up in one interrupt */

DEFINE_PER_CPU_ALIGNED(struct gom_mcache, gom_mcache);
GOM_EXPORT_FOR_TEST(gom_mcache);

/* A slot without a magazine points here: empty to a pop, full to a push. */
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

static unsigned int loaded_nr(const struct gom_mcache *c, unsigned int class)
{
	const struct gom_magazine *mag = gom_mcache_class_of(c, class)->mag;

	return mag ? READ_ONCE(gom_mcache_slot_of(c, class)->top) - &mag->bottom : 0;
}

static void load(struct gom_mcache *c, unsigned int class, struct gom_magazine *mag)
{
	struct gom_slot *s = gom_mcache_slot_of(c, class);
	struct gom_mcache_class *k = gom_mcache_class_of(c, class);

	k->mag = mag;
	s->top = &mag->bottom + mag->nr;
	s->end = &mag->bottom + k->limit;
}

/* The loaded magazine leaves its slot; NULL if there was none. */
static struct gom_magazine *unload(struct gom_mcache *c, unsigned int class)
{
	struct gom_slot *s = gom_mcache_slot_of(c, class);
	struct gom_mcache_class *k = gom_mcache_class_of(c, class);
	struct gom_magazine *mag = k->mag;

	if (!mag)
		return NULL;
	mag->nr = loaded_nr(c, class);
	k->mag = NULL;
	s->top = no_magazine;
	s->end = no_magazine;
	return mag;
}

static void swap_spare(struct gom_mcache *c, unsigned int class)
{
	struct gom_mcache_class *k = gom_mcache_class_of(c, class);
	struct gom_magazine *spare = k->spare;

	k->spare = unload(c, class);
	load(c, class, spare);
}

/* Account for a magazine of @nr objects that came (or, negative, left). */
static void account(struct gom_mcache_class *k, int nr)
{
	k->in += nr;
	if (nr > 0)
		k->refills++;
	else if (nr < 0)
		k->flushes++;
}

/* Take both magazines of @class out, on to @list; its room is free again. */
static void flush_class(struct gom_mcache *c, unsigned int class, struct gom_magazine **list)
{
	struct gom_mcache_class *k = gom_mcache_class_of(c, class);
	struct gom_magazine *mags[2] = { unload(c, class), k->spare };
	unsigned int i;

	k->spare = NULL;
	for (i = 0; i < ARRAY_SIZE(mags); i++) {
		if (!mags[i])
			continue;
		account(k, -(int)mags[i]->nr);
		mags[i]->next = *list;
		*list = mags[i];
	}
	c->bytes -= 2UL * k->limit * gom_class(class)->size;
	k->limit = 0;
}

/* Evicted magazines go to mcentral.  Outside the cache. */
static void return_all(struct gom_magazine *list)
{
	struct gom_magazine *mag;

	while ((mag = list)) {
		list = mag->next;
		gom_mcentral_return(mag);
	}
}

/* === Counting; inside the cache, or while nobody uses it === */

/* Draw how many objects @class may give until one is sampled (profile.h). */
static void arm(struct gom_mcache *c, unsigned int class)
{
	struct gom_mcache_class *k = gom_mcache_class_of(c, class);
	struct gom_slot *s = gom_mcache_slot_of(c, class);

	k->mallocs += k->armed - max(s->left, 0LL);
	/* Not a block of tiny objects, which are counted themselves (tiny.c). */
	k->armed = class == GOM_CLASS_TINY ? GOM_PROFILE_NEVER :
					     gom_profile_step(gom_class(class)->size);
	WRITE_ONCE(s->left, k->armed);
}

/* One object is allocated past the fast path: is it to be sampled? */
static bool count_down(struct gom_mcache *c, unsigned int class)
{
	struct gom_slot *s = gom_mcache_slot_of(c, class);

	if (s->left <= 0) {
		arm(c, class);
		return true;
	}
	s->left--;
	gom_mcache_class_of(c, class)->armed--;
	return false;
}

/* === How much a class may hold; inside the cache === */

static unsigned int next_limit(const struct gom_mcache *c, unsigned int class)
{
	const struct gom_class *cl = gom_class(class);
	unsigned int limit = gom_mcache_class_of(c, class)->limit;

	if (!limit)
		limit = clamp(FIRST_BYTES / cl->size, 1U, FIRST_MAX);
	else
		limit *= 2;
	return min_t(unsigned int, limit, cl->mag_size);
}

static bool make_capacity(struct gom_mcache *c, unsigned int class, size_t more,
		      struct gom_magazine **flushed)
{
	size_t most = (size_t)gom_mcache_kb << 10;
	unsigned int end = gom_class_end(), look = min(end, STEAL_SCAN), i, n = 0;

	/* One page run would drive out whole classes: it gets what nobody uses. */
	if (c->bytes + more <= most || gom_class(class)->size > GOM_MAX_SMALL_SIZE)
		return c->bytes + more <= most;
	if (++c->capacity_misses % STEAL_EVERY)
		return false;
	for (i = 0; i < look && n < STEAL_MAX && c->bytes + more > most; i++) {
		c->clock = c->clock + 1 < end ? c->clock + 1 : 1;
		if (c->clock == class || !gom_mcache_class_of(c, c->clock)->limit)
			continue;
		flush_class(c, c->clock, flushed);
		n++;
	}
	return c->bytes + more <= most;
}

/* Let the magazines of @class hold @limit objects: as many as before, or more. */
static void set_limit(struct gom_mcache *c, unsigned int class, unsigned int limit)
{
	struct gom_mcache_class *k = gom_mcache_class_of(c, class);

	c->bytes += 2UL * (limit - k->limit) * gom_class(class)->size;
	k->limit = limit;
	if (k->mag)
		gom_mcache_slot_of(c, class)->end = &k->mag->bottom + limit;
}

/* Let the magazines of @class hold more, if there is room for it. */
static unsigned int raise_limit(struct gom_mcache *c, unsigned int class,
				struct gom_magazine **flushed)
{
	struct gom_mcache_class *k = gom_mcache_class_of(c, class);
	unsigned int limit;
	size_t more;

	if (k->limit == gom_class(class)->mag_size)
		return k->limit;
	limit = next_limit(c, class);
	more = 2UL * (limit - k->limit) * gom_class(class)->size;
	if (make_capacity(c, class, more, flushed))
		set_limit(c, class, limit);
	return k->limit;
}

/* === Allocation === */

/* An object from what the cache has, whether or not it is time for a sample; inside it. */
void *gom_mcache_pop(struct gom_mcache *c, unsigned int class)
{
	struct gom_mcache_class *k = gom_mcache_class_of(c, class);
	struct gom_slot *s = gom_mcache_slot_of(c, class);
	void *p = *s->top;

	if (!p && k->spare && k->spare->nr) {
		swap_spare(c, class);
		p = *s->top;
	}
	if (p) {
		s->top--;
		k->mallocs++;
	}
	return p;
}

/*
 * Is there a place for a magazine of @nr objects, as far as the cache may hold them?
 * Its limit may have been lowered since somebody went to fetch it.
 */
static bool has_place(struct gom_mcache *c, unsigned int class, unsigned int nr)
{
	struct gom_mcache_class *k = gom_mcache_class_of(c, class);
	size_t more;

	if (loaded_nr(c, class) && k->spare)
		return false;
	if (nr <= k->limit)
		return true;
	more = 2UL * (nr - k->limit) * gom_class(class)->size;
	if (c->bytes + more > (size_t)gom_mcache_kb << 10)
		return false;
	set_limit(c, class, nr);
	return true;
}

/*
 * Bring a magazine with objects into the cache of the CPU we are on now, which
 * may have got one meanwhile.  One object has been taken from it already: returns whether
 * it is to be sampled.
 */
static bool install(struct gom_magazine *mag)
{
	unsigned int class = mag->class;
	struct gom_mcache_class *k;
	struct gom_magazine *out = NULL;
	struct gom_mcache *c;
	bool sample;

	/* It let us in before, and does so again: see mcache.h. */
	c = gom_mcache_enter_slow();
	if (WARN_ON_ONCE(!c)) {
		gom_mcentral_return(mag);
		return false;
	}
	k = gom_mcache_class_of(c, class);
	account(k, mag->nr + 1);
	k->mallocs++;
	sample = count_down(c, class);
	if (!has_place(c, class, mag->nr)) {
		account(k, -(int)mag->nr);
		out = mag;
	} else if (!loaded_nr(c, class)) {
		out = unload(c, class);
		load(c, class, mag);
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

/* Past the cache, where nobody counts; for anything but blocks of tiny objects. */
static void *alloc_past(unsigned int class, gfp_t gfp, bool *sample)
{
	*sample = class != GOM_CLASS_TINY && gom_profile_draw(gom_class(class)->size);
	return gom_mcentral_alloc(class, numa_mem_id(), gfp);
}

/**
 * gom_mcache_alloc_slow - allocate an object that the fast path could not
 * @class: of the object
 * @gfp: how to get memory
 * @sample: set to whether the object is to be sampled (profile.h)
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
		return alloc_past(class, gfp, sample);
	p = gom_mcache_pop(c, class);
	if (p) {
		*sample = count_down(c, class);
		gom_mcache_leave_slow(c);
		return p;
	}
	mag = unload(c, class);
	limit = raise_limit(c, class, &flushed);
	gom_mcache_leave_slow(c);
	return_all(flushed);

	if (!mag && limit)
		mag = gom_magazine_new(class, gom_magazine_gfp(gfp));
	if (!mag)
		return alloc_past(class, gfp, sample);
	mag = gom_mcentral_refill(mag, max(limit, 1U), numa_mem_id(), gfp);
	if (!mag)
		return NULL;
	p = mag->obj[--mag->nr];
	*sample = install(mag);
	return p;
}

/* === Freeing === */

/* Into what the cache has; inside it. */
static bool push_any(struct gom_mcache *c, unsigned int class, const void *p,
		     struct gom_magazine **flushed)
{
	struct gom_mcache_class *k = gom_mcache_class_of(c, class);
	struct gom_slot *s = gom_mcache_slot_of(c, class);

	if (gom_slot_push(s, p))
		return true;
	if (k->spare && !k->spare->nr) {
		swap_spare(c, class);
	} else if (k->mag) {
		raise_limit(c, class, flushed);
		if (s->top == s->end)
			return false;
	}
	return gom_slot_push(s, p);
}

/* @empty is loaded in place of a full magazine, unless somebody did it already. */
static void push_after(struct gom_magazine *empty, const void *p, unsigned long caller)
{
	struct gom_magazine *flushed = NULL;
	unsigned int class = empty->class;
	struct gom_mcache *c = gom_mcache_enter_slow();
	bool done = false;

	if (!WARN_ON_ONCE(!c)) {
		if (!gom_mcache_class_of(c, class)->mag && has_place(c, class, 1)) {
			load(c, class, empty);
			empty = NULL;
		}
		done = push_any(c, class, p, &flushed);
		gom_mcache_leave_slow(c);
	}
	return_all(flushed);
	if (empty)
		gom_mcentral_return(empty);
	if (!done)
		gom_mcentral_free(class, p, caller);
}

/* Make a place for a magazine; returns a full one that had to leave, or NULL. */
static struct gom_magazine *retire(struct gom_mcache *c, unsigned int class)
{
	struct gom_mcache_class *k = gom_mcache_class_of(c, class);
	struct gom_magazine *out = k->spare;

	k->spare = unload(c, class);
	if (out)
		account(k, -(int)out->nr);
	return out;
}

/**
 * gom_mcache_free_slow - free an object that the fast path could not
 * @class: of the object
 * @p: beginning of an object of that class
 * @caller: who frees it, for the report if it is free already
 *
 * Context: any but NMI.  Needs no memory, though it uses some if there is.
 */
void gom_mcache_free_slow(unsigned int class, const void *p, unsigned long caller)
{
	struct gom_magazine *mag, *flushed = NULL;
	struct gom_mcache *c = gom_mcache_enter_slow();
	unsigned int limit;

	if (!c) {
		gom_mcentral_free(class, p, caller);
		return;
	}
	if (*gom_mcache_slot_of(c, class)->top == p) {
		gom_mcache_leave_slow(c);
		gom_report(GOM_BAD_DOUBLE_FREE, caller, "double free of object %p", p);
		return;
	}
	if (push_any(c, class, p, &flushed)) {
		gom_mcache_leave_slow(c);
		return_all(flushed);
		return;
	}
	mag = retire(c, class);
	limit = gom_mcache_class_of(c, class)->limit ?: raise_limit(c, class, &flushed);
	gom_mcache_leave_slow(c);
	return_all(flushed);

	if (mag)
		mag = gom_mcentral_exchange(mag);
	else if (limit)
		mag = gom_magazine_new(class, GOM_FREE_GFP);
	if (mag)
		push_after(mag, p, caller);
	else
		gom_mcentral_free(class, p, caller);
}

/* === What each CPU does with its own cache === */

/**
 * struct cpu_call - what all CPUs are asked to do
 * @fn: called inside the cache of the CPU it runs on, or of one that is offline; more
 *	than once, perhaps
 * @wants: is there anything to do in @c, seen from another CPU?  NULL: always
 * @nid: node of the CPUs that are asked, or NUMA_NO_NODE
 * @busy: CPUs whose owner was interrupted inside, and that have to be asked again
 * @first: class that @fn begins with
 * @end: class that it ends before
 * @mags: magazines that it took out
 * @blocks: blocks of tiny objects that it took out, linked through themselves
 */
struct cpu_call {
	void (*fn)(struct gom_mcache *c, struct cpu_call *call);
	bool (*wants)(const struct gom_mcache *c, const struct cpu_call *call);
	int nid;
	atomic_t busy;
	unsigned int first;
	unsigned int end;
	struct llist_head mags;
	struct llist_head blocks;
};

/* An interrupt from the CPU that calls, or on that CPU a plain call with interrupts off. */
static void call_this_cpu(void *info)
{
	struct cpu_call *call = info;
	struct gom_mcache *c = this_cpu_ptr(&gom_mcache);

	c->asked++;
	if (c->mallocing & GOM_MALLOCING) {
		atomic_inc(&call->busy);
		return;
	}
	c = gom_mcache_enter_slow();
	if (!c)		/* debug=1: nothing is cached, and nothing counted here */
		return;
	call->fn(c, call);
	gom_mcache_leave_slow(c);
}

static bool cpu_wants(int cpu, void *info)
{
	struct cpu_call *call = info;

	if (call->nid != NUMA_NO_NODE && cpu_to_mem(cpu) != call->nid)
		return false;
	return !call->wants || call->wants(per_cpu_ptr(&gom_mcache, cpu), call);
}

/*
 * Have the online CPUs that want to call @call->fn.  They do so in an interrupt: a worker
 * would wait for ever for a CPU that an isolated real-time task keeps to itself.
 * The interrupt finds the cache in use only if it hit a few instructions, so asking
 * again is soon done.
 */
static void call_online(struct cpu_call *call)
{
	do {
		atomic_set(&call->busy, 0);
		on_each_cpu_cond(cpu_wants, call_this_cpu, call, true);
		cpu_relax();
	} while (atomic_read(&call->busy));
}

/* The same, and call it for CPUs that are offline.  May sleep. */
static void call_all(struct cpu_call *call)
{
	int cpu;

	cpus_read_lock();
	call_online(call);
	for_each_possible_cpu(cpu)
		if (!cpu_online(cpu))
			call->fn(per_cpu_ptr(&gom_mcache, cpu), call);
	cpus_read_unlock();
}

/* === Flushing === */

/* Magazines and blocks go to mcentral.  Outside the cache. */
static void finish_flush(struct cpu_call *call)
{
	struct llist_node *node, *next;

	llist_for_each_safe(node, next, llist_del_all(&call->mags))
		gom_mcentral_return(llist_entry(node, struct gom_magazine, node));
	llist_for_each_safe(node, next, llist_del_all(&call->blocks))
		gom_mcentral_free(GOM_CLASS_TINY, node, _RET_IP_);
}

static bool holds_class(const struct gom_mcache *c, unsigned int class)
{
	const struct gom_mcache_class *k = gom_mcache_class_of(c, class);

	return READ_ONCE(k->mag) || READ_ONCE(k->spare) || READ_ONCE(k->limit);
}

/* Has @c anything of the classes that are to be flushed? */
static bool holds_some(const struct gom_mcache *c, const struct cpu_call *call)
{
	unsigned int class;

	for (class = call->first; class < call->end; class++)
		if (holds_class(c, class) || (class == GOM_CLASS_TINY && gom_tiny_is_open(&c->tiny)))
			return true;
	return false;
}

static void flush_some(struct gom_mcache *c, struct cpu_call *call)
{
	struct gom_magazine *mags = NULL, *mag;
	unsigned int class, n = 0;
	void *blocks[2];

	for (class = call->first; class < call->end; class++) {
		if (class == GOM_CLASS_TINY)
			n = gom_tiny_close_all(c, blocks);
		flush_class(c, class, &mags);
	}
	while ((mag = mags)) {
		mags = mag->next;
		llist_add(&mag->node, &call->mags);
	}
	while (n--)
		llist_add(blocks[n], &call->blocks);
}

/*
 * Flush the classes from @first to before @end, on the CPUs of node @nid, or on all for
 * NUMA_NO_NODE, by means of @all.
 */
static void flush_classes(unsigned int first, unsigned int end, int nid,
			  void (*all)(struct cpu_call *call))
{
	struct cpu_call call = {
		.fn = flush_some,
		.wants = holds_some,
		.nid = nid,
		.first = first,
	};

	for (; call.first < end; call.first = call.end) {
		call.end = min(call.first + FLUSH_CLASSES, end);
		all(&call);
		finish_flush(&call);
	}
}

/**
 * gom_mcache_flush_all - empty the caches of all CPUs
 *
 * Their objects go to mcentral.  CPUs go on allocating meanwhile; those that hold nothing
 * are not disturbed.
 *
 * Context: task, may sleep.
 */
void gom_mcache_flush_all(void)
{
	flush_classes(1, gom_class_end(), NUMA_NO_NODE, call_all);
}
GOM_EXPORT_FOR_TEST(gom_mcache_flush_all);

/* The same for one class. */
void gom_mcache_flush_class(unsigned int class)
{
	flush_classes(class, class + 1, NUMA_NO_NODE, call_all);
}

/**
 * gom_mcache_reclaim - empty the caches of the online CPUs of a node
 * @nid: the node that is nearest to them; NUMA_NO_NODE for all CPUs
 *
 * For memory reclaim, in which nothing may be waited for that may itself wait for memory:
 * a CPU on its way down is left to the hotplug callback.  Many tasks may reclaim at once:
 * while one is at it the others go on without.
 *
 * Context: task with interrupts on.
 */
void gom_mcache_reclaim(int nid)
{
	static unsigned long reclaiming;

	if (test_and_set_bit_lock(0, &reclaiming))
		return;
	flush_classes(1, gom_class_end(), nid, call_online);
	clear_bit_unlock(0, &reclaiming);
}
GOM_EXPORT_FOR_TEST(gom_mcache_reclaim);

/* Empty the cache of a CPU on which nothing runs any more. */
static int flush_dead_cpu(unsigned int cpu)
{
	struct cpu_call call = { .first = 1, .end = gom_class_end() };

	flush_some(per_cpu_ptr(&gom_mcache, cpu), &call);
	finish_flush(&call);
	return 0;
}

/* === Sampling === */

/* Counters are begun anew, or countdowns drawn, by one task at a time: on other CPUs, too. */
static DEFINE_MUTEX(counting_lock);

static void arm_all(struct gom_mcache *c)
{
	unsigned int class;

	for_each_gom_class(class)
		arm(c, class);
	c->tiny.left = gom_profile_step(1);
}

static void arm_cpu(struct gom_mcache *c, struct cpu_call *unused)
{
	arm_all(c);
}

/**
 * gom_mcache_set_profile_rate - change memprofilerate, at once
 * @rate: bytes, 0 for off, 1 for every allocation
 *
 * Draws the intervals of all CPUs anew.
 *
 * Context: task, may sleep.
 * Return: 0; -EINVAL if it is too large.
 */
int gom_mcache_set_profile_rate(unsigned int rate)
{
	struct cpu_call call = { .fn = arm_cpu, .nid = NUMA_NO_NODE };
	int err = gom_profile_set_rate(rate);

	if (err)
		return err;
	mutex_lock(&counting_lock);
	call_all(&call);
	mutex_unlock(&counting_lock);
	return 0;
}
GOM_EXPORT_FOR_TEST(gom_mcache_set_profile_rate);

/* Draw the intervals of a class that nobody uses yet. */
void gom_mcache_arm_class(unsigned int class)
{
	int cpu;

	mutex_lock(&counting_lock);
	for_each_possible_cpu(cpu)
		arm(per_cpu_ptr(&gom_mcache, cpu), class);
	mutex_unlock(&counting_lock);
}

/* === Beginning counters anew === */

static void reset_class(struct gom_mcache *c, unsigned int class)
{
	struct gom_mcache_class *k = gom_mcache_class_of(c, class);
	u64 held = loaded_nr(c, class) + (k->spare ? k->spare->nr : 0);
	u64 mallocs = k->mallocs + k->armed - max(gom_mcache_slot_of(c, class)->left, 0LL);
	u64 frees = mallocs + held - k->in;
	u64 n = min(mallocs, frees);

	/* Frees, which are derived, are as many fewer. */
	k->mallocs -= n;
	k->refills = 0;
	k->flushes = 0;
}

static void reset_cpu(struct gom_mcache *c, struct cpu_call *unused)
{
	unsigned int class;

	for_each_gom_class(class)
		reset_class(c, class);
	gom_tiny_reset(&c->tiny);
	c->inside = 0;
}

/* Begin the counters of all CPUs anew; live objects stay counted.  May sleep. */
void gom_mcache_reset(void)
{
	struct cpu_call call = { .fn = reset_cpu, .nid = NUMA_NO_NODE };

	mutex_lock(&counting_lock);
	call_all(&call);
	mutex_unlock(&counting_lock);
}

/* === Modes === */

static DEFINE_MUTEX(modes_lock);	/* protects what follows, and who sets it on all CPUs */
static u8 modes;		/* bits of @mallocing that stay as long as the module */
static unsigned int slow_users;	/* who wants each call to take the slow path now */

static u8 wanted_modes(void)
{
	return modes | (READ_ONCE(slow_users) ? GOM_MALLOCING_SLOW : 0);
}

/* On the CPU of @c, outside its cache, or while that is offline. */
static void set_modes(struct gom_mcache *c)
{
	if (!(c->mallocing & GOM_MALLOCING))
		c->mallocing = wanted_modes();
}

static void set_modes_here(void *unused)
{
	set_modes(this_cpu_ptr(&gom_mcache));
}

static bool all_modes_set(void)
{
	int cpu;

	for_each_online_cpu(cpu)
		if ((READ_ONCE(per_cpu_ptr(&gom_mcache, cpu)->mallocing) & ~GOM_MALLOCING) !=
		    wanted_modes())
			return false;
	return true;
}

/**
 * gom_mcache_force_slow - have every call take the slow path, or no longer
 * @by: 1, or -1 for an end to one of those
 *
 * May be called before gom_mcache_init() and after gom_mcache_exit(): tracepoints may
 * have listeners as long as there is a module.
 *
 * A CPU's flag is set in an interrupt of that CPU.  One that arrives between the test
 * of the flag and its setting, or inside, sees its work undone.  All of that happens with
 * preemption off, so it is over after a grace period: if the flag is still right
 * then, or right again, it stays so, because whoever comes now sees it.
 *
 * Context: task, may sleep.
 */
void gom_mcache_force_slow(int by)
{
	int cpu;

	mutex_lock(&modes_lock);
	WRITE_ONCE(slow_users, slow_users + by);
	cpus_read_lock();
	for_each_possible_cpu(cpu)
		if (!cpu_online(cpu))
			set_modes(per_cpu_ptr(&gom_mcache, cpu));
	do {
		on_each_cpu(set_modes_here, NULL, true);
		synchronize_rcu();
	} while (!all_modes_set());
	cpus_read_unlock();
	mutex_unlock(&modes_lock);
}
GOM_EXPORT_FOR_TEST(gom_mcache_force_slow);

/* === Figures === */

/* Figures of one class of the possible CPU @cpu, exact if that CPU is idle. */
void gom_mcache_read(int cpu, unsigned int class, struct gom_mcache_stats *stats)
{
	const struct gom_mcache *c = per_cpu_ptr(&gom_mcache, cpu);
	const struct gom_mcache_class *k = gom_mcache_class_of(c, class);
	const struct gom_magazine *spare;
	unsigned int seq;
	s64 in, left;

	do {
		seq = raw_read_seqcount_begin(&c->seq);
		left = READ_ONCE(gom_mcache_slot_of(c, class)->left);
		stats->mallocs = READ_ONCE(k->mallocs) + READ_ONCE(k->armed) - max(left, 0LL);
		stats->held = loaded_nr(c, class);
		spare = READ_ONCE(k->spare);
		stats->held += spare ? READ_ONCE(spare->nr) : 0;
		in = READ_ONCE(k->in);
		stats->limit = READ_ONCE(k->limit);
		stats->refills = READ_ONCE(k->refills);
		stats->flushes = READ_ONCE(k->flushes);
	} while (read_seqcount_retry(&c->seq, seq));
	stats->frees = stats->mallocs + stats->held - in;
}
GOM_EXPORT_FOR_TEST(gom_mcache_read);

/* Bytes that the magazines of @cpu may come to hold; at most mcache_kb. */
size_t gom_mcache_bytes(int cpu)
{
	return READ_ONCE(per_cpu_ptr(&gom_mcache, cpu)->bytes);
}
GOM_EXPORT_FOR_TEST(gom_mcache_bytes);

/* Calls, on all CPUs, that came while their CPU was inside, and went past the cache. */
unsigned long gom_mcache_inside(void)
{
	unsigned long sum = 0;
	int cpu;

	for_each_possible_cpu(cpu)
		sum += READ_ONCE(per_cpu_ptr(&gom_mcache, cpu)->inside);
	return sum;
}
GOM_EXPORT_FOR_TEST(gom_mcache_inside);

/* === Beginning and end === */

static int init_cpu(int cpu)
{
	struct gom_mcache *c = per_cpu_ptr(&gom_mcache, cpu);
	unsigned int i;

	c->class = gom_persistent_alloc_gfp(GOM_NR_SPAN_CLASSES * sizeof(*c->class), SMP_CACHE_BYTES,
					    GOM_MCACHE_SYS, GFP_KERNEL);
	if (!c->class)
		return -ENOMEM;
	seqcount_init(&c->seq);
	c->cpu = cpu;
	for (i = 0; i < GOM_NR_SLOTS; i++) {
		c->slot[i].top = no_magazine;
		c->slot[i].end = no_magazine;
		if (i && i < GOM_CLASS_TINY) {
			c->slot[i].recip = gom_classes[i].recip;
			c->slot[i].limit = gom_classes[i].limit;
		}
	}
	gom_tiny_init(&c->tiny);
	arm_all(c);
	set_modes(c);
	return 0;
}

/* What a new class needs of each CPU; NULL if there is no memory.  May sleep. */
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

/* @mode: bits of @mallocing that stay set, so that every call takes the slow path. */
int gom_mcache_init(u8 mode)
{
	int cpu, err = 0;

	/* Each object must be told to kmemleak, each freed one may have to be cleared. */
	if (IS_ENABLED(CONFIG_DEBUG_KMEMLEAK) || want_init_on_free())
		mode |= GOM_MALLOCING_SLOW;
	mutex_lock(&modes_lock);
	modes = mode;
	for_each_possible_cpu(cpu) {
		err = init_cpu(cpu);
		if (err)
			break;
	}
	mutex_unlock(&modes_lock);
	if (err)
		return err;
	/* The "prepare" stage goes down last, when the CPU is dead. */
	cpuhp_state = cpuhp_setup_state_nocalls(CPUHP_BP_PREPARE_DYN, "gomalloc:dead",
						NULL, flush_dead_cpu);
	return min(cpuhp_state, 0);
}

/* The module is going; nobody allocates.  All objects go to mcentral. */
void gom_mcache_exit(void)
{
	int cpu;

	cpuhp_remove_state_nocalls(cpuhp_state);
	for_each_possible_cpu(cpu)
		flush_dead_cpu(cpu);
}
