// SPDX-License-Identifier: GPL-2.0
/*
 * Allocation from inside the allocator: kprobes on functions of gomalloc's that run
 * with a lock of its held, or while a CPU's cache is taken apart, allocate and free
 * without waiting (gom_malloc_nolock()).  Whoever waited there would wait for himself.
 *
 * Handlers run on all CPUs at once: what they share are atomic counters.  The probes
 * are placed before the load begins and removed when it is over, as the allocator is
 * under test and not the patching of code that runs.
 */
#ifdef CONFIG_KPROBES
#include <linux/atomic.h>
#include <linux/kprobes.h>
#include <linux/string.h>

#include "bench.h"
#include "gomalloc.h"
#include "smoke_object.h"
#include "smoke_probe.h"

#define PROBE_MAX_SIZE	512U

static atomic_long_t hits, served, wrong;

/* Filled, looked at, freed; the allocator cannot have given it to anybody else. */
static int allocate(struct kprobe *probe, struct pt_regs *regs)
{
	const unsigned long hit = atomic_long_inc_return(&hits);
	const unsigned int size = 1 + hit * 37 % PROBE_MAX_SIZE;
	u8 *p = gom_malloc_nolock(size, __GFP_ZERO);

	if (!p)
		return 0;
	atomic_long_inc(&served);
	if (memchr_inv(p, 0, size))
		atomic_long_inc(&wrong);
	memset(p, hit, size);
	if (memchr_inv(p, hit, size))
		atomic_long_inc(&wrong);
	gom_free_nolock(p);
	return 0;
}
NOKPROBE_SYMBOL(allocate);

/* Under mcentral's lock, under the heap's, and where magazines change hands. */
static struct kprobe probes[] = {
	{ .symbol_name = "gomalloc:gom_span_take", .pre_handler = allocate },
	{ .symbol_name = "gomalloc:gom_span_take_record", .pre_handler = allocate },
	{ .symbol_name = "gomalloc:gom_span_give_record", .pre_handler = allocate },
	{ .symbol_name = "gomalloc:gom_mcentral_refill", .pre_handler = allocate },
	{ .symbol_name = "gomalloc:gom_mcentral_exchange", .pre_handler = allocate },
};

static unsigned int placed;

int smoke_probes_begin(void)
{
	int err;

	for (placed = 0; placed < ARRAY_SIZE(probes); placed++) {
		err = register_kprobe(&probes[placed]);
		if (err) {
			pr_err("smoke: no kprobe on %s: %pe\n", probes[placed].symbol_name,
			       ERR_PTR(err));
			return err;
		}
	}
	return 0;
}

void smoke_probes_end(void)
{
	while (placed)
		unregister_kprobe(&probes[--placed]);
	pr_info("smoke: %ld times in kprobes inside the allocator, %ld got memory, %ld errors\n",
		atomic_long_read(&hits), atomic_long_read(&served), atomic_long_read(&wrong));
	atomic_add(atomic_long_read(&wrong), &smoke_errors);
}
#endif /* CONFIG_KPROBES */
