// SPDX-License-Identifier: GPL-2.0
/*
 * Soak: does an operation cost more, or memory get lost, the longer it goes on?
 *
 * On each CPU a thread replaces objects at random in a live set of its own, in turn one
 * of SLUB's and one of gomalloc's, with sizes from 8 bytes to 8 KiB, each power of two
 * as likely as the next; one in 64 goes to a shelf that all CPUs share, and is freed by
 * who takes it from there.  A sixtieth of the time makes a line of the table: what one
 * operation, a free and an allocation, cost in the last timings, and memory held over
 * memory live.  SLUB's is what the kernel counts as slabs; ours is what else is gone.
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
#include "crew.h"

#define LIVE		20000U	/* objects of each allocator on each CPU */
#define STEPS		512U	/* operations in a timing */
#define SHELF		64U
#define TO_SHELF	64U	/* one object in so many goes there */
#define TIMINGS		512U	/* kept of each CPU, the last ones */
#define LINES		60U
#define MIN_SHIFT	3U
#define MAX_SHIFT	13U

struct soak_post {
	struct rnd_state rnd;
	void *live[BENCH_NR_REAL][LIVE];
	u16 size[BENCH_NR_REAL][LIVE];
	u64 bytes[BENCH_NR_REAL];
	u32 timing[BENCH_NR_REAL][TIMINGS];	/* tenths of cycles for an operation */
	u64 timings;
	u16 step_size[STEPS];
	u16 step_place[STEPS];
};

struct soak {
	bool stop;
	unsigned int nr_posts;
	void *shelf[BENCH_NR_REAL][SHELF];
	struct soak_post **posts;
	u32 *sorted;
	long free_before, slab_before;
};

static u32 draw(struct soak_post *post, u32 end)
{
	return prandom_u32_state(&post->rnd) % end;
}

static unsigned int draw_size(struct soak_post *post)
{
	unsigned int base = 1U << (MIN_SHIFT + draw(post, MAX_SHIFT - MIN_SHIFT));

	return base + draw(post, base);
}

static void draw_steps(struct soak_post *post, enum bench_allocator allocator)
{
	unsigned int i, place;

	for (i = 0; i < STEPS; i++) {
		place = draw(post, LIVE);
		post->step_place[i] = place;
		post->step_size[i] = draw_size(post);
		post->bytes[allocator] += post->step_size[i] - post->size[allocator][place];
		post->size[allocator][place] = post->step_size[i];
	}
}

static __always_inline int replace(enum bench_allocator allocator, struct soak *soak,
				   struct soak_post *post)
{
	unsigned int i;
	void **place;
	u64 start;

	draw_steps(post, allocator);
	start = bench_cycles();
	for (i = 0; i < STEPS; i++) {
		place = &post->live[allocator][post->step_place[i]];
		if (i % TO_SHELF == 0)
			*place = xchg(&soak->shelf[allocator][post->step_place[i] % SHELF],
				      *place);
		bench_free(allocator, *place);
		*place = bench_malloc(allocator, post->step_size[i], GFP_KERNEL);
		if (unlikely(!*place))
			return -ENOMEM;
	}
	post->timing[allocator][post->timings % TIMINGS] =
		div_u64((bench_cycles() - start) * 10, STEPS);
	return 0;
}

static noinline int replace_slub(struct soak *soak, struct soak_post *post)
{
	return replace(BENCH_SLUB, soak, post);
}

static noinline int replace_gomalloc(struct soak *soak, struct soak_post *post)
{
	return replace(BENCH_GOMALLOC, soak, post);
}

static int work(struct bench_crew *crew, unsigned int rank)
{
	struct soak *soak = crew->data;
	struct soak_post *post;
	int err = 0;

	if (rank >= soak->nr_posts)
		return 0;	/* a CPU that came up since we counted */
	post = soak->posts[rank];
	while (!READ_ONCE(soak->stop) && !err) {
		err = replace_slub(soak, post);
		err = err ?: replace_gomalloc(soak, post);
		WRITE_ONCE(post->timings, post->timings + 1);
		cond_resched();
	}
	return err;
}

/* === A line of the table === */

/* The last timings of all CPUs, sorted; returns how many. */
static unsigned int sort_timings(struct soak *soak, enum bench_allocator allocator)
{
	unsigned int i, n = 0, nr;

	for (i = 0; i < soak->nr_posts; i++) {
		nr = min_t(u64, READ_ONCE(soak->posts[i]->timings), TIMINGS);
		memcpy(soak->sorted + n, soak->posts[i]->timing[allocator],
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

static int add_line(struct soak *soak, unsigned int second)
{
	long slab = slab_pages() - soak->slab_before;
	long ours = soak->free_before - bench_free_pages() - slab;
	u32 least[BENCH_NR_REAL], med[BENCH_NR_REAL], held[BENCH_NR_REAL];
	u64 bytes[BENCH_NR_REAL] = {}, timings = 0;
	unsigned int i, n;
	int a;

	for (i = 0; i < soak->nr_posts; i++) {
		timings += READ_ONCE(soak->posts[i]->timings);
		for (a = 0; a < BENCH_NR_REAL; a++)
			bytes[a] += READ_ONCE(soak->posts[i]->bytes[a]);
	}
	for (a = 0; a < BENCH_NR_REAL; a++) {
		n = sort_timings(soak, a);
		least[a] = n ? soak->sorted[0] : 0;
		med[a] = n ? soak->sorted[n / 2] : 0;
	}
	held[BENCH_SLUB] = held_over_live(slab, bytes[BENCH_SLUB]);
	held[BENCH_GOMALLOC] = held_over_live(ours, bytes[BENCH_GOMALLOC]);
	return bench_table_line("soak", "%u %llu %u.%u %u.%u %u.%u %u.%u %u.%03u %u.%03u",
				second, div_u64(timings * STEPS, 1000),
				least[0] / 10, least[0] % 10, least[1] / 10, least[1] % 10,
				med[0] / 10, med[0] % 10, med[1] / 10, med[1] % 10,
				held[0] / 1000, held[0] % 1000, held[1] / 1000, held[1] % 1000);
}

/* === Beginning and end === */

static void give_up(struct soak *soak)
{
	unsigned int i, place;

	for (i = 0; i < soak->nr_posts && soak->posts && soak->posts[i]; i++) {
		for (place = 0; place < LIVE; place++) {
			kfree(soak->posts[i]->live[BENCH_SLUB][place]);
			gom_free(soak->posts[i]->live[BENCH_GOMALLOC][place]);
			cond_resched();
		}
		vfree(soak->posts[i]);
	}
	for (place = 0; place < SHELF; place++) {
		kfree(soak->shelf[BENCH_SLUB][place]);
		gom_free(soak->shelf[BENCH_GOMALLOC][place]);
	}
	kvfree(soak->posts);
	kvfree(soak->sorted);
}

static int set_up(struct soak *soak)
{
	unsigned int i;

	soak->nr_posts = num_online_cpus();
	soak->posts = kvcalloc(soak->nr_posts, sizeof(*soak->posts), GFP_KERNEL);
	soak->sorted = kvcalloc(soak->nr_posts * TIMINGS, sizeof(*soak->sorted), GFP_KERNEL);
	if (!soak->posts || !soak->sorted)
		return -ENOMEM;
	for (i = 0; i < soak->nr_posts; i++) {
		soak->posts[i] = vzalloc(sizeof(**soak->posts));
		if (!soak->posts[i])
			return -ENOMEM;
		prandom_seed_state(&soak->posts[i]->rnd, i + 1);
	}
	bench_give_idle_memory_back();
	soak->slab_before = slab_pages();
	soak->free_before = bench_free_pages();
	return 0;
}

static int watch(struct soak *soak)
{
	unsigned int line, ms = max(bench_plan.seconds * MSEC_PER_SEC / LINES, 100L);
	int err = 0;

	for (line = 1; line <= LINES && !err; line++) {
		if (msleep_interruptible(ms))
			return -EINTR;
		err = add_line(soak, line * ms / MSEC_PER_SEC);
	}
	return err;
}

static int run_crew(struct soak *soak)
{
	struct bench_crew crew;
	int err, crew_err;

	err = bench_table_head("soak", "second thousand_operations slub_min gomalloc_min slub_med gomalloc_med slub_held gomalloc_held");
	err = err ?: bench_crew_start(&crew, UINT_MAX, work, soak);
	if (err)
		return err;
	err = watch(soak);
	WRITE_ONCE(soak->stop, true);
	crew_err = bench_crew_finish(&crew);
	return err ?: crew_err;
}

static int run_soak(const struct bench_workload *workload, unsigned int unused)
{
	struct soak *soak = kzalloc(sizeof(*soak), GFP_KERNEL);
	int err;

	if (!soak)
		return -ENOMEM;
	err = set_up(soak) ?: run_crew(soak);
	give_up(soak);
	kfree(soak);
	return err;
}

const struct bench_workload bench_soak_workloads[] = {
	{ .name = "soak", .only_by_name = true, .run = run_soak },
	{ }
};
