/* SPDX-License-Identifier: GPL-2.0 */
/* Watching the allocation call sites of a module (base/fail_site.h). */
#ifndef GOM_FAIL_H
#define GOM_FAIL_H

int gom_fail_watch(const char *module);

#endif /* GOM_FAIL_H */
