// SPDX-License-Identifier: GPL-2.0
/*
 * Hands memory of gomalloc's to functions of the kernel that are for its own:
 * what as_slab_debug=1 reports.  Without that kfree() would do harm, so it is
 * called with as_slab_debug=1 only.
 *
 * The probes give NULL to the functions that take it.  Others would do harm in
 * any case, so they return at once: an ftrace callback, which runs beside the
 * kprobe whatever the order, moves the instruction pointer.
 */
#include <linux/ftrace.h>
#include <linux/ptrace.h>
#include <linux/rcupdate.h>
#include <linux/slab.h>
#include <linux/string.h>

#include "base/compat.h"
#include "gomalloc.h"
#include "torture.h"

struct object {
	unsigned long before;		/* so that a head is not where the object begins */
	struct rcu_head rcu;
#ifdef GOM_HAS_NOLOCK
	GOM_KVFREE_RCU_HEAD nolock_rcu;
#endif
};

/* To kfree(), ksize() and kfree_nolock(), which are given NULL. */
static int transfer_dropped(struct object *p)
{
	if (ksize(p))
		return -EINVAL;
	kfree(p);
#ifdef GOM_HAS_NOLOCK
	kfree_nolock(p);
#endif
	/* It remains a live object. */
	return gom_size(p) >= sizeof(*p) ? 0 : -EINVAL;
}

#if defined(GOM_HAS_PROBES) && defined(CONFIG_DYNAMIC_FTRACE_WITH_REGS)
static struct object *skipped;

/* Runs in place of a function that was given the object; its result is NULL. */
static noinline notrace void *function_none(void)
{
	return NULL;
}

static bool argument_is_skipped(struct pt_regs *regs, unsigned int arg)
{
	return regs_get_kernel_argument(regs, arg) - (unsigned long)skipped < sizeof(*skipped);
}

static void function_skip(unsigned long ip, unsigned long parent_ip, struct ftrace_ops *ops,
			  struct ftrace_regs *fregs)
{
	struct pt_regs *regs = ftrace_get_regs(fregs);

	if (regs && (argument_is_skipped(regs, 0) || argument_is_skipped(regs, 1)))
		instruction_pointer_set(regs, (unsigned long)function_none);
}

static struct ftrace_ops skip_ops = {
	.func = function_skip,
	.flags = FTRACE_OPS_FL_SAVE_REGS | FTRACE_OPS_FL_IPMODIFY | FTRACE_OPS_FL_RECURSION,
};

static const char * const skip_names[] = {
#ifdef krealloc_node_align
	"krealloc_node_align_noprof",
#elif defined(alloc_hooks)
	"krealloc_noprof",
#else
	"krealloc",
#endif
	"kmem_cache_free",
	"kvfree_call_rcu",
#ifdef GOM_HAS_NOLOCK
	"kfree_call_rcu_nolock",
#endif
};

static int skip_begin(struct object *p)
{
	char name[40];
	int i, err = 0;

	skipped = p;
	for (i = 0; i < ARRAY_SIZE(skip_names) && !err; i++) {
		strscpy(name, skip_names[i], sizeof(name));
		err = ftrace_set_filter(&skip_ops, name, strlen(name), 0);
		if (err)
			pr_err("transfer: %s() cannot be skipped\n", skip_names[i]);
	}
	if (!err)
		err = register_ftrace_function(&skip_ops);
	if (err)
		ftrace_free_filter(&skip_ops);
	return err;
}

static void skip_end(void)
{
	unregister_ftrace_function(&skip_ops);
	ftrace_free_filter(&skip_ops);
}

static int transfer_skipped(struct object *p)
{
	struct kmem_cache *s = kmem_cache_create("gomalloc_torture_transfer", sizeof(*p), 0, 0, NULL);
	int err = s ? skip_begin(p) : -ENOMEM;

	if (!err) {
		if (krealloc(p, 2 * sizeof(*p), GFP_KERNEL))
			err = -EINVAL;
		kmem_cache_free(s, p);
		kfree_rcu(p, rcu);
		kfree_rcu_mightsleep(p);
#ifdef GOM_HAS_NOLOCK
		kfree_rcu_nolock(p, nolock_rcu);
#endif
		skip_end();
	}
	kmem_cache_destroy(s);
	return err;
}
#else
static int transfer_skipped(struct object *p)
{
	return -EOPNOTSUPP;
}
#endif

int torture_transfer(unsigned int unused)
{
	struct object *p = gom_malloc(sizeof(*p), GFP_KERNEL);
	int err;

	if (!p)
		return -ENOMEM;
	err = transfer_dropped(p) ?: transfer_skipped(p);
	gom_free(p);
	return err;
}
