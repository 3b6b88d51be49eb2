# SPDX-License-Identifier: GPL-2.0
# Concurrent load with a sample of the heap profile for each 4 KiB: tasks,
# timers, frees after a grace period and calls that never wait, the last two
# also in hardirq timers.

. /verdict.sh

cpus=$(seq 0 $(($(nproc) - 1)))

# The first sample of a CPU is special: reload the module for more of them.
for time in 1 2 3; do
	insmod gomalloc.ko memprofilerate=4096 || exit
	insmod gomalloc_torture.ko || exit
	torture random 1
	for cpu in $cpus; do
		on $cpu torture live 256
		on $cpu torture free
	done
	rmmod gomalloc_torture || exit
	unload
done
echo "first samples on $(nproc) CPUs while other tasks draw random numbers"

insmod gomalloc.ko memprofilerate=4096 || exit
insmod gomalloc_torture.ko || exit
torture timer 1
insmod gomalloc_bench.ko workload=smoke seconds=10 &
load=$!
for cpu in $cpus; do
	on $cpu torture rcu 2
done
wait $load || exit
torture timer 0
dmesg | grep "gomalloc_torture: timer:"
echo "$(awk '$1 == "profile_samples" { print $2 }' $gomalloc/memstats) samples on $(nproc) CPUs"
cat $gomalloc/heap > /dev/null || exit
rmmod gomalloc_bench gomalloc_torture || exit
unload
