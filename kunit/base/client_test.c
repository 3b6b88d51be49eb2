// SPDX-License-Identifier: GPL-2.0
/* Clients: addresses and the modules they belong to.  This module is one. */
#include <linux/kernel.h>
#include <linux/module.h>
#include <linux/printk.h>
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
	const struct gom_text none = {};
	struct gom_text text = TEXT(0);
	u32 id[GOM_MAX_CLIENTS], again;
	unsigned int n, i;

	for (n = 0; n < GOM_MAX_CLIENTS; n++) {
		text = (struct gom_text)TEXT(n);
		id[n] = gom_client_add("gomtest_many", &text, &none);
		if (!id[n])
			break;
	}
	KUNIT_EXPECT_GT(test, n, GOM_MAX_CLIENTS / 2);
	KUNIT_EXPECT_LT(test, n, GOM_MAX_CLIENTS);	/* this module has one */
	text = (struct gom_text)TEXT(3);
	gom_client_drop(id[3]);
	again = gom_client_add("gomtest_again", &text, &none);
	KUNIT_EXPECT_NE(test, again, 0U);
	KUNIT_EXPECT_NE(test, again, id[3]);
	KUNIT_EXPECT_EQ(test, gom_client_of(text.start), again);
	for (i = 0; i < n; i++)
		gom_client_drop(id[i]);
	gom_client_drop(again);
	for (i = 0; i < n; i++)
		KUNIT_EXPECT_EQ(test, gom_client_of(0x1000UL * (i + 1)), 0U);
	KUNIT_EXPECT_NE(test, gom_client_of((unsigned long)places_are_reused), 0U);
}

static struct kunit_case client_cases[] = {
	KUNIT_CASE(this_module_is_a_client),
	KUNIT_CASE(others_are_none),
	KUNIT_CASE(ranges_end_where_they_end),
	KUNIT_CASE(places_are_reused),
	{}
};

struct kunit_suite gomalloc_client_suite = {
	.name = "gomalloc_client",
	.test_cases = client_cases,
};
