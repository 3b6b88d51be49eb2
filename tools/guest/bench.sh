# SPDX-License-Identifier: GPL-2.0
# Run the benchmark and print its results.  PARAMETERS is put in by bench.py.

sleep 2		# right after boot other tasks share the CPUs: let them finish
insmod gomalloc.ko || exit
insmod gomalloc_bench.ko $PARAMETERS || exit
echo "# cmdline $(cat /proc/cmdline)"
cat /sys/kernel/debug/gomalloc_bench/results || exit
rmmod gomalloc_bench && rmmod gomalloc
