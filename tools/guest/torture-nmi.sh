# SPDX-License-Identifier: GPL-2.0
# NMIs allocate and free while all CPUs do.  The host sends them.

. /verdict.sh

insmod gomalloc.ko memprofilerate=4096 || exit
insmod gomalloc_torture.ko || exit
torture nmi 1
echo "host: nmi begin"
insmod gomalloc_bench.ko workload=smoke seconds=8 || exit
echo "host: nmi end"
sleep 1
torture nmi 0
dmesg | grep "gomalloc_torture: nmi:"
taken=$(awk '
	$1 == "NMI:" { for (i = 2; $i ~ /^[0-9]+$/; i++) n += $i }
	END { print n }' /proc/interrupts)
echo "$taken NMIs on $(nproc) CPUs"
[ "$taken" -gt 1000 ] || fail "there were too few NMIs"
rmmod gomalloc_bench gomalloc_torture || exit
unload
