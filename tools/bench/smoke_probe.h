/* SPDX-License-Identifier: GPL-2.0 */
/* Kprobes inside the allocator that allocate, for the smoke workload. */
#ifndef GOMALLOC_BENCH_SMOKE_PROBE_H
#define GOMALLOC_BENCH_SMOKE_PROBE_H

#ifdef CONFIG_KPROBES
int smoke_probes_begin(void);
void smoke_probes_end(void);
#else
static inline int smoke_probes_begin(void)
{
	return 0;
}

static inline void smoke_probes_end(void)
{
}
#endif

#endif /* GOMALLOC_BENCH_SMOKE_PROBE_H */
