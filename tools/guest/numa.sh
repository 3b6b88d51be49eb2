# SPDX-License-Identifier: GPL-2.0
# Several nodes: memory comes from the node that was asked for and goes home to
# it (workloads "numa-..." of the benchmark module, whose insmod fails when it
# does not).  NODES is set before by numa.py.

. /verdict.sh
heaps=/sys/kernel/debug/gomalloc/mheap

insmod gomalloc.ko || exit
found=$(grep -c "^node" $heaps || :)
if [ "$found" != "$NODES" ]; then
	echo "debugfs shows $found nodes, not $NODES"
	exit 1
fi
for workload in numa-place numa-strict numa-home; do
	insmod gomalloc_bench.ko workload=$workload || exit
	rmmod gomalloc_bench || exit
done

# A live set has 1024 pages.  If those freed on another node stayed there, each of
# 16 rounds and each pair of nodes would have needed new ones.
awk '
	/^node/ { node = $2 }
	/held/ {
		print "node " node " holds " $2 " pages after the sets of 1024 that went from node to node"
		if ($2 > 3 * 1024)
			bad = 1
	}
	END { exit bad }' $heaps || exit
unload
