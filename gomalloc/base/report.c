// SPDX-License-Identifier: GPL-2.0
/*
 * Reports of misuse.
 *
 * A call that makes no sense is reported once for each kind of misuse and
 * place in the code that commits it; repetitions are only counted, so that a
 * loop does not flood the log.  The places seen are kept in a small table that
 * forgets the oldest when it overflows: then a place speaks again.
 */
#define pr_fmt(fmt) "gomalloc: " fmt

#include <linux/atomic.h>
#include <linux/build_bug.h>
#include <linux/hash.h>
#include <linux/printk.h>
#include <linux/string.h>

#include "base/compat.h"
#include "base/report.h"

#define SEEN_BITS	7

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
};
static_assert(ARRAY_SIZE(gom_misuse_names) == GOM_NR_MISUSES);

static atomic_long_t counts[GOM_NR_MISUSES];
static unsigned long seen[1 << SEEN_BITS];	/* kind and place; races only repeat a line */

static bool first_time(enum gom_misuse kind, unsigned long caller)
{
	unsigned long key = caller * GOM_NR_MISUSES + kind + 1;
	unsigned long *slot = &seen[hash_long(key, SEEN_BITS)];

	return xchg(slot, key) != key;
}

/**
 * gom_report - report a misuse
 * @kind: which
 * @caller: address of the call that made no sense
 * @fmt: the sentence, without a final newline
 *
 * Context: any that printk() may be called from.
 */
void gom_report(enum gom_misuse kind, unsigned long caller, const char *fmt, ...)
{
	struct va_format vaf;
	va_list args;

	atomic_long_inc(&counts[kind]);
	if (!first_time(kind, caller))
		return;
	va_start(args, fmt);
	vaf.fmt = fmt;
	vaf.va = &args;
	pr_err("%pV, called from %pS\n", &vaf, (void *)caller);
	va_end(args);
}

/* How often @kind happened since the module was loaded. */
unsigned long gom_misuse_count(enum gom_misuse kind)
{
	return atomic_long_read(&counts[kind]);
}
GOM_EXPORT_FOR_TEST(gom_misuse_count);

/* Count anew. */
void gom_report_reset(void)
{
	unsigned int i;

	for (i = 0; i < GOM_NR_MISUSES; i++)
		atomic_long_set(&counts[i], 0);
}

/* Let every place speak again: tests look for the same line more than once. */
void gom_report_forget(void)
{
	memset(seen, 0, sizeof(seen));
}
GOM_EXPORT_FOR_TEST(gom_report_forget);
