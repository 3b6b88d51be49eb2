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
 * How the mode is entered: as a backend (backend.h), which is all there is.
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

#include "api/backend.h"
#include "api/internal.h"
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

static u32 header_code(const void *p, u32 size)
{
	return hash_64(((u64)(unsigned long)p << 16) ^ size ^ secret, 32);
}

/*
 * Move the pointer by @size zeroed bytes; NULL if there is no memory.
 * Context: any but NMI; may sleep if @gfp allows it.
 */
static void *sbrk_alloc(size_t size, size_t align, gfp_t gfp, unsigned long caller)
{
	struct header *h;
	void *p;

	gfp = gom_check_zone(gfp, caller) & (GOM_PAGE_GFP | __GFP_DMA);
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

static bool sbrk_free(const void *p, unsigned long caller)
{
	return true;
}

/* The object that begins at @p, the bytes requested in *@size; or NULL. */
static void *sbrk_object(const void *p, size_t *size)
{
	struct header h;

	if (!IS_ALIGNED((unsigned long)p, GOM_SBRK_ALIGN) || !header_read(p, &h) || !h.size ||
	    h.code != header_code(p, h.size))
		return NULL;
	*size = h.size;
	return (void *)p;
}

void gom_sbrk_read(struct gom_sbrk_stats *stats)
{
	struct gom_call_site sum;

	gom_persistent_read_stat(GOM_SBRK_SYS, &sum);
	stats->mallocs = sum.requests;
	stats->bytes = sum.bytes;
}
GOM_EXPORT_FOR_TEST(gom_sbrk_read);

static const struct gom_backend sbrk_backend = {
	.only = true,
	.alloc = sbrk_alloc,
	.free = sbrk_free,
	.object = sbrk_object,
};

/* Before the first allocation. */
void gom_sbrk_init(void)
{
	if (!gom_sbrk)
		return;
	secret = get_random_u64();
	gom_backend = &sbrk_backend;
}
