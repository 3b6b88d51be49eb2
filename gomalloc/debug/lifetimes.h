/* SPDX-License-Identifier: GPL-2.0 */
/* How long sampled objects live, by stack; see lifetimes.c. */
#ifndef GOM_LIFETIMES_H
#define GOM_LIFETIMES_H

#include <linux/seq_file.h>

struct gom_bucket;

void gom_lifetimes_show_header(struct seq_file *m);
void gom_lifetimes_show(struct seq_file *m, const struct gom_bucket *b);

#endif /* GOM_LIFETIMES_H */
