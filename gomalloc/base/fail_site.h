/* SPDX-License-Identifier: GPL-2.0 */
/*
 * Failing allocations of one module, by call site: does it survive ENOMEM?  For
 * kernels without fault injection, too.  See fail_site.c.
 */
#ifndef GOM_FAIL_SITE_H
#define GOM_FAIL_SITE_H

#include <linux/compiler.h>
#include <linux/gfp.h>
#include <linux/seq_file.h>

#include "base/client.h"

extern struct gom_client_filter gom_fail_module;	/* whose sites are counted */

bool gom_fail_site_hit(unsigned long caller, gfp_t gfp);

/*
 * Must the allocation at @caller fail?  Called once by each slow path.  Any
 * context.  Racy: a call that is in progress when a module is set may be missed.
 */
static inline bool gom_fail_here(unsigned long caller, gfp_t gfp)
{
	return unlikely(gom_client_filter_on(&gom_fail_module)) && gom_fail_site_hit(caller, gfp);
}

int gom_fail_sites_set_module(const char *module);
int gom_fail_site_enable(unsigned int number);
void gom_fail_sites_disable(void);
void gom_fail_sites_show(struct seq_file *m);
void gom_fail_sites_keep_symbols(const struct gom_client_info *info);
void gom_fail_sites_exit(void);

#endif /* GOM_FAIL_SITE_H */
