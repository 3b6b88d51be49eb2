/* SPDX-License-Identifier: GPL-2.0 */
/*
 * gom_free_rcu(): objects batched per CPU, freed in bulk after a grace period.
 */
#ifndef GOM_RCUFREE_H
#define GOM_RCUFREE_H

#include <linux/types.h>

int gom_rcufree_init(void);
void gom_rcufree_exit(void);
void gom_rcufree_pretend(bool inside);

#endif /* GOM_RCUFREE_H */
