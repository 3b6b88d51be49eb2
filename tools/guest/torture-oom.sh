# SPDX-License-Identifier: GPL-2.0
# The kernel kills a task for want of memory while gomalloc holds live objects and
# idle pages: it says what it holds, and gives back what is idle.

. /verdict.sh

live=16384		# KiB

insmod gomalloc.ko
echo 0 > /sys/module/gomalloc/parameters/scavenge_ms
insmod gomalloc_torture.ko
torture live $((6 * live))
torture free
torture live $live
idle=$(value heap_idle)
echo "$((idle >> 20)) MiB are idle"
[ $idle -gt $((32 << 20)) ] || fail "too few"

# Nobody else is killed.
expect_oom
echo 1 > /proc/sys/vm/overcommit_memory
(echo 1000 > /proc/self/oom_score_adj && exec awk 'BEGIN { for (s = "x"; ; s = s s); }') &
status=0
wait $! || status=$?
expect_no_oom
[ $status = 137 ] || fail "the task that took all memory ended with status $status"
dmesg | grep -q "Out of memory: Killed process" || fail "the kernel killed nobody"

line=$(dmesg | grep "gomalloc: out of memory: " | tail -n 1)
echo "$line"
said=$(echo "$line" | sed -n 's/.* \([0-9]*\) KiB held .*/\1/p')
[ "$said" ] || fail "gomalloc did not say what it holds"
[ $said -ge $live ] || fail "it said that it holds $said KiB; $live KiB of objects were live"
idle=$(value heap_idle)
echo "$((idle >> 10)) KiB are idle after a task was killed"
[ $idle -lt $((4 << 20)) ] || fail "idle memory was not given back"
torture live 4096
torture free
rmmod gomalloc_torture
unload
