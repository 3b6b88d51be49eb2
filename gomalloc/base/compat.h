/* SPDX-License-Identifier: GPL-2.0 */
/*
 * Differences between kernel versions, all of them: the rest of the code reads
 * as if written for the newest kernel.  Oldest supported: 6.1.
 */
#ifndef GOM_COMPAT_H
#define GOM_COMPAT_H

#include <linux/gfp.h>
#include <linux/kasan.h>
#include <linux/mm.h>
#include <linux/module.h>
#include <linux/shrinker.h>
#include <linux/slab.h>
#include <linux/stacktrace.h>
#include <linux/version.h>
#include <linux/workqueue.h>

/* 6.12 moved it. */
#if LINUX_VERSION_CODE >= KERNEL_VERSION(6, 12, 0)
# include <linux/unaligned.h>
#else
# include <asm/unaligned.h>
#endif

/* 6.8 gave the largest order a name; before 6.4 MAX_ORDER was one above it. */
#ifndef MAX_PAGE_ORDER
# if LINUX_VERSION_CODE >= KERNEL_VERSION(6, 4, 0)
#  define MAX_PAGE_ORDER	MAX_ORDER
# else
#  define MAX_PAGE_ORDER	(MAX_ORDER - 1)
# endif
#endif

/* 6.2 dropped __GFP_ATOMIC. */
#ifdef __GFP_ATOMIC
# define GOM_GFP_ATOMIC		__GFP_ATOMIC
#else
# define GOM_GFP_ATOMIC		0
#endif

/* 6.6 brought it. */
#ifdef SLAB_NO_MERGE
# define GOM_NO_MERGE		SLAB_NO_MERGE
#else
# define GOM_NO_MERGE		((slab_flags_t)0)
#endif

/* 6.9 dropped it. */
#ifdef SLAB_MEM_SPREAD
# define SLAB_MEM_SPREAD_OR_0	SLAB_MEM_SPREAD
#else
# define SLAB_MEM_SPREAD_OR_0	0
#endif

/* 6.17 wants a per-CPU workqueue to say that it is one. */
#if LINUX_VERSION_CODE >= KERNEL_VERSION(6, 17, 0)
# define GOM_WQ_PERCPU		WQ_PERCPU
#else
# define GOM_WQ_PERCPU		0
#endif

/*
 * Do pointers to memory have a tag in their upper bits?  The page map takes an address
 * for what it is.
 */
static inline bool gom_pointers_are_tagged(void)
{
	return IS_ENABLED(CONFIG_KASAN_SW_TAGS) || kasan_hw_tags_enabled();
}

/* 7.3 brought a head for kfree_rcu() that is one pointer. */
#if LINUX_VERSION_CODE >= KERNEL_VERSION(7, 3, 0)
# define GOM_KVFREE_RCU_HEAD	struct kvfree_rcu_head
#else
# define GOM_KVFREE_RCU_HEAD	struct rcu_head
#endif

/*
 * The stack we are on, up to the interrupt that brought us here: what it
 * interrupted did not ask for anything.  A kernel without stack traces has none
 * to tell.
 */
static __always_inline unsigned int gom_stack_save(unsigned long *entries, unsigned int max)
{
#ifdef CONFIG_STACKTRACE
	return filter_irq_stacks(entries, stack_trace_save(entries, max, 0));
#else
	return 0;
#endif
}

/* Symbols for gomalloc_kunit alone; 6.13 made the namespace a string. */
#if !IS_ENABLED(CONFIG_KUNIT)
# define GOM_EXPORT_FOR_TEST(sym)
#elif LINUX_VERSION_CODE >= KERNEL_VERSION(6, 13, 0)
# define GOM_EXPORT_FOR_TEST(sym)	EXPORT_SYMBOL_NS_GPL(sym, "GOMALLOC_TEST")
# define GOM_IMPORT_FOR_TEST()		MODULE_IMPORT_NS("GOMALLOC_TEST")
#else
# define GOM_EXPORT_FOR_TEST(sym)	EXPORT_SYMBOL_NS_GPL(sym, GOMALLOC_TEST)
# define GOM_IMPORT_FOR_TEST()		MODULE_IMPORT_NS(GOMALLOC_TEST)
#endif

/* Runs KUnit suites.  Newer kernels want to be told that it shall be now. */
#define GOM_KUNIT_RUN(suites, n)							\
({											\
	int (*run)(struct kunit_suite * const *, int) = (void *)__kunit_test_suites_init;	\
	int (*run_now)(struct kunit_suite * const *, int, bool) =			\
		(void *)__kunit_test_suites_init;					\
											\
	__builtin_types_compatible_p(typeof(&__kunit_test_suites_init), typeof(run)) ?	\
		run(suites, n) : run_now(suites, n, true);				\
})

/* 6.7 made shrinkers dynamic: one allocation instead of a static structure. */
#if LINUX_VERSION_CODE < KERNEL_VERSION(6, 7, 0)
static inline struct shrinker *shrinker_alloc(unsigned int flags, const char *name)
{
	struct shrinker *shrinker = kzalloc(sizeof(*shrinker), GFP_KERNEL);

	if (shrinker)
		shrinker->flags = flags;
	return shrinker;
}

/* Cannot fail later than shrinker_alloc() in newer kernels; here it may. */
static inline int gom_shrinker_register(struct shrinker *shrinker)
{
	return register_shrinker(shrinker, "gomalloc");
}

static inline void shrinker_free(struct shrinker *shrinker)
{
	unregister_shrinker(shrinker);
	kfree(shrinker);
}
#else
static inline int gom_shrinker_register(struct shrinker *shrinker)
{
	shrinker_register(shrinker);
	return 0;
}
#endif

#endif /* GOM_COMPAT_H */
