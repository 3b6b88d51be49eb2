/* SPDX-License-Identifier: GPL-2.0 */
/*
 * Marks for tools/plugin/cachelines.c: an emulator with this plugin counts the
 * memory accesses of a CPU between COUNT and STOP.  Elsewhere the marks are
 * no-ops.  Compilers do not emit a nop with these displacements.
 */
#ifndef GOMALLOC_BENCH_LINES_H
#define GOMALLOC_BENCH_LINES_H

#include <linux/compiler.h>

enum bench_mark {
	BENCH_MARK_STOP,
	BENCH_MARK_COUNT,
	BENCH_MARK_LINE,	/* print the counts, reset them, and stop */
};

static __always_inline void bench_mark(const enum bench_mark mark)
{
#ifdef __x86_64__
	asm volatile(".byte 0x0f, 0x1f, 0x84, 0x00, %c0, 0x6d, 0x6f, 0x67"
		     : : "i" (mark) : "memory");
#endif
}

#endif /* GOMALLOC_BENCH_LINES_H */
