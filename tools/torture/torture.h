/* SPDX-License-Identifier: GPL-2.0 */
/* gomalloc_torture.ko: shared declarations.  main.c describes its use. */
#ifndef GOMALLOC_TORTURE_H
#define GOMALLOC_TORTURE_H

#include <linux/gfp.h>
#include <linux/kernel.h>
#include <linux/printk.h>
#include <linux/types.h>

#undef pr_fmt
#define pr_fmt(fmt)	"gomalloc_torture: " fmt

/* A command for the parameter "run".  Calls are serialized. */
struct torture_command {
	const char *name;
	int (*run)(unsigned int arg);
};

/* load.c */
int torture_live(unsigned int kib);
int torture_holes(unsigned int kib);
int torture_same(unsigned int kib);
int torture_plugged(unsigned int kib);
int torture_without_memory(unsigned int nid);
int torture_strict(unsigned int nid);
int torture_free(unsigned int unused);
int torture_cache(unsigned int times);
int torture_cache_hold(unsigned int unused);
int torture_cache_end(unsigned int unused);

/* pages.c */
struct torture_pages {
	struct page *first;
	unsigned long nr;
};

void torture_take_pages(struct torture_pages *taken, int nid);
void torture_free_odd(struct torture_pages *taken);
void torture_take_blocks(struct torture_pages *taken);
void torture_free_pages(struct torture_pages *taken);
int torture_fill(unsigned int nid);
int torture_unfill(unsigned int unused);

/*
 * fragments.c, fifo.c, defer.c, nmi.c, timer.c, sched.c, hotplug.c, random.c,
 * rcu.c, transfer.c, nolock_head.c, handle.c
 */
int torture_fragments(unsigned int unused);
int torture_fifo(unsigned int pid);
int torture_defer(unsigned int cpu);
int torture_nmi(unsigned int on);
int torture_timer(unsigned int on);
int torture_sched(unsigned int on);
int torture_irq(unsigned int on);
int torture_hotplug(unsigned int on);
int torture_random(unsigned int on);
int torture_rcu(unsigned int seconds);
int torture_rcu_barrier(unsigned int unused);
int torture_transfer(unsigned int unused);
int torture_nolock_head(unsigned int unused);
int torture_handle(unsigned int unused);

#endif /* GOMALLOC_TORTURE_H */
