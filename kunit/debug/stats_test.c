// SPDX-License-Identifier: GPL-2.0
/*
 * Statistics: they add up, debugfs shows them, and those of an empty heap are
 * 0.
 */
#include <linux/mm.h>
#include <linux/seq_file.h>
#include <linux/sizes.h>

#include "base/compat.h"
#include "base/report.h"
#include "base/sizeclass.h"
#include "debug/check.h"
#include "debug/debugfs.h"
#include "gomalloc.h"
#include "percpu/tiny.h"
#include "special/profile.h"
#include "suites.h"

#define OBJECTS	500U

/* The text of debugfs memstats. */
static char *memstats_text(struct kunit *test)
{
	struct seq_file *m = kunit_kzalloc(test, sizeof(*m), GFP_KERNEL);

	KUNIT_ASSERT_NOT_NULL(test, m);
	m->size = SZ_4K;
	m->buf = kunit_kzalloc(test, m->size, GFP_KERNEL);
	KUNIT_ASSERT_NOT_NULL(test, m->buf);
	KUNIT_ASSERT_EQ(test, gom_debugfs_memstats(m), 0);
	KUNIT_ASSERT_FALSE(test, seq_has_overflowed(m));
	return m->buf;
}

/* The value of the line "@name value". */
static u64 memstats_value(struct kunit *test, const char *text, const char *name)
{
	size_t len = strlen(name);
	const char *line = text;
	u64 value = 0;

	while (line && !(strncmp(line, name, len) == 0 && line[len] == ' ')) {
		line = strchr(line, '\n');
		line = line ? line + 1 : NULL;
	}
	KUNIT_EXPECT_NOT_NULL_MSG(test, line, "no line for %s", name);
	if (line)
		KUNIT_EXPECT_EQ(test, sscanf(line + len, "%llu", &value), 1);
	return value;
}

static void totals_add_up(struct kunit *test)
{
	void *p = gom_malloc(5000, GFP_KERNEL);
	struct gom_memstats m;
	u64 sys = 0;
	int i;

	gom_memstats_read(&m);
	KUNIT_EXPECT_EQ(test, m.heap_sys, m.heap_inuse + m.heap_idle);
	for (i = 0; i < GOM_NR_STATS; i++)
		sys += m.stat[i];
	KUNIT_EXPECT_EQ(test, m.sys, sys + m.heap_sys);
	KUNIT_EXPECT_LE(test, m.alloc, m.heap_inuse);
	KUNIT_EXPECT_LE(test, m.mspan_inuse, m.stat[GOM_MSPAN_SYS]);
	KUNIT_EXPECT_LE(test, m.mcache_inuse, m.stat[GOM_MCACHE_SYS]);
	gom_free(p);
}

static void each_class_counts_its_objects(struct kunit *test)
{
	struct gom_class_stats before, during, after;
	unsigned int class, i;
	void *p[10];

	for (class = 1; class < GOM_CLASS_TINY; class++) {
		gom_class_read(class, &before);
		for (i = 0; i < ARRAY_SIZE(p); i++)
			p[i] = gom_malloc(gom_classes[class].size, GFP_KERNEL);
		gom_class_read(class, &during);
		gom_free_bulk(ARRAY_SIZE(p), p);
		gom_class_read(class, &after);
		KUNIT_EXPECT_EQ(test, during.mallocs - before.mallocs, (u64)ARRAY_SIZE(p));
		KUNIT_EXPECT_EQ(test, during.frees, before.frees);
		KUNIT_EXPECT_EQ(test, after.mallocs, during.mallocs);
		KUNIT_EXPECT_EQ(test, after.frees - before.frees, (u64)ARRAY_SIZE(p));
	}
}

static void memstats_counts_operations(struct kunit *test)
{
	void **p = kunit_kzalloc(test, OBJECTS * sizeof(*p), GFP_KERNEL);
	char *before = memstats_text(test), *during, *after;
	unsigned int i;
	u64 bytes = 0;

	KUNIT_ASSERT_NOT_NULL(test, p);
	for (i = 0; i < OBJECTS; i++) {
		p[i] = gom_malloc(i * 101 % 45000 + 1, GFP_KERNEL);
		KUNIT_ASSERT_NOT_NULL(test, p[i]);
		bytes += gom_size(p[i]);
	}
	during = memstats_text(test);
	gom_free_bulk(OBJECTS, p);
	after = memstats_text(test);

	KUNIT_EXPECT_EQ(test, memstats_value(test, during, "mallocs") -
			memstats_value(test, before, "mallocs"), (u64)OBJECTS);
	KUNIT_EXPECT_EQ(test, memstats_value(test, during, "heap_objects") -
			memstats_value(test, before, "heap_objects"), (u64)OBJECTS);
	KUNIT_EXPECT_EQ(test, memstats_value(test, during, "alloc") -
			memstats_value(test, before, "alloc"), bytes);
	KUNIT_EXPECT_EQ(test, memstats_value(test, after, "frees") -
			memstats_value(test, during, "frees"), (u64)OBJECTS);
	KUNIT_EXPECT_EQ(test, memstats_value(test, after, "alloc"),
			memstats_value(test, before, "alloc"));
	KUNIT_EXPECT_EQ(test, memstats_value(test, after, "heap_objects"),
			memstats_value(test, after, "mallocs") -
			memstats_value(test, after, "frees"));
}

static void cache_objects_are_counted(struct kunit *test)
{
	struct gom_cache *cache = gom_cache_create("gom_counted", 200, 0, GOM_NO_MERGE, NULL);
	struct gom_memstats before, during, after;
	void *p[10];

	KUNIT_ASSERT_NOT_NULL(test, cache);
	gom_memstats_read(&before);
	KUNIT_ASSERT_TRUE(test, gom_cache_alloc_bulk(cache, GFP_KERNEL, ARRAY_SIZE(p), p));
	gom_memstats_read(&during);
	KUNIT_EXPECT_EQ(test, during.mallocs - before.mallocs, (u64)ARRAY_SIZE(p));
	KUNIT_EXPECT_EQ(test, during.alloc - before.alloc, (u64)ARRAY_SIZE(p) * gom_size(p[0]));
	gom_cache_free_bulk(cache, ARRAY_SIZE(p), p);
	gom_memstats_read(&after);
	KUNIT_EXPECT_EQ(test, after.frees - during.frees, (u64)ARRAY_SIZE(p));
	KUNIT_EXPECT_EQ(test, after.alloc, before.alloc);
	gom_cache_destroy(cache);
}

static void empty_heap_has_no_memory(struct kunit *test)
{
	struct gom_class_stats stats;
	struct gom_memstats m;
	unsigned int class;

	if (gomtest_live_objects())
		kunit_skip(test, "there are live objects of another module");
	gom_release_memory();
	gom_memstats_read(&m);
	KUNIT_EXPECT_EQ(test, m.heap_sys, 0ULL);
	KUNIT_EXPECT_EQ(test, m.heap_inuse, 0ULL);
	KUNIT_EXPECT_EQ(test, m.alloc, 0ULL);
	KUNIT_EXPECT_EQ(test, m.mspan_inuse, 0ULL);
	KUNIT_EXPECT_EQ(test, m.mcache_inuse, 0ULL);
	for (class = 1; class < GOM_CLASS_TINY; class++) {
		gom_class_read(class, &stats);
		KUNIT_EXPECT_EQ_MSG(test, stats.spans, 0UL, "class %u", class);
		KUNIT_EXPECT_EQ_MSG(test, stats.cached + stats.depot, 0ULL, "class %u", class);
	}
}

static void reset_keeps_live_objects(struct kunit *test)
{
	struct gom_cache *cache = gom_cache_create("gom_reset", 72, 0, GOM_NO_MERGE, NULL);
	struct gom_profile_stats profile;
	struct gom_memstats before, after;
	struct gom_class_stats stats;
	struct gom_tiny_stats tiny;
	void *p, *q, *t, *o, *l;

	gomtest_expect_misuse(test);
	KUNIT_ASSERT_NOT_NULL(test, cache);
	p = gom_malloc(50, GFP_KERNEL);
	q = gom_malloc(70, GFP_KERNEL);
	t = gom_malloc_noscan(3, GFP_KERNEL);
	o = gom_cache_alloc(cache, GFP_KERNEL);
	l = gom_malloc(300000, GFP_KERNEL);
	gom_free(q);
	gom_memstats_read(&before);
	gom_stats_reset();
	gom_memstats_read(&after);
	KUNIT_EXPECT_EQ(test, after.mallocs - after.frees, before.mallocs - before.frees);
	KUNIT_EXPECT_EQ(test, after.alloc, before.alloc);
	KUNIT_EXPECT_EQ(test, after.heap_sys, before.heap_sys);
	KUNIT_EXPECT_LT(test, after.mallocs, before.mallocs);
	KUNIT_EXPECT_EQ(test, after.heap_released, 0ULL);
	gom_class_read(gom_size_to_class(50), &stats);
	KUNIT_EXPECT_EQ(test, stats.refills + stats.flushes, 0ULL);
	KUNIT_EXPECT_EQ(test, gom_misuse_count(GOM_BAD_DOUBLE_FREE), 0UL);
	gom_tiny_read(-1, &tiny);
	KUNIT_EXPECT_GE(test, tiny.mallocs - tiny.frees, 1ULL);
	gom_profile_read(&profile);
	KUNIT_EXPECT_EQ(test, profile.lost, 0ULL);
	KUNIT_EXPECT_EQ(test, gom_check(), 0);
	gom_free(p);
	gom_free(t);
	gom_cache_free(cache, o);
	gom_free(l);
	gom_cache_destroy(cache);
}

static struct kunit_case cases[] = {
	KUNIT_CASE(totals_add_up),
	KUNIT_CASE(each_class_counts_its_objects),
	KUNIT_CASE(memstats_counts_operations),
	KUNIT_CASE(cache_objects_are_counted),
	KUNIT_CASE(empty_heap_has_no_memory),
	KUNIT_CASE(reset_keeps_live_objects),
	{}
};

struct kunit_suite gomalloc_stats_suite = {
	.name = "gomalloc_stats",
	.init = gomtest_begin_heap,
	.exit = gomtest_end,
	.test_cases = cases,
};
