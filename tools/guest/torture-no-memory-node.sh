# SPDX-License-Identifier: GPL-2.0
# A node with CPUs and no memory.

. /verdict.sh

[ "$(cat /sys/devices/system/node/has_memory)" = 0 ] || fail "nodes with memory: $(cat /sys/devices/system/node/has_memory)"
insmod gomalloc.ko || exit
insmod gomalloc_torture.ko || exit
for mask in 1 2 4 8; do
	taskset $mask sh -c ". /verdict.sh; torture live 4096; torture free; torture cache 2" || exit
done
rmmod gomalloc_torture || exit
insmod gomalloc_bench.ko workload=smoke seconds=3 || exit
rmmod gomalloc_bench || exit
unload
echo "$(nproc) CPUs allocated, nodes with CPUs: $(cat /sys/devices/system/node/has_cpu), with memory: $(cat /sys/devices/system/node/has_memory 2> /dev/null)"
