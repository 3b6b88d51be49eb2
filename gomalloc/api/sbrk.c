// SPDX-License-Identifier: GPL-2.0
/*
 * sbrk mode: every allocation is a bump in a persistent chunk.
 *
 * A free returns at once and so needs to know nothing.  gom_size() and
 * gom_realloc() do: the size stands in a word before the object, together with a
 * code made of the address and a number drawn at load.  An address that somebody
 * made up is read without a fault and, but for one in 2^32, not taken for an object.
 *
 * How the mode is entered: gom_mcache_init() sets GOM_MALLOCING_BYPASS on every
 * CPU, so that each call takes the slow path, which asks gom_sbrk first.
 *
 * Context: as the persistent allocator (persistent.c), which also counts.
 */
#include <linux/align.h>
#include <linux/hash.h>
#include <linux/kasan.h>
#include <linux/kernel.h>
#include <linux/mm.h>
#include <linux/random.h>
#include <linux/uaccess.h>

#include "api/sbrk.h"
#include "base/compat.h"
#include "base/fault.h"
#include "base/persistent.h"
#include "base/report.h"
#include "heap/large.h"

struct header {
	u32 size;
	u32 code;
};

static u64 secret;

static_assert(GOM_SBRK_ALIGN >= sizeof(struct header));

void gom_sbrk_init(void)
{
	secret = get_random_u64();
}

static u32 code_of(const void *p, u32 size)
{
	return hash_64(((u64)(unsigned long)p << 16) ^ size ^ secret, 32);
}

/**
 * gom_sbrk_alloc - allocate by moving a pointer
 * @size: bytes wanted, not 0
 * @align: of the object in bytes, a power of two up to a page
 * @gfp: how to get pages
 * @caller: who asks, for the report if @size is too large
 *
 * Context: any but NMI; may sleep if @gfp allows it.
 * Return: zeroed memory, or NULL.
 */
void *gom_sbrk_alloc(size_t size, size_t align, gfp_t gfp, unsigned long caller)
{
	struct header *h;
	void *p;

	align = max_t(size_t, align, GOM_SBRK_ALIGN);
	if (!gom_size_possible(size + align, gfp, caller) || gom_should_fail(size, gfp))
		return NULL;
	/* The header lies in what is before the object for the sake of its alignment. */
	p = gom_persistent_bump(size + align, align, GOM_SBRK_SYS, gfp);
	if (!p)
		return NULL;
	p += align;
	h = (struct header *)p - 1;
	h->size = size;
	h->code = code_of(p, size);
	return p;
}

/* What stands before @p, which may be anything's: nothing for KASAN to judge. */
static bool read_header(const void *p, struct header *h)
{
	long err;

	if (!virt_addr_valid(p - sizeof(*h)))
		return false;
	kasan_disable_current();
	err = copy_from_kernel_nofault(h, p - sizeof(*h), sizeof(*h));
	kasan_enable_current();
	return !err;
}

/* Bytes of the object at @p, as asked for; 0 if none begins there. */
size_t gom_sbrk_size(const void *p)
{
	struct header h;

	if (!IS_ALIGNED((unsigned long)p, GOM_SBRK_ALIGN) || !read_header(p, &h))
		return 0;
	return h.size && h.code == code_of(p, h.size) ? h.size : 0;
}

void gom_sbrk_read(struct gom_sbrk_stats *stats)
{
	struct gom_call_site sum;

	gom_persistent_read_stat(GOM_SBRK_SYS, &sum);
	stats->mallocs = sum.requests;
	stats->bytes = sum.bytes;
}
GOM_EXPORT_FOR_TEST(gom_sbrk_read);
