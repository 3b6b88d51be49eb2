# SPDX-License-Identifier: GPL-2.0
# Interrupts allocate, each of them sampled, whatever the CPU does when they come:
# the heap profile has their stacks, and not what they interrupted.

. /verdict.sh

most=64			# stacks of one timer's interrupt

# All sorts of work for the kernel.
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
[ "$samples" -gt 1000 ] || fail "too few samples"
[ "$buckets" -le $most ] || fail "more than $most stacks: what was interrupted is among them"
rmmod gomalloc_torture
unload
