// SPDX-License-Identifier: GPL-2.0
/*
 * The heap profile (Go: mprof.go, and profilealloc() in malloc.go of 2015): now and
 * then an allocation is sampled, one for each memprofilerate bytes on average, and
 * counted under the stack that asked for it; so is its free.
 *
 * Go counts bytes down, and draws the next distance when it comes to zero.  Here
 * each class of each CPU counts its own objects down (mcache.h), which are all of
 * the same size, so that nothing has to be subtracted but one.  With R for the rate
 * an object of s bytes is sampled with probability 1 - exp(-s / R): distances are
 * drawn from an exponential distribution, in whole objects, and what has no
 * memory need not be counted over the classes together.  That is also what pprof takes
 * for granted when it scales samples up to an estimate, which so has no bias.
 *
 * Samples are counted in buckets, one for each stack and size.  Stacks that
 * come again and again are known without being unwound.  A sample that is live
 * is a special of its object.
 *
 * What is bounded
 * ---------------
 * Buckets are for ever, so there are no more than the machine has memory for: a
 * stack that finds none left is dropped, and counted as that.  Records of live
 * samples have a bound of their own (special.c).
 *
 * Context: sampling happens after an allocation, in its context, with no lock held.  A
 * CPU's memos of stacks are used with preemption off, and nothing else is; an
 * interrupt that comes into the middle does without.
 *
 * What a sample and its free touch that other CPUs do
 * ----------------------------------------------------
 * No lock is shared by all of them.  Buckets are looked up without one: none
 * ever goes, and rcu_assign_pointer() in hlist_add_head_rcu() pairs with
 * rcu_dereference() in hlist_for_each_entry_rcu().  @lock is taken, with
 * interrupts off, when a bucket is made, which happens at most
 * gom_profile_max_buckets times.  What is left is a lock by the object's span,
 * and one of this CPU's freelist of records, or of the one that took the sample
 * when it is freed; and four words changed by atomic instructions: the bucket's
 * count, which is shared by who allocates the same size in the same place; the
 * entry of gom_special_near, by page; for an object of a named cache the number
 * of specials in that; and in the page map the words of the span, if it has no
 * other.
 */
#include <linux/bitops.h>
#include <linux/hash.h>
#include <linux/jhash.h>
#include <linux/list.h>
#include <linux/math64.h>
#include <linux/mm.h>
#include <linux/log2.h>
#include <linux/module.h>
#include <linux/percpu.h>
#include <linux/rculist.h>
#include <linux/sched/task_stack.h>
#include <linux/spinlock.h>
#include <linux/string.h>
#include <linux/xarray.h>

#include "base/compat.h"
#include "base/fixalloc.h"
#include "base/persistent.h"
#include "base/random.h"
#include "special/profile.h"
#include "special/special.h"

#define MAX_DEPTH	32U		/* frames, as in Go */
#define MAX_ENTRIES	(MAX_DEPTH + 8)	/* with our own */
#define LN2_16		45426U		/* ln(2) in 16 bits after the point */

unsigned int gom_memprofilerate = GOM_PROFILE_RATE;
GOM_EXPORT_FOR_TEST(gom_memprofilerate);

/* How many buckets: a part of the memory, within limits of 320 KiB and 5 MiB. */
#define BUCKET_SHARE	2048U
#define MIN_BUCKETS	1024U
#define MAX_BUCKETS	16384U
#define CHAIN		4U		/* buckets on a chain of the table, on average */

/**
 * struct gom_bucket - samples of one size and stack
 * @node: in the table
 * @hash: of @size and the stack
 * @n: return addresses
 * @size: bytes of an object
 * @entry: the return addresses
 * @mallocs: samples taken
 * @frees: of these, freed
 * @before: @frees when the counters were last reset
 *
 * What is only read comes first: those who count do not take its lines away.
 */
struct gom_bucket {
	struct hlist_node node;
	u32 hash;
	unsigned int n;
	size_t size;
	unsigned long entry[MAX_DEPTH];
	atomic64_t mallocs;
	atomic64_t frees;
	u64 before;
};

/* As Documentation/persistent.rst has it. */
static_assert(BITS_PER_LONG < 64 || ALIGN(sizeof(struct gom_bucket), 64) == 320);

static DEFINE_SPINLOCK(lock);		/* protects what follows, but for readers */
static struct hlist_head *table __read_mostly;
static unsigned int table_bits __read_mostly;
static struct gom_fixalloc freelist;

unsigned int gom_profile_max_buckets __read_mostly;
GOM_EXPORT_FOR_TEST(gom_profile_max_buckets);

/* Samples that were due and not taken; for want of memory, or of a place. */
struct untaken {
	unsigned long lost;
	unsigned long dropped;
};

static DEFINE_PER_CPU(struct untaken, untaken);

/* === When to sample === */

/* -log2(@r / 2^32), 24 bits after the point, for @r not 0: digits by squaring. */
static u32 minus_log2(u32 r)
{
	unsigned int exponent = fls(r) - 1, i;
	u64 x = (u64)r << (31 - exponent);	/* 1 to 2, with 31 bits after the point */
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
 * gom_profile_step - how many objects to pass over until the next sample
 * @size: bytes of an object
 *
 * Return: that many; GOM_PROFILE_NEVER if nothing is to be sampled.
 */
s64 gom_profile_step(size_t size)
{
	u32 rate = READ_ONCE(gom_memprofilerate);
	u64 ln;

	if (!rate)
		return GOM_PROFILE_NEVER;
	if (rate == 1)
		return 0;
	ln = (u64)minus_log2(gom_random_draw() | 1) * LN2_16 >> 16;
	return div64_u64(ln * rate >> 24, size);
}
GOM_EXPORT_FOR_TEST(gom_profile_step);

/* Is an object of @size, which nobody counts down, to be sampled? */
bool gom_profile_draw(size_t size)
{
	return READ_ONCE(gom_memprofilerate) && !gom_profile_step(size);
}

/**
 * gom_profile_set_rate - change memprofilerate, for intervals that are drawn from now on
 * @rate: bytes, 0 for off, 1 for every allocation
 *
 * Context: any.
 * Return: 0; -EINVAL if it is too large.
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
 * Unwinding a stack takes thousands of instructions, and those who allocate much do it
 * again and again from the same place.  So each CPU remembers some stacks, not only
 * which functions are on them but where on the stack their return addresses lie, from the
 * end of the stack: if the same caller comes at the same depth and finds all of them
 * there, it is the same stack.  Now and then it is unwound nevertheless, in case a word
 * was taken for a return address that only looked like one.
 */
#define MEMOS		8U		/* a power of two */
#define MEMO_HITS	64U

/**
 * struct memo - a stack that is known
 * @caller: who asks
 * @bucket: of that stack and a size; NULL in a memo that holds none
 * @depth: bytes from our frame to the end of the stack
 * @hits: times it was found
 * @busy: somebody uses it; an interrupt in the middle of that goes without
 * @n: return addresses; 0 if the caller is all that is known
 * @at: where they lie, in words from our frame
 */
struct memo {
	unsigned long caller;
	struct gom_bucket *bucket;
	unsigned int depth;
	unsigned int hits;
	u8 busy;
	u8 n;
	u16 at[MAX_DEPTH];
};

static_assert(THREAD_SIZE / sizeof(long) <= U16_MAX);
static_assert(BITS_PER_LONG < 64 || MEMOS * sizeof(struct memo) == 768);	/* as above */

static DEFINE_PER_CPU(struct memo *, memos);	/* MEMOS of them; the modules' per-CPU space is small */

/* Bytes from @frame, in the function we are in, to the end of the task's stack; 0 on another. */
static unsigned int depth_of(const void *frame)
{
	const void *stack = task_stack_page(current);

	return frame >= stack && frame < stack + THREAD_SIZE ? stack + THREAD_SIZE - frame : 0;
}

/* This CPU's memo for such a stack, for us alone until put_memo(); NULL if it is in use. */
static struct memo *get_memo(unsigned long caller, unsigned int depth, size_t size)
{
	struct memo *m;

	preempt_disable();
	m = this_cpu_read(memos) + hash_long(caller ^ depth ^ size << 16, const_ilog2(MEMOS));
	if (m->busy) {
		preempt_enable();
		return NULL;
	}
	WRITE_ONCE(m->busy, 1);
	barrier();
	return m;
}

static void put_memo(struct memo *m)
{
	barrier();
	WRITE_ONCE(m->busy, 0);
	preempt_enable();
}

static bool same_stack(const struct memo *m, const unsigned long *frame)
{
	unsigned int i;

	for (i = 0; i < m->n; i++)
		if (READ_ONCE_NOCHECK(frame[m->at[i]]) != m->bucket->entry[i])
			return false;
	return true;
}

/* The bucket of a stack that is known; NULL if it is not, or it is time to unwind it. */
static struct gom_bucket *recall(unsigned long caller, const void *frame, size_t size)
{
	unsigned int depth = depth_of(frame);
	struct memo *m = get_memo(caller, depth, size);
	struct gom_bucket *b = NULL;

	if (!m)
		return NULL;
	if (m->bucket && m->caller == caller && m->depth == depth && m->bucket->size == size &&
	    (!m->n || ++m->hits % MEMO_HITS) && same_stack(m, frame))
		b = m->bucket;
	put_memo(m);
	return b;
}

/* Find the addresses of @b, in their order, above @frame; false if they are not there. */
static bool locate(struct memo *m, const struct gom_bucket *b, const unsigned long *frame)
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

static void memorize(unsigned long caller, const void *frame, struct gom_bucket *b)
{
	unsigned int depth = depth_of(frame);
	struct memo *m = get_memo(caller, depth, b->size);

	if (!m)
		return;
	m->bucket = NULL;
	m->caller = caller;
	m->depth = depth;
	m->n = 0;
	if ((b->n == 1 && b->entry[0] == caller) || (depth && locate(m, b, frame)))
		m->bucket = b;
	put_memo(m);
}

/*
 * The stack that asked for the allocation we are in, without our own part of it; where
 * the kernel cannot tell (UML without frame pointers), the caller alone.  Returns how
 * many addresses are at *@from in @entries.
 */
static unsigned int unwind(unsigned long *entries, unsigned int *from, unsigned long caller)
{
	unsigned int n, own = 0;

	n = gom_stack_save(entries, MAX_ENTRIES);
	/* What takes the trace may be in it, before us. */
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

/* === Buckets === */

/* A stack on its way into a bucket. */
struct stack {
	const unsigned long *entry;
	unsigned int n;
	u32 hash;
	size_t size;
};

static struct hlist_head *head_of(const struct stack *s)
{
	return &table[s->hash >> (32 - table_bits)];
}

static struct gom_bucket *find_bucket(const struct stack *s)
{
	struct gom_bucket *b;

	/* None ever goes, so it takes no grace period and nobody to wait for one. */
	hlist_for_each_entry_rcu(b, head_of(s), node, true)
		if (b->hash == s->hash && b->n == s->n && b->size == s->size &&
		    !memcmp(b->entry, s->entry, s->n * sizeof(long)))
			return b;
	return NULL;
}

static bool no_more_buckets(void)
{
	return READ_ONCE(freelist.inuse) >= READ_ONCE(gom_profile_max_buckets);
}

/* @block may be new memory for buckets.  NULL if there is none, or none may be made. */
static struct gom_bucket *add_bucket(const struct stack *s, void *block)
{
	struct gom_bucket *b;
	unsigned long flags;

	spin_lock_irqsave(&lock, flags);
	if (block)
		gom_fixalloc_carve(&freelist, block);
	b = find_bucket(s);
	if (!b && !no_more_buckets()) {
		b = gom_fixalloc_take(&freelist);
		if (b) {
			*b = (struct gom_bucket) { .hash = s->hash, .n = s->n, .size = s->size };
			memcpy(b->entry, s->entry, s->n * sizeof(long));
			hlist_add_head_rcu(&b->node, head_of(s));
		}
	}
	spin_unlock_irqrestore(&lock, flags);
	return b;
}

static struct gom_bucket *get_bucket(const struct stack *s, gfp_t gfp)
{
	struct gom_bucket *b = find_bucket(s);
	void *block;

	if (b || no_more_buckets())
		return b;
	b = add_bucket(s, NULL);
	if (b || no_more_buckets())
		return b;
	block = gom_fixalloc_block(&freelist, gfp);
	return block ? add_bucket(s, block) : NULL;
}

static struct gom_bucket *unwound_bucket(const void *frame, size_t size, gfp_t gfp,
					 unsigned long caller)
{
	unsigned long entries[MAX_ENTRIES];
	struct stack s = { .size = size };
	struct gom_bucket *b;
	unsigned int from;

	s.n = unwind(entries, &from, caller);
	s.entry = entries + from;
	s.hash = jhash(s.entry, s.n * sizeof(long), size);
	b = get_bucket(&s, gfp);
	if (b)
		memorize(caller, frame, b);
	return b;
}

/* === Samples === */

/* A sample is not taken; because there are as many already as there may be, if @full. */
static void count_untaken(bool full)
{
	if (full)
		this_cpu_inc(untaken.dropped);
	else
		this_cpu_inc(untaken.lost);
}

static noinline void add_sample(const void *p, size_t size, gfp_t gfp, unsigned long caller)
{
	const void *frame = __builtin_frame_address(0);
	struct gom_special *sp;
	struct gom_bucket *b;

	b = recall(caller, frame, size) ?: unwound_bucket(frame, size, gfp, caller);
	if (!b) {
		count_untaken(no_more_buckets());
		return;
	}
	sp = gom_special_new_sample(gfp);
	if (!sp) {
		count_untaken(gom_special_full());
		return;
	}
	sp->kind = GOM_SPECIAL_SAMPLE;
	sp->bucket = b;
	if (!gom_special_add(p, sp)) {
		gom_special_delete(sp);
		count_untaken(false);
		return;
	}
	atomic64_inc(&b->mallocs);
}

/**
 * gom_profile_malloc - take a sample
 * @p: the object, which nobody has yet
 * @size: bytes it stands for
 * @gfp: as for its allocation; here nothing is waited for, no reserve is touched, and
 *	kswapd is woken only if it may be
 * @caller: who asked for it
 */
void gom_profile_malloc(const void *p, size_t size, gfp_t gfp, unsigned long caller)
{
	add_sample(p, size, (gfp & __GFP_KSWAPD_RECLAIM) | __GFP_NOWARN | __GFP_NOMEMALLOC, caller);
}

/* An object that was sampled is freed. */
static void end_sample(struct gom_special *sample)
{
	atomic64_inc(&sample->bucket->frees);
	gom_special_delete(sample);
}

/* === Reading === */

#define for_each_bucket(i, b)						\
	for ((i) = 0; (i) < 1U << table_bits; (i)++)			\
		hlist_for_each_entry_rcu(b, &table[i], node, true)

void gom_profile_read(struct gom_profile_stats *stats)
{
	struct gom_bucket *b;
	unsigned int i;
	int cpu;

	*stats = (struct gom_profile_stats) {
		.buckets = READ_ONCE(freelist.inuse),
		.max_buckets = READ_ONCE(gom_profile_max_buckets),
	};
	for_each_possible_cpu(cpu) {
		stats->lost += READ_ONCE(per_cpu(untaken.lost, cpu));
		stats->dropped += READ_ONCE(per_cpu(untaken.dropped, cpu));
	}
	for_each_bucket(i, b) {
		stats->samples += atomic64_read(&b->mallocs);
		stats->freed += atomic64_read(&b->frees);
	}
}
GOM_EXPORT_FOR_TEST(gom_profile_read);

/* What was allocated before counts only as far as it is live. */
void gom_profile_reset(void)
{
	struct gom_bucket *b;
	unsigned int i;
	int cpu;

	for_each_bucket(i, b)
		WRITE_ONCE(b->before, atomic64_read(&b->frees));
	for_each_possible_cpu(cpu) {
		WRITE_ONCE(per_cpu(untaken.lost, cpu), 0);
		WRITE_ONCE(per_cpu(untaken.dropped, cpu), 0);
	}
}

/*
 * An address as the profile has it: pprof (of gperftools) passes over those of the upper
 * half of the address space, so the highest bit is left out.
 */
static unsigned long shown(unsigned long addr)
{
	return addr & LONG_MAX;
}

/* The symbols of all addresses, each once, in the form that google-pprof reads. */
static void show_symbols(struct seq_file *m)
{
	struct gom_bucket *b;
	struct xarray seen;
	unsigned int i, j;

	xa_init(&seen);
	seq_puts(m, "--- symbol\nbinary=kernel\n");
	for_each_bucket(i, b) {
		for (j = 0; j < b->n; j++)
			if (!xa_insert(&seen, b->entry[j], xa_mk_value(1), GFP_KERNEL))
				seq_printf(m, "0x%016lx %ps\n", shown(b->entry[j]),
					   (void *)b->entry[j]);
	}
	seq_puts(m, "---\n");
	xa_destroy(&seen);
}

static void show_stats(struct seq_file *m, u64 mallocs, u64 frees, u64 alloc, u64 freed)
{
	seq_printf(m, "%llu: %llu [%llu: %llu] @", mallocs - frees, alloc - freed, mallocs, alloc);
}

/* Since the counters were reset. */
static void read_bucket(const struct gom_bucket *b, u64 *mallocs, u64 *frees)
{
	u64 before = READ_ONCE(b->before);

	*frees = atomic64_read(&b->frees) - before;
	smp_rmb();	/* frees first: there are never more of them than allocations */
	*mallocs = atomic64_read(&b->mallocs) - before;
}

static void show_header(struct seq_file *m)
{
	u64 mallocs = 0, frees = 0, alloc = 0, freed = 0, m1, f1;
	struct gom_bucket *b;
	unsigned int i;

	for_each_bucket(i, b) {
		read_bucket(b, &m1, &f1);
		mallocs += m1;
		frees += f1;
		alloc += m1 * b->size;
		freed += f1 * b->size;
	}
	seq_puts(m, "heap profile: ");
	show_stats(m, mallocs, frees, alloc, freed);
	/* "v2" is what samples are drawn as: with "heap" pprof scales otherwise, or fails. */
	seq_printf(m, " heap_v2/%u\n", READ_ONCE(gom_memprofilerate));
}

static void show_bucket(struct seq_file *m, const struct gom_bucket *b)
{
	u64 mallocs, frees;
	unsigned int i;

	read_bucket(b, &mallocs, &frees);
	if (!mallocs)
		return;
	show_stats(m, mallocs, frees, mallocs * b->size, frees * b->size);
	for (i = 0; i < b->n; i++)
		seq_printf(m, " 0x%016lx", shown(b->entry[i]));
	seq_putc(m, '\n');
}

/* The profile as text, for debugfs heap. */
int gom_profile_show(struct seq_file *m)
{
	struct gom_bucket *b;
	unsigned int i;

	show_symbols(m);
	show_header(m);
	for_each_bucket(i, b)
		show_bucket(m, b);
	return 0;
}
GOM_EXPORT_FOR_TEST(gom_profile_show);

static int init_buckets(void)
{
	gom_fixalloc_init(&freelist, ALIGN(sizeof(struct gom_bucket), SMP_CACHE_BYTES),
			  GOM_BUCKHASH_SYS);
	gom_profile_max_buckets = clamp_t(u64, (u64)totalram_pages() * PAGE_SIZE / BUCKET_SHARE /
					  freelist.size, MIN_BUCKETS, MAX_BUCKETS);
	table_bits = order_base_2(gom_profile_max_buckets / CHAIN);
	table = gom_persistent_alloc_gfp(sizeof(*table) << table_bits, 0, GOM_BUCKHASH_SYS,
					 GFP_KERNEL);
	return table ? 0 : -ENOMEM;
}

/* Before anything is allocated. */
int gom_profile_init(void)
{
	struct memo *m;
	int cpu;

	for_each_possible_cpu(cpu) {
		m = gom_persistent_alloc_gfp(MEMOS * sizeof(*m), SMP_CACHE_BYTES,
					     GOM_BUCKHASH_SYS, GFP_KERNEL);
		if (!m)
			return -ENOMEM;
		per_cpu(memos, cpu) = m;
	}
	gom_special_freed[GOM_SPECIAL_SAMPLE] = end_sample;
	return init_buckets();
}
