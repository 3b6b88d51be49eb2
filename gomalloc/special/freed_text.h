/* SPDX-License-Identifier: GPL-2.0 */
/* Names of functions on the stacks of the heap profile; see freed_text.c. */
#ifndef GOM_FREED_TEXT_H
#define GOM_FREED_TEXT_H

#include <linux/types.h>

struct gom_client_info;
struct gom_text;

void gom_freed_text_keep(const struct gom_client_info *info, const struct gom_text *text);
bool gom_freed_text_has(u32 client, unsigned long addr);
const char *gom_freed_text_symbol(u32 client, unsigned long addr, char *buf);
void gom_freed_text_trim(void);
void gom_freed_text_exit(void);

#endif /* GOM_FREED_TEXT_H */
