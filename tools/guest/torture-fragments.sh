# SPDX-License-Identifier: GPL-2.0
# Only single pages are free, and the caller must not wait.

. /verdict.sh

# No blocks are kept aside or made of what can be moved meanwhile.
echo 0 > /proc/sys/vm/compaction_proactiveness
insmod gomalloc.ko || exit
insmod gomalloc_torture.ko || exit
torture fragments
dmesg | grep "gomalloc_torture: fragments"
rmmod gomalloc_torture || exit
unload
