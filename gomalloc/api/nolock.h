/* SPDX-License-Identifier: GPL-2.0 */
/*
 * gom_malloc_nolock() and gom_free_nolock(): init, exit, and draining deferred
 * frees.
 */
#ifndef GOM_NOLOCK_H
#define GOM_NOLOCK_H

int gom_nolock_init(void);
void gom_nolock_drain(void);
void gom_nolock_exit(void);

#endif /* GOM_NOLOCK_H */
