# SPDX-License-Identifier: GPL-2.0
# A short SMP smoke test: all CPUs hammer the allocator for some seconds with
# checked contents (workload "smoke" of the benchmark module, whose insmod fails
# on corruption) while every debugfs file is read again and again.

files=/sys/kernel/debug/gomalloc

insmod gomalloc.ko || exit
insmod gomalloc_bench.ko workload=smoke seconds=5 &
hammer=$!

reads=0
while kill -0 $hammer 2> /dev/null; do
	for file in $(find $files -type f -perm -400); do
		cat $file > /dev/null || exit
		reads=$((reads + 1))
	done
done
wait $hammer || exit

rmmod gomalloc_bench || exit
rmmod gomalloc || exit
echo "$(nproc) CPUs hammered for 5 s, $reads reads of debugfs files meanwhile"
[ $reads -gt 0 ]
