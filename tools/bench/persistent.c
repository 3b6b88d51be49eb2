// SPDX-License-Identifier: GPL-2.0
/*
 * Persistent: one chunk under a lock, as in Go of 2013, compared with one chunk
 * for each CPU, as in Go since 2015 "to reduce lock contention".  1, 2, 4, ...
 * CPUs at once allocate blocks of 64 bytes.
 *
 * gomalloc has no locked chunk, so it is implemented here, with the same steps
 * under its lock: round up, compare, count, advance.  Waits for the lock are
 * counted as well, since time says little where virtual CPUs share real ones.
 *
 * Blocks cannot be freed, so there are few of them: both sides are measured in
 * one pass over new memory.
 */
#include <linux/atomic.h>
#include <linux/math64.h>
#include <linux/mm.h>
#include <linux/slab.h>
#include <linux/spinlock.h>

#include "bench.h"
#include "clock.h"
#include "gomalloc.h"
#include "workers.h"

#define BLOCK_BYTES	64U
#define BLOCKS		4000U		/* per CPU and round */
#define ROUNDS		5U
#define CHUNK_BYTES	(256U << 10)

static DEFINE_SPINLOCK(lock);		/* protects the chunk and its counters */
static struct {
	char *pos;
	char *end;
	u64 used;
	u64 waits;
} chunk;

/* Chunks of the locked side, to be freed; linked through their first word. */
static void *chunks;

static void *chunk_alloc(size_t size)
{
	char *p = PTR_ALIGN(chunk.pos, 8);

	if (!chunk.pos || p + size > chunk.end)
		return NULL;
	chunk.pos = p + size;
	chunk.used += size;
	return p;
}

static void chunk_add(void **new)
{
	new[0] = chunks;
	chunks = new;
	chunk.pos = (char *)(new + 2);
	chunk.end = (char *)new + CHUNK_BYTES;
}

static void *locked_alloc(size_t size)
{
	void *p, *new = NULL;

	for (;;) {
		if (!spin_trylock(&lock)) {
			spin_lock(&lock);
			chunk.waits++;
		}
		if (new)
			chunk_add(new);
		p = chunk_alloc(size);
		spin_unlock(&lock);
		if (p)
			return p;
		new = alloc_pages_exact(CHUNK_BYTES, GFP_KERNEL | __GFP_ZERO);
		if (!new)
			return NULL;
	}
}

static void chunks_free(void)
{
	void *next;

	for (; chunks; chunks = next) {
		next = *(void **)chunks;
		free_pages_exact(chunks, CHUNK_BYTES);
	}
	memset(&chunk, 0, sizeof(chunk));
}

struct side {
	bool locked;
	u64 *cycles;		/* by rank */
};

static int persistent_work(struct bench_workers *workers, unsigned int rank)
{
	struct side *side = workers->data;
	u64 start = bench_cycles();
	unsigned int i;
	void *p;

	for (i = 0; i < BLOCKS; i++) {
		p = side->locked ? locked_alloc(BLOCK_BYTES) :
			gom_persistent_alloc(BLOCK_BYTES, 0, GOM_OTHER_SYS);
		if (!p)
			return -ENOMEM;
	}
	side->cycles[rank] = bench_cycles() - start;
	return 0;
}

/* Cycles for each block, in tenths: the minimum of some rounds. */
static int persistent_measure(bool locked, unsigned int cpus, u64 *cycles, u64 *best)
{
	struct side side = { .locked = locked, .cycles = cycles };
	unsigned int round, i;
	u64 sum;
	int err;

	*best = U64_MAX;
	for (round = 0; round < ROUNDS; round++) {
		err = bench_workers_run(cpus, persistent_work, &side);
		if (err)
			return err;
		for (sum = 0, i = 0; i < cpus; i++)
			sum += cycles[i];
		*best = min(*best, div_u64(sum * 10, BLOCKS * cpus));
	}
	return 0;
}

static int run_cpus(unsigned int cpus, u64 *cycles)
{
	u64 locked, per_cpu, waits;
	int err;

	err = persistent_measure(true, cpus, cycles, &locked);
	waits = chunk.waits * 1000;
	chunks_free();
	if (!err)
		err = persistent_measure(false, cpus, cycles, &per_cpu);
	if (err)
		return err;
	return bench_table_line("persistent", "%u %llu.%llu %llu %llu.%llu", cpus,
				locked / 10, locked % 10, div_u64(waits, BLOCKS * ROUNDS * cpus),
				per_cpu / 10, per_cpu % 10);
}

static int run_persistent(const struct bench_workload *workload, unsigned int unused)
{
	u64 *cycles = kcalloc(num_online_cpus(), sizeof(*cycles), GFP_KERNEL);
	unsigned int cpus;
	int err = 0;

	if (!cycles)
		return -ENOMEM;
	bench_table_head("persistent", "cpus one_chunk waits_per_1000 per_cpu_chunks");
	for (cpus = 1; !err && cpus <= min(num_online_cpus(), 8U); cpus *= 2)
		err = run_cpus(cpus, cycles);
	kfree(cycles);
	return err;
}

const struct bench_workload bench_persistent_workloads[] = {
	{ .name = "persistent", .run = run_persistent },
	{ }
};
