/* SPDX-License-Identifier: GPL-2.0 */
/* Objects of one interrupt on one CPU, allocated and freed without waiting. */
#ifndef GOMALLOC_TORTURE_NOLOCK_H
#define GOMALLOC_TORTURE_NOLOCK_H

#include <linux/percpu.h>
#include <linux/types.h>

#define NOLOCK_PLACES	16U

struct nolock_hand {
	u8 *p[NOLOCK_PLACES];
	u16 size[NOLOCK_PLACES];
	unsigned int step;
	unsigned long served;
	unsigned long refused;
	unsigned long wrong;		/* contents that are not what was written */
};

void nolock_step(struct nolock_hand *hand, bool may_call_rcu);
int nolock_finish(struct nolock_hand __percpu *hands, const char *what);

#endif /* GOMALLOC_TORTURE_NOLOCK_H */
