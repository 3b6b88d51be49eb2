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
 * Stacks are kept in the kernel's stack depot, once each; those that come again and
 * again are known without being unwound.  A sample that is live is
 * a special of its object.
 *
 * Context: sampling happens after an allocation, in its context, with no lock held.
 * The table is changed under a lock with interrupts off; buckets stay where they are
 * as long as the module, so readers take no lock.  A CPU's memos of stacks are used with
 * preemption off; an interrupt that comes into the middle does without.
 */
#include <linux/bitops.h>
#include <linux/hash.h>
#include <linux/list.h>
#include <linux/math64.h>
#include <linux/mm.h>
#include <linux/log2.h>
#include <linux/module.h>
#include <linux/percpu.h>
#include <linux/rculist.h>
#include <linux/sched/task_stack.h>
#include <linux/spinlock.h>
#include <linux/stackdepot.h>
#include <linux/stacktrace.h>
#include <linux/xarray.h>

#include "compat.h"
#include "fixalloc.h"
#include "mcache.h"
#include "persistent.h"
#include "profile.h"
#include "random.h"
#include "special.h"

#define MAX_DEPTH	32U		/* frames, as in Go */
#define MAX_ENTRIES	(MAX_DEPTH + 8)	/* with our own */
#define TABLE_BITS	10
#define LN2_16		45426U		/* ln(2) in 16 bits after the point */

unsigned int gom_memprofilerate = GOM_PROFILE_RATE;
GOM_EXPORT_FOR_TEST(gom_memprofilerate);

/**
 * struct gom_bucket - samples of one size and stack
 * @node: in the table
 * @stack: handle of the depot
 * @size: bytes of an object
 * @mallocs: samples taken
 * @frees: of these, freed
 * @before: @frees when the counters were last reset
 */
struct gom_bucket {
	struct hlist_node node;
	depot_stack_handle_t stack;
	size_t size;
	atomic64_t mallocs;
	atomic64_t frees;
	u64 before;
};

static DEFINE_SPINLOCK(lock);		/* protects what follows */
static struct hlist_head table[1 << TABLE_BITS];
static struct gom_fixalloc supply;
static atomic64_t lost;

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
 * gom_profile_set_rate - change memprofilerate
 * @rate: bytes, 0 for off, 1 for every allocation
 *
 * Context: task, may sleep.
 * Return: 0; -EINVAL if it is too large; -EOPNOTSUPP if the kernel has no stack depot.
 */
int gom_profile_set_rate(unsigned int rate)
{
	int err;

	if (rate > GOM_PROFILE_RATE_MAX)
		return -EINVAL;
	err = rate ? gom_stack_depot_init() : 0;
	if (err)
		return err;
	WRITE_ONCE(gom_memprofilerate, rate);
	gom_mcache_rearm();
	return 0;
}
GOM_EXPORT_FOR_TEST(gom_profile_set_rate);

/* === Samples === */

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
 * @depth: bytes from our frame to the end of the stack
 * @size: of the object
 * @bucket: of that stack and size; NULL in a memo that holds none
 * @busy: somebody uses it; an interrupt in the middle of that goes without
 * @hits: times it was found
 * @n: return addresses; 0 if the caller is all that is known
 * @at: where they lie, in bytes from our frame
 * @entry: what they are
 */
struct memo {
	unsigned long caller;
	unsigned int depth;
	size_t size;
	struct gom_bucket *bucket;
	u8 busy;
	unsigned int hits;
	unsigned int n;
	unsigned int at[MAX_DEPTH];
	unsigned long entry[MAX_DEPTH];
};

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

static bool same_stack(const struct memo *m, const void *frame)
{
	unsigned int i;

	for (i = 0; i < m->n; i++)
		if (READ_ONCE_NOCHECK(*(const unsigned long *)(frame + m->at[i])) != m->entry[i])
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
	if (m->bucket && m->caller == caller && m->depth == depth && m->size == size &&
	    (!m->n || ++m->hits % MEMO_HITS) && same_stack(m, frame))
		b = m->bucket;
	put_memo(m);
	return b;
}

/* Find the @n addresses in @entries, in their order, above @frame; false if they are not there. */
static bool locate(struct memo *m, const unsigned long *entries, unsigned int n,
		   const void *frame)
{
	unsigned int i, at = 0;

	for (i = 0; i < n; i++, at += sizeof(long)) {
		while (at + sizeof(long) <= m->depth &&
		       READ_ONCE_NOCHECK(*(const unsigned long *)(frame + at)) != entries[i])
			at += sizeof(long);
		if (at + sizeof(long) > m->depth)
			return false;
		m->at[i] = at;
		m->entry[i] = entries[i];
	}
	m->n = n;
	return true;
}

static void memorize(unsigned long caller, const void *frame, size_t size, struct gom_bucket *b,
		     const unsigned long *entries, unsigned int n)
{
	unsigned int depth = depth_of(frame);
	struct memo *m = get_memo(caller, depth, size);

	if (!m)
		return;
	m->bucket = NULL;
	m->caller = caller;
	m->depth = depth;
	m->size = size;
	m->n = 0;
	if ((n == 1 && entries[0] == caller) || (depth && locate(m, entries, n, frame)))
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

	n = stack_trace_save(entries, MAX_ENTRIES, 0);
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

static struct hlist_head *head_of(depot_stack_handle_t stack, size_t size)
{
	return &table[hash_64((u64)stack << 32 ^ size, TABLE_BITS)];
}

/* Under the lock.  @block may be new memory for buckets. */
static struct gom_bucket *find_bucket(depot_stack_handle_t stack, size_t size, void *block)
{
	struct hlist_head *head = head_of(stack, size);
	struct gom_bucket *b;

	if (block)
		gom_fixalloc_carve(&supply, block);
	hlist_for_each_entry(b, head, node)
		if (b->stack == stack && b->size == size)
			return b;
	b = gom_fixalloc_take(&supply);
	if (!b)
		return NULL;
	*b = (struct gom_bucket) { .stack = stack, .size = size };
	hlist_add_head_rcu(&b->node, head);
	return b;
}

static struct gom_bucket *get_bucket(depot_stack_handle_t stack, size_t size, gfp_t gfp)
{
	struct gom_bucket *b;
	unsigned long flags;
	void *block;

	spin_lock_irqsave(&lock, flags);
	b = find_bucket(stack, size, NULL);
	spin_unlock_irqrestore(&lock, flags);
	if (b)
		return b;
	block = gom_fixalloc_block(&supply, gfp);
	if (!block)
		return NULL;
	spin_lock_irqsave(&lock, flags);
	b = find_bucket(stack, size, block);
	spin_unlock_irqrestore(&lock, flags);
	return b;
}

static struct gom_bucket *unwound_bucket(const void *frame, size_t size, gfp_t gfp,
					 unsigned long caller)
{
	unsigned long entries[MAX_ENTRIES];
	struct gom_bucket *b = NULL;
	depot_stack_handle_t stack;
	unsigned int from, n;

	n = unwind(entries, &from, caller);
	stack = gom_stack_depot_save(entries + from, n, gfp);
	if (stack)
		b = get_bucket(stack, size, gfp);
	if (b)
		memorize(caller, frame, size, b, entries + from, n);
	return b;
}

static noinline bool add_sample(const void *p, size_t size, gfp_t gfp, unsigned long caller)
{
	const void *frame = __builtin_frame_address(0);
	struct gom_bucket *b = recall(caller, frame, size) ?:
			       unwound_bucket(frame, size, gfp, caller);
	struct gom_special *sp = b ? gom_special_new(gfp) : NULL;

	if (!sp)
		return false;
	sp->kind = GOM_SPECIAL_SAMPLE;
	sp->bucket = b;
	if (!gom_special_add(p, sp)) {
		gom_special_delete(sp);
		return false;
	}
	atomic64_inc(&b->mallocs);
	return true;
}

/**
 * gom_profile_malloc - take a sample
 * @p: the object, which nobody has yet
 * @size: bytes it stands for
 * @gfp: as for its allocation; here nothing is waited for
 * @caller: who asked for it
 */
void gom_profile_malloc(const void *p, size_t size, gfp_t gfp, unsigned long caller)
{
	if (!add_sample(p, size, (gfp & __GFP_HIGH) | GFP_NOWAIT | __GFP_NOWARN, caller))
		atomic64_inc(&lost);
}

/* An object that was sampled is freed. */
void gom_profile_free(struct gom_special *sample)
{
	atomic64_inc(&sample->bucket->frees);
	gom_special_delete(sample);
}

/* === Reading === */

#define for_each_bucket(i, b)						\
	for ((i) = 0; (i) < ARRAY_SIZE(table); (i)++)			\
		hlist_for_each_entry_rcu(b, &table[i], node, true)

void gom_profile_read(struct gom_profile_figures *fig)
{
	struct gom_bucket *b;
	unsigned int i;

	*fig = (struct gom_profile_figures) { .lost = atomic64_read(&lost) };
	for_each_bucket(i, b) {
		fig->samples += atomic64_read(&b->mallocs);
		fig->freed += atomic64_read(&b->frees);
	}
}
GOM_EXPORT_FOR_TEST(gom_profile_read);

/* What was allocated before counts only as far as it is live. */
void gom_profile_reset(void)
{
	struct gom_bucket *b;
	unsigned int i;

	for_each_bucket(i, b)
		WRITE_ONCE(b->before, atomic64_read(&b->frees));
	atomic64_set(&lost, 0);
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
	unsigned long *entries;
	struct gom_bucket *b;
	unsigned int i, j, n;
	struct xarray seen;

	xa_init(&seen);
	seq_puts(m, "--- symbol\nbinary=kernel\n");
	for_each_bucket(i, b) {
		n = gom_stack_depot_fetch(b->stack, &entries);
		for (j = 0; j < n; j++)
			if (!xa_insert(&seen, entries[j], xa_mk_value(1), GFP_KERNEL))
				seq_printf(m, "0x%016lx %ps\n", shown(entries[j]),
					   (void *)entries[j]);
	}
	seq_puts(m, "---\n");
	xa_destroy(&seen);
}

static void show_figures(struct seq_file *m, u64 mallocs, u64 frees, u64 alloc, u64 freed)
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
	show_figures(m, mallocs, frees, alloc, freed);
	/* "v2" is what samples are drawn as: with "heap" pprof scales otherwise, or fails. */
	seq_printf(m, " heap_v2/%u\n", READ_ONCE(gom_memprofilerate));
}

static void show_bucket(struct seq_file *m, const struct gom_bucket *b)
{
	unsigned long *entries;
	unsigned int i, n;
	u64 mallocs, frees;

	read_bucket(b, &mallocs, &frees);
	if (!mallocs)
		return;
	show_figures(m, mallocs, frees, mallocs * b->size, frees * b->size);
	n = gom_stack_depot_fetch(b->stack, &entries);
	for (i = 0; i < n; i++)
		seq_printf(m, " 0x%016lx", shown(entries[i]));
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

/* Before anything is allocated. */
int gom_profile_init(void)
{
	struct memo *m;
	int cpu;

	gom_fixalloc_init(&supply, sizeof(struct gom_bucket), GOM_BUCKHASH_SYS);
	for_each_possible_cpu(cpu) {
		m = gom_persistent_alloc_gfp(MEMOS * sizeof(*m), SMP_CACHE_BYTES,
					     GOM_BUCKHASH_SYS, GFP_KERNEL);
		if (!m)
			return -ENOMEM;
		per_cpu(memos, cpu) = m;
	}
	if (!gom_memprofilerate)
		return 0;
	if (gom_stack_depot_init()) {
		pr_notice("gomalloc: no heap profile: the kernel has no stack depot\n");
		gom_memprofilerate = 0;
	}
	return 0;
}
