// SPDX-License-Identifier: GPL-2.0
/*
 * The heap profile (Go: mprof.go, and profilealloc() in malloc.go of 2015).  On
 * average one allocation per memprofilerate bytes is sampled.  The sample is
 * counted under the stack of the allocation, and so is its free.
 *
 * Sampling
 * --------
 * Go counts bytes down and draws the next interval when it reaches zero.  Here
 * each class of each CPU counts its own objects down (percpu/mcache.h).
 * These have one size, so the countdown is a decrement by one.  With rate R, an
 * object of s bytes is sampled with probability 1 - exp(-s / R): intervals are
 * drawn from an exponential distribution and rounded down to whole objects.
 * That distribution has no memory, so classes may count separately.  pprof
 * assumes the same probability when it scales samples up, so its estimate has
 * no bias.
 *
 * Samples are counted in buckets, one per stack and size.  A per-CPU cache of
 * stacks avoids unwinding the same stack again and again.  A live sample is a
 * special of its object.
 *
 * Bounds
 * ------
 * The number of buckets is limited (bucket.c).  Records of live samples have a
 * limit of their own (special.c).  A sample beyond a limit is dropped, and
 * counted as dropped.
 *
 * Locking
 * -------
 * Sampling runs after the allocation, in its context, with no lock held.  The
 * memos of stacks are per CPU and used with preemption off; an interrupt that
 * finds one in use does without.
 *
 * No lock is shared by all samples and frees.  A sample is taken inside an RCU
 * read-side section, in which its bucket is looked up locklessly; a lock is
 * needed only to add one (bucket.c).  Otherwise a sample takes the tree lock of
 * the object's span and the lock of a freelist of records: of this CPU, or when
 * it is freed, of the CPU that took it.
 *
 * Shared words that it writes: the counters of the bucket; the entry of
 * gom_special_near; for a named cache, the number of its specials; and the page
 * map entries of the span, if it is the span's first or last special.
 */
#include <linux/bitops.h>
#include <linux/hash.h>
#include <linux/jhash.h>
#include <linux/math64.h>
#include <linux/mm.h>
#include <linux/log2.h>
#include <linux/module.h>
#include <linux/percpu.h>
#include <linux/rcupdate.h>
#include <linux/sched/task_stack.h>

#include "base/client.h"
#include "base/compat.h"
#include "base/persistent.h"
#include "base/random.h"
#include "heap/pagemap.h"
#include "special/bucket.h"
#include "special/profile.h"
#include "special/special.h"

#define MAX_DEPTH	GOM_STACK_DEPTH
#define MAX_ENTRIES	(MAX_DEPTH + 8)	/* with gomalloc's own frames */
#define LN2_16		45426U		/* ln(2) with 16 fractional bits */

unsigned int gom_memprofilerate = GOM_PROFILE_RATE;
GOM_EXPORT_FOR_TEST(gom_memprofilerate);

/*
 * Samples that were due and not taken: lost for want of memory, or dropped
 * because a limit was reached.
 */
struct missed_samples {
	unsigned long lost;
	unsigned long dropped;
};

static DEFINE_PER_CPU(struct missed_samples, missed_samples);

static u64 counting_since;		/* load, or the last reset; gom_profile_now() */

/* === Intervals === */

/*
 * -log2(@r / 2^32) with 24 fractional bits; @r is not 0.  Bit by bit, by
 * squaring.
 */
static u32 neg_log2(u32 r)
{
	unsigned int exponent = fls(r) - 1, i;
	u64 x = (u64)r << (31 - exponent);	/* in [1, 2), with 31 fractional bits */
	u32 log = exponent << 24;

	for (i = 24; i--;) {
		x = x * x >> 31;
		if (x >> 32) {
			x >>= 1;
			log |= BIT(i);
		}
	}
	return (32U << 24) - log;
}

/**
 * gom_profile_step - draw a sample interval
 * @size: bytes of an object
 *
 * Context: any, NMI included.
 * Return: number of objects to pass over before the next sample;
 * GOM_PROFILE_NEVER if sampling is off.
 */
s64 gom_profile_step(size_t size)
{
	u32 rate = READ_ONCE(gom_memprofilerate);
	u64 ln;

	if (!rate)
		return GOM_PROFILE_NEVER;
	if (rate == 1)
		return 0;
	ln = (u64)neg_log2(gom_random_draw() | 1) * LN2_16 >> 16;
	return div64_u64(ln * rate >> 24, size);
}
GOM_EXPORT_FOR_TEST(gom_profile_step);

/*
 * Draw whether to sample a single object of @size, for callers without a
 * countdown.
 */
bool gom_profile_draw(size_t size)
{
	return READ_ONCE(gom_memprofilerate) && !gom_profile_step(size);
}

/**
 * gom_profile_set_rate - change memprofilerate
 * @rate: bytes; 0 for off, 1 for every allocation
 *
 * Applies to intervals drawn from now on.  Pairs with READ_ONCE() in
 * gom_profile_step().
 *
 * Context: any.
 * Return: 0; -EINVAL if @rate is too large.
 */
int gom_profile_set_rate(unsigned int rate)
{
	if (rate > GOM_PROFILE_RATE_MAX)
		return -EINVAL;
	WRITE_ONCE(gom_memprofilerate, rate);
	return 0;
}

/* === Stacks === */

/*
 * Unwinding a stack takes thousands of instructions, and code that allocates
 * much does so from the same few places.  So each CPU has memos of stacks.  A
 * memo records the return addresses (in its bucket) and where on the stack they
 * lie.  If the same caller comes at the same depth, and the words at these
 * places have not changed, it is the same stack.  Every MEMO_HITS-th time the
 * stack is unwound nevertheless, in case a matched word only looked like a
 * return address.
 */
#define NR_MEMOS	8U		/* per CPU; a power of two */
#define MEMO_HITS	64U

/**
 * struct stack_memo - a known stack
 * @caller: call site of the allocation
 * @bucket: bucket of the stack and a size; NULL if the memo is unused
 * @depth: bytes from our frame to the end of the stack
 * @hits: number of matches
 * @changes: stacks_version() when the stack was unwound
 * @busy: in use; an interrupt that finds it set does without
 * @n: number of return addresses; 0 if the stack is @caller only
 * @at: where the return addresses lie, in words from our frame
 */
struct stack_memo {
	unsigned long caller;
	struct gom_bucket *bucket;
	unsigned int depth;
	unsigned int hits;
	unsigned int changes;
	u8 busy;
	u8 n;
	u16 at[MAX_DEPTH];
};

static_assert(THREAD_SIZE / sizeof(long) <= U16_MAX);
static_assert(BITS_PER_LONG < 64 || NR_MEMOS * sizeof(struct stack_memo) == 768);

/* Arrays of NR_MEMOS.  Pointers, because per-CPU space of modules is small. */
static DEFINE_PER_CPU(struct stack_memo *, stack_memos);

/*
 * Bytes from @frame, our own, to the end of the task's stack; 0 if we are on
 * another stack.
 */
static unsigned int stack_depth(const void *frame)
{
	const void *stack = task_stack_page(current);

	return frame >= stack && frame < stack + THREAD_SIZE ? stack + THREAD_SIZE - frame : 0;
}

/*
 * This CPU's memo for a stack, with preemption off until memo_release(); NULL
 * if it is in use by the code that this context interrupted.
 *
 * The barriers here and in memo_release() pair with program order in an
 * interrupt on this CPU: it sees @busy set as long as the memo is inconsistent.
 */
static struct stack_memo *memo_acquire(unsigned long caller, unsigned int depth, size_t size)
{
	struct stack_memo *m;

	preempt_disable();
	m = this_cpu_read(stack_memos) +
	    hash_long(caller ^ depth ^ size << 16, const_ilog2(NR_MEMOS));
	if (m->busy) {
		preempt_enable();
		return NULL;
	}
	WRITE_ONCE(m->busy, 1);
	barrier();
	return m;
}

static void memo_release(struct stack_memo *m)
{
	barrier();
	WRITE_ONCE(m->busy, 0);
	preempt_enable();
}

/* READ_ONCE_NOCHECK(): the words may be poisoned for KASAN. */
static bool memo_matches(const struct stack_memo *m, const unsigned long *frame)
{
	unsigned int i;

	for (i = 0; i < m->n; i++)
		if (READ_ONCE_NOCHECK(frame[m->at[i]]) != m->bucket->entry[i])
			return false;
	return true;
}

/*
 * Changes when an address may have come to belong to another client, and when
 * buckets have been removed.  READ_ONCE() pairs with WRITE_ONCE() in
 * base/client.c and in buckets_reclaim(), bucket.c.
 */
static unsigned int stacks_version(void)
{
	return READ_ONCE(gom_client_changes) + READ_ONCE(gom_bucket_removals);
}

/*
 * The bucket of a known stack; NULL if it is not known, or due to be unwound.
 */
static struct gom_bucket *memo_lookup(unsigned long caller, const void *frame, size_t size,
				      unsigned int class)
{
	unsigned int depth = stack_depth(frame);
	struct stack_memo *m = memo_acquire(caller, depth, size);
	struct gom_bucket *b = NULL;

	if (!m)
		return NULL;
	/*
	 * @changes first: a module may have been loaded where another one was,
	 * and the bucket may be that of another stack now.
	 */
	if (m->bucket && m->changes == stacks_version() && m->caller == caller &&
	    m->depth == depth && m->bucket->size == size && m->bucket->class == class &&
	    (!m->n || ++m->hits % MEMO_HITS) && memo_matches(m, frame))
		b = m->bucket;
	memo_release(m);
	return b;
}

/*
 * Find the return addresses of @b on the stack above @frame, in order.  False
 * if one is missing.
 */
static bool memo_locate(struct stack_memo *m, const struct gom_bucket *b,
			const unsigned long *frame)
{
	const unsigned int end = m->depth / sizeof(long);
	unsigned int i, at = 0;

	for (i = 0; i < b->n; i++, at++) {
		while (at < end && READ_ONCE_NOCHECK(frame[at]) != b->entry[i])
			at++;
		if (at >= end)
			return false;
		m->at[i] = at;
	}
	m->n = b->n;
	return true;
}

static void memo_store(unsigned long caller, const void *frame, struct gom_bucket *b,
		       unsigned int changes)
{
	unsigned int depth = stack_depth(frame);
	struct stack_memo *m = memo_acquire(caller, depth, b->size);

	if (!m)
		return;
	m->bucket = NULL;
	m->caller = caller;
	m->depth = depth;
	m->changes = changes;
	m->n = 0;
	if ((b->n == 1 && b->entry[0] == caller) || (depth && memo_locate(m, b, frame)))
		m->bucket = b;
	memo_release(m);
}

/*
 * Unwind the stack of the allocation, without gomalloc's own frames.  If there
 * is no stack trace (UML without frame pointers), it is @caller only.  Returns
 * the number of addresses; they begin at @entries[*@from].
 */
static unsigned int stack_unwind(unsigned long *entries, unsigned int *from, unsigned long caller)
{
	unsigned int n, own = 0;

	n = gom_stack_save(entries, MAX_ENTRIES);
	/* Functions of the stack tracer may come before ours. */
	while (own < n && !within_module(entries[own], THIS_MODULE))
		own++;
	while (own < n && within_module(entries[own], THIS_MODULE))
		own++;
	if (own == n) {
		entries[0] = caller;
		own = 0;
		n = 1;
	}
	*from = own;
	return min(n - own, MAX_DEPTH);
}

static struct gom_bucket *bucket_unwind(const void *frame, size_t size, unsigned int class,
					gfp_t gfp, unsigned long caller)
{
	unsigned int changes = stacks_version();	/* before the lookup */
	unsigned long entries[MAX_ENTRIES];
	struct gom_stack_key s = { .size = size, .class = class };
	struct gom_bucket *b;
	unsigned int from;

	s.n = stack_unwind(entries, &from, caller);
	s.entry = entries + from;
	s.client = gom_client_of_stack(s.entry, s.n);
	s.hash = jhash(s.entry, s.n * sizeof(long), size);
	b = gom_bucket_find_or_create(&s, gfp);
	if (b)
		memo_store(caller, frame, b, changes);
	return b;
}

/* === Samples === */

/*
 * A sample was due and not taken.  @full: a limit was reached; else: no memory.
 */
static void sample_count_missed(bool full)
{
	if (full)
		this_cpu_inc(missed_samples.dropped);
	else
		this_cpu_inc(missed_samples.lost);
}

static void bucket_add_sample(struct gom_bucket *b, const struct gom_place *at, size_t requested,
			      gfp_t gfp)
{
	struct gom_special *sp = gom_special_new_sample(gfp);

	if (!sp) {
		sample_count_missed(gom_special_full());
		return;
	}
	sp->kind = GOM_SPECIAL_SAMPLE;
	sp->bucket = b;
	sp->time = gom_profile_now();
	sp->requested = requested;
	if (!gom_special_add(at, sp)) {
		gom_special_delete(sp);
		sample_count_missed(false);
		return;
	}
	atomic64_add(requested, &b->requested);
	/* Pairs with READ_ONCE() in bucket_rank(), bucket.c. */
	WRITE_ONCE(b->last_used, jiffies);
	atomic64_inc(&b->mallocs);
}

static noinline void sample_add(const struct gom_place *at, size_t size, size_t requested,
				gfp_t gfp, unsigned long caller)
{
	const void *frame = __builtin_frame_address(0);
	/* What is not in the page map is a backend's. */
	unsigned int class = at->slot ? at->class : GOM_BUCKET_GUARDED;
	struct gom_bucket *b;

	/* Pairs with synchronize_rcu() in buckets_reclaim(), bucket.c. */
	rcu_read_lock();
	b = memo_lookup(caller, frame, size, class) ?:
	    bucket_unwind(frame, size, class, gfp, caller);
	if (b)
		bucket_add_sample(b, at, requested, gfp);
	else
		sample_count_missed(gom_buckets_exhausted());
	rcu_read_unlock();
}

/**
 * gom_profile_malloc - sample an allocation
 * @p: the object, not yet returned to the caller
 * @size: bytes it takes, which the sample stands for
 * @requested: bytes that were requested
 * @gfp: of its allocation; used only to tell whether kswapd may be woken: the
 *	sample itself neither waits nor uses reserves
 * @caller: call site of the allocation
 *
 * Context: any but NMI, no lock held.
 */
void gom_profile_malloc(const void *p, size_t size, size_t requested, gfp_t gfp,
			unsigned long caller)
{
	struct gom_place at;

	gom_pagemap_place(p, &at);
	gom_profile_malloc_at(&at, size, requested, gfp, caller);
}

/* The same for an object at @at, which need not be in the page map. */
void gom_profile_malloc_at(const struct gom_place *at, size_t size, size_t requested, gfp_t gfp,
			   unsigned long caller)
{
	sample_add(at, size, requested,
		   (gfp & __GFP_KSWAPD_RECLAIM) | __GFP_NOWARN | __GFP_NOMEMALLOC, caller);
}

/* The index in @ages of a lifetime from @time to now. */
static unsigned int age_index(u64 time)
{
	s64 age = gom_profile_now() - time;

	return age < 0 ? 0 : min_t(unsigned int, fls64(age >> GOM_AGE_SHIFT), GOM_AGES - 1);
}

/* gom_special_freed[GOM_SPECIAL_SAMPLE]: a sampled object was freed. */
static void sample_free(struct gom_special *sample)
{
	atomic_inc(&sample->bucket->ages[age_index(sample->time)]);
	/*
	 * The increment in bucket_add_sample() first; pairs with smp_rmb() in
	 * bucket_counters(), and with smp_mb() in bucket_free_if_unused(), both
	 * in bucket.c: this is the last access to the bucket.
	 */
	smp_mb__before_atomic();
	atomic64_inc(&sample->bucket->frees);
	gom_special_delete(sample);
}

/* === Reading === */

/* Context: task, may sleep. */
void gom_profile_read(struct gom_profile_stats *stats)
{
	struct gom_bucket *b;
	int cpu;

	gom_buckets_lock();
	*stats = (struct gom_profile_stats) {
		.buckets = gom_buckets_inuse(),
		.max_buckets = READ_ONCE(gom_buckets_max),
		.reclaimed = gom_buckets_reclaimed(),
	};
	for_each_possible_cpu(cpu) {
		stats->lost += READ_ONCE(per_cpu(missed_samples.lost, cpu));
		stats->dropped += READ_ONCE(per_cpu(missed_samples.dropped, cpu));
	}
	for_each_gom_bucket(b) {
		stats->samples += atomic64_read(&b->mallocs);
		stats->freed += atomic64_read(&b->frees);
	}
	gom_buckets_unlock();
}
GOM_EXPORT_FOR_TEST(gom_profile_read);

/*
 * Start counting anew.  Live samples count as allocated since.  Frees that race
 * with the reset may be missing in @ages.  Stores to @before pair with
 * READ_ONCE() in bucket_counters(), bucket.c; increments of missed_samples that
 * race with the reset may be lost.  Context: task, may sleep.
 */
void gom_profile_reset(void)
{
	struct gom_bucket *b;
	unsigned int age;
	int cpu;

	gom_buckets_lock();
	for_each_gom_bucket(b) {
		WRITE_ONCE(b->before, atomic64_read(&b->frees));
		for (age = 0; age < GOM_AGES; age++)
			atomic_set(&b->ages[age], 0);
	}
	WRITE_ONCE(counting_since, gom_profile_now());
	for_each_possible_cpu(cpu) {
		WRITE_ONCE(per_cpu(missed_samples.lost, cpu), 0);
		WRITE_ONCE(per_cpu(missed_samples.dropped, cpu), 0);
	}
	gom_buckets_unlock();
}
GOM_EXPORT_FOR_TEST(gom_profile_reset);

/* Milliseconds since load, or since the last reset. */
u64 gom_profile_msecs(void)
{
	return div_u64(gom_profile_now() - READ_ONCE(counting_since), NSEC_PER_MSEC);
}

/* Before the first allocation.  Context: task. */
int gom_profile_init(void)
{
	struct stack_memo *m;
	int cpu;

	for_each_possible_cpu(cpu) {
		m = gom_persistent_alloc_gfp(NR_MEMOS * sizeof(*m), SMP_CACHE_BYTES,
					     GOM_BUCKHASH_SYS, GFP_KERNEL);
		if (!m)
			return -ENOMEM;
		per_cpu(stack_memos, cpu) = m;
	}
	gom_special_freed[GOM_SPECIAL_SAMPLE] = sample_free;
	counting_since = gom_profile_now();
	return gom_buckets_init();
}

/* On unload, when nobody allocates.  Context: task. */
void gom_profile_exit(void)
{
	gom_buckets_exit();
}
