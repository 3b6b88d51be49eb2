// SPDX-License-Identifier: GPL-2.0
/*
 * One step of an interrupt that must not wait: an object is allocated, filled and
 * put into a place, or taken from it, looked at and freed.  A hand belongs to one
 * kind of interrupt on one CPU, which does not interrupt itself.
 */
#include <linux/percpu.h>
#include <linux/rcupdate.h>
#include <linux/string.h>

#include "gomalloc.h"
#include "nolock.h"
#include "torture.h"

#define MAX_SIZE	512U
#define RCU_ONE_IN	8U

struct rcu_object {
	struct rcu_head rcu;
};

static void check_and_free(struct nolock_hand *hand, unsigned int place, bool may_call_rcu)
{
	const unsigned int size = hand->size[place];
	void *p = hand->p[place];

	hand->p[place] = NULL;
	if (memchr_inv(p, size & 0xff, size))
		hand->wrong++;
	if (may_call_rcu && size >= sizeof(struct rcu_object) && !(hand->step % RCU_ONE_IN)) {
		struct rcu_object *object = p;

		gom_free_rcu(object, rcu);
	} else {
		gom_free_nolock(p);
	}
}

static void allocate(struct nolock_hand *hand, unsigned int place)
{
	const unsigned int size = 1 + hand->step * 37 % MAX_SIZE;
	void *p = gom_malloc_nolock(size, 0);

	if (!p) {
		hand->refused++;
		return;
	}
	hand->served++;
	memset(p, size & 0xff, size);
	hand->p[place] = p;
	hand->size[place] = size;
}

void nolock_step(struct nolock_hand *hand, bool may_call_rcu)
{
	const unsigned int place = hand->step * 7 % NOLOCK_PLACES;

	if (hand->p[place])
		check_and_free(hand, place, may_call_rcu);
	else
		allocate(hand, place);
	/* Another order in each round, so that objects die at all ages. */
	hand->step += hand->step % (NOLOCK_PLACES + 1) ? 1 : 3;
}

/*
 * When no interrupt comes any more: free what is left, and say what there was.  Not
 * every call can be served, but if none was nothing was tested.
 */
int nolock_finish(struct nolock_hand __percpu *hands, const char *what)
{
	struct nolock_hand *hand, sum = {};
	unsigned int i;
	int cpu;

	for_each_possible_cpu(cpu) {
		hand = per_cpu_ptr(hands, cpu);
		for (i = 0; i < NOLOCK_PLACES; i++) {
			if (hand->p[i])
				check_and_free(hand, i, false);
		}
		sum.step += hand->step;
		sum.served += hand->served;
		sum.refused += hand->refused;
		sum.wrong += hand->wrong;
		memset(hand, 0, sizeof(*hand));
	}
	pr_info("%s: %lu got memory, %lu got none, %lu errors\n", what, sum.served, sum.refused,
		sum.wrong);
	return sum.wrong || !sum.served ? -EIO : 0;
}
