/* SPDX-License-Identifier: GPL-2.0 */
/*
 * Specials: records attached to an object, which are found when it is freed
 * (Go: Special in mheap.go).  A special is the object's finalizer, or says that
 * the object was sampled for the heap profile, or that it was resized in place.
 *
 * How a free finds them
 * ---------------------
 * Frees of objects without specials must not pay for them.  gom_free() has the
 * object's page map entry at hand.  Pages of a span with a special have the
 * slot GOM_SLOT_ASK, which is no class, so only frees of objects of such spans
 * take the slow path.  Frees that do not look up the page map (sized ones, and
 * those to a named cache) test a table of counters, indexed by page number: the
 * number of specials in all pages that share the entry.  NULL has an entry that
 * is never zero, so this test also covers NULL.
 *
 * Locking
 * -------
 * The specials of a span are protected by a tree lock, hashed by its record,
 * taken with interrupts off.  No lock is held when it is taken, but that of
 * efence's objects in gom_efence_visit(), and none is taken inside it.  The
 * counters are atomic.  Records come from a freelist of the current CPU, under
 * its lock, and go back to the one they came from.  Tree locks are raw, so that
 * gom_free_nolock() may try one in an interrupt under PREEMPT_RT, too; they are
 * held for some steps in a tree and for the page map entries of a span.  The
 * freelists' locks may sleep there, and are taken with preemption enabled.
 * Context: any but NMI, unless noted.
 *
 * Only the owner of an object adds specials to it or frees it, so a special
 * stays valid while the owner uses it; the object keeps its span.  Go keeps
 * specials in a list.  A span may have thousands, so here they are in a tree,
 * to bound the hold time of the lock.
 */
#ifndef GOM_SPECIAL_H
#define GOM_SPECIAL_H

#include <linux/atomic.h>
#include <linux/compiler.h>
#include <linux/llist.h>
#include <linux/mm.h>
#include <linux/rbtree.h>
#include <linux/seq_file.h>
#include <linux/types.h>

struct gom_place;
struct gom_span;

#define GOM_SPECIAL_NEAR	16384U		/* entries; 64 MiB of pages share none */

/*
 * A counter and two flags in one word.  GOM_NEAR_FLAG is set while the counter
 * is not zero.  GOM_NEAR_PINNED, once set, stays set
 * (gom_special_note_resized()).  The flags are in the byte that comes first in
 * memory, so the fast paths test both with one byte access; gcc needs two
 * instructions for a word.
 *
 * Counter and flag change together, by compare and exchange.  24 bits suffice
 * for 1 GiB of specials, of 64 bytes each, in the pages of one entry.
 */
#ifdef __LITTLE_ENDIAN
# define GOM_NEAR_FLAG		0x01U
# define GOM_NEAR_PINNED	0x02U
# define GOM_NEAR_ONE		0x100U
#else
# define GOM_NEAR_FLAG		0x01000000U
# define GOM_NEAR_PINNED	0x02000000U
# define GOM_NEAR_ONE		1U
#endif

extern atomic_t gom_special_near[GOM_SPECIAL_NEAR];
extern unsigned long gom_special_sample_bytes;

/* Kinds of specials; an object has at most one of each. */
enum gom_special_kind {
	GOM_SPECIAL_FINALIZER,	/* run when the object is freed */
	GOM_SPECIAL_QUEUED,	/* finalizer of an object that was freed; not run yet */
	GOM_SPECIAL_SAMPLE,	/* counted in the heap profile */
	GOM_SPECIAL_RESIZED,	/* the size last asked for is not of its class */
	GOM_SPECIAL_KINDS,
};

/* Result of gom_special_try_find(). */
enum gom_special_found {
	GOM_SPECIAL_NONE,
	GOM_SPECIAL_NO_FINALIZER,	/* but another special */
	GOM_SPECIAL_SOME_FINALIZER,	/* to be run, or queued */
	GOM_SPECIAL_UNKNOWN,		/* the lock is taken */
};

struct gom_bucket;

/**
 * struct gom_special - a record attached to an object
 * @rb: node in the tree of the span, ordered by @offset, then @kind
 * @offset: offset of the object in its span, in bytes
 * @kind: enum gom_special_kind; RESIZED uses no further member
 * @home: CPU whose freelist the record belongs to
 * @fn: the finalizer
 * @arg: its argument
 * @p: the object
 * @node: node in the queue of finalizers to run
 * @bucket: where the sample is counted
 * @time: when the object was allocated, in ns (gom_profile_now())
 * @requested: bytes of the object, as requested
 */
struct gom_special {
	struct rb_node rb;
	u32 offset;
	u8 kind;
	u16 home;
	union {
		struct {
			void (*fn)(void *p, void *arg);
			void *arg;
			void *p;
			struct llist_node node;
		};
		struct {
			struct gom_bucket *bucket;
			u64 time;
			size_t requested;
		};
	};
};

/* The counter in the value @near of an entry. */
static inline unsigned int gom_near_count(unsigned int near)
{
	return (near & ~(GOM_NEAR_FLAG | GOM_NEAR_PINNED)) / GOM_NEAR_ONE;
}

/* The number of specials that the entry @near counts. */
static inline unsigned int gom_special_count(const atomic_t *near)
{
	return gom_near_count(atomic_read(near));
}

/*
 * May @p, which may be NULL, have a special?  If false, it has none and is not
 * NULL.
 */
static __always_inline bool gom_special_maybe(const void *p)
{
	const atomic_t *near = gom_special_near;	/* a pointer: UBSAN would check an index */

	near += ((unsigned long)p >> PAGE_SHIFT) % GOM_SPECIAL_NEAR;
	/*
	 * Racy.  No false negatives for the owner of the object: its own
	 * special is counted.  Pairs with atomic_try_cmpxchg() in
	 * near_count_update() and atomic_or() in gom_special_note_resized().
	 */
	return unlikely(data_race(*(const u8 *)near));
}

/*
 * Callbacks of the layers above, set before the first allocation.
 * gom_special_freed[kind] gets a special whose object was freed: unlinked, but
 * for a finalizer, which stays linked as QUEUED.
 */
extern void (*gom_special_freed[GOM_SPECIAL_KINDS])(struct gom_special *sp);

int gom_special_init(void);
void gom_special_note_resized(const struct gom_place *at);
bool gom_special_resized(const struct gom_place *at);
enum gom_special_found gom_special_try_find(const struct gom_place *at);
struct gom_special *gom_special_new(gfp_t gfp);
struct gom_special *gom_special_new_sample(gfp_t gfp);
bool gom_special_full(void);
void gom_special_delete(struct gom_special *sp);
bool gom_special_add(const struct gom_place *at, struct gom_special *sp);
struct gom_special *gom_special_remove(const struct gom_place *at, enum gom_special_kind kind);
bool gom_special_end(const struct gom_place *at, unsigned long caller);
void gom_special_visit(const struct gom_span *s,
		       void (*visit)(const struct gom_special *sp, void *arg), void *arg);

#endif /* GOM_SPECIAL_H */
