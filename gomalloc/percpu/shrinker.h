/* SPDX-License-Identifier: GPL-2.0 */
/* The shrinker: returns unused memory to the page allocator under pressure. */
#ifndef GOM_SHRINKER_H
#define GOM_SHRINKER_H

#include <linux/notifier.h>
#include <linux/shrinker.h>

extern struct shrinker *gom_shrinker;

unsigned long gom_shrinker_count(struct shrinker *sh, struct shrink_control *sc);
unsigned long gom_shrinker_scan(struct shrinker *sh, struct shrink_control *sc);
int gom_shrinker_oom(struct notifier_block *nb, unsigned long unused, void *freed);
int gom_shrinker_init(void);
void gom_shrinker_exit(void);

#endif /* GOM_SHRINKER_H */
