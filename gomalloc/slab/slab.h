/* SPDX-License-Identifier: GPL-2.0 */
/*
 * The functions that as_slab.h puts in place of the kernel's: that of the
 * kernel's name, after "gom_slab_".  Modules have no prototypes of these; the
 * linker binds them.
 */
#ifndef GOM_SLAB_H
#define GOM_SLAB_H

#include <linux/bitmap.h>
#include <linux/fs.h>		/* kfree_link() */
#include <linux/mempool.h>
#include <linux/mm.h>
#include <linux/rcupdate.h>
#include <linux/seq_file.h>
#include <linux/slab.h>
#include <linux/string_helpers.h>	/* kfree_strarray() */
#include <linux/types.h>
#include <linux/vmalloc.h>

#include "base/compat.h"

/* Each has the type of the kernel's function. */
/* kmalloc.c */
#ifdef alloc_hooks
typeof(__kmalloc_noprof) gom_slab___kmalloc_noprof;
typeof(__kmalloc_node_noprof) gom_slab___kmalloc_node_noprof;
typeof(__kmalloc_node_track_caller_noprof) gom_slab___kmalloc_node_track_caller_noprof;
typeof(__kmalloc_cache_noprof) gom_slab___kmalloc_cache_noprof;
typeof(__kmalloc_cache_node_noprof) gom_slab___kmalloc_cache_node_noprof;
typeof(__kmalloc_large_noprof) gom_slab___kmalloc_large_noprof;
typeof(__kmalloc_large_node_noprof) gom_slab___kmalloc_large_node_noprof;
typeof(__kvmalloc_node_noprof) gom_slab___kvmalloc_node_noprof;
# ifdef krealloc_node_align
typeof(krealloc_node_align_noprof) gom_slab_krealloc_node_align_noprof;
typeof(kvrealloc_node_align_noprof) gom_slab_kvrealloc_node_align_noprof;
# else
typeof(krealloc_noprof) gom_slab_krealloc_noprof;
typeof(kvrealloc_noprof) gom_slab_kvrealloc_noprof;
# endif
#else
typeof(__kmalloc) gom_slab___kmalloc;
typeof(__kmalloc_node) gom_slab___kmalloc_node;
typeof(__kmalloc_node_track_caller) gom_slab___kmalloc_node_track_caller;
typeof(kmalloc_trace) gom_slab_kmalloc_trace;
typeof(kmalloc_node_trace) gom_slab_kmalloc_node_trace;
typeof(kmalloc_large) gom_slab_kmalloc_large;
typeof(kmalloc_large_node) gom_slab_kmalloc_large_node;
typeof(kvmalloc_node) gom_slab_kvmalloc_node;
typeof(krealloc) gom_slab_krealloc;
typeof(kvrealloc) gom_slab_kvrealloc;
#endif
typeof(ksize) gom_slab_ksize;
typeof(kmalloc_size_roundup) gom_slab_kmalloc_size_roundup;
void *gom_slab_kvmalloc(size_t size, gfp_t gfp, int node, unsigned long caller);

/* kfree.c; the types of kfree_rcu()'s functions differ between kernels. */
typeof(kfree) gom_slab_kfree;
typeof(kfree_sensitive) gom_slab_kfree_sensitive;
typeof(kfree_const) gom_slab_kfree_const;
typeof(kfree_link) gom_slab_kfree_link;
typeof(bitmap_free) gom_slab_bitmap_free;
typeof(seq_release_private) gom_slab_seq_release_private;
typeof(kfree_strarray) gom_slab_kfree_strarray;
typeof(kvfree) gom_slab_kvfree;
typeof(kvfree_sensitive) gom_slab_kvfree_sensitive;
typeof(vfree) gom_slab_vfree;
typeof(call_rcu) gom_slab_call_rcu;
void gom_slab_kvfree_call_rcu(void *head, void *p);
void gom_slab_kfree_bulk(size_t nr, void **p);
void gom_slab_kfree_rcu_flush(void);
bool gom_slab_owns(const void *p);
#ifdef GOM_HAS_NOLOCK
typeof(_kmalloc_nolock_noprof) gom_slab__kmalloc_nolock_noprof;
typeof(kfree_nolock) gom_slab_kfree_nolock;
typeof(kvfree_atomic) gom_slab_kvfree_atomic;
void gom_slab_kfree_call_rcu_nolock(void *head, void *p);
#endif
#ifdef GOM_HAS_RCU_BARRIER
typeof(kvfree_rcu_barrier) gom_slab_kvfree_rcu_barrier;
#endif

/* kmem_cache.c */
#ifdef kmem_cache_create
typeof(__kmem_cache_create_args) gom_slab___kmem_cache_create_args;
#else
typeof(kmem_cache_create) gom_slab_kmem_cache_create;
typeof(kmem_cache_create_usercopy) gom_slab_kmem_cache_create_usercopy;
#endif
#ifdef alloc_hooks
typeof(kmem_cache_alloc_noprof) gom_slab_kmem_cache_alloc_noprof;
typeof(kmem_cache_alloc_lru_noprof) gom_slab_kmem_cache_alloc_lru_noprof;
typeof(kmem_cache_alloc_node_noprof) gom_slab_kmem_cache_alloc_node_noprof;
typeof(kmem_cache_alloc_bulk_noprof) gom_slab_kmem_cache_alloc_bulk_noprof;
#else
typeof(kmem_cache_alloc) gom_slab_kmem_cache_alloc;
typeof(kmem_cache_alloc_lru) gom_slab_kmem_cache_alloc_lru;
typeof(kmem_cache_alloc_node) gom_slab_kmem_cache_alloc_node;
typeof(kmem_cache_alloc_bulk) gom_slab_kmem_cache_alloc_bulk;
#endif
#ifdef GOM_HAS_CHARGE
typeof(kmem_cache_charge) gom_slab_kmem_cache_charge;
#endif
typeof(kmem_cache_destroy) gom_slab_kmem_cache_destroy;
typeof(kmem_cache_shrink) gom_slab_kmem_cache_shrink;
typeof(kmem_cache_size) gom_slab_kmem_cache_size;
typeof(kmem_cache_free) gom_slab_kmem_cache_free;
typeof(kmem_cache_free_bulk) gom_slab_kmem_cache_free_bulk;
typeof(mempool_alloc_slab) gom_slab_mempool_alloc_slab;
typeof(mempool_free_slab) gom_slab_mempool_free_slab;
typeof(mempool_kmalloc) gom_slab_mempool_kmalloc;
typeof(mempool_kfree) gom_slab_mempool_kfree;

/* probe.c */
extern bool gom_as_slab_debug;
int gom_probe_init(void);
void gom_probe_exit(void);

#endif /* GOM_SLAB_H */
