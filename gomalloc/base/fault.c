// SPDX-License-Identifier: GPL-2.0
/* Fault injection and test points; see fault.h. */
#include "base/compat.h"
#include "base/fault.h"

#ifdef CONFIG_FAULT_INJECTION
DECLARE_FAULT_ATTR(gom_fault);
GOM_EXPORT_FOR_TEST(gom_fault);
#endif

#if IS_ENABLED(CONFIG_KUNIT)
bool (*gom_test_hook)(enum gom_test_point at, unsigned int arg, gfp_t gfp);
GOM_EXPORT_FOR_TEST(gom_test_hook);
#endif
