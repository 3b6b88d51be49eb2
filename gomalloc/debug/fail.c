// SPDX-License-Identifier: GPL-2.0
/*
 * The module whose allocation call sites may fail.  The fast paths do not look at
 * call sites, so every call takes the slow path meanwhile.
 */
#include <linux/mutex.h>

#include "base/compat.h"
#include "base/fail_site.h"
#include "debug/fail.h"
#include "percpu/mcache.h"

static DEFINE_MUTEX(module_lock);

/**
 * gom_fail_set_module - set the module whose call sites may fail, and forget those so far
 * @module: its name; it need not be loaded; "" is none, and keeps the list
 *
 * Context: task, may sleep.
 * Return: 0; -EINVAL if the name is too long; -ENOMEM.
 */
int gom_fail_set_module(const char *module)
{
	bool was_on;
	int err;

	mutex_lock(&module_lock);
	was_on = gom_client_filter_on(&gom_fail_module);
	err = gom_fail_sites_set_module(module);
	if (gom_client_filter_on(&gom_fail_module) != was_on)
		gom_mcache_force_slow(was_on ? -1 : 1);
	mutex_unlock(&module_lock);
	return err;
}
GOM_EXPORT_FOR_TEST(gom_fail_set_module);
