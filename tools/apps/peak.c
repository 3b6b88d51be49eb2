// SPDX-License-Identifier: GPL-2.0
/*
 * Prints the most memory that slabs and gomalloc held together, sampled until
 * SIGTERM: `peak MILLISECONDS`.
 *
 * The output is a line `# peak BYTES`: Slab of /proc/meminfo, and `sys` of
 * gomalloc's memstats, if it is loaded.  The marks keep its own instructions out
 * of the count (tools/plugin/profile.c).
 */
#include <fcntl.h>
#include <sched.h>
#include <signal.h>
#include <stdatomic.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#include "mark.h"

static atomic_bool ended;

static void end(int signal)
{
	ended = true;
}

/* The number behind a name at the start of a line of a file; 0 without it. */
static unsigned long number_in(const char *path, const char *name)
{
	static char text[16384];
	const char *line;
	int fd = open(path, O_RDONLY);
	ssize_t size;

	if (fd < 0)
		return 0;
	text[0] = '\n';
	size = read(fd, text + 1, sizeof(text) - 2);
	close(fd);
	text[size > 0 ? size + 1 : 0] = 0;
	line = strstr(text, name);
	return line ? strtoul(line + strlen(name), NULL, 10) : 0;
}

int main(int argc, char **argv)
{
	const struct sched_param priority = { .sched_priority = 50 };
	const long milliseconds = argc == 2 ? atol(argv[1]) : 0;
	const struct timespec pause = { .tv_nsec = milliseconds * 1000000 };
	unsigned long most = 0, now;

	if (milliseconds <= 0 || milliseconds >= 1000) {
		fprintf(stderr, "usage: peak MILLISECONDS\n");
		return 1;
	}
	signal(SIGTERM, end);
	sched_setscheduler(0, SCHED_FIFO, &priority);
	while (!ended) {
		MARK(PAUSE);
		now = number_in("/proc/meminfo", "\nSlab:") * 1024 +
		      number_in("/sys/kernel/debug/gomalloc/memstats", "\nsys ");
		MARK(RESUME);
		if (now > most)
			most = now;
		nanosleep(&pause, NULL);
	}
	printf("# peak %lu\n", most);
	return 0;
}
