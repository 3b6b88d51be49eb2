// SPDX-License-Identifier: GPL-2.0
/*
 * gomalloc_leaky: a module with bugs, for the tests of what finds them.
 *
 *	leaks=1	the init function, and a write to "run", leak objects
 *	run	each write allocates at some call sites and frees; written by
 *		tools/guest/inspect.sh
 */
#include <linux/module.h>
#include <linux/moduleparam.h>
#include <linux/string.h>
#include <linux/uaccess.h>

#include "gomalloc.h"

static bool leaks;
module_param(leaks, bool, 0400);
MODULE_PARM_DESC(leaks, "leak objects (default: off)");

static struct gom_cache *cache;

/* Not tail calls: the call sites are in here. */
static noinline void *leaky_buffer(void)
{
	char *p = gom_malloc(100, GFP_KERNEL);

	if (p)
		*p = 1;
	return p;
}

static noinline void *leaky_node(void)
{
	char *p = gom_cache_alloc(cache, GFP_KERNEL);

	if (p)
		*p = 1;
	return p;
}

/* Optional: without it the caller works, too. */
static noinline void *leaky_hint(void)
{
	char *p = gom_malloc(1000, GFP_KERNEL);

	if (p)
		*p = 1;
	return p;
}

static noinline void *leaky_spare(void)
{
	char *p = gom_malloc(2000, GFP_KERNEL);

	if (p)
		*p = 1;
	return p;
}

/* Only once: never again reached. */
static noinline void leaky_first(void)
{
	static bool was_here;
	char *p;

	if (was_here)
		return;
	was_here = true;
	p = gom_malloc(3000, GFP_KERNEL);
	if (p)
		*p = 1;
	gom_free(p);
}

/*
 * Five sites: the first error is handled, the second is not, the third is no
 * error, the fourth is handled wrongly, and the fifth is not reached again.
 */
static int run_set(const char *val, const struct kernel_param *kp)
{
	void *buffer, *node, *hint, *spare;

	buffer = leaky_buffer();
	if (!buffer)
		return -ENOMEM;
	node = leaky_node();
	if (!node)
		return -ENOMEM;		/* the bug: @buffer is not freed */
	hint = leaky_hint();
	gom_free(hint);
	spare = leaky_spare();
	gom_free(spare ?: buffer + 8);	/* the bug: no object begins there */
	leaky_first();
	gom_cache_free(cache, node);
	if (!leaks)
		gom_free(buffer);
	return 0;
}

/* Whether a byte behind a buffer of 100 can be read; the end of it is aligned. */
static int overrun_get(char *buffer, const struct kernel_param *kp)
{
	char *p = leaky_buffer(), byte;
	bool reads;

	if (!p)
		return -ENOMEM;
	reads = !copy_from_kernel_nofault(&byte, p + 104, 1);
	gom_free(p);
	return sysfs_emit(buffer, reads ? "reads\n" : "faults\n");
}

static const struct kernel_param_ops run_ops = { .set = run_set, .get = overrun_get };
module_param_cb(run, &run_ops, NULL, 0600);
MODULE_PARM_DESC(run, "write: allocate and free; read: does an overrun fault?");

static int __init leaky_init(void)
{
	unsigned int i;

	cache = gom_cache_create("leaky_node", 600, 0, 0, NULL);
	if (!cache)
		return -ENOMEM;
	for (i = 0; leaks && i < 3; i++)
		if (!gom_cache_alloc(cache, GFP_KERNEL))
			return -ENOMEM;
	return 0;
}
module_init(leaky_init);

static void __exit leaky_exit(void)
{
	gom_cache_destroy(cache);
}
module_exit(leaky_exit);

MODULE_DESCRIPTION("A module with bugs, for tests of gomalloc");
MODULE_LICENSE("GPL");
