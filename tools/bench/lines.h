/* SPDX-License-Identifier: GPL-2.0 */
/*
 * Marks for tools/plugin/cachelines.c: between COUNT and STOP the accesses of this CPU
 * to memory are counted, if it is an emulated one with that plugin.  Elsewhere they are
 * no-ops.  A compiler does not emit these displacements.
 */
#ifndef GOMALLOC_BENCH_LINES_H
#define GOMALLOC_BENCH_LINES_H

#include <linux/compiler.h>

enum bench_mark {
	BENCH_MARK_STOP,
	BENCH_MARK_COUNT,
	BENCH_MARK_LINE,	/* and stop, and begin at zero */
};

static __always_inline void bench_mark(const enum bench_mark mark)
{
#ifdef __x86_64__
	asm volatile(".byte 0x0f, 0x1f, 0x84, 0x00, %c0, 0x6d, 0x6f, 0x67"
		     : : "i" (mark) : "memory");
#endif
}

#endif /* GOMALLOC_BENCH_LINES_H */
