/* SPDX-License-Identifier: GPL-2.0 */
/*
 * Clients: the modules that call gomalloc.  An address of code tells which one
 * it belongs to, in any context and without a lock; see client.c.
 */
#ifndef GOM_CLIENT_H
#define GOM_CLIENT_H

#include <linux/module.h>
#include <linux/seqlock.h>
#include <linux/string.h>
#include <linux/types.h>

#include "base/compat.h"

/* Clients loaded at a time, and some that are gone. */
#define GOM_MAX_CLIENTS	64U

/*
 * Ids are 1 to this, then 1 again, except those in the table.  What is remembered
 * of a module that is gone (a bucket of the heap profile) is taken for that of
 * another after so many loads.  special/profile_text.c needs the bound.
 */
#define GOM_CLIENT_ID_MAX	0x7ffeU

/* What happens to a client; see gom_client_callback. */
enum gom_client_event {
	GOM_CLIENT_LIVE,	/* its init function has returned 0; its init text follows */
	GOM_CLIENT_GOING,	/* its exit function has returned; its text follows */
};

/**
 * struct gom_client_info - what is known of a client
 * @id: its number, up to GOM_CLIENT_ID_MAX, which no other load of a module has
 *	in the table; 0: none
 * @loaded: it is loaded
 * @has_init: its init text is still there
 * @text: its code
 * @init: its init code
 * @name: name of the module
 */
struct gom_client_info {
	u32 id;
	bool loaded;
	bool has_init;
	struct gom_text text;
	struct gom_text init;
	char name[MODULE_NAME_LEN];
};

/**
 * struct gom_client_filter - the name of a module that a feature is for
 * @seq: odd while @name is written
 * @on: there is a name
 * @name: the name; the module need not be loaded
 *
 * Read in any context; written in tasks, one at a time.  Static ones need
 * GOM_CLIENT_FILTER_INIT().
 */
struct gom_client_filter {
	seqcount_t seq;
	bool on;
	char name[MODULE_NAME_LEN];
};

#define GOM_CLIENT_FILTER_INIT(filter)	{ .seq = SEQCNT_ZERO((filter).seq) }

/*
 * Called in a task that may sleep, before the text goes.  Set on load, before
 * any client exists.
 */
extern void (*gom_client_callback)(const struct gom_client_info *info, enum gom_client_event event);

extern unsigned int gom_client_changes;	/* changes of the table; wraps */

static inline bool gom_text_has(const struct gom_text *t, unsigned long addr)
{
	return addr - t->start < t->size;
}

u32 gom_client_of(unsigned long addr);
u32 gom_client_of_stack(const unsigned long *entry, unsigned int n);
unsigned long gom_client_caller(unsigned long caller);
bool gom_client_read(u32 id, struct gom_client_info *info);
bool gom_client_at(unsigned int i, struct gom_client_info *info);
bool gom_client_is_loaded(u32 id);
bool gom_client_is(u32 id, const char *name);
/*
 * Is there a name?  Any context.  Pairs with WRITE_ONCE() in
 * gom_client_filter_set().
 */
static inline bool gom_client_filter_on(const struct gom_client_filter *filter)
{
	return READ_ONCE(filter->on);
}

/* May it be the name of a module, for gom_client_filter_set()? */
static inline bool gom_client_name_fits(const char *name)
{
	return strlen(name) < MODULE_NAME_LEN;
}

int gom_client_filter_set(struct gom_client_filter *filter, const char *name);
bool gom_client_filter_has(const struct gom_client_filter *filter, u32 id);
u32 gom_client_add(const char *name, const struct gom_text *text, const struct gom_text *init);
void gom_client_drop_init(u32 id);
void gom_client_drop(u32 id);
int gom_client_init(void);
void gom_client_exit(void);

#endif /* GOM_CLIENT_H */
