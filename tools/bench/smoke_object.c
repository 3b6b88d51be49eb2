// SPDX-License-Identifier: GPL-2.0
/*
 * An object of the smoke workload, from allocation to free.
 *
 * The bytes of an object, or all its usable bytes, contain a pattern made from
 * a seed of its own.  The pattern is checked before the object is freed,
 * resized or passed on.  It detects a neighbour that writes beyond its end, an
 * object allocated twice, bytes lost in a reallocation, and a freelist in a
 * live object.
 */
#include <linux/align.h>
#include <linux/log2.h>
#include <linux/mm.h>
#include <linux/net.h>
#include <linux/page-flags.h>
#include <linux/smp.h>
#include <linux/string.h>

#include "base/compat.h"
#include "bench.h"
#include "gomalloc.h"
#include "smoke_object.h"

/* Small in interrupts, which have to be short. */
#define IRQ_MAX_SIZE		2048
#define TASK_MAX_SIZE		SZ_256K

/* Limits the memory that waits for grace periods. */
#define RCU_MAX_SIZE		1024

#define REPORTS_MAX		10

#define BULK_MAX		16

/* No size class has it, so the cache does not share spans. */
#define CACHE_SIZE		520
#define CACHE_ALIGN		8

#define NOLOCK_MAX_SIZE		1024

atomic_t smoke_errors = ATOMIC_INIT(0);

static struct gom_cache *cache;

/* The named cache of some of the objects. */
int smoke_object_cache_create(void)
{
	cache = gom_cache_create("smoke", CACHE_SIZE, CACHE_ALIGN, 0, NULL);
	return cache ? 0 : -ENOMEM;
}

void smoke_object_cache_destroy(void)
{
	gom_cache_destroy(cache);
}

static u32 ctx_random(struct smoke_ctx *ctx, u32 object_end)
{
	return prandom_u32_state(&ctx->rnd) % object_end;
}

static bool ctx_one_in(struct smoke_ctx *ctx, u32 n)
{
	return !ctx_random(ctx, n);
}

/* Mostly small; sometimes above the size classes. */
static u32 ctx_size(struct smoke_ctx *ctx)
{
	static const u32 max_sizes[] = {
		64, 64, 128, 256, 256, 512, 1024, IRQ_MAX_SIZE,
		64, 64, 128, 256, SZ_4K, SZ_8K, SZ_32K, SZ_4K,
	};
	u32 kinds = ctx->in_irq ? ARRAY_SIZE(max_sizes) / 2 : ARRAY_SIZE(max_sizes);

	if (!ctx->in_irq && ctx_one_in(ctx, 64))
		return 1 + ctx_random(ctx, TASK_MAX_SIZE);
	return 1 + ctx_random(ctx, max_sizes[ctx_random(ctx, kinds)]);
}

static gfp_t ctx_gfp(struct smoke_ctx *ctx)
{
	if (ctx->in_irq || ctx_one_in(ctx, 8))
		return GFP_ATOMIC | __GFP_NOWARN;
	if (ctx_one_in(ctx, 8))
		return GFP_NOWAIT | __GFP_NOWARN;
	return GFP_KERNEL | __GFP_NOWARN;
}

/* Returns true for the first few errors, which are logged. */
static bool error_count(void)
{
	return atomic_inc_return(&smoke_errors) <= REPORTS_MAX;
}

/* === Contents === */

static u32 pattern(u32 seed, u32 word)
{
	return (seed + word) * 0x9e3779b1U;	/* 2^32 over the golden ratio */
}

static void pattern_fill(const struct smoke_object *object)
{
	u32 *words = object->p;
	u32 nr = object->filled / sizeof(*words), last, i;

	for (i = 0; i < nr; i++)
		put_unaligned(pattern(object->seed, i), words + i);
	last = pattern(object->seed, nr);
	memcpy(words + nr, &last, object->filled % sizeof(*words));
}

static void pattern_report(const struct smoke_object *object, u32 word)
{
	const u32 *words = object->p;

	if (!error_count())
		return;
	pr_err("smoke: %u bytes at %p, allocated on CPU %d: byte %zu was overwritten (word is %08x, was %08x)\n",
	       object->size, object->p, object->cpu, word * sizeof(*words),
	       get_unaligned(words + word), pattern(object->seed, word));
}

static void pattern_check(const struct smoke_object *object, u32 bytes)
{
	const u32 *words = object->p;
	u32 nr = bytes / sizeof(*words), last, i;

	for (i = 0; i < nr; i++) {
		if (get_unaligned(words + i) != pattern(object->seed, i)) {
			pattern_report(object, i);
			return;
		}
	}
	last = pattern(object->seed, nr);
	if (memcmp(words + nr, &last, bytes % sizeof(*words)))
		pattern_report(object, nr);
}

void smoke_object_check(const struct smoke_object *object)
{
	pattern_check(object, object->filled);
}

/* === Allocating === */

static size_t object_alignment(const struct smoke_object *object)
{
	size_t size = object->size;

	if (object->kind == SMOKE_CACHE)
		return CACHE_ALIGN;
	/* A resized object may have been a no-scan object. */
	if ((object->kind == SMOKE_NOSCAN || object->kind == SMOKE_RESIZED) &&
	    size <= GOM_TINY_MAX)
		return size & -size;
	return clamp(size & -size, (size_t)8, (size_t)PAGE_SIZE);
}

static void object_check_alignment(const struct smoke_object *object)
{
	if (!IS_ALIGNED((unsigned long)object->p, object_alignment(object)) &&
	    error_count())
		pr_err("smoke: %u bytes at %p are not aligned\n", object->size, object->p);
}

/* As with SLUB, pages must not be sent or mapped by reference. */
static void object_check_page(const struct smoke_object *object)
{
	struct page *page = virt_to_page(object->p);

	if ((sendpage_ok(page) || !page_has_type(page)) && error_count())
		pr_err("smoke: %u bytes at %p are in a page that may be sent or mapped\n",
		       object->size, object->p);
}

static void object_check_usable(const struct smoke_object *object, size_t usable)
{
	if (usable < object->size && error_count())
		pr_err("smoke: %u bytes at %p have only %zu usable bytes\n",
		       object->size, object->p, usable);
}

static void object_check_zeroed(const struct smoke_object *object, size_t usable)
{
	const void *bad = memchr_inv(object->p, 0, usable);

	if (bad && error_count())
		pr_err("smoke: %u bytes at %p should be zero, but byte %td is not\n",
		       object->size, object->p, bad - object->p);
}

static void object_begin(struct smoke_ctx *ctx, struct smoke_object *object, void *p, u32 size,
			 bool zeroed)
{
	size_t usable = gom_size(p);

	object->p = p;
	object->size = size;
	object->cpu = raw_smp_processor_id();
	object_check_alignment(object);
	object_check_page(object);
	object_check_usable(object, usable);
	if (zeroed)
		object_check_zeroed(object, usable);
	/* Sometimes use all usable bytes. */
	object->filled = ctx_one_in(ctx, 2) ? size : max_t(u32, usable, size);
	object->seed = prandom_u32_state(&ctx->rnd);
	pattern_fill(object);
	ctx->counts.allocs++;
}

void smoke_object_make(struct smoke_ctx *ctx, struct smoke_object *object)
{
	u32 size = ctx_size(ctx);
	gfp_t gfp = ctx_gfp(ctx);
	bool zeroed = false;
	void *p;

	object->kind = SMOKE_SIZED;
	switch (ctx_random(ctx, 13)) {
	case 0:
		p = gom_malloc_node(size, gfp, numa_mem_id());
		break;
	case 1:
		size = round_up(size, 4);
		p = gom_malloc_array(size / 4, 4, gfp);
		break;
	case 2:
		size = 96;	/* a constant takes the inlined path */
		p = gom_malloc(96, gfp);
		break;
	case 3:
	case 4:
		zeroed = true;
		p = gom_zalloc(size, gfp);
		break;
	case 5:
	case 6:
	case 7:
		object->kind = SMOKE_NOSCAN;
		size = 1 + ctx_random(ctx, 8);
		zeroed = size <= GOM_TINY_MAX;
		p = gom_malloc_noscan(size, gfp);
		break;
	case 8:
	case 9:
		object->kind = SMOKE_CACHE;
		size = CACHE_SIZE;
		zeroed = ctx_one_in(ctx, 2);
		p = zeroed ? gom_cache_zalloc(cache, gfp) : gom_cache_alloc(cache, gfp);
		break;
	case 10:
		object->kind = SMOKE_NOLOCK;
		size = 1 + ctx_random(ctx, NOLOCK_MAX_SIZE);
		p = gom_malloc_nolock(size, 0);
		break;
	default:
		p = gom_malloc(size, gfp);
		break;
	}
	if (p)
		object_begin(ctx, object, p, size, zeroed);
	else
		ctx->counts.failed++;
}

/* Allocate objects of one size for @nr records. */
void smoke_object_make_bulk(struct smoke_ctx *ctx, struct smoke_object **objects, unsigned int nr)
{
	void *p[BULK_MAX];
	u32 size = min_t(u32, ctx_size(ctx), SZ_32K);
	gfp_t gfp = ctx_gfp(ctx);
	bool zeroed = ctx_one_in(ctx, 4);
	unsigned int i;

	nr = min_t(unsigned int, nr, BULK_MAX);
	if (!gom_malloc_bulk(size, zeroed ? gfp | __GFP_ZERO : gfp, nr, p)) {
		ctx->counts.failed++;
		return;
	}
	for (i = 0; i < nr; i++) {
		objects[i]->kind = SMOKE_SIZED;
		object_begin(ctx, objects[i], p[i], size, zeroed);
	}
}

void smoke_object_resize(struct smoke_ctx *ctx, struct smoke_object *object)
{
	u32 size = ctx_size(ctx);
	void *p;

	smoke_object_check(object);
	p = gom_realloc(object->p, size, ctx_gfp(ctx));
	if (!p) {
		ctx->counts.failed++;
		smoke_object_check(object);	/* a failure must not change it */
		return;
	}
	object->size = size;
	object->kind = SMOKE_RESIZED;
	/* An object that was not moved has the alignment of its former size. */
	if (p != object->p) {
		object->p = p;
		object->cpu = raw_smp_processor_id();
		object_check_alignment(object);
	}
	object_check_usable(object, gom_size(p));
	pattern_check(object, min(object->filled, size));
	object->filled = size;
	pattern_fill(object);
	ctx->counts.reallocs++;
}

/* === Freeing === */

/* Overwrite the pattern, so that it is not found again after reuse. */
static void object_end(struct smoke_ctx *ctx, struct smoke_object *object)
{
	ctx->counts.frees++;
	if (object->cpu != raw_smp_processor_id())
		ctx->counts.cross_frees++;
	smoke_object_check(object);
	memset(object->p, 0xdb, min_t(u32, object->filled, SZ_1K));
	object->filled = 0;
}

struct smoke_rcu {
	struct rcu_head rcu;
};

static void object_free_rcu(void *p)
{
	struct smoke_rcu *object = p;

	gom_free_rcu(object, rcu);
}

/* Free by one of the calls that are valid for this kind of object. */
static void object_free(struct smoke_ctx *ctx, const struct smoke_object *object)
{
	const u32 size = object->size;
	void *p = object->p;
	bool sized = object->kind == SMOKE_SIZED || object->kind == SMOKE_NOSCAN;

	if (object->kind == SMOKE_NOLOCK && ctx_one_in(ctx, 2))
		gom_free_nolock(p);
	else if (object->kind == SMOKE_CACHE && ctx_one_in(ctx, 2))
		gom_cache_free(cache, p);
	else if (sized && ctx_one_in(ctx, 4))
		gom_free_sized(p, size);
	else if (ctx_one_in(ctx, 32) && size >= sizeof(struct smoke_rcu) && size <= RCU_MAX_SIZE)
		object_free_rcu(p);
	else if (ctx_one_in(ctx, 32))
		gom_free_sensitive(p);
	else
		gom_free(p);
}

void smoke_object_free(struct smoke_ctx *ctx, struct smoke_object *object)
{
	struct smoke_object ended = *object;

	object_end(ctx, object);
	object->p = NULL;
	object_free(ctx, &ended);
}

void smoke_object_free_bulk(struct smoke_ctx *ctx, struct smoke_object **objects, unsigned int nr)
{
	void *p[BULK_MAX];
	unsigned int i;

	nr = min_t(unsigned int, nr, BULK_MAX);
	for (i = 0; i < nr; i++) {
		object_end(ctx, objects[i]);
		p[i] = objects[i]->p;
		objects[i]->p = NULL;
	}
	gom_free_bulk(nr, p);
}
