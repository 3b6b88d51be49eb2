// SPDX-License-Identifier: GPL-2.0
/*
 * The text of debugfs lifetimes, which tools/gomadvise reads: for each bucket of
 * the heap profile what was allocated and freed, and how long objects lived.
 *
 * Fields are separated by tabs, as names of caches and functions have spaces.
 * Context: task, may sleep.
 */
#include <linux/kallsyms.h>
#include <linux/math64.h>

#include "base/client.h"
#include "base/compat.h"
#include "debug/leaks.h"
#include "debug/lifetimes.h"
#include "special/bucket.h"
#include "special/freed_text.h"
#include "special/profile.h"

void gom_lifetimes_show_header(struct seq_file *m)
{
	u32 msecs;
	u64 seconds = div_u64_rem(gom_profile_msecs(), MSEC_PER_SEC, &msecs);

	seq_printf(m, "lifetimes: memprofilerate=%u seconds=%llu.%03u\n",
		   READ_ONCE(gom_memprofilerate), seconds, msecs);
	seq_puts(m, "mallocs\tfrees\tsize\trequested\tmodule\tkind\tages\tstack\n");
}
GOM_EXPORT_FOR_TEST(gom_lifetimes_show_header);

/* "25:3,26:1": 3 objects lived less than 2^25 ns, but at least half of it; ... */
static void lifetimes_show_ages(struct seq_file *m, const struct gom_bucket *b)
{
	const char *comma = "";
	unsigned int i;
	int n;

	for (i = 0; i < GOM_AGES; i++) {
		n = atomic_read(&b->ages[i]);
		if (!n)
			continue;
		seq_printf(m, "%s%u:%u", comma, GOM_AGE_SHIFT + i, n);
		comma = ",";
	}
}

/* The line of a bucket; nothing if it has no sample since the last reset. */
void gom_lifetimes_show(struct seq_file *m, const struct gom_bucket *b)
{
	struct gom_bucket_counts counts;
	struct gom_client_info info;
	char text[KSYM_SYMBOL_LEN];
	unsigned int i;

	gom_bucket_read(b, &counts);
	if (!counts.mallocs)
		return;
	seq_printf(m, "%llu\t%llu\t%zu\t%llu\t%s\t%s\t", counts.mallocs, counts.frees, b->size,
		   counts.requested, gom_client_read(b->client, &info) ? info.name : "-",
		   gom_leaks_kind(b, text, sizeof(text)));
	lifetimes_show_ages(m, b);
	for (i = 0; i < b->n; i++)
		seq_printf(m, "%c%s", i ? ';' : '\t', gom_freed_text_symbol(b->client, b->entry[i], text));
	seq_putc(m, '\n');
}
GOM_EXPORT_FOR_TEST(gom_lifetimes_show);
