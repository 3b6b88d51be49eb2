// SPDX-License-Identifier: GPL-2.0
/* Fault injection and test points; see fault.h. */
#include "base/client.h"
#include "base/compat.h"
#include "base/fault.h"

#ifdef CONFIG_FAULT_INJECTION
DECLARE_FAULT_ATTR(gom_fault);
GOM_EXPORT_FOR_TEST(gom_fault);

struct gom_client_filter gom_fault_module __read_mostly = GOM_CLIENT_FILTER_INIT(gom_fault_module);
GOM_EXPORT_FOR_TEST(gom_fault_module);

/* Is the innermost client on the stack the module of the filter?  Any context. */
bool gom_fault_wants_client(void)
{
	return gom_client_filter_has(&gom_fault_module, gom_client_of(gom_client_caller(0)));
}
#endif

#if IS_ENABLED(CONFIG_KUNIT)
bool (*gom_test_callback)(enum gom_test_point at, unsigned int arg, gfp_t gfp);
GOM_EXPORT_FOR_TEST(gom_test_callback);
#endif
