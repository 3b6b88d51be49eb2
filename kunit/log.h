/* SPDX-License-Identifier: GPL-2.0 */
/*
 * Captures gomalloc's lines of the kernel log, for tests that expect reports.
 */
#ifndef GOM_KUNIT_LOG_H
#define GOM_KUNIT_LOG_H

#include <linux/types.h>

int gomtest_log_capture(void);
void gomtest_log_match(const char *words);
void gomtest_log_release(void);
void gomtest_log_clear(void);
unsigned int gomtest_log_lines(void);
bool gomtest_log_contains(const char *words);

#endif /* GOM_KUNIT_LOG_H */
