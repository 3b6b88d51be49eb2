// SPDX-License-Identifier: GPL-2.0
/*
 * JSON: real text is parsed into a tree, which is freed.  Go's tiny allocator
 * was made for this load, and its 2014 change measured with it.
 *
 * Nodes are ordinary objects.  The text of each key and value is a no-scan
 * object with a terminating zero byte.  Three ways to allocate are compared:
 * kmalloc(); gomalloc with texts allocated like nodes; gomalloc with no-scan
 * texts.  The text comes from files that the parameter json names; without it
 * the workload is skipped.
 *
 * For the memory that a tree holds, gomalloc is reloaded for each file and way,
 * as in held.c; the results list these loads.
 *
 * The parser is minimal, and the same for all three ways: it validates just
 * enough to stay inside the text.
 */
#include <linux/ctype.h>
#include <linux/err.h>
#include <linux/fs.h>
#include <linux/math64.h>
#include <linux/moduleparam.h>
#include <linux/sched.h>
#include <linux/slab.h>
#include <linux/sort.h>
#include <linux/string.h>
#include <linux/vmalloc.h>

#include "bench.h"
#include "clock.h"
#include "gomalloc.h"

static char *json = "";
module_param(json, charp, 0444);
MODULE_PARM_DESC(json, "comma-separated files of JSON text for the workload of that name");

enum way { WAY_SLUB, WAY_PLAIN, WAY_NOSCAN, NR_WAYS };

static const char * const way_names[NR_WAYS] = { "kmalloc", "gomalloc-apart", "gomalloc" };

static char *json_way = "";
module_param(json_way, charp, 0444);
MODULE_PARM_DESC(json_way, "with alone=1, the allocator whose memory is measured: kmalloc, gomalloc-apart or gomalloc");

/**
 * struct node - a value of the document
 * @next: the next value of its array or object
 * @child: first element, of an array or object
 * @parent: the array or object that contains it
 * @key: its name, in an object
 * @text: its text, of a string, number or word
 */
struct node {
	struct node *next;
	struct node *child;
	struct node *parent;
	char *key;
	char *text;
};

/* One parsed document. */
struct document {
	struct node *root;
	unsigned long nodes;
	unsigned long texts;
	unsigned long blocks;	/* tiny blocks that these texts began */
	unsigned long combined;	/* texts in tiny blocks */
};

static __always_inline void *node_alloc(enum way way, size_t size)
{
	return way == WAY_SLUB ? kmalloc(size, GFP_KERNEL) : gom_malloc(size, GFP_KERNEL);
}

static __always_inline void *text_alloc(enum way way, size_t size)
{
	return way == WAY_NOSCAN ? gom_malloc_noscan(size, GFP_KERNEL) : node_alloc(way, size);
}

static __always_inline void way_free(enum way way, const void *p)
{
	if (way == WAY_SLUB)
		kfree(p);
	else
		gom_free(p);
}

static __always_inline char *copy_text(enum way way, struct document *doc,
				       const char *from, size_t len)
{
	char *text = text_alloc(way, len + 1);

	if (!text)
		return NULL;
	memcpy(text, from, len);
	text[len] = '\0';
	doc->texts++;
	if (way == WAY_NOSCAN && len + 1 <= GOM_TINY_MAX) {
		doc->combined++;
		doc->blocks += (unsigned long)text % GOM_TINY_BLOCK == 0;
	}
	return text;
}

/*
 * The end of the string that begins after the quote at @s; NULL if there is
 * none.
 */
static const char *end_of_string(const char *s, const char *end)
{
	for (; s < end && *s != '"'; s++)
		if (*s == '\\')
			s++;
	return s < end ? s : NULL;
}

static const char *end_of_word(const char *s, const char *end)
{
	while (s < end && (isalnum(*s) || *s == '.' || *s == '-' || *s == '+'))
		s++;
	return s;
}

/**
 * struct parser - state of the parser
 * @doc: the document
 * @open: the innermost array or object that is not complete
 * @tail: where its next value is linked
 * @key: name of the next value
 */
struct parser {
	struct document *doc;
	struct node *open;
	struct node **tail;
	char *key;
};

static __always_inline struct node *add_node(enum way way, struct parser *in)
{
	struct node *node = node_alloc(way, sizeof(*node));

	if (!node)
		return NULL;
	*node = (struct node) { .parent = in->open, .key = in->key };
	in->key = NULL;
	*in->tail = node;
	in->tail = &node->next;
	in->doc->nodes++;
	return node;
}

static __always_inline int add_value(enum way way, struct parser *in, const char *from, size_t len)
{
	struct node *node = add_node(way, in);

	if (!node)
		return -ENOMEM;
	node->text = copy_text(way, in->doc, from, len);
	return node->text ? 0 : -ENOMEM;
}

/* A string is a name if a colon follows, else a value.  Returns its end. */
static __always_inline const char *parse_string(enum way way, struct parser *in,
						const char *s, const char *end)
{
	const char *stop = end_of_string(s + 1, end), *next;

	if (!stop)
		return ERR_PTR(-EINVAL);
	for (next = stop + 1; next < end && isspace(*next); )
		next++;
	if (next < end && *next == ':' && !in->key) {
		in->key = copy_text(way, in->doc, s + 1, stop - s - 1);
		return in->key ? next + 1 : ERR_PTR(-ENOMEM);
	}
	if (add_value(way, in, s + 1, stop - s - 1))
		return ERR_PTR(-ENOMEM);
	return stop + 1;
}

static __always_inline int open_node(enum way way, struct parser *in)
{
	struct node *node = add_node(way, in);

	if (!node)
		return -ENOMEM;
	in->open = node;
	in->tail = &node->child;
	return 0;
}

static int close_node(struct parser *in)
{
	struct node *node = in->open;

	if (!node)
		return -EINVAL;
	in->open = node->parent;
	in->tail = &node->next;
	return 0;
}

static __always_inline const char *parse_token(enum way way, struct parser *in,
					       const char *s, const char *end)
{
	const char *stop;
	int err = 0;

	switch (*s) {
	case '{':
	case '[':
		err = open_node(way, in);
		break;
	case '}':
	case ']':
		err = close_node(in);
		break;
	case '"':
		return parse_string(way, in, s, end);
	default:
		stop = end_of_word(s, end);
		if (stop == s)
			break;		/* a comma, a space */
		err = add_value(way, in, s, stop - s);
		return err ? ERR_PTR(err) : stop;
	}
	return err ? ERR_PTR(err) : s + 1;
}

static __always_inline int parse(enum way way, struct document *doc, const char *s, size_t len)
{
	struct parser in = { .doc = doc, .tail = &doc->root };
	const char *end = s + len;

	*doc = (struct document) { };
	while (s < end) {
		s = parse_token(way, &in, s, end);
		if (IS_ERR(s))
			break;
	}
	if (in.key) {
		way_free(way, in.key);
		return IS_ERR(s) ? PTR_ERR(s) : -EINVAL;
	}
	return IS_ERR(s) ? PTR_ERR(s) : in.open ? -EINVAL : 0;
}

/* Depth first, without recursion. */
static __always_inline void tree_free(enum way way, struct node *node)
{
	struct node *next;

	while (node) {
		if (node->child) {
			next = node->child;
			node->child = NULL;
			node = next;
			continue;
		}
		next = node->next ?: node->parent;
		if (node->key)
			way_free(way, node->key);
		if (node->text)
			way_free(way, node->text);
		way_free(way, node);
		node = next;
	}
}

#define DEFINE_WAY(name, way)							\
static noinline int parse_##name(struct document *doc, const char *s, size_t len) \
{										\
	return parse(way, doc, s, len);						\
}										\
										\
static noinline void tree_free_##name(struct node *root)				\
{										\
	tree_free(way, root);							\
}

DEFINE_WAY(slub, WAY_SLUB)
DEFINE_WAY(plain, WAY_PLAIN)
DEFINE_WAY(noscan, WAY_NOSCAN)

static const struct {
	int (*parse)(struct document *doc, const char *s, size_t len);
	void (*free)(struct node *root);
} ways[NR_WAYS] = {
	[WAY_SLUB] = { parse_slub, tree_free_slub },
	[WAY_PLAIN] = { parse_plain, tree_free_plain },
	[WAY_NOSCAN] = { parse_noscan, tree_free_noscan },
};

/* === Measuring === */

#define MAX_ROUNDS	9

struct json_result {
	u64 parse[MAX_ROUNDS];
	u64 free[MAX_ROUNDS];
	struct document doc;
};

static int u64_compare(const void *a, const void *b)
{
	const u64 x = *(const u64 *)a, y = *(const u64 *)b;

	return x < y ? -1 : x > y;
}

static int run_once(enum way way, struct json_result *f, unsigned int round, const char *s,
		    size_t len)
{
	u64 start = bench_cycles();
	int err;

	err = ways[way].parse(&f->doc, s, len);
	f->parse[round] = bench_cycles() - start;
	start = bench_cycles();
	ways[way].free(f->doc.root);
	f->free[round] = bench_cycles() - start;
	cond_resched();
	return err;
}

/* Memory held by one tree. */
static int measure_held(const char *name, const char *s, size_t len)
{
	int err, way = match_string(way_names, NR_WAYS, json_way);
	struct document doc;
	long before, pages;

	if (way < 0) {
		pr_err("json_way=%s: must be kmalloc, gomalloc-apart or gomalloc\n", json_way);
		return way;
	}
	bench_release_idle();
	before = bench_free_pages();
	err = ways[way].parse(&doc, s, len);
	pages = before - bench_free_pages();
	ways[way].free(doc.root);
	return err ?: bench_table_line("json-held", "%s %s %lu %lu", name, way_names[way],
				       doc.nodes + doc.texts, pages * (PAGE_SIZE / 1024));
}

static int add_line(const char *name, enum way way, struct json_result *f, unsigned int rounds)
{
	const struct document *doc = &f->doc;
	unsigned long objects = doc->nodes + doc->texts;

	sort(f->parse, rounds, sizeof(u64), u64_compare, NULL);
	sort(f->free, rounds, sizeof(u64), u64_compare, NULL);
	return bench_table_line("json", "%s %s %lu %lu %llu %llu %llu %llu", name, way_names[way],
				objects, objects - doc->combined + doc->blocks,
				div_u64(f->parse[0], objects), div_u64(f->free[0], objects),
				div_u64(f->parse[rounds / 2], objects),
				div_u64(f->free[rounds / 2], objects));
}

static int measure(const char *name, const char *s, size_t len)
{
	unsigned int rounds = bench_clock_counts_instructions ? 2 : MAX_ROUNDS, round, way;
	struct json_result *f = kcalloc(NR_WAYS, sizeof(*f), GFP_KERNEL);
	int err = f ? 0 : -ENOMEM;

	for (round = 0; !err && round < rounds; round++)
		for (way = 0; !err && way < NR_WAYS; way++)
			err = run_once((round + way) % NR_WAYS, &f[(round + way) % NR_WAYS], round,
				       s, len);
	for (way = 0; !err && way < NR_WAYS; way++)
		err = add_line(name, way, &f[way], rounds);
	kfree(f);
	return err;
}

#define MAX_FILE	(64U << 20)

/* Read the whole file into memory; returns an error pointer if that fails. */
static char *read_file(const char *path, size_t *len)
{
	struct file *file = filp_open(path, O_RDONLY, 0);
	loff_t pos = 0, size;
	ssize_t n;
	char *text;

	if (IS_ERR(file)) {
		pr_err("json=%s cannot be opened: error %ld\n", path, PTR_ERR(file));
		return ERR_CAST(file);
	}
	size = i_size_read(file_inode(file));
	text = size > 0 && size <= MAX_FILE ? vmalloc(size) : NULL;
	n = text ? kernel_read(file, text, size, &pos) : -EFBIG;
	filp_close(file, NULL);
	if (n == size) {
		*len = size;
		return text;
	}
	vfree(text);
	pr_err("json=%s cannot be read: error %zd\n", path, n);
	return ERR_PTR(n < 0 ? n : -EIO);
}

static int run_file(char *path)
{
	size_t len;
	char *text = read_file(path, &len);
	int err;

	if (IS_ERR(text))
		return PTR_ERR(text);
	err = bench_plan.alone ? measure_held(kbasename(path), text, len) :
				 measure(kbasename(path), text, len);
	if (err == -EINVAL)
		pr_err("json=%s cannot be measured: is it JSON text?\n", path);
	vfree(text);
	return err;
}

/* List the loads that measure the memory held for @path. */
static int held_list(const char *path)
{
	int way, err = 0;

	for (way = 0; way < NR_WAYS && !err; way++)
		err = bench_results_alone("workload=json json=%s json_way=%s", path,
					  way_names[way]);
	return err;
}

static int run_json(const struct bench_workload *workload, unsigned int unused)
{
	char *copy, *rest, *path;
	int err = 0;

	if (!*json) {
		pr_notice("json: skipped, the parameter json names no file\n");
		return 0;
	}
	copy = kstrdup(json, GFP_KERNEL);
	if (!copy)
		return -ENOMEM;
	err = bench_plan.alone ?
		bench_table_head("json-held", "text allocator objects held_KiB") :
		bench_table_head("json", "text allocator objects class_allocs parse free parse_med free_med");
	rest = copy;
	while (!err && (path = strsep(&rest, ","))) {
		err = run_file(path);
		if (!err && !bench_plan.alone)
			err = held_list(path);
	}
	kfree(copy);
	return err;
}

const struct bench_workload bench_json_workloads[] = {
	{ .name = "json", .run = run_json },
	{ }
};
