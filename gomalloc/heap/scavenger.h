/* SPDX-License-Identifier: GPL-2.0 */
/*
 * The scavenger: releases pages that have been idle for a while; see
 * scavenger.c.
 */
#ifndef GOM_SCAVENGER_H
#define GOM_SCAVENGER_H

#include <linux/types.h>

#define GOM_SCAVENGE_MS		5000U	/* defaults */
#define GOM_SCAVENGE_KB		65536U

extern unsigned int gom_scavenge_ms;
extern unsigned int gom_scavenge_kb;

int gom_scavenger_init(void);
void gom_scavenger_exit(void);
void gom_scavenger_set(void);
void gom_scavenger_wake(void);

#endif /* GOM_SCAVENGER_H */
