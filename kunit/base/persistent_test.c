// SPDX-License-Identifier: GPL-2.0
/*
 * The persistent allocator: alignment, zeroes, where bytes are accounted, and large
 * blocks.  What these tests take stays taken until gomalloc is unloaded.
 */
#include <linux/kallsyms.h>
#include <linux/mm.h>
#include <linux/sizes.h>

#include "base/compat.h"
#include "base/fault.h"
#include "base/persistent.h"
#include "central/mcentral.h"
#include "gomalloc.h"
#include "heap/mheap.h"
#include "heap/pagemap.h"
#include "percpu/mcache.h"
#include "special/profile.h"
#include "special/special.h"
#include "suites.h"

static void blocks_are_aligned_zero_and_disjoint(struct kunit *test)
{
	static const size_t aligns[] = { 0, 1, 2, 8, 64, 512, 4096 };
	char *p[ARRAY_SIZE(aligns)];
	unsigned int i;

	for (i = 0; i < ARRAY_SIZE(aligns); i++) {
		p[i] = gom_persistent_alloc(100 + i, aligns[i], GOM_OTHER_SYS);
		KUNIT_ASSERT_NOT_NULL(test, p[i]);
		KUNIT_EXPECT_TRUE(test, IS_ALIGNED((unsigned long)p[i], aligns[i] ?: 8));
		KUNIT_EXPECT_TRUE(test, all_bytes(p[i], 0, 100 + i));
		memset(p[i], i + 1, 100 + i);
	}
	for (i = 0; i < ARRAY_SIZE(aligns); i++)
		KUNIT_EXPECT_TRUE(test, all_bytes(p[i], i + 1, 100 + i));
}

static void bytes_move_to_the_statistic_that_is_named(struct kunit *test)
{
	struct gom_memstats a, b;

	gom_memstats_read(&a);
	KUNIT_ASSERT_NOT_NULL(test, gom_persistent_alloc(1000, 8, GOM_MCACHE_SYS));
	gom_memstats_read(&b);
	KUNIT_EXPECT_EQ(test, b.stat[GOM_MCACHE_SYS] - a.stat[GOM_MCACHE_SYS], 1000ULL);
	KUNIT_EXPECT_EQ(test, (s64)(b.stat[GOM_OTHER_SYS] - a.stat[GOM_OTHER_SYS]) + 1000,
			(s64)(b.sys - a.sys));
	/* It was cut from what was there, or from a new chunk of whole pages. */
	KUNIT_EXPECT_EQ(test, (unsigned long)(b.sys - a.sys) % PAGE_SIZE, 0UL);
}

static void a_large_block_comes_from_pages(struct kunit *test)
{
	struct gom_persistent_info a, b;
	void *p;

	gom_persistent_info(-2, &a);
	p = gom_persistent_alloc(GOM_PERSISTENT_MAX_BLOCK, 0, GOM_OTHER_SYS);
	gom_persistent_info(-2, &b);
	KUNIT_ASSERT_NOT_NULL(test, p);
	KUNIT_EXPECT_TRUE(test, IS_ALIGNED((unsigned long)p, PAGE_SIZE));
	KUNIT_EXPECT_TRUE(test, all_bytes(p, 0, GOM_PERSISTENT_MAX_BLOCK));
	KUNIT_EXPECT_EQ(test, b.chunks, a.chunks + 1);
	KUNIT_EXPECT_EQ(test, b.bytes - a.bytes, (u64)GOM_PERSISTENT_MAX_BLOCK);
}

/* As an interrupt does that came in the middle of an operation of its CPU. */
static void an_interrupt_inside_uses_the_global_chunk(struct kunit *test)
{
	struct gom_persistent_info a, b, mine_a, mine_b;
	void *p;
	int cpu;

	preempt_disable();
	cpu = smp_processor_id();
	gom_persistent_info(-1, &a);
	gom_persistent_info(cpu, &mine_a);
	gom_persistent_set_busy(true);
	p = gom_persistent_alloc(100, 8, GOM_OTHER_SYS);
	gom_persistent_set_busy(false);
	gom_persistent_info(-1, &b);
	gom_persistent_info(cpu, &mine_b);
	preempt_enable();
	KUNIT_ASSERT_NOT_NULL(test, p);
	KUNIT_EXPECT_TRUE(test, all_bytes(p, 0, 100));
	KUNIT_EXPECT_GE(test, b.used - a.used, 100ULL);
	KUNIT_EXPECT_EQ(test, mine_b.used, mine_a.used);
}

/* No byte of a chunk is unaccounted for: used, lost, or still to be had. */
static void chunks_add_up(struct kunit *test)
{
	struct gom_persistent_info a, b;
	unsigned int i;

	preempt_disable();
	gom_persistent_info(smp_processor_id(), &a);
	for (i = 0; i < 400; i++)	/* more than a chunk of 256 KiB */
		if (!gom_persistent_alloc(1000 + i, 64, GOM_OTHER_SYS))
			break;
	gom_persistent_info(smp_processor_id(), &b);
	preempt_enable();
	KUNIT_EXPECT_EQ(test, i, 400U);
	KUNIT_EXPECT_GT(test, b.chunks, a.chunks);
	KUNIT_EXPECT_GE(test, b.bytes, b.used + b.wasted);
	KUNIT_EXPECT_GE(test, b.used - a.used, 400ULL * 1199);
	KUNIT_EXPECT_GT(test, b.wasted, a.wasted);
}

static struct gom_persistent_info before_hook;
static unsigned int slow_users;

/* Somebody else on this CPU asks for memory while one is away to get a chunk. */
static bool bring_another(enum gom_test_point at, unsigned int order, gfp_t gfp)
{
	if (at != GOM_AT_NEW_CHUNK)
		return false;
	WRITE_ONCE(gom_test_hook, NULL);
	slow_users++;
	gom_persistent_info(smp_processor_id(), &before_hook);
	gom_persistent_alloc(512, 8, GOM_OTHER_SYS);
	return false;
}

/* Of two who bring a chunk at the same time one gives his back. */
static void a_chunk_that_comes_second_is_not_wasted(struct kunit *test)
{
	struct gom_persistent_info a, b;
	unsigned int i;

	preempt_disable();
	slow_users = 0;
	gom_persistent_info(smp_processor_id(), &a);
	WRITE_ONCE(gom_test_hook, bring_another);
	for (i = 0; i < 3000 && !slow_users; i++)
		if (!gom_persistent_alloc(512, 8, GOM_OTHER_SYS))
			break;
	WRITE_ONCE(gom_test_hook, NULL);
	gom_persistent_info(smp_processor_id(), &b);
	preempt_enable();
	KUNIT_ASSERT_EQ(test, slow_users, 1U);
	/* The end of the chunk before is lost; nothing else is, and there is one more. */
	KUNIT_EXPECT_EQ(test, b.chunks, a.chunks + 1);
	KUNIT_EXPECT_LT(test, b.wasted - a.wasted, 512ULL);
	KUNIT_EXPECT_EQ(test, b.chunks, before_hook.chunks + 1);
}

/* A CPU that needs little has little: no more than twice what it was given, and a bit. */
static void chunks_grow_with_what_is_asked_for(struct kunit *test)
{
	struct gom_persistent_info info;
	int cpu;

	for (cpu = -1; cpu < (int)nr_cpu_ids; cpu++) {
		if (cpu >= 0 && !cpu_possible(cpu))
			continue;
		gom_persistent_info(cpu, &info);
		KUNIT_EXPECT_LE_MSG(test, info.bytes,
				    2 * (info.used + info.wasted) + PAGE_ALIGN(SZ_16K) + PAGE_SIZE,
				    "cpu %d", cpu);
	}
}

/* As large as all before it, but for the first and for the most that a chunk may have. */
static void a_new_chunk_doubles_what_there_is(struct kunit *test)
{
	struct gom_persistent_info before, after;
	u64 grown;

	do {
		migrate_disable();
		gom_persistent_info(raw_smp_processor_id(), &before);
		after = before;
		do {
			if (!gom_persistent_alloc(1024, 0, GOM_OTHER_SYS))
				break;
			gom_persistent_info(raw_smp_processor_id(), &after);
		} while (after.chunks == before.chunks);
		migrate_enable();
		grown = after.bytes - before.bytes;
		KUNIT_EXPECT_LE(test, grown, max_t(u64, before.bytes, SZ_16K));
		/* persistent_chunk_kb is 64 at least. */
		KUNIT_EXPECT_GE(test, grown, clamp_t(u64, before.bytes, SZ_16K, SZ_64K));
	} while (grown && before.bytes < SZ_64K);
}

/* This test's own function is among those who asked. */
static void who_asked_is_known(struct kunit *test)
{
	struct gom_call_site who;
	char name[KSYM_SYMBOL_LEN];
	unsigned int i, found = 0;

	KUNIT_ASSERT_NOT_NULL(test, gom_persistent_alloc(48, 8, GOM_MHEAP_SYS));
	for (i = 0; gom_persistent_read_site(i, &who); i++) {
		if (!who.requests || !who.caller)
			continue;
		snprintf(name, sizeof(name), "%ps", (void *)who.caller);
		if (strstr(name, __func__) && who.stat == GOM_MHEAP_SYS) {
			KUNIT_EXPECT_EQ(test, who.bytes, 48 * who.requests);
			found++;
		}
	}
	KUNIT_EXPECT_EQ(test, found, 1U);
}

/* Two magazines of each class, which are a power of two each: the most a CPU can have. */
static size_t magazine_bytes(void)
{
	size_t bytes = 0;
	unsigned int i;

	for (i = 1; i < GOM_NR_SPAN_CLASSES; i++)
		bytes += 2 * max(64UL, roundup_pow_of_two(struct_size((struct gom_magazine *)NULL,
							  obj, gom_classes[i].mag_size)));
	return bytes;
}

/*
 * The costs in Documentation/persistent.rst: for a 64-bit machine with pages of
 * 4 KiB and locks that are not debugged.  What is private to a file is asserted
 * there.
 */
static void the_table_of_costs_holds(struct kunit *test)
{
	size_t node = sizeof(struct gom_mheap) +
		      GOM_NR_SPAN_CLASSES * sizeof(struct gom_mcentral);

	if (BITS_PER_LONG < 64 || PAGE_SIZE != SZ_4K || !IS_ENABLED(CONFIG_SMP) ||
	    IS_ENABLED(CONFIG_DEBUG_SPINLOCK) || IS_ENABLED(CONFIG_DEBUG_LOCK_ALLOC))
		kunit_skip(test, "the table is for 64 bits, pages of 4 KiB, SMP, locks as they are");
	KUNIT_EXPECT_LE(test, sizeof(struct gom_mcache), 3240UL);
	KUNIT_EXPECT_LE(test, GOM_NR_SPAN_CLASSES * sizeof(struct gom_mcache_class), 5888UL);
	KUNIT_EXPECT_LE(test, node, 16384UL);
	KUNIT_EXPECT_EQ(test, sizeof(gom_special_near), 65536UL);
	KUNIT_EXPECT_LE(test, sizeof(struct gom_region), 3096UL);
	KUNIT_EXPECT_EQ(test, sizeof(struct gom_span), 48UL);
	KUNIT_EXPECT_LE(test, magazine_bytes(), 159232UL);
	KUNIT_EXPECT_GE(test, gom_profile_max_buckets, 1024U);
	KUNIT_EXPECT_LE(test, gom_profile_max_buckets, 16384U);
	KUNIT_EXPECT_LE(test, gom_special_sample_bytes,
			(totalram_pages() << PAGE_SHIFT) / 64 + SZ_1M);
}

static struct kunit_case cases[] = {
	KUNIT_CASE(blocks_are_aligned_zero_and_disjoint),
	KUNIT_CASE(bytes_move_to_the_statistic_that_is_named),
	KUNIT_CASE(a_large_block_comes_from_pages),
	KUNIT_CASE(an_interrupt_inside_uses_the_global_chunk),
	KUNIT_CASE(chunks_grow_with_what_is_asked_for),
	KUNIT_CASE(a_new_chunk_doubles_what_there_is),
	KUNIT_CASE(chunks_add_up),
	KUNIT_CASE(a_chunk_that_comes_second_is_not_wasted),
	KUNIT_CASE(who_asked_is_known),
	KUNIT_CASE(the_table_of_costs_holds),
	{}
};

struct kunit_suite gomalloc_persistent_suite = {
	.name = "gomalloc_persistent",
	.exit = still_sound,
	.test_cases = cases,
};
