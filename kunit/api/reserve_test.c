// SPDX-License-Identifier: GPL-2.0
/*
 * Calls for those who cannot wait: objects set aside, allocation and freeing that
 * meet a lock that is held, and many objects that wait for a grace period together.
 */
#include <linux/completion.h>
#include <linux/delay.h>
#include <linux/irq_work.h>
#include <linux/jump_label.h>
#include <linux/kthread.h>
#include <linux/mm.h>
#include <linux/rcupdate.h>

#include "api/nolock.h"
#include "base/compat.h"
#include "base/fault.h"
#include "base/report.h"
#include "central/mcentral.h"
#include "gomalloc.h"
#include "percpu/mcache.h"
#include "suites.h"

/* === Prefilled === */

#define RESERVE	40U

struct taking {
	struct irq_work work;
	struct gom_prefill *pf;
	void *p[RESERVE];
};

static void take_in_irq(struct irq_work *work)
{
	struct taking *t = container_of(work, struct taking, work);
	unsigned int i;

	for (i = RESERVE / 2; i < RESERVE; i++)
		t->p[i] = gom_prefill_alloc(t->pf);
}

static void as_many_can_be_taken_as_were_set_aside(struct kunit *test)
{
	struct gom_cache *c = gom_cache_create("test_reserve", 104, 0, 0, NULL);
	struct taking *t = kunit_kzalloc(test, sizeof(*t), GFP_KERNEL);
	unsigned long counted = gom_misuse_count(GOM_BAD_CACHE);
	unsigned int i, round;

	KUNIT_ASSERT_NOT_NULL(test, c);
	KUNIT_ASSERT_NOT_NULL(test, t);
	t->pf = gom_cache_prefill(c, GFP_KERNEL | __GFP_ZERO, RESERVE);
	KUNIT_ASSERT_NOT_NULL(test, t->pf);
	for (round = 0; round < 3; round++) {
		KUNIT_EXPECT_EQ(test, gom_prefill_size(t->pf), RESERVE);
		for (i = 0; i < RESERVE / 2; i++)
			t->p[i] = gom_prefill_alloc(t->pf);
		init_irq_work(&t->work, take_in_irq);
		irq_work_queue(&t->work);
		irq_work_sync(&t->work);
		KUNIT_EXPECT_EQ(test, gom_prefill_size(t->pf), 0U);
		for (i = 0; i < RESERVE; i++) {
			KUNIT_ASSERT_NOT_NULL(test, t->p[i]);
			KUNIT_EXPECT_TRUE(test, all_bytes(t->p[i], 0, 104));
			memset(t->p[i], i + 1, 104);
		}
		for (i = 0; i < RESERVE; i++) {
			KUNIT_EXPECT_TRUE(test, all_bytes(t->p[i], i + 1, 104));
			gom_cache_free(c, t->p[i]);
		}
		KUNIT_EXPECT_TRUE(test, gom_prefill_refill(t->pf, GFP_KERNEL | __GFP_ZERO));
	}
	KUNIT_EXPECT_EQ(test, gom_misuse_count(GOM_BAD_CACHE), counted);
	gom_prefill_return(t->pf);
	gom_prefill_return(NULL);
	gom_cache_destroy(c);
}

static void taking_more_is_refused(struct kunit *test)
{
	struct gom_cache *c = gom_cache_create("test_reserve", 104, 0, 0, NULL);
	unsigned long counted = gom_misuse_count(GOM_BAD_CACHE);
	struct gom_prefill *pf;

	may_misuse(test);
	KUNIT_ASSERT_NOT_NULL(test, c);
	KUNIT_EXPECT_NULL(test, gom_cache_prefill(c, GFP_KERNEL, 0));
	pf = gom_cache_prefill(c, GFP_KERNEL, 1);
	KUNIT_ASSERT_NOT_NULL(test, pf);
	gom_cache_free(c, gom_prefill_alloc(pf));
	KUNIT_EXPECT_NULL(test, gom_prefill_alloc(pf));
	KUNIT_EXPECT_EQ(test, gom_misuse_count(GOM_BAD_CACHE), counted + 1);
	gom_prefill_return(pf);
	gom_cache_destroy(c);
}

/* === Without waiting === */

#define SIZE	176U

/* What an NMI may find: a lock held by the code it interrupted, the cache in use. */
static struct gom_mcentral *bar(unsigned int class, unsigned long *flags)
{
	struct gom_mcentral *central;

	preempt_disable();
	central = gom_mcentral_of(class, numa_mem_id());
	spin_lock_irqsave(&central->lock, *flags);
	this_cpu_ptr(&gom_mcache)->mallocing |= GOM_MALLOCING;
	return central;
}

static void unbar(struct gom_mcentral *central, unsigned long flags)
{
	this_cpu_ptr(&gom_mcache)->mallocing &= ~GOM_MALLOCING;
	spin_unlock_irqrestore(&central->lock, flags);
	preempt_enable();
}

static void held_locks_are_not_waited_for(struct kunit *test)
{
	unsigned int class = gom_size_to_slot(SIZE) >> GOM_SLOT_SHIFT;
	u64 before = live_objects(), barred_frees, central_frees;
	struct gom_mcentral *central;
	unsigned long flags;
	void *warm, *p, *q;

	needs_heap(test);
	warm = gom_malloc(SIZE, GFP_KERNEL);
	KUNIT_ASSERT_NOT_NULL(test, warm);
	p = gom_malloc_nolock(SIZE, 0);
	KUNIT_ASSERT_NOT_NULL(test, p);
	KUNIT_EXPECT_EQ(test, live_objects(), before + 2);

	central = bar(class, &flags);
	central_frees = central->frees;
	q = gom_malloc_nolock(SIZE, 0);
	gom_free_nolock(p);
	barred_frees = central->frees - central_frees;
	unbar(central, flags);

	KUNIT_EXPECT_NULL(test, q);
	KUNIT_EXPECT_EQ(test, barred_frees, 0ULL);
	gom_nolock_drain();	/* what was put aside is freed */
	KUNIT_EXPECT_EQ(test, live_objects(), before + 1);
	gom_free(warm);
}

/* An NMI that hit the cache and no lock need not put aside what it frees. */
static void a_cache_in_use_is_passed_by(struct kunit *test)
{
	const u64 now = IS_ENABLED(CONFIG_DEBUG_KMEMLEAK) ? 0 : 1;	/* else put aside */
	struct gom_mcentral *central;
	struct gom_mcache *c;
	u64 mallocs, frees;
	void *p, *q;

	needs_heap(test);
	gom_free(gom_malloc(SIZE, GFP_KERNEL));
	p = gom_malloc_nolock(SIZE, 0);
	KUNIT_ASSERT_NOT_NULL(test, p);
	preempt_disable();
	central = gom_mcentral_of(gom_size_to_slot(SIZE) >> GOM_SLOT_SHIFT, numa_mem_id());
	mallocs = central->mallocs;
	frees = central->frees;
	c = this_cpu_ptr(&gom_mcache);
	c->mallocing |= GOM_MALLOCING;
	q = gom_malloc_nolock(SIZE, 0);
	gom_free_nolock(q);
	gom_free_nolock(p);
	c->mallocing &= ~GOM_MALLOCING;
	mallocs = central->mallocs - mallocs;
	frees = central->frees - frees;
	preempt_enable();

	KUNIT_EXPECT_EQ(test, mallocs, (u64)!!q);
	KUNIT_EXPECT_EQ(test, frees, now * (1 + (u64)!!q));
	gom_nolock_drain();
}

/* Whatever it was allocated by, and told to. */
static void every_small_object_is_taken(struct kunit *test)
{
	u64 before = live_objects();
	size_t size;
	void *p;

	needs_heap(test);
	for (size = GOM_TINY_MAX + 1; size <= GOM_RUN_MAX_SIZE; size = size * 2 + 1) {
		p = gom_malloc(size, GFP_KERNEL);
		KUNIT_ASSERT_NOT_NULL(test, p);
		gom_free_nolock(p);
		gom_nolock_drain();
		KUNIT_EXPECT_EQ(test, live_objects(), before);
		p = gom_malloc(size, GFP_KERNEL);
		gom_free(p);
	}
}

static void a_cleared_free_clears(struct kunit *test)
{
	const bool was = want_init_on_free();
	void *p;

	needs_heap(test);
	if (IS_ENABLED(CONFIG_KASAN) && !was)
		kunit_skip(test, "with KASAN, SLUB's objects are not made for a change of init_on_free");
	p = gom_malloc_nolock(SIZE, 0);
	if (!p) {
		gom_free(gom_malloc(SIZE, GFP_KERNEL));
		p = gom_malloc_nolock(SIZE, 0);
	}
	KUNIT_ASSERT_NOT_NULL(test, p);
	memset(p, 0x77, SIZE);
	if (!was)
		static_branch_enable(&init_on_free);
	gom_free_nolock(p);
	gom_nolock_drain();
	if (!was)
		static_branch_disable(&init_on_free);
	/* Nobody else allocates: it lies where it lay. */
	KUNIT_EXPECT_TRUE(test, all_bytes(p, 0, SIZE));
}

static void a_double_free_is_seen(struct kunit *test)
{
	unsigned long counted = gom_misuse_count(GOM_BAD_DOUBLE_FREE);
	void *p;

	may_misuse(test);
	needs_heap(test);
	gom_free(gom_malloc(SIZE, GFP_KERNEL));
	preempt_disable();
	p = gom_malloc_nolock(SIZE, 0);
	gom_free_nolock(p);
	gom_free_nolock(p);
	preempt_enable();
	gom_nolock_drain();
	KUNIT_ASSERT_NOT_NULL(test, p);
	KUNIT_EXPECT_EQ(test, gom_misuse_count(GOM_BAD_DOUBLE_FREE), counted + 1);
}

static void what_is_at_hand_is_given(struct kunit *test)
{
	void *p[20];
	unsigned int i, n = 0;

	needs_heap(test);
	for (i = 0; i < ARRAY_SIZE(p); i++) {	/* some in the cache or in mcentral */
		p[i] = gom_malloc(SIZE, GFP_KERNEL);
		KUNIT_ASSERT_NOT_NULL(test, p[i]);
		memset(p[i], 0x99, SIZE);
	}
	for (i = 0; i < ARRAY_SIZE(p); i++)
		gom_free(p[i]);
	for (i = 0; i < ARRAY_SIZE(p); i++) {
		p[i] = gom_malloc_nolock(SIZE, __GFP_ZERO);
		if (!p[i])
			continue;
		n++;
		KUNIT_EXPECT_TRUE(test, all_bytes(p[i], 0, SIZE));
		memset(p[i], i + 1, SIZE);
	}
	KUNIT_EXPECT_GT(test, n, 0U);
	for (i = 0; i < ARRAY_SIZE(p); i++) {
		if (p[i])
			KUNIT_EXPECT_TRUE(test, all_bytes(p[i], i + 1, SIZE));
		gom_free_nolock(p[i]);
	}
	gom_nolock_drain();
	KUNIT_EXPECT_NULL(test, gom_malloc_nolock(0, 0));
	KUNIT_EXPECT_NULL(test, gom_malloc_nolock(300000, 0));
}

static void other_memory_is_refused(struct kunit *test)
{
	unsigned long counted = gom_misuse_count(GOM_BAD_POINTER);
	struct gom_cache *c;
	void *p[4];
	unsigned int i;

	may_misuse(test);
	needs_heap(test);
	c = gom_cache_create("test_nolock", 72, 0, GOM_NO_MERGE, NULL);
	KUNIT_ASSERT_NOT_NULL(test, c);
	p[0] = gom_malloc(300000, GFP_KERNEL);
	p[1] = gom_cache_alloc(c, GFP_KERNEL);
	p[2] = gom_malloc_noscan(3, GFP_KERNEL);
	p[3] = gom_malloc(SIZE, GFP_KERNEL);
	for (i = 0; i < ARRAY_SIZE(p); i++) {
		KUNIT_ASSERT_NOT_NULL(test, p[i]);
		gom_free_nolock(p[i] + (i == 3) * 8);	/* the last one's middle */
	}
	gom_free_nolock(&counted);
	KUNIT_EXPECT_EQ(test, gom_misuse_count(GOM_BAD_POINTER), counted + ARRAY_SIZE(p) + 1);
	gom_free_nolock(NULL);
	gom_free_nolock(ZERO_SIZE_PTR);
	KUNIT_EXPECT_EQ(test, gom_misuse_count(GOM_BAD_POINTER), counted + ARRAY_SIZE(p) + 1);
	gom_free_bulk(ARRAY_SIZE(p), p);
	gom_cache_destroy(c);
}

/* === After a grace period === */

struct headed {
	struct rcu_head rcu;
	u32 value;
};

#define MANY	500U

static void many_wait_for_a_grace_period_together(struct kunit *test)
{
	struct headed **p = kunit_kcalloc(test, MANY, sizeof(*p), GFP_KERNEL);
	u64 before = live_objects();
	unsigned int i;

	needs_heap(test);
	KUNIT_ASSERT_NOT_NULL(test, p);
	for (i = 0; i < MANY; i++) {
		p[i] = gom_malloc(sizeof(struct headed) + i * 8, GFP_KERNEL);
		KUNIT_ASSERT_NOT_NULL(test, p[i]);
		p[i]->value = i;
	}
	rcu_read_lock();
	for (i = 0; i < MANY; i++)
		gom_free_rcu(p[i], rcu);
	for (i = 0; i < MANY; i++)
		KUNIT_EXPECT_EQ(test, READ_ONCE(p[i]->value), i);
	KUNIT_EXPECT_EQ(test, live_objects(), before + MANY);
	rcu_read_unlock();
	gom_free_rcu_barrier();
	KUNIT_EXPECT_EQ(test, live_objects(), before);
}

struct sender {
	struct headed *p[MANY];
	struct completion done;
	bool detached;
};

static struct sender *sender;

/* The CPU is kept for a while before the batch goes on its way. */
static bool keep_batch(enum gom_test_point at, unsigned int order, gfp_t gfp)
{
	if (at == GOM_AT_FULL_BATCH && current->flags & PF_KTHREAD && !READ_ONCE(sender->detached)) {
		WRITE_ONCE(sender->detached, true);
		mdelay(50);
	}
	return false;
}

static int send_many(void *arg)
{
	struct sender *s = arg;
	unsigned int i;

	for (i = 0; i < MANY && !READ_ONCE(s->detached); i++)
		gom_free_rcu(s->p[i], rcu);
	for (; i < MANY; i++)
		gom_free(s->p[i]);
	complete(&s->done);
	return 0;
}

/* A batch that another CPU has detached and not yet given to RCU is waited for. */
static void the_barrier_waits_for_a_batch_that_is_being_sent(struct kunit *test)
{
	int cpu = cpumask_any_but(cpu_online_mask, raw_smp_processor_id());
	struct sender *s = kunit_kzalloc(test, sizeof(*s), GFP_KERNEL);
	u64 before = live_objects();
	struct task_struct *t;
	unsigned int i;

	if (num_online_cpus() < 2)
		kunit_skip(test, "one CPU online");
	KUNIT_ASSERT_NOT_NULL(test, s);
	gom_free_rcu_barrier();
	init_completion(&s->done);
	for (i = 0; i < MANY; i++) {
		s->p[i] = gom_malloc(sizeof(*s->p[i]), GFP_KERNEL);
		KUNIT_ASSERT_NOT_NULL(test, s->p[i]);
	}
	t = kthread_create(send_many, s, "gom_sender");
	KUNIT_ASSERT_FALSE(test, IS_ERR(t));
	kthread_bind(t, cpu);
	sender = s;
	WRITE_ONCE(gom_test_hook, keep_batch);
	wake_up_process(t);
	while (!READ_ONCE(s->detached) && !completion_done(&s->done))
		cpu_relax();
	KUNIT_EXPECT_TRUE(test, READ_ONCE(s->detached));
	gom_free_rcu_barrier();
	/* The sender has freed what it kept, at once or after it; the batch is what may be left. */
	wait_for_completion(&s->done);
	KUNIT_EXPECT_EQ(test, live_objects(), before);
	WRITE_ONCE(gom_test_hook, NULL);
}

static struct completion detached;
static bool kept;

/* Another task's barrier has taken a batch, and is away before RCU gets it. */
static bool keep_barrier(enum gom_test_point at, unsigned int order, gfp_t gfp)
{
	if (at == GOM_AT_DETACHED_BATCH && !strcmp(current->comm, "gom_barrier") &&
	    !xchg(&kept, true)) {
		complete(&detached);
		msleep(100);
	}
	return false;
}

static int wait_with_barrier(void *done)
{
	gom_free_rcu_barrier();
	complete(done);
	return 0;
}

/* Of two barriers the second waits for what the first one has in its hands. */
static void two_barriers_both_wait(struct kunit *test)
{
	u64 before = live_objects();
	struct completion done;
	struct task_struct *t;
	struct headed *p;

	init_completion(&done);
	init_completion(&detached);
	kept = false;
	gom_free_rcu_barrier();
	p = gom_malloc(sizeof(*p), GFP_KERNEL);
	KUNIT_ASSERT_NOT_NULL(test, p);
	t = kthread_create(wait_with_barrier, &done, "gom_barrier");
	KUNIT_ASSERT_FALSE(test, IS_ERR(t));
	WRITE_ONCE(gom_test_hook, keep_barrier);
	rcu_read_lock();
	gom_free_rcu(p, rcu);
	rcu_read_unlock();
	wake_up_process(t);
	/* It may be that the flight was quicker. */
	if (wait_for_completion_timeout(&detached, HZ)) {
		gom_free_rcu_barrier();
		KUNIT_EXPECT_EQ(test, live_objects(), before);
	}
	wait_for_completion(&done);
	WRITE_ONCE(gom_test_hook, NULL);
	gom_free_rcu_barrier();
	KUNIT_EXPECT_EQ(test, live_objects(), before);
}

/* A batch that is not full goes by itself. */
static void a_few_need_no_more_to_follow(struct kunit *test)
{
	u64 before = live_objects();
	unsigned int tries = 0;
	struct headed *p;

	needs_heap(test);
	p = gom_malloc(sizeof(*p), GFP_KERNEL);
	KUNIT_ASSERT_NOT_NULL(test, p);
	gom_free_rcu(p, rcu);
	while (live_objects() != before && tries++ < 500)
		schedule_timeout_uninterruptible(HZ / 50 ?: 1);
	KUNIT_EXPECT_EQ(test, live_objects(), before);
}

struct one_word {
	GOM_KVFREE_RCU_HEAD rcu;
	u64 behind[3];
};

#define AT_ONCE		TIMES(5000U, 2000U)	/* more than there are batches at hand for */
#define FILLERS		(3 * AT_ONCE)		/* and when that many more have been made */

/* Without memory for batches objects are linked, through the one pointer of their head. */
static void without_memory_they_wait_all_the_same(struct kunit *test)
{
	struct one_word **p = kunit_kcalloc(test, AT_ONCE, sizeof(*p), GFP_KERNEL);
	unsigned int i, kept = 0, linked = 0;
	u64 before, live;

	needs_heap(test);
	KUNIT_ASSERT_NOT_NULL(test, p);
	gom_free_rcu_barrier();
	before = live_objects();
	for (i = 0; i < AT_ONCE; i++) {
		p[i] = gom_malloc(sizeof(**p), GFP_KERNEL);
		KUNIT_ASSERT_NOT_NULL(test, p[i]);
		memset(p[i], pattern_of(p[i]), sizeof(**p));
	}
	fail_after(0);
	rcu_read_lock();
	for (i = 0; i < AT_ONCE; i++)
		gom_free_rcu(p[i], rcu);
	for (i = 0; i < AT_ONCE; i++) {
		kept += all_bytes(p[i]->behind, pattern_of(p[i]), sizeof(p[i]->behind));
		linked += !all_bytes(&p[i]->rcu, pattern_of(p[i]), sizeof(void *));
	}
	live = live_objects();
	rcu_read_unlock();
	gom_free_rcu_barrier();
	fail_no_more();
	KUNIT_EXPECT_EQ(test, kept, AT_ONCE);
	KUNIT_EXPECT_GT_MSG(test, linked, 0U, "there were batches for all");
	KUNIT_EXPECT_EQ(test, live, before + AT_ONCE);
	KUNIT_EXPECT_EQ(test, live_objects(), before);
}

/* Free @p, which has no head.  False if it was gone before a grace period was over. */
static bool headless_waits(void *p)
{
	unsigned long cookie = get_state_synchronize_rcu();
	u64 before = live_objects();

	gom_free_rcu_mightsleep(p);
	return live_objects() == before || poll_state_synchronize_rcu(cookie);
}

static void an_object_without_a_head_waits(struct kunit *test)
{
	u64 before = live_objects();
	size_t size;
	void *p;

	for (size = 1; size < 300000; size = size * 5 + 3) {
		p = gom_malloc_noscan(size, GFP_KERNEL);
		KUNIT_ASSERT_NOT_NULL(test, p);
		KUNIT_EXPECT_TRUE(test, headless_waits(p));
	}
	gom_free_rcu_mightsleep(NULL);
	gom_free_rcu_mightsleep(ZERO_SIZE_PTR);
	gom_free_rcu_barrier();
	KUNIT_EXPECT_EQ(test, live_objects(), before);
}

/* Once all batches are used up and there is no memory for more. */
static void without_memory_it_waits_itself(struct kunit *test)
{
	struct headed **filler = kunit_kcalloc(test, FILLERS, sizeof(*filler), GFP_KERNEL);
	u64 before = live_objects();
	unsigned int i;
	bool waits;
	void *p;

	KUNIT_ASSERT_NOT_NULL(test, filler);
	if (!fail_after(UINT_MAX))
		kunit_skip(test, "this kernel has no fault injection");
	fail_no_more();
	p = gom_malloc(3000, GFP_KERNEL);
	KUNIT_ASSERT_NOT_NULL(test, p);
	for (i = 0; i < FILLERS; i++) {
		filler[i] = gom_malloc(sizeof(**filler), GFP_KERNEL);
		KUNIT_ASSERT_NOT_NULL(test, filler[i]);
	}
	fail_after(0);
	migrate_disable();
	rcu_read_lock();
	for (i = 0; i < FILLERS; i++)
		gom_free_rcu(filler[i], rcu);
	rcu_read_unlock();
	waits = headless_waits(p);
	migrate_enable();
	fail_no_more();
	KUNIT_EXPECT_TRUE(test, waits);
	gom_free_rcu_barrier();
	KUNIT_EXPECT_EQ(test, live_objects(), before);
}

static struct kunit_case cases[] = {
	KUNIT_CASE(as_many_can_be_taken_as_were_set_aside),
	KUNIT_CASE(taking_more_is_refused),
	HEAP_CASE(held_locks_are_not_waited_for),
	HEAP_CASE(a_cache_in_use_is_passed_by),
	HEAP_CASE(every_small_object_is_taken),
	HEAP_CASE(a_cleared_free_clears),
	HEAP_CASE(a_double_free_is_seen),
	HEAP_CASE(what_is_at_hand_is_given),
	HEAP_CASE(other_memory_is_refused),
	HEAP_CASE(many_wait_for_a_grace_period_together),
	HEAP_CASE(a_few_need_no_more_to_follow),
	HEAP_CASE(without_memory_they_wait_all_the_same),
	HEAP_CASE(an_object_without_a_head_waits),
	HEAP_CASE(without_memory_it_waits_itself),
	HEAP_CASE(two_barriers_both_wait),
	HEAP_CASE(the_barrier_waits_for_a_batch_that_is_being_sent),
	{}
};

struct kunit_suite gomalloc_reserve_suite = {
	.name = "gomalloc_reserve",
	.init = live_begin,
	.exit = live_end,
	.test_cases = cases,
};
