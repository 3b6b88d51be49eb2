# SPDX-License-Identifier: GPL-2.0
# A node with CPUs and no memory, which gets some while gomalloc is loaded: what
# its CPUs allocate comes from node 0 before, and from itself from then on.

. /verdict.sh

nodes=/sys/devices/system/node

[ "$(cat $nodes/has_memory)" = 0 ] || fail "nodes with memory: $(cat $nodes/has_memory)"
insmod gomalloc.ko
insmod gomalloc_torture.ko
for cpu in 0 1 2 3; do
	on $cpu torture live 4096
	on $cpu torture free
	on $cpu torture cache 2
done
rmmod gomalloc_torture
insmod gomalloc_bench.ko workload=smoke seconds=3
rmmod gomalloc_bench
echo "$(nproc) CPUs allocated, nodes with CPUs: $(cat $nodes/has_cpu), with memory: $(cat $nodes/has_memory)"

echo "host: plug 256 1"
plugged 200000
[ "$(cat $nodes/has_memory)" = 0-1 ] || fail "nodes with memory: $(cat $nodes/has_memory)"
insmod gomalloc_torture.ko
before=$(held 0)
megabytes=32
on 2 torture live $((megabytes * 1024))
grown=$(($(held 0) - before))
echo "$megabytes MiB on CPU 2: node 1 has memory now and gave $(held 1) pages, node 0 $grown"
[ "$(held 1)" -ge $((megabytes * 256)) ] || fail "node 1 did not give all of it"
[ $grown -eq 0 ] || fail "node 0 gave some"
torture free
rmmod gomalloc_torture
unload
