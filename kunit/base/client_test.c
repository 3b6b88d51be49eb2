// SPDX-License-Identifier: GPL-2.0
/* Clients: addresses and the modules they belong to.  This module is one. */
#include <linux/kernel.h>
#include <linux/kthread.h>
#include <linux/module.h>
#include <linux/printk.h>
#include <linux/sched.h>
#include <linux/string.h>

#include "base/client.h"
#include "base/compat.h"
#include "gomalloc.h"
#include "suites.h"

static void this_module_is_a_client(struct kunit *test)
{
	struct gom_client_info info;
	u32 id = gom_client_of((unsigned long)this_module_is_a_client);

	KUNIT_ASSERT_NE(test, id, 0U);
	KUNIT_ASSERT_TRUE(test, gom_client_read(id, &info));
	KUNIT_EXPECT_STREQ(test, info.name, "gomalloc_kunit");
	KUNIT_EXPECT_TRUE(test, info.loaded);
	KUNIT_EXPECT_TRUE(test, gom_client_is(id, "gomalloc_kunit"));
	KUNIT_EXPECT_FALSE(test, gom_client_is(id, "gomalloc"));
}

static void others_are_none(struct kunit *test)
{
	struct gom_client_info info;

	KUNIT_EXPECT_EQ(test, gom_client_of((unsigned long)(gom_free)), 0U);
	KUNIT_EXPECT_EQ(test, gom_client_of((unsigned long)_printk), 0U);
	KUNIT_EXPECT_EQ(test, gom_client_of((unsigned long)test), 0U);
	KUNIT_EXPECT_EQ(test, gom_client_of(0), 0U);
	KUNIT_EXPECT_EQ(test, gom_client_of(ULONG_MAX), 0U);
	KUNIT_EXPECT_FALSE(test, gom_client_read(0, &info));
}

/* Ranges of code that no module has. */
#define TEXT(n)	{ 0x1000UL * ((n) + 1), 0x800 }

/* A client without init functions, with the range @n. */
static u32 client_add_text(const char *name, unsigned int n)
{
	const struct gom_text text = TEXT(n), none = {};

	return gom_client_add(name, &text, &none);
}

static u32 client_of_text(unsigned int n)
{
	const struct gom_text text = TEXT(n);

	return gom_client_of(text.start);
}

/* Add clients, with the ranges 0, 1, ..., until the table is full; how many. */
static unsigned int client_table_fill(u32 id[GOM_MAX_CLIENTS])
{
	unsigned int n;

	for (n = 0; n < GOM_MAX_CLIENTS; n++) {
		id[n] = client_add_text("gomtest_many", n);
		if (!id[n])
			break;
	}
	return n;
}

static void clients_drop(const u32 *id, unsigned int n)
{
	unsigned int i;

	for (i = 0; i < n; i++)
		gom_client_drop(id[i]);
}

static void ranges_end_where_they_end(struct kunit *test)
{
	const struct gom_text text = TEXT(0), init = TEXT(1);
	struct gom_client_info info;
	u32 id = gom_client_add("gomtest_client", &text, &init);

	KUNIT_ASSERT_NE(test, id, 0U);
	KUNIT_EXPECT_EQ(test, gom_client_of(text.start), id);
	KUNIT_EXPECT_EQ(test, gom_client_of(text.start + text.size - 1), id);
	KUNIT_EXPECT_EQ(test, gom_client_of(text.start + text.size), 0U);
	KUNIT_EXPECT_EQ(test, gom_client_of(text.start - 1), 0U);
	KUNIT_EXPECT_EQ(test, gom_client_of(init.start + 8), id);
	gom_client_drop_init(id);
	KUNIT_EXPECT_EQ(test, gom_client_of(init.start + 8), 0U);
	KUNIT_EXPECT_EQ(test, gom_client_of(text.start), id);
	gom_client_drop(id);
	KUNIT_EXPECT_EQ(test, gom_client_of(text.start), 0U);
	/* Its name is still known. */
	KUNIT_ASSERT_TRUE(test, gom_client_read(id, &info));
	KUNIT_EXPECT_STREQ(test, info.name, "gomtest_client");
	KUNIT_EXPECT_FALSE(test, info.loaded);
}

/*
 * A module that is loaded again, at the same address, is another client.  With
 * the table full no more are told apart, until one is gone.
 */
static void places_are_reused(struct kunit *test)
{
	u32 id[GOM_MAX_CLIENTS], again;
	unsigned int n = client_table_fill(id), i;

	KUNIT_EXPECT_GT(test, n, GOM_MAX_CLIENTS / 2);
	KUNIT_EXPECT_LT(test, n, GOM_MAX_CLIENTS);	/* this module has one */
	gom_client_drop(id[3]);
	again = client_add_text("gomtest_again", 3);
	KUNIT_EXPECT_NE(test, again, 0U);
	KUNIT_EXPECT_NE(test, again, id[3]);
	KUNIT_EXPECT_EQ(test, client_of_text(3), again);
	clients_drop(id, n);
	gom_client_drop(again);
	for (i = 0; i < n; i++)
		KUNIT_EXPECT_EQ(test, client_of_text(i), 0U);
	KUNIT_EXPECT_NE(test, gom_client_of((unsigned long)places_are_reused), 0U);
}

/*
 * With the table full, a new client takes the place of the one that is gone and
 * was loaded first, whichever was unloaded first.  Loaded ones stay.
 */
static void the_oldest_that_is_gone_is_forgotten(struct kunit *test)
{
	u32 id[GOM_MAX_CLIENTS], newer[2];
	unsigned int n = client_table_fill(id), i;
	struct gom_client_info info;

	KUNIT_ASSERT_GT(test, n, 9U);
	gom_client_drop(id[5]);
	gom_client_drop(id[9]);
	gom_client_drop(id[2]);
	KUNIT_EXPECT_TRUE(test, gom_client_read(id[2], &info));
	newer[0] = client_add_text("gomtest_newer", GOM_MAX_CLIENTS);
	KUNIT_EXPECT_NE(test, newer[0], 0U);
	KUNIT_EXPECT_FALSE(test, gom_client_read(id[2], &info));
	KUNIT_EXPECT_TRUE(test, gom_client_read(id[5], &info));
	KUNIT_EXPECT_TRUE(test, gom_client_read(id[9], &info));
	newer[1] = client_add_text("gomtest_newer", GOM_MAX_CLIENTS + 1);
	KUNIT_EXPECT_NE(test, newer[1], 0U);
	KUNIT_EXPECT_FALSE(test, gom_client_read(id[5], &info));
	KUNIT_EXPECT_TRUE(test, gom_client_read(id[9], &info));
	for (i = 0; i < n; i++)
		if (i != 2 && i != 5 && i != 9)
			KUNIT_EXPECT_EQ(test, client_of_text(i), id[i]);
	clients_drop(id, n);
	clients_drop(newer, ARRAY_SIZE(newer));
}

/*
 * Numbers are bounded, and used again.  None that a client in the table has is
 * used for another.
 */
static void numbers_are_used_again(struct kunit *test)
{
	const struct gom_text text = TEXT(0), kept_text = TEXT(1), none = {};
	const u32 own = gom_client_of((unsigned long)numbers_are_used_again);
	u32 kept = gom_client_add("gomtest_kept", &kept_text, &none);
	u32 first = gom_client_add("gomtest_first", &text, &none), id = first;
	struct gom_client_info info;
	unsigned int i, again = 0, bad = 0;

	KUNIT_ASSERT_NE(test, kept, 0U);
	for (i = 0; i < GOM_CLIENT_ID_MAX; i++) {
		gom_client_drop(id);
		/* The one that has just gone is the last to be forgotten. */
		bad += !gom_client_read(id, &info);
		id = gom_client_add("gomtest_next", &text, &none);
		bad += !id || id > GOM_CLIENT_ID_MAX || id == own || id == kept;
		again += id == first;
	}
	KUNIT_EXPECT_EQ(test, bad, 0U);
	KUNIT_EXPECT_EQ(test, again, 1U);
	KUNIT_EXPECT_EQ(test, gom_client_of(text.start), id);
	KUNIT_EXPECT_EQ(test, gom_client_of(kept_text.start), kept);
	KUNIT_EXPECT_EQ(test, gom_client_of((unsigned long)numbers_are_used_again), own);
	gom_client_drop(id);
	gom_client_drop(kept);
}

/*
 * The text of an init section is freed after init.  What is loaded there later
 * is another client, and the answers that were remembered are asked for again.
 */
static void init_text_is_told_apart(struct kunit *test)
{
	const struct gom_text text = TEXT(0), init = TEXT(1), none = {};
	const unsigned long entry[] = { (unsigned long)_printk, init.start + 8, text.start };
	u32 id = gom_client_add("gomtest_client", &text, &init), later;
	unsigned int changes = gom_client_changes;
	struct gom_client_info info;

	KUNIT_ASSERT_TRUE(test, gom_client_read(id, &info));
	KUNIT_EXPECT_TRUE(test, info.has_init);
	KUNIT_EXPECT_EQ(test, gom_client_of_stack(entry, 2), id);
	gom_client_drop_init(id);
	KUNIT_EXPECT_NE(test, gom_client_changes, changes);
	KUNIT_ASSERT_TRUE(test, gom_client_read(id, &info));
	KUNIT_EXPECT_FALSE(test, info.has_init);
	KUNIT_EXPECT_TRUE(test, info.loaded);
	KUNIT_EXPECT_EQ(test, gom_client_of_stack(entry, 2), 0U);
	KUNIT_EXPECT_EQ(test, gom_client_of_stack(entry, 3), id);
	changes = gom_client_changes;
	later = gom_client_add("gomtest_later", &init, &none);
	KUNIT_EXPECT_NE(test, gom_client_changes, changes);
	KUNIT_EXPECT_EQ(test, gom_client_of(init.start + 8), later);
	KUNIT_EXPECT_EQ(test, gom_client_of_stack(entry, 3), later);
	KUNIT_EXPECT_EQ(test, gom_client_of(text.start), id);
	gom_client_drop(id);
	gom_client_drop(later);
	KUNIT_EXPECT_EQ(test, gom_client_of_stack(entry, 3), 0U);
}

static struct {
	unsigned long addr;
	u32 id;
	unsigned long asked;
	unsigned long missed;
} lookups;

static int lookups_main(void *unused)
{
	u32 id = lookups.id;

	while (!kthread_should_stop()) {
		lookups.missed += gom_client_of(lookups.addr) != id;
		WRITE_ONCE(lookups.asked, lookups.asked + 1);
		cond_resched();
	}
	return 0;
}

/* Its code runs meanwhile, on other CPUs. */
static void a_client_is_found_while_init_text_goes(struct kunit *test)
{
	const struct gom_text text = TEXT(0), init = TEXT(1);
	struct task_struct *t;

	lookups.id = gom_client_add("gomtest_client", &text, &init);
	lookups.addr = text.start;
	lookups.asked = 0;
	lookups.missed = 0;
	KUNIT_ASSERT_NE(test, lookups.id, 0U);
	t = kthread_run(lookups_main, NULL, "gomtest_lookups");
	KUNIT_ASSERT_FALSE(test, IS_ERR(t));
	while (READ_ONCE(lookups.asked) < TIMES(1000000UL, 100000UL)) {
		gom_client_drop_init(lookups.id);
		cond_resched();
	}
	kthread_stop(t);
	KUNIT_EXPECT_EQ(test, lookups.missed, 0UL);
	gom_client_drop(lookups.id);
}

/* The notifier knows both parts of a module: the tests run inside its init. */
static void init_functions_are_of_the_module(struct kunit *test)
{
	u32 id = gom_client_of((unsigned long)init_functions_are_of_the_module);

	if (!gomtest_init_text)
		kunit_skip(test, "this kernel runs the tests after the module's init");
	KUNIT_EXPECT_EQ(test, gom_client_of(gomtest_init_text), id);
}

static struct kunit_case client_cases[] = {
	KUNIT_CASE(this_module_is_a_client),
	KUNIT_CASE(others_are_none),
	KUNIT_CASE(ranges_end_where_they_end),
	KUNIT_CASE(places_are_reused),
	KUNIT_CASE(the_oldest_that_is_gone_is_forgotten),
	KUNIT_CASE(numbers_are_used_again),
	KUNIT_CASE(init_text_is_told_apart),
	KUNIT_CASE(a_client_is_found_while_init_text_goes),
	KUNIT_CASE(init_functions_are_of_the_module),
	{}
};

struct kunit_suite gomalloc_client_suite = {
	.name = "gomalloc_client",
	.test_cases = client_cases,
};
