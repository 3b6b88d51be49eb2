// SPDX-License-Identifier: GPL-2.0
/*
 * The text of debugfs heap: the heap profile in the format of pprof (of
 * gperftools).
 *
 * Context: task, may sleep.
 */
#include <linux/bits.h>
#include <linux/build_bug.h>
#include <linux/kallsyms.h>
#include <linux/slab.h>
#include <linux/string.h>
#include <linux/xarray.h>

#include "base/client.h"
#include "base/compat.h"
#include "special/bucket.h"
#include "special/freed_text.h"
#include "special/profile.h"

/* === Names === */

/* "f+0x10/0x20 [m]" to "f [m]". */
static char *symbol_without_offset(char *name)
{
	char *plus = strstr(name, "+0x"), *end = plus ? strchr(plus, ' ') : NULL;

	if (end)
		memmove(plus, end, strlen(end) + 1);
	else if (plus)
		*plus = '\0';
	return name;
}

/*
 * A return address as printed.  pprof (of gperftools) ignores addresses in the
 * upper half of the address space, so the highest bit is cleared.  An address
 * of code that was freed, since when other code may have come there, has the
 * client's number in place of the upper 16 bits.  These are all set, but for the
 * highest, in other addresses of the kernel.
 */
static_assert(GOM_CLIENT_ID_MAX < GENMASK(14, 0));

static unsigned long profile_address(const struct gom_bucket *b, unsigned int i)
{
	unsigned long addr = b->entry[i];

#if BITS_PER_LONG == 64
	if (gom_freed_text_has(b->client, addr))
		return (addr & GENMASK(47, 0)) | (unsigned long)b->client << 48;
#endif
	return addr & LONG_MAX;
}

/*
 * Print the symbol of each address once, in the format that google-pprof reads.
 */
static void profile_show_symbols(struct seq_file *m)
{
	char name[KSYM_SYMBOL_LEN];
	struct gom_bucket *b;
	unsigned long addr;
	struct xarray seen;
	unsigned int i;

	xa_init(&seen);
	seq_puts(m, "--- symbol\nbinary=kernel\n");
	for_each_gom_bucket(b) {
		for (i = 0; i < b->n; i++) {
			addr = profile_address(b, i);
			if (xa_insert(&seen, addr, xa_mk_value(1), GFP_KERNEL))
				continue;
			gom_freed_text_symbol(b->client, b->entry[i], name);
			seq_printf(m, "0x%016lx %s\n", addr, symbol_without_offset(name));
		}
		cond_resched();
	}
	seq_puts(m, "---\n");
	xa_destroy(&seen);
}

/* === Counts === */

static void profile_show_counts(struct seq_file *m, u64 mallocs, u64 frees, u64 alloc, u64 freed)
{
	seq_printf(m, "%llu: %llu [%llu: %llu] @", mallocs - frees, alloc - freed, mallocs, alloc);
}

static void profile_show_header(struct seq_file *m)
{
	u64 mallocs = 0, frees = 0, alloc = 0, freed = 0;
	struct gom_bucket_counts counts;
	struct gom_bucket *b;

	for_each_gom_bucket(b) {
		gom_bucket_read(b, &counts);
		mallocs += counts.mallocs;
		frees += counts.frees;
		alloc += counts.mallocs * b->size;
		freed += counts.frees * b->size;
	}
	seq_puts(m, "heap profile: ");
	profile_show_counts(m, mallocs, frees, alloc, freed);
	/* "v2": with "heap", pprof scales samples differently, or fails. */
	seq_printf(m, " heap_v2/%u\n", READ_ONCE(gom_memprofilerate));
}

static void profile_show_bucket(struct seq_file *m, const struct gom_bucket *b)
{
	struct gom_bucket_counts counts;
	unsigned int i;

	gom_bucket_read(b, &counts);
	if (!counts.mallocs)
		return;
	profile_show_counts(m, counts.mallocs, counts.frees, counts.mallocs * b->size,
			    counts.frees * b->size);
	for (i = 0; i < b->n; i++)
		seq_printf(m, " 0x%016lx", profile_address(b, i));
	seq_putc(m, '\n');
}

/* Print the profile. */
int gom_profile_show(struct seq_file *m)
{
	struct gom_bucket *b;

	gom_buckets_lock();
	profile_show_symbols(m);
	profile_show_header(m);
	for_each_gom_bucket(b)
		profile_show_bucket(m, b);
	gom_buckets_unlock();
	return 0;
}
GOM_EXPORT_FOR_TEST(gom_profile_show);
