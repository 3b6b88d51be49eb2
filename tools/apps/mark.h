/* SPDX-License-Identifier: GPL-2.0 */
/*
 * Marks for tools/plugin/profile.c: MARK(STOP), MARK(COUNT), MARK(PAUSE),
 * MARK(RESUME).  On a machine without the plugin they are no-ops.
 */
#define MARK_STOP	0
#define MARK_COUNT	1
#define MARK_PAUSE	2
#define MARK_RESUME	3

#define MARK(which) ({								\
	asm volatile(".byte 0x0f, 0x1f, 0x84, 0x00, %c0, 0x6d, 0x6f, 0x67"	\
		     : : "i" (MARK_##which) : "memory");			\
})
