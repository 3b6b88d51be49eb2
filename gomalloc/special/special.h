/* SPDX-License-Identifier: GPL-2.0 */
/*
 * Specials: records tied to one object, which are found when it is freed (Go: Special
 * in mheap.go): its finalizer, that it was sampled for the heap profile, or that it could
 * not be moved when it shrank.
 *
 * How a free learns of them
 * -------------------------
 * Nobody else is to pay for them.  gom_free() has the word of the page map in its
 * hand: the pages of a span that has a special are marked GOM_SLOT_ASK, which is no
 * class, so that frees of its objects, and no others, take the slow path.  Frees that
 * look nothing up, sized ones and those to a named cache, look into a table of counters
 * by the page's number: how many specials there are in pages of that number, and in
 * those that share the entry.  NULL has an entry that is never zero, so that this one
 * test also takes the place of that for NULL.
 *
 * Who may be in here: the specials of a span are used under a lock chosen by the span's
 * record, taken with interrupts off and with no other lock held; inside it none is
 * taken.  The counters are atomic.  Records come from a freelist of the CPU we are on,
 * under its lock, and go back to where they came from.  Any context but NMI; under
 * PREEMPT_RT all of these locks may sleep, and are taken with preemption on.
 * Only the owner of an object adds specials to it or frees it, so they are never
 * gone while somebody uses them: the object keeps its span.  Go keeps them in a list;
 * a span may have thousands, and a lock is not held for so long here: they are a tree.
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

struct gom_span;

#define GOM_SPECIAL_NEAR	16384U		/* entries: 64 MiB without two in one */

/*
 * A counter, and in the byte that comes first in memory a flag, which is set as long
 * as the counter is not zero, and another one that, once set, stays (gom_special_note_resized()).
 * The fast paths test that byte, in one instruction, where gcc takes two for a word.
 * Counter and flag change at once, by a compare and exchange.  24 bits are enough for
 * 1 GiB of specials, of 64 bytes each, in the pages of one entry.
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

/* What a special is; one object has at most one of each kind. */
enum gom_special_kind {
	GOM_SPECIAL_FINALIZER,	/* to be run when the object is freed */
	GOM_SPECIAL_QUEUED,	/* the object was freed, its finalizer not yet run */
	GOM_SPECIAL_SAMPLE,	/* of the heap profile */
	GOM_SPECIAL_RESIZED,	/* the size it was last asked for is not of its class */
	GOM_SPECIAL_KINDS,
};

/* What gom_special_try_look() sees. */
enum gom_special_look {
	GOM_SPECIAL_NONE,
	GOM_SPECIAL_NO_FINALIZER,	/* but another one */
	GOM_SPECIAL_SOME_FINALIZER,	/* to be run, or queued */
	GOM_SPECIAL_UNKNOWN,		/* the lock is taken */
};

struct gom_bucket;

/**
 * struct gom_special - a record tied to an object
 * @rb: among those of the same span, in the order of @offset, then @kind
 * @offset: of the object in its span, in bytes
 * @kind: enum gom_special_kind; RESIZED has nothing else
 * @home: the CPU whose freelist the record is from
 * @fn: the finalizer
 * @arg: for it
 * @p: the object
 * @node: in the queue of finalizers to run
 * @bucket: where the sample is counted
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
		struct gom_bucket *bucket;
	};
};

/* The counter in the entry @near. */
static inline unsigned int gom_near_count(unsigned int near)
{
	return (near & ~(GOM_NEAR_FLAG | GOM_NEAR_PINNED)) / GOM_NEAR_ONE;
}

/* How many specials @near counts. */
static inline unsigned int gom_special_count(const atomic_t *near)
{
	return gom_near_count(atomic_read(near));
}

/* May @p, which may be NULL, have a special?  If not, it has none and is not NULL. */
static __always_inline bool gom_special_maybe(const void *p)
{
	const atomic_t *near = gom_special_near;	/* for UBSAN, which would check the index */

	near += ((unsigned long)p >> PAGE_SHIFT) % GOM_SPECIAL_NEAR;
	/* The owner of an object with a special never reads 0: that special is counted. */
	return unlikely(data_race(*(const u8 *)near));
}

/*
 * For those above: what is done with a special of a kind whose object was freed (it is not
 * tied any more, but for a finalizer, which stays as QUEUED), and where objects are that
 * the page map does not know.  Set before anything is allocated.
 */
extern void (*gom_special_freed[GOM_SPECIAL_KINDS])(struct gom_special *sp);
extern struct gom_span *(*gom_special_elsewhere)(const void *p);

int gom_special_init(void);
void gom_special_note_resized(const void *p);
bool gom_special_resized(const void *p);
enum gom_special_look gom_special_try_look(const void *p);
struct gom_special *gom_special_new(gfp_t gfp);
struct gom_special *gom_special_new_sample(gfp_t gfp);
bool gom_special_full(void);
void gom_special_delete(struct gom_special *sp);
bool gom_special_add(const void *p, struct gom_special *sp);
struct gom_special *gom_special_remove(const void *p, enum gom_special_kind kind);
bool gom_special_end(const void *p, unsigned long caller);
void gom_special_visit(const struct gom_span *s,
		       void (*visit)(const struct gom_special *sp, void *arg), void *arg);

#endif /* GOM_SPECIAL_H */
