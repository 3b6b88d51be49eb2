# SPDX-License-Identifier: GPL-2.0
# A cache is created in a CPU hotplug callback, which may not wait for the hotplug
# lock: first where it could reuse the class of a destroyed cache, then while
# other tasks do what takes that lock.  Then trace events are enabled while the
# cache of an offline CPU is flushed: that CPU must have them when it is online.

. /verdict.sh

limit=20
times=30
tracing=/sys/kernel/tracing

# off_on TIMES: take CPU 1 offline and online.
off_on() {
	for time in $(seq $1); do
		echo 0 > /sys/devices/system/cpu/cpu1/online
		echo 1 > /sys/devices/system/cpu/cpu1/online
	done
}

for_ever() {
	while :; do
		echo reset > $gomalloc/control
		echo flush > $gomalloc/control
		echo 4096 > /sys/module/gomalloc/parameters/memprofilerate
	done
}

create_for_ever() {
	while :; do
		torture cache 1
	done
}

insmod gomalloc.ko
insmod gomalloc_torture.ko
expect_reports
torture hotplug 1
expect_no_reports
within $limit off_on 1
echo reset > $gomalloc/control
for_ever &
resets=$!
create_for_ever &
creates=$!
within $limit off_on 20
kill $resets $creates
wait $resets $creates || :
caches=$(grep -c torture_cpu $gomalloc/caches) || fail "the callback created no cache"
echo "$caches caches were created while CPU 1 came online"
torture hotplug 0

flush_for_ever() {
	while :; do
		echo flush > $gomalloc/control
	done
}

# Without the names of tasks: to record them the scheduler's code is patched each
# time, and once QEMU, emulating several CPUs, ran into a stale breakpoint.
mount -t tracefs none $tracing
echo 0 > $tracing/options/record-cmd
flush_for_ever &
flushes=$!
missed=0
for time in $(seq $times); do
	echo 0 > /sys/devices/system/cpu/cpu1/online
	echo 1 > $tracing/events/gomalloc/gom_malloc/enable
	echo 1 > /sys/devices/system/cpu/cpu1/online
	on 1 torture same 64
	# The slow path traces in any case; the other objects show the mode.
	traced=$(grep -c "\[001\].* gom_malloc: " $tracing/trace) || :
	[ $traced -ge 64 ] || missed=$((missed + 1))
	echo 0 > $tracing/events/gomalloc/gom_malloc/enable
	echo > $tracing/trace
done
kill $flushes
wait $flushes || :
torture free
echo "CPU 1 came online $times times with events enabled, and missed them $missed times"
[ $missed = 0 ] || fail "CPU 1 did not trace"
rmmod gomalloc_torture
unload
