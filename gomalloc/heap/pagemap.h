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

#include "base/class.h"
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

/**
 * struct gom_directory - the descriptors of all regions
 * @regions: how many
 * @region: each; one that is all zero where gomalloc has no pages
 *
 * Length and entries are in one allocation, so that a reader who has the
 * pointer has both, by the address dependency alone: a read barrier would cost
 * a lookup on UML as much as all the rest of it.
 */
struct gom_directory {
	unsigned long regions;
	struct gom_region *region[];
};

/* What lookups read; on one cache line. */
struct gom_pagemap {
	unsigned long base;		/* first address covered */
	struct gom_directory *directory;
};

extern struct gom_pagemap gom_pagemap;

/*
 * The entry of the page at @p, in *@entry; false if the directory does not
 * cover @p, as it does not NULL, unless the linear mapping begins at 0.
 *
 * Memory hotplug may replace the directory meanwhile (directory_replace()).
 * The descriptor of a page is in the old and in the new one before anyone has a
 * pointer to the page, so either will do.  READ_ONCE() pairs with
 * smp_store_release() there, and that of the entry with WRITE_ONCE() in
 * region_entries_write(), both in pagemap.c.
 */
static __always_inline bool gom_pagemap_find(const void *p, u32 *entry)
{
	const struct gom_directory *dir = READ_ONCE(gom_pagemap.directory);
	unsigned long off = (unsigned long)p - gom_pagemap.base, page;
	unsigned long region = off >> GOM_REGION_SHIFT;

	if (unlikely(region >= dir->regions))
		return false;
	page = (off >> PAGE_SHIFT) % GOM_REGION_PAGES;
	*entry = READ_ONCE(READ_ONCE(dir->region[region])->entry[page]);
	return true;
}

/* The entry of the page at @p; 0 if it is not gomalloc's, whatever @p is. */
static __always_inline u32 gom_pagemap_entry(const void *p)
{
	u32 entry;

	return gom_pagemap_find(p, &entry) ? entry : 0;
}

/*
 * The record of the span of which @p, in a page of gomalloc's, is byte @off.
 * Pairs with WRITE_ONCE() in gom_pagemap_set_span().
 */
static __always_inline struct gom_span *gom_pagemap_span_of(const void *p, u32 off)
{
	unsigned long first = (unsigned long)p - off - gom_pagemap.base;
	struct gom_region *r = READ_ONCE(gom_pagemap.directory)->region[first >> GOM_REGION_SHIFT];

	return READ_ONCE(r->span[(first >> PAGE_SHIFT) % GOM_REGION_PAGES]);
}

/*
 * Set the record of what begins, or ends, at @page, a page of gomalloc's.  The
 * heap's lock is held.  Pairs with READ_ONCE() in gom_pagemap_span_of().
 */
static inline void gom_pagemap_set_span(const void *page, struct gom_span *s)
{
	unsigned long off = (unsigned long)page - gom_pagemap.base;
	struct gom_region *r = READ_ONCE(gom_pagemap.directory)->region[off >> GOM_REGION_SHIFT];

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

/**
 * struct gom_place - an address, and what the page map says about it
 * @p: the address
 * @span: record of the span that it lies in; NULL if it is in no page of
 *	gomalloc's or in a free run
 * @offset: its offset in the span, in bytes
 * @slot: slot of its page; 0 if that is not gomalloc's
 * @class: class of the objects of the span; 0 if it has none
 *
 * The slow paths look an address up once, where it enters, and hand this down.
 * If the caller does not own an object at @p, @span and @class may be stale:
 * who changes a span looks at its record again under the lock of its owner.
 */
struct gom_place {
	const void *p;
	struct gom_span *span;
	u32 offset;
	u16 slot;
	u16 class;
};

/* Does an object of the class begin at @at, in a span cut into objects? */
static inline bool gom_place_is_object(const struct gom_place *at)
{
	const struct gom_class *cl = gom_class(at->class);

	return at->span && gom_class_begins(cl, at->offset) &&
	       gom_class_index(cl, at->offset) < at->span->nelems;
}

/* The class of the objects of @s, in pages with @slot; 0 if it has none. */
static __always_inline unsigned int gom_slot_class(unsigned int slot, const struct gom_span *s)
{
	if (slot != GOM_SLOT_ASK)
		return slot < GOM_NR_SPAN_CLASSES ? slot : 0;
	return s && s->class < gom_class_end() ? s->class : 0;
}

/* Look up @p, any address, whose page has @entry in the page map. */
static __always_inline void gom_pagemap_place_entry(const void *p, u32 entry,
						   struct gom_place *at)
{
	at->p = p;
	at->slot = gom_entry_slot(entry);
	at->offset = gom_entry_offset(entry, p);
	at->span = at->slot && at->slot != GOM_SLOT_IDLE ? gom_pagemap_span_of(p, at->offset) :
							     NULL;
	at->class = gom_slot_class(at->slot, at->span);
}

void gom_pagemap_place(const void *p, struct gom_place *at);
int gom_pagemap_init(void);
int gom_pagemap_extend(unsigned long end);
void gom_pagemap_exit(void);
int gom_pagemap_cover(const void *start, unsigned int npages, int nid, gfp_t gfp);
void gom_pagemap_mark(const struct gom_span *s, u32 slot_off);
void gom_pagemap_unmark(const void *start, unsigned int npages);
struct gom_span *gom_pagemap_span_at(const void *page, int nid);
struct gom_span *gom_pagemap_span(const void *p);
int gom_pagemap_nid(const void *p);
struct gom_region *gom_pagemap_regions(void);

#endif /* GOM_PAGEMAP_H */
