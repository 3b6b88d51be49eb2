/* SPDX-License-Identifier: GPL-2.0 */
/*
 * Modes that replace the whole allocator, set by module parameters before anything
 * is allocated: sbrk.h and efence.h.  At most one is on.
 */
#ifndef GOM_MODE_H
#define GOM_MODE_H

#include <linux/types.h>

extern bool gom_sbrk;		/* a pointer that moves up; nothing is freed */
extern bool gom_efence;		/* every object in pages of its own */

#endif /* GOM_MODE_H */
