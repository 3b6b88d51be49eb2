/* SPDX-License-Identifier: GPL-2.0 */
/*
 * The parameter debug=: which caches are debugged and how, in the syntax of
 * SLUB's slab_debug= (Documentation/debugging.rst).
 *
 * The parameter is set before the first allocation and constant afterwards, so
 * it is read without a lock.
 */
#ifndef GOM_DEBUG_FLAGS_H
#define GOM_DEBUG_FLAGS_H

#include <linux/types.h>

#define GOM_DEBUG_TEXT		256	/* bytes of the parameter, with the zero at the end */

extern char gom_debug_text[GOM_DEBUG_TEXT];

bool gom_debug_any(void);
const char *gom_debug_wrong(const char *text);
slab_flags_t gom_debug_flags_in(const char *text, const char *name);
slab_flags_t gom_debug_flags(const char *name);

#endif /* GOM_DEBUG_FLAGS_H */
