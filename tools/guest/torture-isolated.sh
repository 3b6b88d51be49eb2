# SPDX-License-Identifier: GPL-2.0
# CPU 1 is isolated and spins in a real-time process for ever, as some users have
# it; on CPU 0 nothing may wait for it.

. /verdict.sh

limit=10

# within COMMAND...: it has to end in time.
within() {
	"$@" &
	command=$!
	for second in $(seq $limit); do
		sleep 1
		kill -0 $command 2> /dev/null && continue
		wait $command || fail "$*: failed"
		echo "$*: done after at most $second s"
		return
	done
	kill -9 $spinner
	fail "$*: not done after $limit s"
}

flush() {
	echo flush > $gomalloc/control
}

[ "$(cat /sys/devices/system/cpu/isolated)" = 1 ] || fail "CPU 1 is not isolated"
echo -1 > /proc/sys/kernel/sched_rt_runtime_us
# Since 6.12 the scheduler has another way to let others run.
fair=/sys/kernel/debug/sched/fair_server/cpu1/runtime
[ ! -e $fair ] || echo 0 > $fair

insmod gomalloc.ko || exit
insmod gomalloc_torture.ko || exit
within torture cache 1
taskset 2 sh -c 'while :; do :; done' &
spinner=$!
torture fifo $spinner
sleep 1
within torture live 4096
within torture free
within flush
within torture cache 3
kill -9 $spinner
wait $spinner
rmmod gomalloc_torture || exit
unload
