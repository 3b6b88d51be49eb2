// SPDX-License-Identifier: GPL-2.0
/*
 * What the per-CPU caches count: the sample intervals of the heap profile, and
 * statistics.
 *
 * The fast paths count one thing, the objects left until the next sample.  The
 * number of allocations is derived from it, and the number of frees from that
 * and from the magazines that went in and out.
 */
#include <linux/cpu.h>
#include <linux/cpumask.h>
#include <linux/minmax.h>
#include <linux/mutex.h>
#include <linux/percpu.h>

#include "base/compat.h"
#include "base/fault.h"
#include "percpu/cpu_call.h"
#include "percpu/mcache.h"
#include "special/profile.h"

/* === Sample intervals; inside the cache, or while nobody uses it === */

/*
 * Draw a new sample interval for @class: the objects allocated until the next
 * sample (profile.h).  Those allocated since the last draw are accounted.
 */
static void sample_interval_draw(struct gom_mcache *c, unsigned int class)
{
	struct gom_mcache_class *k = gom_mcache_class_of(c, class);
	struct gom_slot *s = gom_mcache_slot_of(c, class);

	k->mallocs += k->sample_interval - max(s->sample_left, 0LL);
	/*
	 * Blocks of tiny objects are not sampled; tiny.c samples the objects.
	 */
	k->sample_interval = class == GOM_CLASS_TINY ? GOM_PROFILE_NEVER :
					     gom_profile_step(gom_class(class)->size);
	WRITE_ONCE(s->sample_left, k->sample_interval);
}

/* Count an object allocated on the slow path; true if it is to be sampled. */
bool gom_mcache_count_down(struct gom_mcache *c, unsigned int class)
{
	struct gom_slot *s = gom_mcache_slot_of(c, class);

	gom_mcache_assert_owned(c);
	if (s->sample_left <= 0) {
		sample_interval_draw(c, class);
		return true;
	}
	s->sample_left--;
	gom_mcache_class_of(c, class)->sample_interval--;
	return false;
}

/* === Sample intervals of all CPUs === */

/*
 * Serializes resets of statistics and draws of sample intervals, on all CPUs.
 *
 * Taken inside cpus_read_lock(): gom_mcache_draw_class() takes it in CPU
 * hotplug callbacks, and must not wait there for a task that waits for their
 * end.
 */
static DEFINE_MUTEX(counting_lock);

/* Draw those of all classes.  Inside the cache, or while nobody uses it. */
void gom_mcache_draw_intervals(struct gom_mcache *c)
{
	unsigned int class;

	for_each_gom_class(class)
		sample_interval_draw(c, class);
	c->tiny.sample_left = gom_profile_step(1);
}

static void counting_call_all(struct gom_cpu_call *call)
{
	cpus_read_lock();
	mutex_lock(&counting_lock);
	gom_cpu_call_all_cpuslocked(call);
	mutex_unlock(&counting_lock);
	cpus_read_unlock();
}

static void sample_intervals_draw_cpu(struct gom_mcache *c, struct gom_cpu_call *unused)
{
	gom_mcache_draw_intervals(c);
}

/**
 * gom_mcache_set_profile_rate - change memprofilerate with immediate effect
 * @rate: mean bytes between samples; 0 for no samples, 1 for every allocation
 *
 * Draws new sample intervals on all CPUs.
 *
 * Context: task, may sleep.
 * Return: 0; -EINVAL if @rate is too large.
 */
int gom_mcache_set_profile_rate(unsigned int rate)
{
	struct gom_cpu_call call = { .fn = sample_intervals_draw_cpu, .nid = NUMA_NO_NODE };
	int err = gom_profile_set_rate(rate);

	if (err)
		return err;
	counting_call_all(&call);
	return 0;
}
GOM_EXPORT_FOR_TEST(gom_mcache_set_profile_rate);

/* Draw the sample intervals of a class that nobody uses yet.  May sleep. */
void gom_mcache_draw_class(unsigned int class)
{
	int cpu;

	mutex_lock(&counting_lock);
	gom_test_point(GOM_AT_DRAW, 0, 0);
	for_each_possible_cpu(cpu)
		sample_interval_draw(per_cpu_ptr(&gom_mcache, cpu), class);
	mutex_unlock(&counting_lock);
}

/* === Resetting statistics === */

static void stats_reset_class(struct gom_mcache *c, unsigned int class)
{
	struct gom_mcache_class *k = gom_mcache_class_of(c, class);
	u64 held = gom_mcache_loaded(c, class) + (k->spare ? k->spare->nr : 0);
	u64 mallocs = k->mallocs + k->sample_interval -
		      max(gom_mcache_slot_of(c, class)->sample_left, 0LL);
	u64 frees = mallocs + held - k->in;
	u64 n = min(mallocs, frees);

	/* Frees are derived from mallocs, so they drop by @n as well. */
	k->mallocs -= n;
	k->refills = 0;
	k->flushes = 0;
}

static void stats_reset_cpu(struct gom_mcache *c, struct gom_cpu_call *unused)
{
	unsigned int class;

	for_each_gom_class(class)
		stats_reset_class(c, class);
	gom_tiny_reset(&c->tiny);
	c->inside = 0;
}

/* Reset the statistics of all CPUs; live objects stay counted.  May sleep. */
void gom_mcache_reset(void)
{
	struct gom_cpu_call call = { .fn = stats_reset_cpu, .nid = NUMA_NO_NODE };

	counting_call_all(&call);
}
GOM_EXPORT_FOR_TEST(gom_mcache_reset);

/* === Statistics === */

/*
 * Statistics of one class on the possible CPU @cpu; exact if that CPU is idle.
 * The seqcount pairs with gom_mcache_enter_slow() and gom_mcache_leave_slow().
 * The fast paths do not write it; their stores to the slot are read racily.
 */
void gom_mcache_read(int cpu, unsigned int class, struct gom_mcache_stats *stats)
{
	const struct gom_mcache *c = per_cpu_ptr(&gom_mcache, cpu);
	const struct gom_mcache_class *k = gom_mcache_class_of(c, class);
	const struct gom_magazine *spare;
	unsigned int seq;
	s64 in, sample_left;

	do {
		seq = raw_read_seqcount_begin(&c->seq);
		sample_left = READ_ONCE(gom_mcache_slot_of(c, class)->sample_left);
		stats->mallocs = READ_ONCE(k->mallocs) + READ_ONCE(k->sample_interval) -
				 max(sample_left, 0LL);
		stats->held = gom_mcache_loaded(c, class);
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

/* Capacity of the cache of @cpu in bytes; at most mcache_kb << 10. */
size_t gom_mcache_bytes(int cpu)
{
	return READ_ONCE(per_cpu_ptr(&gom_mcache, cpu)->bytes);
}
GOM_EXPORT_FOR_TEST(gom_mcache_bytes);

/* Calls on all CPUs that found their cache in use and bypassed it. */
unsigned long gom_mcache_inside(void)
{
	unsigned long sum = 0;
	int cpu;

	for_each_possible_cpu(cpu)
		sum += READ_ONCE(per_cpu_ptr(&gom_mcache, cpu)->inside);
	return sum;
}
GOM_EXPORT_FOR_TEST(gom_mcache_inside);
