// SPDX-License-Identifier: GPL-2.0
/*
 * Named caches, as users of kmem_cache rely on them: geometry, constructors,
 * merging, type-safe memory, invalid arguments, and reuse of classes.
 */
#include <linux/completion.h>
#include <linux/cpumask.h>
#include <linux/kmemleak.h>
#include <linux/kthread.h>
#include <linux/mm.h>
#include <linux/rcupdate.h>
#include <linux/slab.h>
#include <linux/uaccess.h>

#include "api/cache.h"
#include "base/compat.h"
#include "base/fault.h"
#include "base/report.h"
#include "central/mcentral.h"
#include "heap/pagemap.h"
#include "log.h"
#include "percpu/mcache.h"
#include "suites.h"

static struct gom_cache *cache_create(struct kunit *test, const char *name, unsigned int size,
				      unsigned int align, slab_flags_t flags, void (*ctor)(void *))
{
	struct gom_cache *c = gom_cache_create(name, size, align, flags, ctor);

	KUNIT_ASSERT_NOT_NULL(test, c);
	KUNIT_EXPECT_EQ(test, gom_cache_size(c), size);
	return c;
}

static u64 cache_live(const struct gom_cache *c)
{
	struct gom_class_stats stats;

	gom_class_read(c->class, &stats);
	return stats.mallocs - stats.frees;
}

/* === Objects === */

static void objects_are_packed_aligned_and_disjoint(struct kunit *test)
{
	static const unsigned int sizes[] = {
		1, 8, 24, 100, 520, 1000, 3000, 5000, 9000, 40000, 131072
	};
	static const unsigned int aligns[] = { 0, 16, 64, 4096 };
	struct gom_cache *c;
	unsigned int i, j, k;
	void *p[40];

	for (i = 0; i < ARRAY_SIZE(sizes); i++) {
		for (j = 0; j < ARRAY_SIZE(aligns); j++) {
			c = cache_create(test, "test_sizes", sizes[i], aligns[j], 0, NULL);
			for (k = 0; k < ARRAY_SIZE(p); k++) {
				p[k] = gom_cache_alloc(c, GFP_KERNEL);
				KUNIT_ASSERT_NOT_NULL(test, p[k]);
				KUNIT_EXPECT_TRUE(test,
						  IS_ALIGNED((unsigned long)p[k], aligns[j] ?: 8));
				KUNIT_EXPECT_GE(test, gom_size(p[k]), (size_t)sizes[i]);
				memset(p[k], k + 1, sizes[i]);
			}
			for (k = 0; k < ARRAY_SIZE(p); k++) {
				KUNIT_EXPECT_TRUE(test, gomtest_all_bytes(p[k], k + 1, sizes[i]));
				if (gom_sbrk || k % 2)
					gom_cache_free(c, p[k]);
				else
					gom_free(p[k]);	/* as kfree() allows */
			}
			gom_cache_destroy(c);
		}
	}
}

static void objects_take_their_own_size(struct kunit *test)
{
	struct gom_cache *c;

	c = cache_create(test, "test_520", 520, 0, 0, NULL);
	KUNIT_EXPECT_EQ(test, gom_class(c->class)->size, 520U);
	gom_cache_destroy(c);
	c = cache_create(test, "test_line", 100, 0, SLAB_HWCACHE_ALIGN, NULL);
	KUNIT_EXPECT_EQ(test, gom_class(c->class)->size % cache_line_size(), 0U);
	gom_cache_destroy(c);
}

/* Tests the reciprocal division by the size at every word of a span. */
static void division_is_exact_for_every_geometry(struct kunit *test)
{
	const struct gom_class *cl;
	struct gom_cache *c;
	unsigned int size, off, wrong = 0;

	for (size = 8; size <= GOM_CACHE_MAX_SIZE; size = size * 9 / 8 + 8) {
		c = cache_create(test, "test_division", size, 0, 0, NULL);
		cl = gom_class(c->class);
		KUNIT_EXPECT_GE(test, cl->npages * PAGE_SIZE, (size_t)cl->nelems * cl->size);
		for (off = 0; off < cl->npages * PAGE_SIZE; off += 4) {
			bool begins = off % cl->size == 0 && off / cl->size < cl->nelems;

			wrong += gom_class_begins(cl, off) != begins;
			if (off / cl->size < cl->nelems)
				wrong += gom_class_index(cl, off) != off / cl->size;
		}
		gom_cache_destroy(c);
	}
	KUNIT_EXPECT_EQ(test, wrong, 0U);
}

static void zalloc_zeroes(struct kunit *test)
{
	struct gom_cache *c = cache_create(test, "test_zero", 200, 0, 0, NULL);
	unsigned int i;
	char *p;

	for (i = 0; i < 300; i++) {
		p = gom_cache_zalloc(c, GFP_KERNEL);
		KUNIT_ASSERT_NOT_NULL(test, p);
		KUNIT_EXPECT_TRUE(test, gomtest_all_bytes(p, 0, 200));
		memset(p, 0x77, 200);
		gom_cache_free(c, p);
	}
	gom_cache_destroy(c);
}

struct with_head {
	char before[200];
	struct rcu_head rcu;
};

/* Objects that wait for a grace period are not in use.  A report would fail this. */
static void destroying_waits_for_rcu_frees(struct kunit *test)
{
	struct gom_cache *c = cache_create(test, "test_rcu_frees", sizeof(struct with_head), 0,
					   GOM_NO_MERGE, NULL);
	struct with_head *p;
	unsigned int i;

	for (i = 0; i < 30; i++) {
		p = gom_cache_alloc(c, GFP_KERNEL);
		KUNIT_ASSERT_NOT_NULL(test, p);
		gom_free_rcu(p, rcu);
	}
	gom_cache_destroy(c);
}

#define OBJECTS	250U

static void bulk_is_all_or_nothing(struct kunit *test)
{
	void **p = kunit_kcalloc(test, OBJECTS, sizeof(*p), GFP_KERNEL);
	struct gom_cache *c = cache_create(test, "test_bulk", 72, 0, 0, NULL);
	unsigned int nr, i;

	KUNIT_ASSERT_NOT_NULL(test, p);
	for (nr = 1; nr <= OBJECTS; nr = nr * 2 + 1) {
		KUNIT_ASSERT_TRUE(test, gom_cache_alloc_bulk(c, GFP_KERNEL, nr, p));
		for (i = 0; i < nr; i++)
			memset(p[i], i, 72);
		for (i = 0; i < nr; i++)
			KUNIT_EXPECT_TRUE(test, gomtest_all_bytes(p[i], i, 72));
		gom_cache_free_bulk(c, nr, p);
	}
	if (!gom_sbrk)
		KUNIT_EXPECT_EQ(test, cache_live(c), 0ULL);
	gom_cache_destroy(c);
}

/* === Constructors === */

static atomic_t constructed;

struct built {
	u64 magic;
	void *self;
	char space[48];
};

#define MAGIC	0x1234567890abcdefULL

static void built_construct(void *p)
{
	struct built *b = p;

	b->magic = MAGIC;
	b->self = b;
	atomic_inc(&constructed);
}

static void constructor_runs_once_per_object(struct kunit *test)
{
	struct gom_cache *c;
	unsigned int round, i;
	struct built *p[100];

	atomic_set(&constructed, 0);
	c = cache_create(test, "test_ctor", sizeof(struct built), 0, 0, built_construct);
	for (round = 0; round < TIMES(50, 10); round++) {
		for (i = 0; i < ARRAY_SIZE(p); i++) {
			p[i] = gom_cache_alloc(c, GFP_KERNEL);
			KUNIT_ASSERT_NOT_NULL(test, p[i]);
			KUNIT_EXPECT_EQ(test, p[i]->magic, MAGIC);
			KUNIT_EXPECT_PTR_EQ(test, p[i]->self, (void *)p[i]);
			memset(p[i]->space, round, sizeof(p[i]->space));
		}
		for (i = 0; i < ARRAY_SIZE(p); i++)
			gom_cache_free(c, p[i]);
	}
	KUNIT_EXPECT_EQ(test, atomic_read(&constructed) % gom_class(c->class)->nelems, 0U);
	KUNIT_EXPECT_LE(test, atomic_read(&constructed), 16 * gom_class(c->class)->nelems);
	gom_cache_destroy(c);
}

/* === Merging === */

static void compatible_caches_share(struct kunit *test)
{
	struct gom_cache *a = cache_create(test, "test_a", 200, 0, 0, NULL);
	struct gom_cache *b = cache_create(test, "test_b", 197, 0, SLAB_RECLAIM_ACCOUNT, NULL);
	struct gom_cache *d = cache_create(test, "test_d", 200, 0, 0, built_construct);
	struct gom_cache *e = cache_create(test, "test_e", 200, 0, SLAB_TYPESAFE_BY_RCU, NULL);
	struct gom_cache *f = cache_create(test, "test_f", 200, 0, SLAB_POISON, NULL);
	void *p;

	KUNIT_EXPECT_EQ(test, b->class, a->class);
	KUNIT_EXPECT_NE(test, d->class, a->class);
	KUNIT_EXPECT_NE(test, e->class, a->class);
	KUNIT_EXPECT_NE(test, f->class, a->class);
	/* Destroying one cache does not affect the other. */
	p = gom_cache_alloc(b, GFP_KERNEL);
	KUNIT_ASSERT_NOT_NULL(test, p);
	memset(p, 1, 197);
	gom_cache_destroy(a);
	KUNIT_EXPECT_TRUE(test, gomtest_all_bytes(p, 1, 197));
	gom_cache_free(b, p);
	gom_cache_destroy(b);
	gom_cache_destroy(d);
	gom_cache_destroy(e);
	gom_cache_destroy(f);
}

static void no_merge_is_honoured(struct kunit *test)
{
	struct gom_cache *a, *b;

	if (!GOM_NO_MERGE)
		kunit_skip(test, "this kernel has no SLAB_NO_MERGE");
	a = cache_create(test, "test_a", 200, 0, GOM_NO_MERGE, NULL);
	b = cache_create(test, "test_b", 200, 0, 0, NULL);
	KUNIT_EXPECT_NE(test, a->class, b->class);
	gom_cache_destroy(a);
	gom_cache_destroy(b);
}

/* === Type-safe memory === */

static void typesafe_memory_lasts_a_grace_period(struct kunit *test)
{
	struct gom_cache *c;
	struct gom_memstats before, after;
	struct built **p = kunit_kcalloc(test, OBJECTS, sizeof(*p), GFP_KERNEL);
	unsigned int i;

	KUNIT_ASSERT_NOT_NULL(test, p);
	c = cache_create(test, "test_rcu", sizeof(struct built), 0, SLAB_TYPESAFE_BY_RCU,
			 built_construct);
	for (i = 0; i < OBJECTS; i++) {
		p[i] = gom_cache_alloc(c, GFP_KERNEL);
		KUNIT_ASSERT_NOT_NULL(test, p[i]);
	}
	rcu_read_lock();
	preempt_disable();
	/*
	 * Bypass this CPU's cache: the spans become empty, but must not be
	 * freed yet.
	 */
	this_cpu_ptr(&gom_mcache)->mallocing |= GOM_MALLOCING_DEBUG;
	for (i = 0; i < OBJECTS; i++)
		gom_cache_free(c, p[i]);
	this_cpu_ptr(&gom_mcache)->mallocing &= ~GOM_MALLOCING_DEBUG;
	preempt_enable();
	gom_mcentral_drain_class(c->class);
	for (i = 0; i < OBJECTS; i++) {
		KUNIT_EXPECT_EQ(test, READ_ONCE(p[i]->magic), MAGIC);
		KUNIT_EXPECT_EQ(test, gom_entry_slot(gom_pagemap_entry(p[i])),
				(unsigned int)GOM_SLOT_ASK);
	}
	rcu_read_unlock();
	gom_memstats_read(&before);
	gom_cache_shrink(c);
	rcu_barrier();
	gom_memstats_read(&after);
	KUNIT_EXPECT_LT(test, after.heap_inuse, before.heap_inuse);
	KUNIT_EXPECT_NE(test, gom_entry_slot(gom_pagemap_entry(p[0])), (unsigned int)GOM_SLOT_ASK);
	gom_cache_destroy(c);
}

/* === Invalid arguments === */

static void cache_expect_refused(struct kunit *test, const char *name, unsigned int size,
				 unsigned int align, slab_flags_t flags)
{
	unsigned long counted = gom_misuse_count(GOM_BAD_CACHE);

	KUNIT_EXPECT_NULL(test, gom_cache_create(name, size, align, flags, NULL));
	KUNIT_EXPECT_EQ(test, gom_misuse_count(GOM_BAD_CACHE), counted + 1);
}

static void invalid_arguments_are_refused(struct kunit *test)
{
	gomtest_expect_misuse(test);
	gom_report_again();
	cache_expect_refused(test, NULL, 64, 0, 0);
	cache_expect_refused(test, "", 64, 0, 0);
	cache_expect_refused(test,
			     "a_name_that_goes_on_and_on_and_on_and_on_until_it_is_longer_than_any",
			     64, 0, 0);
	cache_expect_refused(test, "test_none", 0, 0, 0);
	cache_expect_refused(test, "test_large", GOM_CACHE_MAX_SIZE + 1, 0, 0);
	cache_expect_refused(test, "test_align", 64, 24, 0);
	cache_expect_refused(test, "test_align", 64, 2 * PAGE_SIZE, 0);
	cache_expect_refused(test, "test_flags", 64, 0, (slab_flags_t)BIT(31));
	local_irq_disable();
	cache_expect_refused(test, "test_atomic", 64, 0, 0);
	local_irq_enable();
	gom_cache_destroy(NULL);
}

/*
 * The second cache is created, as with SLUB: reloaded modules may have leaked
 * the first.
 */
static void duplicate_names_are_reported(struct kunit *test)
{
	unsigned long counted = gom_misuse_count(GOM_BAD_CACHE);
	struct gom_cache *a, *b;
	void *p, *q;

	KUNIT_ASSERT_EQ(test, gomtest_log_capture(), 0);
	gomtest_log_clear();
	a = gom_cache_create("test_twice", 64, 0, 0, NULL);
	KUNIT_EXPECT_EQ(test, gomtest_log_lines(), 0U);
	b = gom_cache_create("test_twice", 200, 0, 0, NULL);
	KUNIT_EXPECT_EQ(test, gomtest_log_lines(), 1U);
	KUNIT_EXPECT_TRUE(test, gomtest_log_contains("there is a cache test_twice already"));
	KUNIT_EXPECT_TRUE(test, gomtest_log_contains("[gomalloc_kunit]"));
	gomtest_log_release();
	KUNIT_ASSERT_NOT_NULL(test, a);
	KUNIT_ASSERT_NOT_NULL(test, b);
	KUNIT_EXPECT_EQ(test, gom_misuse_count(GOM_BAD_CACHE), counted);
	KUNIT_EXPECT_EQ(test, gom_cache_size(a), 64U);
	KUNIT_EXPECT_EQ(test, gom_cache_size(b), 200U);
	p = gom_cache_alloc(a, GFP_KERNEL);
	q = gom_cache_alloc(b, GFP_KERNEL);
	KUNIT_EXPECT_NOT_NULL(test, p);
	KUNIT_EXPECT_NOT_NULL(test, q);
	gom_cache_free(a, p);
	gom_cache_free(b, q);
	gom_cache_destroy(a);
	gom_cache_destroy(b);
	/* The name is free again. */
	KUNIT_ASSERT_EQ(test, gomtest_log_capture(), 0);
	gomtest_log_clear();
	a = gom_cache_create("test_twice", 64, 0, 0, NULL);
	KUNIT_EXPECT_EQ(test, gomtest_log_lines(), 0U);
	gomtest_log_release();
	gom_cache_destroy(a);
}

static void object_of_another_cache_is_not_freed(struct kunit *test)
{
	struct gom_cache *a, *b;
	unsigned long counted = gom_misuse_count(GOM_BAD_CACHE);
	struct gom_mcache *m;
	void *p;

	gomtest_expect_misuse(test);
	a = cache_create(test, "test_a", 200, 0, 0, built_construct);
	b = cache_create(test, "test_b", 200, 0, 0, NULL);
	p = gom_cache_alloc(a, GFP_KERNEL);
	KUNIT_ASSERT_NOT_NULL(test, p);
	/* As with debug=: every call takes the slow path. */
	preempt_disable();
	m = this_cpu_ptr(&gom_mcache);
	m->mallocing |= GOM_MALLOCING_SLOW;
	gom_cache_free(b, p);
	gom_cache_free(b, &counted);
	if (!IS_ENABLED(CONFIG_DEBUG_KMEMLEAK))
		m->mallocing &= ~GOM_MALLOCING_SLOW;
	preempt_enable();
	KUNIT_EXPECT_EQ(test, gom_misuse_count(GOM_BAD_CACHE), counted + 2);
	KUNIT_EXPECT_EQ(test, cache_live(a), 1ULL);
	gom_cache_free(a, p);
	gom_cache_destroy(a);
	gom_cache_destroy(b);
}

static void live_objects_outlive_their_cache(struct kunit *test)
{
	unsigned long counted = gom_misuse_count(GOM_BAD_CACHE);
	struct gom_cache *c;
	char *p[3];
	unsigned int i;

	gomtest_expect_misuse(test);
	c = cache_create(test, "test_live", 300, 0, SLAB_POISON, NULL);
	for (i = 0; i < ARRAY_SIZE(p); i++) {
		p[i] = gom_cache_alloc(c, GFP_KERNEL);
		KUNIT_ASSERT_NOT_NULL(test, p[i]);
		memset(p[i], 0x42, 300);
	}
	gom_cache_destroy(c);
	KUNIT_EXPECT_EQ(test, gom_misuse_count(GOM_BAD_CACHE), counted + 1);
	for (i = 0; i < ARRAY_SIZE(p); i++) {
		KUNIT_EXPECT_TRUE(test, gomtest_all_bytes(p[i], 0x42, 300));
		gom_free(p[i]);
	}
}

/* === Many caches === */

#define MANY	200U

static void many_caches_coexist(struct kunit *test)
{
	struct gom_cache **c = kunit_kcalloc(test, MANY, sizeof(*c), GFP_KERNEL);
	void **p = kunit_kcalloc(test, MANY, sizeof(*p), GFP_KERNEL);
	char name[16];
	unsigned int i;

	KUNIT_ASSERT_NOT_NULL(test, c);
	KUNIT_ASSERT_NOT_NULL(test, p);
	for (i = 0; i < MANY; i++) {
		snprintf(name, sizeof(name), "test_%u", i);
		c[i] = cache_create(test, name, 16 + i * 24, 0, i % 2 ? GOM_NO_MERGE : 0, NULL);
		p[i] = gom_cache_alloc(c[i], GFP_KERNEL);
		KUNIT_ASSERT_NOT_NULL(test, p[i]);
		memset(p[i], i, gom_cache_size(c[i]));
	}
	for (i = 0; i < MANY; i++) {
		KUNIT_EXPECT_TRUE(test, gomtest_all_bytes(p[i], i, gom_cache_size(c[i])));
		gom_cache_free(c[i], p[i]);
	}
	for (i = 0; i < MANY; i++)
		gom_cache_destroy(c[i]);
}

struct load {
	struct gom_cache *shared;
	struct completion done;
	atomic_t running, errors;
};

#define ROUNDS	TIMES(100U, 8U)

/* Create, use and destroy caches, and use one that all threads share. */
static int load_main(void *arg)
{
	struct load *x = arg;
	struct gom_cache *c;
	unsigned int i, j;
	void *p[32], *q;
	char name[32];

	for (i = 0; i < ROUNDS; i++) {
		snprintf(name, sizeof(name), "test_%d_%u", current->pid, i);
		c = gom_cache_create(name, 40 + i * 8 % 700, 0, i % 3 ? 0 : SLAB_TYPESAFE_BY_RCU,
				     i % 2 ? NULL : built_construct);
		if (!c) {
			atomic_inc(&x->errors);
			continue;
		}
		for (j = 0; j < ARRAY_SIZE(p); j++) {
			p[j] = gom_cache_alloc(c, GFP_KERNEL);
			q = gom_cache_alloc(x->shared, GFP_KERNEL);
			if (!p[j] || !q || (i % 2 == 0 && ((struct built *)p[j])->magic != MAGIC))
				atomic_inc(&x->errors);
			gom_free(q);
		}
		for (j = 0; j < ARRAY_SIZE(p); j++)
			gom_cache_free(c, p[j]);
		gom_cache_destroy(c);
		cond_resched();
	}
	if (atomic_dec_and_test(&x->running))
		complete(&x->done);
	return 0;
}

static void caches_are_created_under_load(struct kunit *test)
{
	unsigned long counted = gom_misuse_count(GOM_BAD_CACHE);
	struct load *x = kunit_kzalloc(test, sizeof(*x), GFP_KERNEL);
	struct task_struct *t;
	unsigned int i;

	KUNIT_ASSERT_NOT_NULL(test, x);
	x->shared = cache_create(test, "test_shared", 80, 0, 0, NULL);
	init_completion(&x->done);
	atomic_set(&x->running, 1);
	for (i = 0; i < 2 * num_online_cpus(); i++) {
		t = kthread_run(load_main, x, "gom_caches/%u", i);
		if (!IS_ERR(t))
			atomic_inc(&x->running);
	}
	if (!atomic_dec_and_test(&x->running))
		wait_for_completion(&x->done);
	KUNIT_EXPECT_EQ(test, atomic_read(&x->errors), 0);
	KUNIT_EXPECT_EQ(test, gom_misuse_count(GOM_BAD_CACHE), counted);
	gom_cache_destroy(x->shared);
}

/* === Reuse of classes === */

/*
 * Pop all full magazines of @class from the depot, like a task that empties it.
 */
static struct gom_magazine *depot_pop(unsigned int class)
{
	struct gom_mcentral *c = gom_mcentral_of(class, numa_mem_id());
	struct gom_magazine *mag;

	spin_lock_irq(&c->lock);
	mag = c->full;
	c->full = NULL;
	c->nr_full = 0;
	spin_unlock_irq(&c->lock);
	return mag;
}

static void depot_return(struct gom_magazine *list)
{
	struct gom_magazine *mag;

	while ((mag = list)) {
		list = mag->next;
		gom_mcentral_return(mag);
	}
}

static void cache_alloc_free(struct kunit *test, struct gom_cache *c, unsigned int nr)
{
	void **p = kunit_kcalloc(test, nr, sizeof(*p), GFP_KERNEL);

	KUNIT_ASSERT_NOT_NULL(test, p);
	KUNIT_ASSERT_TRUE(test, gom_cache_alloc_bulk(c, GFP_KERNEL, nr, p));
	gom_cache_free_bulk(c, nr, p);
}

/*
 * All classes can be reused: as many caches that are not merged can be created
 * before a class is added.  No other caches may exist.
 */
static void classes_expect_reusable(struct kunit *test)
{
	unsigned int classes = READ_ONCE(gom_nr_cache_classes), n = 0;
	struct gom_cache **c = kunit_kcalloc(test, classes + 1, sizeof(*c), GFP_KERNEL);
	char name[32];

	KUNIT_ASSERT_NOT_NULL(test, c);
	while (n <= classes && READ_ONCE(gom_nr_cache_classes) == classes) {
		snprintf(name, sizeof(name), "test_classes_%u", n);
		c[n++] = cache_create(test, name, 64, 0, SLAB_POISON, NULL);
	}
	KUNIT_EXPECT_EQ(test, n, classes + 1);
	while (n--)
		gom_cache_destroy(c[n]);
}

/*
 * While magazines of a class are in flight, no other cache gets the class;
 * afterwards one does.
 */
static void class_with_magazines_in_flight_is_not_reused(struct kunit *test)
{
	unsigned long counted = gom_misuse_count(GOM_BAD_CACHE);
	struct gom_cache *a, *b, *other[2];
	struct gom_magazine *mag;
	unsigned int class;

	a = cache_create(test, "test_a", 64, 0, SLAB_POISON, NULL);
	class = a->class;
	cache_alloc_free(test, a, OBJECTS);
	gom_mcache_flush_all();
	mag = depot_pop(class);
	if (!mag) {
		gom_cache_destroy(a);
		kunit_skip(test, "nothing is kept in magazines with debug=");
	}
	gom_cache_destroy(a);
	KUNIT_EXPECT_EQ(test, gom_misuse_count(GOM_BAD_CACHE), counted);
	b = cache_create(test, "test_b", 4000, 0, SLAB_POISON, NULL);
	KUNIT_EXPECT_NE(test, b->class, class);
	cache_alloc_free(test, b, OBJECTS);
	depot_return(mag);
	gom_cache_destroy(b);
	/* These get the two classes that were freed last. */
	other[0] = cache_create(test, "test_0", 64, 0, SLAB_POISON, NULL);
	other[1] = cache_create(test, "test_1", 64, 0, SLAB_POISON, NULL);
	KUNIT_EXPECT_TRUE(test, other[0]->class == class || other[1]->class == class);
	gom_cache_destroy(other[0]);
	gom_cache_destroy(other[1]);
	classes_expect_reusable(test);
}

/*
 * An empty magazine returns to its freelist, even if the class has smaller ones
 * by then.
 */
static void empty_magazine_does_not_pin_its_class(struct kunit *test)
{
	struct gom_magazine *mag;
	unsigned long bytes;
	struct gom_cache *c;
	unsigned int class;

	gom_release_memory();
	bytes = gom_magazine_bytes();
	c = cache_create(test, "test_a", 64, 0, SLAB_POISON, NULL);
	class = c->class;
	mag = gom_magazine_new(class, GFP_KERNEL);
	KUNIT_ASSERT_NOT_NULL(test, mag);
	gom_cache_destroy(c);
	c = cache_create(test, "test_b", 100000, 0, SLAB_POISON, NULL);
	KUNIT_EXPECT_EQ(test, c->class, class);
	gom_mcentral_return(mag);
	KUNIT_EXPECT_EQ(test, gom_magazine_bytes(), bytes);
	gom_cache_destroy(c);
}

static void *last_object;

/*
 * Free the last object of a class between its flush and its release, without
 * memory for a magazine.
 */
static bool last_object_free(enum gom_test_point at, unsigned int order, gfp_t gfp)
{
	if (at == GOM_AT_CLASS_FLUSHED)
		gom_free(xchg(&last_object, NULL));
	return at == GOM_AT_MAGAZINE;
}

/*
 * A free that needs a magazine raises the limit of the class on its CPU.  The
 * next cache has larger objects, and fewer in a magazine.
 */
static void reused_class_has_no_limit_of_the_old_one(struct kunit *test)
{
	unsigned long counted = gom_misuse_count(GOM_BAD_CACHE);
	struct gom_cache *a, *b, *other[2];
	struct gom_mcache_stats stats;
	unsigned int class, i;
	int cpu;

	gomtest_needs_heap(test);
	b = cache_create(test, "test_b", 200, 0, SLAB_POISON, NULL);
	a = cache_create(test, "test_a", 200, 0, SLAB_POISON, NULL);
	class = a->class;
	last_object = gom_cache_alloc(a, GFP_KERNEL);
	KUNIT_ASSERT_NOT_NULL(test, last_object);
	WRITE_ONCE(gom_test_callback, last_object_free);
	gom_cache_destroy(a);
	WRITE_ONCE(gom_test_callback, NULL);
	KUNIT_ASSERT_NULL(test, last_object);
	KUNIT_EXPECT_EQ(test, gom_misuse_count(GOM_BAD_CACHE), counted);
	gom_cache_destroy(b);
	/* These get the two classes that were freed last. */
	for (i = 0; i < ARRAY_SIZE(other); i++)
		other[i] = cache_create(test, i ? "test_1" : "test_0", SZ_32K, 0, SLAB_POISON, NULL);
	KUNIT_EXPECT_TRUE(test, other[0]->class == class || other[1]->class == class);
	for_each_possible_cpu(cpu) {
		gom_mcache_read(cpu, class, &stats);
		KUNIT_ASSERT_EQ(test, stats.limit, 0U);
	}
	for (i = 0; i < ARRAY_SIZE(other); i++) {
		cache_alloc_free(test, other[i], OBJECTS);
		gom_cache_destroy(other[i]);
	}
}

/* Spans that became empty where they could not be freed, as in an NMI. */
static void class_with_many_empty_spans_is_reused(struct kunit *test)
{
	void **p = kunit_kcalloc(test, OBJECTS, sizeof(*p), GFP_KERNEL);
	struct gom_class_stats stats;
	struct gom_cache *c;
	struct gom_place at;
	unsigned int i;

	KUNIT_ASSERT_NOT_NULL(test, p);
	c = cache_create(test, "test_spans", GOM_CACHE_MAX_SIZE, 0, SLAB_POISON, NULL);
	for (i = 0; i < OBJECTS; i++) {
		p[i] = gom_cache_alloc(c, GFP_KERNEL);
		KUNIT_ASSERT_NOT_NULL(test, p[i]);
	}
	gom_cache_shrink(c);
	/* Bypass the caches, as in an NMI. */
	for (i = 0; i < OBJECTS; i++) {
		kmemleak_free(p[i]);
		gom_pagemap_place(p[i], &at);
		KUNIT_EXPECT_TRUE(test, gom_mcentral_try_free(&at, _THIS_IP_));
	}
	gom_class_read(c->class, &stats);
	KUNIT_EXPECT_EQ(test, stats.spans, (unsigned long)OBJECTS);
	gom_cache_shrink(c);
	gom_class_read(c->class, &stats);
	KUNIT_EXPECT_EQ(test, stats.spans, 0UL);
	gom_cache_destroy(c);
	classes_expect_reusable(test);
}

static int release_main(void *arg)
{
	while (!kthread_should_stop()) {
		gom_release_memory();
		cond_resched();
	}
	return 0;
}

/*
 * Meanwhile another task empties all caches and depots, with magazines in
 * flight.
 */
static void classes_are_reused_during_release(struct kunit *test)
{
	struct task_struct *t;

	t = kthread_run(release_main, NULL, "gom_release");
	KUNIT_ASSERT_FALSE(test, IS_ERR(t));
	caches_are_created_under_load(test);
	kthread_stop(t);
	classes_expect_reusable(test);
}

/*
 * The check of copy_to_user() and copy_from_user(), which panics if it fails.
 */
static void usercopy_check(const void *p, size_t size)
{
#ifdef CONFIG_HARDENED_USERCOPY
	__check_object_size(p, size, true);
	__check_object_size(p, size, false);
#endif
}

static void objects_may_be_copied_to_users(struct kunit *test)
{
	struct gom_cache *c = gom_cache_create("test_usercopy", 520, 0, 0, NULL);
	size_t size;
	void *p;

	KUNIT_ASSERT_NOT_NULL(test, c);
	for (size = 1; size < 300000; size = size * 3 / 2 + 1) {
		OPTIMIZER_HIDE_VAR(size);
		p = gom_malloc(size, GFP_KERNEL);
		KUNIT_ASSERT_NOT_NULL(test, p);
		usercopy_check(p, size);
		gom_free(p);
	}
	p = gom_cache_alloc(c, GFP_KERNEL);
	KUNIT_ASSERT_NOT_NULL(test, p);
	usercopy_check(p, 520);
	gom_cache_free(c, p);
	gom_cache_destroy(c);
}

static struct kunit_case cases[] = {
	KUNIT_CASE(objects_are_packed_aligned_and_disjoint),
	HEAP_CASE(objects_take_their_own_size),
	KUNIT_CASE(division_is_exact_for_every_geometry),
	KUNIT_CASE(zalloc_zeroes),
	KUNIT_CASE(destroying_waits_for_rcu_frees),
	KUNIT_CASE(bulk_is_all_or_nothing),
	HEAP_CASE(constructor_runs_once_per_object),
	KUNIT_CASE(compatible_caches_share),
	KUNIT_CASE(no_merge_is_honoured),
	HEAP_CASE(typesafe_memory_lasts_a_grace_period),
	KUNIT_CASE(invalid_arguments_are_refused),
	KUNIT_CASE(duplicate_names_are_reported),
	HEAP_CASE(object_of_another_cache_is_not_freed),
	HEAP_CASE(live_objects_outlive_their_cache),
	KUNIT_CASE(objects_may_be_copied_to_users),
	KUNIT_CASE(many_caches_coexist),
	KUNIT_CASE(caches_are_created_under_load),
	HEAP_CASE(class_with_magazines_in_flight_is_not_reused),
	HEAP_CASE(empty_magazine_does_not_pin_its_class),
	HEAP_CASE(reused_class_has_no_limit_of_the_old_one),
	HEAP_CASE(class_with_many_empty_spans_is_reused),
	HEAP_CASE(classes_are_reused_during_release),
	{}
};

struct kunit_suite gomalloc_cache_suite = {
	.name = "gomalloc_cache",
	.init = gomtest_begin,
	.exit = gomtest_end,
	.test_cases = cases,
};
