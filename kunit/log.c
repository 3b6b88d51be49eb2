// SPDX-License-Identifier: GPL-2.0
/*
 * Listening to the kernel log as a console of its own: lines of gomalloc's are
 * counted, and kept as far as there is room.  (The tracepoint that the tests of KFENCE
 * use is not there for modules before 6.2.)
 */
#include <linux/console.h>
#include <linux/minmax.h>
#include <linux/string.h>

#include "console.h"

/* Written with the console lock held, read after it was taken: all is said then. */
static unsigned int lines;
static char said[4096];
static const char *wanted;

static void listen(struct console *con, const char *text, unsigned int len)
{
	size_t at;

	if (!strnstr(text, wanted, len))
		return;
	lines++;
	at = strlen(said);
	strscpy(said + at, text, min_t(size_t, len + 1, sizeof(said) - at));
}

static struct console listener = {
	.name	= "gomkunit",
	.write	= listen,
	.index	= -1,
};

int console_listen(void)
{
	wanted = "gomalloc: ";
	listener.flags = CON_ENABLED;	/* cleared when it was unregistered */
	register_console(&listener);
	return 0;
}

void console_unlisten(void)
{
	unregister_console(&listener);
}

void console_clear(void)
{
	console_lock();
	console_unlock();	/* flushes what is still to be said */
	console_lock();
	lines = 0;
	said[0] = '\0';
	console_unlock();
}

/* Listen for lines with @words instead, from now on. */
void console_listen_for(const char *words)
{
	console_clear();
	console_lock();
	wanted = words;
	console_unlock();
}

/* Lines since console_clear(). */
unsigned int console_lines(void)
{
	console_lock();
	console_unlock();
	return READ_ONCE(lines);
}

/* Did a line since console_clear() have @words in it? */
bool console_said(const char *words)
{
	bool found;

	console_lock();
	console_unlock();
	console_lock();
	found = strstr(said, words);
	console_unlock();
	return found;
}
