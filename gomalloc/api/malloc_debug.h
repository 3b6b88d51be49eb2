/* SPDX-License-Identifier: GPL-2.0 */
/* gom_malloc() with debug=, see malloc_debug.c. */
#ifndef GOM_MALLOC_DEBUG_H
#define GOM_MALLOC_DEBUG_H

#include <linux/types.h>

bool gom_malloc_debug_wanted(void);
int gom_malloc_debug_init(void);
void gom_malloc_debug_exit(void);

#endif /* GOM_MALLOC_DEBUG_H */
