// SPDX-License-Identifier: GPL-2.0
/*
 * The persistent allocator (Go: persistentalloc, 2013 and 2015).  It serves
 * metadata, which is never freed, and in sbrk mode all objects.
 *
 * Each CPU advances a pointer ("bump") through a chunk of its own.  The first
 * chunk is FIRST_CHUNK bytes; each further one is as large as all chunks before
 * it together, up to gom_persistent_chunk_kb.  So a CPU that allocates little
 * holds little, and one that allocates much seldom calls the page allocator.
 * The chunks are freed when the module is unloaded.  Requests of 64 KiB and
 * more ("direct blocks") are served by the page allocator.
 *
 * Locking
 * -------
 * A CPU's bump is used by that CPU only, with preemption disabled and @busy
 * set.  An interrupt that finds @busy set has interrupted the bump's user, and
 * uses the global bump instead.  global_lock protects the global bump,
 * direct_lock the counters of direct blocks.  Both are raw spinlocks taken with
 * interrupts off, and neither nests inside the other.
 *
 * Chunks are allocated with no lock held and preemption enabled, so the page
 * allocator may sleep if the caller may, also under PREEMPT_RT.  If another
 * context has refilled the bump meanwhile, its chunk is used and the new one is
 * freed.
 *
 * Chunks and direct blocks come from this CPU's node if it has memory, else
 * from any.  __GFP_THISNODE of a request is about its objects, which may be of
 * another node than the CPU.
 *
 * all_chunks only grows, and is read only while nobody allocates.  A chunk is
 * listed and accounted with preemption disabled, so the consistency check sees
 * both or neither.
 */
#include <linux/hash.h>
#include <linux/kernel.h>
#include <linux/kmemleak.h>
#include <linux/llist.h>
#include <linux/log2.h>
#include <linux/minmax.h>
#include <linux/mm.h>
#include <linux/percpu.h>
#include <linux/spinlock.h>

#include "base/compat.h"
#include "base/fault.h"
#include "base/mode.h"
#include "base/node.h"
#include "base/pages.h"
#include "base/persistent.h"
#include "base/report.h"

unsigned int gom_persistent_chunk_kb = 256;

#define FIRST_CHUNK	(16U << 10)

/* Header of each chunk.  The header of a direct block is cut off a chunk. */
struct chunk {
	struct llist_node node;
	void *base;
	size_t bytes;
};

/*
 * A call site, and the name it allocates under.  Set once, never changed.  The
 * first GOM_NR_STATS entries have no caller: they stand for callers that are
 * not recorded, and for all callers once the table is full.
 */
struct call_site_key {
	unsigned long caller;
	enum gom_stat stat;
};

#define MAX_SITES	64U

/* What one call site has allocated. */
struct call_site_counts {
	u64 requests;
	u64 bytes;
};

/* One bump allocator: [pos, end) is free. */
struct bump {
	char *pos;
	char *end;
	struct gom_persistent_info info;
	struct call_site_counts site_counts[MAX_SITES];
	u8 busy;
};

/* Documentation/persistent.rst has this size in a table. */
static_assert(BITS_PER_LONG < 64 || sizeof(struct bump) <= 1088);

static DEFINE_PER_CPU(struct bump, cpu_bump);
static DEFINE_RAW_SPINLOCK(global_lock);	/* protects global_bump */
static struct bump global_bump;
static DEFINE_RAW_SPINLOCK(direct_lock);	/* protects direct_info and direct_site_counts */
static struct gom_persistent_info direct_info;
static struct call_site_counts direct_site_counts[MAX_SITES];

static struct call_site_key sites[MAX_SITES];

static LLIST_HEAD(all_chunks);

static void *bump_alloc(struct bump *b, size_t size, size_t align, unsigned int site)
{
	char *p = PTR_ALIGN(b->pos, align);

	if (!b->pos || p > b->end || size > b->end - p)
		return NULL;
	b->info.used += size;
	b->info.wasted += p - b->pos;
	b->pos = p + size;
	b->site_counts[site].requests++;
	b->site_counts[site].bytes += size;
	return p;
}

/* Drop the rest of the old chunk and continue in @chunk. */
static void bump_refill(struct bump *b, struct chunk *chunk)
{
	b->info.wasted += b->end - b->pos;
	b->info.chunks++;
	b->info.bytes += chunk->bytes;
	b->info.used += sizeof(*chunk);
	b->pos = (char *)(chunk + 1);
	b->end = (char *)chunk + chunk->bytes;
	llist_add(&chunk->node, &all_chunks);
}

/*
 * Allocate from @b.  If it has too little left, switch it to *@chunk, unless
 * that is NULL, and set *@chunk to NULL.
 */
static void *bump_alloc_or_refill(struct bump *b, size_t size, size_t align, unsigned int site,
				  struct chunk **chunk)
{
	void *p = bump_alloc(b, size, align, site);

	if (p || !*chunk)
		return p;
	bump_refill(b, *chunk);
	*chunk = NULL;
	return bump_alloc(b, size, align, site);
}

/*
 * Allocate from this CPU's bump.  *@chunk is a new chunk for it; NULL
 * afterwards if it was used.  Returns false, with nothing done, if this context
 * has interrupted the bump's user.
 *
 * The barriers pair with program order in an interrupt on this CPU: it sees
 * @busy set as long as the bump is inconsistent.
 */
static bool local_bump_alloc(size_t size, size_t align, unsigned int site, struct chunk **chunk,
			     void **p)
{
	bool entered;
	struct bump *b;

	preempt_disable();
	b = this_cpu_ptr(&cpu_bump);
	entered = !b->busy;
	if (entered) {
		WRITE_ONCE(b->busy, 1);
		barrier();
		*p = bump_alloc_or_refill(b, size, align, site, chunk);
		barrier();
		WRITE_ONCE(b->busy, 0);
	}
	preempt_enable();
	return entered;
}

/*
 * For tests: set this CPU's @busy, as if the caller had interrupted the bump's
 * user.  Preemption is disabled until it is cleared.
 */
void gom_persistent_set_busy(bool busy)
{
	this_cpu_write(cpu_bump.busy, busy);
}
GOM_EXPORT_FOR_TEST(gom_persistent_set_busy);

static void *global_bump_alloc(size_t size, size_t align, unsigned int site, struct chunk **chunk)
{
	unsigned long flags;
	void *p;

	raw_spin_lock_irqsave(&global_lock, flags);
	p = bump_alloc_or_refill(&global_bump, size, align, site, chunk);
	raw_spin_unlock_irqrestore(&global_lock, flags);
	return p;
}

/*
 * Metadata holds no pointer to an object that kmemleak tracks.  In sbrk mode
 * chunks hold the users' objects, whose pointers kmemleak must see.
 */
static void chunk_kmemleak_alloc(const void *chunk, size_t bytes, gfp_t gfp)
{
	if (gom_sbrk)
		kmemleak_alloc(chunk, bytes, 0, gfp);
}

static void chunk_kmemleak_free(const void *chunk)
{
	if (gom_sbrk)
		kmemleak_free(chunk);
}

/* Size of the next chunk of a bump that has had @had bytes: the same again. */
static size_t chunk_next_bytes(u64 had)
{
	return clamp_t(u64, had, FIRST_CHUNK, (size_t)gom_persistent_chunk_kb << 10);
}

/*
 * Allocate a zeroed chunk of @bytes; fewer if memory is short, but with space
 * for @need.  Only the minimum uses @gfp, on any node: memory beyond it is
 * worth neither waiting nor reserves nor another node's pages.
 */
static struct chunk *chunk_alloc(size_t bytes, size_t need, gfp_t gfp)
{
	const gfp_t try = gom_local_gfp(gom_gfp_light(gfp)), any = gfp & ~__GFP_THISNODE;
	struct chunk *chunk;

	need = PAGE_ALIGN(need + sizeof(*chunk));
	bytes = max(PAGE_ALIGN(bytes), need);
	for (;;) {
		bool last = bytes == need;

		chunk = alloc_pages_exact(bytes, (last ? any : try) | __GFP_ZERO);
		if (chunk || last)
			break;
		bytes = max(PAGE_ALIGN(bytes / 2), need);
	}
	if (!chunk)
		return NULL;
	gom_pages_own(virt_to_page(chunk), bytes >> PAGE_SHIFT);
	chunk->base = chunk;
	chunk->bytes = bytes;
	chunk_kmemleak_alloc(chunk, bytes, gfp);
	return chunk;
}

static void chunk_pages_free(void *p, size_t bytes)
{
	gom_pages_disown(virt_to_page(p), bytes >> PAGE_SHIFT);
	free_pages_exact(p, bytes);
}

/* Another context has refilled the bump meanwhile; nobody has seen @chunk. */
static void chunk_free(struct chunk *chunk)
{
	const size_t bytes = chunk->bytes;

	chunk_kmemleak_free(chunk);
	chunk_pages_free(chunk, bytes);
}

static void *persistent_alloc_bump(size_t size, size_t align, unsigned int site, gfp_t gfp)
{
	struct chunk *chunk = NULL;
	void *p = NULL;
	u64 had;

	/* @had is racy; it only chooses the size of the next chunk. */
	for (;;) {
		if (local_bump_alloc(size, align, site, &chunk, &p)) {
			had = READ_ONCE(raw_cpu_ptr(&cpu_bump)->info.bytes);
		} else {
			p = global_bump_alloc(size, align, site, &chunk);
			had = READ_ONCE(global_bump.info.bytes);
		}
		if (p)
			break;
		chunk = chunk_alloc(chunk_next_bytes(had), size + align, gfp);
		if (!chunk)
			return NULL;
		gom_test_point(GOM_AT_NEW_CHUNK, 0, 0);
	}
	if (chunk)
		chunk_free(chunk);
	return p;
}

static void direct_block_account(struct chunk *record, size_t size, unsigned int site)
{
	unsigned long flags;

	raw_spin_lock_irqsave(&direct_lock, flags);
	direct_info.chunks++;
	direct_info.bytes += record->bytes;
	direct_info.used += size;
	direct_info.wasted += record->bytes - size;
	direct_site_counts[site].requests++;
	direct_site_counts[site].bytes += size;
	llist_add(&record->node, &all_chunks);
	raw_spin_unlock_irqrestore(&direct_lock, flags);
}

static void *persistent_alloc_direct(size_t size, unsigned int site, gfp_t gfp)
{
	void *p = alloc_pages_exact(PAGE_ALIGN(size), (gfp & ~__GFP_THISNODE) | __GFP_ZERO);
	struct chunk *record;

	if (!p)
		return NULL;
	record = persistent_alloc_bump(sizeof(*record), sizeof(void *), GOM_OTHER_SYS,
				       gfp & ~__GFP_DMA);
	if (!record) {
		free_pages_exact(p, PAGE_ALIGN(size));
		return NULL;
	}
	gom_pages_own(virt_to_page(p), PAGE_ALIGN(size) >> PAGE_SHIFT);
	record->base = p;
	record->bytes = PAGE_ALIGN(size);
	chunk_kmemleak_alloc(p, record->bytes, gfp);
	direct_block_account(record, size, site);
	return p;
}

/* Go throws on an invalid request.  Here it is reported and fails. */
static bool persistent_request_valid(size_t size, size_t align, enum gom_stat stat,
				     unsigned long caller)
{
	if (!size || (unsigned int)stat >= GOM_NR_STATS)
		gom_report(GOM_BAD_PERSISTENT, caller, "persistent allocation of size %zu for statistic %u",
			   size, stat);
	else if (align && !is_power_of_2(align))
		gom_report(GOM_BAD_PERSISTENT, caller, "persistent allocation: alignment %zu is not a power of two",
			   align);
	else if (align > PAGE_SIZE)
		gom_report(GOM_BAD_PERSISTENT, caller, "persistent allocation: alignment %zu is above a page",
			   align);
	else
		return true;
	return false;
}

/* === Call sites === */

/* Racy against the counters' owner; a statistic. */
static void call_site_add_counts(const struct call_site_counts *counts, struct gom_call_site *sum)
{
	sum->requests += READ_ONCE(counts->requests);
	sum->bytes += READ_ONCE(counts->bytes);
}

/*
 * The entry of @caller; entry @stat, which has no caller, if the table is full.
 *
 * The cmpxchg() claims an entry, and @stat follows.  Two CPUs that are the
 * first for a caller at once, or one that reads an entry before its @stat is
 * written, create a second entry.  That is harmless: readers sum up.  The
 * READ_ONCE() here and in gom_persistent_read_site() pair with the cmpxchg()
 * and WRITE_ONCE() here.
 */
static unsigned int call_site_find(unsigned long caller, enum gom_stat stat)
{
	const unsigned int nr_callers = MAX_SITES - GOM_NR_STATS;
	unsigned int first = reciprocal_scale(hash_long(caller + stat, 32), nr_callers), n, i;

	for (n = 0; n < nr_callers; n++) {
		i = GOM_NR_STATS + (first + n) % nr_callers;
		if (READ_ONCE(sites[i].caller) == caller && READ_ONCE(sites[i].stat) == stat)
			return i;
		if (!READ_ONCE(sites[i].caller) && !cmpxchg(&sites[i].caller, 0, caller)) {
			WRITE_ONCE(sites[i].stat, stat);
			return i;
		}
	}
	return stat;
}

/* Read entry @nr of the call sites; false if there is none. */
bool gom_persistent_read_site(unsigned int nr, struct gom_call_site *site)
{
	int cpu;

	if (nr >= MAX_SITES)
		return false;
	*site = (struct gom_call_site) {
		.caller = READ_ONCE(sites[nr].caller),
		.stat = nr < GOM_NR_STATS ? nr : READ_ONCE(sites[nr].stat),
	};
	for_each_possible_cpu(cpu)
		call_site_add_counts(&per_cpu(cpu_bump, cpu).site_counts[nr], site);
	call_site_add_counts(&global_bump.site_counts[nr], site);
	call_site_add_counts(&direct_site_counts[nr], site);
	return true;
}
GOM_EXPORT_FOR_TEST(gom_persistent_read_site);

/* Sum of all call sites that allocate under @stat. */
void gom_persistent_read_stat(enum gom_stat stat, struct gom_call_site *sum)
{
	struct gom_call_site site;
	unsigned int i;

	*sum = (struct gom_call_site) { .stat = stat };
	for (i = 0; gom_persistent_read_site(i, &site); i++) {
		if (site.stat != stat)
			continue;
		sum->requests += site.requests;
		sum->bytes += site.bytes;
	}
}

/* === Interface === */

static void *persistent_alloc_site(unsigned int site, size_t size, size_t align, gfp_t gfp)
{
	if (size >= GOM_PERSISTENT_MAX_BLOCK || unlikely(gfp & __GFP_DMA))
		return persistent_alloc_direct(size, site, gfp);
	return persistent_alloc_bump(size, align, site, gfp);
}

/*
 * gom_persistent_alloc_gfp() without validation and without a call site: the
 * caller has validated the request.  Cuts from a chunk; large requests, and
 * those for a zone, get pages of their own.
 */
void *gom_persistent_bump(size_t size, size_t align, enum gom_stat stat, gfp_t gfp)
{
	return persistent_alloc_site(stat, size, align, gfp);
}

static void *persistent_alloc(size_t size, size_t align, enum gom_stat stat, gfp_t gfp,
			      unsigned long caller)
{
	if (!persistent_request_valid(size, align, stat, caller))
		return NULL;
	return persistent_alloc_site(call_site_find(caller, stat), size,
				     align ?: GOM_PERSISTENT_ALIGN, gfp);
}

/* gom_persistent_alloc() with @gfp; may sleep if @gfp allows it. */
void *gom_persistent_alloc_gfp(size_t size, size_t align, enum gom_stat stat, gfp_t gfp)
{
	return persistent_alloc(size, align, stat, gfp, _RET_IP_);
}

/**
 * gom_persistent_alloc - allocate memory that is never freed
 * @size: size in bytes; 0 is refused
 * @align: alignment in bytes, a power of two up to a page; 0 means 8
 * @stat: name under which the bytes are accounted in debugfs
 *
 * For small metadata that lives as long as the module.  The rules are those of
 * Go's persistentalloc (2013, per CPU since 2015).
 *
 * Context: any but NMI.  Never sleeps.
 * Return: zeroed memory, or NULL if there is none or the request was refused.
 */
void *gom_persistent_alloc(size_t size, size_t align, enum gom_stat stat)
{
	return persistent_alloc(size, align, stat, GFP_NOWAIT | __GFP_NOWARN, _RET_IP_);
}
EXPORT_SYMBOL_GPL(gom_persistent_alloc);

/*
 * The counters of possible CPU @cpu; of the global bump if @cpu is -1; of the
 * direct blocks if it is -2.
 */
struct gom_persistent_info *gom_persistent_info_of(int cpu)
{
	if (cpu == -2)
		return &direct_info;
	return cpu == -1 ? &global_bump.info : &per_cpu(cpu_bump, cpu).info;
}
GOM_EXPORT_FOR_TEST(gom_persistent_info_of);

/* A copy of gom_persistent_info_of(@cpu).  Racy while memory is allocated. */
void gom_persistent_info(int cpu, struct gom_persistent_info *info)
{
	*info = *gom_persistent_info_of(cpu);
}
GOM_EXPORT_FOR_TEST(gom_persistent_info);

static void bump_check(const struct bump *b, int cpu, gom_mismatch_fn report, void *ctx)
{
	u64 bytes = b->info.chunks * sizeof(struct chunk);
	unsigned int i;

	for (i = 0; i < MAX_SITES; i++)
		bytes += b->site_counts[i].bytes;
	if (b->info.used + b->info.wasted + (b->end - b->pos) != b->info.bytes)
		report(ctx, "chunks of cpu %d: %llu bytes, but %llu used, %llu wasted and %ld left",
		       cpu, b->info.bytes, b->info.used, b->info.wasted, (long)(b->end - b->pos));
	if (bytes != b->info.used)
		report(ctx, "chunks of cpu %d: %llu bytes used, %llu at call sites", cpu,
		       b->info.used, bytes);
}

/*
 * The part of the consistency check for this file.  Calls @report with
 * @ctx for each mismatch between chunks and counters.
 */
void gom_persistent_check(gom_mismatch_fn report, void *ctx)
{
	const struct chunk *chunk;
	u64 bytes = 0;
	int cpu;

	bump_check(&global_bump, -1, report, ctx);
	for_each_possible_cpu(cpu)
		bump_check(&per_cpu(cpu_bump, cpu), cpu, report, ctx);
	llist_for_each_entry(chunk, all_chunks.first, node)
		bytes += chunk->bytes;
	if (bytes != gom_persistent_bytes())
		report(ctx, "all chunks: %llu bytes, %llu accounted", bytes,
		       gom_persistent_bytes());
}

/* Bytes taken from the page allocator, for chunks and direct blocks. */
u64 gom_persistent_bytes(void)
{
	u64 bytes = direct_info.bytes + global_bump.info.bytes;
	int cpu;

	for_each_possible_cpu(cpu)
		bytes += READ_ONCE(per_cpu(cpu_bump, cpu).info.bytes);
	return bytes;
}

/*
 * Free all memory of the persistent allocator.  The last step of module exit;
 * no metadata may be used afterwards.
 */
void gom_persistent_free_all(void)
{
	struct llist_node *node = llist_del_all(&all_chunks);
	struct chunk *chunk, *next, *inside = NULL;

	/*
	 * Headers of direct blocks lie inside chunks, so the direct blocks are
	 * freed first.
	 */
	llist_for_each_entry_safe(chunk, next, node, node) {
		chunk_kmemleak_free(chunk->base);
		if (chunk->base != chunk) {
			chunk_pages_free(chunk->base, chunk->bytes);
		} else {
			chunk->node.next = inside ? &inside->node : NULL;
			inside = chunk;
		}
	}
	node = inside ? &inside->node : NULL;
	llist_for_each_entry_safe(chunk, next, node, node)
		chunk_pages_free(chunk, chunk->bytes);
}
