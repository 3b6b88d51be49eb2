// SPDX-License-Identifier: GPL-2.0
/*
 * The drop-in: named caches and mempools.  Built with as_slab.h, so these functions
 * are gomalloc's (kernel_side.h).
 */
#include <linux/cache.h>
#include <linux/mempool.h>
#include <linux/mm.h>
#include <linux/rcupdate.h>
#include <linux/slab.h>
#include <linux/string.h>
#include <linux/uaccess.h>
#include <linux/version.h>
#include <linux/vmalloc.h>

#include "api/cache.h"
#include "api/efence.h"
#include "base/compat.h"
#include "base/fault.h"
#include "gomalloc.h"
#include "slab/kernel_side.h"
#include "slab/slab.h"
#include "suites.h"

struct thing {
	u64 key;
	char name[50];
};

struct rcu_thing {
	struct thing thing;
	GOM_KVFREE_RCU_HEAD rcu;
};

static void expect_ours_and_free(struct kunit *test, struct kmem_cache *s, void *p)
{
	EXPECT_OURS(test, p);
	kmem_cache_free(s, p);
}

static void expect_foreign_and_free(struct kunit *test, struct kmem_cache *s, void *p)
{
	EXPECT_FOREIGN(test, p);
	kmem_cache_free(s, p);
}

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
	expect_ours_and_free(test, s, kmem_cache_alloc_node(s, GFP_KERNEL, 0));
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

static void expect_constructed(struct kunit *test, struct kmem_cache *s, unsigned int align)
{
	struct thing *t = kmem_cache_alloc(s, GFP_KERNEL);

	EXPECT_OURS(test, t);
	KUNIT_EXPECT_EQ(test, t->key, 4711ULL);
	if (!gom_sbrk)
		KUNIT_EXPECT_TRUE(test, IS_ALIGNED((unsigned long)t, align));
	kmem_cache_free(s, t);
}

static void a_cache_has_its_constructor_and_flags(struct kunit *test)
{
	struct kmem_cache *s = kmem_cache_create("gomtest_ctor", sizeof(struct thing), 64,
						 SLAB_TYPESAFE_BY_RCU | SLAB_PANIC, thing_ctor);

	KUNIT_ASSERT_NOT_NULL(test, s);
	expect_constructed(test, s, 64);
	kmem_cache_destroy(s);

	s = kmem_cache_create_usercopy("gomtest_usercopy", sizeof(struct thing), 0, 0, 8, 16, NULL);
	KUNIT_ASSERT_NOT_NULL(test, s);
	expect_ours_and_free(test, s, kmem_cache_alloc(s, GFP_KERNEL));
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

#define TRIES	10U

/*
 * Does a plain cache return the object that was freed last to a cache with
 * @flags, of the same size?  A class holds objects only if this CPU's cache has
 * capacity left for it, so empty that before.  An idle magazine may be flushed
 * meanwhile, so try several times.
 */
static bool plain_cache_shares(struct kunit *test, slab_flags_t flags)
{
	struct kmem_cache *plain = kmem_cache_create("gomtest_plain", 200, 0, 0, NULL);
	struct kmem_cache *s = kmem_cache_create("gomtest_flags", 200, 0, flags, NULL);
	void *p = NULL, *q = NULL;
	unsigned int i;

	KUNIT_ASSERT_NOT_NULL(test, plain);
	KUNIT_ASSERT_NOT_NULL(test, s);
	for (i = 0; i < TRIES && (!i || p != q); i++) {
		gom_release_memory();
		migrate_disable();
		p = kmem_cache_alloc(s, GFP_KERNEL);
		kmem_cache_free(s, p);
		q = kmem_cache_alloc(plain, GFP_KERNEL);
		kmem_cache_free(plain, q);
		migrate_enable();
		KUNIT_EXPECT_NOT_NULL(test, p);
		KUNIT_EXPECT_NOT_NULL(test, q);
	}
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

/* The constructor keeps others out of its class, so objects left are reported. */
static struct kmem_cache *rcu_cache_create(struct kunit *test)
{
	struct kmem_cache *s = kmem_cache_create("gomtest_rcu", sizeof(struct rcu_thing), 0, 0,
						 thing_ctor);

	KUNIT_ASSERT_NOT_NULL(test, s);
	return s;
}

/* Objects that wait for a grace period are not in use.  A report would fail this. */
static void destroying_waits_for_kfree_rcu(struct kunit *test)
{
	struct kmem_cache *s = rcu_cache_create(test);
	struct rcu_thing *p;
	unsigned int i;

	for (i = 0; i < 30; i++) {
		p = kmem_cache_alloc(s, GFP_KERNEL);
		EXPECT_OURS(test, p);
		kfree_rcu(p, rcu);
	}
	kmem_cache_destroy(s);
}

#ifdef GOM_HAS_NOLOCK
static struct kmem_cache *amid_nolock;

/* The head is on the list, its irq_work is not queued. */
static bool nolock_head_destroy(enum gom_test_point at, unsigned int arg, gfp_t gfp)
{
	struct kmem_cache *s = amid_nolock;

	if (at == GOM_AT_NOLOCK_HEAD && s) {
		amid_nolock = NULL;
		kmem_cache_destroy(s);
	}
	return false;
}

static void destroying_waits_for_kfree_rcu_nolock(struct kunit *test)
{
	struct kmem_cache *s = rcu_cache_create(test);
	struct rcu_thing *p = kmem_cache_alloc(s, GFP_KERNEL);

	EXPECT_OURS(test, p);
	amid_nolock = s;
	WRITE_ONCE(gom_test_callback, nolock_head_destroy);
	kfree_rcu_nolock(p, rcu);
	WRITE_ONCE(gom_test_callback, NULL);
	KUNIT_EXPECT_NULL(test, amid_nolock);
	gom_slab_kfree_rcu_flush();
	gom_free_rcu_barrier();
}
#endif

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

	KUNIT_ASSERT_NOT_NULL(test, s);
	expect_constructed(test, s, 32);
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
static void expect_slubs(struct kunit *test, struct kmem_cache *s, unsigned int align)
{
	void *p;

	KUNIT_ASSERT_NOT_NULL(test, s);
	p = kmem_cache_alloc(s, GFP_KERNEL);
	EXPECT_FOREIGN(test, p);
	if (align)
		KUNIT_EXPECT_TRUE(test, IS_ALIGNED((unsigned long)p, align));
	kmem_cache_free(s, p);
	kmem_cache_destroy(s);
}

static void expect_cache_of_slub(struct kunit *test, unsigned int size, unsigned int align,
				 slab_flags_t flags)
{
	expect_slubs(test, kmem_cache_create("gomtest_slub", size, align, flags, thing_ctor),
		     align);
}

static void other_caches_stay_slubs(struct kunit *test)
{
	expect_cache_of_slub(test, GOM_CACHE_MAX_SIZE + 8, 0, 0);
	expect_cache_of_slub(test, sizeof(struct thing), 2 * PAGE_SIZE, 0);
	/* Without the zone it is an ordinary cache. */
	expect_cache_of_slub(test, sizeof(struct thing), 0, SLAB_CACHE_DMA);
	expect_cache_of_slub(test, sizeof(struct thing), 0, SLAB_CACHE_DMA32);
}

static bool handles_deny(enum gom_test_point at, unsigned int arg, gfp_t gfp)
{
	return at == GOM_AT_HANDLE;
}

/* A module goes on with those of SLUB. */
static void caches_beyond_the_table_stay_slubs(struct kunit *test)
{
	struct kmem_cache *s, *usercopy, *later;
	void *p;

	WRITE_ONCE(gom_test_callback, handles_deny);
	s = kmem_cache_create("gomtest_full", sizeof(struct thing), 64, 0, thing_ctor);
	usercopy = kmem_cache_create_usercopy("gomtest_usercopy", sizeof(struct thing), 0, 0, 8, 16,
					      thing_ctor);
	WRITE_ONCE(gom_test_callback, NULL);
	later = KMEM_CACHE(thing, 0);
	expect_slubs(test, s, 64);
	expect_slubs(test, usercopy, 0);
	KUNIT_ASSERT_NOT_NULL(test, later);
	p = kmem_cache_alloc(later, GFP_KERNEL);
	EXPECT_OURS(test, p);
	kmem_cache_free(later, p);
	kmem_cache_destroy(later);
}

/* A module also uses caches that the kernel made and exports. */
static void a_cache_of_the_kernel_is_used_as_such(struct kunit *test)
{
	struct kmem_cache *s = kernel_side_cache_create("gomtest_kernel", 72);
	void *p[4];

	KUNIT_ASSERT_NOT_NULL(test, s);
	KUNIT_EXPECT_EQ(test, kmem_cache_size(s), 72U);
	expect_foreign_and_free(test, s, kmem_cache_alloc(s, GFP_KERNEL));
	expect_foreign_and_free(test, s, kmem_cache_alloc_node(s, GFP_KERNEL, 0));
	expect_foreign_and_free(test, s, kmem_cache_alloc_lru(s, NULL, GFP_KERNEL));
	KUNIT_ASSERT_TRUE(test, kmem_cache_alloc_bulk(s, GFP_KERNEL, ARRAY_SIZE(p), p));
	EXPECT_FOREIGN(test, p[3]);
	kmem_cache_free_bulk(s, ARRAY_SIZE(p), p);
	KUNIT_ASSERT_TRUE(test, kmem_cache_alloc_bulk(s, GFP_KERNEL, ARRAY_SIZE(p), p));
	kmem_cache_free_bulk(NULL, ARRAY_SIZE(p), p);
	kmem_cache_shrink(s);
	kernel_side_cache_destroy(s);	/* warns of objects left */
}

static void expect_pool_of_ours(struct kunit *test, mempool_t *pool)
{
	void *p;

	KUNIT_ASSERT_NOT_NULL(test, pool);
	p = mempool_alloc(pool, GFP_KERNEL);
	EXPECT_OURS(test, p);
	mempool_free(p, pool);
}

/* The kernel calls back with the handle, of which it knows nothing. */
static void mempools_allocate_gomallocs_objects(struct kunit *test)
{
	struct kmem_cache *s = KMEM_CACHE(thing, 0);
	mempool_t *pool;

	KUNIT_ASSERT_NOT_NULL(test, s);
	pool = mempool_create_slab_pool(3, s);
	expect_pool_of_ours(test, pool);
	KUNIT_EXPECT_EQ(test, mempool_resize(pool, 5), 0);
	mempool_destroy(pool);
	kmem_cache_destroy(s);

	pool = mempool_create_kmalloc_pool(3, 100);
	expect_pool_of_ours(test, pool);
	mempool_destroy(pool);
}

/* As with SLUB, objects of a cache that was destroyed too early stay valid. */
static void a_late_free_goes_by_address(struct kunit *test)
{
	struct kmem_cache *a = kmem_cache_create("gomtest_early", 64, 0, 0, NULL), *b;
	void *x, *y[3];
	unsigned int i;

	KUNIT_ASSERT_NOT_NULL(test, a);
	x = kmem_cache_alloc(a, GFP_KERNEL);
	KUNIT_ASSERT_NOT_NULL(test, x);
	memset(x, 0x5a, 64);
	gomtest_expect_misuse(test);
	kmem_cache_destroy(a);
	b = kmem_cache_create("gomtest_later", 1000, 0, 0, NULL);
	KUNIT_ASSERT_NOT_NULL(test, b);
	KUNIT_EXPECT_PTR_NE(test, a, b);
	KUNIT_EXPECT_TRUE(test, gomtest_all_bytes(x, 0x5a, 64));
	kmem_cache_free(a, x);
	for (i = 0; i < ARRAY_SIZE(y); i++) {
		y[i] = kmem_cache_alloc(b, GFP_KERNEL);
		KUNIT_ASSERT_NOT_NULL(test, y[i]);
		KUNIT_EXPECT_GE(test, ksize(y[i]), (size_t)1000);
	}
	kmem_cache_free_bulk(b, ARRAY_SIZE(y), y);
	KUNIT_EXPECT_NULL(test, kmem_cache_alloc(a, GFP_KERNEL));
	KUNIT_EXPECT_EQ(test, kmem_cache_size(a), 0U);
	kmem_cache_destroy(a);
	kmem_cache_destroy(b);
}

/* The kernel asks for the page of an inode: list_lru_add_obj(). */
static void objects_for_a_list_lru_have_a_page(struct kunit *test)
{
	struct kmem_cache *s = kmem_cache_create("gomtest_inode", 600, 0, SLAB_RECLAIM_ACCOUNT,
						 NULL);
	void *p;

	KUNIT_ASSERT_NOT_NULL(test, s);
	p = kmem_cache_alloc_lru(s, NULL, GFP_KERNEL);
	KUNIT_ASSERT_NOT_NULL(test, p);
	KUNIT_EXPECT_TRUE(test, gom_owns(p));
	KUNIT_EXPECT_TRUE(test, virt_addr_valid(p));
	KUNIT_EXPECT_FALSE(test, is_vmalloc_addr(p));
	kmem_cache_free(s, p);
	p = kmem_cache_alloc(s, GFP_KERNEL);
	KUNIT_ASSERT_NOT_NULL(test, p);
	KUNIT_EXPECT_EQ(test, is_vmalloc_addr(p), gom_efence);
	kmem_cache_free(s, p);
	kmem_cache_destroy(s);
}

static struct kunit_case kmem_cache_cases[] = {
	KUNIT_CASE(a_cache_is_gomallocs),
	KUNIT_CASE(a_cache_has_its_constructor_and_flags),
	KUNIT_CASE(hwcache_align_is_honoured),
	HEAP_CASE(some_flags_keep_caches_apart),
	HEAP_CASE(typesafe_objects_stay_for_readers),
	HEAP_CASE(shrinking_a_cache_frees_its_pages),
	KUNIT_CASE(destroying_waits_for_kfree_rcu),
#ifdef GOM_HAS_NOLOCK
	HEAP_CASE(destroying_waits_for_kfree_rcu_nolock),
#endif
#ifdef kmem_cache_create
	KUNIT_CASE(a_cache_takes_arguments),
#endif
	KUNIT_CASE(a_handle_is_no_memory),
	KUNIT_CASE(a_long_name_is_cut),
	KUNIT_CASE(other_caches_stay_slubs),
	KUNIT_CASE(caches_beyond_the_table_stay_slubs),
	KUNIT_CASE(a_cache_of_the_kernel_is_used_as_such),
	KUNIT_CASE(mempools_allocate_gomallocs_objects),
	HEAP_CASE(a_late_free_goes_by_address),
	KUNIT_CASE(objects_for_a_list_lru_have_a_page),
	{}
};

struct kunit_suite gomalloc_slab_kmem_cache_suite = {
	.name = "gomalloc_slab_kmem_cache",
	.init = gomtest_begin_any,
	.exit = gomtest_end,
	.test_cases = kmem_cache_cases,
};
