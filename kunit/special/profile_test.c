// SPDX-License-Identifier: GPL-2.0
/* The heap profile: sampling, stacks, and limits of its memory. */
#include <linux/cpumask.h>
#include <linux/delay.h>
#include <linux/kallsyms.h>
#include <linux/kthread.h>
#include <linux/ktime.h>
#include <linux/mm.h>
#include <linux/percpu.h>
#include <linux/seq_file.h>
#include <linux/slab.h>
#include <linux/smp.h>

#include "base/client.h"
#include "base/compat.h"
#include "base/random.h"
#include "base/sizeclass.h"
#include "debug/leaks.h"
#include "debug/lifetimes.h"
#include "gomalloc.h"
#include "percpu/mcache.h"
#include "special/bucket.h"
#include "special/freed_text.h"
#include "special/profile.h"
#include "special/special.h"
#include "suites.h"

#define TEXT	(256U << 10)
#define MANY	600U

static void *many[MANY];

/* The text of debugfs heap; kunit frees it. */
static char *profile_text(struct kunit *test)
{
	struct seq_file m = { .size = TEXT };

	m.buf = kunit_kzalloc(test, TEXT, GFP_KERNEL);
	KUNIT_ASSERT_NOT_NULL(test, m.buf);
	KUNIT_ASSERT_EQ(test, gom_profile_show(&m), 0);
	KUNIT_ASSERT_LT(test, m.count, m.size);
	m.buf[m.count] = 0;
	return m.buf;
}

/* The same text, from the header of the profile on. */
static char *profile_body(struct kunit *test)
{
	char *heap = strstr(profile_text(test), "\n---\nheap profile: ");

	KUNIT_ASSERT_NOT_NULL(test, heap);
	return heap + strlen("\n---\n");
}

struct totals {
	u64 live;
	u64 live_bytes;
	u64 mallocs;
	u64 bytes;
	unsigned int rate;
};

static void totals_read(struct kunit *test, struct totals *t)
{
	int n = sscanf(profile_body(test), "heap profile: %llu: %llu [%llu: %llu] @ heap_v2/%u",
		       &t->live, &t->live_bytes, &t->mallocs, &t->bytes, &t->rate);

	KUNIT_ASSERT_EQ(test, n, 5);
}

/* === Sampling === */

/*
 * The mean of the intervals is the rate, and half of them are below the median
 * of an exponential distribution, which is ln 2 of the mean.
 */
static void distances_are_exponential(struct kunit *test)
{
	const unsigned int rate = 1U << 16, size = 64, n = TIMES(100000, 20000);
	unsigned int i, below = 0;
	u64 sum = 0;
	s64 step;

	KUNIT_ASSERT_EQ(test, gom_mcache_set_profile_rate(rate), 0);
	for (i = 0; i < n; i++) {
		step = gom_profile_step(size);
		sum += step;
		below += step < rate / size * 6931 / 10000;
	}
	/* Rounding loses half an object; five sigma are 1.6% (debug: 3.5%). */
	KUNIT_EXPECT_GT(test, sum / n, rate / size * TIMES(97ULL, 95ULL) / 100);
	KUNIT_EXPECT_LT(test, sum / n, rate / size * TIMES(103ULL, 105ULL) / 100);
	KUNIT_EXPECT_GT(test, below, n / 2 - n / 40);
	KUNIT_EXPECT_LT(test, below, n / 2 + n / 40);
}

/*
 * Seeds are not drawn during an allocation, which may be in an NMI.  Every
 * possible CPU gets its own when the module is loaded, and no CPU has a state
 * from the sequence of seed 0.
 */
static void every_cpu_has_its_own_seed(struct kunit *test)
{
	unsigned int n, left = TIMES(10000000, 1000000);
	u64 x = 0;
	int cpu;

	for (n = 0; left--; gom_random_step(&x))
		for_each_possible_cpu(cpu)
			n += per_cpu(gom_random_state, cpu) == x;
	KUNIT_EXPECT_EQ(test, n, 0U);
	for_each_possible_cpu(cpu)
		if (cpu)
			KUNIT_EXPECT_NE(test, per_cpu(gom_random_state, cpu),
					per_cpu(gom_random_state, 0));
}

/* Allocate and free @n objects of @size, 16 at a time. */
static void objects_churn(struct kunit *test, size_t size, unsigned int n)
{
	void *p[16];
	unsigned int i, j;

	for (i = 0; i < n; i += ARRAY_SIZE(p)) {
		for (j = 0; j < ARRAY_SIZE(p); j++)
			p[j] = size <= GOM_TINY_MAX ? gom_malloc_noscan(size, GFP_KERNEL) :
						      gom_malloc(size, GFP_KERNEL);
		gom_free_bulk(ARRAY_SIZE(p), p);
	}
}

/*
 * Expected samples of 2^20 objects of @size: 1 - exp(-size / rate), as a
 * series.
 */
static u64 samples_expected(size_t size, unsigned int rate)
{
	const u64 x = ((u64)size << 20) / rate;
	u64 sum = 0, term = x;
	unsigned int i;

	for (i = 1; term; i++, term = (term * x >> 20) / i)
		sum = i % 2 ? sum + term : sum - term;
	return sum;
}

/* Each size is sampled as often as readers of the profile assume. */
static void estimate_is_unbiased(struct kunit *test)
{
	static const size_t sizes[] = { 3, 6, 8, 48, 256, 1000 };
	const unsigned int rate = TIMES(1024, 64);
	struct totals before, after;
	u64 is, should, sigma;
	unsigned int i, n;

	for (i = 0; i < TIMES(ARRAY_SIZE(sizes), 4); i++) {
		n = TIMES(6000000, 12000) / sizes[i] / 16 * 16;
		KUNIT_ASSERT_EQ(test,
				gom_mcache_set_profile_rate(sizes[i] > 100 ? 16 * rate : rate), 0);
		totals_read(test, &before);
		objects_churn(test, sizes[i], n);
		totals_read(test, &after);
		KUNIT_EXPECT_EQ(test, after.live, before.live);
		is = after.mallocs - before.mallocs;
		should = n * samples_expected(sizes[i] == 1000 ? 1024 : sizes[i], after.rate) >> 20;
		/*
		 * Six sigma, the square root of the expected number, do not
		 * happen by chance.
		 */
		sigma = int_sqrt64(should) + 1;
		KUNIT_EXPECT_GT_MSG(test, is + 6 * sigma, should, "%zu bytes", sizes[i]);
		KUNIT_EXPECT_LT_MSG(test, is, should + 6 * sigma, "%zu bytes", sizes[i]);
	}
}

static void rate_1_samples_every_allocation(struct kunit *test)
{
	static const size_t sizes[] = { 1, 5, 8, 96, 4000, 40000, 300000 };
	struct totals before, with, after;
	void *p[ARRAY_SIZE(sizes)][10];
	unsigned int i, j;

	KUNIT_ASSERT_EQ(test, gom_mcache_set_profile_rate(1), 0);
	totals_read(test, &before);
	for (i = 0; i < ARRAY_SIZE(sizes); i++) {
		for (j = 0; j < 10; j++) {
			p[i][j] = gom_malloc_noscan(sizes[i], GFP_KERNEL);
			KUNIT_ASSERT_NOT_NULL(test, p[i][j]);
		}
	}
	totals_read(test, &with);
	KUNIT_EXPECT_EQ(test, with.rate, 1U);
	KUNIT_EXPECT_EQ(test, with.live - before.live, 10ULL * ARRAY_SIZE(sizes));
	KUNIT_EXPECT_EQ(test, with.mallocs - before.mallocs, 10ULL * ARRAY_SIZE(sizes));
	KUNIT_EXPECT_GE(test, with.live_bytes - before.live_bytes, 10ULL * 344110);
	for (i = 0; i < ARRAY_SIZE(sizes); i++)
		for (j = 0; j < 10; j++)
			j % 2 ? gom_free(p[i][j]) : gom_free_sized(p[i][j], sizes[i]);
	totals_read(test, &after);
	KUNIT_EXPECT_EQ(test, after.live, before.live);
	KUNIT_EXPECT_EQ(test, after.live_bytes, before.live_bytes);
	KUNIT_EXPECT_EQ(test, after.mallocs, with.mallocs);
}

static void objects_of_caches_are_sampled(struct kunit *test)
{
	struct gom_cache *cache = gom_cache_create("gom_profile", 200, 0, GOM_NO_MERGE, NULL);
	struct totals before, with, after;
	void *p[50];

	KUNIT_ASSERT_NOT_NULL(test, cache);
	KUNIT_ASSERT_EQ(test, gom_mcache_set_profile_rate(1), 0);
	totals_read(test, &before);
	KUNIT_ASSERT_TRUE(test, gom_cache_alloc_bulk(cache, GFP_KERNEL, ARRAY_SIZE(p), p));
	totals_read(test, &with);
	KUNIT_EXPECT_EQ(test, with.live - before.live, (u64)ARRAY_SIZE(p));
	gom_cache_free_bulk(cache, 40, p);
	gom_free_bulk(10, p + 40);
	totals_read(test, &after);
	KUNIT_EXPECT_EQ(test, after.live, before.live);
	gom_cache_destroy(cache);
}

/*
 * The bucket of objects of a size that this module allocated; NULL if none.  It
 * stays while it is in use, or the table is not nearly full.
 */
static struct gom_bucket *bucket_of(size_t size)
{
	u32 client = gom_client_of((unsigned long)bucket_of);
	struct gom_bucket *b;

	gom_buckets_lock();
	for_each_gom_bucket(b)
		if (b->size == size && b->client == client && atomic64_read(&b->mallocs))
			break;
	gom_buckets_unlock();
	return b;
}

static unsigned int ages_between(const struct gom_bucket *b, unsigned int from, unsigned int to)
{
	unsigned int i, n = 0;

	for (i = from - GOM_AGE_SHIFT; i < min(to - GOM_AGE_SHIFT, GOM_AGES); i++)
		n += atomic_read(&b->ages[i]);
	return n;
}

/* Counted by power of two of nanoseconds, with what was asked for. */
static void lifetimes_are_counted(struct kunit *test)
{
	struct seq_file m = { .size = TEXT };
	struct gom_bucket_counts counts;
	struct gom_bucket *b;
	u64 start, young;
	unsigned int i;
	void *p[10];

	/* A size that no other test uses. */
	KUNIT_ASSERT_EQ(test, gom_mcache_set_profile_rate(1), 0);
	start = ktime_get_ns();
	for (i = 0; i < 10; i++) {
		p[i] = gom_malloc(27000, GFP_KERNEL);
		KUNIT_ASSERT_NOT_NULL(test, p[i]);
	}
	gom_free_bulk(7, p);
	young = ktime_get_ns() - start;	/* none of them lived longer, on a busy machine either */
	msleep(80);
	gom_free_bulk(2, p + 7);
	b = bucket_of(gom_size(p[9]));
	KUNIT_ASSERT_NOT_NULL(test, b);
	KUNIT_EXPECT_GE(test, ages_between(b, 10, fls64(young) + 1), 7U);
	KUNIT_EXPECT_GE(test, ages_between(b, 27, 34), 2U);	/* 67 ms to 17 s */
	KUNIT_EXPECT_EQ(test, ages_between(b, 10, 34), 9U);
	gom_bucket_read(b, &counts);
	KUNIT_EXPECT_EQ(test, counts.mallocs, 10ULL);
	KUNIT_EXPECT_EQ(test, counts.frees, 9ULL);
	KUNIT_EXPECT_EQ(test, counts.requested, 270000ULL);
	m.buf = kunit_kzalloc(test, TEXT, GFP_KERNEL);
	KUNIT_ASSERT_NOT_NULL(test, m.buf);
	gom_lifetimes_show(&m, b);
	m.buf[m.count] = 0;
	KUNIT_EXPECT_EQ_MSG(test, strncmp(m.buf, "10\t9\t", 5), 0, "%s", m.buf);
	KUNIT_EXPECT_NOT_NULL(test, strstr(m.buf, "\t270000\tgomalloc_kunit\tclass "));
	KUNIT_EXPECT_NOT_NULL(test, strstr(m.buf, "\tlifetimes_are_counted+0x"));
	gom_profile_reset();
	gom_bucket_read(b, &counts);
	KUNIT_EXPECT_EQ(test, counts.mallocs, 1ULL);
	KUNIT_EXPECT_EQ(test, counts.requested, 27000ULL);
	KUNIT_EXPECT_EQ(test, ages_between(b, 10, 99), 0U);
	gom_free(p[9]);
}

static void nothing_is_sampled_when_off(struct kunit *test)
{
	struct gom_profile_stats before, after;

	KUNIT_ASSERT_EQ(test, gom_mcache_set_profile_rate(1), 0);
	KUNIT_ASSERT_EQ(test, gom_mcache_set_profile_rate(0), 0);
	gom_profile_read(&before);
	objects_churn(test, 64, TIMES(16000, 800));
	objects_churn(test, 4, TIMES(16000, 800));
	gom_free(gom_malloc(300000, GFP_KERNEL));
	gom_profile_read(&after);
	KUNIT_EXPECT_EQ(test, after.samples, before.samples);
	KUNIT_EXPECT_EQ(test, gom_mcache_set_profile_rate(GOM_PROFILE_RATE_MAX + 1), -EINVAL);
}

/* Objects of an interval that ends early are counted, too. */
static void rate_change_keeps_the_counts(struct kunit *test)
{
	static const unsigned int rates[] = { 1 << 20, 1, 0, 4096, 1 << 30 };
	struct gom_class_stats before, after;
	unsigned int class, i;

	objects_churn(test, 64, 160);
	class = gom_size_to_class(64);
	gom_class_read(class, &before);
	for (i = 0; i < ARRAY_SIZE(rates); i++)
		KUNIT_ASSERT_EQ(test, gom_mcache_set_profile_rate(rates[i]), 0);
	gom_class_read(class, &after);
	KUNIT_EXPECT_EQ(test, after.mallocs, before.mallocs);
	objects_churn(test, 64, 160);
	gom_class_read(class, &after);
	KUNIT_EXPECT_EQ(test, after.mallocs - before.mallocs, 160ULL);
	KUNIT_EXPECT_EQ(test, after.frees - before.frees, 160ULL);
}

/* === Stacks === */

static noinline void *profiled_caller(struct kunit *test)
{
	void *p = gom_malloc(3000, GFP_KERNEL);

	KUNIT_EXPECT_NOT_NULL(test, p);
	return p;
}

/* The caller is the first frame, and the symbols contain its name. */
static void caller_is_named(struct kunit *test)
{
	char *text, line[64], *at;
	unsigned long first;
	void *p;
	int n;

	KUNIT_ASSERT_EQ(test, gom_mcache_set_profile_rate(1), 0);
	p = profiled_caller(test);
	text = profile_body(test);
	at = strstr(text, "1: 3072 [1: 3072] @ 0x");
	KUNIT_ASSERT_NOT_NULL(test, at);
	n = sscanf(at, "1: 3072 [1: 3072] @ 0x%lx", &first);
	KUNIT_ASSERT_EQ(test, n, 1);
	/* The profile omits the highest bit. */
	snprintf(line, sizeof(line), "0x%016lx profiled_caller", first);
	KUNIT_EXPECT_NOT_NULL(test, strstr(profile_text(test), line));
	gom_free(p);
	KUNIT_EXPECT_NOT_NULL(test, strstr(profile_body(test), "0: 0 [1: 3072] @ 0x"));
}

static noinline void *stack_inner(void)
{
	void *p = gom_malloc(5300, GFP_KERNEL);		/* of class 5376 */

	OPTIMIZER_HIDE_VAR(p);		/* prevents a tail call */
	return p;
}

static noinline void *stack_outer_a(void)
{
	void *p = stack_inner();

	OPTIMIZER_HIDE_VAR(p);
	return p;
}

static noinline void *stack_outer_b(void)
{
	void *p = stack_inner();

	OPTIMIZER_HIDE_VAR(p);
	return p;
}

/* Stacks that differ in outer callers only are different. */
static void stacks_differ_by_outer_callers(struct kunit *test)
{
	unsigned int i, stacks = 0;
	char *text;

	KUNIT_ASSERT_EQ(test, gom_mcache_set_profile_rate(1), 0);
	for (i = 0; i < 10; i++) {
		gom_free(stack_outer_a());
		gom_free(stack_outer_b());
	}
	text = profile_body(test);
	if (strstr(text, "0: 0 [20: 107520]"))
		kunit_skip(test, "this kernel records only the caller of a stack");
	while ((text = strstr(text, "0: 0 [10: 53760]"))) {
		stacks++;
		text++;
	}
	KUNIT_EXPECT_EQ(test, stacks, 2U);
}

/* === Limits === */

static u64 stat_bytes(enum gom_stat stat)
{
	struct gom_memstats m;

	gom_memstats_read(&m);
	return m.stat[stat];
}

static noinline void sizes_sample(struct kunit *test, unsigned int from, unsigned int n)
{
	unsigned int i;
	void *p;

	for (i = from; i < from + n; i++) {
		p = gom_malloc(GOM_RUN_MAX_SIZE + (i + 1) * PAGE_SIZE, GFP_KERNEL);
		KUNIT_EXPECT_NOT_NULL(test, p);
		gom_free(p);
	}
}

/*
 * Each size has a bucket of its own.  At the limit no bucket is added; samples
 * of existing ones are still counted.  Nothing is reclaimed here.
 */
static void buckets_are_bounded(struct kunit *test)
{
	const unsigned int max = gom_buckets_max, n = TIMES(100, 40);
	const unsigned int from[] = { 0, n, 2 * n, 0 };
	struct gom_profile_stats before, stats[ARRAY_SIZE(from)];
	u64 bytes[ARRAY_SIZE(from)];
	unsigned int i;

	KUNIT_ASSERT_EQ(test, gom_mcache_set_profile_rate(1), 0);
	gom_profile_read(&before);
	KUNIT_EXPECT_EQ(test, before.max_buckets, max);
	gom_buckets_max = before.buckets + n;
	gom_buckets_reclaim_ms = UINT_MAX;
	for (i = 0; i < ARRAY_SIZE(from); i++) {
		sizes_sample(test, from[i], n);
		gom_profile_read(&stats[i]);
		bytes[i] = stat_bytes(GOM_BUCKHASH_SYS);
		KUNIT_EXPECT_EQ(test, stats[i].buckets, before.buckets + n);
		KUNIT_EXPECT_EQ(test, stats[i].samples - before.samples, (u64)n << (i == 3));
		KUNIT_EXPECT_EQ(test, stats[i].freed - before.freed, (u64)n << (i == 3));
		KUNIT_EXPECT_EQ(test, stats[i].dropped - before.dropped, (u64)n * min(i, 2U));
		KUNIT_EXPECT_EQ(test, stats[i].lost, before.lost);
		KUNIT_EXPECT_EQ(test, bytes[i], bytes[0]);
	}
}

/* Reclaim all that is not in use. */
static void reclaim_all(void)
{
	const unsigned int max = gom_buckets_max, ms = gom_buckets_reclaim_ms;

	gom_buckets_max = 0;
	gom_buckets_reclaim_ms = 0;
	gom_buckets_reclaim();
	gom_buckets_reclaim_ms = ms;
	gom_buckets_max = max;
}

/* Empty the table and let it have @n buckets; nothing is reclaimed by itself. */
static void table_limit(struct kunit *test, unsigned int n, struct gom_profile_stats *before)
{
	KUNIT_ASSERT_EQ(test, gom_mcache_set_profile_rate(1), 0);
	gom_buckets_reclaim_ms = UINT_MAX;
	reclaim_all();
	gom_profile_read(before);
	gom_buckets_max = before->buckets + n;
}

/*
 * Different stacks come and go, several times as many as there are buckets, as
 * when modules are loaded and unloaded.  The last ones are recorded like the
 * first ones, and no sample is lost from the sums.
 */
static void later_stacks_are_recorded(struct kunit *test)
{
	struct gom_profile_stats before, after;
	struct totals heap_before, heap_after;
	const unsigned int n = 20, rounds = 20;
	unsigned int i, wait, extra = rounds * n;
	void *p;

	table_limit(test, 10 * n, &before);
	totals_read(test, &heap_before);
	gom_buckets_reclaim_ms = 1;
	for (i = 0; i < rounds; i++) {
		msleep(20);		/* what was there is idle */
		sizes_sample(test, i * n, n);
		/*
		 * A new stack in an almost full table queues the work item.  It
		 * takes nothing that was sampled within the last millisecond,
		 * so one more stack may be needed when the others are idle.
		 */
		gom_profile_read(&after);
		for (wait = 0; wait < 300 && after.buckets + n > after.max_buckets; wait++) {
			msleep(20);
			if (wait % 100 == 0)
				sizes_sample(test, extra++, 1);
			gom_profile_read(&after);
		}
		KUNIT_ASSERT_LE(test, after.buckets + n, after.max_buckets);
	}
	KUNIT_EXPECT_EQ(test, after.dropped, before.dropped);
	KUNIT_EXPECT_EQ(test, after.lost, before.lost);
	KUNIT_EXPECT_GT(test, after.reclaimed, before.reclaimed);
	KUNIT_EXPECT_LE(test, after.buckets, after.max_buckets);
	KUNIT_EXPECT_GE(test, after.samples - before.samples, (u64)rounds * n);
	KUNIT_EXPECT_EQ(test, after.freed - before.freed, after.samples - before.samples);
	totals_read(test, &heap_after);
	KUNIT_EXPECT_EQ(test, heap_after.live, heap_before.live);
	KUNIT_EXPECT_EQ(test, heap_after.mallocs - heap_before.mallocs,
			after.samples - before.samples);
	KUNIT_EXPECT_NOT_NULL(test, strstr(profile_text(test), " stack_reclaimed [gomalloc]\n"));
	p = gom_malloc(GOM_RUN_MAX_SIZE + rounds * n * PAGE_SIZE, GFP_KERNEL);
	KUNIT_ASSERT_NOT_NULL(test, p);
	KUNIT_EXPECT_NOT_NULL(test, bucket_of(gom_size(p)));
	gom_free(p);
}

/* Two call sites of one class, so two stacks. */
static noinline void *site_a(void)
{
	void *p = gom_malloc(25000, GFP_KERNEL);

	OPTIMIZER_HIDE_VAR(p);
	return p;
}

static noinline void *site_b(void)
{
	void *p = gom_malloc(25100, GFP_KERNEL);

	OPTIMIZER_HIDE_VAR(p);
	return p;
}

/* The bucket with a function of this module innermost; NULL if there is none. */
static struct gom_bucket *bucket_named(const char *function)
{
	char text[KSYM_SYMBOL_LEN];
	struct gom_bucket *b;

	gom_buckets_lock();
	for_each_gom_bucket(b)
		if (strstarts(gom_freed_text_symbol(b->client, b->entry[0], text), function))
			break;
	gom_buckets_unlock();
	return b;
}

/*
 * A stack that comes again is not taken for the one that has its bucket now,
 * although its CPU has a memo of it.
 */
static void memos_do_not_outlive_buckets(struct kunit *test)
{
	struct gom_profile_stats before;
	struct gom_bucket_counts counts;
	unsigned int i, same = 0;
	struct gom_bucket *a, *b;
	void *p, *q;

	table_limit(test, 100, &before);
	migrate_disable();
	for (i = 0; i < 3; i++) {
		reclaim_all();
		gom_free(site_a());
		a = bucket_named("site_a+0x");
		KUNIT_EXPECT_NOT_NULL(test, a);
		reclaim_all();
		KUNIT_EXPECT_NULL(test, bucket_named("site_a+0x"));
		p = site_b();
		b = bucket_named("site_b+0x");
		same += a == b;
		q = site_a();
		a = bucket_named("site_a+0x");
		KUNIT_EXPECT_NOT_NULL(test, a);
		if (a && b) {
			gom_bucket_read(a, &counts);
			KUNIT_EXPECT_EQ(test, counts.mallocs, 1ULL);
			gom_bucket_read(b, &counts);
			KUNIT_EXPECT_EQ(test, counts.mallocs, 1ULL);
		}
		gom_free(p);
		gom_free(q);
	}
	migrate_enable();
	KUNIT_EXPECT_GT(test, same, 0U);
}

/* What has live objects, or is in a list of leaks, keeps its bucket. */
static void buckets_in_use_stay(struct kunit *test)
{
	struct gom_profile_stats before;
	struct gom_bucket_counts counts;
	struct seq_file m = { .size = TEXT };
	struct gom_leaks *leaks;
	struct gom_bucket *b;
	unsigned int i;
	void *p;

	table_limit(test, 100, &before);
	p = site_a();
	b = bucket_named("site_a+0x");
	KUNIT_ASSERT_NOT_NULL(test, b);
	reclaim_all();
	KUNIT_EXPECT_PTR_EQ(test, bucket_named("site_a+0x"), b);
	leaks = gom_leaks_collect(0, "gomalloc_kunit", 0);
	gom_free(p);
	gom_bucket_read(b, &counts);
	KUNIT_EXPECT_EQ(test, counts.frees, 1ULL);
	KUNIT_ASSERT_NOT_NULL(test, leaks);
	reclaim_all();
	sizes_sample(test, 0, 50);	/* takes what is free */
	m.buf = kunit_kzalloc(test, TEXT, GFP_KERNEL);
	for (i = 0; m.buf && i < leaks->n; i++)
		gom_leaks_show(&m, leaks, i);
	KUNIT_EXPECT_NOT_NULL(test, m.buf && strstr(m.buf, "\n    site_a+0x") ? m.buf : NULL);
	gom_leaks_free(leaks);
	reclaim_all();
	KUNIT_EXPECT_NULL(test, bucket_named("site_a+0x"));
}

/* The names of freed code go with the last bucket that has them. */
static void names_go_with_the_buckets(struct kunit *test)
{
	struct gom_profile_stats before;
	struct gom_client_info info;
	struct gom_text range;
	struct gom_bucket *b;
	u64 bytes;
	void *p;

	table_limit(test, 100, &before);
	KUNIT_ASSERT_TRUE(test, gom_client_read(gom_client_of((unsigned long)site_a), &info));
	p = site_a();
	b = bucket_named("site_a+0x");
	KUNIT_ASSERT_NOT_NULL(test, b);
	range = (struct gom_text){ b->entry[0], 1 };
	bytes = stat_bytes(GOM_BUCKHASH_SYS);
	gom_freed_text_keep(&info, &range);
	KUNIT_EXPECT_TRUE(test, gom_freed_text_has(info.id, range.start));
	KUNIT_EXPECT_GT(test, stat_bytes(GOM_BUCKHASH_SYS), bytes + sizeof("site_a"));
	reclaim_all();
	KUNIT_EXPECT_TRUE(test, gom_freed_text_has(info.id, range.start));
	gom_free(p);
	reclaim_all();
	KUNIT_EXPECT_FALSE(test, gom_freed_text_has(info.id, range.start));
	KUNIT_EXPECT_LE(test, stat_bytes(GOM_BUCKHASH_SYS), bytes);
}

static int stacks_churn(void *stop)
{
	unsigned int i = 0;
	void *p, *q;

	while (!READ_ONCE(*(bool *)stop)) {
		p = gom_malloc(GOM_RUN_MAX_SIZE + (i++ % 40 + 1) * PAGE_SIZE, GFP_KERNEL);
		q = i % 2 ? site_a() : site_b();
		gom_free(p);
		gom_free(q);
		cond_resched();
	}
	return 0;
}

/* Samples, readers and the work item at the same time. */
static void reclaim_races_with_samples(struct kunit *test)
{
	static bool stop;
	struct gom_profile_stats before, after;
	struct task_struct *task[2];
	unsigned int i;

	table_limit(test, 20, &before);		/* fewer than there are stacks */
	gom_buckets_reclaim_ms = 0;
	after = before;
	stop = false;
	for (i = 0; i < ARRAY_SIZE(task); i++) {
		task[i] = kthread_run(stacks_churn, &stop, "gomtest_stacks");
		if (!IS_ERR(task[i]))
			get_task_struct(task[i]);
	}
	for (i = 0; i < TIMES(100, 20) || (i < 2000 && after.reclaimed == before.reclaimed); i++) {
		gom_buckets_reclaim();
		gom_leaks_free(gom_leaks_collect(0, "", 0));
		kunit_kfree(test, profile_text(test));
		gom_profile_read(&after);
	}
	WRITE_ONCE(stop, true);
	for (i = 0; i < ARRAY_SIZE(task); i++) {
		KUNIT_EXPECT_FALSE(test, IS_ERR(task[i]));
		if (IS_ERR(task[i]))
			continue;
		kthread_stop(task[i]);
		put_task_struct(task[i]);
	}
	gom_profile_read(&after);
	KUNIT_EXPECT_GT(test, after.reclaimed, before.reclaimed);
	KUNIT_EXPECT_GT(test, after.samples, before.samples);
	KUNIT_EXPECT_EQ(test, after.samples - after.freed, before.samples - before.freed);
}

/* The same for live samples, each of which needs a record. */
static void live_samples_are_bounded(struct kunit *test)
{
	const unsigned long max = gom_special_sample_bytes;
	struct gom_profile_stats before, full, after;
	const unsigned int n = TIMES(20000, 4000);
	void **p = kvcalloc(n, sizeof(*p), GFP_KERNEL);
	u64 bytes = stat_bytes(GOM_SPECIAL_SYS);
	unsigned int i;

	KUNIT_ASSERT_NOT_NULL(test, p);
	KUNIT_ASSERT_EQ(test, gom_mcache_set_profile_rate(1), 0);
	gom_special_sample_bytes = 0;
	gom_profile_read(&before);
	for (i = 0; i < n; i++)
		p[i] = gom_malloc(64, GFP_KERNEL);
	gom_profile_read(&full);
	KUNIT_EXPECT_EQ(test, stat_bytes(GOM_SPECIAL_SYS), bytes);
	KUNIT_EXPECT_GT(test, full.dropped, before.dropped);
	KUNIT_EXPECT_EQ(test, full.samples + full.dropped, before.samples + before.dropped + n);
	gom_free_bulk(n, p);
	gom_profile_read(&after);
	KUNIT_EXPECT_EQ(test, after.freed - before.freed, after.samples - before.samples);
	gom_special_sample_bytes = max;
	kvfree(p);
}

static int many_alloc(void *objs)
{
	void **p = objs;
	unsigned int i;

	for (i = 0; i < MANY; i++)
		p[i] = gom_malloc(64, GFP_KERNEL);
	return 0;
}

static int many_free(void *objs)
{
	gom_free_bulk(MANY, objs);
	return 0;
}

/*
 * One CPU allocates, another frees: records return to the CPU that needs them.
 */
static void records_return_to_their_cpu(struct kunit *test)
{
	unsigned int here, there, i;
	u64 bytes = 0;

	here = cpumask_first(cpu_online_mask);
	there = cpumask_next(here, cpu_online_mask);
	if (there >= nr_cpu_ids)
		kunit_skip(test, "needs two CPUs");
	KUNIT_ASSERT_EQ(test, gom_mcache_set_profile_rate(1), 0);
	for (i = 0; i < TIMES(20, 5); i++) {
		KUNIT_ASSERT_EQ(test, smp_call_on_cpu(here, many_alloc, many, false), 0);
		KUNIT_ASSERT_EQ(test, smp_call_on_cpu(there, many_free, many, false), 0);
		if (!i)
			bytes = stat_bytes(GOM_SPECIAL_SYS);
	}
	KUNIT_EXPECT_EQ(test, stat_bytes(GOM_SPECIAL_SYS), bytes);
}

/* The counters that sized frees test are 0 after all samples were freed. */
static void counters_return_to_zero(struct kunit *test)
{
	unsigned int i, slow = 0;

	KUNIT_ASSERT_EQ(test, gom_mcache_set_profile_rate(1), 0);
	for (i = 0; i < MANY; i++) {
		many[i] = gom_malloc(8, GFP_KERNEL);
		KUNIT_ASSERT_NOT_NULL(test, many[i]);
		KUNIT_EXPECT_TRUE(test, gom_special_maybe(many[i]));
	}
	KUNIT_ASSERT_EQ(test, gom_mcache_set_profile_rate(0), 0);
	gom_free_bulk(MANY, many);
	for (i = 0; i < MANY; i++)
		slow += gom_special_maybe(many[i]);
	KUNIT_EXPECT_EQ(test, slow, 0U);
}

/*
 * Each class needs a bucket; there are more classes than buckets in a block.
 * This test is the first one, as others leave free buckets.
 */
static void sample_without_memory_is_lost(struct kunit *test)
{
	struct gom_profile_stats before, after;
	void **p = many;
	unsigned int i;

	if (!gomtest_fail_after(0))
		kunit_skip(test, "this kernel has no fault injection");
	gomtest_fail_stop();
	KUNIT_ASSERT_EQ(test, gom_mcache_set_profile_rate(0), 0);
	/*
	 * Another CPU may have no object cached, which would then not be
	 * sampled.
	 */
	migrate_disable();
	for (i = 1; i < GOM_CLASS_TINY; i++)
		gom_free(gom_malloc(gom_classes[i].size, GFP_KERNEL));
	KUNIT_EXPECT_EQ(test, gom_mcache_set_profile_rate(1), 0);
	gom_profile_read(&before);
	gomtest_fail_after(0);
	for (i = 1; i < GOM_CLASS_TINY; i++)
		p[i] = gom_malloc(gom_classes[i].size, GFP_KERNEL);
	gomtest_fail_stop();
	migrate_enable();
	gom_profile_read(&after);
	KUNIT_EXPECT_GT(test, after.lost, before.lost);
	KUNIT_EXPECT_EQ(test, after.dropped, before.dropped);
	gom_free_bulk(GOM_CLASS_TINY - 1, p + 1);
}

static unsigned int max_before, reclaim_ms_before;

static int profile_begin(struct kunit *test)
{
	max_before = gom_buckets_max;
	reclaim_ms_before = gom_buckets_reclaim_ms;
	gomtest_needs_heap(test);
	return gomtest_begin(test);
}

static void profile_end(struct kunit *test)
{
	gom_buckets_max = max_before;
	gom_buckets_reclaim_ms = reclaim_ms_before;
	gomtest_end(test);
}

static struct kunit_case cases[] = {
	KUNIT_CASE(sample_without_memory_is_lost),
	KUNIT_CASE(distances_are_exponential),
	KUNIT_CASE(every_cpu_has_its_own_seed),
	KUNIT_CASE(estimate_is_unbiased),
	KUNIT_CASE(rate_1_samples_every_allocation),
	KUNIT_CASE(objects_of_caches_are_sampled),
	KUNIT_CASE(lifetimes_are_counted),
	KUNIT_CASE(nothing_is_sampled_when_off),
	KUNIT_CASE(rate_change_keeps_the_counts),
	KUNIT_CASE(caller_is_named),
	KUNIT_CASE(stacks_differ_by_outer_callers),
	KUNIT_CASE(buckets_are_bounded),
	KUNIT_CASE(later_stacks_are_recorded),
	KUNIT_CASE(memos_do_not_outlive_buckets),
	KUNIT_CASE(buckets_in_use_stay),
	KUNIT_CASE(names_go_with_the_buckets),
	KUNIT_CASE(reclaim_races_with_samples),
	KUNIT_CASE(live_samples_are_bounded),
	KUNIT_CASE(records_return_to_their_cpu),
	KUNIT_CASE(counters_return_to_zero),
	{}
};

struct kunit_suite gomalloc_profile_suite = {
	.name = "gomalloc_profile",
	.init = profile_begin,
	.exit = profile_end,
	.test_cases = cases,
};
