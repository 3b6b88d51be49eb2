// SPDX-License-Identifier: GPL-2.0
/*
 * Allocates from inside the allocator.  Kprobes on functions of gomalloc that
 * run with one of its locks held, or while a CPU's cache is changed, call
 * gom_malloc_nolock() and gom_free_nolock().  Waiting there would be a
 * deadlock.
 *
 * Handlers run on all CPUs and share atomic counters only.  Probes are
 * registered before the workers start and unregistered after they have ended:
 * the allocator is tested, not the patching of running code.
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

static atomic_long_t hits, allocated, errors;

/* Allocate, fill, check and free an object. */
static int probe_allocate(struct kprobe *probe, struct pt_regs *regs)
{
	const unsigned long hit = atomic_long_inc_return(&hits);
	const unsigned int size = 1 + hit * 37 % PROBE_MAX_SIZE;
	u8 *p = gom_malloc_nolock(size, __GFP_ZERO);

	if (!p)
		return 0;
	atomic_long_inc(&allocated);
	if (memchr_inv(p, 0, size))
		atomic_long_inc(&errors);
	memset(p, hit, size);
	if (memchr_inv(p, hit, size))
		atomic_long_inc(&errors);
	gom_free_nolock(p);
	return 0;
}
NOKPROBE_SYMBOL(probe_allocate);

/*
 * Under mcentral's lock, under the heap's lock, and where magazines are
 * exchanged.
 */
static struct kprobe probes[] = {
	{ .symbol_name = "gomalloc:gom_span_pop", .pre_handler = probe_allocate },
	{ .symbol_name = "gomalloc:gom_span_record_alloc", .pre_handler = probe_allocate },
	{ .symbol_name = "gomalloc:gom_span_record_free", .pre_handler = probe_allocate },
	{ .symbol_name = "gomalloc:gom_mcentral_refill", .pre_handler = probe_allocate },
	{ .symbol_name = "gomalloc:gom_mcentral_exchange", .pre_handler = probe_allocate },
};

static unsigned int registered;

int smoke_probes_begin(void)
{
	int err;

	for (registered = 0; registered < ARRAY_SIZE(probes); registered++) {
		err = register_kprobe(&probes[registered]);
		if (err) {
			pr_err("smoke: no kprobe on %s: %pe\n", probes[registered].symbol_name,
			       ERR_PTR(err));
			return err;
		}
	}
	return 0;
}

void smoke_probes_end(void)
{
	while (registered)
		unregister_kprobe(&probes[--registered]);
	pr_info("smoke: %ld calls in kprobes inside the allocator, %ld got memory, %ld errors\n",
		atomic_long_read(&hits), atomic_long_read(&allocated), atomic_long_read(&errors));
	atomic_add(atomic_long_read(&errors), &smoke_errors);
}
#endif /* CONFIG_KPROBES */
