// SPDX-License-Identifier: GPL-2.0
/* Failing allocations of one module, by call site.  It is this module here. */
#include <linux/mm.h>
#include <linux/seq_file.h>
#include <linux/string.h>

#include "base/client.h"
#include "base/compat.h"
#include "base/fail_site.h"
#include "base/fault.h"
#include "debug/fail.h"
#include "gomalloc.h"
#include "suites.h"

#define TEXT	(16U << 10)

static struct gom_cache *cache;

/* The barriers keep the calls from being tail calls, whose site is the caller. */
static noinline void *site_one(void)
{
	void *p = gom_malloc(100, GFP_KERNEL);

	barrier();
	return p;
}

static noinline void *site_two(gfp_t gfp)
{
	void *p = gom_cache_alloc(cache, gfp);

	barrier();
	return p;
}

static noinline void *site_three(void)
{
	void *p = gom_malloc_noscan(3, GFP_KERNEL);

	barrier();
	return p;
}

static char *sites_text(struct kunit *test)
{
	struct seq_file m = { .size = TEXT };

	m.buf = kunit_kzalloc(test, TEXT, GFP_KERNEL);
	KUNIT_ASSERT_NOT_NULL(test, m.buf);
	gom_fail_sites_show(&m);
	KUNIT_ASSERT_LT(test, m.count, m.size);
	m.buf[m.count] = 0;
	return m.buf;
}

/* The line of a function in the list of sites; its numbers. */
static void site_read(struct kunit *test, const char *function, unsigned int *number,
		      unsigned int *calls, unsigned int *failed)
{
	char *text = sites_text(test), *at = strstr(text, function);
	unsigned int enabled;
	int n;

	KUNIT_ASSERT_NOT_NULL_MSG(test, at, "%s is not in\n%s", function, text);
	while (at > text && at[-1] != '\n')
		at--;
	n = sscanf(at, "%u %u %u %u", number, calls, failed, &enabled);
	KUNIT_ASSERT_EQ(test, n, 4);
}

static void each_site_fails_once(struct kunit *test)
{
	unsigned int one, two, three, calls, failed, i;
	void *p;

	cache = gom_cache_create("gomtest_fail", 200, 0, 0, NULL);
	KUNIT_ASSERT_NOT_NULL(test, cache);
	KUNIT_ASSERT_EQ(test, gom_fail_set_module("gomalloc-kunit"), 0);
	for (i = 0; i < 5; i++) {
		gom_free(site_one());
		gom_cache_free(cache, site_two(GFP_KERNEL));
		gom_free(site_three());
	}
	site_read(test, "site_one+0x", &one, &calls, &failed);
	KUNIT_EXPECT_EQ(test, calls, 5U);
	KUNIT_EXPECT_EQ(test, failed, 0U);
	site_read(test, "site_two+0x", &two, &calls, &failed);
	KUNIT_EXPECT_EQ(test, calls, 5U);
	site_read(test, "site_three+0x", &three, &calls, &failed);
	KUNIT_EXPECT_EQ(test, calls, 5U);

	KUNIT_EXPECT_EQ(test, gom_fail_site_enable(two), 0);
	p = site_one();
	KUNIT_EXPECT_NOT_NULL(test, p);
	gom_free(p);
	p = site_two(GFP_KERNEL | __GFP_NOFAIL);
	KUNIT_EXPECT_NOT_NULL(test, p);
	gom_cache_free(cache, p);
	KUNIT_EXPECT_NULL(test, site_two(GFP_KERNEL));
	p = site_two(GFP_KERNEL);
	KUNIT_EXPECT_NOT_NULL(test, p);
	gom_cache_free(cache, p);
	site_read(test, "site_two+0x", &two, &calls, &failed);
	KUNIT_EXPECT_EQ(test, calls, 8U);
	KUNIT_EXPECT_EQ(test, failed, 1U);

	/* The next one that has not failed. */
	KUNIT_EXPECT_EQ(test, gom_fail_site_enable(0), 0);
	KUNIT_EXPECT_EQ(test, gom_fail_site_enable(0), 0);
	KUNIT_EXPECT_NULL(test, site_one());
	KUNIT_EXPECT_NULL(test, site_three());
	KUNIT_EXPECT_EQ(test, gom_fail_site_enable(0), -ENOENT);
	KUNIT_EXPECT_EQ(test, gom_fail_site_enable(1000), -ENOENT);
	KUNIT_EXPECT_EQ(test, gom_fail_set_module(""), 0);
	gom_cache_destroy(cache);
}

static void others_do_not_fail(struct kunit *test)
{
	void *p;

	KUNIT_ASSERT_EQ(test, gom_fail_set_module("another_module"), 0);
	gom_free(site_one());
	KUNIT_EXPECT_NULL(test, strstr(sites_text(test), "site_one"));
	KUNIT_EXPECT_EQ(test, gom_fail_site_enable(0), -ENOENT);
	KUNIT_ASSERT_EQ(test, gom_fail_set_module("gomalloc_kunit"), 0);
	gom_free(site_one());
	KUNIT_EXPECT_NOT_NULL(test, strstr(sites_text(test), "site_one"));
	KUNIT_EXPECT_EQ(test, gom_fail_site_enable(0), 0);
	gom_fail_sites_disable();
	p = site_one();
	KUNIT_EXPECT_NOT_NULL(test, p);
	gom_free(p);
	KUNIT_EXPECT_EQ(test, gom_fail_site_enable(0), 0);
	/* Without a module, a site that is enabled does not fail. */
	KUNIT_ASSERT_EQ(test, gom_fail_set_module(""), 0);
	p = site_one();
	KUNIT_EXPECT_NOT_NULL(test, p);
	gom_free(p);
}

/* What was set before goes on, with the sites that were seen. */
static void a_bad_name_changes_nothing(struct kunit *test)
{
	char name[MODULE_NAME_LEN + 1] = { [0 ... MODULE_NAME_LEN - 1] = 'x' };
	unsigned int number, calls, failed;

	KUNIT_ASSERT_EQ(test, gom_fail_set_module("gomalloc_kunit"), 0);
	gom_free(site_one());
	KUNIT_EXPECT_EQ(test, gom_fail_site_enable(0), 0);
	KUNIT_EXPECT_EQ(test, gom_fail_set_module(name), -EINVAL);
	KUNIT_EXPECT_NULL(test, site_one());
	site_read(test, "site_one+0x", &number, &calls, &failed);
	KUNIT_EXPECT_EQ(test, calls, 2U);
	KUNIT_EXPECT_EQ(test, failed, 1U);
	KUNIT_ASSERT_EQ(test, gom_fail_set_module(""), 0);
}

/* fail_gomalloc, restricted to one module. */
static void requests_of_one_module_fail(struct kunit *test)
{
#ifdef CONFIG_FAULT_INJECTION
	void *p;

	if (!gom_client_of(gom_client_caller(0)))
		kunit_skip(test, "this kernel has no stack traces");
	gomtest_needs_heap(test);
	gom_client_filter_set(&gom_fault_module, "another_module");
	gomtest_fail_after(0);
	p = gom_malloc(1 << 20, GFP_KERNEL | __GFP_NOWARN);
	gom_client_filter_set(&gom_fault_module, "gomalloc_kunit");
	KUNIT_EXPECT_NULL(test, gom_malloc(1 << 20, GFP_KERNEL | __GFP_NOWARN));
	gomtest_fail_stop();
	gom_client_filter_set(&gom_fault_module, "");
	KUNIT_EXPECT_NOT_NULL(test, p);
	gom_free(p);
#else
	kunit_skip(test, "this kernel has no fault injection");
#endif
}

static struct kunit_case fail_cases[] = {
	KUNIT_CASE(each_site_fails_once),
	KUNIT_CASE(others_do_not_fail),
	KUNIT_CASE(a_bad_name_changes_nothing),
	HEAP_CASE(requests_of_one_module_fail),
	{}
};

struct kunit_suite gomalloc_fail_suite = {
	.name = "gomalloc_fail",
	.init = gomtest_begin_any,
	.exit = gomtest_end,
	.test_cases = fail_cases,
};
