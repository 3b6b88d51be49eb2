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
#include <linux/bits.h>
#include <linux/kallsyms.h>
#include <linux/mutex.h>
#include <linux/sched.h>
#include <linux/slab.h>
#include <linux/string.h>
#include <linux/xarray.h>

#include "base/client.h"
#include "base/compat.h"
#include "special/freed_text.h"
#include "special/profile.h"

#define MAX_SYMBOLS	4096U
#define SYMBOL_IN_USE	XA_MARK_0	/* inside gom_freed_text_trim() */

static DEFINE_MUTEX(symbols_lock);
static DEFINE_XARRAY(symbols);
static unsigned int nr_symbols;

/*
 * Kernel addresses have the same upper bits: 16 on 64-bit machines.  A client
 * may get the names of the one that many loads of modules ago was at the same
 * address.
 */
static unsigned long symbol_index(u32 client, unsigned long addr)
{
	const unsigned int bits = BITS_PER_LONG == 64 ? 16 : 8;

	return addr << bits | (client & (BIT(bits) - 1));
}

static void symbol_keep(u32 client, unsigned long addr)
{
	unsigned long index = symbol_index(client, addr);
	char *name;

	if (nr_symbols >= MAX_SYMBOLS || xa_load(&symbols, index))
		return;
	name = kasprintf(GFP_KERNEL | __GFP_NOWARN, "%pS", (void *)addr);
	if (!name)
		return;
	if (xa_insert(&symbols, index, name, GFP_KERNEL | __GFP_NOWARN))
		kfree(name);
	else
		nr_symbols++;
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

	gom_profile_lock_buckets();
	mutex_lock(&symbols_lock);
	for_each_gom_bucket(b) {
		for (i = 0; i < b->n; i++)
			if (gom_text_has(text, b->entry[i]) && gom_client_is_loaded(b->client))
				symbol_keep(b->client, b->entry[i]);
		cond_resched();
	}
	mutex_unlock(&symbols_lock);
	gom_profile_unlock_buckets();
}
GOM_EXPORT_FOR_TEST(gom_freed_text_keep);

/* Buckets were removed: forget the names that no bucket has.  They are locked. */
void gom_freed_text_trim(void)
{
	struct gom_bucket *b;
	unsigned long index;
	unsigned int i;
	char *name;

	mutex_lock(&symbols_lock);
	for_each_gom_bucket(b) {
		for (i = 0; i < b->n && nr_symbols; i++)
			xa_set_mark(&symbols, symbol_index(b->client, b->entry[i]), SYMBOL_IN_USE);
		cond_resched();
	}
	xa_for_each(&symbols, index, name) {
		if (xa_get_mark(&symbols, index, SYMBOL_IN_USE)) {
			xa_clear_mark(&symbols, index, SYMBOL_IN_USE);
		} else {
			xa_erase(&symbols, index);
			kfree(name);
			nr_symbols--;
		}
	}
	mutex_unlock(&symbols_lock);
}

/* Was a name kept for a return address, because its text was freed? */
bool gom_freed_text_has(u32 client, unsigned long addr)
{
	bool has;

	mutex_lock(&symbols_lock);
	has = xa_load(&symbols, symbol_index(client, addr));
	mutex_unlock(&symbols_lock);
	return has;
}
GOM_EXPORT_FOR_TEST(gom_freed_text_has);

/* Copy the name that was kept to @buf; false if there is none. */
static bool symbol_read(u32 client, unsigned long addr, char *buf)
{
	const char *kept;

	mutex_lock(&symbols_lock);
	kept = xa_load(&symbols, symbol_index(client, addr));
	if (kept)
		strscpy(buf, kept, KSYM_SYMBOL_LEN);
	mutex_unlock(&symbols_lock);
	return kept;
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
	unsigned long index;
	char *name;

	xa_for_each(&symbols, index, name)
		kfree(name);
	xa_destroy(&symbols);
}
