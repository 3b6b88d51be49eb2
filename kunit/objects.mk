# SPDX-License-Identifier: GPL-2.0
# What gomalloc_kunit.ko is made of; the top-level Kbuild includes this.
gomalloc_kunit-y := $(addprefix kunit/, \
	main.o log.o \
	$(addprefix base/, sizeclass_test.o persistent_test.o pages_test.o node_test.o client_test.o) \
	$(addprefix heap/, mheap_test.o span_test.o pagemap_test.o large_test.o scavenger_test.o) \
	$(addprefix special/, profile_test.o) \
	$(addprefix percpu/, mcache_test.o mcache_debug_test.o tiny_test.o shrinker_test.o) \
	$(addprefix api/, bulk_test.o cache_test.o context_test.o efence_test.o finalizer_test.o \
		free_rcu_test.o malloc_test.o misuse_test.o nolock_test.o object_debug_test.o prefill_test.o \
		realloc_test.o sbrk_test.o zero_test.o) \
	$(addprefix slab/, kernel_side.o kmalloc_test.o kfree_test.o kmem_cache_test.o) \
	$(addprefix debug/, check_test.o stats_test.o trace_test.o leaks_test.o fail_test.o kasan_test.o))
