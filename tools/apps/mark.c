// SPDX-License-Identifier: GPL-2.0
/*
 * Starts or stops the count of tools/plugin/profile.c: `mark start`, `mark
 * stop`.  On a machine without the plugin it does nothing.
 */
#include <stdio.h>
#include <string.h>

int main(int argc, char **argv)
{
	if (argc == 2 && !strcmp(argv[1], "start")) {
		__asm__ volatile(".byte 0x0f, 0x1f, 0x84, 0x00; .long 0x676f6d01");
	} else if (argc == 2 && !strcmp(argv[1], "stop")) {
		__asm__ volatile(".byte 0x0f, 0x1f, 0x84, 0x00; .long 0x676f6d00");
	} else {
		fprintf(stderr, "usage: mark start|stop\n");
		return 1;
	}
	return 0;
}
