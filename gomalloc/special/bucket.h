/* SPDX-License-Identifier: GPL-2.0 */
/* Buckets: the heap profile's counts of samples by stack; see bucket.c. */
#ifndef GOM_BUCKET_H
#define GOM_BUCKET_H

#include <linux/atomic.h>
#include <linux/gfp.h>
#include <linux/limits.h>
#include <linux/list.h>
#include <linux/types.h>

struct gom_special;

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
 * @refs: references, see gom_bucket_get()
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

/**
 * struct gom_stack_key - key of a bucket
 * @entry: the return addresses
 * @n: number of these
 * @class: class of the objects
 * @client: the client that the stack belongs to
 * @hash: of @size and the stack
 * @size: bytes of an object
 */
struct gom_stack_key {
	const unsigned long *entry;
	unsigned int n;
	unsigned int class;
	u32 client;
	u32 hash;
	size_t size;
};

extern unsigned int gom_buckets_max;
extern unsigned int gom_buckets_reclaim_ms;
extern unsigned int gom_bucket_removals;

/* For profile.c. */
struct gom_bucket *gom_bucket_find_or_create(const struct gom_stack_key *s, gfp_t gfp);
bool gom_buckets_exhausted(void);
unsigned int gom_buckets_inuse(void);
unsigned long gom_buckets_reclaimed(void);
int gom_buckets_init(void);
void gom_buckets_exit(void);

/* For readers. */
void gom_buckets_lock(void);
void gom_buckets_unlock(void);
struct gom_bucket *gom_bucket_next(struct gom_bucket *b);
void gom_bucket_get(struct gom_bucket *b);
void gom_bucket_put(struct gom_bucket *b);
void gom_bucket_read(const struct gom_bucket *b, struct gom_bucket_counts *counts);
void gom_buckets_reclaim(void);
void gom_buckets_scan_begin(void);
void gom_buckets_scan_add(const struct gom_special *sp, u64 before);
void gom_buckets_scan_end(void);

/* The buckets are locked. */
#define for_each_gom_bucket(b)	\
	for ((b) = gom_bucket_next(NULL); (b); (b) = gom_bucket_next(b))

#endif /* GOM_BUCKET_H */
