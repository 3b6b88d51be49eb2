// SPDX-License-Identifier: GPL-2.0
/*
 * The debugfs interface: statistics of the allocator under
 * /sys/kernel/debug/gomalloc/, readable by root only.
 * Documentation/debugfs.rst describes the columns.
 *
 * Files with a fixed number of lines are written in one go.  Those with lines
 * for each class or CPU iterate with seq_operations, so that a large machine
 * needs no large buffer.
 *
 * Context: task, may sleep.  Each reader takes the locks of the layer it reads.
 * module_names_lock, a mutex, protects the names of modules that may be
 * written.  The locks of gom_fail_set_module() are taken inside.
 */
#include <linux/cpumask.h>
#include <linux/debugfs.h>
#include <linux/mm.h>
#include <linux/mutex.h>
#include <linux/seq_file.h>
#include <linux/string.h>
#include <linux/uaccess.h>

#include "api/cache.h"
#include "api/efence.h"
#include "api/finalizer.h"
#include "api/sbrk.h"
#include "base/client.h"
#include "base/compat.h"
#include "base/fail_site.h"
#include "base/fault.h"
#include "base/persistent.h"
#include "base/report.h"
#include "central/mcentral.h"
#include "debug/check.h"
#include "debug/debugfs.h"
#include "debug/fail.h"
#include "debug/leaks.h"
#include "debug/lifetimes.h"
#include "debug/objects.h"
#include "debug/stats.h"
#include "heap/large.h"
#include "heap/mheap.h"
#include "percpu/mcache.h"
#include "special/bucket.h"
#include "special/profile.h"
#include "special/special.h"

static struct dentry *root;

/* === memstats === */

static void memstats_show_value(struct seq_file *m, const char *name, u64 value)
{
	seq_printf(m, "%s %llu\n", name, value);
}

/*
 * The text of memstats.  Global for the tests, whose threads have no debugfs
 * mount.
 */
int gom_debugfs_memstats(struct seq_file *m)
{
	struct gom_large_stats large;
	struct gom_tiny_stats tiny;
	struct gom_efence_stats guarded;
	struct gom_sbrk_stats sbrk;
	struct gom_finalizer_stats fin;
	struct gom_profile_stats prof;
	struct gom_memstats ms;
	char name[32];
	int i;

	gom_memstats_read(&ms);
	gom_large_read(&large);
	gom_tiny_read(-1, &tiny);
	gom_sbrk_read(&sbrk);
	gom_efence_read(&guarded);
	gom_finalizer_read(&fin);
	gom_profile_read(&prof);
	memstats_show_value(m, "alloc", ms.alloc);
	memstats_show_value(m, "sys", ms.sys);
	memstats_show_value(m, "mallocs", ms.mallocs);
	memstats_show_value(m, "frees", ms.frees);
	memstats_show_value(m, "heap_alloc", ms.alloc);
	memstats_show_value(m, "heap_sys", ms.heap_sys);
	memstats_show_value(m, "heap_idle", ms.heap_idle);
	memstats_show_value(m, "heap_inuse", ms.heap_inuse);
	memstats_show_value(m, "heap_released", ms.heap_released);
	memstats_show_value(m, "heap_refaults", ms.heap_refaults);
	memstats_show_value(m, "heap_objects", ms.mallocs - ms.frees);
	memstats_show_value(m, "large_mallocs", large.mallocs);
	memstats_show_value(m, "large_frees", large.frees);
	memstats_show_value(m, "large_inuse", (u64)large.pages << PAGE_SHIFT);
	memstats_show_value(m, "tiny_mallocs", tiny.mallocs);
	memstats_show_value(m, "tiny_frees", tiny.frees);
	memstats_show_value(m, "mspan_inuse", ms.mspan_inuse);
	memstats_show_value(m, "mcache_inuse", ms.mcache_inuse);
	for (i = 0; i < GOM_NR_STATS; i++)
		memstats_show_value(m, gom_stat_names[i], ms.stat[i]);
	memstats_show_value(m, "persistent", gom_persistent_bytes());
	memstats_show_value(m, "mallocing", gom_mcache_inside());
	memstats_show_value(m, "finalizers_set", fin.set);
	memstats_show_value(m, "finalizers_queued", fin.queued);
	memstats_show_value(m, "finalizers_run", fin.run);
	memstats_show_value(m, "profile_samples", prof.samples);
	memstats_show_value(m, "profile_freed", prof.freed);
	memstats_show_value(m, "profile_lost", prof.lost);
	memstats_show_value(m, "profile_dropped", prof.dropped);
	memstats_show_value(m, "profile_buckets", prof.buckets);
	memstats_show_value(m, "profile_buckets_max", prof.max_buckets);
	memstats_show_value(m, "profile_reclaimed", prof.reclaimed);
	memstats_show_value(m, "sbrk", gom_sbrk);
	memstats_show_value(m, "sbrk_mallocs", sbrk.mallocs);
	memstats_show_value(m, "sbrk_bytes", sbrk.bytes);
	memstats_show_value(m, "efence", gom_efence);
	memstats_show_value(m, "efence_mallocs", guarded.mallocs);
	memstats_show_value(m, "efence_frees", guarded.frees);
	memstats_show_value(m, "efence_missed", guarded.missed);
	for (i = 0; i < GOM_NR_MISUSES; i++) {
		snprintf(name, sizeof(name), "misuse_%s", gom_misuse_names[i]);
		memstats_show_value(m, name, gom_misuse_count(i));
	}
	return 0;
}
GOM_EXPORT_FOR_TEST(gom_debugfs_memstats);

static int memstats_show(struct seq_file *m, void *v)
{
	return gom_debugfs_memstats(m);
}
DEFINE_SHOW_ATTRIBUTE(memstats);

/* === sizeclasses: a header, then a line for each class === */

static void *sizeclass_start(struct seq_file *m, loff_t *pos)
{
	return *pos < GOM_NR_SPAN_CLASSES ? (void *)(unsigned long)(*pos + 1) : NULL;
}

static void *sizeclass_next(struct seq_file *m, void *v, loff_t *pos)
{
	++*pos;
	return sizeclass_start(m, pos);
}

static void seq_line_stop(struct seq_file *m, void *v)
{
}

static int sizeclass_show(struct seq_file *m, void *v)
{
	unsigned int class = (unsigned long)v - 1;
	const struct gom_class *cl = &gom_classes[class];
	size_t span = (size_t)cl->npages << PAGE_SHIFT;
	struct gom_class_stats stats;

	if (!class) {
		seq_puts(m, "class   size pages objects waste%       live    mallocs      frees  cached   depot   spans       held\n");
		return 0;
	}
	gom_class_read(class, &stats);
	if (class == GOM_CLASS_TINY)
		seq_puts(m, " tiny");
	else
		seq_printf(m, "%5u", class);
	seq_printf(m, " %6u %5u %7u %3zu.%02zu %10llu %10llu %10llu %7llu %7llu %7lu %10zu\n",
		   cl->size, cl->npages, cl->nelems,
		   (span - cl->nelems * cl->size) * 100 / span,
		   (span - cl->nelems * cl->size) * 10000 / span % 100,
		   stats.mallocs - stats.frees, stats.mallocs, stats.frees, stats.cached,
		   stats.depot, stats.spans, (size_t)stats.pages << PAGE_SHIFT);
	return 0;
}

static const struct seq_operations sizeclasses_sops = {
	.start = sizeclass_start, .next = sizeclass_next, .stop = seq_line_stop,
	.show = sizeclass_show,
};
DEFINE_SEQ_ATTRIBUTE(sizeclasses);

/*
 * === mcache: a header, then for each CPU its classes in use and their sum ===
 */

static void *mcache_cpu_at(loff_t *pos)
{
	/* Position 0 is the header, position n + 1 is CPU n. */
	if (*pos > 0)
		*pos = cpumask_next(*pos - 2, cpu_possible_mask) + 1;
	return *pos <= nr_cpu_ids ? (void *)(unsigned long)(*pos + 1) : NULL;
}

static void *mcache_cpu_start(struct seq_file *m, loff_t *pos)
{
	return mcache_cpu_at(pos);
}

static void *mcache_cpu_next(struct seq_file *m, void *v, loff_t *pos)
{
	++*pos;
	return mcache_cpu_at(pos);
}

static void mcache_show_line(struct seq_file *m, int cpu, const char *class,
			     const struct gom_mcache_stats *f, u64 bytes)
{
	/* Each refill is one allocation that missed; all others were hits. */
	u64 hits = f->mallocs - min(f->refills, f->mallocs);

	seq_printf(m, "%3d %6s %12llu %12llu %12llu %8llu %8llu %6u %7u %9llu\n", cpu, class,
		   f->mallocs, f->frees, hits, f->refills, f->flushes, f->limit, f->held, bytes);
}

static int mcache_cpu_show(struct seq_file *m, void *v)
{
	struct gom_mcache_stats f, sum = { };
	int cpu = (int)(unsigned long)v - 2;
	char name[8];
	unsigned int i;
	u64 bytes = 0;

	if (cpu < 0) {
		seq_puts(m, "cpu   size      mallocs        frees         hits  refills  flushes  limit objects     bytes\n");
		return 0;
	}
	for (i = 1; i < GOM_NR_SPAN_CLASSES; i++) {
		gom_mcache_read(cpu, i, &f);
		if (!f.mallocs && !f.frees && !f.held)
			continue;
		snprintf(name, sizeof(name), i == GOM_CLASS_TINY ? "tiny" : "%u",
			 gom_classes[i].size);
		mcache_show_line(m, cpu, name, &f, (u64)f.held * gom_classes[i].size);
		sum.mallocs += f.mallocs;
		sum.frees += f.frees;
		sum.refills += f.refills;
		sum.flushes += f.flushes;
		sum.held += f.held;
		bytes += (u64)f.held * gom_classes[i].size;
	}
	mcache_show_line(m, cpu, "all", &sum, bytes);
	return 0;
}

static const struct seq_operations mcache_sops = {
	.start = mcache_cpu_start, .next = mcache_cpu_next, .stop = seq_line_stop,
	.show = mcache_cpu_show,
};
DEFINE_SEQ_ATTRIBUTE(mcache);

/* === caches: a header, then a line for each named cache === */

static int caches_show(struct seq_file *m, void *v)
{
	gom_cache_show(m);
	return 0;
}
DEFINE_SHOW_ATTRIBUTE(caches);

/* === tiny: a header, then a line for each CPU === */

static int tiny_show(struct seq_file *m, void *v)
{
	struct gom_tiny_stats f;
	int cpu;

	seq_puts(m, "cpu      mallocs        frees       undone      blocks open unused\n");
	for_each_possible_cpu(cpu) {
		gom_tiny_read(cpu, &f);
		seq_printf(m, "%3d %12llu %12llu %12llu %11llu %4u %6u\n", cpu, f.mallocs, f.frees,
			   f.undone, f.opened, f.open, f.unused);
	}
	return 0;
}
DEFINE_SHOW_ATTRIBUTE(tiny);

/* === heap: the heap profile; finalizers: a header, then a line for each === */

static int heap_show(struct seq_file *m, void *v)
{
	return gom_profile_show(m);
}
DEFINE_SHOW_ATTRIBUTE(heap);

static int finalizers_show(struct seq_file *m, void *v)
{
	gom_finalizer_show(m);
	return 0;
}
DEFINE_SHOW_ATTRIBUTE(finalizers);

/* === Attributes: the name of a module, or nothing === */

static DEFINE_MUTEX(module_names_lock);
static struct gom_client_filter leaks_module = GOM_CLIENT_FILTER_INIT(leaks_module);
static u32 leaks_seconds;

static int module_name_show(struct seq_file *m, void *v)
{
	const struct gom_client_filter *filter = m->private;

	mutex_lock(&module_names_lock);
	seq_printf(m, "%s\n", filter->name);
	mutex_unlock(&module_names_lock);
	return 0;
}

static int module_name_open(struct inode *inode, struct file *file)
{
	return single_open(file, module_name_show, inode->i_private);
}

static ssize_t module_name_write(struct file *file, const char __user *ubuf, size_t len,
				 loff_t *pos)
{
	struct gom_client_filter *filter = file_inode(file)->i_private;
	char name[MODULE_NAME_LEN + 2] = "";
	int err;

	if (len >= sizeof(name))
		return -EINVAL;
	if (copy_from_user(name, ubuf, len))
		return -EFAULT;
	mutex_lock(&module_names_lock);
	err = filter == &gom_fail_module ? gom_fail_set_module(strim(name)) :
					   gom_client_filter_set(filter, strim(name));
	mutex_unlock(&module_names_lock);
	return err ?: len;
}

static const struct file_operations module_name_fops = {
	.owner = THIS_MODULE,
	.open = module_name_open,
	.read = seq_read,
	.write = module_name_write,
	.llseek = seq_lseek,
	.release = single_release,
};

/* === leaks: a header, then live objects by stack; the list is made by open === */

static void *leaks_start(struct seq_file *m, loff_t *pos)
{
	const struct gom_leaks *leaks = *(struct gom_leaks **)m->private;

	return *pos <= leaks->n ? (void *)(unsigned long)(*pos + 1) : NULL;
}

static void *leaks_next(struct seq_file *m, void *v, loff_t *pos)
{
	++*pos;
	return leaks_start(m, pos);
}

static int leaks_show(struct seq_file *m, void *v)
{
	const struct gom_leaks *leaks = *(struct gom_leaks **)m->private;
	unsigned long line = (unsigned long)v - 1;

	if (line)
		gom_leaks_show(m, leaks, line - 1);
	else
		gom_leaks_show_header(m, leaks);
	return 0;
}

static const struct seq_operations leaks_sops = {
	.start = leaks_start, .next = leaks_next, .stop = seq_line_stop, .show = leaks_show,
};

static int leaks_open(struct inode *inode, struct file *file)
{
	struct gom_leaks **leaks = __seq_open_private(file, &leaks_sops, sizeof(*leaks));
	char name[MODULE_NAME_LEN];

	if (!leaks)
		return -ENOMEM;
	mutex_lock(&module_names_lock);
	strscpy(name, leaks_module.name, sizeof(name));
	mutex_unlock(&module_names_lock);
	*leaks = gom_leaks_collect(READ_ONCE(leaks_seconds), name, 0);
	if (*leaks)
		return 0;
	seq_release_private(inode, file);
	return -ENOMEM;
}

static int leaks_release(struct inode *inode, struct file *file)
{
	struct seq_file *m = file->private_data;

	gom_leaks_free(*(struct gom_leaks **)m->private);
	return seq_release_private(inode, file);
}

static const struct file_operations leaks_fops = {
	.owner = THIS_MODULE,
	.open = leaks_open,
	.read = seq_read,
	.llseek = seq_lseek,
	.release = leaks_release,
};

/* === lifetimes: a header, then a line for each bucket of the profile === */

/* The buckets are unlocked between two reads: a line may be missing then. */
static void *lifetimes_start(struct seq_file *m, loff_t *pos)
{
	struct gom_bucket *b;
	loff_t n = *pos;

	gom_buckets_lock();
	if (!n)
		return SEQ_START_TOKEN;
	for (b = gom_bucket_next(NULL); b && --n; b = gom_bucket_next(b))
		;
	return b;
}

static void *lifetimes_next(struct seq_file *m, void *v, loff_t *pos)
{
	++*pos;
	return gom_bucket_next(v == SEQ_START_TOKEN ? NULL : v);
}

static void lifetimes_stop(struct seq_file *m, void *v)
{
	gom_buckets_unlock();
}

static int lifetimes_show(struct seq_file *m, void *v)
{
	if (v == SEQ_START_TOKEN)
		gom_lifetimes_show_header(m);
	else
		gom_lifetimes_show(m, v);
	return 0;
}

static const struct seq_operations lifetimes_sops = {
	.start = lifetimes_start, .next = lifetimes_next, .stop = lifetimes_stop,
	.show = lifetimes_show,
};
DEFINE_SEQ_ATTRIBUTE(lifetimes);

/* === mheap === */

static void mheap_show_bins(struct seq_file *m, struct gom_mheap *h)
{
	unsigned int bin, runs;
	unsigned long pages;

	for (bin = 1; bin < GOM_HEAP_BINS; bin++) {
		runs = READ_ONCE(h->runs[bin]);
		pages = bin < GOM_HEAP_EXACT ? bin : (unsigned long)GOM_HEAP_EXACT <<
						     (bin - GOM_HEAP_EXACT);
		if (runs)
			seq_printf(m, "%8lu%s pages: %u runs\n", pages,
				   bin < GOM_HEAP_EXACT ? " " : "+", runs);
	}
}

static int mheap_show(struct seq_file *m, void *v)
{
	struct gom_mheap *h;
	int nid;

	for_each_gom_node(nid) {
		h = gom_mheaps[nid];
		if (!node_online(nid) && !READ_ONCE(h->sys_pages))
			continue;
		seq_printf(m, "node %d\n  held %lu pages, idle %lu pages\n", nid,
			   READ_ONCE(h->sys_pages), READ_ONCE(h->idle_pages));
		seq_printf(m, "  grown %llu pages in %llu steps, released %llu pages, %llu too early\n",
			   READ_ONCE(h->grown_pages), READ_ONCE(h->grows),
			   READ_ONCE(h->released_pages), READ_ONCE(h->refaults));
		seq_puts(m, "  idle runs by length:\n");
		mheap_show_bins(m, h);
	}
	return 0;
}
DEFINE_SHOW_ATTRIBUTE(mheap);

/* === persistent === */

static void persistent_show_call_sites(struct seq_file *m)
{
	struct gom_call_site who;
	unsigned int i;

	seq_puts(m, "\naccounted as        requests      bytes call site\n");
	for (i = 0; gom_persistent_read_site(i, &who); i++) {
		if (!who.requests)
			continue;
		seq_printf(m, "%-14s %10llu %10llu ", gom_stat_names[who.stat], who.requests, who.bytes);
		if (who.caller)
			seq_printf(m, "%ps\n", (void *)who.caller);
		else
			seq_puts(m, "call site not recorded\n");
	}
}

static int persistent_show(struct seq_file *m, void *v)
{
	struct gom_persistent_info info;
	char name[16];
	int cpu;

	seq_puts(m, "   cpu chunks      bytes       used     wasted\n");
	for (cpu = -2; cpu < (int)nr_cpu_ids; cpu++) {
		if (cpu >= 0 && !cpu_possible(cpu))
			continue;
		snprintf(name, sizeof(name), "%d", cpu);
		gom_persistent_info(cpu, &info);
		seq_printf(m, "%6s %6llu %10llu %10llu %10llu\n",
			   cpu == -2 ? "direct" : cpu == -1 ? "global" : name,
			   info.chunks, info.bytes, info.used, info.wasted);
	}
	persistent_show_call_sites(m);
	return 0;
}
DEFINE_SHOW_ATTRIBUTE(persistent);

/* === alloc_traces, free_traces: see objects.c === */

static int alloc_traces_show(struct seq_file *m, void *v)
{
	gom_objects_show_traces(m, GOM_DEBUG_ALLOCATED);
	return 0;
}
DEFINE_SHOW_ATTRIBUTE(alloc_traces);

static int free_traces_show(struct seq_file *m, void *v)
{
	gom_objects_show_traces(m, GOM_DEBUG_FREED);
	return 0;
}
DEFINE_SHOW_ATTRIBUTE(free_traces);

/* === fail_sites: see base/fail_site.c === */

static int fail_sites_show(struct seq_file *m, void *v)
{
	gom_fail_sites_show(m);
	return 0;
}

static int fail_sites_open(struct inode *inode, struct file *file)
{
	return single_open(file, fail_sites_show, NULL);
}

static ssize_t fail_sites_write(struct file *file, const char __user *ubuf, size_t len,
				loff_t *pos)
{
	unsigned int number = 0;
	char word[16] = "";
	int err;

	if (len >= sizeof(word))
		return -EINVAL;
	if (copy_from_user(word, ubuf, len))
		return -EFAULT;
	if (sysfs_streq(word, "none")) {
		gom_fail_sites_disable();
		return len;
	}
	if (!sysfs_streq(word, "next")) {
		err = kstrtouint(strim(word), 10, &number);
		if (err || !number)
			return err ?: -EINVAL;
	}
	err = gom_fail_site_enable(number);
	return err ?: len;
}

static const struct file_operations fail_sites_fops = {
	.owner = THIS_MODULE,
	.open = fail_sites_open,
	.read = seq_read,
	.write = fail_sites_write,
	.llseek = seq_lseek,
	.release = single_release,
};

/* === control: reading lists the commands that may be written === */

static int control_show(struct seq_file *m, void *v)
{
	seq_puts(m, "check    validate all structures; EUCLEAN, and lines in the kernel log, on errors\n"
		    "validate look for damage in and beside debugged objects (debug=); EUCLEAN as above\n"
		    "flush    flush the per-CPU caches and the depots to the heap\n"
		    "reset    reset all statistics, except those of live objects\n"
		    "scavenge return idle pages to the page allocator\n"
		    "release  flush, then scavenge\n");
	return 0;
}

static int control_open(struct inode *inode, struct file *file)
{
	return single_open(file, control_show, NULL);
}

static ssize_t control_write(struct file *file, const char __user *ubuf, size_t len, loff_t *pos)
{
	char word[16] = "";
	int wrong;

	if (len >= sizeof(word))
		return -EINVAL;
	if (copy_from_user(word, ubuf, len))
		return -EFAULT;
	if (sysfs_streq(word, "flush")) {
		gom_mcache_flush_all();
		gom_mcentral_drain();
	} else if (sysfs_streq(word, "release")) {
		gom_release_memory();
	} else if (sysfs_streq(word, "scavenge")) {
		gom_mheap_release(ULONG_MAX);
	} else if (sysfs_streq(word, "reset")) {
		gom_stats_reset();
	} else if (sysfs_streq(word, "check")) {
		wrong = gom_check();
		if (wrong)
			return wrong < 0 ? wrong : -EUCLEAN;
	} else if (sysfs_streq(word, "validate")) {
		if (gom_objects_validate())
			return -EUCLEAN;
	} else {
		return -EINVAL;
	}
	return len;
}

static const struct file_operations control_fops = {
	.owner = THIS_MODULE,
	.open = control_open,
	.read = seq_read,
	.write = control_write,
	.llseek = seq_lseek,
	.release = single_release,
};

/* Errors are ignored, as usual with debugfs: the allocator works without it. */
void gom_debugfs_init(void)
{
	root = debugfs_create_dir("gomalloc", NULL);
	debugfs_create_file("memstats", 0400, root, NULL, &memstats_fops);
	debugfs_create_file("sizeclasses", 0400, root, NULL, &sizeclasses_fops);
	debugfs_create_file("mcache", 0400, root, NULL, &mcache_fops);
	debugfs_create_file("caches", 0400, root, NULL, &caches_fops);
	debugfs_create_file("tiny", 0400, root, NULL, &tiny_fops);
	debugfs_create_file("heap", 0400, root, NULL, &heap_fops);
	debugfs_create_file("leaks", 0400, root, NULL, &leaks_fops);
	debugfs_create_file("lifetimes", 0400, root, NULL, &lifetimes_fops);
	debugfs_create_u32("leaks_seconds", 0600, root, &leaks_seconds);
	debugfs_create_file("leaks_module", 0600, root, &leaks_module, &module_name_fops);
	debugfs_create_file("finalizers", 0400, root, NULL, &finalizers_fops);
	debugfs_create_file("mheap", 0400, root, NULL, &mheap_fops);
	debugfs_create_file("persistent", 0400, root, NULL, &persistent_fops);
	debugfs_create_file("alloc_traces", 0400, root, NULL, &alloc_traces_fops);
	debugfs_create_file("free_traces", 0400, root, NULL, &free_traces_fops);
	debugfs_create_file("fail_module", 0600, root, &gom_fail_module, &module_name_fops);
	debugfs_create_file("fail_sites", 0600, root, NULL, &fail_sites_fops);
	debugfs_create_file("control", 0600, root, NULL, &control_fops);
#ifdef CONFIG_FAULT_INJECTION_DEBUG_FS
	fault_create_debugfs_attr("fail_gomalloc", root, &gom_fault);
	debugfs_create_file("fail_gomalloc_module", 0600, root, &gom_fault_module,
			    &module_name_fops);
#endif
}

void gom_debugfs_exit(void)
{
	debugfs_remove(root);
}
