/* SPDX-License-Identifier: GPL-2.0 */
/* Reports of misuse: one line for each kind and call site, then a counter. */
#ifndef GOM_REPORT_H
#define GOM_REPORT_H

#include <linux/compiler_attributes.h>
#include <linux/types.h>

/* Kinds of misuse; counted in debugfs memstats as misuse_<name>. */
enum gom_misuse {
	GOM_BAD_FREE_FOREIGN,
	GOM_BAD_FREE_MIDDLE,
	GOM_BAD_DOUBLE_FREE,
	GOM_BAD_FREE_SIZE,
	GOM_BAD_POINTER,
	GOM_BAD_SIZE,
	GOM_BAD_GFP,
	GOM_BAD_PERSISTENT,
	GOM_BAD_CACHE,
	GOM_BAD_TRANSFER,
	GOM_BAD_OVERWRITE,
	GOM_NR_MISUSES,
};

extern const char * const gom_misuse_names[GOM_NR_MISUSES];

__printf(3, 4) __cold
void gom_report(enum gom_misuse kind, unsigned long caller, const char *fmt, ...);
void gom_misuse_note(enum gom_misuse kind);
unsigned long gom_misuse_count(enum gom_misuse kind);
void gom_report_again(void);
void gom_report_reset(void);

#endif /* GOM_REPORT_H */
