/* SPDX-License-Identifier: GPL-2.0 */
/*
 * gom_free_rcu(): objects batched per CPU, freed in bulk after a grace period.
 */
#ifndef GOM_FREE_RCU_H
#define GOM_FREE_RCU_H

#include <linux/types.h>

bool gom_free_rcu_owned(void *head);
bool gom_free_rcu_owned_mightsleep(const void *p, unsigned long caller);
int gom_free_rcu_init(void);
void gom_free_rcu_exit(void);
void gom_free_rcu_pretend(bool inside);

#endif /* GOM_FREE_RCU_H */
