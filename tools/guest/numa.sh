# SPDX-License-Identifier: GPL-2.0
# Several nodes: memory comes from the requested node, also through the drop-in's
# functions, and returns to it.  The workloads "numa-..." of the benchmark module
# check that; insmod fails if not.  smoke.py sets NODES.

. /verdict.sh
heaps=/sys/kernel/debug/gomalloc/mheap

insmod gomalloc.ko || exit
found=$(grep -c "^node" $heaps || :)
if [ "$found" != "$NODES" ]; then
	echo "debugfs shows $found nodes, not $NODES"
	exit 1
fi
for workload in numa-place numa-over numa-strict numa-home; do
	insmod gomalloc_bench.ko workload=$workload || exit
	rmmod gomalloc_bench || exit
done

# A live set has 1024 pages.  If pages freed on another node stayed there, each
# of 16 rounds and each pair of nodes would need new ones.
awk '
	/^node/ { node = $2 }
	/held/ {
		print "node " node " holds " $2 " pages after live sets of 1024 pages were freed on other nodes"
		if ($2 > 3 * 1024)
			bad = 1
	}
	END { exit bad }' $heaps || exit
dmesg | grep "gomalloc_bench: numa: .* each node: passed$"
unload
