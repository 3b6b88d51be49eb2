/* SPDX-License-Identifier: GPL-2.0 */
/*
 * The objects of the smoke workload: allocated in every way there is, filled
 * with a pattern of their own, checked before anything happens to them.
 */
#ifndef GOMALLOC_BENCH_SMOKE_OBJECT_H
#define GOMALLOC_BENCH_SMOKE_OBJECT_H

#include <linux/atomic.h>
#include <linux/gfp.h>
#include <linux/prandom.h>
#include <linux/types.h>

/* How an object came to be, which says how it may be freed. */
enum smoke_kind {
	SMOKE_SIZED,		/* its size tells its class */
	SMOKE_NOSCAN,		/* the same among its kind */
	SMOKE_RESIZED,		/* has room for another size, perhaps */
	SMOKE_CACHE,
	SMOKE_NOLOCK,
};

/* Whoever holds the pointer to the record owns the object. */
struct smoke_object {
	void *p;		/* NULL: none at present */
	u32 size;		/* as asked for */
	u32 filled;		/* bytes that carry the pattern, from the first */
	u32 seed;		/* of the pattern */
	int cpu;		/* that allocated it */
	enum smoke_kind kind;
};

struct smoke_counts {
	unsigned long allocs;
	unsigned long reallocs;
	unsigned long frees;
	unsigned long cross_frees;	/* on another CPU than allocated on */
	unsigned long failed;		/* no memory: not an error */
};

/* A task or an interrupt that works on objects. */
struct smoke_hand {
	struct rnd_state rnd;
	struct smoke_counts counts;
	bool in_irq;
};

extern atomic_t smoke_errors;

int smoke_object_cache_create(void);
void smoke_object_cache_destroy(void);
void smoke_object_make(struct smoke_hand *hand, struct smoke_object *object);
void smoke_object_make_bulk(struct smoke_hand *hand, struct smoke_object **objects,
			    unsigned int nr);
void smoke_object_check(const struct smoke_object *object);
void smoke_object_resize(struct smoke_hand *hand, struct smoke_object *object);
void smoke_object_free(struct smoke_hand *hand, struct smoke_object *object);
void smoke_object_free_bulk(struct smoke_hand *hand, struct smoke_object **objects,
			    unsigned int nr);

#endif /* GOMALLOC_BENCH_SMOKE_OBJECT_H */
