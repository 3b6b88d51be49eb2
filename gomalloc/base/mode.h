/* SPDX-License-Identifier: GPL-2.0 */
/*
 * Modes that replace the whole allocator (api/sbrk.h, api/efence.h).  Set by
 * module parameters before the first allocation and constant afterwards, so
 * they are read without a lock.  At most one is set.
 */
#ifndef GOM_MODE_H
#define GOM_MODE_H

#include <linux/types.h>

extern bool gom_sbrk;		/* objects are cut off a pointer that only grows; no free */
extern bool gom_efence;		/* each object has pages of its own, next to a guard page */

#endif /* GOM_MODE_H */
