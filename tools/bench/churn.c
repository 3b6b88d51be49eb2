// SPDX-License-Identifier: GPL-2.0
/*
 * Churn: the cost of fragmentation.
 *
 * In each of ten rounds a live set grows to 256 MiB of objects of mixed sizes,
 * then nine of ten objects, chosen at random, are freed.  Memory held over
 * bytes requested is measured, as in held.c, at the peak, after the frees, and
 * once more after idle memory was released.
 */
#include <linux/math64.h>
#include <linux/prandom.h>
#include <linux/sched.h>
#include <linux/sched/signal.h>
#include <linux/vmalloc.h>

#include "allocators.h"
#include "bench.h"

#define PEAK_BYTES	SZ_256M
#define STAYS		10U	/* one object in so many */
#define ROUNDS		10U
#define MEMORY_SHARE	2	/* the peak takes 1/MEMORY_SHARE of free memory */

/* Memory held over memory live, in thousandths, by round. */
struct churn_ratios {
	u32 grown[ROUNDS];
	u32 shrunk[ROUNDS];
	u32 released[ROUNDS];
};

struct churn {
	enum bench_allocator allocator;
	void **live;
	u16 *sizes;
	unsigned int nr, max;
	u64 bytes;		/* live */
	long before;		/* free pages before the first object */
	struct rnd_state rnd;
};

static int churn_grow(struct churn *churn, unsigned int max_size)
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

/* Free objects chosen at random until @nr are left. */
static void churn_shrink(struct churn *churn, unsigned int nr)
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

static int churn_rounds(struct churn *churn, unsigned int max_size, struct churn_ratios *ratios)
{
	unsigned int round;
	int err;

	prandom_seed_state(&churn->rnd, 4);
	bench_release_idle();
	churn->before = bench_free_pages();
	for (round = 0; round < ROUNDS; round++) {
		err = churn_grow(churn, max_size);
		if (err)
			return err;
		ratios->grown[round] = held_over_live(churn);
		churn_shrink(churn, churn->nr / STAYS);
		ratios->shrunk[round] = held_over_live(churn);
		bench_release_idle();
		ratios->released[round] = held_over_live(churn);
	}
	return 0;
}

#define RATIO_LEN	16
#define RATIOS		6

static int add_line(unsigned int max_size, unsigned int round, const struct churn_ratios *slub,
		    const struct churn_ratios *ours)
{
	const u32 ratios[RATIOS] = {
		slub->grown[round], ours->grown[round], slub->shrunk[round],
		ours->shrunk[round], slub->released[round], ours->released[round],
	};
	char text[RATIOS * RATIO_LEN] = "";
	unsigned int i;
	size_t len = 0;

	for (i = 0; i < RATIOS; i++)
		len += scnprintf(text + len, sizeof(text) - len, " %u.%03u", ratios[i] / 1000,
				 ratios[i] % 1000);
	return bench_table_line("churn", "1-%u %u%s", max_size, round + 1, text);
}

static int run_sizes(struct churn *churn, unsigned int max_size)
{
	struct churn_ratios ratios[BENCH_NR_REAL] = {};
	unsigned int round;
	int err = 0;

	for (churn->allocator = 0; churn->allocator < BENCH_NR_REAL && !err; churn->allocator++) {
		err = churn_rounds(churn, max_size, &ratios[churn->allocator]);
		churn_shrink(churn, 0);
		bench_release_idle();
	}
	for (round = 0; round < ROUNDS && !err; round++)
		err = add_line(max_size, round, &ratios[BENCH_SLUB], &ratios[BENCH_GOMALLOC]);
	return err;
}

/* Sizes are uniform from 1 to @workload->arg. */
static int run_churn(const struct bench_workload *workload, unsigned int unused)
{
	struct churn churn = { .max = PEAK_BYTES / 64 };
	int err = -ENOMEM;

	if ((u64)bench_free_pages() * PAGE_SIZE / MEMORY_SHARE < PEAK_BYTES) {
		pr_notice("%s: skipped, needs %u MiB free\n", workload->name,
			  MEMORY_SHARE * (PEAK_BYTES >> 20));
		return 0;
	}
	churn.live = bench_live_alloc(churn.max);
	churn.sizes = vmalloc(array_size(churn.max, sizeof(*churn.sizes)));
	if (churn.live && churn.sizes) {
		err = bench_table_head("churn", "bytes round slub_grown gomalloc_grown slub_shrunk gomalloc_shrunk slub_released gomalloc_released");
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
