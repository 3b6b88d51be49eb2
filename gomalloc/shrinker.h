/* SPDX-License-Identifier: GPL-2.0 */
/* The shrinker: free page runs go back under memory pressure. */
#ifndef GOM_SHRINKER_H
#define GOM_SHRINKER_H

int gom_shrinker_init(void);
void gom_shrinker_exit(void);

#endif /* GOM_SHRINKER_H */
