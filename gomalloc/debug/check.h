/* SPDX-License-Identifier: GPL-2.0 */
/* The consistency check: validates all structures against each other. */
#ifndef GOM_CHECK_H
#define GOM_CHECK_H

#include <linux/compiler_attributes.h>

int gom_check(void);
__printf(1, 2) void gom_wrong(const char *fmt, ...);

#endif /* GOM_CHECK_H */
