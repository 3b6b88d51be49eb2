/* SPDX-License-Identifier: GPL-2.0 */
/*
 * All differences between kernel versions.  The rest of the code is written for
 * the newest kernel.  The oldest supported kernel is 6.1.
 */
#ifndef GOM_COMPAT_H
#define GOM_COMPAT_H

#include <linux/gfp.h>
#include <linux/kasan.h>
#include <linux/mm.h>
#include <linux/module.h>
#include <linux/ptrace.h>
#include <linux/shrinker.h>
#include <linux/slab.h>
#include <linux/stacktrace.h>
#include <linux/swap.h>
#include <linux/version.h>
#include <linux/workqueue.h>

/* Moved in 6.12. */
#if LINUX_VERSION_CODE >= KERNEL_VERSION(6, 12, 0)
# include <linux/unaligned.h>
#else
# include <asm/unaligned.h>
#endif

/*
 * 6.8 renamed MAX_ORDER to MAX_PAGE_ORDER.  Before 6.4 MAX_ORDER was one above
 * the largest order.
 */
#ifndef MAX_PAGE_ORDER
# if LINUX_VERSION_CODE >= KERNEL_VERSION(6, 4, 0)
#  define MAX_PAGE_ORDER	MAX_ORDER
# else
#  define MAX_PAGE_ORDER	(MAX_ORDER - 1)
# endif
#endif

/* Dropped in 6.2. */
#ifdef __GFP_ATOMIC
# define GOM_GFP_ATOMIC		__GFP_ATOMIC
#else
# define GOM_GFP_ATOMIC		0
#endif

/* Added in 6.6. */
#ifdef SLAB_NO_MERGE
# define GOM_NO_MERGE		SLAB_NO_MERGE
#else
# define GOM_NO_MERGE		((slab_flags_t)0)
#endif

/* Dropped in 6.9. */
#ifdef SLAB_MEM_SPREAD
# define SLAB_MEM_SPREAD_OR_0	SLAB_MEM_SPREAD
#else
# define SLAB_MEM_SPREAD_OR_0	0
#endif

/* Since 6.17 a per-CPU workqueue must be allocated with WQ_PERCPU. */
#if LINUX_VERSION_CODE >= KERNEL_VERSION(6, 17, 0)
# define GOM_WQ_PERCPU		WQ_PERCPU
#else
# define GOM_WQ_PERCPU		0
#endif

/*
 * Do pointers to memory carry a tag in their upper bits?  The page map does not
 * strip tags, so the module does not load then.
 */
static inline bool gom_pointers_are_tagged(void)
{
	return IS_ENABLED(CONFIG_KASAN_SW_TAGS) || kasan_hw_tags_enabled();
}

/*
 * Since 6.2 callbacks may be lazy (CONFIG_RCU_LAZY), and wait for ten seconds on
 * a CPU whose callbacks are offloaded.
 */
#if LINUX_VERSION_CODE >= KERNEL_VERSION(6, 2, 0)
# define gom_call_rcu_hurry	call_rcu_hurry
#else
# define gom_call_rcu_hurry	call_rcu
#endif

/* 7.3 added a head for kfree_rcu() that is a single pointer. */
#if LINUX_VERSION_CODE >= KERNEL_VERSION(7, 3, 0)
# define GOM_KVFREE_RCU_HEAD	struct kvfree_rcu_head
#else
# define GOM_KVFREE_RCU_HEAD	struct rcu_head
#endif

/*
 * The forms of slab.h's functions, for slab/.  Since 6.10 what a kernel exports
 * is called name_noprof, and name is a macro.  6.11 passes buckets, 7.x tokens
 * and the alignment of kvmalloc().
 */
#ifdef alloc_hooks
# define GOM_KERNEL(name)		name##_noprof
# define GOM_SLAB_NOPROF(name)		gom_slab_##name##_noprof
# define GOM_SLAB_KMALLOC_CACHE		gom_slab___kmalloc_cache_noprof
# define GOM_SLAB_KMALLOC_CACHE_NODE	gom_slab___kmalloc_cache_node_noprof
# define GOM_SLAB_KMALLOC_LARGE		gom_slab___kmalloc_large_noprof
# define GOM_SLAB_KMALLOC_LARGE_NODE	gom_slab___kmalloc_large_node_noprof
# define GOM_SLAB_KVMALLOC		gom_slab___kvmalloc_node_noprof
#else
# define GOM_KERNEL(name)		name
# define GOM_SLAB_NOPROF(name)		gom_slab_##name
# define GOM_SLAB_KMALLOC_CACHE		gom_slab_kmalloc_trace
# define GOM_SLAB_KMALLOC_CACHE_NODE	gom_slab_kmalloc_node_trace
# define GOM_SLAB_KMALLOC_LARGE		gom_slab_kmalloc_large
# define GOM_SLAB_KMALLOC_LARGE_NODE	gom_slab_kmalloc_large_node
# define GOM_SLAB_KVMALLOC		gom_slab_kvmalloc_node
#endif
#define GOM_SLAB_KMALLOC		GOM_SLAB_NOPROF(__kmalloc)
#define GOM_SLAB_KMALLOC_NODE		GOM_SLAB_NOPROF(__kmalloc_node)
#define GOM_SLAB_KMALLOC_TRACK		GOM_SLAB_NOPROF(__kmalloc_node_track_caller)

/* Parameters of kmalloc() and its kind: size, and what SLUB passes with it. */
#if defined(DECL_KMALLOC_PARAMS)
# define GOM_KMALLOC_PARAMS		DECL_KMALLOC_PARAMS(size, b, token)
# define GOM_TOKEN_PARAMS		DECL_TOKEN_PARAMS(size, token)
# define GOM_KVMALLOC_PARAMS		GOM_KMALLOC_PARAMS, unsigned long align
#elif defined(DECL_BUCKET_PARAMS)
# define GOM_KMALLOC_PARAMS		DECL_BUCKET_PARAMS(size, b)
#else
# define GOM_KMALLOC_PARAMS		size_t size
#endif
#ifndef GOM_TOKEN_PARAMS
# define GOM_TOKEN_PARAMS		size_t size
# define GOM_KVMALLOC_PARAMS		GOM_KMALLOC_PARAMS
#endif

/* kmalloc_nolock() and the functions that came with it. */
#ifdef kmalloc_nolock
# define GOM_HAS_NOLOCK
#endif

/* Added in 6.12; the barrier is exported to modules in some kernels only. */
#if LINUX_VERSION_CODE >= KERNEL_VERSION(6, 12, 0)
# define GOM_HAS_CHARGE
# if LINUX_VERSION_CODE < KERNEL_VERSION(7, 0, 0)
#  define GOM_HAS_RCU_BARRIER
# endif
#endif

/* Was the number of objects; a truth value since 7.0. */
#define GOM_BULK_RESULT		typeof(GOM_KERNEL(kmem_cache_alloc_bulk)(NULL, 0, 0, NULL))

/*
 * In a kprobe at the first instruction of a function: its call site, and
 * replacing its first argument by 0.
 */
#if defined(CONFIG_KPROBES) && defined(CONFIG_X86_64)
# define GOM_HAS_PROBES
static inline unsigned long gom_regs_caller(const struct pt_regs *regs)
{
	return *(unsigned long *)regs->sp;
}

static inline void gom_regs_drop_argument(struct pt_regs *regs)
{
	regs->di = 0;
}
#elif defined(CONFIG_KPROBES) && defined(CONFIG_ARM64)
# define GOM_HAS_PROBES
static inline unsigned long gom_regs_caller(const struct pt_regs *regs)
{
	return regs->regs[30];
}

static inline void gom_regs_drop_argument(struct pt_regs *regs)
{
	regs->regs[0] = 0;
}
#endif

/*
 * Save the stack of the current context.  The part below an interrupt is cut
 * off: the interrupted code did not call the allocator.  Returns 0 on a kernel
 * without stack traces.
 */
static __always_inline unsigned int gom_stack_save(unsigned long *entries, unsigned int max)
{
#ifdef CONFIG_STACKTRACE
	return filter_irq_stacks(entries, stack_trace_save(entries, max, 0));
#else
	return 0;
#endif
}

/* A range of code. */
struct gom_text {
	unsigned long start;
	unsigned long size;
};

/*
 * The code of a module.  Since 6.4 a module has an array of ranges; before, it
 * had two, whose first parts are code.
 */
static inline void gom_module_text(const struct module *mod, struct gom_text *text,
				   struct gom_text *init)
{
#if LINUX_VERSION_CODE >= KERNEL_VERSION(6, 4, 0)
	*text = (struct gom_text){ (unsigned long)mod->mem[MOD_TEXT].base,
				   mod->mem[MOD_TEXT].size };
	*init = (struct gom_text){ (unsigned long)mod->mem[MOD_INIT_TEXT].base,
				   mod->mem[MOD_INIT_TEXT].size };
#else
	*text = (struct gom_text){ (unsigned long)mod->core_layout.base,
				   mod->core_layout.text_size };
	*init = (struct gom_text){ (unsigned long)mod->init_layout.base,
				   mod->init_layout.text_size };
#endif
}

/*
 * Does @mod use a symbol of @target?  Its list is complete before
 * MODULE_STATE_COMING and changes only while @mod is loaded or unloaded, which
 * must be now.  6.1 has struct module_use in a header, newer kernels in a
 * private one; its members are the same.  If they are not, or if there is no
 * list, the answer is yes.
 */
static inline bool gom_module_uses(struct module *mod, const struct module *target)
{
#ifdef CONFIG_MODULE_UNLOAD
	struct gom_module_use {		/* struct module_use */
		struct list_head source_list;
		struct list_head target_list;
		struct module *source, *target;
	} *use;

	list_for_each_entry(use, &mod->target_list, target_list)
		if (use->source != mod || use->target == target)
			return true;
	return false;
#else
	return true;
#endif
}

/*
 * Tell reclaim that a shrinker has returned pages.  A function since 6.4.
 */
static inline void gom_account_reclaimed(unsigned long pages)
{
#if LINUX_VERSION_CODE >= KERNEL_VERSION(6, 4, 0)
	mm_account_reclaimed_pages(pages);
#else
	if (current->reclaim_state)
		current->reclaim_state->reclaimed_slab += pages;
#endif
}

/* Symbols for gomalloc_kunit only.  The namespace is a string since 6.13. */
#if !IS_ENABLED(CONFIG_KUNIT)
# define GOM_EXPORT_FOR_TEST(sym)
#elif LINUX_VERSION_CODE >= KERNEL_VERSION(6, 13, 0)
# define GOM_EXPORT_FOR_TEST(sym)	EXPORT_SYMBOL_NS_GPL(sym, "GOMALLOC_TEST")
# define GOM_IMPORT_FOR_TEST()		MODULE_IMPORT_NS("GOMALLOC_TEST")
#else
# define GOM_EXPORT_FOR_TEST(sym)	EXPORT_SYMBOL_NS_GPL(sym, GOMALLOC_TEST)
# define GOM_IMPORT_FOR_TEST()		MODULE_IMPORT_NS(GOMALLOC_TEST)
#endif

/* Run KUnit suites.  Newer kernels take a third argument: run them now. */
#define GOM_KUNIT_RUN(suites, n)							\
({											\
	int (*run)(struct kunit_suite * const *, int) = (void *)__kunit_test_suites_init;	\
	int (*run_now)(struct kunit_suite * const *, int, bool) =			\
		(void *)__kunit_test_suites_init;					\
											\
	__builtin_types_compatible_p(typeof(&__kunit_test_suites_init), typeof(run)) ?	\
		run(suites, n) : run_now(suites, n, true);				\
})

/* Since 6.7 shrinkers are allocated; before, they were static structures. */
#if LINUX_VERSION_CODE < KERNEL_VERSION(6, 7, 0)
static inline struct shrinker *shrinker_alloc(unsigned int flags, const char *name)
{
	struct shrinker *shrinker = kzalloc(sizeof(*shrinker), GFP_KERNEL);

	if (shrinker)
		shrinker->flags = flags;
	return shrinker;
}

/* Fails only on kernels before 6.7, where registration allocates memory. */
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
