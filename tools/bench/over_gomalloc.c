// SPDX-License-Identifier: GPL-2.0
/* The loops of over_loops.h over gomalloc: Kbuild includes as_slab.h. */
#define OVER(name)	over_gomalloc_##name
#include "over_loops.h"
