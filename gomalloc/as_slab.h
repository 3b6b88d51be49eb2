/* SPDX-License-Identifier: GPL-2.0 */
/*
 * Builds an unmodified module over gomalloc: kmalloc(), kmem_cache and friends
 * of the module become gomalloc's.  One line in its Kbuild:
 *
 *	subdir-ccflags-y += -include <this file>
 *
 * (ccflags-y does not reach subfolders.)  `tools/gom over-gomalloc DIRECTORY`
 * does that for a copy; Documentation/over-gomalloc.rst explains it all.
 *
 * Each pragma renames a function of the kernel in the object files, wherever it
 * is used: calls, inline functions of headers, function pointers, __free().
 * The code of the module is otherwise the same.  Names that a kernel does not
 * have are never used.
 *
 * A module may define pr_fmt() and other macros before its first include.  So
 * this file includes no header of the kernel but version.h, which only defines
 * numbers.
 */
#ifndef GOM_AS_SLAB_H
#define GOM_AS_SLAB_H
#ifndef __ASSEMBLY__

#include <linux/version.h>

/* kmalloc() */
#pragma redefine_extname __kmalloc			gom_slab___kmalloc
#pragma redefine_extname __kmalloc_noprof		gom_slab___kmalloc_noprof
#pragma redefine_extname __kmalloc_node			gom_slab___kmalloc_node
#pragma redefine_extname __kmalloc_node_noprof		gom_slab___kmalloc_node_noprof
#pragma redefine_extname __kmalloc_node_track_caller	gom_slab___kmalloc_node_track_caller
#pragma redefine_extname __kmalloc_node_track_caller_noprof	gom_slab___kmalloc_node_track_caller_noprof
#pragma redefine_extname kmalloc_trace			gom_slab_kmalloc_trace
#pragma redefine_extname kmalloc_node_trace		gom_slab_kmalloc_node_trace
#pragma redefine_extname __kmalloc_cache_noprof		gom_slab___kmalloc_cache_noprof
#pragma redefine_extname __kmalloc_cache_node_noprof	gom_slab___kmalloc_cache_node_noprof
#pragma redefine_extname kmalloc_large			gom_slab_kmalloc_large
#pragma redefine_extname kmalloc_large_node		gom_slab_kmalloc_large_node
#pragma redefine_extname __kmalloc_large_noprof		gom_slab___kmalloc_large_noprof
#pragma redefine_extname __kmalloc_large_node_noprof	gom_slab___kmalloc_large_node_noprof
#pragma redefine_extname _kmalloc_nolock_noprof		gom_slab__kmalloc_nolock_noprof
#pragma redefine_extname kvmalloc_node			gom_slab_kvmalloc_node
#pragma redefine_extname __kvmalloc_node_noprof		gom_slab___kvmalloc_node_noprof

/* Sizes */
#pragma redefine_extname krealloc			gom_slab_krealloc
#pragma redefine_extname krealloc_noprof		gom_slab_krealloc_noprof
#pragma redefine_extname krealloc_node_align_noprof	gom_slab_krealloc_node_align_noprof
#pragma redefine_extname kvrealloc			gom_slab_kvrealloc
#pragma redefine_extname kvrealloc_noprof		gom_slab_kvrealloc_noprof
#pragma redefine_extname kvrealloc_node_align_noprof	gom_slab_kvrealloc_node_align_noprof
#pragma redefine_extname ksize				gom_slab_ksize
#pragma redefine_extname kmalloc_size_roundup		gom_slab_kmalloc_size_roundup

/* kfree() */
#pragma redefine_extname kfree				gom_slab_kfree
#pragma redefine_extname kfree_nolock			gom_slab_kfree_nolock
#pragma redefine_extname kfree_sensitive		gom_slab_kfree_sensitive
#pragma redefine_extname kfree_const			gom_slab_kfree_const
#pragma redefine_extname kfree_link			gom_slab_kfree_link
#pragma redefine_extname bitmap_free			gom_slab_bitmap_free
#pragma redefine_extname seq_release_private		gom_slab_seq_release_private
#pragma redefine_extname kfree_strarray			gom_slab_kfree_strarray
#pragma redefine_extname kvfree				gom_slab_kvfree
#pragma redefine_extname kvfree_atomic			gom_slab_kvfree_atomic
#pragma redefine_extname kvfree_sensitive		gom_slab_kvfree_sensitive
#pragma redefine_extname vfree				gom_slab_vfree
#pragma redefine_extname kvfree_call_rcu		gom_slab_kvfree_call_rcu
#ifdef CONFIG_TINY_RCU		/* kvfree_call_rcu() may be an inline function */
# pragma redefine_extname call_rcu			gom_slab_call_rcu
#endif
#pragma redefine_extname kfree_call_rcu_nolock		gom_slab_kfree_call_rcu_nolock
#pragma redefine_extname kvfree_rcu_barrier		gom_slab_kvfree_rcu_barrier

/* kmem_cache */
#pragma redefine_extname kmem_cache_create		gom_slab_kmem_cache_create
#pragma redefine_extname kmem_cache_create_usercopy	gom_slab_kmem_cache_create_usercopy
#pragma redefine_extname __kmem_cache_create_args	gom_slab___kmem_cache_create_args
#pragma redefine_extname kmem_cache_destroy		gom_slab_kmem_cache_destroy
#pragma redefine_extname kmem_cache_shrink		gom_slab_kmem_cache_shrink
#pragma redefine_extname kmem_cache_size		gom_slab_kmem_cache_size
#pragma redefine_extname kmem_cache_alloc		gom_slab_kmem_cache_alloc
#pragma redefine_extname kmem_cache_alloc_noprof	gom_slab_kmem_cache_alloc_noprof
#pragma redefine_extname kmem_cache_alloc_lru		gom_slab_kmem_cache_alloc_lru
#pragma redefine_extname kmem_cache_alloc_lru_noprof	gom_slab_kmem_cache_alloc_lru_noprof
#pragma redefine_extname kmem_cache_alloc_node		gom_slab_kmem_cache_alloc_node
#pragma redefine_extname kmem_cache_alloc_node_noprof	gom_slab_kmem_cache_alloc_node_noprof
#pragma redefine_extname kmem_cache_alloc_bulk		gom_slab_kmem_cache_alloc_bulk
#pragma redefine_extname kmem_cache_alloc_bulk_noprof	gom_slab_kmem_cache_alloc_bulk_noprof
#pragma redefine_extname kmem_cache_charge		gom_slab_kmem_cache_charge
#pragma redefine_extname kmem_cache_free		gom_slab_kmem_cache_free
#pragma redefine_extname kmem_cache_free_bulk		gom_slab_kmem_cache_free_bulk

/* The core calls these for a mempool; the cache is gomalloc's. */
#pragma redefine_extname mempool_alloc_slab		gom_slab_mempool_alloc_slab
#pragma redefine_extname mempool_free_slab		gom_slab_mempool_free_slab
#pragma redefine_extname mempool_kmalloc		gom_slab_mempool_kmalloc
#pragma redefine_extname mempool_kfree			gom_slab_mempool_kfree

/*
 * Functions that have the kernel free memory of the module by its own kfree():
 * a use is an error, which gives the reason.  -DGOM_ALLOW_<name> allows one, for
 * a module that passes other memory.
 */
#if defined(__clang__) || __GNUC__ >= 12
# define __gom_refused(why)	__attribute__((__unavailable__("gomalloc: " why)))
#else
# define __gom_refused(why)	__attribute__((__error__("gomalloc: " why)))
#endif

struct ahash_instance;
struct ahash_request;
struct dma_fence;
struct drm_plane;
struct gameport;
struct hda_codec;
struct module;
struct serio;
struct shash_instance;
struct sk_buff;
struct tcf_exts;
struct ts_ops;

#ifndef GOM_ALLOW_slab_build_skb
struct sk_buff *slab_build_skb(void *data)
	__gom_refused("the network stack frees the data by kfree(): allocate it by alloc_skb()");
#endif

/* Before slab_build_skb() existed, build_skb() was for both kinds of memory. */
#if LINUX_VERSION_CODE < KERNEL_VERSION(6, 2, 0) && !defined(GOM_ALLOW_build_skb)
struct sk_buff *build_skb(void *data, unsigned int frag_size)
	__gom_refused("if the data is from kmalloc(), the network stack frees it by kfree(): allow it if it is from page_frag_alloc(), with -DGOM_ALLOW_build_skb");
#endif

#ifndef GOM_ALLOW_shash_free_singlespawn_instance
void shash_free_singlespawn_instance(struct shash_instance *inst)
	__gom_refused("it frees the instance by kfree(): use a function of the module that drops the spawn and frees it");
#endif

#ifndef GOM_ALLOW_ahash_free_singlespawn_instance
void ahash_free_singlespawn_instance(struct ahash_instance *inst)
	__gom_refused("it frees the instance by kfree(): use a function of the module that drops the spawn and frees it");
#endif

/*
 * ahash_request_alloc() is an inline function, so its memory is gomalloc's.
 * ahash_request_free() is one on 6.1, and frees it as such.  On 7.3 it is a
 * function of the kernel.
 */
#if LINUX_VERSION_CODE >= KERNEL_VERSION(7, 3, 0) && !defined(GOM_ALLOW_ahash_request_free)
void ahash_request_free(struct ahash_request *req)
	__gom_refused("it frees the request, which the module allocated, by kfree(): free it by kfree_sensitive()");
#endif

/* tcf_exts_init() was an inline function that allocates. */
#if LINUX_VERSION_CODE < KERNEL_VERSION(6, 4, 0) && !defined(GOM_ALLOW_tcf_exts_destroy)
void tcf_exts_destroy(struct tcf_exts *exts)
	__gom_refused("it frees the actions, which the module allocated in tcf_exts_init(), by kfree()");
#endif

#ifndef GOM_ALLOW_textsearch_register
int textsearch_register(struct ts_ops *ops)
	__gom_refused("textsearch_destroy() frees the configuration of alloc_ts_config() by kfree()");
#endif

#ifndef GOM_ALLOW___gameport_register_port
void __gameport_register_port(struct gameport *gameport, struct module *owner)
	__gom_refused("the kernel frees the gameport by kfree()");
#endif

#ifndef GOM_ALLOW___serio_register_port
void __serio_register_port(struct serio *serio, struct module *owner)
	__gom_refused("the kernel frees the serio by kfree()");
#endif

#ifndef GOM_ALLOW_dma_fence_free
void dma_fence_free(struct dma_fence *fence)
	__gom_refused("it frees the fence by kfree_rcu(): use kfree_rcu() in the module");
#endif

#ifndef GOM_ALLOW_drm_plane_helper_destroy
void drm_plane_helper_destroy(struct drm_plane *plane)
	__gom_refused("it frees the plane by kfree(): use a function of the module that calls drm_plane_cleanup() and frees it");
#endif

#ifndef GOM_ALLOW_snd_hda_gen_free
void snd_hda_gen_free(struct hda_codec *codec)
	__gom_refused("it frees the spec of the codec by kfree()");
#endif

#ifndef GOM_ALLOW_snd_hda_gen_remove
void snd_hda_gen_remove(struct hda_codec *codec)
	__gom_refused("it frees the spec of the codec by kfree()");
#endif

#endif /* __ASSEMBLY__ */
#endif /* GOM_AS_SLAB_H */
