// SPDX-License-Identifier: GPL-2.0
/*
 * Soak: do operations get slower, or is memory lost, over time?
 *
 * A thread on each CPU replaces objects, chosen at random, in a live set of its
 * own, alternately with SLUB and with gomalloc.  Sizes are from 8 bytes to 8
 * KiB, with equal probability for each power of two.  One object in 64 goes to
 * an array that all CPUs share, and is freed by the CPU that takes it from
 * there.
 *
 * The table has a line for each sixtieth of the time: the cost of a free and an
 * allocation in the last samples, and memory held over memory live.  SLUB's
 * memory is what the kernel counts as slabs; gomalloc's is the rest of what was
 * taken.
 */
#include <linux/delay.h>
#include <linux/math64.h>
#include <linux/mm.h>
#include <linux/prandom.h>
#include <linux/sched.h>
#include <linux/sched/signal.h>
#include <linux/vmalloc.h>
#include <linux/vmstat.h>

#include "allocators.h"
#include "bench.h"
#include "clock.h"
#include "workers.h"

#define LIVE		20000U	/* objects of each allocator on each CPU */
#define STEPS		512U	/* operations in a timing */
#define SHARED		64U	/* objects in the shared array */
#define TO_SHARED	64U	/* one object in so many goes there */
#define SAMPLES		512U	/* the last ones of each CPU */
#define LINES		60U
#define MIN_SHIFT	3U
#define MAX_SHIFT	13U

struct soak_cpu {
	struct rnd_state rnd;
	void *live[BENCH_NR_REAL][LIVE];
	u16 size[BENCH_NR_REAL][LIVE];
	u64 bytes[BENCH_NR_REAL];
	u32 sample[BENCH_NR_REAL][SAMPLES];	/* cycles for each operation, in tenths */
	u64 nr_samples;
	u16 step_size[STEPS];
	u16 step_place[STEPS];
};

struct soak {
	bool stop;
	unsigned int nr_cpus;
	void *shared[BENCH_NR_REAL][SHARED];
	struct soak_cpu **cpus;
	u32 *sorted;
	long free_before, slab_before;
};

static u32 cpu_draw(struct soak_cpu *cpu, u32 end)
{
	return prandom_u32_state(&cpu->rnd) % end;
}

static unsigned int cpu_draw_size(struct soak_cpu *cpu)
{
	unsigned int base = 1U << (MIN_SHIFT + cpu_draw(cpu, MAX_SHIFT - MIN_SHIFT));

	return base + cpu_draw(cpu, base);
}

static void cpu_draw_steps(struct soak_cpu *cpu, enum bench_allocator allocator)
{
	unsigned int i, place;

	for (i = 0; i < STEPS; i++) {
		place = cpu_draw(cpu, LIVE);
		cpu->step_place[i] = place;
		cpu->step_size[i] = cpu_draw_size(cpu);
		cpu->bytes[allocator] += cpu->step_size[i] - cpu->size[allocator][place];
		cpu->size[allocator][place] = cpu->step_size[i];
	}
}

static __always_inline int cpu_replace(enum bench_allocator allocator, struct soak *soak,
				       struct soak_cpu *cpu)
{
	unsigned int i;
	void **place;
	u64 start;

	cpu_draw_steps(cpu, allocator);
	start = bench_cycles();
	for (i = 0; i < STEPS; i++) {
		place = &cpu->live[allocator][cpu->step_place[i]];
		if (i % TO_SHARED == 0)
			*place = xchg(&soak->shared[allocator][cpu->step_place[i] % SHARED],
				      *place);
		bench_free(allocator, *place);
		*place = bench_malloc(allocator, cpu->step_size[i], GFP_KERNEL);
		if (unlikely(!*place))
			return -ENOMEM;
	}
	cpu->sample[allocator][cpu->nr_samples % SAMPLES] =
		div_u64((bench_cycles() - start) * 10, STEPS);
	return 0;
}

static noinline int replace_slub(struct soak *soak, struct soak_cpu *cpu)
{
	return cpu_replace(BENCH_SLUB, soak, cpu);
}

static noinline int replace_gomalloc(struct soak *soak, struct soak_cpu *cpu)
{
	return cpu_replace(BENCH_GOMALLOC, soak, cpu);
}

static int soak_work(struct bench_workers *workers, unsigned int rank)
{
	struct soak *soak = workers->data;
	struct soak_cpu *cpu;
	int err = 0;

	if (rank >= soak->nr_cpus)
		return 0;	/* a CPU that came online after soak_init() */
	cpu = soak->cpus[rank];
	while (!READ_ONCE(soak->stop) && !err) {
		err = replace_slub(soak, cpu);
		err = err ?: replace_gomalloc(soak, cpu);
		WRITE_ONCE(cpu->nr_samples, cpu->nr_samples + 1);
		cond_resched();
	}
	return err;
}

/* === A line of the table === */

/* Sort the last samples of all CPUs; returns their number. */
static unsigned int samples_sort(struct soak *soak, enum bench_allocator allocator)
{
	unsigned int i, n = 0, nr;

	for (i = 0; i < soak->nr_cpus; i++) {
		nr = min_t(u64, READ_ONCE(soak->cpus[i]->nr_samples), SAMPLES);
		memcpy(soak->sorted + n, soak->cpus[i]->sample[allocator],
		       nr * sizeof(*soak->sorted));
		n += nr;
	}
	bench_sort(soak->sorted, n);
	return n;
}

static long slab_pages(void)
{
	return global_node_page_state_pages(NR_SLAB_RECLAIMABLE_B) +
	       global_node_page_state_pages(NR_SLAB_UNRECLAIMABLE_B);
}

static u32 held_over_live(long pages, u64 bytes)
{
	return bytes ? div64_u64((u64)max(pages, 0L) * PAGE_SIZE * 1000, bytes) : 0;
}

static int soak_add_line(struct soak *soak, unsigned int second)
{
	long slab = slab_pages() - soak->slab_before;
	long ours = soak->free_before - bench_free_pages() - slab;
	u32 least[BENCH_NR_REAL], med[BENCH_NR_REAL], held[BENCH_NR_REAL];
	u64 bytes[BENCH_NR_REAL] = {}, nr_samples = 0;
	unsigned int i, n;
	int a;

	for (i = 0; i < soak->nr_cpus; i++) {
		nr_samples += READ_ONCE(soak->cpus[i]->nr_samples);
		for (a = 0; a < BENCH_NR_REAL; a++)
			bytes[a] += READ_ONCE(soak->cpus[i]->bytes[a]);
	}
	for (a = 0; a < BENCH_NR_REAL; a++) {
		n = samples_sort(soak, a);
		least[a] = n ? soak->sorted[0] : 0;
		med[a] = n ? soak->sorted[n / 2] : 0;
	}
	held[BENCH_SLUB] = held_over_live(slab, bytes[BENCH_SLUB]);
	held[BENCH_GOMALLOC] = held_over_live(ours, bytes[BENCH_GOMALLOC]);
	return bench_table_line("soak", "%u %llu %u.%u %u.%u %u.%u %u.%u %u.%03u %u.%03u",
				second, div_u64(nr_samples * STEPS, 1000),
				least[0] / 10, least[0] % 10, least[1] / 10, least[1] % 10,
				med[0] / 10, med[0] % 10, med[1] / 10, med[1] % 10,
				held[0] / 1000, held[0] % 1000, held[1] / 1000, held[1] % 1000);
}

/* === Set-up and end === */

static void soak_free(struct soak *soak)
{
	unsigned int i, place;

	for (i = 0; i < soak->nr_cpus && soak->cpus && soak->cpus[i]; i++) {
		for (place = 0; place < LIVE; place++) {
			kfree(soak->cpus[i]->live[BENCH_SLUB][place]);
			gom_free(soak->cpus[i]->live[BENCH_GOMALLOC][place]);
			cond_resched();
		}
		vfree(soak->cpus[i]);
	}
	for (place = 0; place < SHARED; place++) {
		kfree(soak->shared[BENCH_SLUB][place]);
		gom_free(soak->shared[BENCH_GOMALLOC][place]);
	}
	kvfree(soak->cpus);
	kvfree(soak->sorted);
}

static int soak_init(struct soak *soak)
{
	unsigned int i;

	soak->nr_cpus = num_online_cpus();
	soak->cpus = kvcalloc(soak->nr_cpus, sizeof(*soak->cpus), GFP_KERNEL);
	soak->sorted = kvcalloc(soak->nr_cpus * SAMPLES, sizeof(*soak->sorted), GFP_KERNEL);
	if (!soak->cpus || !soak->sorted)
		return -ENOMEM;
	for (i = 0; i < soak->nr_cpus; i++) {
		soak->cpus[i] = vzalloc(sizeof(**soak->cpus));
		if (!soak->cpus[i])
			return -ENOMEM;
		prandom_seed_state(&soak->cpus[i]->rnd, i + 1);
	}
	bench_release_idle();
	soak->slab_before = slab_pages();
	soak->free_before = bench_free_pages();
	return 0;
}

static int soak_wait(struct soak *soak)
{
	unsigned int line, ms = max(bench_plan.seconds * MSEC_PER_SEC / LINES, 100L);
	int err = 0;

	for (line = 1; line <= LINES && !err; line++) {
		if (msleep_interruptible(ms))
			return -EINTR;
		err = soak_add_line(soak, line * ms / MSEC_PER_SEC);
	}
	return err;
}

static int run_workers(struct soak *soak)
{
	struct bench_workers workers;
	int err, workers_err;

	err = bench_table_head("soak", "second thousand_operations slub_min gomalloc_min slub_med gomalloc_med slub_held gomalloc_held");
	err = err ?: bench_workers_start(&workers, UINT_MAX, soak_work, soak);
	if (err)
		return err;
	err = soak_wait(soak);
	WRITE_ONCE(soak->stop, true);
	workers_err = bench_workers_finish(&workers);
	return err ?: workers_err;
}

static int run_soak(const struct bench_workload *workload, unsigned int unused)
{
	struct soak *soak = kzalloc(sizeof(*soak), GFP_KERNEL);
	int err;

	if (!soak)
		return -ENOMEM;
	err = soak_init(soak) ?: run_workers(soak);
	soak_free(soak);
	kfree(soak);
	return err;
}

const struct bench_workload bench_soak_workloads[] = {
	{ .name = "soak", .only_by_name = true, .run = run_soak },
	{ }
};
