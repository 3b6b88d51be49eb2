# SPDX-License-Identifier: GPL-2.0
# Interrupts allocate, and each allocation is sampled, under all kinds of load.
# The heap profile has the stacks of the interrupts without the interrupted
# code.

. /verdict.sh

most=64			# stacks of a timer's interrupt

# All kinds of work for the kernel.
load() {
	cat /proc/stat /proc/vmstat /proc/slabinfo > /dev/null
	find /sys/devices/system > /dev/null
	dd if=/dev/zero of=/tmp/file bs=4k count=500 2> /dev/null
	rm /tmp/file
	seq 2000 | sort -r | md5sum > /dev/null
}

insmod gomalloc.ko memprofilerate=1
insmod gomalloc_torture.ko
torture irq 1
for time in $(seq 10); do
	load
done
torture irq 0
dmesg | grep "gomalloc_torture: irq:"
samples=$(value profile_samples)
buckets=$(value profile_buckets)
echo "$samples samples in interrupts have $buckets stacks"
[ "$samples" -gt 1000 ] || fail "there were too few samples"
[ "$buckets" -le $most ] || fail "there are more than $most stacks: they contain interrupted code"
rmmod gomalloc_torture
unload
