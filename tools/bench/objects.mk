# SPDX-License-Identifier: GPL-2.0
# What gomalloc_bench.ko is made of; the top-level Kbuild includes this.
gomalloc_bench-y := $(addprefix tools/bench/, \
	main.o plan.o clock.o comparison.o results.o floor.o workers.o \
	pair.o const.o null.o over.o over_slub.o over_gomalloc.o over_headers.o batch.o mixed.o fresh.o bulk.o remote.o parallel.o held.o \
	churn.o scale.o cache.o rcu.o noscan.o json.o persistent.o \
	numa.o numa_over.o efence.o hold.o cpus.o offtimes.o soak.o smoke.o smoke_object.o smoke_probe.o)
