/* SPDX-License-Identifier: GPL-2.0 */
/* Debugged objects of all caches: who uses them, and whether they are sound. */
#ifndef GOM_DEBUG_OBJECTS_H
#define GOM_DEBUG_OBJECTS_H

#include <linux/seq_file.h>

#include "api/object_debug.h"

void gom_objects_show_traces(struct seq_file *m, enum gom_debug_user user);
unsigned long gom_objects_validate(void);

#endif /* GOM_DEBUG_OBJECTS_H */
