/* SPDX-License-Identifier: GPL-2.0 */
/*
 * gom_free_rcu(): objects batched per CPU, freed in bulk after a grace period.
 */
#ifndef GOM_RCUFREE_H
#define GOM_RCUFREE_H

#include <linux/types.h>

int gom_free_rcu_init(void);
void gom_free_rcu_exit(void);
void gom_free_rcu_pretend(bool inside);

#endif /* GOM_RCUFREE_H */
