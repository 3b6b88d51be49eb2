// SPDX-License-Identifier: GPL-2.0
/*
 * The drop-in: this file is built with as_slab.h, so all functions of slab.h in
 * it are gomalloc's.  What they allocate is gomalloc's; what they free may be
 * of either allocator; what the kernel would free stays SLUB's.
 *
 * In sbrk mode frees of gomalloc's objects do nothing.
 */
#include <linux/bitmap.h>
#include <linux/mempool.h>
#include <linux/mm.h>
#include <linux/rcupdate.h>
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
#include "base/report.h"
#include "gomalloc.h"
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

	p = kvmalloc(variable(100), GFP_KERNEL);
	EXPECT_OURS(test, p);
	kvfree(p);
	p = kvmalloc_array(variable(100), 1000, GFP_KERNEL);
	EXPECT_OURS(test, p);
	kvfree(p);
	KUNIT_EXPECT_NULL(test, kvmalloc_array(variable(SIZE_MAX / 2), 3, GFP_KERNEL));
	kvfree(NULL);
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
	kvfree(kernel_side_vmalloc(100));
	vfree(kernel_side_vmalloc(100000));
	kfree(kernel_side_kmalloc(200000));
}

static void other_frees_take_both_kinds(struct kunit *test)
{
	char **array = kcalloc(3, sizeof(*array), GFP_KERNEL);
	void (*delayed)(void *) = kfree_link;
	void *p;

	EXPECT_OURS(test, array);
	array[0] = kmalloc(10, GFP_KERNEL);
	array[1] = kernel_side_kmalloc(10);
	kfree_strarray(array, 3);
	kfree_strarray(NULL, 3);
	bitmap_free(bitmap_alloc(100, GFP_KERNEL));
	bitmap_free(kmalloc(16, GFP_KERNEL));
	delayed(kmalloc(10, GFP_KERNEL));
	delayed(kernel_side_kmalloc(10));
	kfree_sensitive(kmalloc(10, GFP_KERNEL));
	kfree_sensitive(NULL);
	kfree_const(kmalloc(10, GFP_KERNEL));
	kvfree_sensitive(kmalloc(10, GFP_KERNEL), 10);
	kvfree_sensitive(kernel_side_vmalloc(10), 10);
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
		private = i ? kernel_side_kmalloc(40) : kmalloc(40, GFP_KERNEL);
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
		p[i] = i % 5 == 3 ? kernel_side_kmalloc(64) : kmalloc(8 << i % 4, GFP_KERNEL);
		KUNIT_ASSERT_NOT_NULL(test, p[i]);
	}
	kfree_bulk(ARRAY_SIZE(p), p);
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
	struct rcu_object *p;

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
	p = kvmalloc(variable(KMALLOC_MAX_SIZE + 1), GFP_KERNEL);
	EXPECT_FOREIGN(test, p);
	kvfree_rcu(p, rcu);
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
}

#ifdef GOM_HAS_NOLOCK
static void nolock_frees_take_both_kinds(struct kunit *test)
{
	void *p = kmalloc_nolock(64, 0, NUMA_NO_NODE);

	if (p) {
		EXPECT_OURS(test, p);
		kfree_nolock(p);
	}
	kfree_nolock(NULL);
	kfree_nolock(kmalloc(64, GFP_KERNEL));
	kfree_nolock(kernel_side_kmalloc_nolock(64));
	kvfree_atomic(kmalloc(64, GFP_KERNEL));
	kvfree_atomic(kernel_side_vmalloc(64));
	gom_nolock_drain();
	if (gom_efence)
		gom_efence_sync();
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

/* Of objects that gomalloc has no cache for, the kernel has one. */
static void other_caches_stay_slubs(struct kunit *test)
{
	struct kmem_cache *s = kmem_cache_create("gomtest_large", GOM_CACHE_MAX_SIZE + 8, 0, 0,
						 NULL);
	void *p;

	KUNIT_ASSERT_NOT_NULL(test, s);
	p = kmem_cache_alloc(s, GFP_KERNEL);
	EXPECT_FOREIGN(test, p);
	kmem_cache_free(s, p);
	kmem_cache_destroy(s);
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
	kmem_cache_shrink(s);
	kernel_side_cache_destroy(s);
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
	kfree(p + 8);
	KUNIT_EXPECT_EQ(test, gom_misuse_count(GOM_BAD_FREE_MIDDLE), before + 1);
	kfree(p);
}

static struct kunit_case as_slab_cases[] = {
	KUNIT_CASE(kmalloc_is_gomallocs),
	KUNIT_CASE(zeroed_memory_is_zero),
	KUNIT_CASE(powers_of_two_are_aligned),
	KUNIT_CASE(kvmalloc_falls_back_to_vmalloc),
	KUNIT_CASE(what_the_kernel_allocates_stays_slubs),
	KUNIT_CASE(other_frees_take_both_kinds),
	KUNIT_CASE(seq_files_free_what_the_module_set),
	KUNIT_CASE(bulk_frees_take_both_kinds),
	KUNIT_CASE(krealloc_keeps_the_owner),
	KUNIT_CASE(kvrealloc_moves_to_vmalloc),
#ifdef krealloc_node_align
	KUNIT_CASE(krealloc_moves_to_an_alignment),
#endif
	KUNIT_CASE(a_rounded_size_is_usable),
	KUNIT_CASE(rcu_frees_take_both_kinds),
#ifdef GOM_HAS_NOLOCK
	KUNIT_CASE(nolock_frees_take_both_kinds),
#endif
	KUNIT_CASE(a_cache_is_gomallocs),
	KUNIT_CASE(a_cache_has_its_constructor_and_flags),
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
	{}
};

struct kunit_suite gomalloc_as_slab_suite = {
	.name = "gomalloc_as_slab",
	.init = gomtest_begin_any,
	.exit = gomtest_end,
	.test_cases = as_slab_cases,
};
