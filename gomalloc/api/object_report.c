// SPDX-License-Identifier: GPL-2.0
/*
 * Reports about debugged objects (object_debug.h), in the layout that readers
 * of SLUB's know: what is wrong, who allocated and freed the object, its bytes,
 * how it was mended.
 *
 * Stacks are kept in the kernel's stack depot.  At most REPORTS are printed in
 * INTERVAL; others are only counted.
 *
 * Context: any that printk() may be called from, NMI included; tracks are set in
 * any but NMI.
 */
#include <linux/jiffies.h>
#include <linux/kasan.h>
#include <linux/minmax.h>
#include <linux/mm.h>
#include <linux/printk.h>
#include <linux/ratelimit.h>
#include <linux/sched.h>
#include <linux/smp.h>
#include <linux/stackdepot.h>

#include "api/object_debug.h"
#include "api/object_report.h"
#include "base/class.h"
#include "base/compat.h"
#include "base/report.h"
#include "heap/pagemap.h"

#define REPORTS		10
#define INTERVAL	(5 * HZ)
#define STACK_ENTRIES	16

static DEFINE_RATELIMIT_STATE(report_limit, INTERVAL, REPORTS);

/* === Tracks === */

/*
 * Before the first track.  If the stack depot is not in use yet, it allocates a
 * table; if that fails, there are call sites, but no stacks.  May sleep.
 */
void gom_debug_track_init(void)
{
#ifdef CONFIG_STACKDEPOT
	stack_depot_init();
#endif
}

/*
 * The stack of the call from @caller; 0 if there is no memory for it.  @gfp, 0
 * for a free, is the caller's: who must not wake kswapd, as it may hold a lock
 * of the scheduler, does not do so here either.
 */
static u32 stack_save(gfp_t gfp, unsigned long caller)
{
#ifdef CONFIG_STACKDEPOT
	unsigned long entries[STACK_ENTRIES];
	unsigned int nr = gom_stack_save(entries, STACK_ENTRIES), i;

	/* What is above the call site is gomalloc's own. */
	for (i = 0; i < nr && entries[i] != caller; i++)
		;
	if (i == nr)
		i = 0;
	return stack_depot_save(entries + i, nr - i,
				(gfp & __GFP_KSWAPD_RECLAIM) | __GFP_NOWARN);
#else
	return 0;
#endif
}

void gom_debug_track_set(struct gom_debug_track *t, gfp_t gfp, unsigned long caller)
{
	*t = (struct gom_debug_track) {
		.caller = caller,
		.when = jiffies,
		.stack = stack_save(gfp, caller),
		.cpu = raw_smp_processor_id(),
		.pid = current->pid,
	};
}

static void track_print(const struct gom_debug_layout *d, const void *p, enum gom_debug_user user)
{
	const struct gom_debug_track *t = gom_debug_track(d, p, user);

	if (!(d->flags & SLAB_STORE_USER) || !t->caller)
		return;
	pr_err("%s in %pS age=%lu cpu=%d pid=%d\n",
	       user == GOM_DEBUG_ALLOCATED ? "Allocated" : "Freed", (void *)t->caller,
	       jiffies - t->when, t->cpu, t->pid);
#ifdef CONFIG_STACKDEPOT
	if (t->stack)
		stack_depot_print(t->stack);
#endif
}

/* === Reports === */

static void bytes_print(const char *what, const void *start, size_t bytes)
{
	if (!bytes)
		return;
	kasan_disable_current();
	print_hex_dump(KERN_ERR, what, DUMP_PREFIX_ADDRESS, 16, 1, start,
		       min_t(size_t, bytes, PAGE_SIZE), true);
	kasan_enable_current();
}

static void object_print(const struct gom_cache_class *cc, const void *p)
{
	const struct gom_debug_layout *d = &cc->debug;
	const struct gom_span *s = gom_pagemap_lookup(p);

	track_print(d, p, GOM_DEBUG_ALLOCATED);
	track_print(d, p, GOM_DEBUG_FREED);
	if (s)
		pr_err("Slab 0x%p objects=%u used=%u node=%d\n", s->base, s->nelems,
		       s->nelems - s->nfree, s->nid);
	pr_err("Object 0x%p @offset=%zu size=%u\n", p, s ? p - s->base : 0,
	       gom_debug_record(d, p)->size);
	bytes_print("Redzone  ", p - d->pad, d->pad);
	bytes_print("Object   ", p, d->size);
	bytes_print("Redzone  ", p + d->size, d->flags & SLAB_RED_ZONE ? d->record - d->size : 0);
	bytes_print("Padding  ", p + d->end, cc->layout.size - d->pad - d->end);
}

/* Print further reports at once.  For tests, which provoke many. */
void gom_debug_report_again(void)
{
	ratelimit_state_init(&report_limit, INTERVAL, REPORTS);
}
GOM_EXPORT_FOR_TEST(gom_debug_report_again);

/* Count a report of @kind; true if it is to be printed, after its first lines. */
static bool report_begin(enum gom_misuse kind, const struct gom_cache_class *cc, const char *what)
{
	gom_misuse_note(kind);
	if (!__ratelimit(&report_limit))
		return false;
	pr_err("=============================================================================\n");
	pr_err("BUG %s: %s\n", cc->name, what);
	pr_err("-----------------------------------------------------------------------------\n");
	return true;
}

static void report_end(unsigned long caller)
{
	pr_err("called from %pS\n", (void *)caller);
}

/*
 * Print which object @p points into or beside, if it is debugged, and who used it.
 */
void gom_debug_describe(const void *p)
{
	const struct gom_cache_class *cc;
	struct gom_place at;
	const void *object;
	size_t size;

	gom_pagemap_place(p, &at);
	if (!gom_class_debug(at.class))
		return;
	cc = gom_cache_class(at.class);
	object = gom_debug_object_of(&at, &size);
	if (!object)
		return;
	pr_err("0x%p is byte %td of the %s object 0x%p of %zu bytes, cache %s\n", p, p - object,
	       gom_debug_record(&cc->debug, object)->state == GOM_DEBUG_LIVE ? "live" : "free",
	       object, size, cc->name);
	track_print(&cc->debug, object, GOM_DEBUG_ALLOCATED);
	track_print(&cc->debug, object, GOM_DEBUG_FREED);
}

/* Bytes beside or in @p were overwritten; the caller restores them. */
void gom_debug_report_bytes(const struct gom_cache_class *cc, const void *p,
			    const struct gom_debug_fault *fault, unsigned long caller)
{
	char what[40];

	snprintf(what, sizeof(what), "%s overwritten", fault->what);
	if (!report_begin(GOM_BAD_OVERWRITE, cc, what))
		return;
	pr_err("0x%p-0x%p @offset=%td. First byte 0x%x instead of 0x%x\n", fault->from,
	       fault->to - 1, (void *)fault->from - p, *fault->from, fault->value);
	object_print(cc, p);
	report_end(caller);
	pr_err("FIX %s: Restoring %s 0x%p-0x%p=0x%x\n", cc->name, fault->what, fault->from,
	       fault->to - 1, fault->value);
}

/* Something else is wrong with @p. */
void gom_debug_report_object(enum gom_misuse kind, const struct gom_cache_class *cc,
			     const void *p, const char *what, unsigned long caller)
{
	if (!report_begin(kind, cc, what))
		return;
	object_print(cc, p);
	report_end(caller);
}

/* The address at @at was freed, but no object begins there. */
void gom_debug_report_pointer(const struct gom_cache_class *cc, const struct gom_place *at,
			      unsigned long caller)
{
	size_t size;
	void *p = gom_debug_object_of(at, &size);

	if (!report_begin(GOM_BAD_FREE_MIDDLE, cc, "Invalid object pointer"))
		return;
	pr_err("0x%p is %td bytes from the beginning of the object\n", at->p,
	       p ? at->p - p : 0);
	if (p)
		object_print(cc, p);
	report_end(caller);
	pr_err("FIX %s: Object at 0x%p not freed\n", cc->name, at->p);
}
