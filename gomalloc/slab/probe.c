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
 * struct function_probe - a probe on a function of the kernel
 * @kp: at its first instruction
 * @arg: number of the argument that is an object
 * @dropped: for the report: what follows from NULL, which replaces the object,
 *	its first argument; or NULL if it is not replaced
 */
struct function_probe {
	struct kprobe kp;
	unsigned int arg;
	const char *dropped;
};

static int probe_handler(struct kprobe *kp, struct pt_regs *regs)
{
	const struct function_probe *probe = container_of(kp, struct function_probe, kp);
	const void *p = (void *)regs_get_kernel_argument(regs, probe->arg);

	/* Before 6.4 kvfree_call_rcu() is given the head, and its offset in the object. */
	if ((unsigned long)p < PAGE_SIZE && probe->arg)
		p = (void *)regs_get_kernel_argument(regs, 0) - (unsigned long)p;
	if (likely(!gom_owns(p)))
		return 0;
	gom_report(GOM_BAD_TRANSFER, gom_regs_caller(regs),
		   "%s() of the kernel for %p, which is gomalloc's%s",
		   kp->symbol_name, p, probe->dropped ?: "");
	if (probe->dropped)
		gom_regs_drop_argument(regs);
	return 0;
}

#define PROBE(name, arg_nr, ...)						\
	{ .kp = { .symbol_name = name, .pre_handler = probe_handler },	\
	  .arg = arg_nr, ##__VA_ARGS__ }

/* Those that a kernel does not have are left out. */
static struct function_probe probes[] = {
	PROBE("kfree", 0, .dropped = ": it leaks"),
	PROBE("ksize", 0, .dropped = ": it is told 0"),
	PROBE("krealloc", 0),
	PROBE("krealloc_noprof", 0),
	PROBE("krealloc_node_align_noprof", 0),
	PROBE("kfree_nolock", 0, .dropped = ": it leaks"),
	PROBE("kmem_cache_free", 1),
	PROBE("kvfree_call_rcu", 1),
	PROBE("kfree_call_rcu_nolock", 1),
};

static void probes_end(unsigned int n)
{
	while (n--)
		if (probes[n].kp.addr)
			unregister_kprobe(&probes[n].kp);
}

/* Returns 0 or an error; then there is no probe. */
int gom_probe_init(void)
{
	unsigned int i;
	int err;

	if (!gom_as_slab_debug)
		return 0;
	for (i = 0; i < ARRAY_SIZE(probes); i++) {
		err = register_kprobe(&probes[i].kp);
		if (err == -ENOENT) {		/* not in this kernel */
			probes[i].kp.addr = NULL;
			continue;
		}
		if (err) {
			pr_err("as_slab_debug=1: no probe of %s() (%d)\n",
			       probes[i].kp.symbol_name, err);
			probes_end(i);
			return err;
		}
	}
	return 0;
}

void gom_probe_exit(void)
{
	if (gom_as_slab_debug)
		probes_end(ARRAY_SIZE(probes));
}
#else
int gom_probe_init(void)
{
	if (gom_as_slab_debug)
		pr_err("as_slab_debug=1: this kernel has no kprobes, or its architecture is not supported\n");
	return gom_as_slab_debug ? -EOPNOTSUPP : 0;
}

void gom_probe_exit(void)
{
}
#endif
