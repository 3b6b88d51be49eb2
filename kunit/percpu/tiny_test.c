// SPDX-License-Identifier: GPL-2.0
/*
 * Tiny objects: combined by the rules of Go's allocator, freed by those of
 * gomalloc, and never overlapping.  At the end of each test no block is held.
 */
#include <linux/completion.h>
#include <linux/cpumask.h>
#include <linux/hrtimer.h>
#include <linux/irq_work.h>
#include <linux/kthread.h>
#include <linux/mm.h>

#include "base/compat.h"
#include "base/report.h"
#include "gomalloc.h"
#include "heap/pagemap.h"
#include "log.h"
#include "percpu/mcache.h"
#include "suites.h"

static u64 blocks_held(void)
{
	struct gom_class_stats stats;

	gom_class_read(GOM_CLASS_TINY, &stats);
	return stats.mallocs - stats.frees;
}

static bool is_tiny(const void *p)
{
	return gom_entry_slot(gom_pagemap_entry(p)) == GOM_CLASS_TINY;
}

static unsigned long block_of(const void *p)
{
	return (unsigned long)p / GOM_TINY_BLOCK;
}

static unsigned int byte_of(const void *p)
{
	return (unsigned long)p % GOM_TINY_BLOCK;
}

/*
 * Tests run on one CPU, so that they know which blocks are open; first none is.
 */
static int tiny_begin(struct kunit *test)
{
	struct gom_mcache *c;
	int err;

	gomtest_needs_heap(test);
	c = get_cpu_ptr(&gom_mcache);
	err = c->mallocing & GOM_MALLOCING_DEBUG;
	put_cpu_ptr(&gom_mcache);
	if (err)
		kunit_skip(test, "debug= does not combine objects");
	err = gomtest_begin(test) ?: gomtest_log_capture();
	if (err)
		return err;
	gom_report_again();
	gom_release_memory();
	/* KUnit runs each test in a thread of its own. */
	return set_cpus_allowed_ptr(current, cpumask_of(raw_smp_processor_id()));
}

static void tiny_end(struct kunit *test)
{
	if (!test->priv)	/* skipped */
		return;
	gomtest_log_release();
	gom_release_memory();
	KUNIT_EXPECT_EQ_MSG(test, blocks_held(), 0ULL, "the test left tiny blocks in use");
	gomtest_end(test);
}

static void *tiny_alloc(struct kunit *test, size_t size)
{
	void *p = gom_malloc_noscan(size, GFP_KERNEL);

	KUNIT_ASSERT_NOT_NULL(test, p);
	KUNIT_EXPECT_TRUE(test, is_tiny(p));
	return p;
}

static void objects_free(void **p, unsigned int n)
{
	while (n--)
		gom_free(p[n]);
}

/* === Combining === */

static void objects_are_aligned_by_size(struct kunit *test)
{
	static const u8 sizes[] = { 1, 2, 3, 4, 1, 6, 5, 2, 1, 4, 3, 6 };
	void *p[ARRAY_SIZE(sizes)];
	unsigned int i;

	for (i = 0; i < ARRAY_SIZE(sizes); i++) {
		p[i] = tiny_alloc(test, sizes[i]);
		KUNIT_EXPECT_EQ_MSG(test, (unsigned long)p[i] % (sizes[i] & -sizes[i]), 0UL,
				    "%u bytes", sizes[i]);
	}
	objects_free(p, ARRAY_SIZE(p));
}

/* 1, 2 (at byte 2), 3, 4 (at byte 8), 1 and 3 bytes fill a block. */
static void objects_fill_a_block(struct kunit *test)
{
	static const u8 sizes[] = { 1, 2, 3, 4, 1, 3 }, at[] = { 0, 2, 4, 8, 12, 13 };
	void *p[ARRAY_SIZE(sizes)];
	unsigned int i;

	for (i = 0; i < ARRAY_SIZE(sizes); i++) {
		p[i] = tiny_alloc(test, sizes[i]);
		KUNIT_EXPECT_EQ(test, block_of(p[i]), block_of(p[0]));
		KUNIT_EXPECT_EQ(test, byte_of(p[i]), at[i]);
	}
	KUNIT_EXPECT_EQ(test, blocks_held(), 1ULL);
	objects_free(p, ARRAY_SIZE(p));
}

static void block_holds_sixteen_bytes(struct kunit *test)
{
	void *p[2 * GOM_TINY_BLOCK];
	unsigned int i;

	for (i = 0; i < ARRAY_SIZE(p); i++)
		p[i] = tiny_alloc(test, 1);
	for (i = 0; i < ARRAY_SIZE(p); i++)
		KUNIT_EXPECT_PTR_EQ(test, p[i],
				    p[i / GOM_TINY_BLOCK * GOM_TINY_BLOCK] + i % GOM_TINY_BLOCK);
	KUNIT_EXPECT_EQ(test, blocks_held(), 2ULL);
	for (i = 0; i < ARRAY_SIZE(p); i++)
		gom_free(p[i]);
}

/*
 * Go's rule: a new block replaces the open one only if it has more space left.
 * gomalloc has two open blocks; the one with less space is replaced.
 */
static void block_with_most_space_stays_open(struct kunit *test)
{
	void *p[8];

	p[0] = tiny_alloc(test, 6);			/* A, 10 left */
	p[1] = tiny_alloc(test, 6);			/* A,  4 left */
	p[2] = tiny_alloc(test, 5);			/* B, 11 left */
	p[3] = tiny_alloc(test, 4);			/* B,  4 left */
	KUNIT_EXPECT_EQ(test, block_of(p[1]), block_of(p[0]));
	KUNIT_EXPECT_NE(test, block_of(p[2]), block_of(p[0]));
	KUNIT_EXPECT_EQ(test, block_of(p[3]), block_of(p[2]));
	p[4] = tiny_alloc(test, 6);			/* C, 10 left, in place of A or B */
	KUNIT_EXPECT_NE(test, block_of(p[4]), block_of(p[0]));
	KUNIT_EXPECT_NE(test, block_of(p[4]), block_of(p[2]));
	p[5] = tiny_alloc(test, 6);			/* C,  4 left */
	KUNIT_EXPECT_EQ(test, block_of(p[5]), block_of(p[4]));
	p[6] = tiny_alloc(test, 3);			/* C,  1 left */
	KUNIT_EXPECT_EQ(test, block_of(p[6]), block_of(p[4]));
	p[7] = tiny_alloc(test, 4);			/* the other open block, full now */
	KUNIT_EXPECT_TRUE(test,
			  block_of(p[7]) == block_of(p[0]) || block_of(p[7]) == block_of(p[2]));
	KUNIT_EXPECT_EQ(test, blocks_held(), 3ULL);
	objects_free(p, ARRAY_SIZE(p));
}

/*
 * Blocks may be opened while another is allocated: those with more space stay
 * open.
 */
static void new_block_with_less_space_is_closed(struct kunit *test)
{
	void *p[5];
	unsigned int i;
	bool sample;

	p[0] = tiny_alloc(test, 1);				/* A, 15 left */
	p[1] = gom_tiny_alloc_new(1, GFP_KERNEL, &sample);	/* B, 15 left */
	p[2] = gom_tiny_alloc_new(6, GFP_KERNEL, &sample);	/* C, 10 left: closed */
	KUNIT_ASSERT_NOT_NULL(test, p[1]);
	KUNIT_ASSERT_NOT_NULL(test, p[2]);
	for (i = 3; i < ARRAY_SIZE(p); i++) {
		p[i] = tiny_alloc(test, 6);
		KUNIT_EXPECT_NE(test, block_of(p[i]), block_of(p[2]));
	}
	KUNIT_EXPECT_EQ(test, blocks_held(), 3ULL);
	gom_free(p[2]);
	KUNIT_EXPECT_EQ(test, blocks_held(), 2ULL);	/* not open, so it was freed */
	p[2] = NULL;
	objects_free(p, ARRAY_SIZE(p));
}

static void other_sizes_are_not_combined(struct kunit *test)
{
	static const unsigned int sizes[] = { 7, 8, 9, 12, 15, 16, 17, 100, 5000, 100000 };
	unsigned int i;
	void *p;

	for (i = 0; i < ARRAY_SIZE(sizes); i++) {
		p = gom_malloc_noscan(sizes[i], GFP_KERNEL);
		KUNIT_ASSERT_NOT_NULL(test, p);
		KUNIT_EXPECT_FALSE_MSG(test, is_tiny(p), "%u bytes", sizes[i]);
		KUNIT_EXPECT_GE(test, gom_size(p), (size_t)sizes[i]);
		gom_free(p);
	}
	p = gom_malloc_noscan(0, GFP_KERNEL);
	KUNIT_EXPECT_PTR_EQ(test, p, ZERO_SIZE_PTR);
	gom_free(p);
	p = gom_malloc_noscan(3, GFP_KERNEL | GFP_DMA);
	KUNIT_EXPECT_FALSE(test, is_tiny(p));
	gom_free(p);
}

static void objects_are_zeroed(struct kunit *test)
{
	void *p[100];
	unsigned int round, i;
	size_t size;

	for (round = 0; round < 4; round++) {
		for (i = 0; i < ARRAY_SIZE(p); i++) {
			size = 1 + (i * 5 + round) % GOM_TINY_MAX;
			p[i] = tiny_alloc(test, size);
			KUNIT_EXPECT_TRUE(test, gomtest_all_bytes(p[i], 0, gom_size(p[i])));
			memset(p[i], 0xa5, size);
			if (i % 3 == 0) {	/* its space is used again, and is zero */
				gom_free(p[i]);
				p[i] = tiny_alloc(test, 1 + i % 2);
				KUNIT_EXPECT_TRUE(test, gomtest_all_bytes(p[i], 0, gom_size(p[i])));
			}
		}
		objects_free(p, ARRAY_SIZE(p));
	}
}

/* === Freeing === */

static unsigned long free_misuses(void)
{
	return gom_misuse_count(GOM_BAD_DOUBLE_FREE) + gom_misuse_count(GOM_BAD_FREE_MIDDLE);
}

static void last_object_frees_the_block(struct kunit *test)
{
	void *p[5];
	unsigned int first, i;

	for (first = 0; first < ARRAY_SIZE(p); first++) {
		for (i = 0; i < ARRAY_SIZE(p); i++)
			p[i] = tiny_alloc(test, 3);
		gom_mcache_flush_all();		/* closes the block */
		for (i = 0; i < ARRAY_SIZE(p); i++) {
			KUNIT_EXPECT_EQ(test, blocks_held(), 1ULL);
			gom_free(p[(first + i * 2) % ARRAY_SIZE(p)]);
		}
		KUNIT_EXPECT_EQ(test, blocks_held(), 0ULL);
	}
}

/* All objects are freed while the block is open, in any order. */
static void empty_open_block_is_freed_on_close(struct kunit *test)
{
	void *p[4];
	unsigned int first, i;

	for (first = 0; first < ARRAY_SIZE(p); first++) {
		for (i = 0; i < ARRAY_SIZE(p); i++)
			p[i] = tiny_alloc(test, 2);
		for (i = 0; i < ARRAY_SIZE(p); i++)
			gom_free(p[(first + i) % ARRAY_SIZE(p)]);
		KUNIT_EXPECT_EQ(test, blocks_held(), 1ULL);
		gom_mcache_flush_all();
		KUNIT_EXPECT_EQ(test, blocks_held(), 0ULL);
	}
}

static void last_object_is_undone(struct kunit *test)
{
	struct gom_tiny_stats before, after;
	void *keep = tiny_alloc(test, 1), *p, *first = NULL;
	unsigned int i;

	gom_tiny_read(-1, &before);
	for (i = 0; i < 1000; i++) {
		p = tiny_alloc(test, 3);
		if (!first)
			first = p;
		KUNIT_EXPECT_PTR_EQ(test, p, first);
		gom_free(p);
	}
	gom_tiny_read(-1, &after);
	KUNIT_EXPECT_EQ(test, after.undone - before.undone, 1000ULL);
	KUNIT_EXPECT_EQ(test, after.opened, before.opened);
	gom_free(keep);
}

static void every_free_call_works(struct kunit *test)
{
	unsigned long counted = free_misuses();
	void *p[12];
	unsigned int i;

	for (i = 0; i < ARRAY_SIZE(p); i++)
		p[i] = tiny_alloc(test, 1 + i % GOM_TINY_MAX);
	gom_free_sized(p[0], 1);
	gom_free_sized(p[1], 2);
	for (i = 2; i < 6; i++)
		gom_free_sized(p[i], 1 + i % GOM_TINY_MAX);
	gom_free_sensitive(p[6]);
	gom_free_bulk(ARRAY_SIZE(p) - 7, p + 7);
	gom_mcache_flush_all();
	KUNIT_EXPECT_EQ(test, blocks_held(), 0ULL);
	KUNIT_EXPECT_EQ(test, free_misuses(), counted);
}

/* === Misuse === */

/* Free @p, which must be reported and must not free a live object. */
static void free_expect_report(struct kunit *test, void *p)
{
	unsigned long counted = free_misuses();

	gom_report_again();
	gomtest_log_clear();
	gom_free(p);
	KUNIT_EXPECT_EQ(test, free_misuses(), counted + 1);
	KUNIT_EXPECT_EQ(test, gomtest_log_lines(), 1U);
	KUNIT_EXPECT_TRUE(test, gomtest_log_contains("[gomalloc_kunit]"));
}

static void double_frees(struct kunit *test, bool closed)
{
	char *a = tiny_alloc(test, 3), *b = tiny_alloc(test, 3), *c = tiny_alloc(test, 3);

	KUNIT_ASSERT_EQ(test, block_of(c), block_of(a));
	memcpy(b, "bb", 3);
	if (closed)
		gom_mcache_flush_all();
	gom_free(a);
	free_expect_report(test, a);
	free_expect_report(test, b + 1);
	gom_free(c);
	free_expect_report(test, c);
	free_expect_report(test, a);
	KUNIT_EXPECT_STREQ(test, b, "bb");
	KUNIT_EXPECT_EQ(test, blocks_held(), 1ULL);
	gom_free(b);
	free_expect_report(test, b);
	gom_mcache_flush_all();
	KUNIT_EXPECT_EQ(test, blocks_held(), 0ULL);
	free_expect_report(test, b);
}

static void double_free_in_open_block_is_reported(struct kunit *test)
{
	gomtest_expect_misuse(test);
	double_frees(test, false);
}

static void double_free_in_closed_block_is_reported(struct kunit *test)
{
	gomtest_expect_misuse(test);
	double_frees(test, true);
}

static void free_inside_object_is_reported(struct kunit *test)
{
	char *a = tiny_alloc(test, 5), *b;
	unsigned int i;

	gomtest_expect_misuse(test);
	memcpy(a, "aaaa", 5);
	for (i = 1; i < GOM_TINY_BLOCK; i++)
		free_expect_report(test, a + i);
	/* The bytes behind it were no objects; now they are allocated. */
	b = tiny_alloc(test, 5);
	memcpy(b, "bbbb", 5);
	gom_mcache_flush_all();
	for (i = 1; i < 5; i++) {
		free_expect_report(test, a + i);
		free_expect_report(test, b + i);
	}
	gom_free(a);
	KUNIT_EXPECT_EQ(test, blocks_held(), 1ULL);
	KUNIT_EXPECT_STREQ(test, b, "bbbb");
	gom_free(b);
}

/* === Sizes and reallocation === */

/* Usable bytes of objects never overlap, whichever were freed. */
static void usable_bytes_do_not_overlap(struct kunit *test)
{
	static const u8 sizes[] = { 1, 3, 2, 4, 1, 5, 6, 1, 1, 2 };
	void *p[ARRAY_SIZE(sizes)];
	unsigned int i, j, round;

	for (i = 0; i < ARRAY_SIZE(p); i++)
		p[i] = tiny_alloc(test, sizes[i]);
	for (round = 0; round < 3; round++) {
		for (i = round; i < ARRAY_SIZE(p); i++) {
			KUNIT_EXPECT_GE(test, gom_size(p[i]), (size_t)sizes[i]);
			for (j = 0; j < ARRAY_SIZE(p); j++)
				KUNIT_EXPECT_TRUE(test,
						  j == i || p[j] + sizes[j] <= p[i] ||
						  p[j] >= p[i] + gom_size(p[i]));
		}
		if (round == 0)
			gom_mcache_flush_all();
		gom_free(p[round]);
	}
	objects_free(p + round, ARRAY_SIZE(p) - round);
}

static void growing_does_not_copy_neighbours(struct kunit *test)
{
	char *a = tiny_alloc(test, 3), *secret = tiny_alloc(test, 3), *b = tiny_alloc(test, 4);
	char *q;

	memcpy(a, "me", 3);
	memset(secret, 's', 3);
	memset(b, 'b', 4);
	gom_mcache_flush_all();
	gom_free(secret);
	q = gom_realloc(a, 16, GFP_KERNEL | __GFP_ZERO);
	KUNIT_ASSERT_NOT_NULL(test, q);
	KUNIT_EXPECT_STREQ(test, q, "me");
	KUNIT_EXPECT_NULL(test, memchr(q, 's', gom_size(q)));
	KUNIT_EXPECT_TRUE(test, gomtest_all_bytes(b, 'b', 4));
	gom_free(q);
	/* Within the tiny sizes it stays a tiny object. */
	q = gom_realloc(b, 6, GFP_KERNEL);
	KUNIT_EXPECT_TRUE(test, is_tiny(q));
	KUNIT_EXPECT_TRUE(test, gomtest_all_bytes(q, 'b', 4));
	gom_free(q);
}

static void shrinking_clears_only_the_object(struct kunit *test)
{
	char *a = tiny_alloc(test, 6), *b = tiny_alloc(test, 6);

	memset(a, 'a', 6);
	memset(b, 'b', 6);
	KUNIT_EXPECT_PTR_EQ(test, gom_realloc(a, 2, GFP_KERNEL | __GFP_ZERO), (void *)a);
	KUNIT_EXPECT_TRUE(test, gomtest_all_bytes(a, 'a', 2));
	KUNIT_EXPECT_TRUE(test, gomtest_all_bytes(b, 'b', 6));
	gom_free(a);
	gom_free(b);
}

/* === Other contexts === */

struct inside {
	struct irq_work work;
	void *interrupted;		/* object of the interrupted task */
	void *p;
	size_t size;
};

static void inside_work(struct irq_work *work)
{
	struct inside *in = container_of(work, struct inside, work);

	in->size = gom_size(in->interrupted);
	gom_free(in->interrupted);
	in->p = gom_malloc_noscan(3, GFP_ATOMIC);
}

static void inside_run(struct inside *in)
{
	struct gom_mcache *c;

	init_irq_work(&in->work, inside_work);
	preempt_disable();
	c = this_cpu_ptr(&gom_mcache);
	c->mallocing |= GOM_MALLOCING;		/* as inside an operation */
	raw_write_seqcount_begin(&c->seq);
	irq_work_queue(&in->work);
	while (irq_work_is_busy(&in->work))
		cpu_relax();
	raw_write_seqcount_end(&c->seq);
	c->mallocing &= ~GOM_MALLOCING;
	preempt_enable();
}

static void interrupt_inside_does_not_combine(struct kunit *test)
{
	void *dirty = gom_malloc(8, GFP_KERNEL);
	struct inside in = { };

	KUNIT_ASSERT_NOT_NULL(test, dirty);
	memset(dirty, 0xdd, 8);
	gom_free(dirty);
	gom_mcache_flush_all();		/* to mcentral, which serves callers inside */
	in.interrupted = tiny_alloc(test, 5);
	gomtest_expect_misuse(test);
	inside_run(&in);
	KUNIT_EXPECT_EQ(test, in.size, (size_t)5);
	KUNIT_ASSERT_NOT_NULL(test, in.p);
	KUNIT_EXPECT_FALSE(test, is_tiny(in.p));
	KUNIT_EXPECT_TRUE(test, gomtest_all_bytes(in.p, 0, 3));
	free_expect_report(test, in.interrupted);
	gom_free(in.p);
}

struct reader {
	struct completion done;
	void *p;
	size_t size;
};

static int reader_main(void *arg)
{
	struct reader *r = arg;

	r->size = gom_size(r->p);
	complete(&r->done);
	return 0;
}

/*
 * gom_size() of an object in an open block must not wait for the CPU that has
 * the block and is inside: two such calls, each in an interrupt of the other's
 * CPU, would deadlock.
 */
static void gom_size_waits_for_no_cpu(struct kunit *test)
{
	struct gom_mcache *c = per_cpu_ptr(&gom_mcache, raw_smp_processor_id());
	struct reader r = { .done = COMPLETION_INITIALIZER_ONSTACK(r.done) };
	struct task_struct *t;
	bool in_time;

	r.p = tiny_alloc(test, 5);
	preempt_disable();
	c->mallocing |= GOM_MALLOCING;		/* as in inside_run(), but longer */
	raw_write_seqcount_begin(&c->seq);
	preempt_enable();
	t = kthread_run(reader_main, &r, "gom_reader");
	in_time = !IS_ERR(t) && wait_for_completion_timeout(&r.done, 5 * HZ);
	preempt_disable();
	raw_write_seqcount_end(&c->seq);
	c->mallocing &= ~GOM_MALLOCING;
	preempt_enable();
	KUNIT_EXPECT_TRUE(test, in_time);
	if (!IS_ERR(t) && !in_time)
		wait_for_completion(&r.done);
	KUNIT_EXPECT_EQ(test, r.size, (size_t)5);
	gom_free(r.p);
}

#define SLOTS	512U
#define ROUNDS	TIMES(30000U, 800U)

/* Slots contain an address, with the size in its upper bits. */
struct exchange {
	atomic64_t slot[SLOTS];
	struct hrtimer timer;
	atomic_t errors, running;
	unsigned int ticks;
	struct completion done;
	bool stop;
};

#define SIZE_SHIFT	60

static u64 entry_alloc(u32 *seed, gfp_t gfp)
{
	size_t size;
	void *p;

	*seed = *seed * 1664525 + 1013904223;
	size = 1 + (*seed >> 16) % GOM_TINY_MAX;
	p = gom_malloc_noscan(size, gfp);
	if (!p)
		return 0;
	memset(p, gomtest_pattern(p) + size, size);
	/*
	 * The upper bits of an address are copies of the bit below;
	 * entry_free() restores them.
	 */
	return ((u64)(unsigned long)p & (BIT_ULL(SIZE_SHIFT) - 1)) | (u64)size << SIZE_SHIFT;
}

static void entry_free(struct exchange *x, u64 entry)
{
	size_t size = entry >> SIZE_SHIFT;
	void *p = (void *)(unsigned long)((s64)(entry << (64 - SIZE_SHIFT)) >> (64 - SIZE_SHIFT));

	if (!entry)
		return;
	if (!gomtest_all_bytes(p, gomtest_pattern(p) + size, size) || gom_size(p) < size)
		atomic_inc(&x->errors);
	gom_free(p);
}

static void exchange_one(struct exchange *x, u32 *seed, gfp_t gfp)
{
	u64 entry = entry_alloc(seed, gfp);

	entry_free(x, atomic64_xchg(&x->slot[*seed % SLOTS], entry));
}

static enum hrtimer_restart exchange_tick(struct hrtimer *timer)
{
	struct exchange *x = container_of(timer, struct exchange, timer);
	u32 seed = ++x->ticks * 2654435761U;

	exchange_one(x, &seed, GFP_ATOMIC);
	exchange_one(x, &seed, GFP_ATOMIC);
	if (READ_ONCE(x->stop))
		return HRTIMER_NORESTART;
	hrtimer_forward_now(timer, ns_to_ktime(TICK_NS));
	return HRTIMER_RESTART;
}

static int exchange_thread(void *arg)
{
	struct exchange *x = arg;
	u32 seed = (unsigned long)current;
	unsigned int i;

	for (i = 0; i < ROUNDS; i++) {
		exchange_one(x, &seed, GFP_KERNEL);
		if (i % 64 == 0)
			cond_resched();
	}
	if (atomic_dec_and_test(&x->running))
		complete(&x->done);
	return 0;
}

/* Two threads on each CPU and a timer on one free each other's objects. */
static void exchange_on_all_cpus(struct kunit *test)
{
	struct exchange *x = kunit_kzalloc(test, sizeof(*x), GFP_KERNEL);
	unsigned long counted = free_misuses();
	struct task_struct *t;
	unsigned int i;
	int cpu;

	KUNIT_ASSERT_NOT_NULL(test, x);
	init_completion(&x->done);
	atomic_set(&x->running, 1);
	gomtest_timer_start(&x->timer, exchange_tick);
	for (i = 0; i < 2; i++) {
		for_each_online_cpu(cpu) {
			t = kthread_create(exchange_thread, x, "gom_tiny/%d", cpu);
			if (IS_ERR(t))
				continue;
			atomic_inc(&x->running);
			kthread_bind(t, cpu);
			wake_up_process(t);
		}
	}
	if (!atomic_dec_and_test(&x->running))
		wait_for_completion(&x->done);
	WRITE_ONCE(x->stop, true);
	hrtimer_cancel(&x->timer);
	for (i = 0; i < SLOTS; i++)
		entry_free(x, atomic64_read(&x->slot[i]));
	KUNIT_EXPECT_EQ(test, atomic_read(&x->errors), 0);
	KUNIT_EXPECT_GT(test, x->ticks, 0U);
	KUNIT_EXPECT_EQ(test, free_misuses(), counted);
	gom_mcache_flush_all();
	KUNIT_EXPECT_EQ(test, blocks_held(), 0ULL);
}

static struct kunit_case cases[] = {
	KUNIT_CASE(objects_are_aligned_by_size),
	KUNIT_CASE(objects_fill_a_block),
	KUNIT_CASE(block_holds_sixteen_bytes),
	KUNIT_CASE(block_with_most_space_stays_open),
	KUNIT_CASE(new_block_with_less_space_is_closed),
	KUNIT_CASE(other_sizes_are_not_combined),
	KUNIT_CASE(objects_are_zeroed),
	KUNIT_CASE(last_object_frees_the_block),
	KUNIT_CASE(empty_open_block_is_freed_on_close),
	KUNIT_CASE(last_object_is_undone),
	KUNIT_CASE(every_free_call_works),
	KUNIT_CASE(double_free_in_open_block_is_reported),
	KUNIT_CASE(double_free_in_closed_block_is_reported),
	KUNIT_CASE(free_inside_object_is_reported),
	KUNIT_CASE(usable_bytes_do_not_overlap),
	KUNIT_CASE(growing_does_not_copy_neighbours),
	KUNIT_CASE(shrinking_clears_only_the_object),
	KUNIT_CASE(interrupt_inside_does_not_combine),
	KUNIT_CASE(gom_size_waits_for_no_cpu),
	KUNIT_CASE(exchange_on_all_cpus),
	{}
};

struct kunit_suite gomalloc_tiny_suite = {
	.name = "gomalloc_tiny",
	.init = tiny_begin,
	.exit = tiny_end,
	.test_cases = cases,
};
