// SPDX-License-Identifier: GPL-2.0
/*
 * Named caches: what kmem_cache users rely on.  Geometry, constructors, sharing,
 * type-safe memory, refusals, and many caches that come and go.
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
#include "base/report.h"
#include "central/mcentral.h"
#include "console.h"
#include "heap/pagemap.h"
#include "percpu/mcache.h"
#include "suites.h"

static struct gom_cache *new_cache(struct kunit *test, const char *name, unsigned int size,
				   unsigned int align, slab_flags_t flags, void (*ctor)(void *))
{
	struct gom_cache *c = gom_cache_create(name, size, align, flags, ctor);

	KUNIT_ASSERT_NOT_NULL(test, c);
	KUNIT_EXPECT_EQ(test, gom_cache_size(c), size);
	return c;
}

static u64 live_in(const struct gom_cache *c)
{
	struct gom_class_stats stats;

	gom_class_read(c->class, &stats);
	return stats.mallocs - stats.frees;
}

/* === Objects === */

static void objects_are_packed_aligned_and_disjoint(struct kunit *test)
{
	static const unsigned int sizes[] = { 1, 8, 24, 100, 520, 1000, 3000, 5000, 9000, 40000, 131072 };
	static const unsigned int aligns[] = { 0, 16, 64, 4096 };
	struct gom_cache *c;
	unsigned int i, j, k;
	void *p[40];

	for (i = 0; i < ARRAY_SIZE(sizes); i++) {
		for (j = 0; j < ARRAY_SIZE(aligns); j++) {
			c = new_cache(test, "test_sizes", sizes[i], aligns[j], 0, NULL);
			for (k = 0; k < ARRAY_SIZE(p); k++) {
				p[k] = gom_cache_alloc(c, GFP_KERNEL);
				KUNIT_ASSERT_NOT_NULL(test, p[k]);
				KUNIT_EXPECT_TRUE(test, IS_ALIGNED((unsigned long)p[k], aligns[j] ?: 8));
				KUNIT_EXPECT_GE(test, gom_size(p[k]), (size_t)sizes[i]);
				memset(p[k], k + 1, sizes[i]);
			}
			for (k = 0; k < ARRAY_SIZE(p); k++) {
				KUNIT_EXPECT_TRUE(test, all_bytes(p[k], k + 1, sizes[i]));
				if (gom_sbrk || k % 2)
					gom_cache_free(c, p[k]);
				else
					gom_free(p[k]);	/* as kfree() does */
			}
			gom_cache_destroy(c);
		}
	}
}

static void an_object_takes_its_own_size(struct kunit *test)
{
	struct gom_cache *c;

	needs_heap(test);
	c = new_cache(test, "test_520", 520, 0, 0, NULL);
	KUNIT_EXPECT_EQ(test, gom_class(c->class)->size, 520U);
	gom_cache_destroy(c);
	c = new_cache(test, "test_line", 100, 0, SLAB_HWCACHE_ALIGN, NULL);
	KUNIT_EXPECT_EQ(test, gom_class(c->class)->size % cache_line_size(), 0U);
	gom_cache_destroy(c);
}

/* The division that tells an object's beginning, at every byte of a span. */
static void division_is_exact_for_every_geometry(struct kunit *test)
{
	const struct gom_class *cl;
	struct gom_cache *c;
	unsigned int size, off, wrong = 0;

	for (size = 8; size <= GOM_CACHE_MAX_SIZE; size = size * 9 / 8 + 8) {
		c = new_cache(test, "test_division", size, 0, 0, NULL);
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

static void zeroed_means_zeroed(struct kunit *test)
{
	struct gom_cache *c = new_cache(test, "test_zero", 200, 0, 0, NULL);
	unsigned int i;
	char *p;

	for (i = 0; i < 300; i++) {
		p = gom_cache_zalloc(c, GFP_KERNEL);
		KUNIT_ASSERT_NOT_NULL(test, p);
		KUNIT_EXPECT_TRUE(test, all_bytes(p, 0, 200));
		memset(p, 0x77, 200);
		gom_cache_free(c, p);
	}
	gom_cache_destroy(c);
}

#define OBJECTS	250U

static void bulk_is_all_or_nothing(struct kunit *test)
{
	void **p = kunit_kcalloc(test, OBJECTS, sizeof(*p), GFP_KERNEL);
	struct gom_cache *c = new_cache(test, "test_bulk", 72, 0, 0, NULL);
	unsigned int nr, i;

	KUNIT_ASSERT_NOT_NULL(test, p);
	for (nr = 1; nr <= OBJECTS; nr = nr * 2 + 1) {
		KUNIT_ASSERT_TRUE(test, gom_cache_alloc_bulk(c, GFP_KERNEL, nr, p));
		for (i = 0; i < nr; i++)
			memset(p[i], i, 72);
		for (i = 0; i < nr; i++)
			KUNIT_EXPECT_TRUE(test, all_bytes(p[i], i, 72));
		gom_cache_free_bulk(c, nr, p);
	}
	if (!gom_sbrk)
		KUNIT_EXPECT_EQ(test, live_in(c), 0ULL);
	gom_cache_destroy(c);
}

/* === Constructors === */

static atomic_t constructed;

struct built {
	u64 magic;
	void *self;
	char room[48];
};

#define MAGIC	0x1234567890abcdefULL

static void construct(void *p)
{
	struct built *b = p;

	b->magic = MAGIC;
	b->self = b;
	atomic_inc(&constructed);
}

static void a_constructor_runs_once_per_object(struct kunit *test)
{
	struct gom_cache *c;
	unsigned int round, i;
	struct built *p[100];

	needs_heap(test);
	atomic_set(&constructed, 0);
	c = new_cache(test, "test_ctor", sizeof(struct built), 0, 0, construct);
	for (round = 0; round < TIMES(50, 10); round++) {
		for (i = 0; i < ARRAY_SIZE(p); i++) {
			p[i] = gom_cache_alloc(c, GFP_KERNEL);
			KUNIT_ASSERT_NOT_NULL(test, p[i]);
			KUNIT_EXPECT_EQ(test, p[i]->magic, MAGIC);
			KUNIT_EXPECT_PTR_EQ(test, p[i]->self, (void *)p[i]);
			memset(p[i]->room, round, sizeof(p[i]->room));
		}
		for (i = 0; i < ARRAY_SIZE(p); i++)
			gom_cache_free(c, p[i]);
	}
	KUNIT_EXPECT_EQ(test, atomic_read(&constructed) % gom_class(c->class)->nelems, 0U);
	KUNIT_EXPECT_LE(test, atomic_read(&constructed), 16 * gom_class(c->class)->nelems);
	gom_cache_destroy(c);
}

/* === Sharing === */

static void compatible_caches_share(struct kunit *test)
{
	struct gom_cache *a = new_cache(test, "test_a", 200, 0, 0, NULL);
	struct gom_cache *b = new_cache(test, "test_b", 197, 0, SLAB_RECLAIM_ACCOUNT, NULL);
	struct gom_cache *d = new_cache(test, "test_d", 200, 0, 0, construct);
	struct gom_cache *e = new_cache(test, "test_e", 200, 0, SLAB_TYPESAFE_BY_RCU, NULL);
	struct gom_cache *f = new_cache(test, "test_f", 200, 0, SLAB_POISON, NULL);
	void *p;

	KUNIT_EXPECT_EQ(test, b->class, a->class);
	KUNIT_EXPECT_NE(test, d->class, a->class);
	KUNIT_EXPECT_NE(test, e->class, a->class);
	KUNIT_EXPECT_NE(test, f->class, a->class);
	/* The one that stays is not disturbed when the other goes. */
	p = gom_cache_alloc(b, GFP_KERNEL);
	KUNIT_ASSERT_NOT_NULL(test, p);
	memset(p, 1, 197);
	gom_cache_destroy(a);
	KUNIT_EXPECT_TRUE(test, all_bytes(p, 1, 197));
	gom_cache_free(b, p);
	gom_cache_destroy(b);
	gom_cache_destroy(d);
	gom_cache_destroy(e);
	gom_cache_destroy(f);
}

static void no_merge_means_alone(struct kunit *test)
{
	struct gom_cache *a, *b;

	if (!GOM_NO_MERGE)
		kunit_skip(test, "this kernel has no SLAB_NO_MERGE");
	a = new_cache(test, "test_a", 200, 0, GOM_NO_MERGE, NULL);
	b = new_cache(test, "test_b", 200, 0, 0, NULL);
	KUNIT_EXPECT_NE(test, a->class, b->class);
	gom_cache_destroy(a);
	gom_cache_destroy(b);
}

/* === Type-safe memory === */

static void a_type_safe_object_stays_one_for_a_grace_period(struct kunit *test)
{
	struct gom_cache *c;
	struct gom_memstats before, after;
	struct built **p = kunit_kcalloc(test, OBJECTS, sizeof(*p), GFP_KERNEL);
	unsigned int i;

	needs_heap(test);
	KUNIT_ASSERT_NOT_NULL(test, p);
	c = new_cache(test, "test_rcu", sizeof(struct built), 0, SLAB_TYPESAFE_BY_RCU, construct);
	for (i = 0; i < OBJECTS; i++) {
		p[i] = gom_cache_alloc(c, GFP_KERNEL);
		KUNIT_ASSERT_NOT_NULL(test, p[i]);
	}
	rcu_read_lock();
	preempt_disable();
	/* Past the cache of this CPU: so their spans are empty now, but may not go yet. */
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

/* === Refusals === */

static void refuse(struct kunit *test, const char *name, unsigned int size, unsigned int align,
		   slab_flags_t flags)
{
	unsigned long counted = gom_misuse_count(GOM_BAD_CACHE);

	KUNIT_EXPECT_NULL(test, gom_cache_create(name, size, align, flags, NULL));
	KUNIT_EXPECT_EQ(test, gom_misuse_count(GOM_BAD_CACHE), counted + 1);
}

static void what_makes_no_sense_is_refused(struct kunit *test)
{
	may_misuse(test);
	gom_report_forget();
	refuse(test, NULL, 64, 0, 0);
	refuse(test, "", 64, 0, 0);
	refuse(test, "a_name_that_goes_on_and_on_and_on_and_on_until_it_is_longer_than_any", 64, 0, 0);
	refuse(test, "test_none", 0, 0, 0);
	refuse(test, "test_large", GOM_CACHE_MAX_SIZE + 1, 0, 0);
	refuse(test, "test_align", 64, 24, 0);
	refuse(test, "test_align", 64, 2 * PAGE_SIZE, 0);
	refuse(test, "test_flags", 64, 0, (slab_flags_t)BIT(31));
	local_irq_disable();
	refuse(test, "test_atomic", 64, 0, 0);
	local_irq_enable();
	gom_cache_destroy(NULL);
}

/* As SLUB does: callers that leak a cache when they go rely on it when they come back. */
static void the_same_name_twice_is_warned_of(struct kunit *test)
{
	unsigned long counted = gom_misuse_count(GOM_BAD_CACHE);
	struct gom_cache *a, *b;
	void *p, *q;

	KUNIT_ASSERT_EQ(test, console_listen(), 0);
	console_clear();
	a = gom_cache_create("test_twice", 64, 0, 0, NULL);
	KUNIT_EXPECT_EQ(test, console_lines(), 0U);
	b = gom_cache_create("test_twice", 200, 0, 0, NULL);
	KUNIT_EXPECT_EQ(test, console_lines(), 1U);
	KUNIT_EXPECT_TRUE(test, console_said("there is a cache test_twice already"));
	KUNIT_EXPECT_TRUE(test, console_said("[gomalloc_kunit]"));
	console_unlisten();
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
	/* Nobody has it any more. */
	KUNIT_ASSERT_EQ(test, console_listen(), 0);
	console_clear();
	a = gom_cache_create("test_twice", 64, 0, 0, NULL);
	KUNIT_EXPECT_EQ(test, console_lines(), 0U);
	console_unlisten();
	gom_cache_destroy(a);
}

static void an_object_of_another_cache_is_not_freed(struct kunit *test)
{
	struct gom_cache *a, *b;
	unsigned long counted = gom_misuse_count(GOM_BAD_CACHE);
	struct gom_mcache *m;
	void *p;

	may_misuse(test);
	needs_heap(test);
	a = new_cache(test, "test_a", 200, 0, 0, construct);
	b = new_cache(test, "test_b", 200, 0, 0, NULL);
	p = gom_cache_alloc(a, GFP_KERNEL);
	KUNIT_ASSERT_NOT_NULL(test, p);
	/* As with debug=1: every call takes the slow path. */
	preempt_disable();
	m = this_cpu_ptr(&gom_mcache);
	m->mallocing |= GOM_MALLOCING_SLOW;
	gom_cache_free(b, p);
	gom_cache_free(b, &counted);
	if (!IS_ENABLED(CONFIG_DEBUG_KMEMLEAK))
		m->mallocing &= ~GOM_MALLOCING_SLOW;
	preempt_enable();
	KUNIT_EXPECT_EQ(test, gom_misuse_count(GOM_BAD_CACHE), counted + 2);
	KUNIT_EXPECT_EQ(test, live_in(a), 1ULL);
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

	may_misuse(test);
	needs_heap(test);
	c = new_cache(test, "test_live", 300, 0, SLAB_POISON, NULL);
	for (i = 0; i < ARRAY_SIZE(p); i++) {
		p[i] = gom_cache_alloc(c, GFP_KERNEL);
		KUNIT_ASSERT_NOT_NULL(test, p[i]);
		memset(p[i], 0x42, 300);
	}
	gom_cache_destroy(c);
	KUNIT_EXPECT_EQ(test, gom_misuse_count(GOM_BAD_CACHE), counted + 1);
	for (i = 0; i < ARRAY_SIZE(p); i++) {
		KUNIT_EXPECT_TRUE(test, all_bytes(p[i], 0x42, 300));
		gom_free(p[i]);
	}
}

/* === Many === */

#define MANY	200U

static void two_hundred_at_once(struct kunit *test)
{
	struct gom_cache **c = kunit_kcalloc(test, MANY, sizeof(*c), GFP_KERNEL);
	void **p = kunit_kcalloc(test, MANY, sizeof(*p), GFP_KERNEL);
	char name[16];
	unsigned int i;

	KUNIT_ASSERT_NOT_NULL(test, c);
	KUNIT_ASSERT_NOT_NULL(test, p);
	for (i = 0; i < MANY; i++) {
		snprintf(name, sizeof(name), "test_%u", i);
		c[i] = new_cache(test, name, 16 + i * 24, 0, i % 2 ? GOM_NO_MERGE : 0, NULL);
		p[i] = gom_cache_alloc(c[i], GFP_KERNEL);
		KUNIT_ASSERT_NOT_NULL(test, p[i]);
		memset(p[i], i, gom_cache_size(c[i]));
	}
	for (i = 0; i < MANY; i++) {
		KUNIT_EXPECT_TRUE(test, all_bytes(p[i], i, gom_cache_size(c[i])));
		gom_cache_free(c[i], p[i]);
	}
	for (i = 0; i < MANY; i++)
		gom_cache_destroy(c[i]);
}

struct overfill {
	struct gom_cache *shared;
	struct completion done;
	atomic_t running, errors;
};

#define ROUNDS	TIMES(100U, 8U)

/* Create, use, destroy; and use one that all have. */
static int come_and_go(void *arg)
{
	struct overfill *x = arg;
	struct gom_cache *c;
	unsigned int i, j;
	void *p[32], *q;
	char name[32];

	for (i = 0; i < ROUNDS; i++) {
		snprintf(name, sizeof(name), "test_%d_%u", current->pid, i);
		c = gom_cache_create(name, 40 + i * 8 % 700, 0, i % 3 ? 0 : SLAB_TYPESAFE_BY_RCU,
				     i % 2 ? NULL : construct);
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

static void caches_come_and_go_while_others_allocate(struct kunit *test)
{
	unsigned long counted = gom_misuse_count(GOM_BAD_CACHE);
	struct overfill *x = kunit_kzalloc(test, sizeof(*x), GFP_KERNEL);
	struct task_struct *t;
	unsigned int i;

	KUNIT_ASSERT_NOT_NULL(test, x);
	x->shared = new_cache(test, "test_shared", 80, 0, 0, NULL);
	init_completion(&x->done);
	atomic_set(&x->running, 1);
	for (i = 0; i < 2 * num_online_cpus(); i++) {
		t = kthread_run(come_and_go, x, "gom_caches/%u", i);
		if (!IS_ERR(t))
			atomic_inc(&x->running);
	}
	if (!atomic_dec_and_test(&x->running))
		wait_for_completion(&x->done);
	KUNIT_EXPECT_EQ(test, atomic_read(&x->errors), 0);
	KUNIT_EXPECT_EQ(test, gom_misuse_count(GOM_BAD_CACHE), counted);
	gom_cache_destroy(x->shared);
}

/* === Classes that are used again === */

/* Magazines of @class out of the depot, as somebody has them who is about to empty it. */
static struct gom_magazine *take_depot(unsigned int class)
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

static void put_back(struct gom_magazine *list)
{
	struct gom_magazine *mag;

	while ((mag = list)) {
		list = mag->next;
		gom_mcentral_return(mag);
	}
}

static void alloc_and_free(struct kunit *test, struct gom_cache *c, unsigned int nr)
{
	void **p = kunit_kcalloc(test, nr, sizeof(*p), GFP_KERNEL);

	KUNIT_ASSERT_NOT_NULL(test, p);
	KUNIT_ASSERT_TRUE(test, gom_cache_alloc_bulk(c, GFP_KERNEL, nr, p));
	gom_cache_free_bulk(c, nr, p);
}

/*
 * All classes there are can be had: that many caches that do not share are made before one
 * more class is.  No other caches exist meanwhile.
 */
static void no_class_is_lost(struct kunit *test)
{
	unsigned int classes = READ_ONCE(gom_nr_cache_classes), n = 0;
	struct gom_cache **c = kunit_kcalloc(test, classes + 1, sizeof(*c), GFP_KERNEL);
	char name[32];

	KUNIT_ASSERT_NOT_NULL(test, c);
	while (n <= classes && READ_ONCE(gom_nr_cache_classes) == classes) {
		snprintf(name, sizeof(name), "test_classes_%u", n);
		c[n++] = new_cache(test, name, 64, 0, SLAB_POISON, NULL);
	}
	KUNIT_EXPECT_EQ(test, n, classes + 1);
	while (n--)
		gom_cache_destroy(c[n]);
}

/*
 * While somebody has magazines of a class in his hands, which he will put back, no cache of
 * other objects gets the class; afterwards one does.
 */
static void a_class_with_magazines_out_is_not_used_again(struct kunit *test)
{
	unsigned long counted = gom_misuse_count(GOM_BAD_CACHE);
	struct gom_cache *a, *b, *other[2];
	struct gom_magazine *mag;
	unsigned int class;

	needs_heap(test);
	a = new_cache(test, "test_a", 64, 0, SLAB_POISON, NULL);
	class = a->class;
	alloc_and_free(test, a, OBJECTS);
	gom_mcache_flush_all();
	mag = take_depot(class);
	if (!mag) {
		gom_cache_destroy(a);
		kunit_skip(test, "nothing is kept in magazines with debug=1");
	}
	gom_cache_destroy(a);
	KUNIT_EXPECT_EQ(test, gom_misuse_count(GOM_BAD_CACHE), counted);
	b = new_cache(test, "test_b", 4000, 0, SLAB_POISON, NULL);
	KUNIT_EXPECT_NE(test, b->class, class);
	alloc_and_free(test, b, OBJECTS);
	put_back(mag);
	gom_cache_destroy(b);
	/* The two that came free last. */
	other[0] = new_cache(test, "test_0", 64, 0, SLAB_POISON, NULL);
	other[1] = new_cache(test, "test_1", 64, 0, SLAB_POISON, NULL);
	KUNIT_EXPECT_TRUE(test, other[0]->class == class || other[1]->class == class);
	gom_cache_destroy(other[0]);
	gom_cache_destroy(other[1]);
	no_class_is_lost(test);
}

/* An empty one goes back to where it is from, though its class has smaller ones by then. */
static void an_empty_magazine_keeps_no_class(struct kunit *test)
{
	struct gom_magazine *mag;
	unsigned long bytes;
	struct gom_cache *c;
	unsigned int class;

	needs_heap(test);
	gom_release_memory();
	bytes = gom_magazine_bytes();
	c = new_cache(test, "test_a", 64, 0, SLAB_POISON, NULL);
	class = c->class;
	mag = gom_magazine_new(class, GFP_KERNEL);
	KUNIT_ASSERT_NOT_NULL(test, mag);
	gom_cache_destroy(c);
	c = new_cache(test, "test_b", 100000, 0, SLAB_POISON, NULL);
	KUNIT_EXPECT_EQ(test, c->class, class);
	gom_mcentral_return(mag);
	KUNIT_EXPECT_EQ(test, gom_magazine_bytes(), bytes);
	gom_cache_destroy(c);
}

/* Spans that nobody could give back when they became empty, as in an NMI. */
static void a_class_with_many_empty_spans_is_used_again(struct kunit *test)
{
	void **p = kunit_kcalloc(test, OBJECTS, sizeof(*p), GFP_KERNEL);
	struct gom_class_stats stats;
	struct gom_cache *c;
	struct gom_place at;
	unsigned int i;

	needs_heap(test);
	KUNIT_ASSERT_NOT_NULL(test, p);
	c = new_cache(test, "test_spans", GOM_CACHE_MAX_SIZE, 0, SLAB_POISON, NULL);
	for (i = 0; i < OBJECTS; i++) {
		p[i] = gom_cache_alloc(c, GFP_KERNEL);
		KUNIT_ASSERT_NOT_NULL(test, p[i]);
	}
	gom_cache_shrink(c);
	/* Past the caches, like what comes in an NMI; frees and allocations alike. */
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
	no_class_is_lost(test);
}

static int release_all_the_time(void *arg)
{
	while (!kthread_should_stop()) {
		gom_release_memory();
		cond_resched();
	}
	return 0;
}

/* Whoever empties caches and depots has magazines in his hands at any time. */
static void classes_are_used_again_while_others_empty_them(struct kunit *test)
{
	struct task_struct *t;

	needs_heap(test);
	t = kthread_run(release_all_the_time, NULL, "gom_release");
	KUNIT_ASSERT_FALSE(test, IS_ERR(t));
	caches_come_and_go_while_others_allocate(test);
	kthread_stop(t);
	no_class_is_lost(test);
}

/* The check of copy_to_user() and copy_from_user(), which ends the kernel where it refuses. */
static void may_be_copied(const void *p, size_t size)
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
		may_be_copied(p, size);
		gom_free(p);
	}
	p = gom_cache_alloc(c, GFP_KERNEL);
	KUNIT_ASSERT_NOT_NULL(test, p);
	may_be_copied(p, 520);
	gom_cache_free(c, p);
	gom_cache_destroy(c);
}

static struct kunit_case cases[] = {
	KUNIT_CASE(objects_are_packed_aligned_and_disjoint),
	HEAP_CASE(an_object_takes_its_own_size),
	KUNIT_CASE(division_is_exact_for_every_geometry),
	KUNIT_CASE(zeroed_means_zeroed),
	KUNIT_CASE(bulk_is_all_or_nothing),
	HEAP_CASE(a_constructor_runs_once_per_object),
	KUNIT_CASE(compatible_caches_share),
	KUNIT_CASE(no_merge_means_alone),
	HEAP_CASE(a_type_safe_object_stays_one_for_a_grace_period),
	KUNIT_CASE(what_makes_no_sense_is_refused),
	KUNIT_CASE(the_same_name_twice_is_warned_of),
	HEAP_CASE(an_object_of_another_cache_is_not_freed),
	HEAP_CASE(live_objects_outlive_their_cache),
	KUNIT_CASE(objects_may_be_copied_to_users),
	KUNIT_CASE(two_hundred_at_once),
	KUNIT_CASE(caches_come_and_go_while_others_allocate),
	HEAP_CASE(a_class_with_magazines_out_is_not_used_again),
	HEAP_CASE(an_empty_magazine_keeps_no_class),
	HEAP_CASE(a_class_with_many_empty_spans_is_used_again),
	HEAP_CASE(classes_are_used_again_while_others_empty_them),
	{}
};

struct kunit_suite gomalloc_cache_suite = {
	.name = "gomalloc_cache",
	.init = live_begin,
	.exit = live_end,
	.test_cases = cases,
};
