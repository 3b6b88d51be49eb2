# SPDX-License-Identifier: GPL-2.0
# What gomalloc.ko is made of, layer by layer; the top-level Kbuild includes this.
gomalloc-y := $(addprefix gomalloc/, \
	module.o \
	$(addprefix api/, malloc.o bulk.o realloc.o cache.o cache_alloc.o object_debug.o object_report.o \
		malloc_debug.o prefill.o nolock.o \
		free_rcu.o finalizer.o sbrk.o efence.o) \
	$(addprefix slab/, kmalloc.o kfree.o kmem_cache.o probe.o) \
	$(addprefix percpu/, mcache.o mcache_stats.o mcache_debug.o modes.o cpu_call.o tiny.o class_stats.o \
		shrinker.o) \
	$(addprefix special/, special.o profile.o bucket.o profile_text.o freed_text.o) \
	$(addprefix central/, mcentral.o magazine.o) \
	$(addprefix heap/, mheap.o span.o pagemap.o large.o scavenger.o) \
	$(addprefix base/, sizeclass.o class.o debug_flags.o shadow.o mode.o accounting.o node.o persistent.o fixalloc.o \
		work.o pages.o random.o report.o fault.o client.o fail_site.o) \
	$(addprefix debug/, check.o stats.o debugfs.o trace.o leaks.o lifetimes.o objects.o kasan.o fail.o))

# These access memory that KASAN must report to all others.
$(foreach o,base/shadow api/object_debug api/object_report debug/objects,\
	$(eval KASAN_SANITIZE_gomalloc/$(o).o := n))
