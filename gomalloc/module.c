// SPDX-License-Identifier: GPL-2.0
/*
 * The module: its parameters, and the order of init and exit.  This file may
 * use all layers; none uses it.
 *
 * Users of gomalloc hold a reference to this module.  So on unload no call is
 * in progress and none will follow.  Objects may still be in use; they are
 * reported.
 */
#include <linux/init.h>
#include <linux/mm.h>
#include <linux/module.h>
#include <linux/rcupdate.h>

#include "api/cache.h"
#include "api/efence.h"
#include "api/finalizer.h"
#include "api/free_rcu.h"
#include "api/malloc_debug.h"
#include "api/nolock.h"
#include "api/sbrk.h"
#include "base/client.h"
#include "base/compat.h"
#include "base/debug_flags.h"
#include "base/fail_site.h"
#include "base/node.h"
#include "base/persistent.h"
#include "base/random.h"
#include "central/magazine.h"
#include "central/mcentral.h"
#include "debug/debugfs.h"
#include "debug/kasan.h"
#include "debug/leaks.h"
#include "debug/stats.h"
#include "heap/mheap.h"
#include "heap/pagemap.h"
#include "heap/scavenger.h"
#include "percpu/mcache.h"
#include "percpu/shrinker.h"
#include "slab/slab.h"
#include "special/freed_text.h"
#include "special/profile.h"
#include "special/special.h"

static bool debug_given;	/* KASAN kernels have another default than others */

static int debug_set(const char *val, const struct kernel_param *kp)
{
	const char *wrong;

	val = val ? val : "FZPU";
	wrong = gom_debug_wrong(val);
	if (wrong) {
		pr_err("debug=%s: %s\n", val, wrong);
		return -EINVAL;
	}
	debug_given = true;
	strscpy(gom_debug_text, val, sizeof(gom_debug_text));
	return 0;
}

static int debug_get(char *buffer, const struct kernel_param *kp)
{
	return sysfs_emit(buffer, "%s\n", gom_debug_text);
}

static const struct kernel_param_ops debug_ops = {
	.flags = KERNEL_PARAM_OPS_FL_NOARG,
	.set = debug_set,
	.get = debug_get,
};
module_param_cb(debug, &debug_ops, NULL, 0400);
MODULE_PARM_DESC(debug, "debug objects as slab_debug= of the kernel does: letters F (checks), Z (red zones), P (poison), U (last users), T (trace), - (none); after a comma, names of caches, which may end in *; more blocks after a semicolon; debug alone is FZPU, debug=1 is F (default: none; on a KASAN kernel FU)");

module_param_named(sbrk, gom_sbrk, bool, 0400);
MODULE_PARM_DESC(sbrk, "allocate by moving a pointer up; nothing is freed before the module is unloaded (default: off)");

module_param_named(efence, gom_efence, bool, 0400);
MODULE_PARM_DESC(efence, "put each object before a guard page, and unmap it when it is freed, so that overruns and uses after free fault (default: off)");

static int efence_module_set(const char *val, const struct kernel_param *kp)
{
	return gom_client_filter_set(&gom_efence_module, val);
}

static int efence_module_get(char *buffer, const struct kernel_param *kp)
{
	return sysfs_emit(buffer, "%s\n", gom_efence_module.name);
}

static const struct kernel_param_ops efence_module_ops = {
	.set = efence_module_set,
	.get = efence_module_get,
};
module_param_cb(efence_module, &efence_module_ops, NULL, 0600);
MODULE_PARM_DESC(efence_module, "with efence=1: only objects that this module allocates get guard pages; it need not be loaded; may be changed at any time (default: empty, all objects)");

module_param_named(mcache_kb, gom_mcache_kb, uint, 0400);
MODULE_PARM_DESC(mcache_kb, "capacity of each CPU's cache, in KiB, 0 to 65536 (default: 2048)");
#define MCACHE_KB_MAX	65536U

module_param_named(persistent_chunk_kb, gom_persistent_chunk_kb, uint, 0400);
MODULE_PARM_DESC(persistent_chunk_kb, "largest chunk of metadata memory, in KiB, 64 to 4096 (default: 256)");
#define CHUNK_KB_MIN	64U
#define CHUNK_KB_MAX	4096U

module_param_named(as_slab_debug, gom_as_slab_debug, bool, 0400);
MODULE_PARM_DESC(as_slab_debug, "for modules built with as_slab.h: report calls of the kernel's own kfree() and others for memory of gomalloc's (default: off, with make AS_SLAB_DEBUG=1 on)");

static bool module_is_loaded;	/* parameter changes take effect at once; kernel_param_lock() */

static bool check_range(const char *name, unsigned int value, unsigned int min, unsigned int max)
{
	if (value >= min && value <= max)
		return true;
	pr_err("%s=%u is out of range: %u to %u\n", name, value, min, max);
	return false;
}

static int memprofilerate_set(const char *val, const struct kernel_param *kp)
{
	unsigned int rate;
	int err = kstrtouint(val, 0, &rate);

	if (err)
		return err;
	if (!check_range("memprofilerate", rate, 0, GOM_PROFILE_RATE_MAX))
		return -EINVAL;
	if (module_is_loaded)
		return gom_mcache_set_profile_rate(rate);
	gom_memprofilerate = rate;
	return 0;
}

static const struct kernel_param_ops memprofilerate_ops = {
	.set = memprofilerate_set,
	.get = param_get_uint,
};
module_param_cb(memprofilerate, &memprofilerate_ops, &gom_memprofilerate, 0600);
MODULE_PARM_DESC(memprofilerate, "mean bytes allocated between samples of the heap profile; 0: no samples, 1: every allocation; may be changed at any time (default: 524288)");

/* Parameters of the scavenger: any value is valid, and takes effect at once. */
static int scavenge_set(const char *val, const struct kernel_param *kp)
{
	int err = param_set_uint(val, kp);

	if (!err && module_is_loaded)
		gom_scavenger_set();
	return err;
}

static const struct kernel_param_ops scavenge_ops = {
	.set = scavenge_set,
	.get = param_get_uint,
};
module_param_cb(scavenge_ms, &scavenge_ops, &gom_scavenge_ms, 0600);
MODULE_PARM_DESC(scavenge_ms, "milliseconds after which idle pages are returned to the page allocator, 0: never; may be changed at any time (default: 5000)");
module_param_cb(scavenge_kb, &scavenge_ops, &gom_scavenge_kb, 0600);
MODULE_PARM_DESC(scavenge_kb, "rate at which idle pages are returned, in KiB per second, 0: never; may be changed at any time (default: 65536)");

static bool parameters_valid(void)
{
	return check_range("mcache_kb", gom_mcache_kb, 0, MCACHE_KB_MAX) &&
	       check_range("persistent_chunk_kb", gom_persistent_chunk_kb,
			CHUNK_KB_MIN, CHUNK_KB_MAX);
}

static int __init gom_init(void)
{
	int err;

	if (!parameters_valid())
		return -EINVAL;
	if (!debug_given && (gom_sbrk || gom_efence))
		*gom_debug_text = '\0';
	if (gom_debug_any() && (gom_sbrk || gom_efence)) {
		pr_err("debug= is exclusive with sbrk=1 and efence=1\n");
		return -EINVAL;
	}
	if (gom_sbrk && gom_efence) {
		pr_err("sbrk=1 and efence=1 are mutually exclusive\n");
		return -EINVAL;
	}
	if (gom_pointers_are_tagged()) {
		pr_err("kernels with tagged pointers (KASAN_SW_TAGS, KASAN_HW_TAGS) are not supported\n");
		return -EOPNOTSUPP;
	}
	gom_random_init();
	err = gom_node_init();
	if (err)
		goto err_persistent;
	err = gom_pagemap_init();
	if (err)
		goto err_node;
	gom_magazine_init();
	err = gom_mheap_init();
	if (err)
		goto err_pagemap;
	err = gom_mcentral_init();
	if (err)
		goto err_pagemap;
	gom_sbrk_init();
	err = gom_special_init();
	if (err)
		goto err_pagemap;
	err = gom_profile_init();
	if (err)
		goto err_pagemap;
	err = gom_mcache_init((gom_malloc_debug_wanted() ? GOM_MALLOCING_DEBUG : 0) |
			      (gom_sbrk || gom_efence ? GOM_MALLOCING_BYPASS : 0));
	if (err)
		goto err_profile;
	err = gom_nolock_init();
	if (err)
		goto err_mcache;
	err = gom_efence_init();
	if (err)
		goto err_nolock;
	err = gom_malloc_debug_init();
	if (err)
		goto err_efence;
	err = gom_finalizer_init();
	if (err)
		goto err_efence;
	err = gom_free_rcu_init();
	if (err)
		goto err_finalizer;
	err = gom_shrinker_init();
	if (err)
		goto err_free_rcu;
	err = gom_scavenger_init();
	if (err)
		goto err_shrinker;
	err = gom_probe_init();
	if (err)
		goto err_scavenger;
	gom_leaks_init();
	err = gom_client_init();
	if (err)
		goto err_probe;
	gom_kasan_init();
	gom_debugfs_init();
	module_is_loaded = true;
	pr_info("loaded: %u size classes up to %u bytes, page runs up to %lu%s%s\n",
		GOM_NR_CLASSES - 1, GOM_MAX_SMALL_SIZE, GOM_RUN_MAX_SIZE,
		gom_sbrk ? ", sbrk: nothing is freed" : gom_efence ? ", efence" : gom_debug_any() ? ", debug=" : "",
		gom_debug_any() ? gom_debug_text : "");
	return 0;

err_probe:
	gom_probe_exit();
err_scavenger:
	gom_scavenger_exit();
err_shrinker:
	gom_shrinker_exit();
err_free_rcu:
	gom_free_rcu_exit();
err_finalizer:
	gom_finalizer_exit();
err_efence:
	gom_efence_exit();
err_nolock:
	gom_nolock_exit();
err_mcache:
	gom_mcache_exit();
err_profile:
	gom_profile_exit();
err_pagemap:
	gom_pagemap_exit();
err_node:
	gom_node_exit();
	gom_cache_exit();
err_persistent:
	gom_persistent_free_all();
	if (err == -ENOMEM)
		pr_err("cannot load: no memory\n");
	else
		pr_err("cannot load (%d)\n", err);
	return err;
}

/*
 * Wait for all deferred frees: RCU frees, nolock frees and finalizers.
 * Finalizers may free more objects, so repeat until none has run.
 */
static void __exit pending_frees_wait(void)
{
	struct gom_finalizer_stats before, now;

	gom_finalizer_read(&now);
	do {
		before = now;
		gom_nolock_drain();
		gom_slab_kfree_rcu_flush();
		gom_free_rcu_barrier();
		gom_finalizer_barrier();
		gom_finalizer_read(&now);
	} while (now.run != before.run);
}

static void __exit gom_exit(void)
{
	/* From here on, setting a parameter only stores its value. */
	kernel_param_lock(THIS_MODULE);
	module_is_loaded = false;
	kernel_param_unlock(THIS_MODULE);
	gom_debugfs_exit();
	gom_kasan_exit();
	gom_client_exit();
	gom_probe_exit();
	pending_frees_wait();
	gom_malloc_debug_exit();
	gom_nolock_exit();
	gom_free_rcu_exit();
	gom_finalizer_exit();
	gom_shrinker_exit();
	gom_scavenger_exit();	/* after the shrinker, which may wake it */
	gom_cache_report_left();
	gom_mcache_exit();
	gom_mcentral_drain();
	rcu_barrier();		/* for spans of SLAB_TYPESAFE_BY_RCU caches */
	gom_stats_report_live();
	gom_efence_exit();
	gom_mheap_exit();
	gom_pagemap_exit();
	gom_node_exit();
	gom_cache_exit();
	gom_profile_exit();
	gom_freed_text_exit();
	gom_fail_sites_exit();
	gom_persistent_free_all();
	pr_info("unloaded\n");
}

module_init(gom_init);
module_exit(gom_exit);

MODULE_DESCRIPTION("The Go runtime's memory allocator for the kernel");
MODULE_AUTHOR("The gomalloc authors");
MODULE_LICENSE("GPL");
