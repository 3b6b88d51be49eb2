# SPDX-License-Identifier: GPL-2.0
# Two nodes whose heaps hold idle pages and whose CPUs cache objects: reclaim of
# one node releases memory of that node only.

. /verdict.sh

megabytes=64
pages=$((megabytes * 256))

# idle_on CPU: make so much memory idle in the heap of its node.
idle_on() {
	on $1 torture live $((megabytes * 1024))
	on $1 torture free
}

# reclaim NODE: taking all its pages wakes its kswapd.
reclaim() {
	torture fill $1
	torture unfill
}

# taken WHO NODE, kept WHO NODE: most of its pages were released, or held.
taken() {
	echo "$1: node $2 holds $(held $2) pages"
	[ "$(held $2)" -lt $((pages / 8)) ] || fail "$1 did not release the idle pages of node $2"
}

kept() {
	echo "$1: node $2 holds $(held $2) pages"
	[ "$(held $2)" -ge $((pages * 7 / 8)) ] || fail "$1 released pages of node $2"
}

insmod gomalloc.ko
echo 0 > /sys/module/gomalloc/parameters/scavenge_ms
insmod gomalloc_torture.ko
for node in 0 1; do
	other=$((1 - node))
	idle_on 0
	idle_on 2
	kept "no reclaim" 0
	kept "no reclaim" 1
	reclaim $node
	taken "reclaim of node $node" $node
	kept "reclaim of node $node" $other
done

# drop_caches releases memory of all nodes, and flushes the CPUs.
idle_on 2
[ "$(cached 2)" -gt 0 ] || fail "CPU 2 has no cached object"
echo 2 > /proc/sys/vm/drop_caches
taken drop_caches 1
[ "$(cached 2)" = 0 ] || fail "CPU 2 has $(cached 2) cached objects after drop_caches"
rmmod gomalloc_torture
unload
