# SPDX-License-Identifier: GPL-2.0
# Only single pages are free, and the caller must not wait.

. /verdict.sh

# No compaction in the background, which would make larger blocks.
echo 0 > /proc/sys/vm/compaction_proactiveness
insmod gomalloc.ko || exit
insmod gomalloc_torture.ko || exit
torture fragments
dmesg | grep "gomalloc_torture: fragments"
rmmod gomalloc_torture || exit
unload
