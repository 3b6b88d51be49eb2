// SPDX-License-Identifier: GPL-2.0
/* The loops of over_loops.h over SLUB. */
#define OVER(name)	over_slub_##name
#include "over_loops.h"
