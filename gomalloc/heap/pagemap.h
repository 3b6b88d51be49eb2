/* SPDX-License-Identifier: GPL-2.0 */
/*
 * The page map: from an address to what the page there is to us
 * (Go: h.spans[], MHeap_LookupMaybe).
 *
 * The kernel's linear mapping is divided into regions of 1 MiB.  A directory
 * has a descriptor for each; regions in which we own nothing share one that is
 * all zero, so a lookup needs no test for its absence.  A descriptor holds for
 * each page one word and, for the first page of a span, its record:
 *
 *	bits above PAGE_SHIFT	the page's offset in its span, in bytes
 *	bits below PAGE_SHIFT	its slot (sizeclass.h); 0 if it is not ours
 *
 * so that word and address together give the offset of any byte in its span.
 *
 * Words are written by whoever owns the span, with no reader around who has a
 * right to a pointer into it, and read without a lock.  A reader that was
 * handed a wrong pointer may see anything here, and touches only this map.
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
 * @entry: a word for each page, see above
 * @span: record of the span that begins, or of the free run that begins or
 *	ends, at each page; under the heap's lock
 * @next: the descriptor made before this one
 * @base: first address
 * @nid: the node all of our pages here are accounted to
 */
struct gom_region {
	u32 entry[GOM_REGION_PAGES];
	struct gom_span *span[GOM_REGION_PAGES];
	struct gom_region *next;
	unsigned long base;
	int nid;
};

/* What a lookup needs, on one cache line. */
struct gom_pagemap {
	unsigned long base;		/* first address covered */
	unsigned long regions;		/* regions in the directory */
	struct gom_region **directory;
};

extern struct gom_pagemap gom_pagemap;

/*
 * May @p point to a page of ours?  NULL does not, where the linear mapping does not
 * begin at 0.
 */
static __always_inline bool gom_pagemap_covers(const void *p)
{
	return ((unsigned long)p - gom_pagemap.base) >> GOM_REGION_SHIFT < gom_pagemap.regions;
}

/*
 * The word of the page at @p: 0 if it is not ours, wherever @p points.  The
 * directory is read plainly, though it may change while it is: which region
 * our page is in was written before anybody had a pointer to the page.  Memory that is
 * plugged in brings a longer directory; whoever sees its length sees it, too.
 */
static __always_inline u32 gom_pagemap_entry(const void *p)
{
	unsigned long off = (unsigned long)p - gom_pagemap.base;
	unsigned long region = off >> GOM_REGION_SHIFT;

	if (unlikely(region >= gom_pagemap.regions))
		return 0;
	smp_rmb();	/* pairs with replace_directory(); on x86 it costs nothing */
	return READ_ONCE(gom_pagemap.directory[region]->entry[(off >> PAGE_SHIFT) %
							      GOM_REGION_PAGES]);
}

/* The record of the span of which @p, a pointer into a page of ours, is byte @off. */
static __always_inline struct gom_span *gom_pagemap_span_of(const void *p, u32 off)
{
	unsigned long first = (unsigned long)p - off - gom_pagemap.base;
	struct gom_region *r = gom_pagemap.directory[first >> GOM_REGION_SHIFT];

	return READ_ONCE(r->span[(first >> PAGE_SHIFT) % GOM_REGION_PAGES]);
}

/* Let @s be what begins, or ends, at @page, a page of ours.  Under the heap's lock. */
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

/* The offset of @p in its span, in bytes: page bits of one, byte bits of other. */
static __always_inline u32 gom_entry_offset(u32 entry, const void *p)
{
	return entry ^ ((entry ^ (u32)(unsigned long)p) & GOM_ENTRY_SLOT_MASK);
}

/*
 * The span that @p lies in, NULL if it is in no page of ours or in a free one.
 * For a pointer nobody has a right to, the record found may be out of date.
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
