// SPDX-License-Identifier: GPL-2.0
/*
 * Leaks: live objects by the stacks of their allocation, for debugfs leaks and
 * for the report when a module is unloaded.
 *
 * The objects are those that the heap profile sampled; with memprofilerate=1
 * these are all.  A scan walks the page map and the specials of each span,
 * under the tree lock of one span at a time, and counts by bucket.  So it needs
 * as much memory as there are buckets, whatever the number of objects, and the
 * allocator works on meanwhile.  Objects that are allocated or freed during the
 * scan are in the list or not.  Others are in it once: an object stays in its
 * span.
 *
 * An object belongs to the client of the innermost entry of its stack that is
 * in one (gom_client_of_stack()).
 *
 * Context: task, may sleep.
 */
#include <linux/kallsyms.h>
#include <linux/math64.h>
#include <linux/mm.h>
#include <linux/sched.h>
#include <linux/slab.h>
#include <linux/sort.h>
#include <linux/string.h>

#include "api/efence.h"
#include "api/finalizer.h"
#include "api/nolock.h"
#include "base/class.h"
#include "base/client.h"
#include "base/compat.h"
#include "base/fail_site.h"
#include "debug/leaks.h"
#include "gomalloc.h"
#include "heap/pagemap.h"
#include "heap/span.h"
#include "slab/slab.h"
#include "special/bucket.h"
#include "special/freed_text.h"
#include "special/profile.h"
#include "special/special.h"

/* What the report on unload prints at most. */
#define REPORT_STACKS	16U
#define REPORT_FRAMES	10U

/* === Scanning === */

struct walk {
	const struct gom_span *span;
	const void *base;
	u64 before;
};

static void walk_guarded(const struct gom_special *sp, void *arg)
{
	const struct walk *w = arg;

	gom_buckets_scan_add(sp, w->before);
}

/*
 * The span may have been freed, and its record may now be that of another span:
 * that one is visited at its own place.
 */
static void walk_special(const struct gom_special *sp, void *arg)
{
	const struct walk *w = arg;

	if (READ_ONCE(w->span->base) == w->base)
		gom_buckets_scan_add(sp, w->before);
}

static void walk_spans(u64 before)
{
	struct walk w = { .before = before };
	struct gom_region *r;
	unsigned int i;

	for (r = gom_pagemap_regions(); r; r = r->next) {
		for (i = 0; i < GOM_REGION_PAGES; i++) {
			w.span = READ_ONCE(r->span[i]);
			w.base = (void *)(r->base + ((unsigned long)i << PAGE_SHIFT));
			if (w.span && gom_span_has_specials(w.span))
				gom_special_visit(w.span, walk_special, &w);
		}
		cond_resched();
	}
	gom_efence_visit(walk_guarded, &w);
}

static size_t leak_bytes(const struct gom_leak *l)
{
	return l->scan.objects * l->bucket->size;
}

static int leak_cmp(const void *a, const void *b)
{
	size_t x = leak_bytes(a), y = leak_bytes(b);

	return x < y ? 1 : x > y ? -1 : 0;
}

static bool bucket_is_of(const struct gom_bucket *b, const char *module, u32 client)
{
	if (client)
		return b->client == client;
	return !*module || gom_client_is(b->client, module);
}

/* Buckets with live objects; the scan is in progress.  Fills in @leaks if there is one. */
static unsigned int leaks_fill(struct gom_leaks *leaks, const char *module, u32 client)
{
	struct gom_bucket *b;
	unsigned int n = 0;

	for_each_gom_bucket(b) {
		if (!b->scan.objects || !bucket_is_of(b, module, client))
			continue;
		if (leaks && n == leaks->n)
			break;
		if (leaks) {
			leaks->leak[n] = (struct gom_leak){ .bucket = b, .scan = b->scan };
			gom_bucket_get(b);
			leaks->objects += b->scan.objects;
			leaks->requested += b->scan.requested;
			leaks->bytes += leak_bytes(&leaks->leak[n]);
		}
		n++;
	}
	return n;
}

/**
 * gom_leaks_collect - list live sampled objects
 * @seconds: only those at least as old
 * @module: only those of the module of that name, loaded or gone; empty: all
 * @client: only those of this client, whatever @module is; 0: any
 *
 * Return: the list, to be freed with gom_leaks_free(); NULL if there is no memory.
 */
struct gom_leaks *gom_leaks_collect(unsigned int seconds, const char *module, u32 client)
{
	u64 now = gom_profile_now(), age = (u64)seconds * NSEC_PER_SEC;
	struct gom_leaks *leaks;
	unsigned int n;

	gom_buckets_scan_begin();
	/* No time is later than U64_MAX: what other CPUs' clocks say, too. */
	walk_spans(!seconds ? U64_MAX : now > age ? now - age : 0);
	n = leaks_fill(NULL, module, client);
	leaks = kvzalloc(struct_size(leaks, leak, n), GFP_KERNEL);
	if (leaks) {
		leaks->now = gom_profile_now();
		leaks->seconds = seconds;
		leaks->n = n;
		strscpy(leaks->module, module, sizeof(leaks->module));
		/* Fewer than @n, if a client was forgotten meanwhile. */
		leaks->n = leaks_fill(leaks, module, client);
	}
	gom_buckets_scan_end();
	if (leaks)
		sort(leaks->leak, leaks->n, sizeof(leaks->leak[0]), leak_cmp, NULL);
	return leaks;
}
GOM_EXPORT_FOR_TEST(gom_leaks_collect);

/* Free a list; NULL is fine. */
void gom_leaks_free(struct gom_leaks *leaks)
{
	unsigned int i;

	for (i = 0; leaks && i < leaks->n; i++)
		gom_bucket_put(leaks->leak[i].bucket);
	kvfree(leaks);
}
GOM_EXPORT_FOR_TEST(gom_leaks_free);

/* === Showing === */

/* What the objects of a bucket are: "cache NAME", "class 64", ... */
const char *gom_leaks_kind(const struct gom_bucket *b, char *buf, size_t len)
{
	if (b->class == GOM_BUCKET_MIXED)
		snprintf(buf, len, "mixed");
	else if (b->class == GOM_BUCKET_GUARDED)
		snprintf(buf, len, "guarded");
	else if (!b->class)
		snprintf(buf, len, "large");
	else if (b->class == GOM_CLASS_TINY)
		snprintf(buf, len, "tiny");
	else if (b->class < GOM_NR_SPAN_CLASSES)
		snprintf(buf, len, "class %zu", b->size);
	else
		snprintf(buf, len, "cache %s", gom_cache_class(b->class)->name);
	return buf;
}
GOM_EXPORT_FOR_TEST(gom_leaks_kind);

/* The time from @then to @now as seconds with a tenth. */
struct age {
	u64 seconds;
	u32 tenth;
};

static struct age age_of(u64 now, u64 then)
{
	struct age age;

	age.seconds = div_u64_rem(div_u64(now > then ? now - then : 0, NSEC_PER_SEC / 10), 10,
				  &age.tenth);
	return age;
}

/* Samples that were due and not taken are not listed: say how many. */
static u64 leaks_missing(void)
{
	struct gom_profile_stats stats;

	gom_profile_read(&stats);
	return stats.lost + stats.dropped;
}

static void leaks_show_missing(struct seq_file *m)
{
	u64 missing = leaks_missing();

	if (missing)
		seq_printf(m, "; INCOMPLETE: %llu samples could not be taken", missing);
}

/* The first line of debugfs leaks. */
void gom_leaks_show_header(struct seq_file *m, const struct gom_leaks *leaks)
{
	unsigned int rate = READ_ONCE(gom_memprofilerate);

	if (rate != 1)
		seq_printf(m, "only sampled objects are listed (memprofilerate=%u; 1 samples all): ",
			   rate);
	seq_printf(m, "%llu objects, %llu bytes, usable %llu, in %u stacks", leaks->objects,
		   leaks->requested, leaks->bytes, leaks->n);
	if (leaks->seconds)
		seq_printf(m, ", older than %u s", leaks->seconds);
	if (*leaks->module)
		seq_printf(m, ", of module %s", leaks->module);
	leaks_show_missing(m);
	seq_putc(m, '\n');
}
GOM_EXPORT_FOR_TEST(gom_leaks_show_header);

/* The name of function @i of the stack. */
static const char *leak_symbol(const struct gom_leak *l, unsigned int i, char *buf)
{
	return gom_freed_text_symbol(l->bucket->client, l->bucket->entry[i], buf);
}

/* Element @i of the list, with its stack. */
void gom_leaks_show(struct seq_file *m, const struct gom_leaks *leaks, unsigned int i)
{
	const struct gom_leak *l = &leaks->leak[i];
	struct age oldest = age_of(leaks->now, l->scan.oldest);
	struct age youngest = age_of(leaks->now, l->scan.youngest);
	char text[KSYM_SYMBOL_LEN];
	unsigned int j;

	seq_printf(m, "\n%lu objects, %llu bytes, usable %zu, %s, %llu.%u to %llu.%u s old\n",
		   l->scan.objects, l->scan.requested, leak_bytes(l),
		   gom_leaks_kind(l->bucket, text, sizeof(text)), youngest.seconds, youngest.tenth,
		   oldest.seconds, oldest.tenth);
	for (j = 0; j < l->bucket->n; j++)
		seq_printf(m, "    %s\n", leak_symbol(l, j, text));
}
GOM_EXPORT_FOR_TEST(gom_leaks_show);

/* === The report when a module is unloaded === */

static void leak_report(const struct gom_leaks *leaks, const struct gom_leak *l)
{
	struct age oldest = age_of(leaks->now, l->scan.oldest);
	struct age youngest = age_of(leaks->now, l->scan.youngest);
	char text[KSYM_SYMBOL_LEN];
	unsigned int j;

	pr_warn("  %lu objects, %llu bytes, usable %zu, %s, %llu.%u to %llu.%u s old:\n",
		l->scan.objects, l->scan.requested, leak_bytes(l),
		gom_leaks_kind(l->bucket, text, sizeof(text)), youngest.seconds, youngest.tenth,
		oldest.seconds, oldest.tenth);
	for (j = 0; j < min_t(unsigned int, l->bucket->n, REPORT_FRAMES); j++)
		pr_warn("    %s\n", leak_symbol(l, j, text));
}

static void leaks_report(const struct gom_leaks *leaks, const char *module)
{
	unsigned int i, rate = READ_ONCE(gom_memprofilerate);

	pr_warn("%s left %llu%s objects, %llu bytes, usable %llu, in %u stacks when it was unloaded:\n",
		module, leaks->objects, rate == 1 ? "" : " sampled", leaks->requested, leaks->bytes,
		leaks->n);
	if (leaks_missing())
		pr_warn("  incomplete: %llu samples could not be taken\n", leaks_missing());
	for (i = 0; i < min(leaks->n, REPORT_STACKS); i++)
		leak_report(leaks, &leaks->leak[i]);
	if (leaks->n > REPORT_STACKS)
		pr_warn("  ... and %u more stacks, see debugfs leaks\n", leaks->n - REPORT_STACKS);
}

/*
 * Wait for all deferred frees.  Finalizers may free more objects, which may have
 * finalizers, so repeat until none has run.  Those of other modules may run all
 * the time, so not more than some times.
 */
static void deferred_frees_wait(void)
{
	struct gom_finalizer_stats before, now;
	unsigned int rounds = 4;

	gom_finalizer_read(&now);
	do {
		before = now;
		gom_nolock_drain();
		gom_slab_kfree_rcu_flush();
		gom_free_rcu_barrier();
		gom_finalizer_barrier();
		gom_finalizer_read(&now);
	} while (now.run != before.run && --rounds);
}

/**
 * gom_leaks_report - report the live objects of a client in the kernel log
 * @client: the client, whose code still exists
 * @module: its name
 *
 * If it has live objects, waits for the frees that are deferred, and looks
 * again.  Prints nothing if none is left.
 */
void gom_leaks_report(u32 client, const char *module)
{
	struct gom_leaks *leaks = gom_leaks_collect(0, "", client);

	if (leaks && leaks->n) {
		gom_leaks_free(leaks);
		deferred_frees_wait();
		leaks = gom_leaks_collect(0, "", client);
		if (leaks && leaks->n)
			leaks_report(leaks, module);
	}
	if (!leaks)
		pr_warn("no memory to list what %s left when it was unloaded\n", module);
	gom_leaks_free(leaks);
}
GOM_EXPORT_FOR_TEST(gom_leaks_report);

/* gom_client_callback */
static void leaks_client_event(const struct gom_client_info *info, enum gom_client_event event)
{
	if (event == GOM_CLIENT_GOING)
		gom_leaks_report(info->id, info->name);
	gom_fail_sites_keep_symbols(info);
	if (info->has_init)
		gom_freed_text_keep(info, &info->init);
	if (event == GOM_CLIENT_GOING)
		gom_freed_text_keep(info, &info->text);
}

/* On load, before there is a client. */
void gom_leaks_init(void)
{
	gom_client_callback = leaks_client_event;
}
