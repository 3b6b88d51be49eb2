// SPDX-License-Identifier: GPL-2.0
/*
 * Clients: the modules that call gomalloc.
 *
 * The kernel does not export __module_address(), and its lookup is no use for a
 * module that is gone.  So a notifier keeps a table of the modules that depend
 * on gomalloc: the ranges of their code, and their names.  gomalloc itself and
 * built-in code are no clients.
 *
 *	COMING	enter the module, before any of its code runs
 *	LIVE	its init text is about to be freed: no address is in it any more
 *	GOING	its exit function has returned: no address is in it any more
 *
 * An entry of a module that is gone stays until its place is needed, so that
 * what the module left behind can still be named.
 *
 * Context: lookups run in any context, NMI included.  They take no lock and do
 * not wait: the sequence count of an entry tells whether it changed meanwhile.
 * Then the address is not in it: the code of the new module has not run yet,
 * and that of the old one does not run any more.  Changes run in a task, in the
 * kernel's notifier, which may run for two modules at a time: clients_lock, a
 * mutex, serializes them.  Inside it preemption is off for some stores, under
 * PREEMPT_RT as well.
 */
#include <linux/compiler.h>
#include <linux/module.h>
#include <linux/mutex.h>
#include <linux/notifier.h>
#include <linux/preempt.h>
#include <linux/seqlock.h>
#include <linux/string.h>

#include "base/client.h"
#include "base/compat.h"

#define MAX_ENTRIES	32U	/* of a stack, to find a client in it */

struct client {
	seqcount_t seq;
	struct gom_client_info info;
};

static DEFINE_MUTEX(clients_lock);	/* for who changes the table */
static struct client clients[GOM_MAX_CLIENTS];
static unsigned int nr_clients;		/* entries that were ever used */
static u32 last_id;			/* of the client added last */

void (*gom_client_callback)(const struct gom_client_info *info, enum gom_client_event event);

/*
 * Incremented before code of a new client runs, so that who remembers an answer
 * of gom_client_of() knows when to ask again.
 */
unsigned int gom_client_changes;
GOM_EXPORT_FOR_TEST(gom_client_changes);

/* === Lookup; any context === */

/* The id of a client if @addr is in its code, which must be there; else 0. */
static u32 info_has(const struct gom_client_info *info, unsigned long addr)
{
	if (info->loaded && (gom_text_has(&info->text, addr) ||
			     (info->has_init && gom_text_has(&info->init, addr))))
		return info->id;
	return 0;
}

static u32 client_has(const struct client *c, unsigned long addr)
{
	unsigned int seq = raw_seqcount_begin(&c->seq);
	/* Racy; the sequence count tells. */
	u32 id = data_race(info_has(&c->info, addr));

	return read_seqcount_retry(&c->seq, seq) ? 0 : id;
}

/**
 * gom_client_of - find the client that an address belongs to
 * @addr: an address of code
 *
 * Context: any, NMI included.
 * Return: the client's id; 0 if the address is in no client's code.
 */
u32 gom_client_of(unsigned long addr)
{
	/* Pairs with smp_store_release() in gom_client_add(). */
	unsigned int i, n = smp_load_acquire(&nr_clients);
	u32 id = 0;

	for (i = 0; i < n && !id; i++)
		id = client_has(&clients[i], addr);
	return id;
}
GOM_EXPORT_FOR_TEST(gom_client_of);

/*
 * The client of the innermost entry of a stack that is in one; 0 if none is.
 * Entries of the kernel in front of it are passed over: a mempool, say, whose
 * functions call gomalloc.
 */
u32 gom_client_of_stack(const unsigned long *entry, unsigned int n)
{
	unsigned int i;
	u32 id = 0;

	for (i = 0; i < n && !id; i++)
		id = gom_client_of(entry[i]);
	return id;
}
GOM_EXPORT_FOR_TEST(gom_client_of_stack);

/*
 * The call site of an allocation in a client: @caller, if that is in one; else
 * the innermost return address on the stack that is, for calls that come by way
 * of the kernel or of gomalloc's own functions.  @caller if there is none.
 */
unsigned long gom_client_caller(unsigned long caller)
{
	unsigned long entries[MAX_ENTRIES];
	unsigned int i, n;

	if (gom_client_of(caller))
		return caller;
	n = gom_stack_save(entries, MAX_ENTRIES);
	for (i = 0; i < n; i++)
		if (gom_client_of(entries[i]))
			return entries[i];
	return caller;
}
GOM_EXPORT_FOR_TEST(gom_client_caller);

static bool client_copy(const struct client *c, struct gom_client_info *info)
{
	unsigned int seq = raw_seqcount_begin(&c->seq);

	data_race(*info = c->info);	/* the sequence count tells */
	return !read_seqcount_retry(&c->seq, seq) && info->id;
}

/* The client in entry @i of the table; false if it is empty, or being changed. */
bool gom_client_at(unsigned int i, struct gom_client_info *info)
{
	/* Pairs with smp_store_release() in gom_client_add(). */
	return i < smp_load_acquire(&nr_clients) && client_copy(&clients[i], info);
}
GOM_EXPORT_FOR_TEST(gom_client_at);

/*
 * Read a client, which may be gone; false if nothing is known of it any more.
 * Any context.
 */
bool gom_client_read(u32 id, struct gom_client_info *info)
{
	unsigned int i;

	for (i = 0; id && i < GOM_MAX_CLIENTS; i++)
		if (gom_client_at(i, info) && info->id == id)
			return true;
	return false;
}
GOM_EXPORT_FOR_TEST(gom_client_read);

/* Is the client's code still there?  Any context. */
bool gom_client_is_loaded(u32 id)
{
	struct gom_client_info info;

	return gom_client_read(id, &info) && info.loaded;
}

/* Is the client a module of that name, loaded or gone? */
bool gom_client_is(u32 id, const char *name)
{
	struct gom_client_info info;

	return gom_client_read(id, &info) && !strcmp(info.name, name);
}
GOM_EXPORT_FOR_TEST(gom_client_is);

/* === Filters === */

/*
 * Set the module of a filter; "" for none.  As for modprobe, '-' means '_', and
 * space around the name is ignored.  Returns -EINVAL if the name is too long.
 * Context: task; the caller serializes calls.
 */
int gom_client_filter_set(struct gom_client_filter *filter, const char *name)
{
	char copy[MODULE_NAME_LEN], *trimmed;

	if (!gom_client_name_fits(name))
		return -EINVAL;
	strscpy(copy, name, sizeof(copy));
	strreplace(copy, '-', '_');
	trimmed = strim(copy);
	preempt_disable();	/* as in client_write() */
	raw_write_seqcount_begin(&filter->seq);
	WRITE_ONCE(filter->on, *trimmed);	/* pairs with gom_client_filter_on() */
	strscpy(filter->name, trimmed, sizeof(filter->name));
	raw_write_seqcount_end(&filter->seq);
	preempt_enable();
	return 0;
}
GOM_EXPORT_FOR_TEST(gom_client_filter_set);

/* Is the client the module of the filter?  No, while the filter is written. */
bool gom_client_filter_has(const struct gom_client_filter *filter, u32 id)
{
	unsigned int seq = raw_seqcount_begin(&filter->seq);
	/* Racy; the sequence count tells. */
	bool has = data_race(filter->on && gom_client_is(id, filter->name));

	return !read_seqcount_retry(&filter->seq, seq) && has;
}

/* === Changes; in a task === */

/* Lookups find no client in the entry meanwhile, so it must not take long. */
static void client_write(struct client *c, const struct gom_client_info *info)
{
	preempt_disable();
	raw_write_seqcount_begin(&c->seq);
	c->info = *info;
	raw_write_seqcount_end(&c->seq);
	preempt_enable();
}

/* The table has changed; under clients_lock. */
static void clients_changed(void)
{
	/* Pairs with READ_ONCE() in stacks_version(), special/profile.c. */
	WRITE_ONCE(gom_client_changes, gom_client_changes + 1);
}

/* How many ids have been given out since that of @c? */
static u32 client_age(const struct client *c)
{
	return (last_id + GOM_CLIENT_ID_MAX - c->info.id) % GOM_CLIENT_ID_MAX;
}

/* An entry for a new client: an empty one, or the oldest that is gone. */
static struct client *client_place(void)
{
	struct client *c, *found = NULL;

	for (c = clients; c < clients + GOM_MAX_CLIENTS; c++) {
		if (!c->info.id)
			return c;
		if (!c->info.loaded && (!found || client_age(c) > client_age(found)))
			found = c;
	}
	return found;
}

static struct client *client_find(u32 id)
{
	struct client *c;

	for (c = clients; c < clients + GOM_MAX_CLIENTS; c++)
		if (id && c->info.id == id)
			return c;
	return NULL;
}

/* The next id that no client in the table has. */
static u32 client_next_id(void)
{
	do {
		last_id = last_id % GOM_CLIENT_ID_MAX + 1;
	} while (client_find(last_id));
	return last_id;
}

/**
 * gom_client_add - add a client to the table
 * @name: name of the module
 * @text: its code
 * @init: its init code; size 0 if it has none
 *
 * Context: task, may sleep.
 * Return: its id; 0 if the table is full.
 */
u32 gom_client_add(const char *name, const struct gom_text *text, const struct gom_text *init)
{
	struct gom_client_info info = {
		.loaded = true, .has_init = true, .text = *text, .init = *init,
	};
	struct client *c;

	strscpy(info.name, name, sizeof(info.name));
	mutex_lock(&clients_lock);
	c = client_place();
	if (c) {
		info.id = client_next_id();
		client_write(c, &info);
		if (c - clients >= nr_clients) {
			/* Pairs with smp_load_acquire() in the lookups. */
			smp_store_release(&nr_clients, c - clients + 1);
		}
		clients_changed();
	}
	mutex_unlock(&clients_lock);
	return info.id;
}
GOM_EXPORT_FOR_TEST(gom_client_add);

/*
 * The init code of a client is about to be freed.  Its other code runs meanwhile
 * and must be found, so this is one store.  Lookups of init code may see it or
 * not: no address is in it any more.
 */
void gom_client_drop_init(u32 id)
{
	struct client *c;

	mutex_lock(&clients_lock);
	c = client_find(id);
	if (c) {
		WRITE_ONCE(c->info.has_init, false);
		clients_changed();
	}
	mutex_unlock(&clients_lock);
}
GOM_EXPORT_FOR_TEST(gom_client_drop_init);

/* A client is gone.  Its entry stays readable until its place is needed. */
void gom_client_drop(u32 id)
{
	struct gom_client_info info;
	struct client *c;

	mutex_lock(&clients_lock);
	c = client_find(id);
	if (c) {
		info = c->info;
		info.has_init = false;
		info.loaded = false;
		client_write(c, &info);
		clients_changed();
	}
	mutex_unlock(&clients_lock);
}
GOM_EXPORT_FOR_TEST(gom_client_drop);

/* === The kernel's notifier === */

static void module_coming(struct module *mod)
{
	struct gom_text text, init;

	gom_module_text(mod, &text, &init);
	if (!gom_client_add(mod->name, &text, &init))
		pr_warn("%u modules use gomalloc: %s is not told apart\n", GOM_MAX_CLIENTS,
			mod->name);
}

static int module_event(struct notifier_block *nb, unsigned long state, void *data)
{
	struct gom_client_info info;
	struct module *mod = data;
	struct gom_text text, init;

	if (mod == THIS_MODULE || !gom_module_uses(mod, THIS_MODULE))
		return NOTIFY_DONE;
	if (state == MODULE_STATE_COMING) {
		module_coming(mod);
		return NOTIFY_DONE;
	}
	gom_module_text(mod, &text, &init);
	if (!gom_client_read(gom_client_of(text.start), &info))
		return NOTIFY_DONE;
	if (gom_client_callback)
		gom_client_callback(&info, state == MODULE_STATE_LIVE ? GOM_CLIENT_LIVE :
								    GOM_CLIENT_GOING);
	if (state == MODULE_STATE_LIVE)
		gom_client_drop_init(info.id);
	else
		gom_client_drop(info.id);
	return NOTIFY_DONE;
}

/*
 * The lowest priority: on GOING others have taken back what they had registered
 * for the module.
 */
static struct notifier_block module_notifier = {
	.notifier_call = module_event,
	.priority = INT_MIN,
};

/* On load, before a module can use gomalloc.  Context: task. */
int gom_client_init(void)
{
	unsigned int i;

	for (i = 0; i < GOM_MAX_CLIENTS; i++)
		seqcount_init(&clients[i].seq);
	return register_module_notifier(&module_notifier);
}

/* On unload: there is no client any more. */
void gom_client_exit(void)
{
	unregister_module_notifier(&module_notifier);
}
