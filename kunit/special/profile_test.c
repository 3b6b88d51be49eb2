// SPDX-License-Identifier: GPL-2.0
/* The heap profile: who is sampled, how often, and what is said of it. */
#include <linux/cpumask.h>
#include <linux/mm.h>
#include <linux/percpu.h>
#include <linux/seq_file.h>
#include <linux/slab.h>
#include <linux/smp.h>

#include "base/compat.h"
#include "base/random.h"
#include "base/sizeclass.h"
#include "gomalloc.h"
#include "percpu/mcache.h"
#include "special/profile.h"
#include "special/special.h"
#include "suites.h"

#define TEXT	(256U << 10)
#define MANY	600U

static void *many[MANY];

/* The text of debugfs heap; kunit frees it. */
static char *read_symbols(struct kunit *test)
{
	struct seq_file m = { .size = TEXT };

	m.buf = kunit_kzalloc(test, TEXT, GFP_KERNEL);
	KUNIT_ASSERT_NOT_NULL(test, m.buf);
	KUNIT_ASSERT_EQ(test, gom_profile_show(&m), 0);
	KUNIT_ASSERT_LT(test, m.count, m.size);
	m.buf[m.count] = 0;
	return m.buf;
}

/* The same from the profile's header on. */
static char *read_profile(struct kunit *test)
{
	char *heap = strstr(read_symbols(test), "\n---\nheap profile: ");

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

static void read_totals(struct kunit *test, struct totals *t)
{
	int n = sscanf(read_profile(test), "heap profile: %llu: %llu [%llu: %llu] @ heap_v2/%u",
		       &t->live, &t->live_bytes, &t->mallocs, &t->bytes, &t->rate);

	KUNIT_ASSERT_EQ(test, n, 5);
}

/* === How often === */

/*
 * Distances have the expectation that the rate promises, and half of them are below
 * the median of an exponential distribution, ln 2 of it.
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
	/* Half an object is lost to whole numbers; five sigma are 1.6% (debug: 3.5%). */
	KUNIT_EXPECT_GT(test, sum / n, rate / size * TIMES(97ULL, 95ULL) / 100);
	KUNIT_EXPECT_LT(test, sum / n, rate / size * TIMES(103ULL, 105ULL) / 100);
	KUNIT_EXPECT_GT(test, below, n / 2 - n / 40);
	KUNIT_EXPECT_LT(test, below, n / 2 + n / 40);
}

/*
 * Nobody asks for a seed when he allocates, with preemption off or in an NMI:
 * every CPU that may ever come has had its own since the module was loaded, and
 * does not go through the numbers that follow 0.
 */
static void every_cpu_has_a_seed_of_its_own(struct kunit *test)
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

/* Allocate and free @n objects of @size; half of them at the end of a magazine. */
static void churn(struct kunit *test, size_t size, unsigned int n)
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

/* Of 2^20 objects of @size, those that are sampled: 1 - exp(-size / rate), as a series. */
static u64 sampled_of(size_t size, unsigned int rate)
{
	const u64 x = ((u64)size << 20) / rate;
	u64 sum = 0, term = x;
	unsigned int i;

	for (i = 1; term; i++, term = (term * x >> 20) / i)
		sum = i % 2 ? sum + term : sum - term;
	return sum;
}

/* Over a known mix of sizes as many of each are sampled as a reader takes for granted. */
static void the_estimate_has_no_bias(struct kunit *test)
{
	static const size_t sizes[] = { 3, 6, 8, 48, 256, 1000 };
	const unsigned int rate = TIMES(1024, 64);
	struct totals before, after;
	u64 is, should, sigma;
	unsigned int i, n;

	for (i = 0; i < TIMES(ARRAY_SIZE(sizes), 4); i++) {
		n = TIMES(6000000, 12000) / sizes[i] / 16 * 16;
		KUNIT_ASSERT_EQ(test, gom_mcache_set_profile_rate(sizes[i] > 100 ? 16 * rate : rate), 0);
		read_totals(test, &before);
		churn(test, sizes[i], n);
		read_totals(test, &after);
		KUNIT_EXPECT_EQ(test, after.live, before.live);
		is = after.mallocs - before.mallocs;
		should = n * sampled_of(sizes[i] == 1000 ? 1024 : sizes[i], after.rate) >> 20;
		/* Of so many samples the square root, six times, is not seen twice in a life. */
		sigma = int_sqrt64(should) + 1;
		KUNIT_EXPECT_GT_MSG(test, is + 6 * sigma, should, "%zu bytes", sizes[i]);
		KUNIT_EXPECT_LT_MSG(test, is, should + 6 * sigma, "%zu bytes", sizes[i]);
	}
}

static void every_allocation_is_a_sample(struct kunit *test)
{
	static const size_t sizes[] = { 1, 5, 8, 96, 4000, 40000, 300000 };
	struct totals before, with, after;
	void *p[ARRAY_SIZE(sizes)][10];
	unsigned int i, j;

	KUNIT_ASSERT_EQ(test, gom_mcache_set_profile_rate(1), 0);
	read_totals(test, &before);
	for (i = 0; i < ARRAY_SIZE(sizes); i++) {
		for (j = 0; j < 10; j++) {
			p[i][j] = gom_malloc_noscan(sizes[i], GFP_KERNEL);
			KUNIT_ASSERT_NOT_NULL(test, p[i][j]);
		}
	}
	read_totals(test, &with);
	KUNIT_EXPECT_EQ(test, with.rate, 1U);
	KUNIT_EXPECT_EQ(test, with.live - before.live, 10ULL * ARRAY_SIZE(sizes));
	KUNIT_EXPECT_EQ(test, with.mallocs - before.mallocs, 10ULL * ARRAY_SIZE(sizes));
	KUNIT_EXPECT_GE(test, with.live_bytes - before.live_bytes, 10ULL * 344110);
	for (i = 0; i < ARRAY_SIZE(sizes); i++)
		for (j = 0; j < 10; j++)
			j % 2 ? gom_free(p[i][j]) : gom_free_sized(p[i][j], sizes[i]);
	read_totals(test, &after);
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
	read_totals(test, &before);
	KUNIT_ASSERT_TRUE(test, gom_cache_alloc_bulk(cache, GFP_KERNEL, ARRAY_SIZE(p), p));
	read_totals(test, &with);
	KUNIT_EXPECT_EQ(test, with.live - before.live, (u64)ARRAY_SIZE(p));
	gom_cache_free_bulk(cache, 40, p);
	gom_free_bulk(10, p + 40);
	read_totals(test, &after);
	KUNIT_EXPECT_EQ(test, after.live, before.live);
	gom_cache_destroy(cache);
}

static void nothing_is_sampled_when_off(struct kunit *test)
{
	struct gom_profile_stats before, after;

	KUNIT_ASSERT_EQ(test, gom_mcache_set_profile_rate(1), 0);
	KUNIT_ASSERT_EQ(test, gom_mcache_set_profile_rate(0), 0);
	gom_profile_read(&before);
	churn(test, 64, TIMES(16000, 800));
	churn(test, 4, TIMES(16000, 800));
	gom_free(gom_malloc(300000, GFP_KERNEL));
	gom_profile_read(&after);
	KUNIT_EXPECT_EQ(test, after.samples, before.samples);
	KUNIT_EXPECT_EQ(test, gom_mcache_set_profile_rate(GOM_PROFILE_RATE_MAX + 1), -EINVAL);
}

/* What was counted down is counted, whenever a countdown ends. */
static void another_rate_leaves_the_counts(struct kunit *test)
{
	static const unsigned int rates[] = { 1 << 20, 1, 0, 4096, 1 << 30 };
	struct gom_class_stats before, after;
	unsigned int class, i;

	churn(test, 64, 160);
	class = gom_size_to_slot(64) >> GOM_SLOT_SHIFT;
	gom_class_read(class, &before);
	for (i = 0; i < ARRAY_SIZE(rates); i++)
		KUNIT_ASSERT_EQ(test, gom_mcache_set_profile_rate(rates[i]), 0);
	gom_class_read(class, &after);
	KUNIT_EXPECT_EQ(test, after.mallocs, before.mallocs);
	churn(test, 64, 160);
	gom_class_read(class, &after);
	KUNIT_EXPECT_EQ(test, after.mallocs - before.mallocs, 160ULL);
	KUNIT_EXPECT_EQ(test, after.frees - before.frees, 160ULL);
}

/* === Who === */

static noinline void *ask_in_here(struct kunit *test)
{
	void *p = gom_malloc(3000, GFP_KERNEL);

	KUNIT_EXPECT_NOT_NULL(test, p);
	return p;
}

/* The caller's function is the first frame, and has its name in the symbols. */
static void the_caller_is_named(struct kunit *test)
{
	char *text, line[64], *at;
	unsigned long first;
	void *p;
	int n;

	KUNIT_ASSERT_EQ(test, gom_mcache_set_profile_rate(1), 0);
	p = ask_in_here(test);
	text = read_profile(test);
	at = strstr(text, "1: 3072 [1: 3072] @ 0x");
	KUNIT_ASSERT_NOT_NULL(test, at);
	n = sscanf(at, "1: 3072 [1: 3072] @ 0x%lx", &first);
	KUNIT_ASSERT_EQ(test, n, 1);
	/* The profile leaves out the highest bit. */
	snprintf(line, sizeof(line), "0x%016lx ask_in_here", first);
	KUNIT_EXPECT_NOT_NULL(test, strstr(read_symbols(test), line));
	gom_free(p);
	KUNIT_EXPECT_NOT_NULL(test, strstr(read_profile(test), "0: 0 [1: 3072] @ 0x"));
}

static noinline void *one_place(void)
{
	void *p = gom_malloc(5300, GFP_KERNEL);		/* of class 5376 */

	OPTIMIZER_HIDE_VAR(p);		/* no jump to it instead of a call */
	return p;
}

static noinline void *one_way(void)
{
	void *p = one_place();

	OPTIMIZER_HIDE_VAR(p);
	return p;
}

static noinline void *another_way(void)
{
	void *p = one_place();

	OPTIMIZER_HIDE_VAR(p);
	return p;
}

/* Stacks that are known are not taken for others that differ further up. */
static void two_ways_to_one_place_are_two_stacks(struct kunit *test)
{
	unsigned int i, stacks = 0;
	char *text;

	KUNIT_ASSERT_EQ(test, gom_mcache_set_profile_rate(1), 0);
	for (i = 0; i < 10; i++) {
		gom_free(one_way());
		gom_free(another_way());
	}
	text = read_profile(test);
	if (strstr(text, "0: 0 [20: 107520]"))
		kunit_skip(test, "this kernel knows no more of a stack than the caller");
	while ((text = strstr(text, "0: 0 [10: 53760]"))) {
		stacks++;
		text++;
	}
	KUNIT_EXPECT_EQ(test, stacks, 2U);
}

/* === How much there is of it === */

static u64 bytes_of(enum gom_stat stat)
{
	struct gom_memstats m;

	gom_memstats_read(&m);
	return m.stat[stat];
}

static noinline void sample_sizes(struct kunit *test, unsigned int from, unsigned int n)
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
 * Each size makes a bucket of its own: when there are as many as there may be,
 * there are no more.  Who has one goes on being counted.
 */
static void buckets_are_bounded(struct kunit *test)
{
	const unsigned int max = gom_profile_max_buckets, n = TIMES(100, 40);
	const unsigned int from[] = { 0, n, 2 * n, 0 };
	struct gom_profile_stats before, stats[ARRAY_SIZE(from)];
	u64 bytes[ARRAY_SIZE(from)];
	unsigned int i;

	KUNIT_ASSERT_EQ(test, gom_mcache_set_profile_rate(1), 0);
	gom_profile_read(&before);
	KUNIT_EXPECT_EQ(test, before.max_buckets, max);
	gom_profile_max_buckets = before.buckets + n;
	for (i = 0; i < ARRAY_SIZE(from); i++) {
		sample_sizes(test, from[i], n);
		gom_profile_read(&stats[i]);
		bytes[i] = bytes_of(GOM_BUCKHASH_SYS);
		KUNIT_EXPECT_EQ(test, stats[i].buckets, before.buckets + n);
		KUNIT_EXPECT_EQ(test, stats[i].samples - before.samples, (u64)n << (i == 3));
		KUNIT_EXPECT_EQ(test, stats[i].freed - before.freed, (u64)n << (i == 3));
		KUNIT_EXPECT_EQ(test, stats[i].dropped - before.dropped, (u64)n * min(i, 2U));
		KUNIT_EXPECT_EQ(test, stats[i].lost, before.lost);
		KUNIT_EXPECT_EQ(test, bytes[i], bytes[0]);
	}
	gom_profile_max_buckets = max;
}

/* The same for live samples, each of which needs a record; who frees finds those there are. */
static void live_samples_are_bounded(struct kunit *test)
{
	const unsigned long max = gom_special_sample_bytes;
	struct gom_profile_stats before, full, after;
	const unsigned int n = TIMES(20000, 4000);
	void **p = kvcalloc(n, sizeof(*p), GFP_KERNEL);
	u64 bytes = bytes_of(GOM_SPECIAL_SYS);
	unsigned int i;

	KUNIT_ASSERT_NOT_NULL(test, p);
	KUNIT_ASSERT_EQ(test, gom_mcache_set_profile_rate(1), 0);
	gom_special_sample_bytes = 0;
	gom_profile_read(&before);
	for (i = 0; i < n; i++)
		p[i] = gom_malloc(64, GFP_KERNEL);
	gom_profile_read(&full);
	KUNIT_EXPECT_EQ(test, bytes_of(GOM_SPECIAL_SYS), bytes);
	KUNIT_EXPECT_GT(test, full.dropped, before.dropped);
	KUNIT_EXPECT_EQ(test, full.samples + full.dropped, before.samples + before.dropped + n);
	gom_free_bulk(n, p);
	gom_profile_read(&after);
	KUNIT_EXPECT_EQ(test, after.freed - before.freed, after.samples - before.samples);
	gom_special_sample_bytes = max;
	kvfree(p);
}

static int fill(void *objs)
{
	void **p = objs;
	unsigned int i;

	for (i = 0; i < MANY; i++)
		p[i] = gom_malloc(64, GFP_KERNEL);
	return 0;
}

static int drain(void *objs)
{
	gom_free_bulk(MANY, objs);
	return 0;
}

/* One CPU allocates, another frees: the records of samples go back to where they are needed. */
static void records_go_home(struct kunit *test)
{
	unsigned int here, there, i;
	u64 bytes = 0;

	here = cpumask_first(cpu_online_mask);
	there = cpumask_next(here, cpu_online_mask);
	if (there >= nr_cpu_ids)
		kunit_skip(test, "needs two CPUs");
	KUNIT_ASSERT_EQ(test, gom_mcache_set_profile_rate(1), 0);
	for (i = 0; i < TIMES(20, 5); i++) {
		KUNIT_ASSERT_EQ(test, smp_call_on_cpu(here, fill, many, false), 0);
		KUNIT_ASSERT_EQ(test, smp_call_on_cpu(there, drain, many, false), 0);
		if (!i)
			bytes = bytes_of(GOM_SPECIAL_SYS);
	}
	KUNIT_EXPECT_EQ(test, bytes_of(GOM_SPECIAL_SYS), bytes);
}

/* What sized frees look at counts down to nothing, however many samples there were. */
static void a_spell_at_rate_1_leaves_nothing_behind(struct kunit *test)
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

/* Each class needs a bucket of its own, and there are more classes than buckets in a block. */
static void no_memory_for_a_sample(struct kunit *test)
{
	struct gom_profile_stats before, after;
	void **p = many;
	unsigned int i;

	if (!fail_after(0))
		kunit_skip(test, "this kernel has no fault injection");
	fail_no_more();
	KUNIT_ASSERT_EQ(test, gom_mcache_set_profile_rate(0), 0);
	/* On another CPU there may be no object, and then nothing to sample. */
	migrate_disable();
	for (i = 1; i < GOM_CLASS_TINY; i++)
		gom_free(gom_malloc(gom_classes[i].size, GFP_KERNEL));
	KUNIT_EXPECT_EQ(test, gom_mcache_set_profile_rate(1), 0);
	gom_profile_read(&before);
	fail_after(0);
	for (i = 1; i < GOM_CLASS_TINY; i++)
		p[i] = gom_malloc(gom_classes[i].size, GFP_KERNEL);
	fail_no_more();
	migrate_enable();
	gom_profile_read(&after);
	KUNIT_EXPECT_GT(test, after.lost, before.lost);
	KUNIT_EXPECT_EQ(test, after.dropped, before.dropped);
	gom_free_bulk(GOM_CLASS_TINY - 1, p + 1);
}

static int profile_begin(struct kunit *test)
{
	needs_heap(test);
	return live_begin(test);
}

static struct kunit_case cases[] = {
	KUNIT_CASE(distances_are_exponential),
	KUNIT_CASE(every_cpu_has_a_seed_of_its_own),
	KUNIT_CASE(the_estimate_has_no_bias),
	KUNIT_CASE(every_allocation_is_a_sample),
	KUNIT_CASE(objects_of_caches_are_sampled),
	KUNIT_CASE(nothing_is_sampled_when_off),
	KUNIT_CASE(another_rate_leaves_the_counts),
	KUNIT_CASE(the_caller_is_named),
	KUNIT_CASE(two_ways_to_one_place_are_two_stacks),
	KUNIT_CASE(buckets_are_bounded),
	KUNIT_CASE(live_samples_are_bounded),
	KUNIT_CASE(records_go_home),
	KUNIT_CASE(a_spell_at_rate_1_leaves_nothing_behind),
	KUNIT_CASE(no_memory_for_a_sample),
	{}
};

struct kunit_suite gomalloc_profile_suite = {
	.name = "gomalloc_profile",
	.init = profile_begin,
	.exit = live_end,
	.test_cases = cases,
};
