/* SPDX-License-Identifier: GPL-2.0 */
/* Adds to KASAN's reports what gomalloc knows; see kasan.c. */
#ifndef GOM_DEBUG_KASAN_H
#define GOM_DEBUG_KASAN_H

void gom_kasan_init(void);
void gom_kasan_exit(void);

#endif /* GOM_DEBUG_KASAN_H */
