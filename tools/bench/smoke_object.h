/* SPDX-License-Identifier: GPL-2.0 */
/*
 * The objects of the smoke workload: allocated by every call, filled with a
 * pattern, and checked before each further use.
 */
#ifndef GOMALLOC_BENCH_SMOKE_OBJECT_H
#define GOMALLOC_BENCH_SMOKE_OBJECT_H

#include <linux/atomic.h>
#include <linux/gfp.h>
#include <linux/prandom.h>
#include <linux/types.h>

/* How an object was allocated, which decides how it may be freed. */
enum smoke_kind {
	SMOKE_SIZED,		/* may be freed by its size */
	SMOKE_NOSCAN,		/* the same */
	SMOKE_RESIZED,		/* may be larger than its size */
	SMOKE_CACHE,
	SMOKE_NOLOCK,
};

/* A record; the holder of the pointer to it owns the object. */
struct smoke_object {
	void *p;		/* NULL: no object */
	u32 size;		/* as requested */
	u32 filled;		/* number of bytes that contain the pattern */
	u32 seed;		/* of the pattern */
	int cpu;		/* that allocated the object */
	enum smoke_kind kind;
};

struct smoke_counts {
	unsigned long allocs;
	unsigned long reallocs;
	unsigned long frees;
	unsigned long cross_frees;	/* not on the CPU of the allocation */
	unsigned long failed;		/* without memory, which is no error */
};

/* A task or an interrupt that works on objects. */
struct smoke_ctx {
	struct rnd_state rnd;
	struct smoke_counts counts;
	bool in_irq;
};

extern atomic_t smoke_errors;

int smoke_object_cache_create(void);
void smoke_object_cache_destroy(void);
void smoke_object_make(struct smoke_ctx *ctx, struct smoke_object *object);
void smoke_object_make_bulk(struct smoke_ctx *ctx, struct smoke_object **objects, unsigned int nr);
void smoke_object_check(const struct smoke_object *object);
void smoke_object_resize(struct smoke_ctx *ctx, struct smoke_object *object);
void smoke_object_free(struct smoke_ctx *ctx, struct smoke_object *object);
void smoke_object_free_bulk(struct smoke_ctx *ctx, struct smoke_object **objects, unsigned int nr);

#endif /* GOMALLOC_BENCH_SMOKE_OBJECT_H */
