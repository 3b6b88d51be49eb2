# SPDX-License-Identifier: GPL-2.0
# What gomalloc_kunit.ko is made of; the top-level Kbuild includes this.
gomalloc_kunit-y := $(addprefix kunit/, \
	main.o console.o \
	sizeclass_test.o pages_test.o pagemap_test.o span_test.o mcache_test.o tiny_test.o cache_test.o reserve_test.o large_test.o \
	realloc_test.o zero_test.o bulk_test.o misuse_test.o context_test.o \
	shrinker_test.o persistent_test.o sbrk_test.o lifetime_test.o finalizer_test.o profile_test.o trace_test.o check_test.o scavenger_test.o efence_test.o stats_test.o)
