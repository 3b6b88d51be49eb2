// SPDX-License-Identifier: GPL-2.0
/* Magazines: where they come from.  One supply for each size, a power of two. */
#include <linux/log2.h>

#include "fixalloc.h"
#include "magazine.h"
#include "sizeclass.h"

#define MIN_BYTES	64U
#define MAX_BYTES	(128U * sizeof(void *))
#define NR_SUPPLIES	(const_ilog2(MAX_BYTES / MIN_BYTES) + 1)

static struct gom_fixalloc supplies[NR_SUPPLIES];

void gom_magazine_init(void)
{
	unsigned int i;

	for (i = 0; i < NR_SUPPLIES; i++)
		gom_fixalloc_init(&supplies[i], MIN_BYTES << i, GOM_MCACHE_SYS);
}

static struct gom_fixalloc *supply_of(unsigned int class)
{
	size_t bytes = struct_size((struct gom_magazine *)NULL, obj, gom_classes[class].mag_size);

	return &supplies[bytes <= MIN_BYTES ? 0 : order_base_2(DIV_ROUND_UP(bytes, MIN_BYTES))];
}

/* An empty magazine; NULL if there is no memory. */
struct gom_magazine *gom_magazine_new(unsigned int class, gfp_t gfp)
{
	struct gom_magazine *mag = gom_fixalloc_alloc(supply_of(class), gfp);

	if (mag) {
		mag->next = NULL;
		mag->nr = 0;
		mag->class = class;
		mag->bottom = NULL;
	}
	return mag;
}

void gom_magazine_delete(struct gom_magazine *mag)
{
	gom_fixalloc_free(supply_of(mag->class), mag);
}

/* Bytes of magazines in use. */
unsigned long gom_magazine_bytes(void)
{
	unsigned long bytes = 0;
	unsigned int i;

	for (i = 0; i < NR_SUPPLIES; i++)
		bytes += READ_ONCE(supplies[i].inuse) * supplies[i].size;
	return bytes;
}
