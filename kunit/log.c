// SPDX-License-Identifier: GPL-2.0
/*
 * Captures lines of the kernel log: a console that counts the lines with given
 * words, by default gomalloc's, and stores them as far as its buffer allows.
 * (KFENCE's tests use a tracepoint, which is not exported before 6.2.)
 */
#include <linux/console.h>
#include <linux/minmax.h>
#include <linux/string.h>

#include "log.h"

/*
 * Written with the console lock held.  Taking and releasing that lock flushes
 * all pending lines, so readers do that first.
 */
static unsigned int nr_lines;
static char text[4096];
static const char *match;

static void log_write(struct console *con, const char *line, unsigned int len)
{
	size_t at;

	if (!strnstr(line, match, len))
		return;
	nr_lines++;
	at = strlen(text);
	strscpy(text + at, line, min_t(size_t, len + 1, sizeof(text) - at));
}

static struct console log_console = {
	.name	= "gomkunit",
	.write	= log_write,
	.index	= -1,
};

int gomtest_log_capture(void)
{
	match = "gomalloc: ";
	log_console.flags = CON_ENABLED;	/* unregistering clears it */
	register_console(&log_console);
	return 0;
}

void gomtest_log_release(void)
{
	unregister_console(&log_console);
}

void gomtest_log_clear(void)
{
	console_lock();
	console_unlock();	/* flushes pending lines */
	console_lock();
	nr_lines = 0;
	text[0] = '\0';
	console_unlock();
}

/* Capture lines with @words from now on. */
void gomtest_log_match(const char *words)
{
	gomtest_log_clear();
	console_lock();
	match = words;
	console_unlock();
}

/* Number of lines since gomtest_log_clear(). */
unsigned int gomtest_log_lines(void)
{
	console_lock();
	console_unlock();
	return READ_ONCE(nr_lines);
}

/* Whether a line since gomtest_log_clear() contains @words. */
bool gomtest_log_contains(const char *words)
{
	bool found;

	console_lock();
	console_unlock();
	console_lock();
	found = strstr(text, words);
	console_unlock();
	return found;
}
