/* SPDX-License-Identifier: GPL-2.0 */
/*
 * efence mode (Go: GODEBUG=efence=1): with the module parameter efence=1 each
 * object lies at the end of pages of its own.  The page behind them, the guard
 * page, is not mapped, and a free unmaps the object's pages.  So an overrun or
 * a use after free faults where it happens.
 */
#ifndef GOM_EFENCE_H
#define GOM_EFENCE_H

#include <linux/types.h>

#include "base/client.h"
#include "base/mode.h"

struct gom_special;

/**
 * struct gom_efence_stats - statistics of the mode
 * @mallocs: objects allocated with a guard page
 * @frees: of these, objects freed
 * @bytes: bytes of the pages of live ones
 * @missed: objects allocated without a guard page, as nothing could be mapped
 */
struct gom_efence_stats {
	u64 mallocs;
	u64 frees;
	u64 bytes;
	u64 missed;
};

extern struct gom_client_filter gom_efence_module;	/* only its objects are guarded */

void gom_efence_read(struct gom_efence_stats *stats);
void gom_efence_sync(void);
void gom_efence_visit(void (*visit)(const struct gom_special *sp, void *arg), void *arg);
int gom_efence_init(void);
void gom_efence_exit(void);

#endif /* GOM_EFENCE_H */
