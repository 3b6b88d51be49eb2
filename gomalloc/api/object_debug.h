/* SPDX-License-Identifier: GPL-2.0 */
/*
 * Debugged objects: red zones, poison, the last users (SLUB: slab_debug=).
 *
 * Which objects
 * -------------
 * Those of a class whose @debug has flags.  A named cache gets such a class by
 * its own SLAB_* flags or by the parameter debug=; gom_malloc() uses caches of
 * its own for them, one for each size class (malloc_debug.c).  The magazines do
 * not know these objects: the cache's slot is one that is empty and full at the
 * same time, so every call takes the slow path, and objects come from mcentral
 * and go back there.  Others pay nothing.
 *
 * Layout
 * ------
 *	left red zone | object | right red zone | record | tracks | padding
 *
 * The red zones are there with SLAB_RED_ZONE, the two tracks with
 * SLAB_STORE_USER.  The right red zone begins at the size that was asked for,
 * so an overrun is seen from its first byte on.
 *
 *		red zones		object		padding
 *	live	SLUB_RED_ACTIVE		the user's	POISON_INUSE
 *	free	SLUB_RED_INACTIVE	POISON_FREE	POISON_INUSE
 *
 * Who may write
 * -------------
 * The record's state changes by cmpxchg(), from free to live by the one who got
 * the object from mcentral, from live to free by the first free.  Who changed
 * it owns the other parts until the object is the user's or mcentral's.  A free
 * by gom_free_nolock() changes live to deferred, and back before the object is
 * freed.  No lock.  Context: any but NMI, unless noted.
 */
#ifndef GOM_OBJECT_DEBUG_H
#define GOM_OBJECT_DEBUG_H

#include <linux/types.h>

#include "base/class.h"

struct gom_cache;
struct gom_place;

/* The flags of debugging. */
#define GOM_DEBUG_FLAGS		(SLAB_CONSISTENCY_CHECKS | SLAB_RED_ZONE | SLAB_POISON | \
				 SLAB_STORE_USER | SLAB_TRACE)

/**
 * struct gom_debug_record - what is known about a debugged object
 * @size: bytes requested
 * @state: enum gom_debug_state
 */
struct gom_debug_record {
	u32 size;
	u32 state;
};

enum gom_debug_state {
	GOM_DEBUG_FREE = 0x46524545,	/* no byte is 0, a red zone's or poison's */
	GOM_DEBUG_LIVE = 0x4c495645,
	GOM_DEBUG_DEFERRED = 0x4c415445,	/* its free comes later (nolock.c) */
};

/**
 * struct gom_debug_track - who allocated or freed an object
 * @caller: the call site; 0 if nobody has
 * @when: jiffies
 * @stack: its stack, in the kernel's stack depot; 0 if there is none
 * @cpu: CPU
 * @pid: task
 */
struct gom_debug_track {
	unsigned long caller;
	unsigned long when;
	u32 stack;
	int cpu;
	int pid;
};

enum gom_debug_user { GOM_DEBUG_ALLOCATED, GOM_DEBUG_FREED, GOM_DEBUG_USERS };

static inline struct gom_debug_record *gom_debug_record(const struct gom_debug_layout *d,
							const void *p)
{
	return (void *)p + d->record;
}

static inline struct gom_debug_track *gom_debug_track(const struct gom_debug_layout *d,
						      const void *p, enum gom_debug_user user)
{
	return (void *)(gom_debug_record(d, p) + 1) + user * sizeof(struct gom_debug_track);
}

unsigned int gom_debug_layout(struct gom_debug_layout *d, unsigned int size, unsigned int align,
			      slab_flags_t flags);
void gom_debug_init_object(const struct gom_cache_class *cc, void *start);
void gom_debug_exit_object(const struct gom_cache_class *cc, void *start);
void *gom_debug_alloc(struct gom_cache *cache, size_t size, gfp_t gfp, int node,
		      unsigned long caller);
void gom_debug_free(const struct gom_place *at, unsigned long caller);
bool gom_debug_defer(const struct gom_place *at, unsigned long caller);
void gom_debug_undefer(const void *p);
bool gom_debug_validate(const struct gom_cache_class *cc, void *p, bool is_free);
void gom_debug_resize(const struct gom_place *at, size_t size);
void *gom_debug_object_of(const struct gom_place *at, size_t *size);

#endif /* GOM_OBJECT_DEBUG_H */
