// SPDX-License-Identifier: GPL-2.0
/*
 * Churn: what fragmentation costs.  Ten times a live set grows to 256 MiB of objects
 * of mixed sizes, and nine of ten, drawn at random, are freed.  After each growth and
 * each shrinking, memory taken from the system over bytes asked for is noted, for both
 * allocators as in held.c; and once more when idle memory has been given back.
 */
#include <linux/math64.h>
#include <linux/prandom.h>
#include <linux/sched.h>
#include <linux/sched/signal.h>
#include <linux/vmalloc.h>

#include "allocators.h"
#include "bench.h"

#define PEAK_BYTES	SZ_256M
#define STAYS		10U	/* one in so many */
#define ROUNDS		10U
#define MEMORY_SHARE	2	/* of what is free, at the peak */

/* Held over live, in thousandths. */
struct churn_figures {
	u32 grown[ROUNDS];
	u32 shrunk[ROUNDS];
	u32 given_back[ROUNDS];
};

struct churn {
	enum bench_allocator allocator;
	void **live;
	u16 *sizes;
	unsigned int nr, max;
	u64 bytes;		/* live */
	long before;		/* pages free when there was nothing */
	struct rnd_state rnd;
};

static int grow(struct churn *churn, unsigned int max_size)
{
	u16 size;
	void *p;

	while (churn->bytes < PEAK_BYTES && churn->nr < churn->max) {
		size = 1 + prandom_u32_state(&churn->rnd) % max_size;
		p = bench_malloc(churn->allocator, size, GFP_KERNEL);
		if (!p)
			return -ENOMEM;
		churn->live[churn->nr] = p;
		churn->sizes[churn->nr++] = size;
		churn->bytes += size;
		if (signal_pending(current))
			return -EINTR;
		cond_resched();
	}
	return 0;
}

/* Down to @nr objects, any of those there are. */
static void shrink(struct churn *churn, unsigned int nr)
{
	unsigned int other;

	while (churn->nr > nr) {
		other = prandom_u32_state(&churn->rnd) % churn->nr--;
		bench_free(churn->allocator, churn->live[other]);
		churn->bytes -= churn->sizes[other];
		churn->live[other] = churn->live[churn->nr];
		churn->sizes[other] = churn->sizes[churn->nr];
		cond_resched();
	}
}

static u32 held_over_live(const struct churn *churn)
{
	u64 held = (u64)max(churn->before - bench_free_pages(), 0L) * PAGE_SIZE;

	return div64_u64(held * 1000, churn->bytes);
}

static int play(struct churn *churn, unsigned int max_size, struct churn_figures *figures)
{
	unsigned int round;
	int err;

	prandom_seed_state(&churn->rnd, 4);
	bench_give_idle_memory_back();
	churn->before = bench_free_pages();
	for (round = 0; round < ROUNDS; round++) {
		err = grow(churn, max_size);
		if (err)
			return err;
		figures->grown[round] = held_over_live(churn);
		shrink(churn, churn->nr / STAYS);
		figures->shrunk[round] = held_over_live(churn);
		bench_give_idle_memory_back();
		figures->given_back[round] = held_over_live(churn);
	}
	return 0;
}

#define RATIO_LEN	16
#define FIGURES		6

static int add_line(unsigned int max_size, unsigned int round, const struct churn_figures *slub,
		    const struct churn_figures *ours)
{
	const u32 figures[FIGURES] = {
		slub->grown[round], ours->grown[round], slub->shrunk[round],
		ours->shrunk[round], slub->given_back[round], ours->given_back[round],
	};
	char text[FIGURES * RATIO_LEN] = "";
	unsigned int i;
	size_t len = 0;

	for (i = 0; i < FIGURES; i++)
		len += scnprintf(text + len, sizeof(text) - len, " %u.%03u", figures[i] / 1000,
				 figures[i] % 1000);
	return bench_table_line("churn", "1-%u %u%s", max_size, round + 1, text);
}

static int run_sizes(struct churn *churn, unsigned int max_size)
{
	struct churn_figures figures[BENCH_NR_REAL] = {};
	unsigned int round;
	int err = 0;

	for (churn->allocator = 0; churn->allocator < BENCH_NR_REAL && !err; churn->allocator++) {
		err = play(churn, max_size, &figures[churn->allocator]);
		shrink(churn, 0);
		bench_give_idle_memory_back();
	}
	for (round = 0; round < ROUNDS && !err; round++)
		err = add_line(max_size, round, &figures[BENCH_SLUB], &figures[BENCH_GOMALLOC]);
	return err;
}

/* Sizes from 1 to @workload->arg, each equally likely. */
static int run_churn(const struct bench_workload *workload, unsigned int unused)
{
	struct churn churn = { .max = PEAK_BYTES / 64 };
	int err = -ENOMEM;

	if ((u64)bench_free_pages() * PAGE_SIZE / MEMORY_SHARE < PEAK_BYTES) {
		pr_notice("%s: left out, needs %u MiB free\n", workload->name,
			  MEMORY_SHARE * (PEAK_BYTES >> 20));
		return 0;
	}
	churn.live = bench_live_alloc(churn.max);
	churn.sizes = vmalloc(array_size(churn.max, sizeof(*churn.sizes)));
	if (churn.live && churn.sizes) {
		err = bench_table_head("churn", "bytes round slub_grown gomalloc_grown slub_shrunk gomalloc_shrunk slub_given_back gomalloc_given_back");
		err = err ?: run_sizes(&churn, workload->arg);
	}
	vfree(churn.sizes);
	bench_live_free(churn.live);
	return err;
}

/* Millions of objects, as in held.c. */
const struct bench_workload bench_churn_workloads[] = {
	{ .name = "churn-256", .arg = 256, .not_counted = true, .alone = true,
	  .run = run_churn },
	{ .name = "churn-4096", .arg = 4096, .not_counted = true, .alone = true,
	  .run = run_churn },
	{ }
};
