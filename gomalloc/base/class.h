/* SPDX-License-Identifier: GPL-2.0 */
/*
 * Classes of named caches: like a size class, with a geometry of the cache's own.
 *
 * A class is known everywhere by its number.  1 to GOM_NR_SPAN_CLASSES - 1 are the
 * size classes and that of tiny blocks, whose facts are constants; what follows is
 * made when a cache is created (cache.c) and used again for another one when that
 * has been destroyed and has no span left.  A class once made stays a class for as long as the module
 * lives, so that whoever goes through all of them needs no lock.
 */
#ifndef GOM_CLASS_H
#define GOM_CLASS_H

#include <linux/atomic.h>
#include <linux/compiler.h>
#include <linux/percpu-defs.h>

#include "base/sizeclass.h"

#define GOM_MAX_CACHE_CLASSES	1024U

struct gom_cache_cpu;
struct gom_mcentral;

/**
 * struct gom_cache_class - a class whose facts are not constants
 * @class: its number
 * @facts: what it is, as of a size class; changes only while no cache has it
 * @cpu: its part of each CPU's cache
 * @central: its mcentral on each node
 * @ctor: called for each object when its span is made, or NULL
 * @rcu: spans are given back after a grace period only (SLAB_TYPESAFE_BY_RCU)
 * @specials: specials of its objects there are now
 * @mallocs: objects allocated from it by caches that had it before
 * @users: caches that have it; under the lock of cache.c
 * @next_free: another one that no cache has; under the same
 */
struct gom_cache_class {
	unsigned int class;
	struct gom_class facts;
	struct gom_cache_cpu __percpu *cpu;
	struct gom_mcentral **central;
	void (*ctor)(void *p);
	bool rcu;
	atomic_t specials;
	u64 mallocs;
	unsigned int users;
	struct gom_cache_class *next_free;
};

extern struct gom_cache_class *gom_cache_classes[GOM_MAX_CACHE_CLASSES];
extern unsigned int gom_nr_cache_classes;	/* made so far */

static inline struct gom_cache_class *gom_cache_class(unsigned int class)
{
	return gom_cache_classes[class - GOM_NR_SPAN_CLASSES];
}

/* The facts of any class. */
static inline const struct gom_class *gom_class(unsigned int class)
{
	return likely(class < GOM_NR_SPAN_CLASSES) ? &gom_classes[class] :
						     &gom_cache_class(class)->facts;
}

/* The page map's slot for pages of any class. */
static inline unsigned int gom_class_slot(unsigned int class)
{
	return class < GOM_NR_SPAN_CLASSES ? class : GOM_SLOT_ASK;
}

static inline unsigned int gom_class_end(void)
{
	/* Pairs with the release in cache.c: what is counted is there. */
	return GOM_NR_SPAN_CLASSES + smp_load_acquire(&gom_nr_cache_classes);
}

#define for_each_gom_class(class)					\
	for ((class) = 1; (class) < gom_class_end(); (class)++)

#endif /* GOM_CLASS_H */
