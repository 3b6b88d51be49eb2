/* SPDX-License-Identifier: GPL-2.0 */
/*
 * The heap profile: which allocations are sampled, and their statistics; see
 * profile.c.
 */
#ifndef GOM_PROFILE_H
#define GOM_PROFILE_H

#include <linux/atomic.h>
#include <linux/limits.h>
#include <linux/list.h>
#include <linux/seq_file.h>
#include <linux/timekeeping.h>
#include <linux/types.h>

struct gom_place;
struct gom_special;

#define GOM_PROFILE_RATE	(512U << 10)	/* bytes; Go's default */
#define GOM_PROFILE_RATE_MAX	(1U << 30)
#define GOM_PROFILE_NEVER	(S64_MAX / 2)	/* an interval that never ends */

#define GOM_STACK_DEPTH		32U	/* frames, as in Go */
/* Classes of buckets only. */
#define GOM_BUCKET_MIXED	U16_MAX		/* objects of many classes */
#define GOM_BUCKET_GUARDED	(U16_MAX - 1)	/* objects with a guard page (efence=1) */

/*
 * Lifetimes are counted in powers of two of nanoseconds: below 2^10, below
 * 2^11, and so on; the last count is that of all above 2^36, a minute.
 */
#define GOM_AGE_SHIFT		10
#define GOM_AGES		28U

/**
 * struct gom_scan - live samples of a bucket, as found by a scan
 * @objects: how many
 * @requested: sum of the bytes requested
 * @oldest: time of the first one's allocation
 * @youngest: time of the last one's
 */
struct gom_scan {
	unsigned long objects;
	u64 requested;
	u64 oldest;
	u64 youngest;
};

/**
 * struct gom_bucket - samples of one stack, class and size
 * @node: in the hash table
 * @hash: of @size and the stack
 * @client: the client that the stack belongs to; 0: none
 * @n: number of return addresses
 * @class: class of the objects; 0: large ones
 * @size: bytes of an object
 * @entry: the return addresses
 * @mallocs: samples taken
 * @frees: samples freed
 * @requested: sum of the bytes requested, of @mallocs
 * @last_used: jiffies at the last sample
 * @before: @frees when the counters were last reset
 * @ages: samples freed since then, by lifetime
 * @scan: of the scan in progress; protected by the lock of scans
 * @next_removed: next one that is being reclaimed
 * @refs: references, see gom_profile_get_bucket()
 * @rank: whether it may be reclaimed
 *
 * The members that are only read come first, on cache lines that counting does
 * not write to.
 */
struct gom_bucket {
	struct hlist_node node;
	u32 hash;
	u32 client;
	u16 n;
	u16 class;
	size_t size;
	unsigned long entry[GOM_STACK_DEPTH];
	atomic64_t mallocs;
	atomic64_t frees;
	atomic64_t requested;
	unsigned long last_used;
	u64 before;
	atomic_t ages[GOM_AGES];
	struct gom_scan scan;
	struct gom_bucket *next_removed;
	atomic_t refs;
	u8 rank;
};

/**
 * struct gom_bucket_counts - counters of a bucket since the last reset
 * @mallocs: samples taken, live ones at the reset included
 * @frees: samples freed
 * @requested: bytes requested, of @mallocs; an estimate after a reset
 */
struct gom_bucket_counts {
	u64 mallocs;
	u64 frees;
	u64 requested;
};

extern unsigned int gom_memprofilerate;
extern unsigned int gom_profile_max_buckets;
extern unsigned int gom_profile_reclaim_ms;

/**
 * struct gom_profile_stats - statistics of all samples since load
 * @samples: samples taken
 * @freed: samples freed
 * @lost: not taken because there was no memory
 * @dropped: not taken because the limit of stacks or live samples is reached
 * @buckets: buckets in use
 * @max_buckets: limit of buckets
 * @reclaimed: buckets that were reclaimed
 */
struct gom_profile_stats {
	u64 samples;
	u64 freed;
	u64 lost;
	u64 dropped;
	unsigned int buckets;
	unsigned int max_buckets;
	unsigned long reclaimed;
};

s64 gom_profile_step(size_t size);
bool gom_profile_draw(size_t size);
void gom_profile_malloc_at(const struct gom_place *at, size_t size, size_t requested, gfp_t gfp,
			   unsigned long caller);
void gom_profile_malloc(const void *p, size_t size, size_t requested, gfp_t gfp,
			unsigned long caller);
void gom_profile_read(struct gom_profile_stats *stats);
int gom_profile_show(struct seq_file *m);
int gom_profile_set_rate(unsigned int rate);
int gom_profile_init(void);
void gom_profile_exit(void);
void gom_profile_reset(void);
u64 gom_profile_msecs(void);
void gom_profile_counts(const struct gom_bucket *b, struct gom_bucket_counts *counts);
struct gom_bucket *gom_profile_next(struct gom_bucket *b);
void gom_profile_lock_buckets(void);
void gom_profile_unlock_buckets(void);
void gom_profile_get_bucket(struct gom_bucket *b);
void gom_profile_put_bucket(struct gom_bucket *b);
void gom_profile_reclaim(void);
void gom_profile_scan_begin(void);
void gom_profile_scan_add(const struct gom_special *sp, u64 before);
void gom_profile_scan_end(void);

/* The buckets are locked. */
#define for_each_gom_bucket(b)	\
	for ((b) = gom_profile_next(NULL); (b); (b) = gom_profile_next(b))

/*
 * The time of a sample.  Any context, NMI included; may step back a little,
 * between CPUs too.
 */
static inline u64 gom_profile_now(void)
{
	return ktime_get_mono_fast_ns();
}

#endif /* GOM_PROFILE_H */
