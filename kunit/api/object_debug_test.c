// SPDX-License-Identifier: GPL-2.0
/*
 * Debugged objects: each kind of damage is named as SLUB names it, and mended;
 * correct use is silent.  Caches get their debugging by SLAB_* flags.
 */
#include <linux/poison.h>
#include <linux/rcupdate.h>
#include <linux/seq_file.h>
#include <linux/slab.h>

#include "api/cache.h"
#include "api/nolock.h"
#include "api/object_debug.h"
#include "api/object_report.h"
#include "base/compat.h"
#include "base/debug_flags.h"
#include "base/report.h"
#include "debug/objects.h"
#include "heap/pagemap.h"
#include "log.h"
#include "suites.h"

#define SIZE	60U		/* not a multiple of a word */
#define ALL	(SLAB_CONSISTENCY_CHECKS | SLAB_RED_ZONE | SLAB_POISON | SLAB_STORE_USER)

/* A test's cache, and what was counted before. */
struct fixture {
	struct gom_cache *cache;
	unsigned long overwrites, double_frees, middles;
};

static void fixture_begin(struct kunit *test, struct fixture *f, slab_flags_t flags)
{
	f->cache = gom_cache_create("test_debug", SIZE, 0, flags, NULL);
	KUNIT_ASSERT_NOT_NULL(test, f->cache);
	KUNIT_ASSERT_EQ(test, gomtest_log_capture(), 0);
	gomtest_log_clear();
	gomtest_expect_misuse(test);
	gom_report_again();
	gom_debug_report_again();
	f->overwrites = gom_misuse_count(GOM_BAD_OVERWRITE);
	f->double_frees = gom_misuse_count(GOM_BAD_DOUBLE_FREE);
	f->middles = gom_misuse_count(GOM_BAD_FREE_MIDDLE);
}

static void fixture_end(struct kunit *test, struct fixture *f, unsigned int overwrites,
			unsigned int double_frees, unsigned int middles)
{
	KUNIT_EXPECT_EQ(test, gom_misuse_count(GOM_BAD_OVERWRITE), f->overwrites + overwrites);
	KUNIT_EXPECT_EQ(test, gom_misuse_count(GOM_BAD_DOUBLE_FREE),
			f->double_frees + double_frees);
	KUNIT_EXPECT_EQ(test, gom_misuse_count(GOM_BAD_FREE_MIDDLE), f->middles + middles);
	gomtest_log_release();
	gom_cache_destroy(f->cache);
}

static noinline u8 *object_new(struct kunit *test, struct fixture *f)
{
	u8 *p = gom_cache_alloc(f->cache, GFP_KERNEL);

	KUNIT_ASSERT_NOT_NULL(test, p);
	return p;
}

static noinline void object_end(struct fixture *f, u8 *p)
{
	gom_cache_free(f->cache, p);
	barrier();	/* no tail call, so that this is the call site */
}

/* Write @value over byte @off of @p, where neither compiler nor KASAN may object. */
static noinline __no_sanitize_address void damage(u8 *p, ptrdiff_t off, u8 value)
{
	OPTIMIZER_HIDE_VAR(p);
	WRITE_ONCE(p[off], value);
}

static void correct_use_is_silent(struct kunit *test)
{
	static const slab_flags_t flags[] = { ALL, SLAB_RED_ZONE, SLAB_POISON, SLAB_STORE_USER,
					      SLAB_CONSISTENCY_CHECKS };
	struct fixture f;
	unsigned int i, j;
	u8 *p[40];

	for (i = 0; i < ARRAY_SIZE(flags); i++) {
		fixture_begin(test, &f, flags[i]);
		for (j = 0; j < ARRAY_SIZE(p); j++) {
			p[j] = object_new(test, &f);
			KUNIT_EXPECT_EQ(test, gom_size(p[j]), SIZE);
			KUNIT_EXPECT_TRUE(test, IS_ALIGNED((unsigned long)p[j], sizeof(u64)));
			memset(p[j], j, SIZE);
		}
		for (j = 0; j < ARRAY_SIZE(p); j++) {
			KUNIT_EXPECT_TRUE(test, gomtest_all_bytes(p[j], j, SIZE));
			gom_cache_free(f.cache, p[j]);
		}
		gom_free(object_new(test, &f));
		KUNIT_EXPECT_EQ(test, gomtest_log_lines(), 0U);
		fixture_end(test, &f, 0, 0, 0);
	}
}

/* One byte at @off is overwritten while the object is live. */
static void live_damage(struct kunit *test, ptrdiff_t off, const char *words)
{
	struct fixture f;
	u8 *p, *q;

	fixture_begin(test, &f, ALL);
	p = object_new(test, &f);
	damage(p, off, 0x12);
	gom_cache_free(f.cache, p);
	KUNIT_EXPECT_TRUE_MSG(test, gomtest_log_contains(words), "no report of %s", words);
	KUNIT_EXPECT_TRUE(test, gomtest_log_contains("First byte 0x12 instead of 0xcc"));
	KUNIT_EXPECT_TRUE(test, gomtest_log_contains("FIX test_debug: Restoring"));
	/* It was mended and freed: the next user finds nothing. */
	q = object_new(test, &f);
	gom_cache_free(f.cache, q);
	fixture_end(test, &f, 1, 0, 0);
}

static void byte_after_the_object_is_seen(struct kunit *test)
{
	live_damage(test, SIZE, "BUG test_debug: Right Redzone overwritten");
}

static void byte_before_the_object_is_seen(struct kunit *test)
{
	live_damage(test, -1, "BUG test_debug: Left Redzone overwritten");
}

/* One byte at @off is overwritten after the free. */
static void dead_damage(struct kunit *test, size_t off, const char *words, const char *bytes)
{
	struct fixture f;
	u8 *p, *q[64];
	unsigned int i, nr = 0;

	fixture_begin(test, &f, ALL);
	p = object_new(test, &f);
	gom_cache_free(f.cache, p);
	damage(p, off, 0x12);
	/* The object comes back in at most a span's objects. */
	while (nr < ARRAY_SIZE(q) && gom_misuse_count(GOM_BAD_OVERWRITE) == f.overwrites)
		q[nr++] = object_new(test, &f);
	KUNIT_EXPECT_TRUE_MSG(test, gomtest_log_contains(words), "no report of %s", words);
	KUNIT_EXPECT_TRUE(test, gomtest_log_contains(bytes));
	for (i = 0; i < nr; i++)
		gom_cache_free(f.cache, q[i]);
	fixture_end(test, &f, 1, 0, 0);
}

static void write_after_free_is_seen(struct kunit *test)
{
	dead_damage(test, 8, "BUG test_debug: Poison overwritten",
		    "First byte 0x12 instead of 0x6b");
}

static void write_to_last_byte_after_free_is_seen(struct kunit *test)
{
	dead_damage(test, SIZE - 1, "BUG test_debug: End Poison overwritten",
		    "First byte 0x12 instead of 0xa5");
}

static void write_behind_a_freed_object_is_seen(struct kunit *test)
{
	dead_damage(test, SIZE + 1, "BUG test_debug: Right Redzone overwritten",
		    "First byte 0x12 instead of 0xbb");
}

/* The memory is given back before the object is allocated again. */
static void write_after_the_last_free_is_seen(struct kunit *test)
{
	struct fixture f;
	u8 *p;

	fixture_begin(test, &f, ALL);
	p = object_new(test, &f);
	gom_cache_free(f.cache, p);
	damage(p, 8, 0x12);
	gom_cache_shrink(f.cache);
	KUNIT_EXPECT_TRUE(test, gomtest_log_contains("BUG test_debug: Poison overwritten"));
	fixture_end(test, &f, 1, 0, 0);
}

/* As gom_realloc() shrinks it if there is no memory to move to. */
static void byte_behind_a_shrunk_object_is_seen(struct kunit *test)
{
	struct gom_place at;
	struct fixture f;
	u8 *p;

	fixture_begin(test, &f, ALL);
	p = object_new(test, &f);
	gom_pagemap_place(p, &at);
	gom_debug_resize(&at, SIZE - 20);
	KUNIT_EXPECT_EQ(test, gom_size(p), SIZE - 20);
	damage(p, SIZE - 20, 0x12);
	gom_cache_free(f.cache, p);
	KUNIT_EXPECT_TRUE(test, gomtest_log_contains("Right Redzone overwritten"));
	fixture_end(test, &f, 1, 0, 0);
}

/* A reader may read what was there, so nothing is written to it. */
static void typesafe_objects_are_not_poisoned(struct kunit *test)
{
	struct gom_cache *c = gom_cache_create("test_debug_rcu", SIZE, 0,
					       ALL | SLAB_TYPESAFE_BY_RCU, NULL);
	u8 *p;

	KUNIT_ASSERT_NOT_NULL(test, c);
	p = gom_cache_alloc(c, GFP_KERNEL);
	KUNIT_ASSERT_NOT_NULL(test, p);
	memset(p, 0x44, SIZE);
	rcu_read_lock();
	gom_cache_free(c, p);
	KUNIT_EXPECT_TRUE(test, gomtest_all_bytes(p, 0x44, SIZE));
	rcu_read_unlock();
	gom_cache_destroy(c);
}

static void init_on_free_clears_what_is_not_poisoned(struct kunit *test)
{
	struct fixture f;
	u8 *p;

	if (!want_init_on_free())
		kunit_skip(test, "the kernel was not booted with init_on_free=1");
	fixture_begin(test, &f, SLAB_RED_ZONE);
	p = object_new(test, &f);
	memset(p, 0x66, SIZE);
	gom_cache_free(f.cache, p);
	KUNIT_EXPECT_TRUE(test, gomtest_all_bytes(p, 0, SIZE));
	fixture_end(test, &f, 0, 0, 0);
}

static void traced_calls_are_logged(struct kunit *test)
{
	struct fixture f;

	fixture_begin(test, &f, SLAB_TRACE);
	object_end(&f, object_new(test, &f));
	KUNIT_EXPECT_TRUE(test, gomtest_log_contains("TRACE test_debug alloc "));
	KUNIT_EXPECT_TRUE(test, gomtest_log_contains("TRACE test_debug free "));
	KUNIT_EXPECT_EQ(test, gomtest_log_lines(), 2U);
	fixture_end(test, &f, 0, 0, 0);
}

static void reports_are_rate_limited(struct kunit *test)
{
	struct fixture f;
	unsigned int i;
	u8 *p;

	fixture_begin(test, &f, SLAB_RED_ZONE);
	gomtest_log_match("BUG test_debug: ");
	for (i = 0; i < 30; i++) {
		p = object_new(test, &f);
		damage(p, SIZE, 1);
		gom_cache_free(f.cache, p);
	}
	KUNIT_EXPECT_LE(test, gomtest_log_lines(), 20U);	/* 10 in 5 seconds */
	KUNIT_EXPECT_GE(test, gomtest_log_lines(), 10U);
	fixture_end(test, &f, 30, 0, 0);
}

static void double_free_is_seen(struct kunit *test)
{
	struct fixture f;
	u8 *p;

	fixture_begin(test, &f, ALL);
	p = object_new(test, &f);
	object_end(&f, p);
	object_end(&f, p);
	KUNIT_EXPECT_TRUE(test, gomtest_log_contains("BUG test_debug: Object already free"));
	KUNIT_EXPECT_TRUE(test, gomtest_log_contains("Allocated in object_new"));
	KUNIT_EXPECT_TRUE(test, gomtest_log_contains("Freed in object_end"));
	fixture_end(test, &f, 0, 1, 0);
}

/* Each free after gom_free_nolock() is a double free, whichever comes first. */
static void double_free_nolock_is_seen(struct kunit *test)
{
	struct fixture f;
	unsigned long flags;
	u8 *p;

	fixture_begin(test, &f, ALL);
	p = object_new(test, &f);
	local_irq_save(flags);
	gom_free_nolock(p);
	gom_free_nolock(p);
	gom_cache_free(f.cache, p);
	local_irq_restore(flags);
	gom_nolock_drain();
	KUNIT_EXPECT_EQ(test, gom_misuse_count(GOM_BAD_DOUBLE_FREE), f.double_frees + 2);
	gom_free_nolock(p);
	KUNIT_EXPECT_EQ(test, gom_misuse_count(GOM_BAD_DOUBLE_FREE), f.double_frees + 3);
	gom_nolock_drain();
	KUNIT_EXPECT_EQ(test, gom_objects_validate(), 0UL);
	fixture_end(test, &f, 0, 3, 0);
}

static void free_of_the_middle_is_seen(struct kunit *test)
{
	struct fixture f;
	u8 *p;

	fixture_begin(test, &f, ALL);
	p = object_new(test, &f);
	gom_cache_free(f.cache, p + 8);
	KUNIT_EXPECT_TRUE(test, gomtest_log_contains("BUG test_debug: Invalid object pointer"));
	KUNIT_EXPECT_TRUE(test, gomtest_log_contains("8 bytes from the beginning"));
	gom_cache_free(f.cache, p);
	fixture_end(test, &f, 0, 0, 1);
}

static void free_to_another_cache_is_seen(struct kunit *test)
{
	unsigned long caches = gom_misuse_count(GOM_BAD_CACHE);
	struct gom_cache *other;
	struct fixture f;
	u8 *p;

	fixture_begin(test, &f, ALL);
	other = gom_cache_create("test_debug_other", SIZE, 0, ALL, NULL);
	KUNIT_ASSERT_NOT_NULL(test, other);
	p = object_new(test, &f);
	gom_cache_free(other, p);
	KUNIT_EXPECT_EQ(test, gom_misuse_count(GOM_BAD_CACHE), caches + 1);
	gom_cache_free(f.cache, p);
	gom_cache_destroy(other);
	fixture_end(test, &f, 0, 0, 0);
}

static void overwritten_record_is_seen(struct kunit *test)
{
	const struct gom_debug_layout *d;
	struct fixture f;
	unsigned int i;
	u8 *p;

	fixture_begin(test, &f, SLAB_CONSISTENCY_CHECKS);
	p = object_new(test, &f);
	d = gom_class_debug(f.cache->class);
	for (i = 0; i < sizeof(struct gom_debug_record); i++)
		damage(p, d->record + i, 0x41);
	gom_cache_free(f.cache, p);
	KUNIT_EXPECT_TRUE(test, gomtest_log_contains("BUG test_debug: Record overwritten"));
	gom_cache_free(f.cache, object_new(test, &f));
	fixture_end(test, &f, 1, 0, 0);
}

static void bulk_frees_are_checked(struct kunit *test)
{
	struct fixture f;
	void *p[20];

	fixture_begin(test, &f, ALL);
	KUNIT_ASSERT_TRUE(test, gom_cache_alloc_bulk(f.cache, GFP_KERNEL, ARRAY_SIZE(p), p));
	damage(p[3], SIZE, 1);
	gom_cache_free_bulk(f.cache, 10, p);
	damage(p[15], -8, 1);
	gom_free_bulk(10, p + 10);
	KUNIT_EXPECT_TRUE(test, gomtest_log_contains("Right Redzone overwritten"));
	KUNIT_EXPECT_TRUE(test, gomtest_log_contains("Left Redzone overwritten"));
	fixture_end(test, &f, 2, 0, 0);
}

struct debug_rcu_object {
	struct rcu_head rcu;
	u8 bytes[SIZE - sizeof(struct rcu_head)];
};

static void rcu_frees_are_checked(struct kunit *test)
{
	struct debug_rcu_object *p;
	struct fixture f;

	fixture_begin(test, &f, ALL);
	p = (void *)object_new(test, &f);
	gom_free_rcu(p, rcu);
	p = (void *)object_new(test, &f);
	damage((u8 *)p, SIZE, 1);
	gom_free_rcu(p, rcu);
	gom_free_rcu_barrier();
	KUNIT_EXPECT_TRUE(test, gomtest_log_contains("Right Redzone overwritten"));
	fixture_end(test, &f, 1, 0, 0);
}

static unsigned int constructed;

static void construct(void *p)
{
	memset(p, 0x33, SIZE);
	constructed++;
}

static void constructed_objects_keep_their_contents(struct kunit *test)
{
	struct gom_cache *c = gom_cache_create("test_debug_ctor", SIZE, 0, ALL, construct);
	u8 *p;

	KUNIT_ASSERT_NOT_NULL(test, c);
	p = gom_cache_alloc(c, GFP_KERNEL);
	KUNIT_ASSERT_NOT_NULL(test, p);
	KUNIT_EXPECT_GT(test, constructed, 0U);
	KUNIT_EXPECT_TRUE(test, gomtest_all_bytes(p, 0x33, SIZE));
	gom_cache_free(c, p);
	gom_cache_destroy(c);
}

static void fresh_memory_is_poison_or_zero(struct kunit *test)
{
	struct fixture f;
	u8 *p;

	fixture_begin(test, &f, ALL);
	p = object_new(test, &f);
	KUNIT_EXPECT_TRUE(test, gomtest_all_bytes(p, POISON_FREE, SIZE - 1));
	gom_cache_free(f.cache, p);
	p = gom_cache_zalloc(f.cache, GFP_KERNEL);
	KUNIT_ASSERT_NOT_NULL(test, p);
	KUNIT_EXPECT_TRUE(test, gomtest_all_bytes(p, 0, SIZE));
	gom_cache_free(f.cache, p);
	fixture_end(test, &f, 0, 0, 0);
}

static void alignment_is_kept(struct kunit *test)
{
	unsigned int align, i;
	struct gom_cache *c;
	u8 *p[10];

	for (align = 8; align <= PAGE_SIZE; align *= 2) {
		c = gom_cache_create("test_debug_align", SIZE, align, ALL, NULL);
		KUNIT_ASSERT_NOT_NULL(test, c);
		for (i = 0; i < ARRAY_SIZE(p); i++) {
			p[i] = gom_cache_alloc(c, GFP_KERNEL);
			KUNIT_ASSERT_NOT_NULL(test, p[i]);
			KUNIT_EXPECT_TRUE(test, IS_ALIGNED((unsigned long)p[i], align));
		}
		gom_cache_free_bulk(c, ARRAY_SIZE(p), (void **)p);
		gom_cache_destroy(c);
	}
}

static void a_resized_object_moves(struct kunit *test)
{
	struct fixture f;
	u8 *p, *q;

	fixture_begin(test, &f, ALL);
	p = object_new(test, &f);
	memset(p, 0x77, SIZE);
	q = gom_realloc(p, 200, GFP_KERNEL);
	KUNIT_ASSERT_NOT_NULL(test, q);
	KUNIT_EXPECT_PTR_NE(test, q, p);
	KUNIT_EXPECT_TRUE(test, gomtest_all_bytes(q, 0x77, SIZE));
	gom_free(q);
	fixture_end(test, &f, 0, 0, 0);
}

/* === validate, alloc_traces and free_traces === */

static void validate_finds_damage(struct kunit *test)
{
	struct fixture f;
	u8 *p, *q;

	fixture_begin(test, &f, ALL);
	p = object_new(test, &f);
	q = object_new(test, &f);
	KUNIT_EXPECT_EQ(test, gom_objects_validate(), 0UL);
	damage(p, SIZE, 1);
	KUNIT_EXPECT_EQ(test, gom_objects_validate(), 1UL);
	KUNIT_EXPECT_EQ(test, gom_objects_validate(), 0UL);
	gom_cache_free(f.cache, q);
	damage(q, 3, 1);
	KUNIT_EXPECT_EQ(test, gom_objects_validate(), 1UL);
	KUNIT_EXPECT_EQ(test, gom_objects_validate(), 0UL);
	gom_cache_free(f.cache, p);
	/* Now all objects of the span are free. */
	damage(p, 3, 1);
	KUNIT_EXPECT_EQ(test, gom_objects_validate(), 1UL);
	fixture_end(test, &f, 3, 0, 0);
}

#define TRACES_BYTES	8192U

static char *traces_text(struct kunit *test, enum gom_debug_user user)
{
	struct seq_file m = { .size = TRACES_BYTES };

	m.buf = kunit_kzalloc(test, m.size, GFP_KERNEL);
	KUNIT_ASSERT_NOT_NULL(test, m.buf);
	gom_objects_show_traces(&m, user);
	return m.buf;
}

static void traces_count_live_objects(struct kunit *test)
{
	struct fixture f;
	unsigned int i;
	char *text;
	u8 *p[7], *q[64];

	fixture_begin(test, &f, ALL);
	for (i = 0; i < ARRAY_SIZE(p); i++)
		p[i] = object_new(test, &f);
	text = traces_text(test, GOM_DEBUG_ALLOCATED);
	KUNIT_EXPECT_NOT_NULL_MSG(test, strstr(text, "      7 test_debug object_new"), "%s", text);
	object_end(&f, p[0]);
	object_end(&f, p[1]);
	text = traces_text(test, GOM_DEBUG_ALLOCATED);
	KUNIT_EXPECT_NOT_NULL_MSG(test, strstr(text, "      5 test_debug object_new"), "%s", text);
	p[0] = object_new(test, &f);
	text = traces_text(test, GOM_DEBUG_FREED);
	KUNIT_EXPECT_NOT_NULL_MSG(test, strstr(text, " test_debug <not-available>"), "%s", text);
	/* Sooner or later an object that was freed before is allocated again. */
	for (i = 0; i < ARRAY_SIZE(q) && !strstr(text, " 1 test_debug object_end"); i++) {
		q[i] = object_new(test, &f);
		text = traces_text(test, GOM_DEBUG_FREED);
	}
	KUNIT_EXPECT_NOT_NULL_MSG(test, strstr(text, " 1 test_debug object_end"), "%s", text);
	while (i)
		object_end(&f, q[--i]);
	object_end(&f, p[0]);
	for (i = 2; i < ARRAY_SIZE(p); i++)
		object_end(&f, p[i]);
	fixture_end(test, &f, 0, 0, 0);
}

/* === The parameter === */

static void parameter_is_understood_as_by_slub(struct kunit *test)
{
	static const struct {
		const char *text;
		const char *name;
		slab_flags_t flags;
	} cases[] = {
		{ "", "a", 0 },
		{ "1", "a", SLAB_CONSISTENCY_CHECKS },
		{ "0", "a", 0 },
		{ "-", "a", 0 },
		{ "ZP", "a", SLAB_RED_ZONE | SLAB_POISON },
		{ "zp", "a", SLAB_RED_ZONE | SLAB_POISON },
		{ "U,a", "a", SLAB_STORE_USER },
		{ "U,a", "ab", 0 },
		{ "U,a*", "ab", SLAB_STORE_USER },
		{ "U,b,a", "a", SLAB_STORE_USER },
		{ ",a", "a", ALL },
		{ "Z,a;P,b*;F", "a", SLAB_RED_ZONE },
		{ "Z,a;P,b*;F", "bb", SLAB_POISON },
		{ "Z,a;P,b*;F", "c", SLAB_CONSISTENCY_CHECKS },
		{ "F;-,a", "a", 0 },
		{ "T,a", "a", SLAB_TRACE },
	};
	unsigned int i;

	for (i = 0; i < ARRAY_SIZE(cases); i++) {
		KUNIT_EXPECT_NULL_MSG(test, gom_debug_wrong(cases[i].text), "'%s'", cases[i].text);
		KUNIT_EXPECT_EQ_MSG(test, gom_debug_flags_in(cases[i].text, cases[i].name),
				    cases[i].flags, "'%s' for %s", cases[i].text, cases[i].name);
	}
}

static void invalid_parameters_are_refused(struct kunit *test)
{
	static const char * const texts[] = { "X", "ZX", "F;Q,a", "Z,a;?" };
	char *text = kunit_kzalloc(test, GOM_DEBUG_TEXT + 1, GFP_KERNEL);
	unsigned int i;

	KUNIT_ASSERT_NOT_NULL(test, text);
	for (i = 0; i < ARRAY_SIZE(texts); i++)
		KUNIT_EXPECT_NOT_NULL_MSG(test, gom_debug_wrong(texts[i]), "'%s'", texts[i]);
	memset(text, 'Z', GOM_DEBUG_TEXT);
	KUNIT_EXPECT_NOT_NULL(test, gom_debug_wrong(text));
}

static struct kunit_case cases[] = {
	KUNIT_CASE(correct_use_is_silent),
	KUNIT_CASE(byte_after_the_object_is_seen),
	KUNIT_CASE(byte_before_the_object_is_seen),
	KUNIT_CASE(write_after_free_is_seen),
	KUNIT_CASE(write_to_last_byte_after_free_is_seen),
	KUNIT_CASE(write_behind_a_freed_object_is_seen),
	KUNIT_CASE(write_after_the_last_free_is_seen),
	KUNIT_CASE(byte_behind_a_shrunk_object_is_seen),
	KUNIT_CASE(typesafe_objects_are_not_poisoned),
	KUNIT_CASE(init_on_free_clears_what_is_not_poisoned),
	KUNIT_CASE(traced_calls_are_logged),
	KUNIT_CASE(reports_are_rate_limited),
	KUNIT_CASE(double_free_is_seen),
	KUNIT_CASE(double_free_nolock_is_seen),
	KUNIT_CASE(free_of_the_middle_is_seen),
	KUNIT_CASE(free_to_another_cache_is_seen),
	KUNIT_CASE(overwritten_record_is_seen),
	KUNIT_CASE(bulk_frees_are_checked),
	KUNIT_CASE(rcu_frees_are_checked),
	KUNIT_CASE(constructed_objects_keep_their_contents),
	KUNIT_CASE(fresh_memory_is_poison_or_zero),
	KUNIT_CASE(alignment_is_kept),
	KUNIT_CASE(a_resized_object_moves),
	KUNIT_CASE(validate_finds_damage),
	HEAP_CASE(traces_count_live_objects),
	KUNIT_CASE(parameter_is_understood_as_by_slub),
	KUNIT_CASE(invalid_parameters_are_refused),
	{ }
};

struct kunit_suite gomalloc_object_debug_suite = {
	.name = "gomalloc_object_debug",
	.init = gomtest_begin,
	.exit = gomtest_end,
	.test_cases = cases,
};
