// SPDX-License-Identifier: GPL-2.0
/*
 * Time measurement for offprobe.h, part of gomalloc.ko in a build with
 * GOM_OFFTIMES=1.
 *
 * A CPU's state is used with preemption or interrupts disabled.  An interrupt
 * during a section without preemption has sections of its own.
 */
#define GOM_OFF_PROBE_ITSELF
#include <linux/atomic.h>
#include <linux/export.h>
#include <linux/percpu.h>

#include "clock.h"
#include "offprobe.h"

struct off_state {
	unsigned int depth[GOM_OFF_KINDS];
	u64 start[GOM_OFF_KINDS];
};

static DEFINE_PER_CPU(struct off_state, off_states);

struct gom_off_place *gom_off_places;
EXPORT_SYMBOL_GPL(gom_off_places);

/* Exported for offtimes.c, which measures an empty section. */
void gom_off_begin(enum gom_off_kind kind)
{
	struct off_state *st = this_cpu_ptr(&off_states);

	if (!st->depth[kind]++)
		st->start[kind] = bench_cycles();
}
EXPORT_SYMBOL_GPL(gom_off_begin);

static void place_register(struct gom_off_place *place)
{
	struct gom_off_place *first;

	if (xchg(&place->registered, 1))
		return;
	do {
		first = READ_ONCE(gom_off_places);
		place->next = first;
	} while (cmpxchg(&gom_off_places, first, place) != first);
}

void gom_off_end(struct gom_off_place *place)
{
	struct off_state *st = this_cpu_ptr(&off_states);
	u64 took = bench_cycles() - st->start[place->kind];

	if (--st->depth[place->kind])
		return;
	if (!place->registered)
		place_register(place);
	place->count++;
	place->by_time[gom_off_step(took)]++;
	if (took > place->longest)
		place->longest = took;
}
EXPORT_SYMBOL_GPL(gom_off_end);

/* Begin a round.  A section that is in progress is counted in both rounds. */
void gom_off_reset(void)
{
	struct gom_off_place *place;

	for (place = gom_off_places; place; place = place->next) {
		place->longest = 0;
		place->count = 0;
	}
}
EXPORT_SYMBOL_GPL(gom_off_reset);
