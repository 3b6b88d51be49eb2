// SPDX-License-Identifier: GPL-2.0
/*
 * The watch behind offprobe.h, part of gomalloc.ko in a build with GOM_OFFTIMES=1.
 *
 * What one CPU keeps is used with preemption or interrupts off.  An interrupt in a
 * section of the first kind begins and ends its own inside it.
 */
#define GOM_OFF_PROBE_ITSELF
#include <linux/atomic.h>
#include <linux/export.h>
#include <linux/percpu.h>

#include "clock.h"
#include "offprobe.h"

struct watch {
	unsigned int depth[GOM_OFF_KINDS];
	u64 start[GOM_OFF_KINDS];
};

static DEFINE_PER_CPU(struct watch, watches);

struct gom_off_place *gom_off_places;
EXPORT_SYMBOL_GPL(gom_off_places);

/* For the allocator, and for who wants to see what a section of no length takes. */
void gom_off_begin(enum gom_off_kind kind)
{
	struct watch *w = this_cpu_ptr(&watches);

	if (!w->depth[kind]++)
		w->start[kind] = bench_cycles();
}
EXPORT_SYMBOL_GPL(gom_off_begin);

static void make_known(struct gom_off_place *place)
{
	struct gom_off_place *first;

	if (xchg(&place->known, 1))
		return;
	do {
		first = READ_ONCE(gom_off_places);
		place->next = first;
	} while (cmpxchg(&gom_off_places, first, place) != first);
}

void gom_off_end(struct gom_off_place *place)
{
	struct watch *w = this_cpu_ptr(&watches);
	u64 took = bench_cycles() - w->start[place->kind];

	if (--w->depth[place->kind])
		return;
	if (!place->known)
		make_known(place);
	place->count++;
	place->by_time[gom_off_step(took)]++;
	if (took > place->longest)
		place->longest = took;
}
EXPORT_SYMBOL_GPL(gom_off_end);

/* Begin a round.  Nobody is in a section, but for who will be counted twice. */
void gom_off_reset(void)
{
	struct gom_off_place *place;

	for (place = gom_off_places; place; place = place->next) {
		place->longest = 0;
		place->count = 0;
	}
}
EXPORT_SYMBOL_GPL(gom_off_reset);
