/* SPDX-License-Identifier: GPL-2.0 */
/*
 * Measures how long gomalloc keeps preemption or interrupts disabled.
 *
 * A build with GOM_OFFTIMES=1 includes this file first in each of gomalloc's
 * files, whose sources are not changed.  The calls redefined below then measure
 * the time.  The kernel's own functions are not measured.
 *
 * Nested sections are one: it begins with the outermost, and is named after the
 * place where it ends.  Its time includes interrupts.
 */
#ifndef GOMALLOC_BENCH_OFFPROBE_H
#define GOMALLOC_BENCH_OFFPROBE_H

/* Headers whose inline functions use these calls, before they are redefined. */
#include <linux/debugfs.h>
#include <linux/irqflags.h>
#include <linux/local_lock.h>
#include <linux/log2.h>
#include <linux/mm.h>
#include <linux/module.h>
#include <linux/preempt.h>
#include <linux/rcupdate.h>
#include <linux/seq_file.h>
#include <linux/seqlock.h>
#include <linux/slab.h>
#include <linux/spinlock.h>
#include <linux/stop_machine.h>
#include <linux/trace_events.h>
#include <linux/tracepoint.h>
#include <linux/types.h>
#include <linux/vmalloc.h>
#include <linux/workqueue.h>

enum gom_off_kind { GOM_OFF_IRQS, GOM_OFF_PREEMPTION, GOM_OFF_KINDS };

#define GOM_OFF_STEPS	256

/**
 * struct gom_off_place - a place where sections end
 * @function: its function
 * @line: its line
 * @kind: what was disabled
 * @registered: it is in the list gom_off_places
 * @next: next in the list
 * @longest: longest section since the last reset
 * @count: number of sections since the last reset
 * @best: minimum of @longest over the rounds; for offtimes.c
 * @by_time: number of sections since load, by gom_off_step()
 */
struct gom_off_place {
	const char *function;
	unsigned int line;
	enum gom_off_kind kind;
	int registered;
	struct gom_off_place *next;
	u64 longest;
	u64 count;
	u64 best;
	u32 by_time[GOM_OFF_STEPS];
};

/* Logarithmic scale: four steps for each power of two. */
static inline unsigned int gom_off_step(u64 took)
{
	unsigned int log = took < 4 ? 2 : ilog2(took);

	return log * 4 + (took >> (log - 2)) % 4;
}

/* Upper bound of a step. */
static inline u64 gom_off_step_end(unsigned int step)
{
	return (4ULL + step % 4 + 1) << (step / 4 - 2);
}

extern struct gom_off_place *gom_off_places;

void gom_off_begin(enum gom_off_kind kind);
void gom_off_end(struct gom_off_place *place);
void gom_off_reset(void);

#define gom_off_end_here(off)						\
do {									\
	static struct gom_off_place place__ = {				\
		.function = __func__, .line = __LINE__, .kind = (off),	\
	};								\
									\
	gom_off_end(&place__);						\
} while (0)

#ifndef GOM_OFF_PROBE_ITSELF

#define gom_off_lock_irqsave(lock, flags, how)				\
do {									\
	local_irq_save(flags);						\
	gom_off_begin(GOM_OFF_IRQS);					\
	how(lock);							\
} while (0)

#define gom_off_unlock_irqrestore(lock, flags, how)			\
do {									\
	how(lock);							\
	gom_off_end_here(GOM_OFF_IRQS);					\
	local_irq_restore(flags);					\
} while (0)

#undef spin_lock_irqsave
#define spin_lock_irqsave(lock, flags)					\
	gom_off_lock_irqsave(lock, flags, spin_lock)

#undef spin_unlock_irqrestore
#define spin_unlock_irqrestore(lock, flags)				\
	gom_off_unlock_irqrestore(lock, flags, spin_unlock)

#undef raw_spin_lock_irqsave
#define raw_spin_lock_irqsave(lock, flags)				\
	gom_off_lock_irqsave(lock, flags, raw_spin_lock)

#undef raw_spin_unlock_irqrestore
#define raw_spin_unlock_irqrestore(lock, flags)				\
	gom_off_unlock_irqrestore(lock, flags, raw_spin_unlock)

#undef spin_trylock_irqsave
#define spin_trylock_irqsave(lock, flags)				\
({									\
	bool got__;							\
									\
	local_irq_save(flags);						\
	gom_off_begin(GOM_OFF_IRQS);					\
	got__ = spin_trylock(lock);					\
	if (!got__) {							\
		gom_off_end_here(GOM_OFF_IRQS);				\
		local_irq_restore(flags);				\
	}								\
	got__;								\
})

static __always_inline void gom_off_preempt_disable(void)
{
	preempt_disable();
	gom_off_begin(GOM_OFF_PREEMPTION);
}

static __always_inline void gom_off_preempt_enable(void)
{
	preempt_enable();
}

#undef preempt_disable
#define preempt_disable()	gom_off_preempt_disable()

#undef preempt_enable
#define preempt_enable()						\
do {									\
	gom_off_end_here(GOM_OFF_PREEMPTION);				\
	gom_off_preempt_enable();					\
} while (0)

#endif /* GOM_OFF_PROBE_ITSELF */
#endif /* GOMALLOC_BENCH_OFFPROBE_H */
