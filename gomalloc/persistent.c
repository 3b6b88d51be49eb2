// SPDX-License-Identifier: GPL-2.0
/*
 * The persistent allocator (Go: persistentalloc, 2013 and 2015).
 *
 * Each CPU bumps a pointer through a chunk of its own, 256 KiB by default.
 * There is no free; the chunks go back when the module does.  Requests of
 * 64 KiB and more come straight from the page allocator.
 *
 * Who may touch what
 * ------------------
 * A CPU's bump is used by that CPU alone, with preemption off and @busy set.
 * An interrupt that finds @busy set came in the middle of an operation of the
 * same CPU; it uses the global bump, which a raw spinlock with interrupts off
 * protects.  Neither is held while a chunk is taken from the page allocator,
 * so that this may sleep when the caller may, and PREEMPT_RT is content.
 * The list of chunks only grows and is read only when nobody allocates.
 */
#include <linux/kmemleak.h>
#include <linux/llist.h>
#include <linux/log2.h>
#include <linux/mm.h>
#include <linux/percpu.h>
#include <linux/spinlock.h>

#include "compat.h"
#include "persistent.h"
#include "report.h"
#include "sbrk.h"
#include "stats.h"

unsigned int gom_persistent_chunk_kb = 256;

/* At the head of each chunk; a direct block's record is a block by itself. */
struct chunk {
	struct llist_node node;
	void *base;
	size_t bytes;
};

/* What was asked for under one name. */
struct account {
	u64 requests;
	u64 bytes;
};

/* One bump allocator: [pos, end) is free. */
struct bump {
	char *pos;
	char *end;
	struct gom_persistent_info info;
	struct account account[GOM_NR_STATS];
	u8 busy;
};

static DEFINE_PER_CPU(struct bump, cpu_bump);
static DEFINE_RAW_SPINLOCK(global_lock);	/* protects global_bump */
static struct bump global_bump;
static DEFINE_RAW_SPINLOCK(direct_lock);	/* protects what follows */
static struct gom_persistent_info direct_info;
static struct account direct_account[GOM_NR_STATS];

static LLIST_HEAD(all_chunks);

static void *bump_take(struct bump *b, size_t size, size_t align, enum gom_stat stat)
{
	char *p = PTR_ALIGN(b->pos, align);

	if (!b->pos || p > b->end || size > b->end - p)
		return NULL;
	b->info.used += size;
	b->info.wasted += p - b->pos;
	b->pos = p + size;
	b->account[stat].requests++;
	b->account[stat].bytes += size;
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
}

/*
 * Take from this CPU's bump, after moving it on to @chunk if one is given.
 * False if an interrupt hit the CPU in here: then nothing was done.
 */
static bool take_local(size_t size, size_t align, enum gom_stat stat, struct chunk *chunk, void **p)
{
	bool mine;
	struct bump *b;

	preempt_disable();
	b = this_cpu_ptr(&cpu_bump);
	mine = !b->busy;
	if (mine) {
		WRITE_ONCE(b->busy, 1);
		barrier();
		if (chunk)
			bump_refill(b, chunk);
		*p = bump_take(b, size, align, stat);
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

static void *take_global(size_t size, size_t align, enum gom_stat stat, struct chunk *chunk)
{
	unsigned long flags;
	void *p;

	raw_spin_lock_irqsave(&global_lock, flags);
	if (chunk)
		bump_refill(&global_bump, chunk);
	p = bump_take(&global_bump, size, align, stat);
	raw_spin_unlock_irqrestore(&global_lock, flags);
	return p;
}

/* Pointers in metadata lead nowhere else; those in objects of sbrk mode may. */
static void tell_kmemleak(const void *chunk, size_t bytes, gfp_t gfp)
{
	if (gom_sbrk)
		kmemleak_alloc(chunk, bytes, 0, gfp);
}

/* A zeroed chunk with room for @need bytes: the full size, or what there is. */
static struct chunk *new_chunk(size_t need, gfp_t gfp)
{
	size_t bytes = (size_t)gom_persistent_chunk_kb << 10;
	struct chunk *chunk;
	gfp_t try = (gfp & ~(__GFP_DIRECT_RECLAIM | __GFP_NOFAIL)) | __GFP_NOWARN;

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
	chunk->base = chunk;
	chunk->bytes = bytes;
	tell_kmemleak(chunk, bytes, gfp);
	llist_add(&chunk->node, &all_chunks);
	return chunk;
}

static void *alloc_bumped(size_t size, size_t align, enum gom_stat stat, gfp_t gfp)
{
	struct chunk *chunk = NULL;
	void *p = NULL;

	for (;;) {
		if (!take_local(size, align, stat, chunk, &p))
			p = take_global(size, align, stat, chunk);
		if (p)
			return p;
		chunk = new_chunk(size + align, gfp);
		if (!chunk)
			return NULL;
	}
}

static void account_direct(size_t size, size_t pages_size, enum gom_stat stat)
{
	unsigned long flags;

	raw_spin_lock_irqsave(&direct_lock, flags);
	direct_info.chunks++;
	direct_info.bytes += pages_size;
	direct_info.used += size;
	direct_info.wasted += pages_size - size;
	direct_account[stat].requests++;
	direct_account[stat].bytes += size;
	raw_spin_unlock_irqrestore(&direct_lock, flags);
}

static void *alloc_direct(size_t size, enum gom_stat stat, gfp_t gfp)
{
	struct chunk *record = alloc_bumped(sizeof(*record), sizeof(void *), GOM_OTHER_SYS,
					    gfp & ~__GFP_DMA);
	void *p;

	if (!record)
		return NULL;
	p = alloc_pages_exact(PAGE_ALIGN(size), gfp | __GFP_ZERO);
	if (!p)
		return NULL;
	record->base = p;
	record->bytes = PAGE_ALIGN(size);
	tell_kmemleak(p, record->bytes, gfp);
	llist_add(&record->node, &all_chunks);
	account_direct(size, record->bytes, stat);
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

#define MAX_ASKERS	64U

/* A place in the code that asks under one name; made once, never changed. */
struct asker {
	unsigned long caller;
	enum gom_stat stat;
};

static struct asker askers[MAX_ASKERS];	/* the last one stands for all without a place */
static DEFINE_PER_CPU(struct gom_persistent_asker[MAX_ASKERS], asked);

/* The place for @caller; two who come first at the same time get one or two. */
static unsigned int find_asker(unsigned long caller, enum gom_stat stat)
{
	unsigned int i;

	for (i = 0; i < MAX_ASKERS - 1; i++) {
		if (READ_ONCE(askers[i].caller) == caller && askers[i].stat == stat)
			break;
		if (!askers[i].caller && !cmpxchg(&askers[i].caller, 0, caller)) {
			askers[i].stat = stat;
			break;
		}
	}
	return i;
}

static void count_asker(unsigned long caller, enum gom_stat stat, size_t size)
{
	unsigned int i = find_asker(caller, stat);

	this_cpu_inc(asked[i].requests);
	this_cpu_add(asked[i].bytes, size);
}

/* The @nr-th place that asked; false if there are no more. */
bool gom_persistent_read_asker(unsigned int nr, struct gom_persistent_asker *who)
{
	int cpu;

	if (nr >= MAX_ASKERS)
		return false;
	*who = (struct gom_persistent_asker) {
		.caller = READ_ONCE(askers[nr].caller),
		.stat = askers[nr].stat,
	};
	for_each_possible_cpu(cpu) {
		who->requests += READ_ONCE(per_cpu(asked, cpu)[nr].requests);
		who->bytes += READ_ONCE(per_cpu(asked, cpu)[nr].bytes);
	}
	return true;
}
GOM_EXPORT_FOR_TEST(gom_persistent_read_asker);

/* === The interface === */

/*
 * Memory from a chunk, or from pages if it is much or for a zone, booked under
 * @stat, of which the caller knows that the request makes sense.
 */
void *gom_persistent_bump(size_t size, size_t align, enum gom_stat stat, gfp_t gfp)
{
	if (size >= GOM_PERSISTENT_MAX_BLOCK || unlikely(gfp & __GFP_DMA))
		return alloc_direct(size, stat, gfp);
	return alloc_bumped(size, align, stat, gfp);
}

static void *persistent_alloc(size_t size, size_t align, enum gom_stat stat, gfp_t gfp,
			      unsigned long caller)
{
	void *p;

	if (!valid_request(size, align, stat, caller))
		return NULL;
	p = gom_persistent_bump(size, align ?: GOM_PERSISTENT_ALIGN, stat, gfp);
	if (p)
		count_asker(caller, stat, size);
	return p;
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
 * @stat: the name under which the bytes are booked in debugfs
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

/*
 * Figures of the possible CPU @cpu, of the global bump for -1, of the direct
 * blocks for -2.  Not exact while somebody allocates.
 */
void gom_persistent_info(int cpu, struct gom_persistent_info *info)
{
	if (cpu == -2)
		*info = direct_info;
	else if (cpu == -1)
		*info = global_bump.info;
	else
		*info = per_cpu(cpu_bump, cpu).info;
}
GOM_EXPORT_FOR_TEST(gom_persistent_info);

static void add_account(const struct account *account, struct gom_persistent_asker *sum)
{
	sum->requests += READ_ONCE(account->requests);
	sum->bytes += READ_ONCE(account->bytes);
}

/* All that was asked for under one name. */
void gom_persistent_read_stat(enum gom_stat stat, struct gom_persistent_asker *sum)
{
	int cpu;

	*sum = (struct gom_persistent_asker) { .stat = stat };
	for_each_possible_cpu(cpu)
		add_account(&per_cpu(cpu_bump, cpu).account[stat], sum);
	add_account(&global_bump.account[stat], sum);
	add_account(&direct_account[stat], sum);
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
		if (gom_sbrk)
			kmemleak_free(chunk->base);
		if (chunk->base != chunk) {
			free_pages_exact(chunk->base, chunk->bytes);
		} else {
			chunk->node.next = inside ? &inside->node : NULL;
			inside = chunk;
		}
	}
	node = inside ? &inside->node : NULL;
	llist_for_each_entry_safe(chunk, next, node, node)
		free_pages_exact(chunk, chunk->bytes);
}
