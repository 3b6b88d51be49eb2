/* SPDX-License-Identifier: GPL-2.0 */
/*
 * The page map: from an address to the page's slot, offset and span
 * (Go: h.spans[], MHeap_LookupMaybe).
 *
 * The linear mapping is divided into regions of 1 MiB.  A directory has a
 * descriptor for each.  Regions without pages of gomalloc's share an empty one,
 * so lookups need not test for NULL.  A descriptor has for each page an entry
 * (a 32-bit word) and, for the first page of a span, a pointer to its record:
 *
 *	bits above PAGE_SHIFT	the page's offset in its span, in bytes
 *	bits below PAGE_SHIFT	its slot (sizeclass.h); 0: not gomalloc's page
 *
 * An entry and an address together give the offset of any byte in its span.
 *
 * An entry is written by the owner of the span, while nobody else has a valid
 * pointer into it, or while readers may see either the old or the new entry
 * (span_slot_mark() in special/special.c).  It is read without a lock, in any
 * context, NMI included.  For an invalid pointer a lookup may return anything,
 * but it accesses nothing outside the page map.
 */
#ifndef GOM_PAGEMAP_H
#define GOM_PAGEMAP_H

#include <linux/mm.h>

#include "heap/span.h"

#define GOM_REGION_SHIFT	20
#define GOM_REGION_PAGES	(1U << (GOM_REGION_SHIFT - PAGE_SHIFT))
#define GOM_ENTRY_SLOT_MASK	((u32)(PAGE_SIZE - 1))

/**
 * struct gom_region - descriptor of 1 MiB of the linear mapping
 * @entry: one word for each page, see above
 * @span: record of the span that begins, or of the free run that begins or
 *	ends, at each page; written under the heap's lock
 * @next: the descriptor installed before this one
 * @base: first address
 * @nid: node that gomalloc's pages in the region are accounted to
 */
struct gom_region {
	u32 entry[GOM_REGION_PAGES];
	struct gom_span *span[GOM_REGION_PAGES];
	struct gom_region *next;
	unsigned long base;
	int nid;
};

/* What lookups read; on one cache line. */
struct gom_pagemap {
	unsigned long base;		/* first address covered */
	unsigned long regions;		/* entries in the directory */
	struct gom_region **directory;
};

extern struct gom_pagemap gom_pagemap;

/*
 * Does the directory cover @p?  Not if @p is NULL, unless the linear mapping
 * begins at 0.
 */
static __always_inline bool gom_pagemap_covers(const void *p)
{
	return ((unsigned long)p - gom_pagemap.base) >> GOM_REGION_SHIFT < gom_pagemap.regions;
}

/*
 * The entry of the page at @p; 0 if it is not gomalloc's, whatever @p is.
 *
 * Length and directory are read without READ_ONCE() although memory hotplug may
 * replace them (directory_replace()).  The descriptor of a page is in the old
 * and in the new directory before anyone has a pointer to the page, so either
 * will do.  A reader that sees the new length sees the new directory.
 *
 * READ_ONCE() pairs with WRITE_ONCE() in region_entries_write() in pagemap.c.
 */
static __always_inline u32 gom_pagemap_entry(const void *p)
{
	unsigned long off = (unsigned long)p - gom_pagemap.base;
	unsigned long region = off >> GOM_REGION_SHIFT;

	if (unlikely(region >= gom_pagemap.regions))
		return 0;
	smp_rmb();	/* pairs with directory_replace(); free on x86 */
	return READ_ONCE(gom_pagemap.directory[region]->entry[(off >> PAGE_SHIFT) %
							      GOM_REGION_PAGES]);
}

/*
 * The record of the span of which @p, in a page of gomalloc's, is byte @off.
 * Pairs with WRITE_ONCE() in gom_pagemap_set_span().
 */
static __always_inline struct gom_span *gom_pagemap_span_of(const void *p, u32 off)
{
	unsigned long first = (unsigned long)p - off - gom_pagemap.base;
	struct gom_region *r = gom_pagemap.directory[first >> GOM_REGION_SHIFT];

	return READ_ONCE(r->span[(first >> PAGE_SHIFT) % GOM_REGION_PAGES]);
}

/*
 * Set the record of what begins, or ends, at @page, a page of gomalloc's.  The
 * heap's lock is held.  Pairs with READ_ONCE() in gom_pagemap_span_of().
 */
static inline void gom_pagemap_set_span(const void *page, struct gom_span *s)
{
	unsigned long off = (unsigned long)page - gom_pagemap.base;
	struct gom_region *r = gom_pagemap.directory[off >> GOM_REGION_SHIFT];

	WRITE_ONCE(r->span[(off >> PAGE_SHIFT) % GOM_REGION_PAGES], s);
}

static __always_inline unsigned int gom_entry_slot(u32 entry)
{
	return (entry & GOM_ENTRY_SLOT_MASK) >> GOM_SLOT_SHIFT;
}

/*
 * The offset of @p in its span in bytes: the page's offset from @entry, the
 * offset in the page from @p.
 */
static __always_inline u32 gom_entry_offset(u32 entry, const void *p)
{
	return entry ^ ((entry ^ (u32)(unsigned long)p) & GOM_ENTRY_SLOT_MASK);
}

/*
 * The record of the span that @p lies in; NULL if @p is in no page of
 * gomalloc's or in a free run.  If the caller does not own an object at @p, the
 * record may be stale.
 */
static __always_inline struct gom_span *gom_pagemap_lookup(const void *p)
{
	u32 entry = gom_pagemap_entry(p);
	unsigned int slot = gom_entry_slot(entry);

	if (unlikely(!slot || slot == GOM_SLOT_IDLE))
		return NULL;
	return gom_pagemap_span_of(p, gom_entry_offset(entry, p));
}

int gom_pagemap_init(void);
int gom_pagemap_extend(unsigned long end);
void gom_pagemap_exit(void);
int gom_pagemap_cover(const void *start, unsigned int npages, int nid, gfp_t gfp);
void gom_pagemap_mark(const struct gom_span *s, u32 slot);
void gom_pagemap_unmark(const void *start, unsigned int npages);
struct gom_span *gom_pagemap_span_at(const void *page, int nid);
struct gom_span *gom_pagemap_span(const void *p);
int gom_pagemap_nid(const void *p);
struct gom_region *gom_pagemap_regions(void);

#endif /* GOM_PAGEMAP_H */
