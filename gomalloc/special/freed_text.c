// SPDX-License-Identifier: GPL-2.0
/*
 * Names of functions whose text was freed.
 *
 * The kernel forgets the names of a module's functions when its text is freed:
 * those of init functions when the module is loaded, all others when it is
 * unloaded.  So names of return addresses in buckets of the heap profile are
 * kept before that, up to a limit.  Other code may come to the same address, so
 * they are kept for the bucket's client and the address.
 *
 * Context: task, may sleep.  symbols_lock, a mutex, protects the names; the lock
 * of the buckets is taken outside it.
 */
#include <linux/hash.h>
#include <linux/hashtable.h>
#include <linux/kallsyms.h>
#include <linux/mutex.h>
#include <linux/sched.h>
#include <linux/slab.h>
#include <linux/string.h>

#include "base/accounting.h"
#include "base/client.h"
#include "base/compat.h"
#include "special/freed_text.h"
#include "special/bucket.h"

#define MAX_SYMBOLS	4096U

/**
 * struct symbol - the name of a return address whose text was freed
 * @node: in the hash table
 * @addr: the address
 * @client: the client that had its code there
 * @in_use: a bucket has it; inside gom_freed_text_trim()
 * @bytes: bytes of this record, name included
 * @name: the text of %pS
 */
struct symbol {
	struct hlist_node node;
	unsigned long addr;
	u32 client;
	bool in_use;
	u16 bytes;
	char name[];
};

static_assert(sizeof(struct symbol) + KSYM_SYMBOL_LEN <= U16_MAX);

static DEFINE_MUTEX(symbols_lock);
static DEFINE_HASHTABLE(symbols, 9);
static unsigned int nr_symbols;

/* === Names; under symbols_lock === */

static struct symbol *symbol_find(u32 client, unsigned long addr)
{
	struct symbol *sym;

	hash_for_each_possible(symbols, sym, node, addr)
		if (sym->addr == addr && sym->client == client)
			return sym;
	return NULL;
}

static void symbol_keep(u32 client, unsigned long addr)
{
	char name[KSYM_SYMBOL_LEN];
	struct symbol *sym;
	size_t bytes;

	if (nr_symbols >= MAX_SYMBOLS || symbol_find(client, addr))
		return;
	bytes = struct_size(sym, name, snprintf(name, sizeof(name), "%pS", (void *)addr) + 1);
	sym = kmalloc(bytes, GFP_KERNEL | __GFP_NOWARN);
	if (!sym)
		return;
	*sym = (struct symbol) { .addr = addr, .client = client, .bytes = bytes };
	memcpy(sym->name, name, bytes - sizeof(*sym));
	hash_add(symbols, &sym->node, addr);
	gom_stat_add(GOM_BUCKHASH_SYS, bytes);
	nr_symbols++;
}

static void symbol_forget(struct symbol *sym)
{
	hash_del(&sym->node);
	gom_stat_add(GOM_BUCKHASH_SYS, -(size_t)sym->bytes);
	nr_symbols--;
	kfree(sym);
}

/*
 * The range @text of a client is about to be freed: keep the names of what
 * buckets have in it.  Those of clients that are gone have it from other code
 * that was there before.
 */
void gom_freed_text_keep(const struct gom_client_info *info, const struct gom_text *text)
{
	struct gom_bucket *b;
	unsigned int i;

	gom_buckets_lock();
	mutex_lock(&symbols_lock);
	for_each_gom_bucket(b) {
		for (i = 0; i < b->n; i++)
			if (gom_text_has(text, b->entry[i]) && gom_client_is_loaded(b->client))
				symbol_keep(b->client, b->entry[i]);
		cond_resched();
	}
	mutex_unlock(&symbols_lock);
	gom_buckets_unlock();
}
GOM_EXPORT_FOR_TEST(gom_freed_text_keep);

/* The names that no bucket has; under symbols_lock. */
static void symbols_forget_unused(void)
{
	struct hlist_node *next;
	struct symbol *sym;
	unsigned int i;

	hash_for_each_safe(symbols, i, next, sym, node) {
		if (!sym->in_use)
			symbol_forget(sym);
		else
			sym->in_use = false;
	}
}

/* Buckets were removed: forget the names that no bucket has.  They are locked. */
void gom_freed_text_trim(void)
{
	struct gom_bucket *b;
	struct symbol *sym;
	unsigned int i;

	mutex_lock(&symbols_lock);
	for_each_gom_bucket(b) {
		for (i = 0; i < b->n && nr_symbols; i++) {
			sym = symbol_find(b->client, b->entry[i]);
			if (sym)
				sym->in_use = true;
		}
		cond_resched();
	}
	symbols_forget_unused();
	mutex_unlock(&symbols_lock);
}

/* Was a name kept for a return address, because its text was freed? */
bool gom_freed_text_has(u32 client, unsigned long addr)
{
	bool has;

	mutex_lock(&symbols_lock);
	has = symbol_find(client, addr);
	mutex_unlock(&symbols_lock);
	return has;
}
GOM_EXPORT_FOR_TEST(gom_freed_text_has);

/* Copy the name that was kept to @buf; false if there is none. */
static bool symbol_read(u32 client, unsigned long addr, char *buf)
{
	const struct symbol *sym;

	mutex_lock(&symbols_lock);
	sym = symbol_find(client, addr);
	if (sym)
		strscpy(buf, sym->name, KSYM_SYMBOL_LEN);
	mutex_unlock(&symbols_lock);
	return sym;
}

/**
 * gom_freed_text_symbol - the name of a function on a stack
 * @client: the client that the stack belongs to
 * @addr: the return address, whose text may have been freed
 * @buf: for the name, KSYM_SYMBOL_LEN bytes
 *
 * Return: @buf, with the text of %pS.
 */
const char *gom_freed_text_symbol(u32 client, unsigned long addr, char *buf)
{
	if (!symbol_read(client, addr, buf))
		snprintf(buf, KSYM_SYMBOL_LEN, "%pS", (void *)addr);
	return buf;
}
GOM_EXPORT_FOR_TEST(gom_freed_text_symbol);

/* On unload. */
void gom_freed_text_exit(void)
{
	struct hlist_node *next;
	struct symbol *sym;
	unsigned int i;

	hash_for_each_safe(symbols, i, next, sym, node)
		symbol_forget(sym);
}
