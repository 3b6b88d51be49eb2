// SPDX-License-Identifier: GPL-2.0
/*
 * sbrk mode: every allocation moves a pointer up in a persistent chunk.
 *
 * A free does nothing.  gom_size() and gom_realloc() need the size of an
 * object:  a header before it holds the size, and a code computed from the
 * address, the size and a random number drawn at load.  The header of a pointer
 * that is no object is read without a fault, and its code matches in one of
 * 2^32 cases.
 *
 * How the mode is entered: gom_mcache_init() sets GOM_MALLOCING_BYPASS on every
 * CPU, so every call takes the slow path, which tests gom_sbrk first.
 *
 * Context and locks: those of the persistent allocator (persistent.c), which
 * also accounts the memory.
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

static u32 header_code(const void *p, u32 size)
{
	return hash_64(((u64)(unsigned long)p << 16) ^ size ^ secret, 32);
}

/**
 * gom_sbrk_alloc - allocate by moving a pointer
 * @size: bytes requested, not 0
 * @align: alignment of the object in bytes, a power of two up to a page
 * @gfp: flags for the page allocator
 * @caller: call site, for the report if @size is too large
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
	/* The header lies in the padding before the object. */
	p = gom_persistent_bump(size + align, align, GOM_SBRK_SYS, gfp);
	if (!p)
		return NULL;
	p += align;
	h = (struct header *)p - 1;
	h->size = size;
	h->code = header_code(p, size);
	return p;
}

/*
 * Read the header before @p.  @p may be any pointer, so KASAN is off meanwhile.
 */
static bool header_read(const void *p, struct header *h)
{
	long err;

	if (!virt_addr_valid(p - sizeof(*h)))
		return false;
	kasan_disable_current();
	err = copy_from_kernel_nofault(h, p - sizeof(*h), sizeof(*h));
	kasan_enable_current();
	return !err;
}

/* Requested bytes of the object at @p; 0 if no object begins there. */
size_t gom_sbrk_size(const void *p)
{
	struct header h;

	if (!IS_ALIGNED((unsigned long)p, GOM_SBRK_ALIGN) || !header_read(p, &h))
		return 0;
	return h.size && h.code == header_code(p, h.size) ? h.size : 0;
}

void gom_sbrk_read(struct gom_sbrk_stats *stats)
{
	struct gom_call_site sum;

	gom_persistent_read_stat(GOM_SBRK_SYS, &sum);
	stats->mallocs = sum.requests;
	stats->bytes = sum.bytes;
}
GOM_EXPORT_FOR_TEST(gom_sbrk_read);
