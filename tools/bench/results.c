// SPDX-License-Identifier: GPL-2.0
/*
 * The rows of results, and the window on them:
 * /sys/kernel/debug/gomalloc_bench/results, one row per line, for programs.
 * Each row goes to the kernel log as well when it is measured, for people.
 */
#include <linux/cpumask.h>
#include <linux/debugfs.h>
#include <linux/list.h>
#include <linux/module.h>
#include <linux/seq_file.h>
#include <linux/slab.h>
#include <linux/utsname.h>

#include "bench.h"
#include "clock.h"

struct bench_row {
	struct list_head list;
	unsigned int size;
	struct bench_figures figures;
	char name[32];
};

/* A line of a table with columns of its own; its head is one, too. */
struct bench_line {
	struct list_head list;
	char text[];
};

static LIST_HEAD(rows);
static LIST_HEAD(lines);
static struct dentry *results_dir;

/* Long enough for a u32, the point of tenths and an end. */
#define NUMBER_LEN	16

static const char *tenths(char text[NUMBER_LEN], u32 value)
{
	if (value == BENCH_NONE)
		strscpy(text, "-", NUMBER_LEN);
	else
		snprintf(text, NUMBER_LEN, "%u.%u", value / 10, value % 10);
	return text;
}

static const char *size_text(char text[NUMBER_LEN], unsigned int size)
{
	if (size)
		snprintf(text, NUMBER_LEN, "%u", size);
	else
		strscpy(text, "-", NUMBER_LEN);
	return text;
}

void bench_figures_init(struct bench_figures *figures)
{
	memset(figures, 0xff, sizeof(*figures));	/* BENCH_NONE throughout */
}

static void log_row(const struct bench_row *row)
{
	char cost[BENCH_NR_ALLOCATORS][NUMBER_LEN];
	char held[BENCH_NR_REAL][NUMBER_LEN];
	char size[NUMBER_LEN];
	int i;

	for (i = 0; i < BENCH_NR_ALLOCATORS; i++)
		tenths(cost[i], row->figures.min[i]);
	for (i = 0; i < BENCH_NR_REAL; i++)
		tenths(held[i], row->figures.held[i]);
	pr_info("%-18s %6s: %s %s %s; bytes held %s %s\n", row->name, size_text(size, row->size),
		cost[BENCH_SLUB], cost[BENCH_GOMALLOC], cost[BENCH_FLOOR],
		held[BENCH_SLUB], held[BENCH_GOMALLOC]);
}

/**
 * bench_results_add - keep a row
 * @name: of the workload
 * @part: of the workload, "" for the whole
 * @size: of the objects, 0 if not of one size
 * @figures: BENCH_NONE where one does not apply
 *
 * Return: 0, or -ENOMEM.
 */
int bench_results_add(const char *name, const char *part, unsigned int size,
		      const struct bench_figures *figures)
{
	struct bench_row *row = kmalloc(sizeof(*row), GFP_KERNEL);

	if (!row)
		return -ENOMEM;
	snprintf(row->name, sizeof(row->name), "%s%s", name, part);
	row->size = size;
	row->figures = *figures;
	list_add_tail(&row->list, &rows);
	log_row(row);
	return 0;
}

static void show_row(struct seq_file *m, const struct bench_row *row)
{
	char text[NUMBER_LEN];
	int i;

	seq_printf(m, "%s %s", row->name, size_text(text, row->size));
	for (i = 0; i < BENCH_NR_ALLOCATORS; i++) {
		seq_printf(m, " %s", tenths(text, row->figures.min[i]));
		seq_printf(m, " %s", tenths(text, row->figures.med[i]));
	}
	for (i = 0; i < BENCH_NR_REAL; i++)
		seq_printf(m, " %s", tenths(text, row->figures.held[i]));
	seq_putc(m, '\n');
}

static int results_show(struct seq_file *m, void *unused)
{
	const struct bench_row *row;
	const struct bench_line *line;

	seq_printf(m, "# unit %s cpus %u kernel %s\n", bench_clock_unit(),
		   num_online_cpus(), init_utsname()->release);
	seq_puts(m, "# workload size slub_min slub_med gomalloc_min gomalloc_med floor_min floor_med held_slub held_gomalloc\n");
	list_for_each_entry(row, &rows, list)
		show_row(m, row);
	list_for_each_entry(line, &lines, list)
		seq_printf(m, "%s\n", line->text);
	return 0;
}
DEFINE_SHOW_ATTRIBUTE(results);

static int add_line(char *text)
{
	struct bench_line *line;

	line = text ? kmalloc(sizeof(*line) + strlen(text) + 1, GFP_KERNEL) : NULL;
	if (line) {
		strcpy(line->text, text);
		list_add_tail(&line->list, &lines);
		pr_info("%s\n", text);
	}
	kfree(text);
	return line ? 0 : -ENOMEM;
}

/**
 * bench_table_head - begin a table whose columns are not those of the rows
 * @table: its name
 * @columns: theirs, with a space between each two
 *
 * Return: 0, or -ENOMEM.
 */
int bench_table_head(const char *table, const char *columns)
{
	return add_line(kasprintf(GFP_KERNEL, "# table %s %s", table, columns));
}

/**
 * bench_table_line - keep a line of such a table
 * @table: its name
 * @fmt: a word for each column
 *
 * Return: 0, or -ENOMEM.
 */
int bench_table_line(const char *table, const char *fmt, ...)
{
	va_list args;
	char *cells;
	int err;

	va_start(args, fmt);
	cells = kvasprintf(GFP_KERNEL, fmt, args);
	va_end(args);
	if (!cells)
		return -ENOMEM;
	err = add_line(kasprintf(GFP_KERNEL, "= %s %s", table, cells));
	kfree(cells);
	return err;
}

/**
 * bench_results_alone - a row needs a load of gomalloc of its own
 * @fmt: the parameters that measure it, with alone=1
 *
 * Who loads this module sees it in the results and loads both for it.
 *
 * Return: 0, or -ENOMEM.
 */
int bench_results_alone(const char *fmt, ...)
{
	va_list args;
	char *parameters;
	int err;

	va_start(args, fmt);
	parameters = kvasprintf(GFP_KERNEL, fmt, args);
	va_end(args);
	if (!parameters)
		return -ENOMEM;
	err = add_line(kasprintf(GFP_KERNEL, "# alone %s", parameters));
	kfree(parameters);
	return err;
}

/* Only once all is measured: from then on the rows do not change. */
void bench_results_show(void)
{
	results_dir = debugfs_create_dir("gomalloc_bench", NULL);
	debugfs_create_file("results", 0400, results_dir, NULL, &results_fops);
}

void bench_results_free(void)
{
	struct bench_row *row, *next;
	struct bench_line *line, *next_line;

	debugfs_remove_recursive(results_dir);
	list_for_each_entry_safe(row, next, &rows, list)
		kfree(row);
	list_for_each_entry_safe(line, next_line, &lines, list)
		kfree(line);
}
