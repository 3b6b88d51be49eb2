# SPDX-License-Identifier: GPL-2.0
# A node with CPUs and no memory, which gets memory while gomalloc is loaded.
# Its CPUs allocate from node 0 before, and from their own node afterwards.
# They allocate as the CPUs of node 0 do: the heap grows by blocks, not by
# pages, and their magazines enter the depot.

. /verdict.sh

nodes=/sys/devices/system/node

# with_memory NODES: fail unless these nodes have memory, for the kernel.
with_memory() {
	[ "$(cat $nodes/has_memory)" = $1 ] || fail "nodes with memory: $(cat $nodes/has_memory)"
}

# node_1_memory STATE: set the state of all memory of node 1.
node_1_memory() {
	for state in $nodes/node1/memory*/state; do
		echo $1 > $state
	done
}

# metadata CPU: number and bytes of its chunks of metadata.
metadata() {
	awk -v cpu="$1" '$1 == cpu { print $2, $3 }' $gomalloc/persistent
}

# grown NODE: pages and steps that its heap has grown by.
grown() {
	awk -v nid="$1" '/^node/ { node = $2 } /grown/ && node == nid { print $2, $5 }' \
		$gomalloc/mheap
}

# like_others CPU NODE: allocate objects of 1 KiB on that CPU; its memory must
# come from NODE.
like_others() {
	echo release > $gomalloc/control
	metadata_before=$(metadata $1)
	before=$(grown $2)
	on $1 torture same 8192
	after=$(grown $2)
	on $1 torture free
	depot=$(awk '$2 == 1024 { print $10 }' $gomalloc/sizeclasses)
	set -- $1 $2 $before $after $metadata_before $(metadata $1)
	pages=$(($5 - $3))
	steps=$(($6 - $4))
	chunks=$(($9 - $7))
	bytes=$((${10} - $8))
	echo "8 MiB on CPU $1: node $2 grew by $pages pages in $steps steps," \
		"$depot objects are in depots, $chunks chunks of metadata were added, of $bytes bytes"
	[ $pages -ge 1900 ] || fail "node $2 did not give them"
	[ $steps -le $((pages / 16)) ] || fail "node $2 grew by less than 16 pages at a time"
	[ $depot -gt 0 ] || fail "no magazine of CPU $1 entered a depot"
	[ $bytes -ge $((chunks * 16384)) ] || fail "less than 16 KiB of metadata at a time"
}

with_memory 0
insmod gomalloc.ko
insmod gomalloc_torture.ko
for cpu in 0 1 2 3; do
	on $cpu torture live 4096
	on $cpu torture free
	on $cpu torture cache 2
done
torture without-memory 1
[ "$(cat $nodes/possible)" = 0-2 ] && [ "$(cat $nodes/online)" = 0-1 ] ||
	fail "nodes online: $(cat $nodes/online), of $(cat $nodes/possible)"
torture without-memory 2
shown=$(awk '/^node/ { printf "%s ", $2 }' $gomalloc/mheap)
[ "$shown" = "0 1 " ] || fail "nodes in mheap: $shown"
echo "node 2 is offline: its memory was not requested, which would have logged a trace"
like_others 0 0
like_others 2 0
rmmod gomalloc_torture
insmod gomalloc_bench.ko workload=smoke seconds=3
rmmod gomalloc_bench
echo "$(nproc) CPUs allocated, nodes with CPUs: $(cat $nodes/has_cpu), with memory: $(cat $nodes/has_memory)"

echo offline > /sys/devices/system/memory/auto_online_blocks
echo "host: plug 256 1"
plugged 200000 online_movable
with_memory 0-1
insmod gomalloc_torture.ko
echo "node 1 has only movable memory, which gomalloc cannot use"
like_others 2 0
node_1_memory offline
with_memory 0
like_others 2 0
node_1_memory online_kernel
with_memory 0-1
before=$(held 0)
megabytes=32
on 2 torture live $((megabytes * 1024))
grown=$(($(held 0) - before))
echo "$megabytes MiB on CPU 2: node 1 has memory now and gave $(held 1) pages, node 0 $grown"
[ "$(held 1)" -ge $((megabytes * 256)) ] || fail "node 1 did not give all of it"
[ $grown -eq 0 ] || fail "node 0 gave some"
torture free
like_others 2 1
rmmod gomalloc_torture
unload
