# SPDX-License-Identifier: GPL-2.0
# An OOM kill while gomalloc holds live objects and idle pages: it logs what it
# holds and releases what is idle.

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
[ $idle -gt $((32 << 20)) ] || fail "less than 32 MiB are idle"

# Only this task may be killed.
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
logged=$(echo "$line" | sed -n 's/.* \([0-9]*\) KiB held .*/\1/p')
[ "$logged" ] || fail "gomalloc did not log what it holds"
[ $logged -ge $live ] || fail "gomalloc logged $logged KiB held, but $live KiB of objects were live"
idle=$(value heap_idle)
echo "$((idle >> 10)) KiB are idle after a task was killed"
[ $idle -lt $((4 << 20)) ] || fail "idle memory was not released"
torture live 4096
torture free
rmmod gomalloc_torture
unload
