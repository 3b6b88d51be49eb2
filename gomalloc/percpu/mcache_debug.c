// SPDX-License-Identifier: GPL-2.0
/*
 * The flag @mallocing as a lock, for lockdep: see mcache.h.  Empty without
 * CONFIG_DEBUG_LOCK_ALLOC.
 *
 * Context: any, with preemption disabled.  Reports are made with lockdep off
 * for this task, because printk() takes locks and may run inside the cache.
 */
#include <linux/lockdep.h>
#include <linux/percpu.h>
#include <linux/preempt.h>
#include <linux/printk.h>

#include "base/compat.h"
#include "percpu/mcache.h"

#ifdef CONFIG_DEBUG_LOCK_ALLOC

/* No lock may be taken inside, not even a raw spinlock: LD_WAIT_FREE. */
static struct lockdep_map map = {
	.name = "gom_mcache",
	.key = (void *)&map,
	.wait_type_inner = LD_WAIT_FREE,
};

/* The owner's context: interrupt_context_level() + 1; 0 without an owner. */
static DEFINE_PER_CPU(int, owner_context);

static int this_context(void)
{
	return interrupt_context_level() + 1;
}

static __printf(1, 2) void report(const char *fmt, ...)
{
	struct va_format vaf;
	va_list args;

	va_start(args, fmt);
	vaf.fmt = fmt;
	vaf.va = &args;
	lockdep_off();
	WARN(1, "gomalloc: %pV\n", &vaf);
	lockdep_on();
	va_end(args);
}

/* The flag of this CPU has been set. */
void gom_mcache_debug_enter(void)
{
	lock_acquire_exclusive(&map, 0, 1, NULL, _THIS_IP_);
	this_cpu_write(owner_context, this_context());
}

/* The flag of @c is about to be cleared. */
void gom_mcache_debug_leave(const struct gom_mcache *c)
{
	if (c != this_cpu_ptr(&gom_mcache))
		report("the cache of CPU %d is left on CPU %d", c->cpu, smp_processor_id());
	else if (this_cpu_read(owner_context) != this_context())
		report("the cache of CPU %d is left in context %d, entered in %d", c->cpu,
		       this_context(), this_cpu_read(owner_context));
	this_cpu_write(owner_context, 0);
	lock_release(&map, _THIS_IP_);
}
GOM_EXPORT_FOR_TEST(gom_mcache_debug_leave);

/* The flag of this CPU was found set; report it if this context has set it. */
void gom_mcache_debug_busy(void)
{
	if (raw_cpu_read(owner_context) == this_context())
		report("the cache of CPU %d is entered twice", raw_smp_processor_id());
}
GOM_EXPORT_FOR_TEST(gom_mcache_debug_busy);
GOM_EXPORT_FOR_TEST(gom_mcache_debug_enter);

#endif /* CONFIG_DEBUG_LOCK_ALLOC */
