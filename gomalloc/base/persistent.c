// SPDX-License-Identifier: GPL-2.0
/*
 * The persistent allocator (Go: persistentalloc, 2013 and 2015).
 *
 * Each CPU bumps a pointer through a chunk of its own.  The first is small;
 * each further one is as large as all before it together, up to 256 KiB by
 * default. So a CPU that asks for little has little, and one that asks for much
 * seldom asks the page allocator.  There is no free; the chunks go back when
 * the module does. Requests of 64 KiB and more come straight from the page
 * allocator.
 *
 * Who may touch what
 * ------------------
 * A CPU's bump is used by that CPU alone, with preemption off and @busy set.
 * An interrupt that finds @busy set came in the middle of an operation of the
 * same CPU; it uses the global bump, which a raw spinlock with interrupts off
 * protects.  Neither is held while a chunk is taken from the page allocator,
 * so that this may sleep when the caller may, and PREEMPT_RT is content.  Who
 * comes back with a chunk and finds that another has brought one meanwhile takes
 * from that and gives his own back.
 * The list of chunks only grows and is read only when nobody allocates.  A chunk is
 * listed and counted in one go, so that the check finds one where it finds the other.
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
#include "base/pages.h"
#include "base/persistent.h"
#include "base/report.h"

unsigned int gom_persistent_chunk_kb = 256;

#define FIRST_CHUNK	(16U << 10)

/* At the head of each chunk; a direct block's record is a block by itself. */
struct chunk {
	struct llist_node node;
	void *base;
	size_t bytes;
};

/*
 * A place in the code that asks, and the name it asks under; made once, never
 * changed.  The first ones, one for each name, have no place: they stand for
 * callers that need none, and for those that came when the table was full.
 */
struct site {
	unsigned long caller;
	enum gom_stat stat;
};

#define MAX_SITES	64U

/* What one of them was given. */
struct account {
	u64 requests;
	u64 bytes;
};

/* One bump allocator: [pos, end) is free. */
struct bump {
	char *pos;
	char *end;
	struct gom_persistent_info info;
	struct account account[MAX_SITES];
	u8 busy;
};

/* As Documentation/persistent.rst has it. */
static_assert(BITS_PER_LONG < 64 || sizeof(struct bump) <= 1088);

static DEFINE_PER_CPU(struct bump, cpu_bump);
static DEFINE_RAW_SPINLOCK(global_lock);	/* protects global_bump */
static struct bump global_bump;
static DEFINE_RAW_SPINLOCK(direct_lock);	/* protects what follows */
static struct gom_persistent_info direct_info;
static struct account direct_account[MAX_SITES];

static struct site sites[MAX_SITES];

static LLIST_HEAD(all_chunks);

static void *bump_take(struct bump *b, size_t size, size_t align, unsigned int site)
{
	char *p = PTR_ALIGN(b->pos, align);

	if (!b->pos || p > b->end || size > b->end - p)
		return NULL;
	b->info.used += size;
	b->info.wasted += p - b->pos;
	b->pos = p + size;
	b->account[site].requests++;
	b->account[site].bytes += size;
	return p;
}

/* Give up what is left of the old chunk and go on in a new one. */
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

/* Take from @b; move it on to *@chunk, if there is one, only if it has too little. */
static void *bump_take_or_refill(struct bump *b, size_t size, size_t align, unsigned int site,
				 struct chunk **chunk)
{
	void *p = bump_take(b, size, align, site);

	if (p || !*chunk)
		return p;
	bump_refill(b, *chunk);
	*chunk = NULL;
	return bump_take(b, size, align, site);
}

/*
 * Take from this CPU's bump; *@chunk is new memory for it, NULL afterwards if
 * it was needed.  False if an interrupt hit the CPU in here: then nothing was
 * done.
 */
static bool take_local(size_t size, size_t align, unsigned int site, struct chunk **chunk,
		       void **p)
{
	bool mine;
	struct bump *b;

	preempt_disable();
	b = this_cpu_ptr(&cpu_bump);
	mine = !b->busy;
	if (mine) {
		WRITE_ONCE(b->busy, 1);
		barrier();
		*p = bump_take_or_refill(b, size, align, site, chunk);
		barrier();
		WRITE_ONCE(b->busy, 0);
	}
	preempt_enable();
	return mine;
}

/*
 * For the tests: what an interrupt does in here that came in the middle of an
 * operation of this CPU.  Preemption is off in between.
 */
void gom_persistent_set_busy(bool busy)
{
	this_cpu_write(cpu_bump.busy, busy);
}
GOM_EXPORT_FOR_TEST(gom_persistent_set_busy);

static void *take_global(size_t size, size_t align, unsigned int site, struct chunk **chunk)
{
	unsigned long flags;
	void *p;

	raw_spin_lock_irqsave(&global_lock, flags);
	p = bump_take_or_refill(&global_bump, size, align, site, chunk);
	raw_spin_unlock_irqrestore(&global_lock, flags);
	return p;
}

/* Pointers in metadata lead nowhere else; those in objects of sbrk mode may. */
static void tell_kmemleak(const void *chunk, size_t bytes, gfp_t gfp)
{
	if (gom_sbrk)
		kmemleak_alloc(chunk, bytes, 0, gfp);
}

static void forget_kmemleak(const void *chunk)
{
	if (gom_sbrk)
		kmemleak_free(chunk);
}

/* How large the next chunk is to be of who has had @had bytes: as much again. */
static size_t next_bytes(u64 had)
{
	return clamp_t(u64, had, FIRST_CHUNK, (size_t)gom_persistent_chunk_kb << 10);
}

/*
 * A zeroed chunk of @bytes and with a capacity of @need at least, or less than
 * @bytes if there is no more.  What is not needed now is worth neither waiting
 * nor reserves.
 */
static struct chunk *new_chunk(size_t bytes, size_t need, gfp_t gfp)
{
	const gfp_t try = gom_gfp_polite(gfp);
	struct chunk *chunk;

	need = PAGE_ALIGN(need + sizeof(*chunk));
	bytes = max(PAGE_ALIGN(bytes), need);
	for (;;) {
		bool last = bytes == need;

		chunk = alloc_pages_exact(bytes, (last ? gfp : try) | __GFP_ZERO);
		if (chunk || last)
			break;
		bytes = max(PAGE_ALIGN(bytes / 2), need);
	}
	if (!chunk)
		return NULL;
	gom_pages_own(virt_to_page(chunk), bytes >> PAGE_SHIFT);
	chunk->base = chunk;
	chunk->bytes = bytes;
	tell_kmemleak(chunk, bytes, gfp);
	return chunk;
}

static void give_pages(void *p, size_t bytes)
{
	gom_pages_disown(virt_to_page(p), bytes >> PAGE_SHIFT);
	free_pages_exact(p, bytes);
}

/* Another has brought one meanwhile. */
static void give_back(struct chunk *chunk)
{
	const size_t bytes = chunk->bytes;

	forget_kmemleak(chunk);
	give_pages(chunk, bytes);
}

static void *alloc_bumped(size_t size, size_t align, unsigned int site, gfp_t gfp)
{
	struct chunk *chunk = NULL;
	void *p = NULL;
	u64 had;

	for (;;) {
		if (take_local(size, align, site, &chunk, &p)) {
			had = READ_ONCE(raw_cpu_ptr(&cpu_bump)->info.bytes);
		} else {
			p = take_global(size, align, site, &chunk);
			had = READ_ONCE(global_bump.info.bytes);
		}
		if (p)
			break;
		chunk = new_chunk(next_bytes(had), size + align, gfp);
		if (!chunk)
			return NULL;
		gom_test_point(GOM_AT_NEW_CHUNK, 0, 0);
	}
	if (chunk)
		give_back(chunk);
	return p;
}

static void account_direct(struct chunk *record, size_t size, unsigned int site)
{
	unsigned long flags;

	raw_spin_lock_irqsave(&direct_lock, flags);
	direct_info.chunks++;
	direct_info.bytes += record->bytes;
	direct_info.used += size;
	direct_info.wasted += record->bytes - size;
	direct_account[site].requests++;
	direct_account[site].bytes += size;
	llist_add(&record->node, &all_chunks);
	raw_spin_unlock_irqrestore(&direct_lock, flags);
}

static void *alloc_direct(size_t size, unsigned int site, gfp_t gfp)
{
	void *p = alloc_pages_exact(PAGE_ALIGN(size), gfp | __GFP_ZERO);
	struct chunk *record;

	if (!p)
		return NULL;
	record = alloc_bumped(sizeof(*record), sizeof(void *), GOM_OTHER_SYS, gfp & ~__GFP_DMA);
	if (!record) {
		free_pages_exact(p, PAGE_ALIGN(size));
		return NULL;
	}
	gom_pages_own(virt_to_page(p), PAGE_ALIGN(size) >> PAGE_SHIFT);
	record->base = p;
	record->bytes = PAGE_ALIGN(size);
	tell_kmemleak(p, record->bytes, gfp);
	account_direct(record, size, site);
	return p;
}

/* Go throws here; a kernel's caller gets one line and NULL. */
static bool valid_request(size_t size, size_t align, enum gom_stat stat, unsigned long caller)
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

/* === Who asked === */

static void add_account(const struct account *account, struct gom_call_site *sum)
{
	sum->requests += READ_ONCE(account->requests);
	sum->bytes += READ_ONCE(account->bytes);
}

/*
 * The place for @caller.  Two who come first at the same time, or one whose place
 * is not complete yet, get one more.
 */
static unsigned int find_site(unsigned long caller, enum gom_stat stat)
{
	const unsigned int places = MAX_SITES - GOM_NR_STATS;
	unsigned int first = reciprocal_scale(hash_long(caller + stat, 32), places), n, i;

	for (n = 0; n < places; n++) {
		i = GOM_NR_STATS + (first + n) % places;
		if (READ_ONCE(sites[i].caller) == caller && READ_ONCE(sites[i].stat) == stat)
			return i;
		if (!READ_ONCE(sites[i].caller) && !cmpxchg(&sites[i].caller, 0, caller)) {
			WRITE_ONCE(sites[i].stat, stat);
			return i;
		}
	}
	return stat;
}

/* The @nr-th place that asked; false if there are no more. */
bool gom_persistent_read_site(unsigned int nr, struct gom_call_site *who)
{
	int cpu;

	if (nr >= MAX_SITES)
		return false;
	*who = (struct gom_call_site) {
		.caller = READ_ONCE(sites[nr].caller),
		.stat = nr < GOM_NR_STATS ? nr : READ_ONCE(sites[nr].stat),
	};
	for_each_possible_cpu(cpu)
		add_account(&per_cpu(cpu_bump, cpu).account[nr], who);
	add_account(&global_bump.account[nr], who);
	add_account(&direct_account[nr], who);
	return true;
}
GOM_EXPORT_FOR_TEST(gom_persistent_read_site);

/* All that was asked for under one name. */
void gom_persistent_read_stat(enum gom_stat stat, struct gom_call_site *sum)
{
	struct gom_call_site who;
	unsigned int i;

	*sum = (struct gom_call_site) { .stat = stat };
	for (i = 0; gom_persistent_read_site(i, &who); i++) {
		if (who.stat != stat)
			continue;
		sum->requests += who.requests;
		sum->bytes += who.bytes;
	}
}

/* === The interface === */

static void *alloc_for(unsigned int site, size_t size, size_t align, gfp_t gfp)
{
	if (size >= GOM_PERSISTENT_MAX_BLOCK || unlikely(gfp & __GFP_DMA))
		return alloc_direct(size, site, gfp);
	return alloc_bumped(size, align, site, gfp);
}

/*
 * Memory from a chunk, or from pages if it is much or for a zone, accounted under
 * @stat, of which the caller knows that the request makes sense.
 */
void *gom_persistent_bump(size_t size, size_t align, enum gom_stat stat, gfp_t gfp)
{
	return alloc_for(stat, size, align, gfp);
}

static void *persistent_alloc(size_t size, size_t align, enum gom_stat stat, gfp_t gfp,
			      unsigned long caller)
{
	if (!valid_request(size, align, stat, caller))
		return NULL;
	return alloc_for(find_site(caller, stat), size, align ?: GOM_PERSISTENT_ALIGN, gfp);
}

/* As gom_persistent_alloc(), for callers that may or may not sleep. */
void *gom_persistent_alloc_gfp(size_t size, size_t align, enum gom_stat stat, gfp_t gfp)
{
	return persistent_alloc(size, align, stat, gfp, _RET_IP_);
}

/**
 * gom_persistent_alloc - allocate memory that lives as long as gomalloc
 * @size: bytes; 0 is refused
 * @align: alignment in bytes, a power of two up to a page; 0 means 8
 * @stat: the name under which the bytes are accounted in debugfs
 *
 * For small metadata that is never freed; there is no way to free it.  The
 * rules are those of Go's persistentalloc (2013, per CPU since 2015).
 *
 * Context: any but NMI.  Never sleeps.
 * Return: zeroed memory, or NULL if there is none or the request was refused.
 */
void *gom_persistent_alloc(size_t size, size_t align, enum gom_stat stat)
{
	return persistent_alloc(size, align, stat, GFP_NOWAIT | __GFP_NOWARN, _RET_IP_);
}
EXPORT_SYMBOL_GPL(gom_persistent_alloc);

/* Those of the possible CPU @cpu, of the global bump for -1, of the direct blocks for -2. */
struct gom_persistent_info *gom_persistent_info_of(int cpu)
{
	if (cpu == -2)
		return &direct_info;
	return cpu == -1 ? &global_bump.info : &per_cpu(cpu_bump, cpu).info;
}
GOM_EXPORT_FOR_TEST(gom_persistent_info_of);

/* A copy of them; not exact while somebody allocates. */
void gom_persistent_info(int cpu, struct gom_persistent_info *info)
{
	*info = *gom_persistent_info_of(cpu);
}
GOM_EXPORT_FOR_TEST(gom_persistent_info);

static void check_bump(const struct bump *b, int cpu, gom_wrong_fn wrong)
{
	u64 bytes = b->info.chunks * sizeof(struct chunk);
	unsigned int i;

	for (i = 0; i < MAX_SITES; i++)
		bytes += b->account[i].bytes;
	if (b->info.used + b->info.wasted + (b->end - b->pos) != b->info.bytes)
		wrong("chunks of cpu %d: %llu bytes are not %llu used, %llu wasted and %ld left",
		      cpu, b->info.bytes, b->info.used, b->info.wasted, (long)(b->end - b->pos));
	if (bytes != b->info.used)
		wrong("chunks of cpu %d: %llu bytes used, %llu on account", cpu, b->info.used,
		      bytes);
}

/* For the consistency check, which is told with @wrong: chunks, and what was cut off them. */
void gom_persistent_check(gom_wrong_fn wrong)
{
	const struct chunk *chunk;
	u64 bytes = 0;
	int cpu;

	check_bump(&global_bump, -1, wrong);
	for_each_possible_cpu(cpu)
		check_bump(&per_cpu(cpu_bump, cpu), cpu, wrong);
	llist_for_each_entry(chunk, all_chunks.first, node)
		bytes += chunk->bytes;
	if (bytes != gom_persistent_bytes())
		wrong("all chunks: %llu bytes, %llu counted", bytes, gom_persistent_bytes());
}

/* Bytes taken from the page allocator. */
u64 gom_persistent_bytes(void)
{
	u64 bytes = direct_info.bytes + global_bump.info.bytes;
	int cpu;

	for_each_possible_cpu(cpu)
		bytes += READ_ONCE(per_cpu(cpu_bump, cpu).info.bytes);
	return bytes;
}

/* The last act of the module: nothing that lived here may be touched after. */
void gom_persistent_free_all(void)
{
	struct llist_node *node = llist_del_all(&all_chunks);
	struct chunk *chunk, *next, *inside = NULL;

	/* Records of direct blocks lie inside chunks: the blocks go first. */
	llist_for_each_entry_safe(chunk, next, node, node) {
		forget_kmemleak(chunk->base);
		if (chunk->base != chunk) {
			give_pages(chunk->base, chunk->bytes);
		} else {
			chunk->node.next = inside ? &inside->node : NULL;
			inside = chunk;
		}
	}
	node = inside ? &inside->node : NULL;
	llist_for_each_entry_safe(chunk, next, node, node)
		give_pages(chunk, chunk->bytes);
}
