# SPDX-License-Identifier: GPL-2.0
# Tasks are switched while all CPUs allocate and free, and each switch does so
# too, with the lock of the run queue held.  Without a per-CPU cache the calls
# reach the lock of mcentral, which is contended.

. /verdict.sh

for cache in 0 2048; do
	insmod gomalloc.ko mcache_kb=$cache || exit
	insmod gomalloc_torture.ko || exit
	torture sched 1
	insmod gomalloc_bench.ko workload=smoke seconds=4 || exit
	torture sched 0
	dmesg | grep "gomalloc_torture: sched:" | tail -n 1
	rmmod gomalloc_bench gomalloc_torture || exit
	unload
done
