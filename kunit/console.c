// SPDX-License-Identifier: GPL-2.0
/*
 * Listening to the kernel log through its tracepoint, as the tests of KFENCE do:
 * lines of gomalloc's are counted, and the last one is kept.
 */
#include <linux/spinlock.h>
#include <linux/string.h>
#include <linux/tracepoint.h>

#include <trace/events/printk.h>

#include "console.h"

static DEFINE_SPINLOCK(lock);	/* protects what follows */
static unsigned int lines;
static char last[256];

static void probe(void *ignore, const char *text, size_t len)
{
	unsigned long flags;

	if (!strnstr(text, "gomalloc: ", len))
		return;
	spin_lock_irqsave(&lock, flags);
	lines++;
	strscpy(last, text, min(len + 1, sizeof(last)));
	spin_unlock_irqrestore(&lock, flags);
}

int console_listen(void)
{
	return register_trace_console(probe, NULL);
}

/* When this returns nobody is in the probe any more. */
void console_unlisten(void)
{
	unregister_trace_console(probe, NULL);
	tracepoint_synchronize_unregister();
}

void console_clear(void)
{
	unsigned long flags;

	spin_lock_irqsave(&lock, flags);
	lines = 0;
	last[0] = '\0';
	spin_unlock_irqrestore(&lock, flags);
}

/* Lines since console_clear(). */
unsigned int console_lines(void)
{
	return READ_ONCE(lines);
}

/* Did the last line have @words in it? */
bool console_said(const char *words)
{
	unsigned long flags;
	bool said;

	spin_lock_irqsave(&lock, flags);
	said = strstr(last, words);
	spin_unlock_irqrestore(&lock, flags);
	return said;
}
