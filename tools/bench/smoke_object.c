// SPDX-License-Identifier: GPL-2.0
/*
 * The life of one object in the smoke workload.
 *
 * Every byte of an object, or every usable byte, carries a pattern made from a
 * seed of its own.  It is checked before the object is freed, resized or
 * handed on: a neighbour that writes too far, an object handed out twice, a
 * reallocation that loses bytes, a free list kept inside a live object all
 * show as a byte that is not what it was.
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

/* Small in an interrupt, which has to be short. */
#define IRQ_MAX_SIZE		2048
#define TASK_MAX_SIZE		SZ_256K

/* A backlog of grace periods must not eat the machine. */
#define RCU_MAX_SIZE		1024

#define REPORTS_MAX		10

#define BULK_MAX		16

/* Not a size class's, so that its spans are its own. */
#define CACHE_SIZE		520
#define CACHE_ALIGN		8

#define NOLOCK_MAX_SIZE		1024

atomic_t smoke_errors = ATOMIC_INIT(0);

static struct gom_cache *cache;

/* The named cache that some objects are from: made before the first, and not with it. */
int smoke_object_cache_create(void)
{
	cache = gom_cache_create("smoke", CACHE_SIZE, CACHE_ALIGN, 0, NULL);
	return cache ? 0 : -ENOMEM;
}

void smoke_object_cache_destroy(void)
{
	gom_cache_destroy(cache);
}

static u32 random_below(struct smoke_hand *hand, u32 end)
{
	return prandom_u32_state(&hand->rnd) % end;
}

static bool one_in(struct smoke_hand *hand, u32 n)
{
	return !random_below(hand, n);
}

/* Mostly small, as in life; now and then above the size classes. */
static u32 random_size(struct smoke_hand *hand)
{
	static const u32 max_sizes[] = {
		64, 64, 128, 256, 256, 512, 1024, IRQ_MAX_SIZE,
		64, 64, 128, 256, SZ_4K, SZ_8K, SZ_32K, SZ_4K,
	};
	u32 kinds = hand->in_irq ? ARRAY_SIZE(max_sizes) / 2 : ARRAY_SIZE(max_sizes);

	if (!hand->in_irq && one_in(hand, 64))
		return 1 + random_below(hand, TASK_MAX_SIZE);
	return 1 + random_below(hand, max_sizes[random_below(hand, kinds)]);
}

static gfp_t random_gfp(struct smoke_hand *hand)
{
	if (hand->in_irq || one_in(hand, 8))
		return GFP_ATOMIC | __GFP_NOWARN;
	if (one_in(hand, 8))
		return GFP_NOWAIT | __GFP_NOWARN;
	return GFP_KERNEL | __GFP_NOWARN;
}

/* True for the first few errors: those are worth a line. */
static bool count_error(void)
{
	return atomic_inc_return(&smoke_errors) <= REPORTS_MAX;
}

/* === Contents === */

static u32 pattern(u32 seed, u32 word)
{
	return (seed + word) * 0x9e3779b1U;	/* 2^32 over the golden ratio */
}

static void fill(const struct smoke_object *object)
{
	u32 *words = object->p;
	u32 nr = object->filled / sizeof(*words), last, i;

	for (i = 0; i < nr; i++)
		put_unaligned(pattern(object->seed, i), words + i);
	last = pattern(object->seed, nr);
	memcpy(words + nr, &last, object->filled % sizeof(*words));
}

static void report_contents(const struct smoke_object *object, u32 word)
{
	const u32 *words = object->p;

	if (!count_error())
		return;
	pr_err("smoke: %u bytes at %p, allocated on CPU %d: byte %zu is not what was written (word is %08x, was %08x)\n",
	       object->size, object->p, object->cpu, word * sizeof(*words),
	       get_unaligned(words + word), pattern(object->seed, word));
}

static void check_first(const struct smoke_object *object, u32 bytes)
{
	const u32 *words = object->p;
	u32 nr = bytes / sizeof(*words), last, i;

	for (i = 0; i < nr; i++) {
		if (get_unaligned(words + i) != pattern(object->seed, i)) {
			report_contents(object, i);
			return;
		}
	}
	last = pattern(object->seed, nr);
	if (memcmp(words + nr, &last, bytes % sizeof(*words)))
		report_contents(object, nr);
}

void smoke_object_check(const struct smoke_object *object)
{
	check_first(object, object->filled);
}

/* === Allocating === */

static size_t promised_alignment(const struct smoke_object *object)
{
	size_t size = object->size;

	if (object->kind == SMOKE_CACHE)
		return CACHE_ALIGN;
	/* What began as a no-scan object is one, whatever its size. */
	if ((object->kind == SMOKE_NOSCAN || object->kind == SMOKE_RESIZED) &&
	    size <= GOM_TINY_MAX)
		return size & -size;
	return clamp(size & -size, (size_t)8, (size_t)PAGE_SIZE);
}

static void check_alignment(const struct smoke_object *object)
{
	if (!IS_ALIGNED((unsigned long)object->p, promised_alignment(object)) &&
	    count_error())
		pr_err("smoke: %u bytes at %p: not aligned\n", object->size, object->p);
}

/* As SLUB's, our pages are not sent or mapped by reference. */
static void check_page(const struct smoke_object *object)
{
	struct page *page = virt_to_page(object->p);

	if ((sendpage_ok(page) || !page_has_type(page)) && count_error())
		pr_err("smoke: %u bytes at %p: their page may be sent or mapped\n",
		       object->size, object->p);
}

static void check_usable(const struct smoke_object *object, size_t usable)
{
	if (usable < object->size && count_error())
		pr_err("smoke: %u bytes at %p: only %zu usable\n",
		       object->size, object->p, usable);
}

static void check_zeroed(const struct smoke_object *object, size_t usable)
{
	const void *bad = memchr_inv(object->p, 0, usable);

	if (bad && count_error())
		pr_err("smoke: %u bytes at %p: zeroed, but byte %td is not zero\n",
		       object->size, object->p, bad - object->p);
}

static void begin(struct smoke_hand *hand, struct smoke_object *object, void *p, u32 size,
		  bool zeroed)
{
	size_t usable = gom_size(p);

	object->p = p;
	object->size = size;
	object->cpu = raw_smp_processor_id();
	check_alignment(object);
	check_page(object);
	check_usable(object, usable);
	if (zeroed)
		check_zeroed(object, usable);
	/* Usable means that all of it can be used. */
	object->filled = one_in(hand, 2) ? size : max_t(u32, usable, size);
	object->seed = prandom_u32_state(&hand->rnd);
	fill(object);
	hand->counts.allocs++;
}

void smoke_object_make(struct smoke_hand *hand, struct smoke_object *object)
{
	u32 size = random_size(hand);
	gfp_t gfp = random_gfp(hand);
	bool zeroed = false;
	void *p;

	object->kind = SMOKE_SIZED;
	switch (random_below(hand, 13)) {
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
		size = 1 + random_below(hand, 8);
		zeroed = size <= GOM_TINY_MAX;
		p = gom_malloc_noscan(size, gfp);
		break;
	case 8:
	case 9:
		object->kind = SMOKE_CACHE;
		size = CACHE_SIZE;
		zeroed = one_in(hand, 2);
		p = zeroed ? gom_cache_zalloc(cache, gfp) : gom_cache_alloc(cache, gfp);
		break;
	case 10:
		object->kind = SMOKE_NOLOCK;
		size = 1 + random_below(hand, NOLOCK_MAX_SIZE);
		p = gom_malloc_nolock(size, 0);
		break;
	default:
		p = gom_malloc(size, gfp);
		break;
	}
	if (p)
		begin(hand, object, p, size, zeroed);
	else
		hand->counts.failed++;
}

/* @nr records without an object get one each, all of one size. */
void smoke_object_make_bulk(struct smoke_hand *hand, struct smoke_object **objects,
			    unsigned int nr)
{
	void *p[BULK_MAX];
	u32 size = min_t(u32, random_size(hand), SZ_32K);
	gfp_t gfp = random_gfp(hand);
	bool zeroed = one_in(hand, 4);
	unsigned int i;

	nr = min_t(unsigned int, nr, BULK_MAX);
	if (!gom_malloc_bulk(size, zeroed ? gfp | __GFP_ZERO : gfp, nr, p)) {
		hand->counts.failed++;
		return;
	}
	for (i = 0; i < nr; i++) {
		objects[i]->kind = SMOKE_SIZED;
		begin(hand, objects[i], p[i], size, zeroed);
	}
}

void smoke_object_resize(struct smoke_hand *hand, struct smoke_object *object)
{
	u32 size = random_size(hand);
	void *p;

	smoke_object_check(object);
	p = gom_realloc(object->p, size, random_gfp(hand));
	if (!p) {
		hand->counts.failed++;
		smoke_object_check(object);	/* must be as it was */
		return;
	}
	object->size = size;
	object->kind = SMOKE_RESIZED;
	/* What stays in place keeps the alignment of its former size. */
	if (p != object->p) {
		object->p = p;
		object->cpu = raw_smp_processor_id();
		check_alignment(object);
	}
	check_usable(object, gom_size(p));
	check_first(object, min(object->filled, size));
	object->filled = size;
	fill(object);
	hand->counts.reallocs++;
}

/* === Freeing === */

/* Whatever the allocator leaves in the memory, the pattern shall not survive. */
static void end(struct smoke_hand *hand, struct smoke_object *object)
{
	hand->counts.frees++;
	if (object->cpu != raw_smp_processor_id())
		hand->counts.cross_frees++;
	smoke_object_check(object);
	memset(object->p, 0xdb, min_t(u32, object->filled, SZ_1K));
	object->filled = 0;
}

struct smoke_rcu {
	struct rcu_head rcu;
};

static void free_by_rcu(void *p)
{
	struct smoke_rcu *object = p;

	gom_free_rcu(object, rcu);
}

/* One of the ways that there are for objects of its kind. */
static void free_one(struct smoke_hand *hand, const struct smoke_object *object)
{
	const u32 size = object->size;
	void *p = object->p;
	bool sized = object->kind == SMOKE_SIZED || object->kind == SMOKE_NOSCAN;

	if (object->kind == SMOKE_NOLOCK && one_in(hand, 2))
		gom_free_nolock(p);
	else if (object->kind == SMOKE_CACHE && one_in(hand, 2))
		gom_cache_free(cache, p);
	else if (sized && one_in(hand, 4))
		gom_free_sized(p, size);
	else if (one_in(hand, 32) && size >= sizeof(struct smoke_rcu) && size <= RCU_MAX_SIZE)
		free_by_rcu(p);
	else if (one_in(hand, 32))
		gom_free_sensitive(p);
	else
		gom_free(p);
}

void smoke_object_free(struct smoke_hand *hand, struct smoke_object *object)
{
	struct smoke_object ended = *object;

	end(hand, object);
	object->p = NULL;
	free_one(hand, &ended);
}

void smoke_object_free_bulk(struct smoke_hand *hand, struct smoke_object **objects,
			    unsigned int nr)
{
	void *p[BULK_MAX];
	unsigned int i;

	nr = min_t(unsigned int, nr, BULK_MAX);
	for (i = 0; i < nr; i++) {
		end(hand, objects[i]);
		p[i] = objects[i]->p;
		objects[i]->p = NULL;
	}
	gom_free_bulk(nr, p);
}
