// SPDX-License-Identifier: GPL-2.0
/* The table of named caches' classes, by class number; see class.h. */
#include "base/class.h"
#include "base/compat.h"

struct gom_cache_class *gom_cache_classes[GOM_MAX_CACHE_CLASSES];
unsigned int gom_nr_cache_classes;
GOM_EXPORT_FOR_TEST(gom_cache_classes);
GOM_EXPORT_FOR_TEST(gom_nr_cache_classes);
