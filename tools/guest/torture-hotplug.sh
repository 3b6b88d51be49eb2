# SPDX-License-Identifier: GPL-2.0
# A cache is created in a CPU hotplug callback, which may not wait for the hotplug
# lock: first where it could reuse the class of a destroyed cache, then while
# other tasks do what takes that lock.

. /verdict.sh

limit=20

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
rmmod gomalloc_torture
unload
