# SPDX-License-Identifier: GPL-2.0
# Node 0 is full, and its CPUs continue to allocate.  They must take about as
# many pages of node 1 as their objects need, and free objects in its spans
# before new pages.  Objects that must be of node 1 must not fail.  Sizes are in
# KiB of objects; a page has 4.

. /verdict.sh

# Node 0 has the CPUs 0 and 1, node 1 has 2 and 3.
megabyte=256		# pages, by which a heap grows
failed=
insmod gomalloc.ko || exit
insmod gomalloc_torture.ko || exit
torture fill 0

before=$(held 1)
on 0 torture live 2048
grown=$(($(held 1) - before))
echo "2048 KiB of objects on a full node: $grown pages of the other"
[ $grown -le $((2 * 2048 / 4 + megabyte)) ] ||
	failed="the other node gave more than twice the live memory and 1 MiB"
torture free
echo release > $gomalloc/control

on 2 torture holes 32768
echo flush > $gomalloc/control
before=$(held 1)
on 0 torture same 16384
grown=$(($(held 1) - before))
echo "16384 KiB of objects, and node 1 has more free ones in its spans: $grown new pages"
[ $grown -le $((16384 / 4 / 4)) ] ||
	failed="$failed; new pages were taken before free objects in the other node's spans"
[ -z "$failed" ] || fail "$failed"
torture free

# Objects that must be of node 1: the heap's records for them may be of any node.
echo release > $gomalloc/control
on 0 torture strict 1
torture unfill
rmmod gomalloc_torture || exit
unload
