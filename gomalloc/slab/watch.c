// SPDX-License-Identifier: GPL-2.0
/*
 * as_slab_debug=1: probes on functions of the kernel that must not get memory
 * of gomalloc's.
 *
 * A module built with as_slab.h may hand memory to the kernel, which frees it
 * by its own kfree() (Documentation/over-gomalloc.rst lists such transfers).
 * The probe reports it with the call site before the function runs.  kfree()
 * and ksize() are given NULL instead: the object leaks, or its size is said to
 * be 0.  The other functions run as they would without the probe.
 *
 * Context: that of the probed function, with preemption or interrupts off.  The
 * probes call only gom_owns() and gom_report().
 */
#include <linux/kprobes.h>

#include "base/compat.h"
#include "base/report.h"
#include "gomalloc.h"
#include "slab/slab.h"

#ifdef GOM_AS_SLAB_DEBUG
bool gom_as_slab_debug = true;
#else
bool gom_as_slab_debug;
#endif

#ifdef GOM_HAS_PROBES
/**
 * struct watch - a function of the kernel that is watched
 * @probe: at its first instruction
 * @arg: number of the argument that is an object
 * @dropped: for the report: what follows from NULL, which replaces the object,
 *	its first argument; or NULL if it is not replaced
 */
struct watch {
	struct kprobe probe;
	unsigned int arg;
	const char *dropped;
};

static int watch_handler(struct kprobe *probe, struct pt_regs *regs)
{
	const struct watch *w = container_of(probe, struct watch, probe);
	const void *p = (void *)regs_get_kernel_argument(regs, w->arg);

	/* kvfree_call_rcu() was given the head, and its offset in the object. */
	if ((unsigned long)p < PAGE_SIZE && w->arg)
		p = (void *)regs_get_kernel_argument(regs, 0);
	if (likely(!gom_owns(p)))
		return 0;
	gom_report(GOM_BAD_TRANSFER, gom_regs_caller(regs),
		   "%s() of the kernel for %p, which is gomalloc's%s",
		   probe->symbol_name, p, w->dropped ?: "");
	if (w->dropped)
		gom_regs_drop_argument(regs);
	return 0;
}

#define WATCH(name, arg_nr, ...)						\
	{ .probe = { .symbol_name = name, .pre_handler = watch_handler },	\
	  .arg = arg_nr, ##__VA_ARGS__ }

/* Those that a kernel does not have are left out. */
static struct watch watches[] = {
	WATCH("kfree", 0, .dropped = ": it leaks"),
	WATCH("ksize", 0, .dropped = ": it is told 0"),
	WATCH("krealloc", 0),
	WATCH("krealloc_noprof", 0),
	WATCH("krealloc_node_align_noprof", 0),
	WATCH("kfree_nolock", 0, .dropped = ": it leaks"),
	WATCH("kmem_cache_free", 1),
	WATCH("kvfree_call_rcu", 1),
	WATCH("kfree_call_rcu_nolock", 1),
};

static void watches_end(unsigned int n)
{
	while (n--)
		if (watches[n].probe.addr)
			unregister_kprobe(&watches[n].probe);
}

/* Returns 0 or an error; then nothing is watched. */
int gom_watch_init(void)
{
	unsigned int i;
	int err;

	if (!gom_as_slab_debug)
		return 0;
	for (i = 0; i < ARRAY_SIZE(watches); i++) {
		err = register_kprobe(&watches[i].probe);
		if (err == -ENOENT) {		/* not in this kernel */
			watches[i].probe.addr = NULL;
			continue;
		}
		if (err) {
			pr_err("as_slab_debug=1: no probe of %s() (%d)\n",
			       watches[i].probe.symbol_name, err);
			watches_end(i);
			return err;
		}
	}
	return 0;
}

void gom_watch_exit(void)
{
	if (gom_as_slab_debug)
		watches_end(ARRAY_SIZE(watches));
}
#else
int gom_watch_init(void)
{
	if (gom_as_slab_debug)
		pr_err("as_slab_debug=1: this kernel has no kprobes, or its architecture is not supported\n");
	return gom_as_slab_debug ? -EOPNOTSUPP : 0;
}

void gom_watch_exit(void)
{
}
#endif
