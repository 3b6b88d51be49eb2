# SPDX-License-Identifier: GPL-2.0
# Tools for developers, on a stock kernel: heap profile, tracepoints,
# consistency check, release of idle memory, guard pages.

. /verdict.sh
files=$gomalloc
parameters=/sys/module/gomalloc/parameters
tracing=/sys/kernel/tracing
megabyte=$((1024 * 1024))

free_kb() {
	awk '$1 == "MemFree:" { print $2 }' /proc/meminfo
}

# MemFree does not include the page allocator's per-CPU lists: make them short.
echo 100000 > /proc/sys/vm/percpu_pagelist_high_fraction || exit

# wait_for_free KB: wait until so much is free, but for 1%; sets $after.
wait_for_free() {
	for second in 1 2 3; do
		after=$(free_kb)
		[ $((after + $1 / 100)) -ge "$1" ] && return
		sleep 1
	done
	fail "$1 kB were free before, but only $after kB are free again"
}

insmod gomalloc.ko memprofilerate=4096 || exit
mount -t tracefs none $tracing || exit

# Every event is traced; those of objects only while they are enabled.
echo 16384 > $tracing/buffer_size_kb
echo 1 > $tracing/events/gomalloc/enable || exit
insmod gomalloc_bench.ko workload=mixed rounds=2 iters=1000 > /dev/null || exit
echo flush > $files/control
echo scavenge > $files/control
echo 0 > $tracing/events/gomalloc/enable
for event in malloc free refill flush span_alloc span_free heap_grow heap_release; do
	n=$(grep -c " gom_$event: " $tracing/trace) || fail "no gom_$event was traced"
	echo "traced: $n gom_$event"
done
grep -m 1 " gom_malloc: " $tracing/trace
echo > $tracing/trace

# Its heap profile, while the names of the callers are known; then another rate.
echo "PROFILE BEGINS"
cat $files/heap || exit
echo "PROFILE ENDS"
rmmod gomalloc_bench
echo 2000000000 2> /dev/null > $parameters/memprofilerate &&
	fail "memprofilerate accepted 2000000000"
echo 1 > $parameters/memprofilerate || exit
before=$(value profile_samples)
insmod gomalloc_bench.ko workload=pair size=64 rounds=1 iters=100 > /dev/null || exit
rmmod gomalloc_bench
after=$(value profile_samples)
[ $((after - before)) -ge 100 ] ||
	fail "with memprofilerate=1 there were only $((after - before)) samples of 100 objects"
echo "sampled: $((after - before)) with memprofilerate=1"
echo 0 > $parameters/memprofilerate || exit

# The scavenger releases 256 MiB that were used and freed.
echo 200 > $parameters/scavenge_ms
echo 4194304 > $parameters/scavenge_kb
echo release > $files/control
before=$(free_kb)
insmod gomalloc_bench.ko workload=hold || exit
rmmod gomalloc_bench
peak=$(value heap_sys)
for second in 1 2 3 4 5 6 7 8 9 10; do
	sleep 1
	[ "$(value heap_idle)" -lt $((2 * megabyte)) ] && break
done
held=$(value heap_sys)
echo "scavenger: $((peak / megabyte)) MiB held at most, $((held / megabyte)) MiB after $second s"
wait_for_free "$before"
echo "MemFree $before kB before, $after kB after"

# Without the scavenger they are held until the kernel reclaims memory.
echo 0 > $parameters/scavenge_ms
insmod gomalloc_bench.ko workload=hold || exit
rmmod gomalloc_bench
sleep 1
idle=$(value heap_idle)
[ "$idle" -gt $((100 * megabyte)) ] || fail "only $idle bytes are idle, not 100 MiB"
echo 2 > /proc/sys/vm/drop_caches
left=$(value heap_idle)
wait_for_free "$before"
echo "pressure: $((idle / megabyte)) MiB idle before, $((left / megabyte)) MiB after, MemFree $after kB"

# control accepts the words that it shows, and no others.
sound		# before the counters are reset
echo reset > $files/control || exit
[ "$(value heap_released)" = 0 ] || fail "reset left heap_released at $(value heap_released)"
echo nonsense 2> /dev/null > $files/control && fail "control accepted nonsense"
for word in check flush reset scavenge release; do
	grep -q "^$word " $files/control || fail "control does not show the word $word"
done
unload

# One module: guard pages for its objects alone, changed while it is loaded.
leaky=/sys/module/gomalloc_leaky/parameters/run
insmod gomalloc.ko efence=1 || exit
insmod gomalloc_bench.ko workload=efence || exit
dmesg | grep "gomalloc_bench: efence:"
rmmod gomalloc_bench || exit
insmod gomalloc_leaky.ko || exit
for name in gomalloc-leaky another; do
	echo $name > $parameters/efence_module
	echo "efence_module=$name: an overrun $(cat $leaky)"
done > /tmp/efence
cat /tmp/efence
grep -q "leaky: an overrun faults" /tmp/efence || fail "the overrun was not seen"
grep -q "another: an overrun reads" /tmp/efence || fail "another module was guarded"
rmmod gomalloc_leaky || exit
unload

# Each of its call sites fails once.  The second failure leaks an object, and the
# fourth ends in a wrong free, which gomalloc reports.
expect_reports
insmod gomalloc.ko || exit
insmod gomalloc_leaky.ko || exit
gomfail gomalloc-leaky sh -c "echo 1 > $leaky" > /tmp/sites && fail "gomfail found nothing"
cat /tmp/sites
for line in "2  failed  *leaky_buffer+" "2  LEFT 1  *leaky_node+" "2  survived  *leaky_hint+" \
	    "3  COMPLAINED  *leaky_spare+" "1  not reached  *leaky_first+" \
	    "gomalloc: free of .*, where no object begins, called from run_set+"; do
	grep -q "$line" /tmp/sites || fail "gomfail did not print: $line"
done
rmmod gomalloc_leaky gomalloc || exit
expect_no_reports

# What it leaks, its init function included, while it is loaded and on unload.
insmod gomalloc.ko memprofilerate=1 || exit
insmod gomalloc_leaky.ko leaks=1 || exit
echo 1 > $leaky
echo 1 > $leaky
echo gomalloc-leaky > $files/leaks_module
cat $files/leaks > /tmp/leaks
head -n 8 /tmp/leaks
grep -q "^5 objects, 2000 bytes, .* in 2 stacks, of module gomalloc_leaky" /tmp/leaks ||
	fail "debugfs leaks does not have the 5 objects"
grep -q "^    leaky_init+.* .gomalloc_leaky.$" /tmp/leaks || fail "the init function has no name"
echo 1 > $files/leaks_seconds
[ "$(sed -n "1s/ .*//p" $files/leaks)" -le 5 ] || exit
expect_reports
rmmod gomalloc_leaky || exit
dmesg | grep -A 40 "gomalloc_leaky left" | grep "gomalloc: " > /tmp/left
head -n 8 /tmp/left
grep -q "gomalloc_leaky left 5 objects, 2000 bytes, usable 2[0-9]*, in 2 stacks when" /tmp/left ||
	fail "the unload did not report the 5 objects"
for line in "3 objects, 1800 bytes, .* cache leaky_node, " "leaky_init+" "leaky_buffer+"; do
	grep -q "gomalloc:   .*$line" /tmp/left || fail "the report does not have: $line"
done
grep -q "leaky_buffer .gomalloc_leaky.$" $files/heap || fail "the profile has no name any more"
rmmod gomalloc || exit
expect_no_reports
