# SPDX-License-Identifier: GPL-2.0
# Memory that is plugged in while gomalloc is loaded: above 4 GiB, so that the
# kernel takes its pages first.  The runner plugs it in when it is told to.

. /verdict.sh

total_kb() {
	awk '$1 == "MemTotal:" { print $2 }' /proc/meminfo
}

insmod gomalloc.ko || exit
insmod gomalloc_torture.ko || exit
torture live 4096
before=$(total_kb)
echo "host: plug 512"
for second in $(seq 20); do
	for state in /sys/devices/system/memory/memory*/state; do
		[ "$(cat $state)" = online ] || echo online > $state
	done
	[ "$(total_kb)" -gt $((before + 500000)) ] && break
	sleep 1
done
echo "$before kB of memory before, $(total_kb) kB now"
[ "$(total_kb)" -gt $((before + 500000)) ] || fail "no memory was plugged in"
torture free
torture plugged 65536
dmesg | grep "gomalloc_torture: plugged"
rmmod gomalloc_torture || exit
unload
