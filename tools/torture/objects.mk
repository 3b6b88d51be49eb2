# SPDX-License-Identifier: GPL-2.0
# What gomalloc_torture.ko, gomalloc_torture_disk.ko and gomalloc_leaky.ko are made
# of; the top-level Kbuild includes this.
gomalloc_torture-y := $(addprefix tools/torture/, main.o load.o pages.o fragments.o fifo.o defer.o \
	nolock.o nolock_head.o handle.o nmi.o timer.o sched.o hotplug.o random.o rcu.o \
	transfer.o)
gomalloc_torture_disk-y := tools/torture/disk.o
gomalloc_leaky-y := tools/torture/leaky.o
