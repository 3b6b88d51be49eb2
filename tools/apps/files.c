// SPDX-License-Identifier: GPL-2.0
/*
 * A workload for file systems: one phase over many small files in 32 folders.
 *
 *	files create|stat|rename|unlink DIRECTORY NUMBER
 *
 * Each phase is a process of its own, so a script can do something between
 * them.
 */
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#define FOLDERS			32
#define ARRAY_SIZE(array)	(sizeof(array) / sizeof((array)[0]))

static const char *directory;

static void fail(const char *what, const char *path)
{
	fprintf(stderr, "files: %s %s: %s\n", what, path, strerror(errno));
	exit(1);
}

static void name_of(char *path, size_t size, const char *kind, long number)
{
	snprintf(path, size, "%s/%ld/%s-%ld", directory, number % FOLDERS, kind, number);
}

static void create(long number)
{
	char path[256];
	int fd;

	name_of(path, sizeof(path), "file", number);
	fd = open(path, O_CREAT | O_EXCL | O_WRONLY, 0644);
	if (fd < 0)
		fail("no new file", path);
	if (write(fd, path, strlen(path)) != (ssize_t)strlen(path))
		fail("cannot write to", path);
	close(fd);
}

static void stat_one(long number)
{
	struct stat found;
	char path[256];

	name_of(path, sizeof(path), "file", number);
	if (stat(path, &found) || found.st_size != (off_t)strlen(path))
		fail("wrong", path);
}

static void rename_one(long number)
{
	char from[256], to[256];

	name_of(from, sizeof(from), "file", number);
	name_of(to, sizeof(to), "renamed", number);
	if (rename(from, to))
		fail("cannot rename", from);
}

static void unlink_one(long number)
{
	char path[256];

	name_of(path, sizeof(path), "renamed", number);
	if (unlink(path))
		fail("cannot unlink", path);
}

static void make_folders(void)
{
	char path[256];
	long folder;

	for (folder = 0; folder < FOLDERS; folder++) {
		snprintf(path, sizeof(path), "%s/%ld", directory, folder);
		if (mkdir(path, 0755) && errno != EEXIST)
			fail("cannot make", path);
	}
}

int main(int argc, char **argv)
{
	static const struct {
		const char *name;
		void (*work)(long number);
	} phases[] = {
		{ "create", create },
		{ "stat", stat_one },
		{ "rename", rename_one },
		{ "unlink", unlink_one },
	};
	unsigned int i;
	long number;

	if (argc != 4) {
		fprintf(stderr, "usage: files create|stat|rename|unlink DIRECTORY NUMBER\n");
		return 1;
	}
	directory = argv[2];
	make_folders();
	for (i = 0; i < ARRAY_SIZE(phases); i++) {
		if (strcmp(argv[1], phases[i].name))
			continue;
		for (number = 0; number < atol(argv[3]); number++)
			phases[i].work(number);
		return 0;
	}
	fprintf(stderr, "files: there is no phase %s\n", argv[1]);
	return 1;
}
