// SPDX-License-Identifier: GPL-2.0
/*
 * The drop-in: this file is built with as_slab.h, so all functions of slab.h in
 * it are gomalloc's.  What they allocate is gomalloc's; what they free may be
 * of either allocator; what the kernel would free stays SLUB's.
 *
 * In sbrk mode frees of gomalloc's objects do nothing.
 *
 * That an object of SLUB's was freed shows at the end of the suite
 * (kernel_side_object()), that vmalloc()'s memory was, in the page tables.
 */
#include <linux/bitmap.h>
#include <linux/cache.h>
#include <linux/jiffies.h>
#include <linux/mempool.h>
#include <linux/mm.h>
#include <linux/nodemask.h>
#include <linux/rcupdate.h>
#include <linux/sched.h>
#include <linux/seq_file.h>
#include <linux/slab.h>
#include <linux/string.h>
#include <linux/string_helpers.h>
#include <linux/uaccess.h>
#include <linux/vmalloc.h>

#include "api/cache.h"
#include "api/efence.h"
#include "api/nolock.h"
#include "base/compat.h"
#include "base/fail_site.h"
#include "base/report.h"
#include "debug/fail.h"
#include "gomalloc.h"
#include "heap/pagemap.h"
#include "log.h"
#include "slab/kernel_side.h"
#include "suites.h"

#define EXPECT_OURS(test, p)						\
do {									\
	const void *__ours = (p);					\
									\
	KUNIT_ASSERT_NOT_NULL(test, __ours);				\
	KUNIT_EXPECT_TRUE(test, gom_owns(__ours));			\
} while (0)

#define EXPECT_FOREIGN(test, p)						\
do {									\
	const void *__foreign = (p);					\
									\
	KUNIT_ASSERT_NOT_NULL(test, __foreign);				\
	KUNIT_EXPECT_FALSE(test, gom_owns(__foreign));			\
} while (0)

/* Hide a constant from the compiler. */
static size_t variable(size_t size)
{
	OPTIMIZER_HIDE_VAR(size);
	return size;
}

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

/* === kmalloc() === */

static void expect_ours_and_free(struct kunit *test, void *p, size_t size)
{
	EXPECT_OURS(test, p);
	memset(p, 0x5a, size);
	KUNIT_EXPECT_GE(test, ksize(p), size);
	kfree(p);
}

static void kmalloc_is_gomallocs(struct kunit *test)
{
	expect_ours_and_free(test, kmalloc(1, GFP_KERNEL), 1);
	expect_ours_and_free(test, kmalloc(100, GFP_KERNEL), 100);
	expect_ours_and_free(test, kmalloc(variable(100), GFP_KERNEL), 100);
	expect_ours_and_free(test, kmalloc(20000, GFP_KERNEL), 20000);
	expect_ours_and_free(test, kmalloc(variable(200000), GFP_KERNEL), 200000);
	expect_ours_and_free(test, kmalloc(64, GFP_ATOMIC), 64);
	expect_ours_and_free(test, kmalloc(64, GFP_KERNEL_ACCOUNT | __GFP_RECLAIMABLE), 64);
	expect_ours_and_free(test, kmalloc_node(300, GFP_KERNEL, 0), 300);
	expect_ours_and_free(test, kmalloc_node(variable(300), GFP_KERNEL, NUMA_NO_NODE), 300);
	expect_ours_and_free(test, kmalloc_node(20000, GFP_KERNEL, 0), 20000);
	expect_ours_and_free(test, kmalloc_array(variable(7), 30, GFP_KERNEL), 210);
	expect_ours_and_free(test, kmalloc_array_node(variable(7), 30, GFP_KERNEL, 0), 210);
	expect_ours_and_free(test, kmalloc_track_caller(variable(40), GFP_KERNEL), 40);
#ifdef kmalloc_obj
	expect_ours_and_free(test, kmalloc_obj(struct list_head), sizeof(struct list_head));
	expect_ours_and_free(test, kmalloc_objs(u64, variable(9)), 72);
#endif
	KUNIT_EXPECT_PTR_EQ(test, kmalloc(variable(0), GFP_KERNEL), ZERO_SIZE_PTR);
	KUNIT_EXPECT_NULL(test, kmalloc_array(variable(SIZE_MAX / 2), 3, GFP_KERNEL));
	kfree(NULL);
	kfree(ZERO_SIZE_PTR);
}

static void zeroed_memory_is_zero(struct kunit *test)
{
	static const size_t sizes[] = { 8, 100, 5000, 20000, 200000 };
	unsigned int i, round;
	void *p;

	for (i = 0; i < ARRAY_SIZE(sizes); i++) {
		for (round = 0; round < 3; round++) {
			p = round == 1 ? kcalloc(sizes[i], 1, GFP_KERNEL) :
			    round == 2 ? kvzalloc(sizes[i], GFP_KERNEL) :
					 kzalloc(sizes[i], GFP_KERNEL);
			EXPECT_OURS(test, p);
			KUNIT_EXPECT_TRUE(test, gomtest_all_bytes(p, 0, sizes[i]));
			memset(p, 0xff, sizes[i]);
			kvfree(p);
		}
	}
}

/* With efence=1 an object ends at a page's end. */
static void powers_of_two_are_aligned(struct kunit *test)
{
	size_t size, most = gom_efence ? PAGE_SIZE : SZ_64K;
	void *p;

	if (gom_sbrk)
		kunit_skip(test, "sbrk=1 aligns to 16 bytes");
	for (size = 8; size <= most; size *= 2) {
		p = kmalloc(size, GFP_KERNEL);
		EXPECT_OURS(test, p);
		KUNIT_EXPECT_TRUE(test, IS_ALIGNED((unsigned long)p, size));
		kfree(p);
	}
}

/* More than the largest kmalloc(): only vmalloc() has it. */
static void kvmalloc_falls_back_to_vmalloc(struct kunit *test)
{
	void *p = kvmalloc(variable(KMALLOC_MAX_SIZE + 1), GFP_KERNEL);

	EXPECT_FOREIGN(test, p);
	KUNIT_EXPECT_TRUE(test, is_vmalloc_addr(p));
	memset(p, 1, KMALLOC_MAX_SIZE + 1);
	kvfree(p);
	KUNIT_EXPECT_NULL(test, vmalloc_to_page(p));

	p = kvmalloc(variable(100), GFP_KERNEL);
	EXPECT_OURS(test, p);
	kvfree(p);
	p = kvmalloc_array(variable(100), 1000, GFP_KERNEL);
	EXPECT_OURS(test, p);
	kvfree(p);
	KUNIT_EXPECT_NULL(test, kvmalloc_array(variable(SIZE_MAX / 2), 3, GFP_KERNEL));
	kvfree(NULL);
}

static void kvmalloc_falls_back_when_gomalloc_fails(struct kunit *test)
{
	size_t size = variable(300000);
	void *p, *q, *small;

	if (gom_efence)
		kunit_skip(test, "efence=1 has most of its memory from vmalloc()");
	if (!gomtest_fail_after(0))
		kunit_skip(test, "this kernel has no fault injection");
	gomtest_fail_stop();
	gom_release_memory();
	gomtest_fail_after(0);
	p = kvmalloc(size, GFP_KERNEL);
	q = kmalloc(size, GFP_KERNEL | __GFP_NOWARN);
	small = kvmalloc(variable(3000), GFP_KERNEL | __GFP_NOWARN);
	gomtest_fail_stop();
	KUNIT_EXPECT_NULL(test, q);
	KUNIT_EXPECT_NULL(test, small);
	kfree(q);
	kvfree(small);
	EXPECT_FOREIGN(test, p);
	memset(p, 1, size);
	kvfree(p);
}

/* === Memory of the kernel === */

static void what_the_kernel_allocates_stays_slubs(struct kunit *test)
{
	char *s = kstrdup("a string for the kernel to keep", GFP_KERNEL);
	void *m = kmemdup("copy", 5, GFP_KERNEL);
	char *f = kasprintf(GFP_KERNEL, "%d bottles", 99);

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

/* === krealloc() === */

static void fill(u8 *p, size_t n)
{
	while (n--)
		p[n] = n;
}

static bool is_filled(const u8 *p, size_t n)
{
	while (n--)
		if (p[n] != (u8)n)
			return false;
	return true;
}

static void krealloc_keeps_the_owner(struct kunit *test)
{
	u8 *p = krealloc(NULL, 64, GFP_KERNEL), *q;

	EXPECT_OURS(test, p);
	fill(p, 64);
	q = krealloc(p, 128, GFP_KERNEL);
	EXPECT_OURS(test, q);
	KUNIT_EXPECT_TRUE(test, is_filled(q, 64));
	KUNIT_EXPECT_GE(test, ksize(q), (size_t)128);
	fill(q, 128);
	p = krealloc(q, 20000, GFP_KERNEL | __GFP_ZERO);
	EXPECT_OURS(test, p);
	KUNIT_EXPECT_TRUE(test, is_filled(p, 128));
	KUNIT_EXPECT_PTR_EQ(test, (void *)krealloc(p, 0, GFP_KERNEL), ZERO_SIZE_PTR);

	p = kernel_side_kmalloc(64);
	EXPECT_FOREIGN(test, p);
	fill(p, 64);
	q = krealloc(p, 5000, GFP_KERNEL);
	EXPECT_FOREIGN(test, q);
	KUNIT_EXPECT_TRUE(test, is_filled(q, 64));
	kfree(q);

	p = krealloc_array(NULL, variable(10), 8, GFP_KERNEL);
	EXPECT_OURS(test, p);
	kfree(p);
}

/* The memory had other contents before. */
static void krealloc_zeroes_what_it_adds(struct kunit *test)
{
	static const size_t sizes[] = { 500, 5000, 20000, 200000 };
	unsigned int i;
	size_t old;
	u8 *p, *q;

	for (i = 0; i < ARRAY_SIZE(sizes); i++) {
		p = kmalloc(sizes[i], GFP_KERNEL);
		EXPECT_OURS(test, p);
		memset(p, 0xff, sizes[i]);
		kfree(p);
		p = kmalloc(100, GFP_KERNEL);
		EXPECT_OURS(test, p);
		old = ksize(p);
		fill(p, old);
		q = krealloc(p, sizes[i], GFP_KERNEL | __GFP_ZERO);
		EXPECT_OURS(test, q);
		KUNIT_EXPECT_TRUE(test, is_filled(q, old));
		KUNIT_EXPECT_TRUE(test, gomtest_all_bytes(q + old, 0, sizes[i] - old));
		kfree(q);
	}
}

/* kvrealloc() was told the old size before 6.12. */
static void *do_kvrealloc(const void *p, size_t old, size_t size)
{
#ifdef kvrealloc
	return kvrealloc(p, size, GFP_KERNEL);
#else
	return kvrealloc(p, old, size, GFP_KERNEL);
#endif
}

static void kvrealloc_moves_to_vmalloc(struct kunit *test)
{
	u8 *p = kvmalloc(variable(100), GFP_KERNEL);

	EXPECT_OURS(test, p);
	fill(p, 100);
	p = do_kvrealloc(p, 100, 5000);
	EXPECT_OURS(test, p);
	KUNIT_EXPECT_TRUE(test, is_filled(p, 100));
	fill(p, 5000);
	p = do_kvrealloc(p, 5000, KMALLOC_MAX_SIZE + 1);
	EXPECT_FOREIGN(test, p);
	KUNIT_EXPECT_TRUE(test, is_filled(p, 5000));
	p = do_kvrealloc(p, KMALLOC_MAX_SIZE + 1, KMALLOC_MAX_SIZE + 2 * PAGE_SIZE);
	EXPECT_FOREIGN(test, p);
	KUNIT_EXPECT_TRUE(test, is_filled(p, 5000));
	kvfree(p);
}

/* The barriers keep the calls from being tail calls, whose site is the caller. */
static noinline void *kvmalloc_site(void)
{
	void *p = kvmalloc(variable(50000), GFP_KERNEL);

	barrier();
	return p;
}

static noinline void *kvrealloc_site(void *p, size_t old, size_t size)
{
	p = do_kvrealloc(p, old, size);
	barrier();
	return p;
}

/* Neither has the memory from vmalloc() then. */
static void a_site_that_is_to_fail_gets_no_memory(struct kunit *test)
{
	u8 *p, *q;

	KUNIT_ASSERT_EQ(test, gom_fail_set_module("gomalloc_kunit"), 0);
	p = kvmalloc_site();
	EXPECT_OURS(test, p);
	fill(p, 50000);
	KUNIT_EXPECT_EQ(test, gom_fail_site_enable(0), 0);
	KUNIT_EXPECT_NULL(test, kvmalloc_site());

	KUNIT_ASSERT_EQ(test, gom_fail_set_module("gomalloc_kunit"), 0);
	p = kvrealloc_site(p, 50000, 70000);
	EXPECT_OURS(test, p);
	KUNIT_EXPECT_TRUE(test, is_filled(p, 50000));
	KUNIT_EXPECT_EQ(test, gom_fail_site_enable(0), 0);
	q = kvrealloc_site(p, 70000, 90000);
	KUNIT_EXPECT_NULL(test, q);
	p = q ?: p;
	KUNIT_EXPECT_TRUE(test, is_filled(p, 50000));
	q = kvrealloc_site(p, 70000, 90000);
	EXPECT_OURS(test, q);
	KUNIT_EXPECT_TRUE(test, is_filled(q, 50000));
	KUNIT_ASSERT_EQ(test, gom_fail_set_module(""), 0);
	kvfree(q);
}

#ifdef krealloc_node_align
static void krealloc_moves_to_an_alignment(struct kunit *test)
{
	u8 *p, *q;

	if (gom_sbrk)
		kunit_skip(test, "sbrk=1 aligns to 16 bytes");
	p = kmalloc(96, GFP_KERNEL);
	EXPECT_OURS(test, p);
	fill(p, 96);
	q = krealloc_node_align(p, 64, 64, GFP_KERNEL, NUMA_NO_NODE);
	EXPECT_OURS(test, q);
	KUNIT_EXPECT_TRUE(test, IS_ALIGNED((unsigned long)q, 64));
	KUNIT_EXPECT_TRUE(test, is_filled(q, 64));
	kfree(q);
}

static void krealloc_moves_to_a_node(struct kunit *test)
{
	int node = first_online_node, other = next_online_node(node);
	u8 *p, *q;

	if (other == MAX_NUMNODES)
		kunit_skip(test, "this machine has one node");
	p = kmalloc_node(96, GFP_KERNEL | __GFP_THISNODE, node);
	EXPECT_OURS(test, p);
	KUNIT_EXPECT_EQ(test, (int)gom_pagemap_nid(p), node);
	fill(p, 96);
	q = krealloc_node_align(p, 96, 1, GFP_KERNEL | __GFP_THISNODE, other);
	EXPECT_OURS(test, q);
	KUNIT_EXPECT_EQ(test, (int)gom_pagemap_nid(q), other);
	KUNIT_EXPECT_TRUE(test, is_filled(q, 96));
	kfree(q);
}
#endif

static void a_rounded_size_is_usable(struct kunit *test)
{
	size_t size, rounded;
	void *p;

	KUNIT_EXPECT_EQ(test, kmalloc_size_roundup(0), (size_t)0);
	for (size = 1; size < 300000; size = size * 9 / 8 + 1) {
		rounded = kmalloc_size_roundup(size);
		KUNIT_EXPECT_GE(test, rounded, size);
		p = kmalloc(rounded, GFP_KERNEL);
		EXPECT_OURS(test, p);
		KUNIT_EXPECT_GE(test, ksize(p), rounded);
		kfree(p);
	}
}

/* Odd sizes: for its alignment, an even one may get more. */
static void a_rounded_size_is_that_of_the_object(struct kunit *test)
{
	size_t size;
	void *p;

	for (size = 1; size < 300000; size = (size * 9 / 8 + 1) | 1) {
		p = kmalloc(size, GFP_KERNEL);
		EXPECT_OURS(test, p);
		KUNIT_EXPECT_EQ(test, ksize(p), kmalloc_size_roundup(size));
		kfree(p);
	}
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
static void nolock_frees_take_both_kinds(struct kunit *test)
{
	void *p = kmalloc_nolock(64, 0, NUMA_NO_NODE);
	void *mapped = kernel_side_vmalloc(64);

	KUNIT_ASSERT_NOT_NULL(test, mapped);
	if (p) {
		EXPECT_OURS(test, p);
		kfree_nolock(p);
	}
	kfree_nolock(NULL);
	kfree_nolock(kmalloc(64, GFP_KERNEL));
	kfree_nolock(kernel_side_kmalloc_nolock(64));
	kvfree_atomic(kmalloc(64, GFP_KERNEL));
	kvfree_atomic(kernel_side_object());
	kvfree_atomic(mapped);
	gom_nolock_drain();
	if (gom_efence)
		gom_efence_sync();
	KUNIT_EXPECT_TRUE(test, unmapped_soon(mapped));
}
#endif

/* === kmem_cache === */

struct thing {
	u64 key;
	char name[50];
};

static void a_cache_is_gomallocs(struct kunit *test)
{
	struct kmem_cache *s = KMEM_CACHE(thing, SLAB_HWCACHE_ALIGN | SLAB_ACCOUNT |
						 SLAB_RECLAIM_ACCOUNT);
	void *p[20];
	int i;

	KUNIT_ASSERT_NOT_NULL(test, s);
	KUNIT_EXPECT_EQ(test, kmem_cache_size(s), (unsigned int)sizeof(struct thing));
	p[0] = kmem_cache_alloc(s, GFP_KERNEL);
	EXPECT_OURS(test, p[0]);
	memset(p[0], 0xff, sizeof(struct thing));
	kmem_cache_free(s, p[0]);
	p[0] = kmem_cache_zalloc(s, GFP_KERNEL);
	EXPECT_OURS(test, p[0]);
	KUNIT_EXPECT_TRUE(test, gomtest_all_bytes(p[0], 0, sizeof(struct thing)));
	kfree(p[0]);
	p[0] = kmem_cache_alloc_node(s, GFP_KERNEL, 0);
	EXPECT_OURS(test, p[0]);
	kmem_cache_free(s, p[0]);
	p[0] = kmem_cache_alloc_lru(s, NULL, GFP_KERNEL);
	EXPECT_OURS(test, p[0]);
#ifdef GOM_HAS_CHARGE
	KUNIT_EXPECT_TRUE(test, kmem_cache_charge(p[0], GFP_KERNEL));
#endif
	kmem_cache_free(s, p[0]);
	kmem_cache_free(s, NULL);
	KUNIT_EXPECT_TRUE(test, kmem_cache_alloc_bulk(s, GFP_KERNEL, ARRAY_SIZE(p), p));
	for (i = 0; i < ARRAY_SIZE(p); i++)
		EXPECT_OURS(test, p[i]);
	kmem_cache_free_bulk(s, ARRAY_SIZE(p), p);
	KUNIT_EXPECT_EQ(test, kmem_cache_shrink(s), 0);
	kmem_cache_destroy(s);
	kmem_cache_destroy(NULL);
}

static void thing_ctor(void *p)
{
	((struct thing *)p)->key = 4711;
}

static void a_cache_has_its_constructor_and_flags(struct kunit *test)
{
	struct kmem_cache *s = kmem_cache_create("gomtest_ctor", sizeof(struct thing), 64,
						 SLAB_TYPESAFE_BY_RCU | SLAB_PANIC, thing_ctor);
	struct thing *t;

	KUNIT_ASSERT_NOT_NULL(test, s);
	t = kmem_cache_alloc(s, GFP_KERNEL);
	EXPECT_OURS(test, t);
	KUNIT_EXPECT_EQ(test, t->key, 4711ULL);
	if (!gom_sbrk)
		KUNIT_EXPECT_TRUE(test, IS_ALIGNED((unsigned long)t, 64));
	kmem_cache_free(s, t);
	kmem_cache_destroy(s);

	s = kmem_cache_create_usercopy("gomtest_usercopy", sizeof(struct thing), 0, 0, 8, 16, NULL);
	KUNIT_ASSERT_NOT_NULL(test, s);
	t = kmem_cache_alloc(s, GFP_KERNEL);
	EXPECT_OURS(test, t);
	kmem_cache_free(s, t);
	kmem_cache_destroy(s);
}

static void hwcache_align_is_honoured(struct kunit *test)
{
	unsigned long align = cache_line_size();
	struct kmem_cache *s;
	void *p[10];
	int i;

	if (gom_sbrk)
		kunit_skip(test, "sbrk=1 aligns to 16 bytes");
	while (align / 2 >= 40)
		align /= 2;
	s = kmem_cache_create("gomtest_line", 40, 0, SLAB_HWCACHE_ALIGN, NULL);
	KUNIT_ASSERT_NOT_NULL(test, s);
	KUNIT_ASSERT_TRUE(test, kmem_cache_alloc_bulk(s, GFP_KERNEL, ARRAY_SIZE(p), p));
	for (i = 0; i < ARRAY_SIZE(p); i++) {
		EXPECT_OURS(test, p[i]);
		KUNIT_EXPECT_TRUE(test, IS_ALIGNED((unsigned long)p[i], align));
	}
	kmem_cache_free_bulk(s, ARRAY_SIZE(p), p);
	kmem_cache_destroy(s);
}

/*
 * Does a plain cache return the object that was freed last to a cache with
 * @flags, of the same size?
 */
static bool plain_cache_shares(struct kunit *test, slab_flags_t flags)
{
	struct kmem_cache *plain = kmem_cache_create("gomtest_plain", 200, 0, 0, NULL);
	struct kmem_cache *s = kmem_cache_create("gomtest_flags", 200, 0, flags, NULL);
	void *p, *q;

	KUNIT_ASSERT_NOT_NULL(test, plain);
	KUNIT_ASSERT_NOT_NULL(test, s);
	migrate_disable();
	p = kmem_cache_alloc(s, GFP_KERNEL);
	kmem_cache_free(s, p);
	q = kmem_cache_alloc(plain, GFP_KERNEL);
	kmem_cache_free(plain, q);
	migrate_enable();
	KUNIT_EXPECT_NOT_NULL(test, p);
	KUNIT_EXPECT_NOT_NULL(test, q);
	kmem_cache_destroy(s);
	kmem_cache_destroy(plain);
	return p == q;
}

static void some_flags_keep_caches_apart(struct kunit *test)
{
	KUNIT_EXPECT_TRUE(test, plain_cache_shares(test, 0));
	KUNIT_EXPECT_TRUE(test, plain_cache_shares(test, SLAB_RECLAIM_ACCOUNT));
	KUNIT_EXPECT_FALSE(test, plain_cache_shares(test, SLAB_TYPESAFE_BY_RCU));
	KUNIT_EXPECT_FALSE(test, plain_cache_shares(test, SLAB_POISON));
#ifdef SLAB_NO_MERGE
	KUNIT_EXPECT_FALSE(test, plain_cache_shares(test, SLAB_NO_MERGE));
#endif
}

/*
 * The pages, too.  Shrinking may sleep, so no reader can be here: they may be
 * freed if one could not.
 */
static void typesafe_objects_stay_for_readers(struct kunit *test)
{
	struct kmem_cache *s = kmem_cache_create("gomtest_typesafe", 5000, 0,
						 SLAB_TYPESAFE_BY_RCU, NULL);
	struct gom_memstats before, after;
	unsigned long cookie;
	u8 *p;

	KUNIT_ASSERT_NOT_NULL(test, s);
	p = kmem_cache_alloc(s, GFP_KERNEL);
	EXPECT_OURS(test, p);
	memset(p, 0x5a, 5000);
	rcu_read_lock();
	kmem_cache_free(s, p);
	KUNIT_EXPECT_TRUE(test, gomtest_all_bytes(p, 0x5a, 5000));
	rcu_read_unlock();
	gom_memstats_read(&before);
	cookie = get_state_synchronize_rcu();
	kmem_cache_shrink(s);
	gom_memstats_read(&after);
	KUNIT_EXPECT_TRUE(test, after.heap_inuse == before.heap_inuse ||
				poll_state_synchronize_rcu(cookie));
	kmem_cache_destroy(s);
}

/* The freed object is in its CPU's cache until then. */
static void shrinking_a_cache_frees_its_pages(struct kunit *test)
{
	struct kmem_cache *s = kmem_cache_create("gomtest_shrink", 3000, 0, 0, thing_ctor);
	struct gom_memstats before, after;
	void *p;

	KUNIT_ASSERT_NOT_NULL(test, s);
	p = kmem_cache_alloc(s, GFP_KERNEL);
	EXPECT_OURS(test, p);
	kmem_cache_free(s, p);
	gom_memstats_read(&before);
	KUNIT_EXPECT_EQ(test, kmem_cache_shrink(s), 0);
	gom_memstats_read(&after);
	KUNIT_EXPECT_LT(test, after.heap_inuse, before.heap_inuse);
	kmem_cache_destroy(s);
}

#ifdef kmem_cache_create
static void a_cache_takes_arguments(struct kunit *test)
{
	struct kmem_cache_args args = {
		.align = 32,
		.ctor = thing_ctor,
		.freeptr_offset = offsetof(struct thing, name),
		.use_freeptr_offset = true,
#ifdef GOM_HAS_NOLOCK		/* since then */
		.sheaf_capacity = 32,
#endif
	};
	struct kmem_cache *s = kmem_cache_create("gomtest_args", sizeof(struct thing), &args,
						 SLAB_TYPESAFE_BY_RCU);
	struct thing *t;

	KUNIT_ASSERT_NOT_NULL(test, s);
	t = kmem_cache_alloc(s, GFP_KERNEL);
	EXPECT_OURS(test, t);
	KUNIT_EXPECT_EQ(test, t->key, 4711ULL);
	kmem_cache_free(s, t);
	kmem_cache_destroy(s);
}
#endif

/* The kernel faults at the first access to a handle. */
static void a_handle_is_no_memory(struct kunit *test)
{
	struct kmem_cache *s = KMEM_CACHE(thing, 0);
	unsigned long word;
	unsigned int off;

	KUNIT_ASSERT_NOT_NULL(test, s);
	if (IS_ENABLED(CONFIG_UML) && LINUX_VERSION_CODE < KERNEL_VERSION(6, 15, 0)) {
		kmem_cache_destroy(s);
		kunit_skip(test, "this UML panics on a read that may fault");
	}
	for (off = 0; off < 512; off += sizeof(word))
		KUNIT_EXPECT_NE(test, copy_from_kernel_nofault(&word, (void *)s + off,
							       sizeof(word)), 0L);
	kmem_cache_destroy(s);
}

static void a_long_name_is_cut(struct kunit *test)
{
	char name[101] = { [0 ... 99] = 'x' };
	struct kmem_cache *s = kmem_cache_create(name, 40, 0, 0, NULL);

	KUNIT_ASSERT_NOT_NULL(test, s);
	kmem_cache_destroy(s);
}

/*
 * Of objects that gomalloc has no cache for, the kernel has one.  With a
 * constructor it merges with no other, so the kernel warns of objects left.
 */
static void expect_cache_of_slub(struct kunit *test, unsigned int size, unsigned int align,
				 slab_flags_t flags)
{
	struct kmem_cache *s = kmem_cache_create("gomtest_slub", size, align, flags, thing_ctor);
	void *p;

	KUNIT_ASSERT_NOT_NULL(test, s);
	p = kmem_cache_alloc(s, GFP_KERNEL);
	EXPECT_FOREIGN(test, p);
	if (align)
		KUNIT_EXPECT_TRUE(test, IS_ALIGNED((unsigned long)p, align));
	kmem_cache_free(s, p);
	kmem_cache_destroy(s);
}

static void other_caches_stay_slubs(struct kunit *test)
{
	expect_cache_of_slub(test, GOM_CACHE_MAX_SIZE + 8, 0, 0);
	expect_cache_of_slub(test, sizeof(struct thing), 2 * PAGE_SIZE, 0);
	/* Without the zone it is an ordinary cache. */
	expect_cache_of_slub(test, sizeof(struct thing), 0, SLAB_CACHE_DMA);
	expect_cache_of_slub(test, sizeof(struct thing), 0, SLAB_CACHE_DMA32);
}

/* A module also uses caches that the kernel made and exports. */
static void a_cache_of_the_kernel_is_used_as_such(struct kunit *test)
{
	struct kmem_cache *s = kernel_side_cache_create("gomtest_kernel", 72);
	void *p[4];

	KUNIT_ASSERT_NOT_NULL(test, s);
	KUNIT_EXPECT_EQ(test, kmem_cache_size(s), 72U);
	p[0] = kmem_cache_alloc(s, GFP_KERNEL);
	EXPECT_FOREIGN(test, p[0]);
	kmem_cache_free(s, p[0]);
	p[0] = kmem_cache_alloc_node(s, GFP_KERNEL, 0);
	EXPECT_FOREIGN(test, p[0]);
	kmem_cache_free(s, p[0]);
	p[0] = kmem_cache_alloc_lru(s, NULL, GFP_KERNEL);
	EXPECT_FOREIGN(test, p[0]);
	kmem_cache_free(s, p[0]);
	KUNIT_ASSERT_TRUE(test, kmem_cache_alloc_bulk(s, GFP_KERNEL, ARRAY_SIZE(p), p));
	EXPECT_FOREIGN(test, p[3]);
	kmem_cache_free_bulk(s, ARRAY_SIZE(p), p);
	KUNIT_ASSERT_TRUE(test, kmem_cache_alloc_bulk(s, GFP_KERNEL, ARRAY_SIZE(p), p));
	kmem_cache_free_bulk(NULL, ARRAY_SIZE(p), p);
	kmem_cache_shrink(s);
	kernel_side_cache_destroy(s);	/* warns of objects left */
}

/* The kernel calls back with the handle, of which it knows nothing. */
static void mempools_allocate_gomallocs_objects(struct kunit *test)
{
	struct kmem_cache *s = KMEM_CACHE(thing, 0);
	mempool_t *pool;
	void *p;

	KUNIT_ASSERT_NOT_NULL(test, s);
	pool = mempool_create_slab_pool(3, s);
	KUNIT_ASSERT_NOT_NULL(test, pool);
	p = mempool_alloc(pool, GFP_KERNEL);
	EXPECT_OURS(test, p);
	mempool_free(p, pool);
	KUNIT_EXPECT_EQ(test, mempool_resize(pool, 5), 0);
	mempool_destroy(pool);
	kmem_cache_destroy(s);

	pool = mempool_create_kmalloc_pool(3, 100);
	KUNIT_ASSERT_NOT_NULL(test, pool);
	p = mempool_alloc(pool, GFP_KERNEL);
	EXPECT_OURS(test, p);
	mempool_free(p, pool);
	mempool_destroy(pool);
}

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

static struct kunit_case as_slab_cases[] = {
	KUNIT_CASE(kmalloc_is_gomallocs),
	KUNIT_CASE(zeroed_memory_is_zero),
	KUNIT_CASE(powers_of_two_are_aligned),
	KUNIT_CASE(kvmalloc_falls_back_to_vmalloc),
	KUNIT_CASE(kvmalloc_falls_back_when_gomalloc_fails),
	KUNIT_CASE(what_the_kernel_allocates_stays_slubs),
	KUNIT_CASE(what_the_kernel_allocates_is_freed),
	KUNIT_CASE(other_frees_take_both_kinds),
	KUNIT_CASE(seq_files_free_what_the_module_set),
	KUNIT_CASE(bulk_frees_take_both_kinds),
	SBRK_CASE(sensitive_memory_is_cleared),
	KUNIT_CASE(krealloc_keeps_the_owner),
	KUNIT_CASE(krealloc_zeroes_what_it_adds),
	KUNIT_CASE(kvrealloc_moves_to_vmalloc),
	KUNIT_CASE(a_site_that_is_to_fail_gets_no_memory),
#ifdef krealloc_node_align
	KUNIT_CASE(krealloc_moves_to_an_alignment),
	HEAP_CASE(krealloc_moves_to_a_node),
#endif
	KUNIT_CASE(a_rounded_size_is_usable),
	HEAP_CASE(a_rounded_size_is_that_of_the_object),
	KUNIT_CASE(rcu_frees_take_both_kinds),
	HEAP_CASE(rcu_frees_wait_for_readers),
	HEAP_CASE(headless_rcu_frees_wait_for_readers),
#ifdef GOM_HAS_RCU_BARRIER
	HEAP_CASE(the_rcu_barrier_is_for_both_kinds),
#endif
#ifdef GOM_HAS_NOLOCK
	KUNIT_CASE(nolock_frees_take_both_kinds),
#endif
	KUNIT_CASE(a_cache_is_gomallocs),
	KUNIT_CASE(a_cache_has_its_constructor_and_flags),
	KUNIT_CASE(hwcache_align_is_honoured),
	HEAP_CASE(some_flags_keep_caches_apart),
	HEAP_CASE(typesafe_objects_stay_for_readers),
	HEAP_CASE(shrinking_a_cache_frees_its_pages),
#ifdef kmem_cache_create
	KUNIT_CASE(a_cache_takes_arguments),
#endif
	KUNIT_CASE(a_handle_is_no_memory),
	KUNIT_CASE(a_long_name_is_cut),
	KUNIT_CASE(other_caches_stay_slubs),
	KUNIT_CASE(a_cache_of_the_kernel_is_used_as_such),
	KUNIT_CASE(mempools_allocate_gomallocs_objects),
	KUNIT_CASE(any_address_may_be_asked),
	HEAP_CASE(misuse_of_gomallocs_memory_is_reported),
	KUNIT_CASE(a_double_free_with_guard_pages_is_reported),
	{}
};

static int as_slab_suite_init(struct kunit_suite *suite)
{
	return kernel_side_begin();
}

static void as_slab_suite_exit(struct kunit_suite *suite)
{
	kernel_side_end();
}

struct kunit_suite gomalloc_as_slab_suite = {
	.name = "gomalloc_as_slab",
	.suite_init = as_slab_suite_init,
	.suite_exit = as_slab_suite_exit,
	.init = gomtest_begin_any,
	.exit = gomtest_end,
	.test_cases = as_slab_cases,
};
