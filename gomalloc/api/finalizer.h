/* SPDX-License-Identifier: GPL-2.0 */
/* Finalizers: interface of finalizer.c for module.c, cache.c and debug/. */
#ifndef GOM_FINALIZER_H
#define GOM_FINALIZER_H

#include <linux/seq_file.h>
#include <linux/types.h>

struct gom_special;

int gom_finalizer_init(void);
void gom_finalizer_exit(void);
void gom_finalizer_add(struct gom_special *sp);
void gom_finalizer_show(struct seq_file *m);

/**
 * struct gom_finalizer_stats - number of finalizers by state
 * @set: set, their object not freed yet
 * @queued: their object freed, waiting to run
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
