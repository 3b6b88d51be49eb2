/* SPDX-License-Identifier: GPL-2.0 */
/*
 * The loops of over.c, in slab.h's words.  over_slub.c includes this as it is,
 * over_gomalloc.c is built with as_slab.h: the code is the same but for the
 * names of the functions called.  OVER(name) makes the names of the loops.
 */
#include <linux/err.h>
#include <linux/slab.h>
#include <linux/string.h>

#include "bench.h"
#include "clock.h"
#include "over.h"

static __always_inline int over_pair(struct bench_sample *sample, size_t size)
{
	unsigned int i;
	u64 start;
	void *p;

	start = bench_cycles();
	for (i = sample->ops; i; i--) {
		p = kmalloc(size, GFP_KERNEL);
		OPTIMIZER_HIDE_VAR(p);
		if (unlikely(!p))
			return -ENOMEM;
		kfree(p);
	}
	sample->cycles[0] = bench_cycles() - start;
	return 0;
}

int OVER(pair)(struct bench_sample *sample)
{
	size_t size = sample->size;

	OPTIMIZER_HIDE_VAR(size);
	return over_pair(sample, size);
}

int OVER(const)(struct bench_sample *sample)
{
	return over_pair(sample, OVER_CONST_SIZE);
}

static struct kmem_cache *cache;	/* of the current comparison */

int OVER(cache_create)(unsigned int size)
{
	cache = kmem_cache_create("gomalloc_bench", size, 0, 0, NULL);
	return cache ? 0 : -ENOMEM;
}

void OVER(cache_destroy)(void)
{
	kmem_cache_destroy(cache);
	cache = NULL;
}

int OVER(cache)(struct bench_sample *sample)
{
	struct kmem_cache *s = cache;
	unsigned int i;
	u64 start;
	void *p;

	start = bench_cycles();
	for (i = sample->ops; i; i--) {
		p = kmem_cache_alloc(s, GFP_KERNEL);
		OPTIMIZER_HIDE_VAR(p);
		if (unlikely(!p))
			return -ENOMEM;
		kmem_cache_free(s, p);
	}
	sample->cycles[0] = bench_cycles() - start;
	return 0;
}

int OVER(null)(struct bench_sample *sample)
{
	unsigned int i;
	u64 start;
	void *p;

	start = bench_cycles();
	for (i = sample->ops; i; i--) {
		p = NULL;
		OPTIMIZER_HIDE_VAR(p);
		kfree(p);
	}
	sample->cycles[0] = bench_cycles() - start;
	return 0;
}

/* The kernel allocates, so the object is SLUB's on both sides. */
int OVER(foreign)(struct bench_sample *sample)
{
	static const char text[64];
	unsigned int i;
	u64 start;
	void *p;

	start = bench_cycles();
	for (i = sample->ops; i; i--) {
		p = kmemdup(text, sizeof(text), GFP_KERNEL);
		if (unlikely(!p))
			return -ENOMEM;
		kfree(p);
	}
	sample->cycles[0] = bench_cycles() - start;
	return 0;
}
