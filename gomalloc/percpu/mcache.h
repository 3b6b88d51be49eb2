/* SPDX-License-Identifier: GPL-2.0 */
/*
 * mcache: per-CPU caches of free objects, used without a lock (Go: MCache, one
 * for each P; a CPU is our P).
 *
 * The flag as a lock
 * ------------------
 * @mallocing (Go: mp.mallocing) is what newer kernels call a local_trylock: who
 * sets it owns the cache of the CPU; who finds it set does not wait, but
 * bypasses the cache.  6.1 has no local_trylock, so it is written out here.  It
 * differs in two points:
 *
 * - Under PREEMPT_RT a local_trylock is a per-CPU spinlock with preemption
 *   enabled.  Here preemption stays disabled.  The owner runs a few
 *   instructions, takes no lock and does not sleep.
 * - Interrupts stay enabled.  An interrupt that finds the flag set bypasses the
 *   cache.
 *
 * With CONFIG_DEBUG_LOCK_ALLOC lockdep sees the flag as a lock inside which no
 * other lock may be taken, not even a raw one.  It reports an owner that enters
 * twice, or leaves on another CPU or in another context (mcache_debug.c).
 *
 * Contexts
 * --------
 * A cache is used only by code that runs on its CPU with preemption disabled,
 * and that found @mallocing clear and set it.  At any time one context is
 * inside:
 *
 *   task, softirq	Preemption is disabled for the few instructions inside,
 *			so the CPU cannot change, and no other task or softirq
 *			thread enters.  The same holds under PREEMPT_RT.
 *   hardirq, and a	It may arrive between any two instructions, and ends
 *   softirq on its	before the interrupted code continues.  If that code is
 *   way out of one	inside, @mallocing is set, and the interrupt goes to
 *			mcentral.  mcentral's lock is free then, or held by
 *			another CPU, as nobody takes a lock while inside.  If
 *			the interrupt arrives between the test of @mallocing and
 *			its setting, it enters and leaves; the interrupted code
 *			has read nothing before the test.
 *   NMI		The same, by the calls that never wait (nolock.c).
 *   CPU going offline	Its cache is emptied when it is dead, by the CPU that
 *			takes it down; its tasks have moved to other CPUs by
 *			then.
 *   another CPU	It only reads statistics (gom_mcache_read()).  A flush
 *			and the like run in an interrupt on the owner's CPU, to
 *			which the rules above apply.
 *
 * Other bits of @mallocing than GOM_MALLOCING stay set while a mode needs every
 * call to take the slow path; the fast path's one test covers them all.
 */
#ifndef GOM_MCACHE_H
#define GOM_MCACHE_H

#include <linux/lockdep.h>
#include <linux/percpu.h>
#include <linux/preempt.h>
#include <linux/seqlock.h>

#include "base/class.h"
#include "base/sizeclass.h"
#include "central/magazine.h"
#include "heap/pagemap.h"
#include "percpu/tiny.h"

/**
 * struct gom_slot - one class in one CPU's cache: all that the fast paths use
 * @top: the object on top of the loaded magazine, or its bottom, which is NULL
 * @end: @top when the magazine is full
 * @sample_left: objects until one is sampled (profile.h); negative if a sample
 *	is due
 * @recip: of the class, for gom_class_begins()
 * @recip_limit: of the class; 0 in a slot without objects, so that no address
 *	passes
 */
struct gom_slot {
	void **top;
	void **end;
	s64 sample_left;
	u32 recip;
	u32 recip_limit;
} __aligned(GOM_SLOT_BYTES);

#define GOM_MALLOCING		0x01	/* the cache has an owner */
#define GOM_MALLOCING_SLOW	0x02	/* a call does more than move an object */
#define GOM_MALLOCING_DEBUG	0x04	/* debug=: mcentral serves every call */
#define GOM_MALLOCING_BYPASS	0x08	/* sbrk=1, efence=1: no cache is used */

/**
 * struct gom_mcache_class - the rest of one class in one CPU's cache
 * @mag: the loaded magazine; NULL before the first use and after a flush
 * @spare: a second magazine, so that calls around the boundary of the loaded
 *	one do not go to mcentral each time
 * @limit: objects a magazine may hold now; 0 until the class is used
 * @mallocs: objects allocated, without those counted down since the current
 *	sample interval was drawn
 * @sample_interval: value of the slot's @sample_left when it was drawn
 * @in: objects that came in magazines, less those that left in magazines
 * @refills: magazines with objects that came in
 * @flushes: magazines with objects that left
 */
struct gom_mcache_class {
	struct gom_magazine *mag;
	struct gom_magazine *spare;
	unsigned int limit;
	u64 mallocs;
	s64 sample_interval;
	s64 in;
	u64 refills;
	u64 flushes;
};

/**
 * struct gom_mcache - the cache of one CPU
 * @mallocing: see above
 * @clock: last class tried as a victim when capacity was stolen
 * @inside: calls that found their CPU inside (Go: mallocing)
 * @asked: interrupts sent to this CPU to work on its cache
 * @capacity_misses: times that a class could not grow; see mcache.c
 * @cpu: the CPU
 * @seq: odd while magazines change hands; for readers on other CPUs
 * @bytes: capacity in bytes that the limits of all classes take up; at most
 *	mcache_kb
 * @slot: what the fast paths use of each class
 * @class: the rest of each class
 * @tiny: open tiny blocks
 */
struct gom_mcache {
	u8 mallocing;
	u16 clock;
	u16 capacity_misses;
	seqcount_t seq;
	unsigned int bytes;
	int cpu;
	unsigned long inside;
	unsigned long asked;
	struct gom_mcache_class *class;
	struct gom_tiny tiny;
	struct gom_slot slot[GOM_NR_SLOTS];
};

DECLARE_PER_CPU_ALIGNED(struct gom_mcache, gom_mcache);

/* The part of one CPU's cache that belongs to a class of a named cache. */
struct gom_cache_cpu {
	struct gom_slot slot;
	struct gom_mcache_class k;
};

/*
 * A slot whose magazine is both empty and full: each call goes to the slow path.
 */
DECLARE_PER_CPU(struct gom_slot, gom_no_slot);

extern unsigned int gom_mcache_kb;

/*
 * Where an instruction can address per-CPU data by itself (x86's segment
 * register) the fast paths need no pointer to the cache.  Elsewhere the pointer
 * is computed once.
 */
#define GOM_CPU_OPERANDS	(IS_ENABLED(CONFIG_X86_64) && !IS_ENABLED(CONFIG_UML))

static __always_inline u8 gom_mcache_flag(const struct gom_mcache *c)
{
	return GOM_CPU_OPERANDS ? raw_cpu_read(gom_mcache.mallocing) : c->mallocing;
}

static __always_inline void gom_mcache_set_flag(struct gom_mcache *c, u8 flag)
{
	if (GOM_CPU_OPERANDS)
		raw_cpu_write(gom_mcache.mallocing, flag);
	else
		c->mallocing = flag;
}

/* The slot at @slot_off in @c, the cache of this CPU. */
static __always_inline struct gom_slot *gom_mcache_slot(struct gom_mcache *c,
							 unsigned long slot_off)
{
	if (!GOM_CPU_OPERANDS)
		return (void *)c->slot + slot_off;
	/* The constant is added last, so it becomes a displacement. */
	return (void *)raw_cpu_ptr((void __percpu __force *)slot_off) +
	       (unsigned long __force)gom_mcache.slot;
}

/*
 * The cache that the caller is inside, for rare paths: computed again, so that
 * @c need not stay in a register until then.
 */
static __always_inline struct gom_mcache *gom_mcache_again(struct gom_mcache *c)
{
	return GOM_CPU_OPERANDS ? raw_cpu_ptr(&gom_mcache) : c;
}

#ifdef CONFIG_DEBUG_LOCK_ALLOC
void gom_mcache_debug_enter(void);
void gom_mcache_debug_leave(const struct gom_mcache *c);
void gom_mcache_debug_busy(void);
#else
static inline void gom_mcache_debug_enter(void)
{
}

static inline void gom_mcache_debug_leave(const struct gom_mcache *c)
{
}

static inline void gom_mcache_debug_busy(void)
{
}
#endif

/* Only the owner of @c may call the caller. */
static inline void gom_mcache_assert_owned(const struct gom_mcache *c)
{
	lockdep_assert(READ_ONCE(c->mallocing) & GOM_MALLOCING);
}

/*
 * Enter the cache of this CPU.  On success preemption stays disabled until
 * gom_mcache_leave().  The test need not be volatile: preempt_disable() keeps
 * the compiler from testing earlier, and barrier() keeps what follows behind
 * the setting of the flag.
 */
static __always_inline bool gom_mcache_enter(struct gom_mcache **cache)
{
	struct gom_mcache *c;

	preempt_disable();
	c = raw_cpu_ptr(&gom_mcache);
	if (unlikely(gom_mcache_flag(c))) {
		gom_mcache_debug_busy();
		preempt_enable();
		return false;
	}
	gom_mcache_set_flag(c, GOM_MALLOCING);
	barrier();	/* pairs with that in gom_mcache_leave(), for an interrupt */
	gom_mcache_debug_enter();
	*cache = c;
	return true;
}

static __always_inline void gom_mcache_leave(struct gom_mcache *c)
{
	gom_mcache_debug_leave(c);
	barrier();
	gom_mcache_set_flag(c, 0);
	preempt_enable();
}

/*
 * The same for the slow paths.  GOM_MALLOCING_SLOW and GOM_MALLOCING_BYPASS do
 * not keep them out.  Also for callers that may have interrupted the owner in
 * its own context (nolock.c).  @seq makes readers on other CPUs retry.
 */
static inline struct gom_mcache *gom_mcache_tryenter_slow(void)
{
	struct gom_mcache *c;

	preempt_disable();
	c = this_cpu_ptr(&gom_mcache);
	if (c->mallocing & (GOM_MALLOCING | GOM_MALLOCING_DEBUG)) {
		if (c->mallocing & GOM_MALLOCING)
			this_cpu_inc(gom_mcache.inside);
		preempt_enable();
		return NULL;
	}
	c->mallocing |= GOM_MALLOCING;
	barrier();	/* pairs with that in gom_mcache_leave_slow(), for an interrupt */
	gom_mcache_debug_enter();
	raw_write_seqcount_begin(&c->seq);
	return c;
}

/* The same; reports a caller whose own context is inside already. */
static inline struct gom_mcache *gom_mcache_enter_slow(void)
{
	struct gom_mcache *c = gom_mcache_tryenter_slow();

	if (!c)
		gom_mcache_debug_busy();
	return c;
}

static inline void gom_mcache_leave_slow(struct gom_mcache *c)
{
	raw_write_seqcount_end(&c->seq);
	gom_mcache_debug_leave(c);
	barrier();
	c->mallocing &= ~GOM_MALLOCING;
	preempt_enable();
}

/*
 * Pop the object on top.  NULL if there is none, or if a sample is due, which
 * the slow path takes.
 */
static __always_inline void *gom_slot_pop(struct gom_slot *s)
{
	void **top = s->top;
	void *p = *top;

	if (unlikely(!p) || unlikely(--s->sample_left < 0))
		return NULL;
	s->top = top - 1;
	return p;
}

/* Pop up to @nr objects; returns how many. */
static __always_inline size_t gom_slot_pop_many(struct gom_slot *s, size_t nr, void **objs)
{
	s64 n = min_t(s64, nr, s->sample_left), i;
	void **top = s->top, *p;

	for (i = 0; i < n; i++) {
		p = *top;
		if (!p)
			break;
		top--;
		objs[i] = p;
	}
	s->top = top;
	s->sample_left -= i;
	return i;
}

/* Push @p; false if the magazine is full, or if @p is on top already. */
static __always_inline bool gom_slot_push(struct gom_slot *s, const void *p)
{
	void **top = s->top;

	if (unlikely(top == s->end || *top == p))
		return false;
	top[1] = (void *)p;
	s->top = top + 1;
	return true;
}

/**
 * struct gom_mcache_stats - statistics of one class in one CPU's cache
 * @mallocs: objects popped
 * @frees: objects pushed
 * @held: objects cached now
 * @limit: objects a magazine may hold
 * @refills: magazines with objects that came in
 * @flushes: magazines with objects that left
 */
struct gom_mcache_stats {
	u64 mallocs;
	u64 frees;
	u64 refills;
	u64 flushes;
	unsigned int held;
	unsigned int limit;
};

int gom_mcache_init(u8 mode);
void gom_mcache_exit(void);
void *gom_mcache_alloc_slow(unsigned int class, gfp_t gfp, bool *sample);
void *gom_mcache_pop(struct gom_mcache *c, unsigned int class);
void gom_mcache_draw_class(unsigned int class);
int gom_mcache_set_profile_rate(unsigned int rate);
void gom_mcache_force_slow(int by);
void gom_mcache_reset(void);
void gom_mcache_free_slow(const struct gom_place *at, unsigned long caller);
bool gom_mcache_count_down(struct gom_mcache *c, unsigned int class);
void gom_mcache_draw_intervals(struct gom_mcache *c);
void gom_mcache_init_modes(u8 mode);
void gom_mcache_flush_all(void);
void gom_mcache_flush_class_cpuslocked(unsigned int class);
bool gom_mcache_holds_class(unsigned int class);
void gom_mcache_reclaim(int nid);
struct gom_cache_cpu __percpu *gom_mcache_new_class(void);
struct gom_slot *gom_mcache_slot_of(const struct gom_mcache *c, unsigned int class);
struct gom_mcache_class *gom_mcache_class_of(const struct gom_mcache *c, unsigned int class);
void gom_mcache_read(int cpu, unsigned int class, struct gom_mcache_stats *stats);
size_t gom_mcache_bytes(int cpu);
unsigned long gom_mcache_inside(void);

/* Objects in the loaded magazine of @class; racy on another CPU. */
static inline unsigned int gom_mcache_loaded(const struct gom_mcache *c, unsigned int class)
{
	const struct gom_magazine *mag = gom_mcache_class_of(c, class)->mag;

	return mag ? READ_ONCE(gom_mcache_slot_of(c, class)->top) - &mag->bottom : 0;
}

#endif /* GOM_MCACHE_H */
