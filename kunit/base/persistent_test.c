// SPDX-License-Identifier: GPL-2.0
/*
 * The persistent allocator: alignment, zeroing, accounting and large blocks.
 * Memory that these tests allocate is freed when gomalloc is unloaded.
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
#include "special/bucket.h"
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
		KUNIT_EXPECT_TRUE(test, gomtest_all_bytes(p[i], 0, 100 + i));
		memset(p[i], i + 1, 100 + i);
	}
	for (i = 0; i < ARRAY_SIZE(aligns); i++)
		KUNIT_EXPECT_TRUE(test, gomtest_all_bytes(p[i], i + 1, 100 + i));
}

static void bytes_are_accounted_by_statistic(struct kunit *test)
{
	struct gom_memstats a, b;

	gom_memstats_read(&a);
	KUNIT_ASSERT_NOT_NULL(test, gom_persistent_alloc(1000, 8, GOM_MCACHE_SYS));
	gom_memstats_read(&b);
	KUNIT_EXPECT_EQ(test, b.stat[GOM_MCACHE_SYS] - a.stat[GOM_MCACHE_SYS], 1000ULL);
	KUNIT_EXPECT_EQ(test, (s64)(b.stat[GOM_OTHER_SYS] - a.stat[GOM_OTHER_SYS]) + 1000,
			(s64)(b.sys - a.sys));
	/*
	 * The block is from the current chunk, or from a new one of whole
	 * pages.
	 */
	KUNIT_EXPECT_EQ(test, (unsigned long)(b.sys - a.sys) % PAGE_SIZE, 0UL);
}

static void large_block_is_whole_pages(struct kunit *test)
{
	struct gom_persistent_info a, b;
	void *p;

	gom_persistent_info(-2, &a);
	p = gom_persistent_alloc(GOM_PERSISTENT_MAX_BLOCK, 0, GOM_OTHER_SYS);
	gom_persistent_info(-2, &b);
	KUNIT_ASSERT_NOT_NULL(test, p);
	KUNIT_EXPECT_TRUE(test, IS_ALIGNED((unsigned long)p, PAGE_SIZE));
	KUNIT_EXPECT_TRUE(test, gomtest_all_bytes(p, 0, GOM_PERSISTENT_MAX_BLOCK));
	KUNIT_EXPECT_EQ(test, b.chunks, a.chunks + 1);
	KUNIT_EXPECT_EQ(test, b.bytes - a.bytes, (u64)GOM_PERSISTENT_MAX_BLOCK);
}

/* Like an interrupt that arrives during an allocation on its CPU. */
static void interrupt_uses_the_global_chunk(struct kunit *test)
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
	KUNIT_EXPECT_TRUE(test, gomtest_all_bytes(p, 0, 100));
	KUNIT_EXPECT_GE(test, b.used - a.used, 100ULL);
	KUNIT_EXPECT_EQ(test, mine_b.used, mine_a.used);
}

/* Each byte of a chunk is accounted as used, wasted or free. */
static void chunk_bytes_add_up(struct kunit *test)
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

static struct gom_persistent_info info_before;
static unsigned int nr_races;

/*
 * While the caller allocates a new chunk, allocate another block on this CPU.
 */
static bool chunk_race(enum gom_test_point at, unsigned int arg, gfp_t gfp)
{
	if (at != GOM_AT_NEW_CHUNK)
		return false;
	WRITE_ONCE(gom_test_callback, NULL);
	nr_races++;
	gom_persistent_info(smp_processor_id(), &info_before);
	gom_persistent_alloc(512, 8, GOM_OTHER_SYS);
	return false;
}

/* Of two chunks allocated at the same time one is freed. */
static void lost_chunk_race_wastes_nothing(struct kunit *test)
{
	struct gom_persistent_info a, b;
	unsigned int i;

	preempt_disable();
	nr_races = 0;
	gom_persistent_info(smp_processor_id(), &a);
	WRITE_ONCE(gom_test_callback, chunk_race);
	for (i = 0; i < 3000 && !nr_races; i++)
		if (!gom_persistent_alloc(512, 8, GOM_OTHER_SYS))
			break;
	WRITE_ONCE(gom_test_callback, NULL);
	gom_persistent_info(smp_processor_id(), &b);
	preempt_enable();
	KUNIT_ASSERT_EQ(test, nr_races, 1U);
	/*
	 * There is one more chunk, and only the end of the one before is
	 * wasted.
	 */
	KUNIT_EXPECT_EQ(test, b.chunks, a.chunks + 1);
	KUNIT_EXPECT_LT(test, b.wasted - a.wasted, 512ULL);
	KUNIT_EXPECT_EQ(test, b.chunks, info_before.chunks + 1);
}

/* A CPU that uses little has small chunks: at most about twice what it used. */
static void chunks_are_proportional_to_use(struct kunit *test)
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

/* A new chunk is as large as all before it, within the bounds of a chunk. */
static void new_chunk_doubles_the_memory(struct kunit *test)
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

/* The call sites include this test. */
static void call_sites_are_recorded(struct kunit *test)
{
	struct gom_call_site site;
	char name[KSYM_SYMBOL_LEN];
	unsigned int i, found = 0;

	KUNIT_ASSERT_NOT_NULL(test, gom_persistent_alloc(48, 8, GOM_MHEAP_SYS));
	for (i = 0; gom_persistent_read_site(i, &site); i++) {
		if (!site.requests || !site.caller)
			continue;
		snprintf(name, sizeof(name), "%ps", (void *)site.caller);
		if (strstr(name, __func__) && site.stat == GOM_MHEAP_SYS) {
			KUNIT_EXPECT_EQ(test, site.bytes, 48 * site.requests);
			found++;
		}
	}
	KUNIT_EXPECT_EQ(test, found, 1U);
}

/*
 * Two magazines of each class, rounded to powers of two: the maximum of a CPU.
 */
static size_t cpu_magazine_bytes(void)
{
	size_t bytes = 0;
	unsigned int i;

	for (i = 1; i < GOM_NR_SPAN_CLASSES; i++)
		bytes += 2 * max(64UL, roundup_pow_of_two(struct_size((struct gom_magazine *)NULL,
								      obj,
								      gom_classes[i].mag_size)));
	return bytes;
}

/*
 * The costs in Documentation/persistent.rst, for a 64-bit machine with pages of
 * 4 KiB and without lock debugging.  Structures that are private to a file are
 * asserted there.
 */
static void documented_costs_hold(struct kunit *test)
{
	size_t node = sizeof(struct gom_mheap) +
		      GOM_NR_SPAN_CLASSES * sizeof(struct gom_mcentral);

	if (BITS_PER_LONG < 64 || PAGE_SIZE != SZ_4K || !IS_ENABLED(CONFIG_SMP) ||
	    IS_ENABLED(CONFIG_DEBUG_SPINLOCK) || IS_ENABLED(CONFIG_DEBUG_LOCK_ALLOC))
		kunit_skip(test,
			   "the table is for 64 bits, pages of 4 KiB, SMP, no lock debugging");
	KUNIT_EXPECT_LE(test, sizeof(struct gom_mcache), 3240UL);
	KUNIT_EXPECT_LE(test, GOM_NR_SPAN_CLASSES * sizeof(struct gom_mcache_class), 5888UL);
	KUNIT_EXPECT_LE(test, node, 16384UL);
	KUNIT_EXPECT_EQ(test, sizeof(gom_special_near), 65536UL);
	KUNIT_EXPECT_LE(test, sizeof(struct gom_region), 3096UL);
	KUNIT_EXPECT_EQ(test, sizeof(struct gom_span), 48UL);
	KUNIT_EXPECT_LE(test, cpu_magazine_bytes(), 159232UL);
	KUNIT_EXPECT_GE(test, gom_buckets_max, 1024U);
	KUNIT_EXPECT_LE(test, gom_buckets_max, 16384U);
	KUNIT_EXPECT_LE(test, gom_special_sample_bytes,
			(totalram_pages() << PAGE_SHIFT) / 64 + SZ_1M);
}

static struct kunit_case cases[] = {
	KUNIT_CASE(blocks_are_aligned_zero_and_disjoint),
	KUNIT_CASE(bytes_are_accounted_by_statistic),
	KUNIT_CASE(large_block_is_whole_pages),
	KUNIT_CASE(interrupt_uses_the_global_chunk),
	KUNIT_CASE(chunks_are_proportional_to_use),
	KUNIT_CASE(new_chunk_doubles_the_memory),
	KUNIT_CASE(chunk_bytes_add_up),
	KUNIT_CASE(lost_chunk_race_wastes_nothing),
	KUNIT_CASE(call_sites_are_recorded),
	KUNIT_CASE(documented_costs_hold),
	{}
};

struct kunit_suite gomalloc_persistent_suite = {
	.name = "gomalloc_persistent",
	.exit = gomtest_check,
	.test_cases = cases,
};
