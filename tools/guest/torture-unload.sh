# SPDX-License-Identifier: GPL-2.0
# rmmod while the module is in use from outside: its trace events are enabled,
# its parameters are written, the kernel reclaims memory.

. /verdict.sh

tracing=/sys/kernel/tracing
parameters=/sys/module/gomalloc/parameters
cycles=8
slow_cycles=4

mount -t tracefs none $tracing
echo 1024 > $tracing/buffer_size_kb

# load [COMMAND]: load the module and use 8 MiB.
load() {
	insmod gomalloc.ko
	insmod gomalloc_torture.ko
	torture ${1:-live} 8192
	torture free
	rmmod gomalloc_torture
}

# Trace events are still enabled.
insmod gomalloc.ko
echo 1 > $tracing/events/gomalloc/enable
insmod gomalloc_torture.ko
torture live 1024
torture free
rmmod gomalloc_torture
unload
echo "unloaded with its events enabled"

# Since 6.15 tracefs can enable events of a module before it is loaded.
if at_least 6 15; then
	echo ":mod:gomalloc" > $tracing/set_event
	grep -q "mod:gomalloc" $tracing/set_event || fail "tracefs did not store :mod:gomalloc"
	load
	[ "$(cat $tracing/events/gomalloc/gom_malloc/enable)" = 1 ] ||
		fail "events of :mod:gomalloc are not enabled"
	unload
	echo "unloaded with its events enabled before it was loaded"
	echo > $tracing/set_event
else
	echo "this kernel cannot enable events of a module before it is loaded"
fi

# A parameter is written all the time.  A write counts if it succeeded after the
# unloading had begun.
write_for_ever() {
	count=0
	while :; do
		for ms in 0 1 1000; do
			state=
			read -r state < /sys/module/gomalloc/initstate || :
			echo $ms > $parameters/scavenge_ms || continue
			[ "$state" != going ] || count=$((count + 1))
			echo $count > /tmp/writes
		done
	done
}

echo 0 > /tmp/writes
write_for_ever 2> /dev/null &
writer=$!
for cycle in $(seq $cycles); do
	load
	unload
done
kill $writer
echo "unloaded $cycles times while scavenge_ms was written, $(cat /tmp/writes) times during rmmod"
[ "$(cat /tmp/writes)" -gt 0 ] || fail "no write succeeded during rmmod"

# reclaimed: pages that the kernel has reclaimed.
reclaimed() {
	awk '/^pgsteal_(kswapd|direct) / { n += $2 } END { print n }' /proc/vmstat
}

# The kernel reclaims memory: by drop_caches, and for the page cache.
insmod gomalloc_torture_disk.ko
echo 4 > /proc/sys/vm/drop_caches		# do not log each of the writes below
while :; do
	echo 2 > /proc/sys/vm/drop_caches
done &
dropper=$!
dd if=/dev/gom_zeros of=/dev/null bs=1M 2> /dev/null &
reader=$!
for second in $(seq 20); do
	[ "$(reclaimed)" = 0 ] || break
	sleep 1
done
# Small objects, as large blocks may fail under memory pressure.
least=
for cycle in $(seq $slow_cycles); do
	before=$(reclaimed)
	load same
	unload
	pages=$(($(reclaimed) - before))
	[ "$least" ] && [ $least -le $pages ] || least=$pages
done
kill $dropper $reader
echo "unloaded $slow_cycles times during reclaim of at least $least pages each time"
[ $least -gt 0 ] || fail "no page was reclaimed during rmmod"
wait $reader || :
rmmod gomalloc_torture_disk
