/* SPDX-License-Identifier: GPL-2.0 */
/* What gomalloc says in the kernel log, for tests that expect it to speak. */
#ifndef GOM_KUNIT_CONSOLE_H
#define GOM_KUNIT_CONSOLE_H

#include <linux/types.h>

int console_listen(void);
void console_listen_for(const char *words);
void console_unlisten(void);
void console_clear(void);
unsigned int console_lines(void);
bool console_said(const char *words);

#endif /* GOM_KUNIT_CONSOLE_H */
