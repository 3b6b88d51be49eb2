// SPDX-License-Identifier: GPL-2.0
/*
 * Reports of misuse.
 *
 * A call that misuses the allocator is reported once for each kind of misuse
 * and call site.  Repetitions are only counted, so that a loop does not flood
 * the log.  Reported call sites are kept in a small hash table; an entry that
 * is overwritten by another call site is reported again.
 *
 * No lock: the table is accessed with xchg(), the counters are atomic.  Any
 * context that printk() may be called from.
 */
#include <linux/atomic.h>
#include <linux/build_bug.h>
#include <linux/hash.h>
#include <linux/printk.h>
#include <linux/string.h>

#include "base/compat.h"
#include "base/report.h"

#define REPORTED_BITS	7

const char * const gom_misuse_names[] = {
	[GOM_BAD_FREE_FOREIGN]	= "free_foreign",
	[GOM_BAD_FREE_MIDDLE]	= "free_middle",
	[GOM_BAD_DOUBLE_FREE]	= "double_free",
	[GOM_BAD_FREE_SIZE]	= "free_size",
	[GOM_BAD_POINTER]	= "pointer",
	[GOM_BAD_SIZE]		= "size",
	[GOM_BAD_GFP]		= "gfp",
	[GOM_BAD_PERSISTENT]	= "persistent",
	[GOM_BAD_CACHE]		= "cache",
	[GOM_BAD_TRANSFER]	= "transfer",
	[GOM_BAD_OVERWRITE]	= "overwrite",
};
static_assert(ARRAY_SIZE(gom_misuse_names) == GOM_NR_MISUSES);

static atomic_long_t misuse_counts[GOM_NR_MISUSES];
static unsigned long reported_sites[1 << REPORTED_BITS];	/* by kind and call site */

/* Count a misuse that the caller reports itself. */
void gom_misuse_note(enum gom_misuse kind)
{
	atomic_long_inc(&misuse_counts[kind]);
}

static bool misuse_first_report(enum gom_misuse kind, unsigned long caller)
{
	unsigned long key = caller * GOM_NR_MISUSES + kind + 1;
	unsigned long *slot = &reported_sites[hash_long(key, REPORTED_BITS)];

	return xchg(slot, key) != key;
}

/**
 * gom_report - report a misuse
 * @kind: kind of misuse
 * @caller: address of the call
 * @fmt: the message, without a final newline
 *
 * Context: any that printk() may be called from.
 */
void gom_report(enum gom_misuse kind, unsigned long caller, const char *fmt, ...)
{
	struct va_format vaf;
	va_list args;

	gom_misuse_note(kind);
	if (!misuse_first_report(kind, caller))
		return;
	va_start(args, fmt);
	vaf.fmt = fmt;
	vaf.va = &args;
	pr_err("%pV, called from %pS\n", &vaf, (void *)caller);
	va_end(args);
}

/* How often @kind has happened since load, or since gom_report_reset(). */
unsigned long gom_misuse_count(enum gom_misuse kind)
{
	return atomic_long_read(&misuse_counts[kind]);
}
GOM_EXPORT_FOR_TEST(gom_misuse_count);

/* Reset the counters. */
void gom_report_reset(void)
{
	unsigned int i;

	for (i = 0; i < GOM_NR_MISUSES; i++)
		atomic_long_set(&misuse_counts[i], 0);
}

/* Report all call sites again.  For tests, which provoke a report twice. */
void gom_report_again(void)
{
	memset(reported_sites, 0, sizeof(reported_sites));
}
GOM_EXPORT_FOR_TEST(gom_report_again);
