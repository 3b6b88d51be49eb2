/* SPDX-License-Identifier: GPL-2.0 */
/*
 * The heap profile: which allocations are sampled, and their statistics; see
 * profile.c.
 */
#ifndef GOM_PROFILE_H
#define GOM_PROFILE_H

#include <linux/limits.h>
#include <linux/seq_file.h>
#include <linux/timekeeping.h>
#include <linux/types.h>

struct gom_place;

#define GOM_PROFILE_RATE	(512U << 10)	/* bytes; Go's default */
#define GOM_PROFILE_RATE_MAX	(1U << 30)
#define GOM_PROFILE_NEVER	(S64_MAX / 2)	/* an interval that never ends */

extern unsigned int gom_memprofilerate;

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

/*
 * The time of a sample.  Any context, NMI included; may step back a little,
 * between CPUs too.
 */
static inline u64 gom_profile_now(void)
{
	return ktime_get_mono_fast_ns();
}

#endif /* GOM_PROFILE_H */
