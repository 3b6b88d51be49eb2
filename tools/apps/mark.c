// SPDX-License-Identifier: GPL-2.0
/*
 * Starts or stops the count of tools/plugin/profile.c: `mark start`, `mark
 * stop`.  On a machine without the plugin it does nothing.
 *
 * `mark clock` prints a line `# clock CYCLES NANOSECONDS`: the time-stamp counter
 * and the monotonic clock.
 */
#include <stdio.h>
#include <string.h>
#include <time.h>
#include <x86intrin.h>

#include "mark.h"

static void print_clock(void)
{
	struct timespec now;

	clock_gettime(CLOCK_MONOTONIC, &now);
	printf("# clock %llu %lld\n", __rdtsc(), now.tv_sec * 1000000000ll + now.tv_nsec);
}

int main(int argc, char **argv)
{
	if (argc == 2 && !strcmp(argv[1], "start")) {
		MARK(COUNT);
	} else if (argc == 2 && !strcmp(argv[1], "stop")) {
		MARK(STOP);
	} else if (argc == 2 && !strcmp(argv[1], "clock")) {
		print_clock();
	} else {
		fprintf(stderr, "usage: mark start|stop|clock\n");
		return 1;
	}
	return 0;
}
