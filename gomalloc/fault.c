// SPDX-License-Identifier: GPL-2.0
/* Fault injection: the attribute; see fault.h. */
#include "compat.h"
#include "fault.h"

#ifdef CONFIG_FAULT_INJECTION
DECLARE_FAULT_ATTR(gom_fault);
GOM_EXPORT_FOR_TEST(gom_fault);
#endif
