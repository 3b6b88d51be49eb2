# SPDX-License-Identifier: GPL-2.0
# Two nodes whose heaps hold idle pages and whose CPUs hold free objects: reclaim
# of one node takes from that one, and from that one alone.

. /verdict.sh

megabytes=64
pages=$((megabytes * 256))

# idle_on CPU: the heap of its node has so much that no object needs.
idle_on() {
	on $1 torture live $((megabytes * 1024))
	on $1 torture free
}

# What is taken of a node wakes its reclaim; blocks of the machine have no part in it.
reclaim() {
	torture fill $1
	torture unfill
}

# taken NODE, kept NODE: did most of its pages go, or stay?
taken() {
	echo "$1: node $2 holds $(held $2) pages"
	[ "$(held $2)" -lt $((pages / 8)) ] || fail "$1 did not take what node $2 holds idle"
}

kept() {
	echo "$1: node $2 holds $(held $2) pages"
	[ "$(held $2)" -ge $((pages * 7 / 8)) ] || fail "$1 took what node $2 holds"
}

insmod gomalloc.ko
echo 0 > /sys/module/gomalloc/parameters/scavenge_ms
insmod gomalloc_torture.ko
for node in 0 1; do
	other=$((1 - node))
	idle_on 0
	idle_on 2
	kept "nobody" 0
	kept "nobody" 1
	reclaim $node
	taken "reclaim of node $node" $node
	kept "reclaim of node $node" $other
done

# All nodes, by request; the caches of CPUs are emptied as well.
idle_on 2
[ "$(cached 2)" -gt 0 ] || fail "CPU 2 has no object"
echo 2 > /proc/sys/vm/drop_caches
taken drop_caches 1
[ "$(cached 2)" = 0 ] || fail "CPU 2 has $(cached 2) objects after drop_caches"
rmmod gomalloc_torture
unload
