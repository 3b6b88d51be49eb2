// SPDX-License-Identifier: GPL-2.0
/*
 * Failing allocations of one module, by call site.
 *
 * While a module is set its allocation call sites are counted in a table.  A site
 * that is enabled fails its next allocation: it returns NULL, once.  With
 * __GFP_NOFAIL it does not fail and stays enabled.
 *
 * A site is known by its offset in the module's code, so that it is the same
 * site after the module has been loaded again.
 *
 * Context: allocations look up and add sites in any context, NMI included: an
 * entry is claimed by compare and exchange, and none is removed while a module
 * is set.  The rest runs in tasks.  sites_lock, a mutex, protects the names.
 */
#include <linux/atomic.h>
#include <linux/cache.h>
#include <linux/hash.h>
#include <linux/kallsyms.h>
#include <linux/mm.h>
#include <linux/mutex.h>
#include <linux/rcupdate.h>
#include <linux/slab.h>
#include <linux/string.h>

#include "base/client.h"
#include "base/compat.h"
#include "base/fail_site.h"

#define SITE_BITS	10
#define NR_SITES	(1U << SITE_BITS)
#define SITE_NAME	96

/**
 * struct site - an allocation call site
 * @key: offset of the return address in its range, and which range; 0: unused
 * @number: 1, 2, ... in the order in which sites were seen
 * @calls: allocations
 * @failed: of these, failed on purpose
 * @enabled: 1 if the next one is to fail
 * @name: the function, as it was when the code was last there
 */
struct site {
	atomic_long_t key;
	unsigned int number;
	atomic_t calls;
	atomic_t failed;
	atomic_t enabled;
	char name[SITE_NAME];
};

struct gom_client_filter gom_fail_module __read_mostly = GOM_CLIENT_FILTER_INIT(gom_fail_module);

static DEFINE_MUTEX(sites_lock);
static struct site *sites;		/* NR_SITES; NULL before the first use */
static atomic_t nr_sites;

/* === Allocations; any context === */

static unsigned long site_key(const struct gom_client_info *info, unsigned long addr)
{
	if (gom_text_has(&info->text, addr))
		return (addr - info->text.start) << 1 | 1;
	return (addr - info->init.start + 1) << 1;
}

/* The address of a site while its code is there; else 0. */
static unsigned long site_address(const struct gom_client_info *info, unsigned long key)
{
	if (!info->loaded || (!(key & 1) && !info->has_init))
		return 0;
	return key & 1 ? info->text.start + (key >> 1) : info->init.start + (key >> 1) - 1;
}

/* Find or add a site; NULL if the table is full.  Open addressing. */
static struct site *site_find(unsigned long key)
{
	unsigned int i, at = hash_long(key, SITE_BITS);
	struct site *s;
	long old;

	for (i = 0; i < NR_SITES; i++) {
		s = &sites[(at + i) % NR_SITES];
		old = atomic_long_read(&s->key);
		if (!old) {
			old = atomic_long_cmpxchg(&s->key, 0, key);
			if (!old)
				WRITE_ONCE(s->number, atomic_inc_return(&nr_sites));
		}
		if (!old || old == key)
			return s;
	}
	return NULL;
}

/* Count an allocation at @addr, in the client @id; returns whether it must fail. */
static bool site_count(unsigned long addr, u32 id, gfp_t gfp)
{
	struct gom_client_info info;
	struct site *s;

	if (!gom_client_filter_has(&gom_fail_module, id) || !gom_client_read(id, &info))
		return false;
	s = site_find(site_key(&info, addr));
	if (!s)
		return false;
	atomic_inc(&s->calls);
	if (!atomic_read(&s->enabled) || (gfp & __GFP_NOFAIL) || !atomic_xchg(&s->enabled, 0))
		return false;
	atomic_inc(&s->failed);
	return true;
}

/* The slow path of gom_fail_here(). */
bool gom_fail_site_hit(unsigned long caller, gfp_t gfp)
{
	unsigned long addr = gom_client_caller(caller);
	bool fail;

	rcu_read_lock();	/* pairs with synchronize_rcu() in gom_fail_sites_set_module() */
	fail = site_count(addr, gom_client_of(addr), gfp);
	rcu_read_unlock();
	if (fail)
		pr_info("the allocation at %pS fails on purpose\n", (void *)addr);
	return fail;
}

/* === For tasks === */

/*
 * Set the module and forget the sites so far; "" is no module, and keeps them.
 * A name that is too long changes nothing.  The caller sends every call to the
 * slow path while gom_fail_module is on.
 */
int gom_fail_sites_set_module(const char *module)
{
	int err = 0;

	if (!gom_client_name_fits(module))
		return -EINVAL;
	mutex_lock(&sites_lock);
	if (*module && !sites) {
		sites = kvcalloc(NR_SITES, sizeof(*sites), GFP_KERNEL);
		err = sites ? 0 : -ENOMEM;
	} else if (*module) {
		gom_client_filter_set(&gom_fail_module, "");
		synchronize_rcu();	/* nobody is in site_count() */
		memset(sites, 0, NR_SITES * sizeof(*sites));
		atomic_set(&nr_sites, 0);
	}
	if (!err)
		err = gom_client_filter_set(&gom_fail_module, module);
	mutex_unlock(&sites_lock);
	return err;
}

static struct site *site_numbered(unsigned int number)
{
	unsigned int i;

	for (i = 0; sites && i < NR_SITES; i++)
		if (READ_ONCE(sites[i].number) == number)
			return &sites[i];
	return NULL;
}

/*
 * Let the next allocation at a site fail.  @number 0: at the first site that
 * has not failed yet.  -ENOENT if there is none.
 */
int gom_fail_site_enable(unsigned int number)
{
	unsigned int i, n = atomic_read(&nr_sites);
	struct site *s;

	mutex_lock(&sites_lock);
	s = number ? site_numbered(number) : NULL;
	for (i = 1; !number && i <= n && !s; i++) {
		s = site_numbered(i);
		if (s && (atomic_read(&s->failed) || atomic_read(&s->enabled)))
			s = NULL;
	}
	if (s)
		atomic_set(&s->enabled, 1);
	mutex_unlock(&sites_lock);
	return s ? 0 : -ENOENT;
}
GOM_EXPORT_FOR_TEST(gom_fail_site_enable);

/* No site is to fail any more. */
void gom_fail_sites_disable(void)
{
	unsigned int i;

	mutex_lock(&sites_lock);
	for (i = 0; sites && i < NR_SITES; i++)
		atomic_set(&sites[i].enabled, 0);
	mutex_unlock(&sites_lock);
}
GOM_EXPORT_FOR_TEST(gom_fail_sites_disable);

/* Store the name of a site of the client, if its code is there. */
static void site_keep_name(const struct gom_client_info *info, struct site *s)
{
	unsigned long addr = site_address(info, atomic_long_read(&s->key));

	if (addr)
		snprintf(s->name, sizeof(s->name), "%pS", (void *)addr);
}

static void sites_keep_names(const struct gom_client_info *info)
{
	unsigned int i;

	for (i = 0; sites && i < NR_SITES; i++)
		if (READ_ONCE(sites[i].number))
			site_keep_name(info, &sites[i]);
}

/* Code of a client is about to be freed.  Context: task, may sleep. */
void gom_fail_sites_keep_symbols(const struct gom_client_info *info)
{
	mutex_lock(&sites_lock);
	if (gom_client_filter_has(&gom_fail_module, info->id))
		sites_keep_names(info);
	mutex_unlock(&sites_lock);
}

/* The text of debugfs fail_sites. */
void gom_fail_sites_show(struct seq_file *m)
{
	struct gom_client_info info;
	unsigned int i, n;
	struct site *s;

	mutex_lock(&sites_lock);
	for (i = 0; i < GOM_MAX_CLIENTS; i++)
		if (gom_client_at(i, &info) && info.loaded &&
		    gom_client_filter_has(&gom_fail_module, info.id))
			sites_keep_names(&info);
	n = atomic_read(&nr_sites);
	seq_puts(m, "site      calls   failed enabled function\n");
	for (i = 1; i <= n; i++) {
		s = site_numbered(i);
		if (s)
			seq_printf(m, "%4u %10u %8u %7u %s\n", i, atomic_read(&s->calls),
				   atomic_read(&s->failed), atomic_read(&s->enabled), s->name);
	}
	mutex_unlock(&sites_lock);
}
GOM_EXPORT_FOR_TEST(gom_fail_sites_show);

/* On unload, when nobody allocates. */
void gom_fail_sites_exit(void)
{
	kvfree(sites);
}
