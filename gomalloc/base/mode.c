// SPDX-License-Identifier: GPL-2.0
/* Flags of the modes; see mode.h. */
#include <linux/cache.h>

#include "base/compat.h"
#include "base/mode.h"

bool gom_sbrk __read_mostly;
bool gom_efence __read_mostly;
GOM_EXPORT_FOR_TEST(gom_sbrk);
GOM_EXPORT_FOR_TEST(gom_efence);
