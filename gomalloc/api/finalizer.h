/* SPDX-License-Identifier: GPL-2.0 */
/* Finalizers: what the rest of the module needs of finalizer.c. */
#ifndef GOM_FINALIZER_H
#define GOM_FINALIZER_H

#include <linux/seq_file.h>
#include <linux/types.h>

struct gom_special;

int gom_finalizer_init(void);
void gom_finalizer_exit(void);
bool gom_finalizer_add(struct gom_special *sp);
void gom_finalizer_show(struct seq_file *m);

/**
 * struct gom_finalizer_stats - finalizers
 * @set: armed, waiting for their object to be freed
 * @queued: of objects that were freed, waiting to run
 * @run: run since load
 */
struct gom_finalizer_stats {
	unsigned long set;
	unsigned long queued;
	unsigned long run;
};

void gom_finalizer_reset(void);
void gom_finalizer_read(struct gom_finalizer_stats *stats);

#endif /* GOM_FINALIZER_H */
