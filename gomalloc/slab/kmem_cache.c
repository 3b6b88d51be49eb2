// SPDX-License-Identifier: GPL-2.0
/*
 * Named caches of a module built with as_slab.h.
 *
 * Such a module holds a cache of gomalloc's as a handle: a pointer to struct
 * kmem_cache that is the address of no memory.  Code of the kernel that gets
 * hold of it faults at the first access instead of corrupting memory.  The
 * address is a constant plus the offset of the cache in a table.
 *
 * The entry of a destroyed cache is empty, and is used again only after all
 * others.  Until then its late frees go by address, as kfree() does.
 *
 * All other values are caches of the kernel: those that it exports, and those
 * that the module creates and gomalloc cannot have (of a zone, of objects above
 * 128 KiB, aligned to more than a page, or with the table full).  Every function
 * below passes these on.
 *
 * Context: as for the kernel's function of that name.
 * Locks: handles_lock, a mutex, protects the table's free entries.
 */
#include <linux/mm.h>
#include <linux/mutex.h>
#include <linux/string.h>

#include "api/cache.h"
#include "api/internal.h"
#include "api/object_debug.h"
#include "base/fault.h"
#include "base/report.h"
#include "percpu/mcache.h"
#include "slab/slab.h"

/*
 * On 64 bits no address that an architecture maps for anybody; on 32 bits one
 * below mmap_min_addr (65536), which user space cannot map.
 */
#if BITS_PER_LONG == 64
# define HANDLE_FIRST	0x7ff0000000001000UL
#else
# define HANDLE_FIRST	4096UL
#endif
#define HANDLES		2048UL

/**
 * struct handle - an entry of the table
 * @cache: the cache; NULL in an empty entry
 * @slot: the cache's slot, for the fast paths, or @gom_no_slot
 */
struct handle {
	struct gom_cache *cache;
	struct gom_slot __percpu *slot;
};

static DEFINE_MUTEX(handles_lock);
static struct handle handles[HANDLES] = {
	[0 ... HANDLES - 1] = { .slot = &gom_no_slot },
};
static unsigned long handle_next;	/* where the search for an empty entry begins */

static __always_inline bool cache_is_handle(const struct kmem_cache *s)
{
	return (unsigned long)s - HANDLE_FIRST < sizeof(handles);
}

static __always_inline struct handle *handle_of(const struct kmem_cache *s)
{
	return (void *)handles + ((unsigned long)s - HANDLE_FIRST);
}

static struct gom_cache *cache_of(const struct kmem_cache *s)
{
	return handle_of(s)->cache;
}

/* === Creating and destroying === */

/* Put @c in an entry of the table; NULL if all are in use. */
static struct kmem_cache *handle_alloc(struct gom_cache *c)
{
	struct kmem_cache *s = NULL;
	unsigned long i, n;

	if (gom_test_point(GOM_AT_HANDLE, 0, 0))
		return NULL;
	mutex_lock(&handles_lock);
	for (n = 0; n < HANDLES && !s; n++) {
		i = (handle_next + n) % HANDLES;
		if (handles[i].cache)
			continue;
		handles[i] = (struct handle) { .cache = c, .slot = c->slot };
		handle_next = i + 1;
		s = (void *)(HANDLE_FIRST + i * sizeof(handles[0]));
	}
	mutex_unlock(&handles_lock);
	return s;
}

/* Empty the entry; returns the cache, NULL if it was destroyed already. */
static struct gom_cache *handle_free(const struct kmem_cache *s)
{
	struct gom_cache *c;

	mutex_lock(&handles_lock);
	c = cache_of(s);
	*handle_of(s) = (struct handle) { .slot = &gom_no_slot };
	mutex_unlock(&handles_lock);
	return c;
}

static bool gomalloc_can(unsigned int size, unsigned int align, slab_flags_t flags)
{
	return size <= GOM_CACHE_MAX_SIZE && align <= PAGE_SIZE &&
	       !(flags & (SLAB_CACHE_DMA | SLAB_CACHE_DMA32));
}

/*
 * The other flags are about the inside of SLUB, or about accounting.  The
 * region for usercopy is not used: the check of copies to user space knows no
 * objects of gomalloc's.
 */
#define CACHE_FLAGS	(SLAB_HWCACHE_ALIGN | SLAB_TYPESAFE_BY_RCU | GOM_NO_MERGE |	\
			 GOM_DEBUG_FLAGS)

/* NULL if there is no memory, or a table is full. */
static struct kmem_cache *cache_create(const char *name, unsigned int size, unsigned int align,
				       slab_flags_t flags, void (*ctor)(void *))
{
	char short_name[GOM_CACHE_NAME];
	struct kmem_cache *s = NULL;
	struct gom_cache *c;

	if (!gomalloc_can(size, align, flags))
		return NULL;
	if (name && strscpy(short_name, name, sizeof(short_name)) < 0)
		name = short_name;
	c = gom_cache_create(name, size, align, flags & CACHE_FLAGS, ctor);
	if (c)
		s = handle_alloc(c);
	if (c && !s)
		gom_cache_destroy(c);
	if (!s)
		pr_warn_once("cache %s is SLUB's, and so may be others: there are too many, or no memory\n",
			     name);
	return s;
}

/* The kernel's own cache is what is left if gomalloc has none. */
#ifdef kmem_cache_create
struct kmem_cache *gom_slab___kmem_cache_create_args(const char *name, unsigned int size,
						     struct kmem_cache_args *args,
						     slab_flags_t flags)
{
	return cache_create(name, size, args->align, flags, args->ctor) ?:
	       __kmem_cache_create_args(name, size, args, flags);
}
EXPORT_SYMBOL_GPL(gom_slab___kmem_cache_create_args);
#else
struct kmem_cache *gom_slab_kmem_cache_create(const char *name, unsigned int size,
					      unsigned int align, slab_flags_t flags,
					      void (*ctor)(void *))
{
	return cache_create(name, size, align, flags, ctor) ?:
	       kmem_cache_create(name, size, align, flags, ctor);
}
EXPORT_SYMBOL_GPL(gom_slab_kmem_cache_create);

struct kmem_cache *gom_slab_kmem_cache_create_usercopy(const char *name, unsigned int size,
						       unsigned int align, slab_flags_t flags,
						       unsigned int useroffset,
						       unsigned int usersize,
						       void (*ctor)(void *))
{
	return cache_create(name, size, align, flags, ctor) ?:
	       kmem_cache_create_usercopy(name, size, align, flags, useroffset, usersize, ctor);
}
EXPORT_SYMBOL_GPL(gom_slab_kmem_cache_create_usercopy);
#endif

void gom_slab_kmem_cache_destroy(struct kmem_cache *s)
{
	if (!cache_is_handle(s))
		return kmem_cache_destroy(s);
	gom_slab_kfree_rcu_flush();
	gom_cache_destroy(handle_free(s));
}
EXPORT_SYMBOL_GPL(gom_slab_kmem_cache_destroy);

int gom_slab_kmem_cache_shrink(struct kmem_cache *s)
{
	struct gom_cache *c;

	if (!cache_is_handle(s))
		return kmem_cache_shrink(s);
	c = cache_of(s);
	if (c)
		gom_cache_shrink(c);
	return 0;
}
EXPORT_SYMBOL_GPL(gom_slab_kmem_cache_shrink);

unsigned int gom_slab_kmem_cache_size(struct kmem_cache *s)
{
	struct gom_cache *c;

	if (!cache_is_handle(s))
		return kmem_cache_size(s);
	c = cache_of(s);
	return c ? gom_cache_size(c) : 0;
}
EXPORT_SYMBOL_GPL(gom_slab_kmem_cache_size);

/* === Allocating and freeing === */

/* An allocation from a cache that was destroyed. */
static noinline void *cache_is_gone(unsigned long caller)
{
	gom_report(GOM_BAD_CACHE, caller, "allocation from a cache that was destroyed");
	return NULL;
}

/* No object was popped (@p is NULL), or @p has to be prepared. */
static noinline void *alloc_finish(const struct kmem_cache *s, gfp_t gfp, void *p,
				   unsigned long caller)
{
	struct gom_cache *c = cache_of(s);

	if (unlikely(!c))
		return cache_is_gone(caller);
	return p ? gom_cache_prepare(c, p, gfp, caller) : gom_cache_alloc_slow(c, gfp, caller);
}

void *GOM_SLAB_NOPROF(kmem_cache_alloc)(struct kmem_cache *s, gfp_t gfp)
{
	void *p;

	if (unlikely(!cache_is_handle(s)))
		return kmem_cache_alloc(s, gfp);
	gom_check_context(gfp);
	p = gom_cache_pop(handle_of(s)->slot);
	if (likely(p) && !gom_gfp_needs_prepare(gfp))
		return p;
	return alloc_finish(s, gfp, p, _RET_IP_);
}
EXPORT_SYMBOL_GPL(GOM_SLAB_NOPROF(kmem_cache_alloc));

static noinline void *alloc_lru_finish(const struct kmem_cache *s, gfp_t gfp, void *p,
				       unsigned long caller)
{
	struct gom_cache *c = cache_of(s);

	if (p || !c)
		return alloc_finish(s, gfp, p, caller);
	return gom_cache_alloc_with_page(c, gfp, caller);
}

/*
 * The list is for accounting to a memory cgroup, which gomalloc does not do.
 * The kernel asks for the page of such an object, so with efence=1 it is an
 * ordinary one.
 */
void *GOM_SLAB_NOPROF(kmem_cache_alloc_lru)(struct kmem_cache *s, struct list_lru *lru, gfp_t gfp)
{
	void *p;

	if (unlikely(!cache_is_handle(s)))
		return kmem_cache_alloc_lru(s, lru, gfp);
	gom_check_context(gfp);
	p = gom_cache_pop(handle_of(s)->slot);
	if (likely(p) && !gom_gfp_needs_prepare(gfp))
		return p;
	return alloc_lru_finish(s, gfp, p, _RET_IP_);
}
EXPORT_SYMBOL_GPL(GOM_SLAB_NOPROF(kmem_cache_alloc_lru));

void *GOM_SLAB_NOPROF(kmem_cache_alloc_node)(struct kmem_cache *s, gfp_t gfp, int node)
{
	struct gom_cache *c;

	if (unlikely(!cache_is_handle(s)))
		return kmem_cache_alloc_node(s, gfp, node);
	c = cache_of(s);
	return likely(c) ? gom_cache_alloc_node(c, gfp, node) : cache_is_gone(_RET_IP_);
}
EXPORT_SYMBOL_GPL(GOM_SLAB_NOPROF(kmem_cache_alloc_node));

GOM_BULK_RESULT GOM_SLAB_NOPROF(kmem_cache_alloc_bulk)(struct kmem_cache *s, gfp_t gfp, size_t nr,
						       void **p)
{
	struct gom_cache *c;

	if (!cache_is_handle(s))
		return kmem_cache_alloc_bulk(s, gfp, nr, p);
	c = cache_of(s);
	if (!c)
		cache_is_gone(_RET_IP_);
	return c && gom_cache_alloc_bulk(c, gfp, nr, p) ? nr : 0;
}
EXPORT_SYMBOL_GPL(GOM_SLAB_NOPROF(kmem_cache_alloc_bulk));

static noinline void free_finish(const struct kmem_cache *s, void *p, unsigned long caller)
{
	struct gom_cache *c = cache_of(s);

	if (c)
		gom_cache_free_slow(c, p, caller);
	else
		gom_free_slow(p, caller);
}

void gom_slab_kmem_cache_free(struct kmem_cache *s, void *p)
{
	if (unlikely(!cache_is_handle(s)))
		kmem_cache_free(s, p);
	else if (unlikely(!gom_cache_push(handle_of(s)->slot, p)))
		free_finish(s, p, _RET_IP_);
}
EXPORT_SYMBOL_GPL(gom_slab_kmem_cache_free);

/* Without a cache, or after its end, this is kfree_bulk(). */
void gom_slab_kmem_cache_free_bulk(struct kmem_cache *s, size_t nr, void **p)
{
	struct gom_cache *c = cache_is_handle(s) ? cache_of(s) : NULL;

	if (c)
		gom_cache_free_bulk(c, nr, p);
	else if (!s || cache_is_handle(s))
		gom_slab_kfree_bulk(nr, p);
	else
		kmem_cache_free_bulk(s, nr, p);
}
EXPORT_SYMBOL_GPL(gom_slab_kmem_cache_free_bulk);

#ifdef GOM_HAS_CHARGE
/* Objects of gomalloc's are accounted to no memory cgroup. */
bool gom_slab_kmem_cache_charge(void *p, gfp_t gfp)
{
	return gom_owns(p) || kmem_cache_charge(p, gfp);
}
EXPORT_SYMBOL_GPL(gom_slab_kmem_cache_charge);
#endif

/* === Callbacks of mempools, which the kernel calls === */

void *gom_slab_mempool_alloc_slab(gfp_t gfp, void *pool_data)
{
	return GOM_SLAB_NOPROF(kmem_cache_alloc)(pool_data, gfp);
}
EXPORT_SYMBOL_GPL(gom_slab_mempool_alloc_slab);

void gom_slab_mempool_free_slab(void *element, void *pool_data)
{
	gom_slab_kmem_cache_free(pool_data, element);
}
EXPORT_SYMBOL_GPL(gom_slab_mempool_free_slab);

void *gom_slab_mempool_kmalloc(gfp_t gfp, void *pool_data)
{
	return __gom_malloc((size_t)pool_data, gfp);
}
EXPORT_SYMBOL_GPL(gom_slab_mempool_kmalloc);

void gom_slab_mempool_kfree(void *element, void *pool_data)
{
	gom_slab_kfree(element);
}
EXPORT_SYMBOL_GPL(gom_slab_mempool_kfree);
