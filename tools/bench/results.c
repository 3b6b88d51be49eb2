// SPDX-License-Identifier: GPL-2.0
/*
 * The rows of results and their interface for programs,
 * /sys/kernel/debug/gomalloc_bench/results, one line for each row.  Each row is
 * also logged when it is measured.
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
	struct bench_result result;
	char name[32];
};

/* A line of a table with columns of its own, or its head. */
struct bench_line {
	struct list_head list;
	char text[];
};

static LIST_HEAD(rows);
static LIST_HEAD(lines);
static struct dentry *results_dir;

/* A u32 in decimal, a point and the terminating zero. */
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

void bench_result_init(struct bench_result *result)
{
	memset(result, 0xff, sizeof(*result));	/* all BENCH_NONE */
}

static void row_log(const struct bench_row *row)
{
	char cost[BENCH_NR_ALLOCATORS][NUMBER_LEN];
	char held[BENCH_NR_REAL][NUMBER_LEN];
	char size[NUMBER_LEN];
	int i;

	for (i = 0; i < BENCH_NR_ALLOCATORS; i++)
		tenths(cost[i], row->result.min[i]);
	for (i = 0; i < BENCH_NR_REAL; i++)
		tenths(held[i], row->result.held[i]);
	pr_info("%-18s %6s: %s %s %s; bytes held %s %s\n", row->name, size_text(size, row->size),
		cost[BENCH_SLUB], cost[BENCH_GOMALLOC], cost[BENCH_FLOOR],
		held[BENCH_SLUB], held[BENCH_GOMALLOC]);
}

/**
 * bench_results_add - add a row
 * @name: name of the workload
 * @part: suffix for a part of the workload, "" for the whole
 * @size: size of the objects, 0 for mixed sizes
 * @result: what was measured; BENCH_NONE for what was not
 *
 * Return: 0, or -ENOMEM.
 */
int bench_results_add(const char *name, const char *part, unsigned int size,
		      const struct bench_result *result)
{
	struct bench_row *row = kmalloc(sizeof(*row), GFP_KERNEL);

	if (!row)
		return -ENOMEM;
	snprintf(row->name, sizeof(row->name), "%s%s", name, part);
	row->size = size;
	row->result = *result;
	list_add_tail(&row->list, &rows);
	row_log(row);
	return 0;
}

static void row_show(struct seq_file *m, const struct bench_row *row)
{
	char text[NUMBER_LEN];
	int i;

	seq_printf(m, "%s %s", row->name, size_text(text, row->size));
	for (i = 0; i < BENCH_NR_ALLOCATORS; i++) {
		seq_printf(m, " %s", tenths(text, row->result.min[i]));
		seq_printf(m, " %s", tenths(text, row->result.med[i]));
	}
	for (i = 0; i < BENCH_NR_REAL; i++)
		seq_printf(m, " %s", tenths(text, row->result.held[i]));
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
		row_show(m, row);
	list_for_each_entry(line, &lines, list)
		seq_printf(m, "%s\n", line->text);
	return 0;
}
DEFINE_SHOW_ATTRIBUTE(results);

static int line_add(char *text)
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
 * bench_table_head - begin a table with columns of its own
 * @table: name of the table
 * @columns: names of the columns, separated by spaces
 *
 * Return: 0, or -ENOMEM.
 */
int bench_table_head(const char *table, const char *columns)
{
	return line_add(kasprintf(GFP_KERNEL, "# table %s %s", table, columns));
}

/**
 * bench_table_line - add a line to a table
 * @table: name of the table
 * @fmt: format of the line: a word for each column
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
	err = line_add(kasprintf(GFP_KERNEL, "= %s %s", table, cells));
	kfree(cells);
	return err;
}

/**
 * bench_results_alone - list a row that needs gomalloc freshly loaded
 * @fmt: format of the parameters that measure it, together with alone=1
 *
 * The user of this module finds it in the results and reloads both modules.
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
	err = line_add(kasprintf(GFP_KERNEL, "# alone %s", parameters));
	kfree(parameters);
	return err;
}

/* Called when everything is measured: the rows do not change any more. */
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
