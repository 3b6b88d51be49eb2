// SPDX-License-Identifier: GPL-2.0
/*
 * The drop-in: frees, at once and after a grace period.  Built with as_slab.h, so
 * these functions are gomalloc's (kernel_side.h).  What they free may be of either
 * allocator.
 *
 * In sbrk mode frees of gomalloc's objects do nothing.
 *
 * That an object of SLUB's was freed shows at the end of the suite
 * (kernel_side_object()), that vmalloc()'s memory was, in the page tables.
 */
#include <linux/bitmap.h>
#include <linux/jiffies.h>
#include <linux/kthread.h>
#include <linux/mm.h>
#include <linux/platform_device.h>
#include <linux/preempt.h>
#include <linux/rcupdate.h>
#include <linux/sched.h>
#include <linux/seq_file.h>
#include <linux/slab.h>
#include <linux/string.h>
#include <linux/string_helpers.h>
#include <linux/vmalloc.h>

#include "api/backend.h"
#include "api/efence.h"
#include "api/nolock.h"
#include "base/fault.h"
#include "base/compat.h"
#include "base/report.h"
#include "gomalloc.h"
#include "log.h"
#include "slab/kernel_side.h"
#include "slab/slab.h"
#include "suites.h"

/*
 * vmalloc()'s memory is unmapped when it is freed, which a worker may do later,
 * 5 s after kvfree_rcu().
 */
static bool unmapped_soon(const void *p)
{
	unsigned long end = jiffies + 20 * HZ;

	while (vmalloc_to_page(p)) {
		if (time_after(jiffies, end))
			return false;
		schedule_timeout_uninterruptible(1);
	}
	return true;
}

/* === Memory of the kernel === */

static void what_the_kernel_allocates_stays_slubs(struct kunit *test)
{
	char *s = kstrdup("a string for the kernel to keep", GFP_KERNEL);
	void *m = kmemdup("copy", 5, GFP_KERNEL);
	char *f = kasprintf(GFP_KERNEL, "%d bottles", 99);
	const char *constant;

	EXPECT_FOREIGN(test, s);
	EXPECT_FOREIGN(test, m);
	EXPECT_FOREIGN(test, f);
	KUNIT_EXPECT_GE(test, ksize(s), (size_t)32);
	kfree(s);
	kfree_sensitive(m);
	kvfree(f);
	s = kstrdup("x", GFP_KERNEL);
	EXPECT_FOREIGN(test, s);
	kfree_const(s);
	/* A constant of the kernel is not copied; kfree() of it would warn. */
	constant = kstrdup_const(platform_bus_type.name, GFP_KERNEL);
	KUNIT_EXPECT_PTR_EQ(test, constant, platform_bus_type.name);
	kfree_const(constant);
	kfree(kernel_side_kmalloc(200000));
}

/* The kernel warns of objects left when their cache is destroyed. */
static void what_the_kernel_allocates_is_freed(struct kunit *test)
{
	void *p = kernel_side_object();

	EXPECT_FOREIGN(test, p);
	kfree(p);
	kfree_sensitive(kernel_side_object());
	kfree_const(kernel_side_object());
	kvfree(kernel_side_object());
	kvfree_sensitive(kernel_side_object(), KERNEL_SIDE_OBJECT);
	bitmap_free(kernel_side_object());

	p = kernel_side_vmalloc(100);
	KUNIT_ASSERT_NOT_NULL(test, p);
	KUNIT_EXPECT_NOT_NULL(test, vmalloc_to_page(p));
	kvfree(p);
	KUNIT_EXPECT_NULL(test, vmalloc_to_page(p));
	p = kernel_side_vmalloc(100000);
	KUNIT_ASSERT_NOT_NULL(test, p);
	vfree(p);
	KUNIT_EXPECT_NULL(test, vmalloc_to_page(p));
	p = kernel_side_vmalloc(10);
	KUNIT_ASSERT_NOT_NULL(test, p);
	kvfree_sensitive(p, 10);
	KUNIT_EXPECT_NULL(test, vmalloc_to_page(p));
}

static void other_frees_take_both_kinds(struct kunit *test)
{
	char **array = kcalloc(3, sizeof(*array), GFP_KERNEL);
	void (*delayed)(void *) = kfree_link;
	void *p;

	EXPECT_OURS(test, array);
	array[0] = kmalloc(10, GFP_KERNEL);
	array[1] = kernel_side_object();
	kfree_strarray(array, 3);
	kfree_strarray(NULL, 3);
	bitmap_free(bitmap_alloc(100, GFP_KERNEL));
	bitmap_free(kmalloc(16, GFP_KERNEL));
	delayed(kmalloc(10, GFP_KERNEL));
	delayed(kernel_side_object());
	kfree_sensitive(kmalloc(10, GFP_KERNEL));
	kfree_sensitive(NULL);
	kfree_const(kmalloc(10, GFP_KERNEL));
	kvfree_sensitive(kmalloc(10, GFP_KERNEL), 10);
	kvfree_sensitive(NULL, 10);
	p = kmalloc(10, GFP_KERNEL);
	if (is_vmalloc_addr(p))		/* with efence=1, as some modules ask */
		vfree(p);
	else
		kfree(p);
#ifdef DEFINE_FREE
	{
		void *scoped __free(kfree) = kmalloc(10, GFP_KERNEL);

		EXPECT_OURS(test, scoped);
	}
#endif
}

/* seq_release_private() calls seq_release(), which frees the seq_file. */
static void seq_files_free_what_the_module_set(struct kunit *test)
{
	static const struct seq_operations ops;
	struct file *file = kernel_side_kmalloc(sizeof(*file));
	void *private;
	int i;

	KUNIT_ASSERT_NOT_NULL(test, file);
	for (i = 0; i < 2; i++) {
		memset(file, 0, sizeof(*file));
		KUNIT_ASSERT_EQ(test, seq_open(file, &ops), 0);
		private = i ? kernel_side_object() : kmalloc(40, GFP_KERNEL);
		KUNIT_EXPECT_NOT_NULL(test, private);
		((struct seq_file *)file->private_data)->private = private;
		KUNIT_EXPECT_EQ(test, seq_release_private(NULL, file), 0);
	}
	kfree(file);
}

static void bulk_frees_take_both_kinds(struct kunit *test)
{
	void *p[30];
	unsigned int i;

	for (i = 0; i < ARRAY_SIZE(p); i++) {
		p[i] = i % 5 == 3 ? kernel_side_object() : kmalloc(8 << i % 4, GFP_KERNEL);
		KUNIT_ASSERT_NOT_NULL(test, p[i]);
	}
	kfree_bulk(ARRAY_SIZE(p), p);
}

/* Frees do nothing else in this mode, so the memory can be read. */
static void sensitive_memory_is_cleared(struct kunit *test)
{
	u8 *p = kmalloc(100, GFP_KERNEL);

	EXPECT_OURS(test, p);
	memset(p, 0x5a, 100);
	kfree_sensitive(p);
	KUNIT_EXPECT_TRUE(test, gomtest_all_bytes(p, 0, 100));
	p = kmalloc(variable(20000), GFP_KERNEL);
	EXPECT_OURS(test, p);
	memset(p, 0x5a, 20000);
	kvfree_sensitive(p, 20000);
	KUNIT_EXPECT_TRUE(test, gomtest_all_bytes(p, 0, 20000));
	p = kmalloc(100, GFP_KERNEL);
	EXPECT_OURS(test, p);
	memset(p, 0x5a, 100);
	kfree(p);
	KUNIT_EXPECT_TRUE(test, gomtest_all_bytes(p, 0x5a, 100));
}

/* === kfree_rcu() === */

struct rcu_object {
	char before[200];
	struct rcu_head rcu;
};

/* Where a head is a single pointer, it may be all that the object has. */
struct small_rcu_object {
	GOM_KVFREE_RCU_HEAD rcu;
};

static void rcu_frees_take_both_kinds(struct kunit *test)
{
	const size_t size = sizeof(struct rcu_object);
	struct small_rcu_object *small;
	struct rcu_object *p, *mapped;

	small = kmalloc(variable(sizeof(struct small_rcu_object)), GFP_KERNEL);
	EXPECT_OURS(test, small);
	kfree_rcu(small, rcu);
	small = kernel_side_kmalloc(sizeof(*small));
	EXPECT_FOREIGN(test, small);
	kfree_rcu(small, rcu);
	p = kmalloc(size, GFP_KERNEL);
	EXPECT_OURS(test, p);
	kfree_rcu(p, rcu);
	p = kernel_side_kmalloc(size);
	EXPECT_FOREIGN(test, p);
	kfree_rcu(p, rcu);
	mapped = kvmalloc(variable(KMALLOC_MAX_SIZE + 1), GFP_KERNEL);
	EXPECT_FOREIGN(test, mapped);
	kvfree_rcu(mapped, rcu);
	p = kmalloc(size, GFP_KERNEL);
	EXPECT_OURS(test, p);
	kfree_rcu_mightsleep(p);
	p = kernel_side_kmalloc(size);
	EXPECT_FOREIGN(test, p);
	kfree_rcu_mightsleep(p);
	p = NULL;
	kfree_rcu(p, rcu);
	kfree_rcu_mightsleep(p);
	gom_free_rcu_barrier();
	if (gom_efence)
		gom_efence_sync();
	KUNIT_EXPECT_TRUE(test, unmapped_soon(mapped));
}

static void rcu_frees_wait_for_readers(struct kunit *test)
{
	const size_t size = sizeof(struct rcu_object);
	u64 before = gomtest_live_objects();
	struct rcu_object *p, *q;

	p = kmalloc(size, GFP_KERNEL);
	EXPECT_OURS(test, p);
	q = kmalloc(variable(200000), GFP_KERNEL);
	EXPECT_OURS(test, q);
	memset(p->before, 0x5a, sizeof(p->before));
	memset(q->before, 0x5a, sizeof(q->before));
	rcu_read_lock();
	kfree_rcu(p, rcu);
	kvfree_rcu(q, rcu);
	KUNIT_EXPECT_EQ(test, gomtest_live_objects(), before + 2);
	KUNIT_EXPECT_TRUE(test, gomtest_all_bytes(p->before, 0x5a, sizeof(p->before)));
	KUNIT_EXPECT_TRUE(test, gomtest_all_bytes(q->before, 0x5a, sizeof(q->before)));
	rcu_read_unlock();
	gom_free_rcu_barrier();
	KUNIT_EXPECT_EQ(test, gomtest_live_objects(), before);
}

/* This may sleep, so no reader can be here: it may be freed if one could not. */
static void headless_rcu_frees_wait_for_readers(struct kunit *test)
{
	u64 before = gomtest_live_objects();
	unsigned long cookie;
	void *p;

	p = kmalloc(100, GFP_KERNEL);
	EXPECT_OURS(test, p);
	cookie = get_state_synchronize_rcu();
	kfree_rcu_mightsleep(p);
	KUNIT_EXPECT_TRUE(test, gomtest_live_objects() == before + 1 ||
				poll_state_synchronize_rcu(cookie));
	gom_free_rcu_barrier();
	KUNIT_EXPECT_EQ(test, gomtest_live_objects(), before);
}

#ifdef GOM_HAS_RCU_BARRIER
static void the_rcu_barrier_is_for_both_kinds(struct kunit *test)
{
	const size_t size = sizeof(struct rcu_object);
	u64 before = gomtest_live_objects();
	struct rcu_object *p, *mapped;

	p = kmalloc(size, GFP_KERNEL);
	EXPECT_OURS(test, p);
	kfree_rcu(p, rcu);
	mapped = kvmalloc(variable(KMALLOC_MAX_SIZE + 1), GFP_KERNEL);
	EXPECT_FOREIGN(test, mapped);
	kvfree_rcu(mapped, rcu);
	kvfree_rcu_barrier();
	KUNIT_EXPECT_EQ(test, gomtest_live_objects(), before);
	KUNIT_EXPECT_NULL(test, vmalloc_to_page(mapped));
}
#endif

#ifdef GOM_HAS_NOLOCK
/* An object that was freed is in the CPU's cache; try again if it was flushed. */
static void *nolock_object_alloc(void)
{
	unsigned int i;
	void *p = NULL;

	for (i = 0; i < 10 && !p; i++) {
		kfree(kmalloc(64, GFP_KERNEL));
		p = kmalloc_nolock(64, 0, NUMA_NO_NODE);
	}
	return p;
}

static void nolock_frees_take_both_kinds(struct kunit *test)
{
	void *p = nolock_object_alloc();
	void *mapped = kernel_side_vmalloc(64);

	KUNIT_ASSERT_NOT_NULL(test, mapped);
	if (!gom_backend)
		KUNIT_EXPECT_NOT_NULL(test, p);
	if (p) {
		EXPECT_OURS(test, p);
		kfree_nolock(p);
	}
	KUNIT_EXPECT_PTR_EQ(test, kmalloc_nolock(0, 0, NUMA_NO_NODE), ZERO_SIZE_PTR);
	kfree_nolock(NULL);
	kfree_nolock(kmalloc(64, GFP_KERNEL));
	kfree_nolock(kernel_side_object());
	kvfree_atomic(kmalloc(64, GFP_KERNEL));
	kvfree_atomic(kernel_side_object());
	kvfree_atomic(mapped);
	gom_nolock_drain();
	if (gom_efence)
		gom_efence_sync();
	KUNIT_EXPECT_TRUE(test, unmapped_soon(mapped));
}
#endif

#ifdef GOM_HAS_NOLOCK
struct nolock_object {
	char before[40];
	GOM_KVFREE_RCU_HEAD rcu;
};

/* Callers hold any lock, or interrupted call_rcu(). */
static void nolock_frees_wait_for_a_grace_period(struct kunit *test)
{
	const size_t size = sizeof(struct nolock_object);
	struct nolock_object *p[10];
	u64 live = gomtest_live_objects();
	unsigned long flags;
	unsigned int i;

	for (i = 0; i < ARRAY_SIZE(p); i++) {
		p[i] = kmalloc(size, GFP_KERNEL);
		KUNIT_ASSERT_NOT_NULL(test, p[i]);
	}
	rcu_read_lock();
	local_irq_save(flags);
	for (i = 0; i < ARRAY_SIZE(p); i++)
		kfree_rcu_nolock(p[i], rcu);
	local_irq_restore(flags);
	KUNIT_EXPECT_EQ(test, gomtest_live_objects(), live + ARRAY_SIZE(p));
	rcu_read_unlock();
	gom_slab_kfree_rcu_flush();
	gom_free_rcu_barrier();
	if (gom_efence)
		gom_efence_sync();
	if (!gom_sbrk)
		KUNIT_EXPECT_EQ(test, gomtest_live_objects(), live);
}

static struct {
	struct nolock_object *next;
	u64 live;		/* after the flush */
} amid_nolock;

/* The first head is on the list, its irq_work is not queued. */
static bool nolock_head_flush(enum gom_test_point at, unsigned int arg, gfp_t gfp)
{
	struct nolock_object *p = amid_nolock.next;

	if (at == GOM_AT_NOLOCK_HEAD && p) {
		amid_nolock.next = NULL;
		kfree_rcu_nolock(p, rcu);
		gom_slab_kfree_rcu_flush();
		gom_free_rcu_barrier();
		amid_nolock.live = gomtest_live_objects();
	}
	return false;
}

/* Another task may stay there for long, e.g. behind a real-time task. */
static void nolock_flush_waits_for_no_irq_work_to_come(struct kunit *test)
{
	const size_t size = sizeof(struct nolock_object);
	struct nolock_object *first = kmalloc(size, GFP_KERNEL);
	u64 live;

	amid_nolock.next = kmalloc(size, GFP_KERNEL);
	KUNIT_ASSERT_NOT_NULL(test, first);
	KUNIT_ASSERT_NOT_NULL(test, amid_nolock.next);
	live = gomtest_live_objects();
	WRITE_ONCE(gom_test_callback, nolock_head_flush);
	kfree_rcu_nolock(first, rcu);
	WRITE_ONCE(gom_test_callback, NULL);
	KUNIT_EXPECT_EQ(test, amid_nolock.live, live - 2);
	gom_slab_kfree_rcu_flush();
	gom_free_rcu_barrier();
}

static bool nolock_head_freed;

/*
 * The task that added the first head may be preempted there for long.  The next
 * one is freed all the same, without a flush.
 */
static bool nolock_head_next(enum gom_test_point at, unsigned int arg, gfp_t gfp)
{
	struct nolock_object *p = amid_nolock.next;
	unsigned int i;

	if (at != GOM_AT_NOLOCK_HEAD || !p)
		return false;
	amid_nolock.next = NULL;
	kfree_rcu_nolock(p, rcu);
	for (i = 0; i < 100 && !nolock_head_freed; i++) {
		schedule_timeout_uninterruptible(1);
		gom_free_rcu_barrier();
		nolock_head_freed = gomtest_live_objects() == amid_nolock.live - 2;
	}
	return false;
}

static void nolock_frees_need_no_task_that_was_preempted(struct kunit *test)
{
	const size_t size = sizeof(struct nolock_object);
	struct nolock_object *first = kmalloc(size, GFP_KERNEL);

	nolock_head_freed = false;
	amid_nolock.next = kmalloc(size, GFP_KERNEL);
	KUNIT_ASSERT_NOT_NULL(test, first);
	KUNIT_ASSERT_NOT_NULL(test, amid_nolock.next);
	amid_nolock.live = gomtest_live_objects();
	WRITE_ONCE(gom_test_callback, nolock_head_next);
	kfree_rcu_nolock(first, rcu);
	WRITE_ONCE(gom_test_callback, NULL);
	KUNIT_EXPECT_TRUE(test, nolock_head_freed);
	gom_slab_kfree_rcu_flush();
	gom_free_rcu_barrier();
}

static struct {
	struct task_struct *first, *second;
	bool started;
	bool done;
	bool waited;		/* for the first flush, not done before its end */
	u64 live;		/* after the second flush */
} flushes;

static int second_flush_main(void *unused)
{
	WRITE_ONCE(flushes.started, true);
	gom_slab_kfree_rcu_flush();
	WRITE_ONCE(flushes.done, true);
	gom_free_rcu_barrier();
	flushes.live = gomtest_live_objects();
	return 0;
}

/*
 * Where irq_work has no interrupt, irq_work_sync() takes a grace period: one that
 * waits for nothing else ends within these.
 */
static void second_flush_run(void)
{
	unsigned int i;

	wake_up_process(flushes.second);
	while (!READ_ONCE(flushes.started))
		schedule_timeout_uninterruptible(1);
	for (i = 0; i < 4 && !READ_ONCE(flushes.done); i++)
		synchronize_rcu();
	flushes.waited = !READ_ONCE(flushes.done);
}

/*
 * The head is on the list, and its irq_work is not queued: a flush takes it.
 * Before that frees it, there is a second flush.
 */
static bool nolock_head_flush_twice(enum gom_test_point at, unsigned int arg, gfp_t gfp)
{
	if (!in_task() || current != flushes.first)
		return false;
	if (at == GOM_AT_NOLOCK_HEAD)
		gom_slab_kfree_rcu_flush();
	else if (at == GOM_AT_NOLOCK_HEADS && !flushes.started)
		second_flush_run();
	return false;
}

static void nolock_flush_waits_for_another(struct kunit *test)
{
	struct nolock_object *p = kmalloc(sizeof(*p), GFP_KERNEL);
	u64 live = gomtest_live_objects();

	KUNIT_ASSERT_NOT_NULL(test, p);
	memset(&flushes, 0, sizeof(flushes));
	flushes.first = current;
	flushes.second = kthread_create(second_flush_main, NULL, "gom_flush");
	KUNIT_ASSERT_FALSE(test, IS_ERR(flushes.second));
	get_task_struct(flushes.second);
	WRITE_ONCE(gom_test_callback, nolock_head_flush_twice);
	kfree_rcu_nolock(p, rcu);
	WRITE_ONCE(gom_test_callback, NULL);
	kthread_stop_put(flushes.second);
	KUNIT_EXPECT_TRUE(test, flushes.started);
	KUNIT_EXPECT_TRUE(test, flushes.waited);
	KUNIT_EXPECT_EQ(test, flushes.live, live - 1);
	gom_free_rcu_barrier();
}
#endif

/* === gom_owns() === */

static void any_address_may_be_asked(struct kunit *test)
{
	static int in_the_module;
	void *p = kmalloc(64, GFP_KERNEL);
	char *large = kmalloc(variable(200000), GFP_KERNEL);
	int on_the_stack;

	EXPECT_OURS(test, p);
	EXPECT_OURS(test, large);
	if (!gom_sbrk)
		KUNIT_EXPECT_TRUE(test, gom_owns(large + 199999));
	KUNIT_EXPECT_FALSE(test, gom_owns(NULL));
	KUNIT_EXPECT_FALSE(test, gom_owns(ZERO_SIZE_PTR));
	KUNIT_EXPECT_FALSE(test, gom_owns((void *)-1L));
	KUNIT_EXPECT_FALSE(test, gom_owns((void *)4096));
	KUNIT_EXPECT_FALSE(test, gom_owns(&in_the_module));
	KUNIT_EXPECT_FALSE(test, gom_owns(&on_the_stack));
	kfree(large);
	kfree(p);
}

/* A misuse is reported as gomalloc's; the kernel's kfree() is not called. */
static void misuse_of_gomallocs_memory_is_reported(struct kunit *test)
{
	unsigned long before = gom_misuse_count(GOM_BAD_FREE_MIDDLE);
	char *p = kmalloc(64, GFP_KERNEL);

	EXPECT_OURS(test, p);
	gomtest_expect_misuse(test);
	gom_report_again();
	KUNIT_ASSERT_EQ(test, gomtest_log_capture(), 0);
	gomtest_log_clear();
	kfree(p + 8);
	KUNIT_EXPECT_TRUE(test, gomtest_log_contains("called from misuse_of_gomallocs_memory_is_"));
	gomtest_log_release();
	KUNIT_EXPECT_EQ(test, gom_misuse_count(GOM_BAD_FREE_MIDDLE), before + 1);
	kfree(p);
}

/* By then it is an address of vmalloc()'s that gomalloc does not know. */
static void a_double_free_with_guard_pages_is_reported(struct kunit *test)
{
	void *p;

	if (!gom_efence)
		kunit_skip(test, "gomalloc was not loaded with efence=1");
	p = kmalloc(100, GFP_KERNEL);
	EXPECT_OURS(test, p);
	gomtest_expect_misuse(test);
	gom_report_again();
	KUNIT_ASSERT_EQ(test, gomtest_log_capture(), 0);
	gomtest_log_clear();
	kfree(p);
	gom_efence_sync();
	kfree(p);
	KUNIT_EXPECT_TRUE(test, gomtest_log_contains("where no object is, any more"));
	KUNIT_EXPECT_TRUE(test, gomtest_log_contains("called from a_double_free_with_guard_pages_"));
	gomtest_log_release();
}

/* Given an address of vmalloc()'s, the kernel's functions would look at a page. */
static void use_after_free_with_guard_pages_is_reported(struct kunit *test)
{
	unsigned long before = gom_misuse_count(GOM_BAD_FREE_MIDDLE) +
			       gom_misuse_count(GOM_BAD_DOUBLE_FREE) +
			       gom_misuse_count(GOM_BAD_FREE_FOREIGN);
	void *p;

	if (!gom_efence)
		kunit_skip(test, "gomalloc was not loaded with efence=1");
	p = kmalloc(100, GFP_KERNEL);
	EXPECT_OURS(test, p);
	kfree(p);
	gom_efence_sync();
	gomtest_expect_misuse(test);
	kfree_const(p);
	kfree_sensitive(p);
	KUNIT_EXPECT_EQ(test, gom_misuse_count(GOM_BAD_FREE_MIDDLE) +
			gom_misuse_count(GOM_BAD_DOUBLE_FREE) +
			gom_misuse_count(GOM_BAD_FREE_FOREIGN), before + 2);
	before = gom_misuse_count(GOM_BAD_POINTER);
	KUNIT_EXPECT_EQ(test, ksize(p), 0UL);
	KUNIT_EXPECT_NULL(test, krealloc(p, 200, GFP_KERNEL));
	KUNIT_EXPECT_EQ(test, gom_misuse_count(GOM_BAD_POINTER), before + 2);
}

static struct kunit_case kfree_cases[] = {
	KUNIT_CASE(what_the_kernel_allocates_stays_slubs),
	KUNIT_CASE(what_the_kernel_allocates_is_freed),
	KUNIT_CASE(other_frees_take_both_kinds),
	KUNIT_CASE(seq_files_free_what_the_module_set),
	KUNIT_CASE(bulk_frees_take_both_kinds),
	SBRK_CASE(sensitive_memory_is_cleared),
	KUNIT_CASE(rcu_frees_take_both_kinds),
	HEAP_CASE(rcu_frees_wait_for_readers),
	HEAP_CASE(headless_rcu_frees_wait_for_readers),
#ifdef GOM_HAS_RCU_BARRIER
	HEAP_CASE(the_rcu_barrier_is_for_both_kinds),
#endif
#ifdef GOM_HAS_NOLOCK
	KUNIT_CASE(nolock_frees_take_both_kinds),
	KUNIT_CASE(nolock_frees_wait_for_a_grace_period),
	HEAP_CASE(nolock_flush_waits_for_no_irq_work_to_come),
	HEAP_CASE(nolock_frees_need_no_task_that_was_preempted),
	HEAP_CASE(nolock_flush_waits_for_another),
#endif
	KUNIT_CASE(any_address_may_be_asked),
	HEAP_CASE(misuse_of_gomallocs_memory_is_reported),
	KUNIT_CASE(a_double_free_with_guard_pages_is_reported),
	KUNIT_CASE(use_after_free_with_guard_pages_is_reported),
	{}
};

static int kfree_suite_init(struct kunit_suite *suite)
{
	return kernel_side_begin();
}

static void kfree_suite_exit(struct kunit_suite *suite)
{
	kernel_side_end();
}

struct kunit_suite gomalloc_slab_kfree_suite = {
	.name = "gomalloc_slab_kfree",
	.suite_init = kfree_suite_init,
	.suite_exit = kfree_suite_exit,
	.init = gomtest_begin_any,
	.exit = gomtest_end,
	.test_cases = kfree_cases,
};
