/* SPDX-License-Identifier: GPL-2.0 */
/*
 * Classes of named caches.  Each is a size class with the object size and the
 * span length of its cache.
 *
 * Every layer knows a class by its number.  Numbers below GOM_NR_SPAN_CLASSES
 * are the size classes and the class of tiny blocks; their data is constant.
 * Higher numbers are made when a cache is created (api/cache.c), and reused for
 * another cache once the old one has been destroyed and has no span left.  A
 * class is never freed while the module is loaded, so walking all of them takes
 * no lock.
 */
#ifndef GOM_CLASS_H
#define GOM_CLASS_H

#include <linux/atomic.h>
#include <linux/compiler.h>
#include <linux/percpu-defs.h>
#include <linux/types.h>

#include "base/sizeclass.h"

#define GOM_MAX_CACHE_CLASSES	1024U
#define GOM_CACHE_NAME		64		/* bytes, with the zero at the end */

struct gom_cache_cpu;
struct gom_mcentral;

/**
 * struct gom_debug_layout - where the parts of a debugged object are
 * @flags: SLAB_* flags of debugging; 0: the objects are not debugged, and the
 *	rest is not used
 * @pad: bytes of the left red zone, before the object; its alignment divides it
 * @size: bytes of the object
 * @record: offset of struct gom_debug_record from the object; the right red zone
 *	is before it
 * @end: offset of the padding that fills the rest of the class's size
 *
 * All offsets are from the object, which is @pad bytes behind the address that
 * the layers below know.
 */
struct gom_debug_layout {
	slab_flags_t flags;
	unsigned int pad;
	unsigned int size;
	unsigned int record;
	unsigned int end;
};

/**
 * struct gom_cache_class - the class of a named cache
 * @class: its number
 * @layout: size, span length and so on, as for a size class; written only while
 *	no cache uses the class
 * @cpu: its part of each CPU's cache
 * @central: its mcentral on each node
 * @debug: how its objects are debugged
 * @init: called for each object when a span is allocated, or NULL
 * @exit: called for each object when a span is freed, or NULL
 * @ctor: the constructor of its cache, or NULL; @init calls it
 * @rcu: spans are freed after a grace period only (SLAB_TYPESAFE_BY_RCU)
 * @specials: number of specials its objects have now
 * @mallocs: objects allocated by caches that used the class before
 * @users: caches that use the class; protected by the lock of api/cache.c
 * @next_free: next class without a user; protected by the same lock
 * @name: name of the cache that the class was set up for; remains when the
 *	cache is destroyed and others share the class, or objects are left
 */
struct gom_cache_class {
	unsigned int class;
	struct gom_class layout;
	struct gom_cache_cpu __percpu *cpu;
	struct gom_mcentral **central;
	struct gom_debug_layout debug;
	void (*init)(const struct gom_cache_class *cc, void *p);
	void (*exit)(const struct gom_cache_class *cc, void *p);
	void (*ctor)(void *p);
	bool rcu;
	atomic_t specials;
	u64 mallocs;
	unsigned int users;
	struct gom_cache_class *next_free;
	char name[GOM_CACHE_NAME];
};

extern struct gom_cache_class *gom_cache_classes[GOM_MAX_CACHE_CLASSES];
extern unsigned int gom_nr_cache_classes;	/* classes made since load */

static inline struct gom_cache_class *gom_cache_class(unsigned int class)
{
	return gom_cache_classes[class - GOM_NR_SPAN_CLASSES];
}

/* How objects of any class are debugged; NULL if they are not. */
static inline const struct gom_debug_layout *gom_class_debug(unsigned int class)
{
	if (likely(class < GOM_NR_SPAN_CLASSES) || likely(!gom_cache_class(class)->debug.flags))
		return NULL;
	return &gom_cache_class(class)->debug;
}

/* The data of any class. */
static inline const struct gom_class *gom_class(unsigned int class)
{
	return likely(class < GOM_NR_SPAN_CLASSES) ? &gom_classes[class] :
						     &gom_cache_class(class)->layout;
}

/* The slot that the page map holds for pages of any class. */
static inline unsigned int gom_class_slot(unsigned int class)
{
	return class < GOM_NR_SPAN_CLASSES ? class : GOM_SLOT_ASK;
}

static inline unsigned int gom_class_end(void)
{
	/*
	 * Pairs with smp_store_release(&gom_nr_cache_classes) in api/cache.c: a
	 * class that is counted is in the table.
	 */
	return GOM_NR_SPAN_CLASSES + smp_load_acquire(&gom_nr_cache_classes);
}

#define for_each_gom_class(class)					\
	for ((class) = 1; (class) < gom_class_end(); (class)++)

#endif /* GOM_CLASS_H */
