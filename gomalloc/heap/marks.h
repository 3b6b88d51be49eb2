/* SPDX-License-Identifier: GPL-2.0 */
/*
 * Layout of the marks of tiny blocks in a span's record.  percpu/tiny.h defines
 * what they mean, and who may change them.
 */
#ifndef GOM_MARKS_H
#define GOM_MARKS_H

#include <linux/atomic.h>
#include <linux/bitops.h>
#include <linux/string.h>

#include "heap/span.h"

/* The marks of a span's blocks; they follow the bitmap in the record. */
struct gom_tiny_marks {
	atomic_t live[DIV_ROUND_UP(GOM_TINY_SPAN_BLOCKS, 2)];	/* two blocks per word */
	u16 starts[GOM_TINY_SPAN_BLOCKS];
};

static inline struct gom_tiny_marks *gom_tiny_marks(struct gom_span *s)
{
	return (void *)&s->free[BITS_TO_LONGS(GOM_TINY_SPAN_BLOCKS)];
}

/* Set the marks of all blocks to those of a free block. */
static inline void gom_tiny_init_marks(struct gom_tiny_marks *marks)
{
	memset(marks->live, 0xff, sizeof(marks->live));
	memset(marks->starts, 0, sizeof(marks->starts));
}

#endif /* GOM_MARKS_H */
