/* SPDX-License-Identifier: GPL-2.0 */
/* The consistency check: validates all structures against each other. */
#ifndef GOM_CHECK_H
#define GOM_CHECK_H

int gom_check(void);

#endif /* GOM_CHECK_H */
