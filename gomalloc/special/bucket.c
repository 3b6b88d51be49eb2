// SPDX-License-Identifier: GPL-2.0
/*
 * Buckets: the heap profile's counts of samples, one for each stack, class and
 * size (profile.c takes the samples).
 *
 * Bounds
 * ------
 * The number of buckets is limited in proportion to memory.  Before the limit is
 * reached, buckets that are not in use are reclaimed; with the limit reached, a
 * sample that needs a new bucket is dropped.
 *
 * Locking
 * -------
 * Buckets are looked up locklessly, inside the RCU read-side section in which a
 * sample is taken: rcu_assign_pointer() in hlist_add_head_rcu() pairs with
 * rcu_dereference() in hlist_for_each_entry_rcu().  bucket_lock, taken with
 * interrupts off, is needed only to add or remove a bucket.  The counters are
 * atomic.
 *
 * Tasks that read all buckets hold buckets_rwsem for reading, which keeps the
 * buckets in the table.  See also "Reclaiming" below.  Lock order:
 *
 *	1. scan_lock
 *	2. buckets_rwsem
 *	3. symbols_lock (freed_text.c); bucket_lock; tree locks (special.h)
 *
 * Context: any but NMI for what a sample needs; a task that may sleep for the
 * rest.
 */
#include <linux/jiffies.h>
#include <linux/list.h>
#include <linux/log2.h>
#include <linux/math64.h>
#include <linux/mm.h>
#include <linux/mutex.h>
#include <linux/rculist.h>
#include <linux/rcupdate.h>
#include <linux/rwsem.h>
#include <linux/sched.h>
#include <linux/spinlock.h>
#include <linux/string.h>

#include "base/client.h"
#include "base/compat.h"
#include "base/fixalloc.h"
#include "base/persistent.h"
#include "base/work.h"
#include "special/bucket.h"
#include "special/freed_text.h"
#include "special/special.h"

/* Maximum number of buckets: a part of memory, from 512 KiB to 8 MiB. */
#define BUCKET_SHARE	2048U
#define MIN_BUCKETS	1024U
#define MAX_BUCKETS	16384U
#define CHAIN		4U		/* average number of buckets per hash chain */

/* Documentation/persistent.rst has this size in a table. */
static_assert(BITS_PER_LONG < 64 || ALIGN(sizeof(struct gom_bucket), 64) == 512);

static DEFINE_SPINLOCK(bucket_lock);		/* protects table (writers) and freelist */
static struct hlist_head *bucket_table __read_mostly;
static unsigned int bucket_table_bits __read_mostly;
static struct gom_fixalloc bucket_freelist;

unsigned int gom_buckets_max __read_mostly;
GOM_EXPORT_FOR_TEST(gom_buckets_max);

static DECLARE_RWSEM(buckets_rwsem);		/* for tasks that read all buckets */
static struct gom_work reclaim_work;
static unsigned long last_reclaim;		/* jiffies */

/*
 * Least time between two runs of reclaim_work, and since the last sample of what
 * it reclaims.
 */
unsigned int gom_buckets_reclaim_ms = 1000;
GOM_EXPORT_FOR_TEST(gom_buckets_reclaim_ms);

/*
 * Incremented when buckets have been removed from the table; pairs with
 * READ_ONCE() in stacks_version(), profile.c.
 */
unsigned int gom_bucket_removals;

/* === The table === */

static struct hlist_head *bucket_head(const struct gom_stack_key *s)
{
	return &bucket_table[s->hash >> (32 - bucket_table_bits)];
}

static struct gom_bucket *bucket_find(const struct gom_stack_key *s)
{
	struct gom_bucket *b;

	hlist_for_each_entry_rcu(b, bucket_head(s), node, lockdep_is_held(&bucket_lock))
		if (b->hash == s->hash && b->n == s->n && b->size == s->size &&
		    b->class == s->class && b->client == s->client &&
		    !memcmp(b->entry, s->entry, s->n * sizeof(long)))
			return b;
	return NULL;
}

/* Racy; bucket_add() tests again under the lock. */
bool gom_buckets_exhausted(void)
{
	return READ_ONCE(bucket_freelist.inuse) >= READ_ONCE(gom_buckets_max);
}

/*
 * Add a bucket, unless another CPU has; @block may be a new block of records.
 * NULL if a block is needed, or the limit is reached.
 */
static struct gom_bucket *bucket_add(const struct gom_stack_key *s, void *block)
{
	struct gom_bucket *b;
	unsigned long flags;

	spin_lock_irqsave(&bucket_lock, flags);
	if (block)
		gom_fixalloc_carve(&bucket_freelist, block);
	b = bucket_find(s);
	if (!b && !gom_buckets_exhausted()) {
		b = gom_fixalloc_alloc(&bucket_freelist);
		if (b) {
			*b = (struct gom_bucket) {
				.hash = s->hash, .client = s->client, .n = s->n,
				.class = s->class, .size = s->size,
				.last_used = jiffies,
			};
			memcpy(b->entry, s->entry, s->n * sizeof(long));
			hlist_add_head_rcu(&b->node, bucket_head(s));
		}
	}
	spin_unlock_irqrestore(&bucket_lock, flags);
	return b;
}

/* How many buckets are in use beyond so many eighths of the limit? */
static unsigned long buckets_above(unsigned int eighths)
{
	unsigned long n = READ_ONCE(bucket_freelist.inuse);
	unsigned long bound = (u64)READ_ONCE(gom_buckets_max) * eighths / 8;

	return n > bound ? n - bound : 0;
}

/* A bucket is needed: make some free if few are, and some time has passed. */
static void reclaim_if_due(void)
{
	unsigned long ms = READ_ONCE(gom_buckets_reclaim_ms);

	if (buckets_above(7) && jiffies - READ_ONCE(last_reclaim) >= msecs_to_jiffies(ms))
		gom_work_queue(&reclaim_work);
}

/*
 * The bucket for a stack; NULL if there is no memory, or the limit is reached.
 * Any context but NMI, inside an RCU read-side section.
 */
struct gom_bucket *gom_bucket_find_or_create(const struct gom_stack_key *s, gfp_t gfp)
{
	struct gom_bucket *b = bucket_find(s);
	void *block;

	if (b)
		return b;
	reclaim_if_due();
	if (gom_buckets_exhausted())
		return NULL;
	b = bucket_add(s, NULL);
	if (b || gom_buckets_exhausted())
		return b;
	block = gom_fixalloc_block(&bucket_freelist, gfp);
	return block ? bucket_add(s, block) : NULL;
}

/* === Reclaiming === */

/*
 * Modules come and go, and their stacks with them.  When seven eighths of the
 * buckets are in use, reclaim_work removes some that are not, until three
 * quarters are left.  Their counts are added to one bucket, so no sum is lost.
 *
 * A bucket must not be taken for another stack while someone has a pointer to
 * it.  These may:
 *
 *	who				until
 *	a live sample			@frees equals @mallocs: sample_free() counts
 *					itself there last
 *	an allocation in sample_add()	the end of its RCU read-side section, by which
 *					it has counted itself in @mallocs
 *	a memo				stacks_version() changes; it is compared, and
 *					the bucket used, in that section, too
 *	a list of leaks			@refs is 0
 *	a task that reads them all	it releases buckets_rwsem
 *
 * NMIs are not among them: gom_malloc_nolock() takes no samples, and
 * gom_free_nolock() defers the free of an object that has one.
 *
 * So buckets are removed from the table, and a grace period passes: nobody is
 * still about to store one in a memo.  Then the version changes, and a second
 * grace period passes: nobody has one from a memo.  Their @mallocs do not change
 * any more.  A bucket that has come into use meanwhile returns to the table.  If
 * the same stack has got another bucket by then, it has two: the sums are right,
 * and the one that is found less goes at the next opportunity.
 */
static struct gom_bucket reclaimed = { .n = 1, .class = GOM_BUCKET_MIXED };
static u64 reclaimed_bytes;		/* that the samples in @reclaimed stand for */
static unsigned long nr_reclaimed;

static bool bucket_in_use(const struct gom_bucket *b)
{
	return atomic64_read(&b->mallocs) != atomic64_read(&b->frees) || atomic_read(&b->refs);
}

/* 0: in use; else the higher, the less will it be missed. */
static unsigned int bucket_rank(const struct gom_bucket *b)
{
	unsigned long ms = READ_ONCE(gom_buckets_reclaim_ms);
	bool idle = jiffies - READ_ONCE(b->last_used) >= msecs_to_jiffies(ms);

	if (bucket_in_use(b))
		return 0;
	if (b->client && !gom_client_is_loaded(b->client))
		return idle ? 3 : 1;
	return idle ? 2 : 0;
}

static void buckets_rank(void)
{
	struct gom_bucket *b;
	unsigned int i;

	for (i = 0; i < 1U << bucket_table_bits; i++) {
		hlist_for_each_entry_rcu(b, &bucket_table[i], node, true)
			b->rank = bucket_rank(b);
		cond_resched();
	}
}

/* Remove up to @n buckets of a rank; adds them to @list and returns how many. */
static unsigned long buckets_remove(unsigned int rank, unsigned long n, struct gom_bucket **list)
{
	unsigned long removed = 0;
	struct hlist_node *next;
	struct gom_bucket *b;
	unsigned int i;

	for (i = 0; i < 1U << bucket_table_bits && removed < n; i++) {
		spin_lock_irq(&bucket_lock);
		hlist_for_each_entry_safe(b, next, &bucket_table[i], node) {
			if (b->rank != rank || removed == n)
				continue;
			hlist_del_rcu(&b->node);
			b->next_removed = *list;
			*list = b;
			removed++;
		}
		spin_unlock_irq(&bucket_lock);
		cond_resched();
	}
	return removed;
}

/* Add the counts of a bucket to the sum.  The profile shows it by this name. */
static noinline void stack_reclaimed(const struct gom_bucket *b)
{
	u64 mallocs = atomic64_read(&b->mallocs);
	unsigned int i;

	reclaimed_bytes += mallocs * b->size;
	atomic64_add(mallocs, &reclaimed.mallocs);
	atomic64_add(mallocs, &reclaimed.frees);
	atomic64_add(atomic64_read(&b->requested), &reclaimed.requested);
	reclaimed.before += b->before;
	for (i = 0; i < GOM_AGES; i++)
		atomic_add(atomic_read(&b->ages[i]), &reclaimed.ages[i]);
	reclaimed.size = div64_u64(reclaimed_bytes, atomic64_read(&reclaimed.mallocs) ?: 1);
	nr_reclaimed++;
}

/* Nobody finds @b any more.  Free it, or if it is in use, return it. */
static void bucket_free_if_unused(struct gom_bucket *b)
{
	bool in_use = bucket_in_use(b);

	/* Pairs with smp_mb__before_atomic() in sample_free(), profile.c. */
	smp_mb();
	if (!in_use)
		stack_reclaimed(b);
	spin_lock_irq(&bucket_lock);
	if (in_use)
		hlist_add_head_rcu(&b->node, &bucket_table[b->hash >> (32 - bucket_table_bits)]);
	else
		gom_fixalloc_free(&bucket_freelist, b);
	spin_unlock_irq(&bucket_lock);
}

static void buckets_reclaim(struct work_struct *unused)
{
	struct gom_bucket *b, *list = NULL;
	unsigned long n = buckets_above(6);
	unsigned int rank;

	if (!n)
		return;
	down_write(&buckets_rwsem);
	buckets_rank();
	for (rank = 3; rank; rank--)
		n -= buckets_remove(rank, n, &list);
	if (list) {
		synchronize_rcu();	/* nobody stores one in a memo */
		WRITE_ONCE(gom_bucket_removals, gom_bucket_removals + 1);
		synchronize_rcu();	/* nobody has one from a memo */
		while (list) {
			b = list;
			list = b->next_removed;
			bucket_free_if_unused(b);
		}
		gom_freed_text_trim();
	}
	WRITE_ONCE(last_reclaim, jiffies);
	up_write(&buckets_rwsem);
}

/* For tests: reclaim now, if few buckets are free. */
void gom_buckets_reclaim(void)
{
	gom_work_flush(&reclaim_work);
}
GOM_EXPORT_FOR_TEST(gom_buckets_reclaim);

/* === Readers === */

/*
 * Between these calls no bucket is removed.  Context: task, may sleep; the calls
 * do not nest.
 */
void gom_buckets_lock(void)
{
	down_read(&buckets_rwsem);
}
GOM_EXPORT_FOR_TEST(gom_buckets_lock);

void gom_buckets_unlock(void)
{
	up_read(&buckets_rwsem);
}
GOM_EXPORT_FOR_TEST(gom_buckets_unlock);

/* Keep a bucket when they are unlocked, until gom_bucket_put(). */
void gom_bucket_get(struct gom_bucket *b)
{
	lockdep_assert_held(&buckets_rwsem);
	atomic_inc(&b->refs);
}

/* Any context. */
void gom_bucket_put(struct gom_bucket *b)
{
	atomic_dec_return(&b->refs);	/* ordered; pairs with bucket_free_if_unused() */
}

/*
 * The bucket after @b, in the table's order; the first for NULL.  The last one
 * stands for all that were reclaimed.  The buckets are locked.
 */
struct gom_bucket *gom_bucket_next(struct gom_bucket *b)
{
	unsigned int i = b ? b->hash >> (32 - bucket_table_bits) : 0;
	struct hlist_node *node;

	lockdep_assert_held(&buckets_rwsem);
	if (b == &reclaimed)
		return NULL;
	node = b ? rcu_dereference_raw(hlist_next_rcu(&b->node)) :
		   rcu_dereference_raw(hlist_first_rcu(&bucket_table[0]));
	while (!node && ++i < 1U << bucket_table_bits)
		node = rcu_dereference_raw(hlist_first_rcu(&bucket_table[i]));
	if (!node)
		return nr_reclaimed ? &reclaimed : NULL;
	return hlist_entry(node, struct gom_bucket, node);
}
GOM_EXPORT_FOR_TEST(gom_bucket_next);

/* Samples of a bucket since the last reset. */
static void bucket_counters(const struct gom_bucket *b, u64 *mallocs, u64 *frees)
{
	u64 before = READ_ONCE(b->before);

	*frees = atomic64_read(&b->frees) - before;
	/*
	 * Frees first, so that they do not exceed allocations.  Pairs with
	 * smp_mb__before_atomic() in sample_free(), profile.c.
	 */
	smp_rmb();
	*mallocs = atomic64_read(&b->mallocs) - before;
}

/* The counters of a bucket since the last reset. */
void gom_bucket_read(const struct gom_bucket *b, struct gom_bucket_counts *counts)
{
	u64 all = atomic64_read(&b->mallocs) ?: 1, mean, rest;

	bucket_counters(b, &counts->mallocs, &counts->frees);
	mean = div64_u64_rem(atomic64_read(&b->requested), all, &rest);
	counts->requested = mean * counts->mallocs + div64_u64(rest * counts->mallocs, all);
}
GOM_EXPORT_FOR_TEST(gom_bucket_read);

/* Buckets in use. */
unsigned int gom_buckets_inuse(void)
{
	return READ_ONCE(bucket_freelist.inuse);
}

/* Buckets that were reclaimed since load.  The buckets are locked. */
unsigned long gom_buckets_reclaimed(void)
{
	lockdep_assert_held(&buckets_rwsem);
	return nr_reclaimed;
}

/*
 * A scan counts live samples by bucket: who scans passes each one to
 * gom_buckets_scan_add(), between begin and end, and reads @scan of the buckets
 * before the end.  The buckets are locked.  Context: task, may sleep.
 */
static DEFINE_MUTEX(scan_lock);

void gom_buckets_scan_begin(void)
{
	struct gom_bucket *b;

	mutex_lock(&scan_lock);
	gom_buckets_lock();
	for_each_gom_bucket(b)
		b->scan = (struct gom_scan){};
}

/*
 * Count @sp if it is a sample taken before @before.  Called with the tree lock
 * held.  A bucket that is newer than the scan has @scan zero.
 */
void gom_buckets_scan_add(const struct gom_special *sp, u64 before)
{
	struct gom_scan *scan;

	if (sp->kind != GOM_SPECIAL_SAMPLE || sp->time > before)
		return;
	scan = &sp->bucket->scan;
	if (!scan->objects || sp->time < scan->oldest)
		scan->oldest = sp->time;
	scan->youngest = max(scan->youngest, sp->time);
	scan->objects++;
	scan->requested += sp->requested;
}

void gom_buckets_scan_end(void)
{
	gom_buckets_unlock();
	mutex_unlock(&scan_lock);
}

/* Before the first allocation.  Context: task. */
int gom_buckets_init(void)
{
	gom_fixalloc_init(&bucket_freelist, ALIGN(sizeof(struct gom_bucket), SMP_CACHE_BYTES),
			  GOM_BUCKHASH_SYS);
	gom_buckets_max = clamp_t(u64, (u64)totalram_pages() * PAGE_SIZE / BUCKET_SHARE /
				  bucket_freelist.size, MIN_BUCKETS, MAX_BUCKETS);
	bucket_table_bits = order_base_2(gom_buckets_max / CHAIN);
	bucket_table = gom_persistent_alloc_gfp(sizeof(*bucket_table) << bucket_table_bits, 0,
						GOM_BUCKHASH_SYS, GFP_KERNEL);
	if (!bucket_table)
		return -ENOMEM;
	last_reclaim = jiffies;
	/* The name of the stack that stands for all that were reclaimed. */
	reclaimed.entry[0] = (unsigned long)stack_reclaimed;
	return gom_work_init(&reclaim_work, "gomalloc_profile", 0, buckets_reclaim);
}

/* On unload, when nobody allocates.  Context: task. */
void gom_buckets_exit(void)
{
	gom_work_exit(&reclaim_work);
}
