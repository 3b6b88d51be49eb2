/* SPDX-License-Identifier: GPL-2.0 */
/* Live sampled objects, by the stacks of their allocation; see leaks.c. */
#ifndef GOM_LEAKS_H
#define GOM_LEAKS_H

#include <linux/seq_file.h>
#include <linux/types.h>

#include "special/bucket.h"

/**
 * struct gom_leak - live objects of one bucket
 * @bucket: the bucket: stack, class and size; the list has a reference
 * @scan: the objects
 */
struct gom_leak {
	struct gom_bucket *bucket;
	struct gom_scan scan;
};

/**
 * struct gom_leaks - a list of live objects
 * @now: when it was made
 * @seconds: least age of the objects in it
 * @module: the module they belong to; empty: any
 * @objects: sum of the objects
 * @requested: sum of the bytes requested
 * @bytes: sum of the bytes that they take
 * @n: number of elements of @leak
 * @leak: the objects by bucket, most bytes first
 */
struct gom_leaks {
	u64 now;
	unsigned int seconds;
	char module[MODULE_NAME_LEN];
	u64 objects;
	u64 requested;
	u64 bytes;
	unsigned int n;
	struct gom_leak leak[];
};

struct gom_leaks *gom_leaks_collect(unsigned int seconds, const char *module, u32 client);
void gom_leaks_free(struct gom_leaks *leaks);
void gom_leaks_show_header(struct seq_file *m, const struct gom_leaks *leaks);
void gom_leaks_show(struct seq_file *m, const struct gom_leaks *leaks, unsigned int i);
void gom_leaks_report(u32 client, const char *module);
const char *gom_leaks_kind(const struct gom_bucket *b, char *buf, size_t len);
void gom_leaks_init(void);

#endif /* GOM_LEAKS_H */
