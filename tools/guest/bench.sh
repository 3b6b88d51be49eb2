# SPDX-License-Identifier: GPL-2.0
# Run the benchmark and print its results.  PARAMETERS and SBRK_PARAMETERS
# are set before by bench.py.

sleep 2		# right after boot other tasks share the CPUs: let them finish
# Without the heap profile, which SLUB does not have either; heap-profile.rst says what it costs.
insmod gomalloc.ko memprofilerate=0 || exit
insmod gomalloc_bench.ko $PARAMETERS || exit
echo "# cmdline $(cat /proc/cmdline); gomalloc.ko memprofilerate=0"
cat /sys/kernel/debug/gomalloc_bench/results || exit
rmmod gomalloc_bench && rmmod gomalloc || exit

# The same loops where nothing is ever freed: few, as memory is finite.
[ "$SBRK_PARAMETERS" ] || exit 0
insmod gomalloc.ko sbrk=1 || exit
insmod gomalloc_bench.ko $SBRK_PARAMETERS || exit
echo "# sbrk"
cat /sys/kernel/debug/gomalloc_bench/results || exit
rmmod gomalloc_bench && rmmod gomalloc
