/* SPDX-License-Identifier: GPL-2.0 */
/* Objects of one interrupt on one CPU, allocated and freed without waiting. */
#ifndef GOMALLOC_TORTURE_NOLOCK_H
#define GOMALLOC_TORTURE_NOLOCK_H

#include <linux/percpu.h>
#include <linux/types.h>

#define NOLOCK_SLOTS	16U

struct nolock_state {
	u8 *p[NOLOCK_SLOTS];
	u16 size[NOLOCK_SLOTS];
	unsigned int step;
	unsigned long allocated;
	unsigned long failed;
	unsigned long errors;		/* overwritten contents */
};

void nolock_prepare(struct nolock_state __percpu *states);
void nolock_step(struct nolock_state *state, bool may_call_rcu);
int nolock_finish(struct nolock_state __percpu *states, const char *what);

#endif /* GOMALLOC_TORTURE_NOLOCK_H */
