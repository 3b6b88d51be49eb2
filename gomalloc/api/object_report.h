/* SPDX-License-Identifier: GPL-2.0 */
/* Reports about debugged objects, in SLUB's layout. */
#ifndef GOM_OBJECT_REPORT_H
#define GOM_OBJECT_REPORT_H

#include <linux/types.h>

#include "base/report.h"

struct gom_cache_class;
struct gom_debug_track;
struct gom_place;

/**
 * struct gom_debug_fault - bytes that are not what they should be
 * @what: the part of the object
 * @from: the first of them
 * @to: behind the last
 * @value: what they should be
 */
struct gom_debug_fault {
	const char *what;
	const u8 *from;
	const u8 *to;
	u8 value;
};

void gom_debug_track_init(void);
void gom_debug_track_set(struct gom_debug_track *t, gfp_t gfp, unsigned long caller);
void gom_debug_report_bytes(const struct gom_cache_class *cc, const void *p,
			    const struct gom_debug_fault *fault, unsigned long caller);
void gom_debug_report_object(enum gom_misuse kind, const struct gom_cache_class *cc,
			     const void *p, const char *what, unsigned long caller);
void gom_debug_report_pointer(const struct gom_cache_class *cc, const struct gom_place *at,
			      unsigned long caller);
void gom_debug_describe(const void *p);
void gom_debug_report_again(void);

#endif /* GOM_OBJECT_REPORT_H */
