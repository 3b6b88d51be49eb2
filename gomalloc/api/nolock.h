/* SPDX-License-Identifier: GPL-2.0 */
/* Allocation and freeing without waiting: the beginning, the end, and what was put aside. */
#ifndef GOM_NOLOCK_H
#define GOM_NOLOCK_H

void gom_nolock_init(void);
void gom_nolock_drain(void);
void gom_nolock_exit(void);

#endif /* GOM_NOLOCK_H */
