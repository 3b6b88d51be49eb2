# SPDX-License-Identifier: GPL-2.0
# rmmod while something goes on that knows of the module: events that are enabled
# or cached, parameters that are written, the kernel that wants memory back.

. /verdict.sh

tracing=/sys/kernel/tracing
parameters=/sys/module/gomalloc/parameters
cycles=8

mount -t tracefs none $tracing || exit
echo 1024 > $tracing/buffer_size_kb

load() {
	insmod gomalloc.ko || exit
	insmod gomalloc_torture.ko || exit
	torture live 8192
	torture free
	rmmod gomalloc_torture || exit
}

# Somebody still listens.
insmod gomalloc.ko || exit
echo 1 > $tracing/events/gomalloc/enable || exit
insmod gomalloc_torture.ko || exit
torture live 1024
torture free
rmmod gomalloc_torture || exit
unload
echo "unloaded with its events enabled"

# Somebody wants to listen as soon as the module is there: since 6.15 tracefs remembers.
if echo ":mod:gomalloc" > $tracing/set_event 2> /dev/null && grep -q "mod:gomalloc" $tracing/set_event; then
	load
	[ "$(cat $tracing/events/gomalloc/gom_malloc/enable)" = 1 ] || fail "events of :mod:gomalloc are not enabled"
	unload
	echo "unloaded with its events enabled before it was loaded"
else
	echo "this kernel's tracefs does not remember events of modules that are not there"
fi
echo > $tracing/set_event

# Parameters that are written until the last moment.
while :; do
	for ms in 0 1 1000; do
		echo $ms > $parameters/scavenge_ms
	done
done 2> /dev/null &
writer=$!
for cycle in $(seq $cycles); do
	load
	rmmod gomalloc || exit
done
kill $writer
echo "unloaded $cycles times while scavenge_ms was written"

# The kernel looks for memory: by request, and as a file system takes it.
echo 4 > /proc/sys/vm/drop_caches		# no line in the log for each from here on
while :; do
	echo 2 > /proc/sys/vm/drop_caches
done &
dropper=$!
while :; do
	dd if=/dev/zero of=/tmp/hog bs=1M count=200 2> /dev/null
	rm /tmp/hog
done &
hog=$!
for cycle in $(seq $cycles); do
	load
	unload
done
kill $dropper $hog
echo "unloaded $cycles times while memory was asked back"
