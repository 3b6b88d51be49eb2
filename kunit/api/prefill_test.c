// SPDX-License-Identifier: GPL-2.0
/* Prefilled objects of a named cache: all can be allocated, in any context. */
#include <linux/irq_work.h>
#include <linux/mm.h>

#include "base/compat.h"
#include "base/report.h"
#include "gomalloc.h"
#include "suites.h"

#define OBJECTS	40U

struct prefill_user {
	struct irq_work work;
	struct gom_prefill *pf;
	void *p[OBJECTS];
};

static void prefill_user_irq(struct irq_work *work)
{
	struct prefill_user *t = container_of(work, struct prefill_user, work);
	unsigned int i;

	for (i = OBJECTS / 2; i < OBJECTS; i++)
		t->p[i] = gom_prefill_alloc(t->pf);
}

static void all_prefilled_objects_are_available(struct kunit *test)
{
	struct gom_cache *c = gom_cache_create("test_reserve", 104, 0, 0, NULL);
	struct prefill_user *t = kunit_kzalloc(test, sizeof(*t), GFP_KERNEL);
	unsigned long counted = gom_misuse_count(GOM_BAD_CACHE);
	unsigned int i, round;

	KUNIT_ASSERT_NOT_NULL(test, c);
	KUNIT_ASSERT_NOT_NULL(test, t);
	t->pf = gom_cache_prefill(c, GFP_KERNEL | __GFP_ZERO, OBJECTS);
	KUNIT_ASSERT_NOT_NULL(test, t->pf);
	for (round = 0; round < 3; round++) {
		KUNIT_EXPECT_EQ(test, gom_prefill_size(t->pf), OBJECTS);
		for (i = 0; i < OBJECTS / 2; i++)
			t->p[i] = gom_prefill_alloc(t->pf);
		init_irq_work(&t->work, prefill_user_irq);
		irq_work_queue(&t->work);
		irq_work_sync(&t->work);
		KUNIT_EXPECT_EQ(test, gom_prefill_size(t->pf), 0U);
		for (i = 0; i < OBJECTS; i++) {
			KUNIT_ASSERT_NOT_NULL(test, t->p[i]);
			KUNIT_EXPECT_TRUE(test, gomtest_all_bytes(t->p[i], 0, 104));
			memset(t->p[i], i + 1, 104);
		}
		for (i = 0; i < OBJECTS; i++) {
			KUNIT_EXPECT_TRUE(test, gomtest_all_bytes(t->p[i], i + 1, 104));
			gom_cache_free(c, t->p[i]);
		}
		KUNIT_EXPECT_TRUE(test, gom_prefill_refill(t->pf, GFP_KERNEL | __GFP_ZERO));
	}
	KUNIT_EXPECT_EQ(test, gom_misuse_count(GOM_BAD_CACHE), counted);
	gom_prefill_return(t->pf);
	gom_prefill_return(NULL);
	gom_cache_destroy(c);
}

static void further_objects_are_refused(struct kunit *test)
{
	struct gom_cache *c = gom_cache_create("test_reserve", 104, 0, 0, NULL);
	unsigned long counted = gom_misuse_count(GOM_BAD_CACHE);
	struct gom_prefill *pf;

	gomtest_expect_misuse(test);
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

static struct kunit_case cases[] = {
	KUNIT_CASE(all_prefilled_objects_are_available),
	KUNIT_CASE(further_objects_are_refused),
	{}
};

struct kunit_suite gomalloc_prefill_suite = {
	.name = "gomalloc_prefill",
	.init = gomtest_begin,
	.exit = gomtest_end,
	.test_cases = cases,
};
