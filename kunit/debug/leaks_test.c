// SPDX-License-Identifier: GPL-2.0
/* The list of live objects by stack, and the report when a module goes. */
#include <linux/delay.h>
#include <linux/kallsyms.h>
#include <linux/mm.h>
#include <linux/seq_file.h>
#include <linux/string.h>

#include "api/efence.h"
#include "base/client.h"
#include "base/compat.h"
#include "base/fault.h"
#include "debug/leaks.h"
#include "gomalloc.h"
#include "log.h"
#include "percpu/mcache.h"
#include "slab/slab.h"
#include "special/bucket.h"
#include "special/freed_text.h"
#include "special/profile.h"
#include "suites.h"

#define NAME	"gomalloc_kunit"
#define TEXT	(64U << 10)

static u32 own_client(void)
{
	return gom_client_of((unsigned long)own_client);
}

static struct gom_leaks *list(struct kunit *test, unsigned int seconds, const char *module)
{
	struct gom_leaks *leaks = gom_leaks_collect(seconds, module, 0);

	KUNIT_ASSERT_NOT_NULL(test, leaks);
	return leaks;
}

/* The element of so many objects of that kind, or -1. */
static int find(const struct gom_leaks *leaks, const char *kind, unsigned long objects)
{
	char text[KSYM_SYMBOL_LEN];
	unsigned int i;

	for (i = 0; i < leaks->n; i++)
		if (leaks->leak[i].scan.objects == objects &&
		    !strcmp(gom_leaks_kind(leaks->leak[i].bucket, text, sizeof(text)), kind))
			return i;
	return -1;
}

/* The element of an object of that kind and size, or -1. */
static int find_size(const struct gom_leaks *leaks, const char *kind, size_t size)
{
	char text[KSYM_SYMBOL_LEN];
	unsigned int i;

	for (i = 0; i < leaks->n; i++)
		if (leaks->leak[i].scan.objects == 1 && leaks->leak[i].bucket->size == size &&
		    !strcmp(gom_leaks_kind(leaks->leak[i].bucket, text, sizeof(text)), kind))
			return i;
	return -1;
}

static char *text_of(struct kunit *test, const struct gom_leaks *leaks, int i)
{
	struct seq_file m = { .size = TEXT };

	m.buf = kunit_kzalloc(test, TEXT, GFP_KERNEL);
	KUNIT_ASSERT_NOT_NULL(test, m.buf);
	if (i < 0)
		gom_leaks_show_header(&m, leaks);
	else
		gom_leaks_show(&m, leaks, i);
	KUNIT_ASSERT_LT(test, m.count, m.size);
	m.buf[m.count] = 0;
	return m.buf;
}

static char *heap_text(struct kunit *test)
{
	struct seq_file m = { .size = 4 * TEXT };

	m.buf = kunit_kzalloc(test, 4 * TEXT, GFP_KERNEL);
	KUNIT_ASSERT_NOT_NULL(test, m.buf);
	gom_profile_show(&m);
	KUNIT_ASSERT_LT(test, m.count, m.size);
	m.buf[m.count] = 0;
	return m.buf;
}

/* One call site, so one stack. */
static noinline void allocate(struct kunit *test, size_t size, unsigned int n, void **p)
{
	unsigned int i;

	for (i = 0; i < n; i++) {
		p[i] = gom_malloc(size, GFP_KERNEL);
		KUNIT_ASSERT_NOT_NULL(test, p[i]);
	}
}

static void live_objects_are_listed(struct kunit *test)
{
	struct gom_leaks *leaks;
	char *text;
	void *p[7];
	int i;

	gom_mcache_set_profile_rate(1);
	allocate(test, 900, 7, p);
	leaks = list(test, 0, NAME);
	i = find(leaks, gom_efence ? "guarded" : "class 1024", 7);
	KUNIT_ASSERT_GE(test, i, 0);
	KUNIT_EXPECT_EQ(test, leaks->leak[i].scan.requested, 7 * 900ULL);
	KUNIT_EXPECT_EQ(test, leaks->leak[i].bucket->client, own_client());
	KUNIT_EXPECT_LE(test, leaks->leak[i].scan.oldest, leaks->leak[i].scan.youngest);
	text = text_of(test, leaks, i);
	KUNIT_EXPECT_NOT_NULL(test, strstr(text, gom_efence ?
		"\n7 objects, 6300 bytes, usable 6300, guarded, 0." :
		"\n7 objects, 6300 bytes, usable 7168, class 1024, 0."));
	KUNIT_EXPECT_NOT_NULL(test, strstr(text, "\n    allocate+0x"));
	KUNIT_EXPECT_NOT_NULL(test, strstr(text, " [" NAME "]\n"));
	text = text_of(test, leaks, -1);
	KUNIT_EXPECT_NULL(test, strstr(text, "only sampled"));
	KUNIT_EXPECT_NOT_NULL(test, strstr(text, ", of module " NAME "\n"));
	gom_leaks_free(leaks);

	gom_free_bulk(7, p);
	leaks = list(test, 0, NAME);
	KUNIT_EXPECT_LT(test, find(leaks, gom_efence ? "guarded" : "class 1024", 7), 0);
	gom_mcache_set_profile_rate(4096);
	KUNIT_EXPECT_NOT_NULL(test, strstr(text_of(test, leaks, -1),
		"only sampled objects are listed (memprofilerate=4096"));
	gom_leaks_free(leaks);
}

/* Objects of all kinds, each once: tiny, of a cache, large, several in a span. */
static void each_object_is_counted_once(struct kunit *test)
{
	struct gom_cache *cache = gom_cache_create("gom_leaks", 600, 0, GOM_NO_MERGE, NULL);
	static void *tiny[5], *cached[11], *large[2], *small[200];
	struct gom_leaks *leaks;
	unsigned int i;

	KUNIT_ASSERT_NOT_NULL(test, cache);
	gom_mcache_set_profile_rate(1);
	allocate(test, 200, ARRAY_SIZE(small), small);
	allocate(test, 300000, ARRAY_SIZE(large), large);
	for (i = 0; i < ARRAY_SIZE(tiny); i++)
		tiny[i] = gom_malloc_noscan(3, GFP_KERNEL);
	for (i = 0; i < ARRAY_SIZE(cached); i++)
		cached[i] = gom_cache_alloc(cache, GFP_KERNEL);
	leaks = list(test, 0, NAME);
	KUNIT_EXPECT_EQ(test, leaks->objects, 218ULL);
	KUNIT_EXPECT_EQ(test, leaks->requested, 200 * 200 + 2 * 300000 + 5 * 3 + 11 * 600ULL);
	KUNIT_EXPECT_EQ(test, leaks->n, 4U);
	if (!gom_efence) {
		KUNIT_EXPECT_EQ(test, find(leaks, "large", 2), 0);	/* most bytes first */
		KUNIT_EXPECT_GE(test, find(leaks, "class 208", 200), 0);
		KUNIT_EXPECT_GE(test, find(leaks, "cache gom_leaks", 11), 0);
		KUNIT_EXPECT_GE(test, find(leaks, "tiny", 5), 0);
	}
	gom_leaks_free(leaks);
	gom_free_bulk(ARRAY_SIZE(small), small);
	gom_free_bulk(ARRAY_SIZE(large), large);
	gom_free_bulk(ARRAY_SIZE(tiny), tiny);
	gom_cache_free_bulk(cache, ARRAY_SIZE(cached), cached);
	gom_cache_destroy(cache);
}

/* With efence=1, objects of other modules than efence_module's are ordinary. */
static void only_guarded_objects_are_called_so(struct kunit *test)
{
	void *guarded, *other;
	struct gom_leaks *leaks;

	if (!gom_efence)
		kunit_skip(test, "gomalloc was not loaded with efence=1");
	gom_mcache_set_profile_rate(1);
	guarded = gom_malloc(300000, GFP_KERNEL);
	gom_client_filter_set(&gom_efence_module, "another_module");
	other = gom_malloc(300000, GFP_KERNEL);
	gom_client_filter_set(&gom_efence_module, "");
	leaks = list(test, 0, NAME);
	KUNIT_EXPECT_EQ(test, leaks->objects, 2ULL);
	KUNIT_EXPECT_GE(test, find_size(leaks, "guarded", 300000), 0);
	KUNIT_EXPECT_GE(test, find_size(leaks, "large", PAGE_ALIGN(300000)), 0);
	gom_leaks_free(leaks);
	gom_free(guarded);
	gom_free(other);
}

static void young_objects_and_other_modules_are_left_out(struct kunit *test)
{
	struct gom_leaks *leaks;
	void *p[3];
	int i;

	gom_mcache_set_profile_rate(1);
	allocate(test, 64, 2, p);
	leaks = list(test, 1, NAME);
	KUNIT_EXPECT_EQ(test, leaks->objects, 0ULL);
	gom_leaks_free(leaks);
	msleep(1100);
	allocate(test, 64, 1, p + 2);
	leaks = list(test, 1, NAME);
	KUNIT_EXPECT_EQ(test, leaks->objects, 2ULL);
	i = find(leaks, gom_efence ? "guarded" : "class 64", 2);
	KUNIT_ASSERT_GE(test, i, 0);
	KUNIT_EXPECT_NOT_NULL(test, strstr(text_of(test, leaks, i), ", 1."));
	KUNIT_EXPECT_NOT_NULL(test, strstr(text_of(test, leaks, -1), ", older than 1 s"));
	gom_leaks_free(leaks);
	leaks = list(test, 0, "gomalloc");
	KUNIT_EXPECT_EQ(test, leaks->n, 0U);
	gom_leaks_free(leaks);
	gom_free_bulk(3, p);
}

struct with_head {
	struct rcu_head rcu;
	char text[40];
};

static void report_names_what_is_left(struct kunit *test)
{
	struct with_head *deferred;
	void *p[3];

	gom_mcache_set_profile_rate(1);
	gomtest_log_clear();
	gom_leaks_report(own_client(), NAME);
	KUNIT_EXPECT_EQ(test, gomtest_log_lines(), 0U);

	/* What is deferred is waited for. */
	deferred = gom_malloc(sizeof(*deferred), GFP_KERNEL);
	KUNIT_ASSERT_NOT_NULL(test, deferred);
	gom_free_rcu(deferred, rcu);
	gom_leaks_report(own_client(), NAME);
	KUNIT_EXPECT_EQ(test, gomtest_log_lines(), 0U);

	allocate(test, 900, 3, p);
	gom_leaks_report(own_client(), NAME);
	KUNIT_EXPECT_TRUE(test, gomtest_log_contains(NAME " left 3 objects, 2700 bytes, usable "));
	KUNIT_EXPECT_TRUE(test, gomtest_log_contains(" in 1 stacks when it was unloaded:"));
	KUNIT_EXPECT_TRUE(test, gomtest_log_contains("  3 objects, 2700 bytes, usable "));
	KUNIT_EXPECT_TRUE(test, gomtest_log_contains("    allocate+0x"));
	gom_free_bulk(3, p);
}

#ifdef GOM_HAS_NOLOCK
/* The head is on the queue, and nobody else will free it before the report. */
static bool nolock_head_report(enum gom_test_point at, unsigned int arg, gfp_t gfp)
{
	if (at == GOM_AT_NOLOCK_HEAD)
		gom_leaks_report(own_client(), NAME);
	return false;
}

static void report_waits_for_kfree_rcu_nolock(struct kunit *test)
{
	struct with_head *deferred;

	gom_mcache_set_profile_rate(1);
	deferred = gom_malloc(sizeof(*deferred), GFP_KERNEL);
	KUNIT_ASSERT_NOT_NULL(test, deferred);
	gomtest_log_clear();
	WRITE_ONCE(gom_test_callback, nolock_head_report);
	gom_slab_kfree_call_rcu_nolock(&deferred->rcu, deferred);
	WRITE_ONCE(gom_test_callback, NULL);
	KUNIT_EXPECT_EQ(test, gomtest_log_lines(), 0U);
	gom_slab_kfree_rcu_flush();
	gom_free_rcu_barrier();
}
#endif

/* Allocates with a stack of its own for each of 20 sizes. */
static void report_is_bounded(struct kunit *test)
{
	void *p[20];
	unsigned int i;

	gom_mcache_set_profile_rate(1);
	for (i = 0; i < ARRAY_SIZE(p); i++)
		allocate(test, 16 * (i + 1) * (i + 1), 1, p + i);
	gomtest_log_clear();
	gom_leaks_report(own_client(), NAME);
	KUNIT_EXPECT_TRUE(test, gomtest_log_contains("left 20 objects"));
	KUNIT_EXPECT_LE(test, gomtest_log_lines(), 2 + 16 * 11U);
	gomtest_log_match(" objects, ");	/* of the first line, and of each stack */
	gom_leaks_report(own_client(), NAME);
	KUNIT_EXPECT_EQ(test, gomtest_log_lines(), 1 + 16U);
	gomtest_log_match("more stacks, see debugfs leaks");
	gom_leaks_report(own_client(), NAME);
	KUNIT_EXPECT_EQ(test, gomtest_log_lines(), 1U);
	gomtest_log_match("gomalloc: ");
	gom_free_bulk(ARRAY_SIZE(p), p);
}

/* As if this module had been loaded again, after @n others. */
static void load_again_after(struct kunit *test, unsigned int n)
{
	const struct gom_text text = { 0x1000, 0x800 }, none = {};
	struct gom_client_info info;

	KUNIT_ASSERT_TRUE(test, gom_client_read(own_client(), &info));
	while (n--)
		gom_client_drop(gom_client_add("gomtest_other", &text, &none));
	gom_client_drop(info.id);
	KUNIT_ASSERT_NE(test, gom_client_add(info.name, &info.text,
					     info.has_init ? &info.init : &none), 0U);
}

/*
 * Names outlive the text: they are kept for the client before it is freed, and
 * other code at the same address has names of its own.
 */
static void names_are_kept(struct kunit *test)
{
	static const char nowhere[] = "no code";
	struct gom_client_info info;
	static struct gom_bucket gone;
	static char text[KSYM_SYMBOL_LEN];
	struct gom_leaks *leaks;
	struct gom_text range;
	unsigned long addr;
	void *p;

	gom_mcache_set_profile_rate(1);
	load_again_after(test, 300);
	KUNIT_ASSERT_TRUE(test, gom_client_read(own_client(), &info));
	allocate(test, 64, 1, &p);
	leaks = list(test, 0, NAME);
	KUNIT_ASSERT_EQ(test, leaks->n, 1U);
	addr = leaks->leak[0].bucket->entry[0];
	range = (struct gom_text){ addr, 1 };
	gom_freed_text_keep(&info, &range);
	gone = *leaks->leak[0].bucket;
	gom_freed_text_symbol(gone.client, gone.entry[0], text);
	KUNIT_EXPECT_NOT_NULL(test, strstr(text, "allocate+0x"));
	/* What the client does not have there, another may; no name was kept. */
	gone.client += 1;
	gone.entry[0] = (unsigned long)nowhere;
	gom_freed_text_symbol(gone.client, gone.entry[0], text);
	KUNIT_EXPECT_NULL(test, strstr(text, "allocate"));
	if (BITS_PER_LONG == 64) {
		char line[80], *heap = heap_text(test);

		/* Freed code has addresses of its own in the profile. */
		snprintf(line, sizeof(line), "\n0x%04x%012llx allocate [" NAME "]\n",
			 own_client(), (u64)addr & GENMASK_ULL(47, 0));
		KUNIT_EXPECT_NOT_NULL_MSG(test, strstr(heap, line), "%s", line);
	}
	gom_leaks_free(leaks);
	gom_free(p);
}

static struct kunit_case leaks_cases[] = {
	KUNIT_CASE(live_objects_are_listed),
	KUNIT_CASE(each_object_is_counted_once),
	KUNIT_CASE(only_guarded_objects_are_called_so),
	KUNIT_CASE(young_objects_and_other_modules_are_left_out),
	KUNIT_CASE(report_names_what_is_left),
#ifdef GOM_HAS_NOLOCK
	KUNIT_CASE(report_waits_for_kfree_rcu_nolock),
#endif
	KUNIT_CASE(report_is_bounded),
	KUNIT_CASE(names_are_kept),
	{}
};

static int leaks_suite_init(struct kunit_suite *suite)
{
	return gomtest_log_capture();
}

static void leaks_suite_exit(struct kunit_suite *suite)
{
	gomtest_log_release();
}

struct kunit_suite gomalloc_leaks_suite = {
	.name = "gomalloc_leaks",
	.suite_init = leaks_suite_init,
	.suite_exit = leaks_suite_exit,
	.init = gomtest_begin_any,
	.exit = gomtest_end,
	.test_cases = leaks_cases,
};
