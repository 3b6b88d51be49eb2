/* SPDX-License-Identifier: GPL-2.0 */
/*
 * gomalloc: the Go runtime's memory allocator as a kernel module.
 *
 * This is the whole interface: the header that another module includes to
 * allocate from gomalloc.  It follows linux/slab.h wherever the two overlap;
 * only the names differ.  The kernel-doc of each function is at its definition,
 * in gomalloc/api/; Documentation/interface.rst collects it.
 */
#ifndef GOMALLOC_H
#define GOMALLOC_H

#include <linux/align.h>
#include <linux/build_bug.h>
#include <linux/cache.h>	/* ARCH_DMA_MINALIGN */
#include <linux/compiler.h>
#include <linux/err.h>
#include <linux/gfp.h>
#include <linux/numa.h>
#include <linux/rcupdate.h>
#include <linux/slab.h>		/* ZERO_SIZE_PTR, and DEFINE_FREE where there is one */
#include <linux/types.h>

#include "sizeclass_table.h"	/* GOM_MAX_SMALL_SIZE, GOM_CLASS_OF() */

/*
 * Memory obtained from the system is accounted under exactly one of these names
 * (those of Go's MStats), which debugfs memstats shows.  The persistent
 * allocator moves bytes from GOM_OTHER_SYS to the name that its caller passes.
 */
enum gom_stat {
	GOM_OTHER_SYS,		/* persistent memory not accounted elsewhere */
	GOM_MSPAN_SYS,		/* span records */
	GOM_MCACHE_SYS,		/* magazines and per-CPU caches */
	GOM_MCENTRAL_SYS,	/* mcentrals */
	GOM_MHEAP_SYS,		/* heaps */
	GOM_PAGEMAP_SYS,	/* page-map directory and descriptors */
	GOM_SBRK_SYS,		/* objects of sbrk mode */
	GOM_EFENCE_SYS,		/* objects of efence mode */
	GOM_SPECIAL_SYS,	/* finalizers, and samples of the heap profile */
	GOM_BUCKHASH_SYS,	/* the heap profile's counts by stack, names of freed code */
	GOM_NR_STATS,
};

/*
 * The class of a constant size.  On machines with DMA that is not
 * cache-coherent, an object must not share a cache line with another one, as
 * the DMA layer assumes of kmalloc().  There no object is smaller than
 * ARCH_KMALLOC_MINALIGN, and an object whose size kmalloc_size_roundup() rounds
 * to a multiple of a cache line is aligned to one.  On coherent machines, such
 * as x86, both rules have no effect.
 */
#define GOM_DMA_ALIGNED		(ARCH_DMA_MINALIGN > 8)
#define GOM_LEAST_SIZE(size)						\
	(ARCH_KMALLOC_MINALIGN > 8 ? ALIGN(size, ARCH_KMALLOC_MINALIGN) : (size))
#define GOM_CONST_CLASS(size)						\
	(GOM_DMA_ALIGNED ? GOM_DMA_CLASS_OF(GOM_LEAST_SIZE(size)) :	\
			   GOM_CLASS_OF(GOM_LEAST_SIZE(size)))

/*
 * The out-of-line fast paths take a size class as the byte offset of its slot
 * in the per-CPU cache, computed by the compiler of the caller.
 */
#define GOM_SLOT_SHIFT		5
#define GOM_CONST_SLOT_OFF(size)	(GOM_CONST_CLASS(size) << GOM_SLOT_SHIFT)

/*
 * On 64 bits, the requested size is in the upper half, for tracing and
 * sampling.
 */
#if BITS_PER_LONG == 64
# define GOM_CONST_REQUEST(size)	(GOM_CONST_SLOT_OFF(size) | (unsigned long)(size) << 32)
#else
# define GOM_CONST_REQUEST(size)	((unsigned long)GOM_CONST_SLOT_OFF(size))
#endif

/*
 * No-scan objects up to GOM_TINY_MAX bytes are combined in blocks of
 * GOM_TINY_BLOCK bytes (Go: TinySize).
 */
#define GOM_TINY_BLOCK		16
#define GOM_TINY_MAX		6

#define __gom_is_const_small(size)					\
	(__builtin_constant_p(size) && (size) && (size) <= GOM_MAX_SMALL_SIZE)

void *__gom_malloc_slot(unsigned long request, gfp_t gfp) __malloc;
void *__gom_malloc(size_t size, gfp_t gfp) __malloc __alloc_size(1);
void *__gom_malloc_noscan(size_t size, gfp_t gfp) __malloc __alloc_size(1);
void __gom_free_slot(const void *p, unsigned long slot_off);
void __gom_free_sized(const void *p, size_t size);
void __gom_free_rcu(void *head);

void *gom_malloc_node(size_t size, gfp_t gfp, int node) __malloc __alloc_size(1);
void *gom_malloc_array(size_t n, size_t size, gfp_t gfp) __malloc __alloc_size(1, 2);
void * __must_check gom_realloc(const void *p, size_t new_size, gfp_t gfp) __alloc_size(2);
size_t gom_size(const void *p);
bool gom_owns(const void *p);
void gom_free(const void *p);
void gom_free_sensitive(const void *p);
bool __must_check gom_malloc_bulk(size_t size, gfp_t gfp, size_t nr, void **p);
void gom_free_bulk(size_t nr, void **p);
struct gom_cache;
struct gom_cache *gom_cache_create(const char *name, unsigned int size, unsigned int align,
				   slab_flags_t flags, void (*ctor)(void *));
void gom_cache_destroy(struct gom_cache *cache);
void gom_cache_shrink(struct gom_cache *cache);
unsigned int gom_cache_size(const struct gom_cache *cache);
void *gom_cache_alloc(struct gom_cache *cache, gfp_t gfp) __malloc;
void *gom_cache_alloc_node(struct gom_cache *cache, gfp_t gfp, int node) __malloc;
void gom_cache_free(struct gom_cache *cache, const void *p);
bool __must_check gom_cache_alloc_bulk(struct gom_cache *cache, gfp_t gfp, size_t nr, void **p);
void gom_cache_free_bulk(struct gom_cache *cache, size_t nr, void **p);
struct gom_prefill;
struct gom_prefill *gom_cache_prefill(struct gom_cache *cache, gfp_t gfp, unsigned int n);
bool __must_check gom_prefill_refill(struct gom_prefill *pf, gfp_t gfp);
unsigned int gom_prefill_size(const struct gom_prefill *pf);
void *gom_prefill_alloc(struct gom_prefill *pf);
void gom_prefill_return(struct gom_prefill *pf);

void *gom_malloc_nolock(size_t size, gfp_t gfp) __malloc __alloc_size(1);
void gom_free_nolock(const void *p);
void gom_free_rcu_mightsleep(const void *p);
void gom_free_rcu_barrier(void);
int gom_set_finalizer(void *p, void (*fn)(void *p, void *arg), void *arg);
void gom_finalizer_barrier(void);
unsigned long gom_release_memory(void);
void *gom_persistent_alloc(size_t size, size_t align, enum gom_stat stat) __malloc __alloc_size(1);

/*
 * A constant NULL makes no call.  Without an argument list, gom_free is the
 * function.
 */
#define gom_free(p)							\
({									\
	const void *__gom_freed = (p);					\
									\
	if (!__builtin_constant_p(!__gom_freed) || __gom_freed)		\
		(gom_free)(__gom_freed);				\
})

/**
 * gom_malloc - allocate memory
 * @size: bytes requested; 0 returns ZERO_SIZE_PTR
 * @gfp: as for kmalloc(): GFP_KERNEL, GFP_ATOMIC, GFP_NOWAIT, __GFP_ZERO, ...
 *
 * Up to 32 KiB the size is rounded up to one of 66 size classes; above that, to
 * whole pages.  The address is aligned to at least 8 bytes and to the largest
 * power of two that divides @size.  The class of a constant @size is computed
 * at compile time.
 *
 * Context: any but NMI.  May sleep if @gfp allows it.
 * Return: the memory, or NULL.  The contents are undefined without __GFP_ZERO.
 */
static __always_inline __malloc __alloc_size(1)
void *gom_malloc(size_t size, gfp_t gfp)
{
	if (__gom_is_const_small(size))
		return __gom_malloc_slot(GOM_CONST_REQUEST(size), gfp);
	return __gom_malloc(size, gfp);
}

/**
 * gom_zalloc - allocate zeroed memory
 * @size: bytes requested
 * @gfp: as for gom_malloc()
 *
 * All usable bytes (gom_size() of the result) are zero, not only @size.
 *
 * Context: as gom_malloc().
 * Return: the memory, or NULL.
 */
static __always_inline __malloc __alloc_size(1)
void *gom_zalloc(size_t size, gfp_t gfp)
{
	return gom_malloc(size, gfp | __GFP_ZERO);
}

/**
 * gom_malloc_noscan - allocate memory that will hold no pointers
 * @size: bytes requested
 * @gfp: as for gom_malloc()
 *
 * Objects of up to GOM_TINY_MAX bytes are combined: several share a block of 16
 * bytes.  They are aligned to the largest of 4, 2 and 1 that divides @size, and
 * always zeroed.  This saves memory for short strings and numbers.  Larger
 * sizes are allocated as by gom_malloc(), since combining them saves nothing.
 * The rule is that of Go's FlagNoScan (2014).
 *
 * Context: any but NMI.  May sleep if @gfp allows it.
 * Return: the memory, or NULL.
 */
static __always_inline __malloc __alloc_size(1)
void *gom_malloc_noscan(size_t size, gfp_t gfp)
{
	if (__builtin_constant_p(size) && size > GOM_TINY_MAX)
		return gom_malloc(size, gfp);
	return __gom_malloc_noscan(size, gfp);
}

/**
 * gom_cache_zalloc - allocate a zeroed object of a cache
 * @cache: the cache, without a constructor
 * @gfp: as for gom_malloc()
 *
 * Context: any but NMI.  May sleep if @gfp allows it.
 * Return: the object, or NULL.
 */
static __always_inline __malloc void *gom_cache_zalloc(struct gom_cache *cache, gfp_t gfp)
{
	return gom_cache_alloc(cache, gfp | __GFP_ZERO);
}

/**
 * gom_free_sized - free memory whose size the caller knows
 * @p: the result of an allocation of @size bytes; may be NULL
 * @size: bytes, as requested when @p was allocated, or by the last
 *	gom_realloc()
 *
 * Skips the lookup of @p, and with it the checks of gom_free().  Sizes up to
 * GOM_TINY_MAX are looked up, as the object may be combined.  With the module
 * parameter debug= all are looked up, and a wrong @size is reported.  Not for
 * memory allocated with GFP_DMA.
 *
 * Context: any but NMI.
 */
static __always_inline void gom_free_sized(const void *p, size_t size)
{
	if (__builtin_constant_p(size) && size <= GOM_TINY_MAX)
		gom_free(p);
	else if (__gom_is_const_small(size))
		__gom_free_slot(p, GOM_CONST_SLOT_OFF(size));
	else
		__gom_free_sized(p, size);
}

struct kvfree_rcu_head;			/* defined by the newest kernels only */

/**
 * gom_free_rcu - free an object after a grace period
 * @ptr: the object, from any gomalloc allocation; may be NULL
 * @field: name of the struct rcu_head, or struct kvfree_rcu_head, in the object
 *
 * Before the grace period ends, at most one pointer of the field is written,
 * and no other byte of the object.
 *
 * Context: any in which call_rcu() may be called, with raw locks (the
 * scheduler's included) or interrupts off; not NMI.  Needs no memory.
 */
#define gom_free_rcu(ptr, field)					\
do {									\
	typeof(ptr) __gom_ptr = (ptr);					\
									\
	static_assert(__same_type(__gom_ptr->field, struct rcu_head) ||	\
		      __same_type(__gom_ptr->field, struct kvfree_rcu_head), \
		      "gom_free_rcu(): " #field " is neither a struct rcu_head nor a struct kvfree_rcu_head"); \
	if (__gom_ptr)							\
		__gom_free_rcu(&__gom_ptr->field);			\
} while (0)

#ifdef DEFINE_FREE
/*
 * void *p __free(gom_free) = gom_malloc(...): freed when p goes out of scope.
 */
DEFINE_FREE(gom_free, void *, if (!IS_ERR_OR_NULL(_T)) gom_free(_T))
#endif

#endif /* GOMALLOC_H */
