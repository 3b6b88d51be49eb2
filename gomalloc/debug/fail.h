/* SPDX-License-Identifier: GPL-2.0 */
/* The module whose allocation call sites may fail (base/fail_site.h). */
#ifndef GOM_FAIL_H
#define GOM_FAIL_H

int gom_fail_set_module(const char *module);

#endif /* GOM_FAIL_H */
